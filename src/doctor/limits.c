#include "doctor.h"
#include "proc.h"

#include "crossgate/base/disk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- open files */

/* Few for a front door: below it, it is said. */
enum { CONNECTIONS_FEW = 1000 };

static bool find_descriptors(const struct doctor *doctor, uint64_t *count)
{
    struct rlimit limit;
    if (doctor->running.worker_count > 0)
        return proc_descriptors(doctor->running.workers[0], count);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    *count = limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max; /* the master raises the soft one to it */
    return true;
}

static void judge_descriptors(struct doctor *doctor)
{
    static const char remedy[] = "raise it: LimitNOFILE=65536 in the systemd unit, or in the shell that starts it:\n"
                                 "  ulimit -Hn 65536 && ulimit -n 65536";
    unsigned wanted = doctor->plan->process.max_connections;
    const char *whose = doctor->running.worker_count > 0 ? "a worker" : "a process that is started from here";
    uint64_t count;
    if (!find_descriptors(doctor, &count))
        return;
    unsigned possible = process_connections_of(count, doctor->plan->opens_more);
    if (wanted > possible)
        doctor_add(doctor, DOCTOR_LIMITS, "nofile", FINDING_BAD, "nofile", remedy,
                   "%s may have %" PRIu64 " files open: enough for %u connections, not for the %u of `max_connections`",
                   whose, count, possible, wanted);
    else if (wanted == 0 && possible < CONNECTIONS_FEW)
        doctor_add(doctor, DOCTOR_LIMITS, "nofile", FINDING_WARNING, "nofile", remedy,
                   "%s may have %" PRIu64 " files open: enough for %u connections only", whose, count, possible);
    else
        doctor_add(doctor, DOCTOR_LIMITS, "nofile", FINDING_GOOD, "nofile", NULL,
                   "%s may have %" PRIu64 " files open: enough for %u connections", whose, count,
                   wanted ? wanted : possible);
}

/* ---- the queue of clients that have connected */

static void judge_backlog(struct doctor *doctor)
{
    const struct plan *plan = doctor->plan;
    uint64_t most;
    int wanted = 0;
    struct doctor_text remedy;
    for (size_t i = 0; i < plan->transport_count; i++)
        wanted = plan->transports[i].where.backlog > wanted ? plan->transports[i].where.backlog : wanted;
    if (!proc_read_number("/proc/sys/net/core/somaxconn", &most))
        return;
    if ((uint64_t)wanted > most)
        doctor_add(doctor, DOCTOR_LIMITS, "somaxconn", FINDING_WARNING, "somaxconn",
                   doctor_print(&remedy, "raise it, or ask for less:\n  sysctl -w net.core.somaxconn=%d", wanted),
                   "a `backlog` of %d is asked for, the kernel cuts it to %" PRIu64, wanted, most);
    else
        doctor_add(doctor, DOCTOR_LIMITS, "somaxconn", FINDING_GOOD, "somaxconn", NULL,
                   "the kernel lets %" PRIu64 " new connections wait; the longest `backlog` is %d", most, wanted);
}

/* ---- files that are watched */

/* One notice for each part of a path would do if they had none in common. */
static size_t count_notices(const struct sources *sources)
{
    const char **names = NULL;
    size_t count = 0, notices = 0;
    if (!sources_names(sources, &names, &count))
        return 0;
    for (size_t i = 0; i < count; i++)
        for (const char *at = names[i]; *at; at++)
            notices += *at == '/';
    free(names);
    return notices < PROCESS_NOTICES_MAX ? notices : PROCESS_NOTICES_MAX;
}

static void judge_watches(struct doctor *doctor)
{
    size_t wanted = count_notices(doctor->sources);
    uint64_t watches, instances;
    struct doctor_text remedy;
    if (!doctor->plan->process.watch || wanted == 0 ||
        !proc_read_number("/proc/sys/fs/inotify/max_user_watches", &watches) ||
        !proc_read_number("/proc/sys/fs/inotify/max_user_instances", &instances))
        return;
    if (watches < wanted || instances == 0)
        doctor_add(doctor, DOCTOR_LIMITS, "inotify", FINDING_WARNING, "inotify",
                   doctor_print(&remedy, "raise them:\n  sysctl -w fs.inotify.max_user_watches=65536 "
                                         "fs.inotify.max_user_instances=128"),
                   "the kernel gives notices on %" PRIu64
                   " files to a user, up to %zu are wanted: changed certificates may "
                   "come into force a minute later",
                   watches, wanted);
    else
        doctor_add(doctor, DOCTOR_LIMITS, "inotify", FINDING_GOOD, "inotify", NULL,
                   "the kernel gives notices on %" PRIu64 " files to a user, up to %zu are wanted", watches, wanted);
}

/* ---- names on the network */

static void judge_resolver(struct doctor *doctor)
{
    char text[16384];
    if (!doctor_needs_authorities(doctor->plan))
        return;
    if (disk_read_text("/etc/resolv.conf", text, sizeof text) &&
        (strncmp(text, "nameserver", 10) == 0 || strstr(text, "\nnameserver")))
        doctor_add(doctor, DOCTOR_LIMITS, "resolver", FINDING_GOOD, "resolver", NULL,
                   "/etc/resolv.conf names a server: authorities can be looked up");
    else
        doctor_add(doctor, DOCTOR_LIMITS, "resolver", FINDING_WARNING, "resolver",
                   "does this find anything?\n  getent ahosts letsencrypt.org",
                   "/etc/resolv.conf names no server: authorities (OCSP, ACME) cannot be found by their names");
}

void examine_limits(struct doctor *doctor)
{
    judge_descriptors(doctor);
    judge_backlog(doctor);
    judge_watches(doctor);
    judge_resolver(doctor);
}
