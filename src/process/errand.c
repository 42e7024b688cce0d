#include "errand.h"

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

bool errands_init(struct errands *errands, struct log *log)
{
    *errands = (struct errands){.log = log};
    list_init(&errands->list);
    errands->events = epoll_create1(EPOLL_CLOEXEC);
    errands->buffer = malloc(WORD_BYTES);
    return errands->events >= 0 && errands->buffer;
}

void errand_init(struct errand *errand, const char *kind)
{
    *errand = (struct errand){.socket = -1, .kind = kind};
    list_init(&errand->link);
}

/* Between fork and exec. The master hears of it by the end of the socket. */
static _Noreturn void give_up(const char *what)
{
    (void)what;
    _exit(2);
}

/* The words make `ps` show "crossgate: errand ocsp". */
static pid_t spawn_errand(const struct errands *errands, const char *kind, int socket)
{
    char program[] = "crossgate:", command[] = "errand", name[16];
    char *words[] = {program, command, name, NULL};
    snprintf(name, sizeof name, "%s", kind);
    return spawn(&(struct spawn){.executable = errands->executable,
                                 .account = errands->account,
                                 .words = words,
                                 .descriptors = &socket,
                                 .count = 1,
                                 .give_up = give_up});
}

static void hang_up(struct errands *errands, struct errand *errand)
{
    if (errand->socket < 0)
        return;
    epoll_ctl(errands->events, EPOLL_CTL_DEL, errand->socket, NULL);
    close(errand->socket);
    errand->socket = -1;
}

static bool start(struct errands *errands, struct errand *errand)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    const int buffer = 2 * WORD_BYTES;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = errand};
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    errand->socket = pair[0];
    bool worked =
        fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0 && epoll_ctl(errands->events, EPOLL_CTL_ADD, pair[0], &event) == 0;
    if (worked)
        errand->pid = spawn_errand(errands, errand->kind, pair[1]);
    close(pair[1]);
    if (worked && errand->pid > 0)
        return true;
    errand->pid = 0;
    hang_up(errands, errand);
    return false;
}

bool errand_begin(struct errands *errands, struct errand *errand, const struct word *job, uint32_t within, uint64_t now)
{
    if (errand->pid || !errands->account) /* the latter: we are stopping */
        return false;
    if (!start(errands, errand)) {
        log_write(errands->log, LOG_ERROR, "cannot start a process for %s: %s", errand->kind, strerror(errno));
        return false;
    }
    errand->due = now + within;
    errand->over = errand->failed = false;
    list_append(&errands->list, &errand->link);
    errand_tell(errand, job);
    return true;
}

static void kill_errand(struct errand *errand)
{
    errand->failed = true;
    kill(errand->pid, SIGKILL);
}

void errand_tell(struct errand *errand, const struct word *word)
{
    if (errand->pid && errand->socket >= 0 && !word_send(errand->socket, word))
        kill_errand(errand);
}

void errand_cancel(struct errands *errands, struct errand *errand)
{
    if (!errand->pid)
        return;
    kill_errand(errand);
    hang_up(errands, errand);
    list_remove(&errand->link);
    errand->pid = 0; /* its death is a stranger's */
}

/* ---- events */

/* One word. False: there is none. */
static bool hear_one(struct errands *errands, struct errand *errand)
{
    struct word word;
    enum word_result result = word_receive(errand->socket, errands->buffer, &word);
    if (result == WORD_OK)
        errand->on_word(errand, &word);
    explicit_bzero(errands->buffer, WORD_BYTES);
    if (result == WORD_OK)
        return errand->pid && errand->socket >= 0; /* it may have been cancelled */
    if (result == WORD_BROKEN)
        kill_errand(errand);
    if (result != WORD_NOTHING)
        hang_up(errands, errand);
    return false;
}

void errands_hear(struct errands *errands)
{
    struct epoll_event event;
    if (epoll_wait(errands->events, &event, 1, 0) == 1)
        hear_one(errands, event.data.ptr);
}

static struct errand *find(const struct errands *errands, pid_t pid)
{
    for (struct list *at = errands->list.next; at != &errands->list; at = at->next) {
        struct errand *errand = CONTAINER_OF(at, struct errand, link);
        if (errand->pid == pid)
            return errand;
    }
    return NULL;
}

/* Its last words may still wait. */
void errands_bury(struct errands *errands, pid_t pid, int status)
{
    struct errand *errand = find(errands, pid);
    char words[80];
    if (!errand)
        return;
    while (errand->socket >= 0 && hear_one(errands, errand)) {
    }
    if (errand->pid != pid)
        return;
    bool well = !errand->failed && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    child_status_print(status, words, sizeof words);
    if (!well)
        log_write(errands->log, LOG_WARNING, "the process for %s (pid %d) %s", errand->kind, (int)pid, words);
    hang_up(errands, errand);
    list_remove(&errand->link);
    errand->pid = 0;
    errand->on_end(errand, well);
}

void errands_settle(struct errands *errands, uint64_t now)
{
    for (struct list *at = errands->list.next; at != &errands->list; at = at->next) {
        struct errand *errand = CONTAINER_OF(at, struct errand, link);
        if (now < errand->due)
            continue;
        errand->due = UINT64_MAX;
        log_write(errands->log, LOG_WARNING, "the process for %s (pid %d) takes too long: it is killed", errand->kind,
                  (int)errand->pid);
        kill_errand(errand);
    }
}

uint64_t errands_next(const struct errands *errands)
{
    uint64_t next = UINT64_MAX;
    for (struct list *at = errands->list.next; at != &errands->list; at = at->next) {
        const struct errand *errand = CONTAINER_OF(at, struct errand, link);
        next = errand->due < next ? errand->due : next;
    }
    return next;
}

void errands_stop(struct errands *errands)
{
    errands->account = NULL;
    while (!list_is_empty(&errands->list))
        errand_cancel(errands, CONTAINER_OF(errands->list.next, struct errand, link));
}

void errands_deinit(struct errands *errands)
{
    errands_stop(errands);
    free(errands->buffer);
    if (errands->events >= 0)
        close(errands->events);
}
