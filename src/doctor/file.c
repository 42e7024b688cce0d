/* What is read: by the master when it starts, and by workers while they serve. */
#include "doctor.h"
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* ---- in the deputy: static directories */

/* So many names of a directory, and for so long for all of them, s: what is behind that is not looked at. */
enum { NAMES_MAX = 20000, DEPTH_MAX = 12, SECONDS_MAX = 2 };

struct walk {
    size_t files, unreadable;
    bool cut;
    time_t until;
    char first[DOCTOR_SUBJECT]; /* that cannot be read; below the directory */
};

static void note_unreadable(struct walk *walk, const char *path)
{
    if (walk->unreadable++ == 0)
        snprintf(walk->first, sizeof walk->first, "%.250s", path);
}

/* As src/service/static.c has it: other names with a dot in front are not served. */
static bool is_served(const char *name)
{
    return name[0] != '.' || strcmp(name, ".well-known") == 0;
}

static void walk_into(struct walk *walk, int directory, const char *path, unsigned depth);

/* One that is gone, or a link that leads nowhere, is for visitors to hear of. */
static void look_at_entry(struct walk *walk, int directory, const char *name, const char *path, unsigned depth)
{
    struct stat facts;
    int opened = openat(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
    if (opened < 0 && errno == EACCES)
        note_unreadable(walk, path);
    if (opened < 0)
        return;
    if (fstat(opened, &facts) == 0 && S_ISDIR(facts.st_mode)) {
        if (faccessat(opened, ".", X_OK, AT_EACCESS) != 0)
            note_unreadable(walk, path);
        else
            walk_into(walk, opened, path, depth);
    } else {
        walk->files++;
    }
    close(opened);
}

static bool is_over(struct walk *walk, unsigned depth)
{
    walk->cut |= depth > DEPTH_MAX || walk->files + walk->unreadable > NAMES_MAX || time(NULL) > walk->until;
    return walk->cut;
}

static void walk_into(struct walk *walk, int directory, const char *path, unsigned depth)
{
    int own = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = own >= 0 ? fdopendir(own) : NULL;
    for (const struct dirent *entry; entries && !is_over(walk, depth) && (entry = readdir(entries));) {
        char below[PATH_MAX];
        if (is_served(entry->d_name) && snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < (int)sizeof below)
            look_at_entry(walk, directory, entry->d_name, below, depth + 1);
    }
    if (entries)
        closedir(entries);
    else if (own >= 0)
        close(own);
}

/* By the descriptor, as workers have it: the way to it need not be theirs. */
static void look_at_directory(int descriptor, const char *name, time_t until, FILE *out)
{
    struct walk walk = {.until = until};
    const char *state = "readable";
    if (faccessat(descriptor, ".", X_OK, AT_EACCESS) != 0)
        state = "closed";
    else if (faccessat(descriptor, ".", R_OK, AT_EACCESS) != 0)
        state = "blind";
    else
        walk_into(&walk, descriptor, "", 0);
    fprintf(out, "%s\t", FILE_WORD);
    doctor_put_field(name, out);
    fprintf(out, "\t%s\t%zu\t%zu\t", state, walk.files, walk.unreadable);
    doctor_put_field(walk.first, out);
    fprintf(out, "\t%d\n", walk.cut);
}

void look_at_directories(const struct doctor *doctor, FILE *out)
{
    const int *directories;
    size_t count = sources_directories(doctor->sources, &directories);
    time_t until = time(NULL) + SECONDS_MAX;
    for (size_t i = 0; i < count; i++)
        look_at_directory(directories[i], sources_directory_name(doctor->sources, i), until, out);
}

/* ---- judging them */

static void judge_content(struct doctor *doctor, const char *name, const struct control_fields *line, const char *user)
{
    enum { FILES = 3, UNREADABLE, FIRST, CUT };
    struct doctor_text remedy;
    bool is_all = strcmp(line->at[FILES], "0") == 0;
    const char *more = strcmp(line->at[CUT], "1") == 0 ? ", as far as there was time to look" : "";
    if (strcmp(line->at[UNREADABLE], "0") == 0)
        doctor_add(doctor, DOCTOR_FILES, name, FINDING_GOOD, "directory", NULL,
                   "%s: %s can read all of it (%s file%s%s)", name, user, line->at[FILES],
                   strcmp(line->at[FILES], "1") == 0 ? "" : "s", more);
    else
        doctor_add(doctor, DOCTOR_FILES, name, is_all ? FINDING_BAD : FINDING_WARNING, "directory-unreadable",
                   doctor_print(&remedy, "if visitors are meant to have it:\n  chmod -R a+rX %s", name),
                   "%s: the workers' user, %s, cannot read %s of what is in it, %.200s for one; visitors get 403%s",
                   name, user, line->at[UNREADABLE], line->at[FIRST] + 1, more);
}

void judge_directory(struct doctor *doctor, const struct control_fields *line)
{
    enum { NAME = 1, STATE, FIELDS = 7 };
    if (line->count != FIELDS)
        return;
    const char *name = line->at[NAME];
    struct doctor_text remedy;
    char user[DOCTOR_USER];
    doctor_print_user(doctor->account.user, user);
    doctor_print(&remedy, "open it to others:\n  chmod a+rx %s", name);
    if (strcmp(line->at[STATE], "closed") == 0)
        doctor_add(doctor, DOCTOR_FILES, name, FINDING_BAD, "directory-closed", remedy.at,
                   "%s: the workers' user, %s, may not enter it: nothing of it can be served", name, user);
    else if (strcmp(line->at[STATE], "blind") == 0)
        doctor_add(
            doctor, DOCTOR_FILES, name, FINDING_NOTE, "directory-blind", remedy.at,
            "%s: the workers' user, %s, cannot list it: there can be no listing, and what is in it was not looked at",
            name, user);
    else
        judge_content(doctor, name, line, user);
}

/* ---- what the master reads */

/* It has been read for the plan, by ourselves. What a master that runs may read is for itself to say (its changes). */
static void judge_sources(struct doctor *doctor)
{
    const char **names = NULL;
    size_t count = 0;
    char user[DOCTOR_USER];
    if (!sources_names(doctor->sources, &names, &count))
        return;
    doctor_add(doctor, DOCTOR_FILES, "", FINDING_GOOD, "files", NULL,
               "%s can read the configuration and all files that it names (%zu)", doctor_print_user(geteuid(), user),
               count);
    free(names);
}

static void judge_identity(struct doctor *doctor)
{
    char user[DOCTOR_USER];
    if (geteuid() == 0 || doctor->running.runs)
        return;
    doctor_add(doctor, DOCTOR_FILES, "", FINDING_NOTE, "not-root",
               "if it is started as root, or by another user, look again as that one",
               "all was looked at as the user %s: so it is only if %s starts crossgate",
               doctor_print_user(geteuid(), user), user);
}

/* ---- what the master writes */

/* The directory, or, as long as it is not there, the one above it in which it would be made. */
static void find_existing(const char *path, char existing[PATH_MAX])
{
    snprintf(existing, PATH_MAX, "%s", path);
    for (char *slash; access(existing, F_OK) != 0 && errno == ENOENT && (slash = strrchr(existing, '/'));)
        slash[slash == existing] = '\0';
}

/* "" if nothing is wrong. As state_write has it. Of a master that cannot be asked it is not known whose it has to be. */
static const char *find_objection(const struct doctor *doctor, const char *path, const char *existing,
                                  struct doctor_text *text)
{
    const struct running *running = &doctor->running;
    uid_t owner = running->runs ? running->user : geteuid();
    struct stat facts;
    char user[DOCTOR_USER];
    bool is_there = strcmp(path, existing) == 0;
    text->at[0] = '\0';
    if (stat(existing, &facts) != 0 || !S_ISDIR(facts.st_mode))
        doctor_print(text, "%s is no directory", existing);
    else if (faccessat(AT_FDCWD, existing, W_OK | X_OK, AT_EACCESS) != 0)
        doctor_print(text, "%s may not write to %s: %s", doctor_print_user(geteuid(), user), existing, strerror(errno));
    else if (is_there && !running->unknown && facts.st_uid != owner)
        doctor_print(text, "it belongs to %s", doctor_print_user(facts.st_uid, user));
    else if (is_there && (facts.st_mode & S_IWOTH))
        doctor_print(text, "everybody may write to it");
    return text->at;
}

static void judge_room(struct doctor *doctor, const char *path, const char *existing, bool needed)
{
    enum { ROOM_MIN = 1 << 20 };
    struct statvfs facts;
    struct doctor_text remedy;
    if (statvfs(existing, &facts) != 0)
        return;
    uint64_t room = (uint64_t)facts.f_bavail * facts.f_frsize;
    if (room < ROOM_MIN)
        doctor_add(doctor, DOCTOR_FILES, path, needed ? FINDING_BAD : FINDING_WARNING, "state-full",
                   doctor_print(&remedy, "make room:\n  df -h %s", existing), "%s: its file system is full", path);
    else
        doctor_add(doctor, DOCTOR_FILES, path, FINDING_GOOD, "state", NULL,
                   "%s: what is to be remembered can be written, "
                   "%llu MiB are free",
                   path, (unsigned long long)(room >> 20));
}

static void judge_state(struct doctor *doctor)
{
    const char *path = doctor->plan->process.state;
    bool needed = doctor_needs_authorities(doctor->plan);
    char existing[PATH_MAX], user[DOCTOR_USER];
    struct doctor_text objection, remedy;
    find_existing(path, existing);
    if (!find_objection(doctor, path, existing, &objection)[0]) {
        judge_room(doctor, path, existing, needed);
        return;
    }
    doctor_add(doctor, DOCTOR_FILES, path, needed ? FINDING_BAD : FINDING_WARNING, "state-unwritable",
               doctor_print(&remedy,
                            "let it be its own, or name another place with `crossgate.state`:\n"
                            "  install -d -m 700 -o %s %s",
                            doctor_print_user(doctor->running.runs ? doctor->running.user : geteuid(), user), path),
               "%s: what is to be remembered cannot be written: %s", path, objection.at);
}

void examine_files(struct doctor *doctor)
{
    judge_sources(doctor);
    judge_identity(doctor);
    judge_state(doctor);
}
