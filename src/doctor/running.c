#include "doctor.h"
#include "proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- asking */

static uint64_t number_of(const char *text)
{
    uint64_t number = 0;
    return span_to_uint(span_string(text), INT64_MAX, &number) ? number : 0;
}

static void take_master(struct running *running, const struct control_fields *line)
{
    enum { PID = 1, STATE, EDITION, CONFIG, STARTED };
    if (line->count <= STARTED)
        return;
    running->master = (pid_t)number_of(line->at[PID]);
    snprintf(running->state, sizeof running->state, "%s", line->at[STATE]);
    running->edition = number_of(line->at[EDITION]);
    snprintf(running->config, sizeof running->config, "%s", line->at[CONFIG]);
    running->started = (int64_t)number_of(line->at[STARTED]);
}

static void take_worker(struct running *running, const struct control_fields *line)
{
    enum { PID = 2, STATE };
    if (line->count <= STATE || running->worker_count == RUNNING_WORKERS)
        return;
    running->workers[running->worker_count++] = (pid_t)number_of(line->at[PID]);
    running->serving += strcmp(line->at[STATE], "serving") == 0 || strcmp(line->at[STATE], "reloading") == 0;
}

static void take_order(struct running *running, const struct control_fields *line)
{
    enum { DOMAINS = 1, STATE = 3, ENDS, NEXT, TROUBLE = 8 };
    if (line->count <= TROUBLE || running->order_count == RUNNING_ORDERS)
        return;
    struct running_order *order = &running->orders[running->order_count++];
    snprintf(order->domains, sizeof order->domains, "%s", line->at[DOMAINS]);
    snprintf(order->state, sizeof order->state, "%s", line->at[STATE]);
    snprintf(order->trouble, sizeof order->trouble, "%s", line->at[TROUBLE]);
    order->ends = (int64_t)number_of(line->at[ENDS]);
    order->next = (int64_t)number_of(line->at[NEXT]);
}

static void take_status(struct running *running, char *answer)
{
    struct control_fields line;
    while (control_cut_line(&answer, &line)) {
        if (strcmp(line.at[0], "master") == 0)
            take_master(running, &line);
        else if (strcmp(line.at[0], "worker") == 0)
            take_worker(running, &line);
        else if (strcmp(line.at[0], "acme") == 0)
            take_order(running, &line);
        else if (strcmp(line.at[0], "renewals") == 0 && line.count > 2)
            running->renewals_failed = number_of(line.at[2]);
    }
}

/* A master of an earlier version does not understand it. */
static void ask_for_changes(struct running *running, const char *control, unsigned patience)
{
    enum { CONFIG = 1, COUNT, FIRST };
    struct control_fields line;
    struct error error = {0};
    char *answer = NULL, *rest;
    if (!control_ask(control, "1 changes", patience, &answer, &error))
        return;
    rest = answer;
    if (control_cut_line(&rest, &line) && line.count > FIRST) {
        running->compared = true;
        running->config_changed = strcmp(line.at[CONFIG], "same") != 0;
        running->files_changed = (size_t)number_of(line.at[COUNT]);
        snprintf(running->first, sizeof running->first, "%s", line.at[FIRST]);
    }
    free(answer);
}

void running_ask(struct running *running, const char *control, unsigned patience)
{
    char *answer = NULL;
    gid_t group;
    *running = (struct running){.runs = false};
    if (!control_ask(control, "1 status", patience, &answer, &running->error)) {
        running->unknown = running->error.number != ENOENT && running->error.number != ECONNREFUSED;
        return;
    }
    take_status(running, answer);
    free(answer);
    running->runs = running->master > 0;
    running->unknown = !running->runs;
    if (!running->runs)
        error_set(&running->error, ERROR_SYSTEM, "its answer is not understood: it is of another version");
    else if (!proc_identity(running->master, &running->user, &group))
        running->user = geteuid();
    if (running->runs)
        ask_for_changes(running, control, patience);
}

bool running_has(const struct running *running, pid_t pid)
{
    bool has = running->runs && pid == running->master;
    for (size_t i = 0; !has && i < running->worker_count; i++)
        has = running->workers[i] == pid;
    return has;
}

/* ---- judging */

static void judge_absence(struct doctor *doctor)
{
    const struct running *running = &doctor->running;
    struct doctor_text remedy;
    if (running->unknown)
        doctor_add(doctor, DOCTOR_RUNNING, "", FINDING_NOTE, "cannot-ask",
                   "look again as root, or as the user that crossgate runs as",
                   "whether crossgate runs cannot be asked: %s", running->error.text);
    else
        doctor_add(doctor, DOCTOR_RUNNING, "", FINDING_NOTE, "not-running",
                   doctor_print(&remedy, "start it:\n  crossgate run --config %s", doctor->request->config),
                   "no crossgate runs for this node: what follows is how it would find things");
}

static void judge_workers(struct doctor *doctor)
{
    const struct running *running = &doctor->running;
    char since[DATE_TEXT], pid[16];
    snprintf(pid, sizeof pid, "%d", (int)running->master);
    date_print(running->started, since);
    if (running->serving == 0)
        doctor_add(doctor, DOCTOR_RUNNING, pid, FINDING_BAD, "no-worker", "its log says why",
                   "crossgate runs (master %d, since %s), but none of its workers serves: it is %s", running->master,
                   since, running->state);
    else
        doctor_add(doctor, DOCTOR_RUNNING, pid, FINDING_GOOD, "running", NULL,
                   "crossgate runs: master %d since %s, edition %llu of %s; %zu worker%s", running->master, since,
                   (unsigned long long)running->edition, running->config, running->serving,
                   running->serving == 1 ? " serves" : "s serve");
}

static void judge_changes(struct doctor *doctor)
{
    const struct running *running = &doctor->running;
    const char *config = doctor->request->config;
    struct doctor_text remedy;
    doctor_print(&remedy,
                 doctor->plan ? "put it in force:\n  crossgate reload --config %s"
                              : "a reload would be refused; see what is wrong:\n  crossgate check --config %s",
                 config);
    if (running->config_changed)
        doctor_add(doctor, DOCTOR_RUNNING, config, FINDING_WARNING, "configuration-changed", remedy.at,
                   "%s has been changed, and that is not in force", config);
    if (running->files_changed > 0)
        doctor_add(
            doctor, DOCTOR_RUNNING, running->first, FINDING_WARNING, "files-changed", remedy.at,
            "what is in force of %zu file%s that the configuration names is not what is on the disk, or cannot be "
            "read there any more: %.200s%s",
            running->files_changed, doctor_plural(running->files_changed), running->first,
            running->files_changed == 1 ? "" : " for one");
    if (!running->config_changed && running->files_changed == 0)
        doctor_add(doctor, DOCTOR_RUNNING, config, FINDING_GOOD, "in-force", NULL,
                   "the configuration, and all files that it names, are in force as they are on the disk");
}

/* Whoever has started it may have written the path in another way, from another directory. */
static bool is_same_file(const struct running *running, const char *config)
{
    struct stat theirs, ours;
    struct doctor_text path;
    const char *name = strrchr(running->config, '/'), *other = strrchr(config, '/');
    bool is_relative = running->config[0] != '/';
    doctor_print(&path, "/proc/%d/cwd/%s", (int)running->master, running->config);
    if (stat(is_relative ? path.at : running->config, &theirs) == 0 && stat(config, &ours) == 0)
        return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
    return is_relative && strcmp(name ? name + 1 : running->config, other ? other + 1 : config) == 0;
}

void examine_running(struct doctor *doctor)
{
    const struct running *running = &doctor->running;
    struct doctor_text remedy;
    if (!running->runs) {
        judge_absence(doctor);
        return;
    }
    judge_workers(doctor);
    if (!is_same_file(running, doctor->request->config))
        doctor_add(doctor, DOCTOR_RUNNING, running->config, FINDING_WARNING, "other-configuration",
                   doctor_print(&remedy, "look at that one:\n  crossgate doctor --config %s", running->config),
                   "it runs another configuration: %s, not %s", running->config, doctor->request->config);
    else if (running->compared)
        judge_changes(doctor);
    if (running->renewals_failed > 0)
        doctor_add(doctor, DOCTOR_RUNNING, "", FINDING_NOTE, "renewals-failed", "its log says which files, and why",
                   "%llu time%s since it runs, files that had changed could not be put in force",
                   (unsigned long long)running->renewals_failed, doctor_plural((size_t)running->renewals_failed));
}
