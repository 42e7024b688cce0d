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

/* Between fork and exec: system calls only. */
static _Noreturn void give_up(const char *what)
{
    char text[120];
    snprintf(text, sizeof text, "%s: %s", what, strerror(errno));
    if (!word_say(SPAWN_FIRST, WORD_FAILED, span_string(text)))
        _exit(2);
    _exit(1);
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

/* The master's end never blocks; the errand's does. */
static bool open_pair(struct errands *errands, struct errand *errand, int pair[2])
{
    const int buffer = 2 * WORD_BYTES;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = errand};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    spawn_refuse_descriptors(pair[0]);
    errand->socket = pair[0];
    return fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0 && epoll_ctl(errands->events, EPOLL_CTL_ADD, pair[0], &event) == 0;
}

static bool start(struct errands *errands, struct errand *errand)
{
    int pair[2] = {-1, -1};
    pid_t pid = open_pair(errands, errand, pair) ? spawn_errand(errands, errand->kind, pair[1]) : -1;
    int number = errno;
    if (pair[1] >= 0)
        close(pair[1]);
    if (pid > 0) {
        errand->pid = pid;
        return true;
    }
    hang_up(errands, errand);
    errno = number;
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
    errand->words = 0;
    errand->fault = NULL;
    errand->reason[0] = '\0';
    list_append(&errands->list, &errand->link);
    errand_tell(errand, job);
    return true;
}

/* The first fault is the one that counts. Its death follows. */
static void kill_errand(struct errand *errand, const char *fault)
{
    errand->fault = errand->fault ? errand->fault : fault;
    kill(errand->pid, SIGKILL);
}

/* To one that has hung up, and is about to end, there is nothing to be said. */
void errand_tell(struct errand *errand, const struct word *word)
{
    if (!errand->pid || errand->socket < 0 || word_send(errand->socket, word))
        return;
    if (errno == EPIPE || errno == ECONNRESET)
        return;
    kill_errand(errand, errno == EMSGSIZE ? "would have to be told more than a word holds" : "does not listen");
}

void errand_cancel(struct errands *errands, struct errand *errand)
{
    if (!errand->pid)
        return;
    kill(errand->pid, SIGKILL);
    hang_up(errands, errand);
    list_remove(&errand->link);
    errand->pid = 0; /* its death is a stranger's */
}

/* ---- events */

/* It may have been taken over, and what it says goes to operators' terminals, too. */
static void on_failed(struct errand *errand, const struct word *word)
{
    struct span text = word->count > 0 ? word->fields[0] : (struct span){0};
    snprintf(errand->reason, sizeof errand->reason, "%.*s", SPAN_ARGS(text));
    for (char *at = errand->reason; *at; at++)
        *at = *at < ' ' || *at > '~' ? '?' : *at;
}

static void on_word(struct errand *errand, const struct word *word)
{
    if (++errand->words > ERRAND_WORDS_MAX)
        kill_errand(errand, "says more than is good for us");
    else if (word->kind == WORD_FAILED)
        on_failed(errand, word);
    else
        errand->on_word(errand, word);
}

/* One word, which may hold a key. False: there is none. Nothing is believed of one that is being killed. */
static bool hear_one(struct errands *errands, struct errand *errand)
{
    struct word word;
    enum word_result result = errand->fault ? WORD_END : word_receive(errand->socket, errands->buffer, &word);
    if (result == WORD_OK) {
        on_word(errand, &word);
        explicit_bzero(errands->buffer, WORD_BYTES);
    } else if (result != WORD_NOTHING) {
        if (result == WORD_BROKEN)
            kill_errand(errand, "says what is no word");
        hang_up(errands, errand);
    }
    return result == WORD_OK;
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

/* Who has failed says why, and ends with status 1; all else that is not well is for the log. */
static bool judge(const struct errands *errands, struct errand *errand, int status)
{
    bool told = errand->reason[0] != '\0', ended = WIFEXITED(status) && !errand->fault;
    char words[80];
    if (ended && WEXITSTATUS(status) == (told ? 1 : 0))
        return !told;
    child_status_print(status, words, sizeof words);
    snprintf(errand->reason, sizeof errand->reason, "the process for %s (pid %d) %s%s", errand->kind, (int)errand->pid,
             errand->fault ? "was killed: it " : words, errand->fault ? errand->fault : "");
    log_write(errands->log, LOG_WARNING, "%s", errand->reason);
    return false;
}

/* Its last words may still wait; they are counted, so that there is an end of them, whatever it has left behind. */
void errands_bury(struct errands *errands, pid_t pid, int status)
{
    struct errand *errand = find(errands, pid);
    if (!errand)
        return;
    while (errand->pid == pid && errand->socket >= 0 && hear_one(errands, errand)) {
    }
    if (errand->pid != pid) /* it has been cancelled meanwhile */
        return;
    bool well = judge(errands, errand, status);
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
        kill_errand(errand, "takes too long");
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
    while (!list_is_empty(&errands->list)) {
        struct errand *errand = CONTAINER_OF(errands->list.next, struct errand, link);
        pid_t pid = errand->pid;
        errand_cancel(errands, errand);
        waitpid(pid, NULL, 0);
    }
}

void errands_deinit(struct errands *errands)
{
    errands_stop(errands);
    free(errands->buffer);
    if (errands->events >= 0)
        close(errands->events);
}
