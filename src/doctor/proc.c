#include "proc.h"

#include "crossgate/base/disk.h"

#include <stdio.h>
#include <string.h>

/* A number at the beginning of the text, behind spaces. */
static bool take_number(const char *text, uint64_t *number)
{
    text += strspn(text, " \t");
    return span_to_uint(span_of(text, strspn(text, "0123456789")), UINT64_MAX, number);
}

bool proc_read_number(const char *path, uint64_t *number)
{
    char text[64];
    return disk_read_text(path, text, sizeof text) && take_number(text, number);
}

const char *proc_name(pid_t pid, char name[PROC_NAME])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    if (!disk_read_text(path, name, PROC_NAME) || !name[0])
        snprintf(name, PROC_NAME, "?");
    name[strcspn(name, "\n")] = '\0';
    for (char *at = name; *at; at++)
        *at = *at < ' ' || *at > '~' ? '?' : *at;
    return name;
}

/* Field `index`, from 0, of the line that begins with the label. */
static bool take_field(const char *text, const char *label, unsigned index, uint64_t *number)
{
    const char *line = strstr(text, label);
    if (!line)
        return false;
    for (line += strlen(label); index > 0; index--) {
        line += strspn(line, " \t");
        line += strcspn(line, " \t\n");
    }
    return take_number(line, number);
}

/* "Uid:" is followed by the real, the effective, the saved and the file system's one. Not the owner of the directory: of a process that
 * cannot be dumped that is root. */
bool proc_identity(pid_t pid, uid_t *user, gid_t *group)
{
    char path[64], text[4096];
    uint64_t uid, gid;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (!disk_read_text(path, text, sizeof text) || !take_field(text, "\nUid:", 1, &uid) ||
        !take_field(text, "\nGid:", 1, &gid))
        return false;
    *user = (uid_t)uid;
    *group = (gid_t)gid;
    return true;
}

bool proc_descriptors(pid_t pid, uint64_t *count)
{
    static const char label[] = "Max open files";
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
    if (!disk_read_text(path, text, sizeof text))
        return false;
    const char *line = strstr(text, label);
    if (line && strncmp(line + sizeof label - 1 + strspn(line + sizeof label - 1, " "), "unlimited", 9) == 0)
        *count = UINT64_MAX;
    else if (!take_field(text, label, 0, count))
        return false;
    return true;
}
