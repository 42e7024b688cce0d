#include "spawn.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

/* Above all descriptors that are given. */
enum { FIRST_FREE = 10 };

/* ---- between fork and exec: system calls only */

/* What a signal to all of us means (killall) is the master's to decide. */
static void reset_signals(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, standard = {.sa_handler = SIG_DFL};
    sigaction(SIGHUP, &ignore, NULL);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGQUIT, &ignore, NULL);
    sigaction(SIGTERM, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Out of the way first: any of them may be where another one goes. */
static bool place(const struct spawn *how, int *executable)
{
    int moved[SPAWN_DESCRIPTORS];
    *executable = fcntl(how->executable, F_DUPFD_CLOEXEC, FIRST_FREE);
    if (*executable < 0)
        return false;
    for (int i = 0; i < how->count; i++) {
        moved[i] = fcntl(how->descriptors[i], F_DUPFD_CLOEXEC, FIRST_FREE);
        if (moved[i] < 0)
            return false;
    }
    for (int i = 0; i < how->count; i++) {
        if (dup2(moved[i], SPAWN_FIRST + i) < 0)
            return false;
    }
    return true;
}

static _Noreturn void become(const struct spawn *how)
{
    int executable;
    if (!place(how, &executable))
        _exit(2);
    /* Ours are close-on-exec anyway; now those are, too, that were open when we were started. Linux before 5.11 cannot. */
    close_range((unsigned)(SPAWN_FIRST + how->count), ~0U, CLOSE_RANGE_CLOEXEC);
    reset_signals();
    setsid(); /* else the terminal we were started from takes input from the process as if it were typed (TIOCSTI) */
    if (account_enter(how->account)) {
        fexecve(executable, how->words, environ);
        how->give_up("cannot execute the program as the workers' user");
    }
    how->give_up("cannot drop privileges");
    _exit(2);
}

/* ---- */

pid_t spawn(const struct spawn *how)
{
    assert(how->count <= SPAWN_DESCRIPTORS);
    pid_t pid = fork();
    if (pid == 0)
        become(how);
    return pid;
}

void spawn_refuse_descriptors(int socket)
{
    const int off = 0;
    setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
}
