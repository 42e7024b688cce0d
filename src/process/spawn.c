#include "spawn.h"

#include "crossgate/base/span.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

/* Above all descriptors that are given. */
enum { FIRST_FREE = 10 };

/* ---- the environment */

/* What it takes to run and to reach the network: libraries and their settings, trust, resolver, proxies, sanitizers. All else is the
 * master's own, and may hold secrets of its operator's. What the configuration names of it, workers are told (sources.h). */
static bool is_passed(const char *variable)
{
    static const char *const beginnings[] = {"LD_",   "GLIBC_",       "MALLOC_",   "OPENSSL_",    "SSL_CERT_", "UV_",
                                             "RES_",  "LOCALDOMAIN=", "ASAN_",     "UBSAN_",      "LSAN_",     "GCOV_",
                                             "LLVM_", "TZ=",          "NO_COLOR=", "HOSTALIASES="};
    struct span name = span_head(span_string(variable), strcspn(variable, "=")), proxy = SPAN("_proxy");
    if (name.len > proxy.len && span_equal_nocase(span_tail(name, name.len - proxy.len), proxy))
        return true;
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (strncmp(variable, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    }
    return false;
}

/* What a handshake gives back glibc keeps for the next one, last in, first out: up to 7 blocks of each size, where 32 handshakes at a time
 * have 200 of some. What is more goes where the oldest is taken first, which may be in no cache any more. An operator's own word counts. */
static const char tunables[] = "GLIBC_TUNABLES=glibc.malloc.tcache_count=100";

/* All variables are borrowed, `account` too. NULL when memory is out. */
static char **pass_environment(char *account)
{
    size_t count = 0, passed = 0;
    while (environ && environ[count])
        count++;
    char **environment = account ? calloc(count + 3, sizeof *environment) : NULL;
    for (size_t i = 0; environment && i < count; i++) {
        if (is_passed(environ[i]))
            environment[passed++] = environ[i];
    }
    if (!environment)
        return NULL;
    environment[passed++] = account;
    if (!getenv("GLIBC_TUNABLES"))
        environment[passed] = (char *)(uintptr_t)tunables; /* exec alters nothing */
    return environment;
}

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

static _Noreturn void become(const struct spawn *how, char *const *environment)
{
    int executable;
    if (!place(how, &executable))
        _exit(2);
    /* Ours are close-on-exec anyway; now those are, too, that were open when we were started. Linux before 5.11 cannot. */
    close_range((unsigned)(SPAWN_FIRST + how->count), ~0U, CLOSE_RANGE_CLOEXEC);
    reset_signals();
    setsid(); /* else the terminal we were started from takes input from the process as if it were typed (TIOCSTI) */
    fexecve(executable, how->words, environment);
    how->give_up("cannot execute the program");
    _exit(2);
}

/* ---- */

pid_t spawn(const struct spawn *how)
{
    assert(how->count <= SPAWN_DESCRIPTORS);
    char *account = account_print(how->account);
    char **environment = pass_environment(account);
    pid_t pid = environment ? fork() : -1;
    if (pid == 0)
        become(how, environment);
    int number = errno;
    free(environment);
    free(account);
    errno = number;
    return pid;
}

void spawn_refuse_descriptors(int socket)
{
    const int off = 0;
    setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
}
