#include "crossgate/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct deputy {
    pid_t pid;
    int words; /* the end of a pipe that we read */
};

static _Noreturn void serve(const struct account *account, void (*work)(void *user, FILE *out), void *user, int words)
{
    FILE *out = account_enter(account) ? fdopen(words, "w") : NULL;
    account_hide_memory();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* changing the identity would have cleared it */
    if (!out)
        _exit(1);
    setvbuf(out, NULL, _IOLBF, 0);
    work(user, out);
    _exit(fflush(out) == 0 ? 0 : 1);
}

struct deputy *deputy_new(const struct account *account, void (*work)(void *user, FILE *out), void *user,
                          struct error *error)
{
    int ends[2];
    struct deputy *deputy = calloc(1, sizeof *deputy);
    if (!deputy || pipe2(ends, O_CLOEXEC) < 0) {
        error_set_errno(error, "a child cannot be made");
        free(deputy);
        return NULL;
    }
    fflush(NULL); /* else what waits in our buffers would be written twice */
    *deputy = (struct deputy){.pid = fork(), .words = ends[0]};
    if (deputy->pid == 0)
        serve(account, work, user, ends[1]);
    close(ends[1]);
    if (deputy->pid > 0)
        return deputy;
    error_set_errno(error, "a child cannot be made");
    close(ends[0]);
    free(deputy);
    return NULL;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* False: it did not come to its end. What waits already is heard even if time is up. */
static bool hear(int words, uint64_t until, FILE *out)
{
    char piece[4096];
    struct pollfd wait = {.fd = words, .events = POLLIN};
    for (size_t all = 0; all < DEPUTY_TEXT_MAX;) {
        uint64_t at = now();
        int ready = poll(&wait, 1, at < until ? (int)(until - at) : 0);
        if (ready == 0)
            return false;
        ssize_t got = ready > 0 ? read(words, piece, sizeof piece) : -1;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        fwrite(piece, 1, (size_t)got, out);
        all += (size_t)got;
    }
    return false;
}

bool deputy_end(struct deputy *deputy, uint32_t within, char **text)
{
    size_t length = 0;
    int status = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &length);
    bool whole = out && hear(deputy->words, now() + within, out);
    if (out && fclose(out) != 0)
        whole = false;
    close(deputy->words);
    if (!whole)
        kill(deputy->pid, SIGKILL);
    while (waitpid(deputy->pid, &status, 0) < 0 && errno == EINTR) {
    }
    free(deputy);
    return whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
