#include "child.h"

#include "handover.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* All that is told before a SWITCH goes in at once: drained backends, challenges. The system may give less. */
static void make_room(int control)
{
    const int bytes = 1 << 20;
    setsockopt(control, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/* The page cannot be cut by the worker, so that the master may read it at any time. */
static int counters_new(struct counters **counters)
{
    int page = memfd_create("crossgate-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (page < 0)
        return -1;
    if (ftruncate(page, sizeof **counters) == 0 &&
        fcntl(page, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        void *memory = mmap(NULL, sizeof **counters, PROT_READ, MAP_SHARED, page, 0);
        if (memory != MAP_FAILED) {
            *counters = memory;
            return page;
        }
    }
    close(page);
    return -1;
}

/* Between fork and exec: system calls only. */
static _Noreturn void give_up(const char *what)
{
    struct handover message = {.type = HANDOVER_REFUSED};
    snprintf(message.text, sizeof message.text, "%s: %s", what, strerror(errno));
    if (!handover_send(CHILD_CONTROL, &message))
        _exit(2);
    _exit(1);
}

/* The words make `ps` show "crossgate: worker 0". */
static pid_t spawn_worker(int executable, const struct account *account, unsigned index, int control, int counters)
{
    char program[] = "crossgate:", command[] = "worker", number[16];
    char *words[] = {program, command, number, NULL};
    const int descriptors[] = {control, counters};
    snprintf(number, sizeof number, "%u", index);
    return spawn(&(struct spawn){.executable = executable,
                                 .account = account,
                                 .words = words,
                                 .descriptors = descriptors,
                                 .count = sizeof descriptors / sizeof descriptors[0],
                                 .give_up = give_up});
}

struct child *child_start(int executable, const struct account *account, unsigned index, struct error *error)
{
    int pair[2] = {-1, -1}, page = -1;
    struct child *child = calloc(1, sizeof *child);
    if (!child) {
        error_set(error, ERROR_MEMORY, "cannot start worker %u: out of memory", index);
        return NULL;
    }
    child->index = index;
    list_init(&child->link);
    page = counters_new(&child->counters);
    if (page < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        goto fail;
    child->control = pair[0];
    make_room(child->control);
    spawn_refuse_descriptors(child->control);
    child->pid = spawn_worker(executable, account, index, pair[1], page);
    if (child->pid < 0)
        goto fail;
    close(pair[1]);
    close(page);
    return child;
fail:
    error_set_errno(error, "cannot start worker %u", index);
    if (pair[0] >= 0) {
        close(pair[0]);
        close(pair[1]);
    }
    if (page >= 0) {
        close(page);
        munmap(child->counters, sizeof *child->counters);
    }
    free(child);
    return NULL;
}

void child_kill(const struct child *child)
{
    kill(child->pid, SIGKILL);
}

void child_free(struct child *child)
{
    if (child->control >= 0)
        close(child->control);
    munmap(child->counters, sizeof *child->counters);
    free(child);
}

void child_status_print(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was killed by signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
                 WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
}
