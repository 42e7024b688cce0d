#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum caller_state {
    CALLER_SPEAKS, /* its line is not complete */
    CALLER_ASKS,   /* for a reload, which has not begun */
    CALLER_WAITS,  /* for the reload under way */
    CALLER_READS,  /* its answer is not gone yet */
};

struct caller {
    struct list link;
    int socket;
    enum caller_state state;
    uint64_t due; /* ms */
    size_t received;
    char line[CONTROL_LINE];
    char *answer; /* on the heap */
    size_t length;
    size_t sent;
};

/* ---- the line */

static const struct {
    const char *word;
    bool name;
} verbs[] = {
    [CONTROL_STATUS] = {"status", false}, [CONTROL_CHANGES] = {"changes", false}, [CONTROL_LIST] = {"list", false},
    [CONTROL_DRAIN] = {"drain", true},    [CONTROL_RESUME] = {"resume", true},    [CONTROL_RELOAD] = {"reload", false},
    [CONTROL_STOP] = {"stop", false},
};

static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < 0x20 || text.at[i] == 0x7f)
            return false;
    }
    return true;
}

bool control_parse(struct span line, struct control_request *request)
{
    const struct span version = SPAN("1 ");
    if (!span_starts(line, version) || !is_printable(line))
        return false;
    line = span_tail(line, version.len);
    for (enum control_verb verb = 0; verb < CONTROL_VERBS; verb++) {
        struct span word = span_string(verbs[verb].word), rest = span_tail(line, word.len);
        if (!span_starts(line, word) || (rest.len > 0) != verbs[verb].name)
            continue;
        struct span name = span_tail(rest, 1);
        if (verbs[verb].name && (rest.at[0] != ' ' || name.len == 0 || name.len >= CONTROL_NAME))
            continue;
        *request = (struct control_request){.verb = verb};
        if (name.len > 0)
            memcpy(request->name, name.at, name.len);
        return true;
    }
    return false;
}

/* ---- one who has connected */

/* Closing it would not take it out of the set as long as a child that has not reached exec holds it, too. */
static void close_watched(struct control *control, int socket)
{
    epoll_ctl(control->events, EPOLL_CTL_DEL, socket, NULL);
    close(socket);
}

static void drop(struct control *control, struct caller *caller)
{
    close_watched(control, caller->socket);
    list_remove(&caller->link);
    control->caller_count--;
    free(caller->answer);
    free(caller);
}

/* What the kernel does not take at once waits for its reader. */
static void send_more(struct control *control, struct caller *caller)
{
    while (caller->sent < caller->length) {
        ssize_t sent = send(caller->socket, caller->answer + caller->sent, caller->length - caller->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent <= 0)
            break;
        caller->sent += (size_t)sent;
    }
    drop(control, caller);
}

static void give_answer(struct control *control, struct caller *caller, char *answer, size_t length, uint64_t now)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = caller};
    caller->state = CALLER_READS;
    caller->answer = answer;
    caller->length = length;
    caller->due = now + CONTROL_WITHIN;
    if (!answer || epoll_ctl(control->events, EPOLL_CTL_MOD, caller->socket, &event) < 0)
        drop(control, caller);
    else
        send_more(control, caller);
}

/* With nothing asked for, epoll tells only that it has hung up. */
static void let_wait(struct control *control, struct caller *caller, uint64_t now)
{
    struct epoll_event event = {.events = 0, .data.ptr = caller};
    caller->state = CALLER_ASKS;
    caller->due = now + CONTROL_RELOAD_WITHIN;
    if (epoll_ctl(control->events, EPOLL_CTL_MOD, caller->socket, &event) < 0)
        drop(control, caller);
}

static void obey(struct control *control, struct caller *caller, struct span line, uint64_t now)
{
    struct control_request request;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    bool answered = true;
    if (!out) {
        drop(control, caller);
        return;
    }
    if (control_parse(line, &request))
        answered = control->answer(control->user, &request, out);
    else
        fputs("error this is not understood: command and master may be of different versions\n", out);
    bool whole = !ferror(out);
    if (fclose(out) != 0 || !whole) {
        free(text);
        drop(control, caller);
    } else if (answered) {
        give_answer(control, caller, text, length, now);
    } else {
        free(text);
        let_wait(control, caller, now);
    }
}

static void receive(struct control *control, struct caller *caller, uint64_t now)
{
    ssize_t got = recv(caller->socket, caller->line + caller->received, sizeof caller->line - caller->received, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got > 0)
        caller->received += (size_t)got;
    const char *end = memchr(caller->line, '\n', caller->received);
    if (end)
        obey(control, caller, span_of(caller->line, (size_t)(end - caller->line)), now);
    else if (got <= 0 || caller->received == sizeof caller->line)
        drop(control, caller);
}

/* ---- who may connect */

static void hang_up(struct control *control)
{
    struct stat facts;
    if (control->socket >= 0) {
        if (lstat(control->path, &facts) == 0 && facts.st_dev == control->device && facts.st_ino == control->inode)
            unlink(control->path);
        close_watched(control, control->socket);
    }
    free(control->path);
    control->path = NULL;
    control->socket = -1;
}

/* The mode of the socket keeps others away already. */
static bool may_command(int socket)
{
    struct ucred who;
    socklen_t size = sizeof who;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && (who.uid == 0 || who.uid == geteuid());
}

static void welcome(struct control *control, int socket, uint64_t now)
{
    struct caller *caller = calloc(1, sizeof *caller);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
    if (!caller || epoll_ctl(control->events, EPOLL_CTL_ADD, socket, &event) < 0) {
        close(socket);
        free(caller);
        return;
    }
    caller->socket = socket;
    caller->due = now + CONTROL_WITHIN;
    list_init(&caller->link);
    list_append(&control->callers, &caller->link);
    control->caller_count++;
}

static void accept_one(struct control *control, uint64_t now)
{
    static const char busy[] = "error too many commands at once: try again\n";
    int socket = accept4(control->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0 && errno != EAGAIN && errno != ECONNABORTED) {
        /* It would be told of on and on. */
        log_write(control->log, LOG_ERROR, "no commands can be given until a reload: %s", strerror(errno));
        hang_up(control);
    }
    if (socket < 0)
        return;
    if (may_command(socket) && control->caller_count < CONTROL_CALLERS) {
        welcome(control, socket, now);
        return;
    }
    if (may_command(socket) && send(socket, busy, sizeof busy - 1, MSG_NOSIGNAL) < 0) {
        /* It will see the end instead. */
    }
    close(socket);
}

void control_hear(struct control *control, uint64_t now)
{
    struct epoll_event event;
    if (epoll_wait(control->events, &event, 1, 0) != 1)
        return;
    struct caller *caller = event.data.ptr;
    if (!caller)
        accept_one(control, now);
    else if (caller->state == CALLER_SPEAKS)
        receive(control, caller, now);
    else if (caller->state == CALLER_READS)
        send_more(control, caller);
    else
        drop(control, caller); /* it has hung up */
}

void control_settle(struct control *control, uint64_t now)
{
    for (struct list *at = control->callers.next, *next; at != &control->callers; at = next) {
        struct caller *caller = CONTAINER_OF(at, struct caller, link);
        next = at->next;
        if (now >= caller->due)
            drop(control, caller);
    }
}

uint64_t control_next(const struct control *control)
{
    uint64_t next = UINT64_MAX;
    for (const struct list *at = control->callers.next; at != &control->callers; at = at->next) {
        const struct caller *caller = CONTAINER_OF(at, const struct caller, link);
        if (caller->due < next)
            next = caller->due;
    }
    return next;
}

void control_begin(struct control *control)
{
    for (struct list *at = control->callers.next; at != &control->callers; at = at->next) {
        struct caller *caller = CONTAINER_OF(at, struct caller, link);
        if (caller->state == CALLER_ASKS)
            caller->state = CALLER_WAITS;
    }
}

void control_conclude(struct control *control, const char *answer, uint64_t now)
{
    for (struct list *at = control->callers.next, *next; at != &control->callers; at = next) {
        struct caller *caller = CONTAINER_OF(at, struct caller, link);
        next = at->next;
        if (caller->state == CALLER_WAITS)
            give_answer(control, caller, strdup(answer), strlen(answer), now);
    }
}

/* ---- the socket */

/* Through the directory's descriptor, since the address of a socket has no room for a long path. */
static bool address_of(int directory, const char *name, struct sockaddr_un *address)
{
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", directory, name);
    return length > 0 && (size_t)length < sizeof address->sun_path;
}

/* Nobody else may be able to connect for a moment even. */
static bool bind_private(int socket, const struct sockaddr_un *address)
{
    mode_t before = umask(0177);
    bool bound = bind(socket, (const struct sockaddr *)address, sizeof *address) == 0;
    int number = errno;
    umask(before);
    errno = number;
    return bound;
}

static bool is_answered(const struct sockaddr_un *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool answered =
        probe < 0 || connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno != ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    return answered;
}

/* What a master has left behind that was killed is removed. The lock keeps two who start at once from removing each other's. */
static bool take_name(int directory, const char *name, int socket, struct error *error)
{
    struct sockaddr_un address = {0};
    struct stat facts;
    if (!address_of(directory, name, &address)) {
        error_set(error, ERROR_INPUT, "the name is too long");
        return false;
    }
    if (bind_private(socket, &address))
        return true;
    if (errno != EADDRINUSE) {
        error_set_errno(error, "cannot be made");
    } else if (flock(directory, LOCK_EX | LOCK_NB) < 0) {
        error_set(error, ERROR_SYSTEM, "another crossgate is about to take it");
    } else if (fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISSOCK(facts.st_mode)) {
        error_set(error, ERROR_INPUT, "there is something else of that name, which is not removed");
    } else if (is_answered(&address)) {
        error_set(error, ERROR_SYSTEM, "another crossgate listens on it");
    } else {
        unlinkat(directory, name, 0);
        if (bind_private(socket, &address))
            return true;
        error_set_errno(error, "cannot be made");
    }
    return false;
}

static int open_socket(struct control *control, int directory, const char *name, struct error *error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    struct stat facts;
    int opened = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (opened < 0) {
        error_set_errno(error, "cannot be made");
        return -1;
    }
    if (!take_name(directory, name, opened, error)) {
        close(opened);
        return -1;
    }
    if (listen(opened, CONTROL_CALLERS) == 0 && fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
        epoll_ctl(control->events, EPOLL_CTL_ADD, opened, &event) == 0) {
        control->device = facts.st_dev;
        control->inode = facts.st_ino;
        return opened;
    }
    error_set_errno(error, "cannot be listened on");
    unlinkat(directory, name, 0);
    close(opened);
    return -1;
}

void control_listen(struct control *control, const char *path)
{
    struct error error = {0};
    if (path && control->path && control->socket >= 0 && strcmp(path, control->path) == 0)
        return;
    hang_up(control);
    if (!path)
        return;
    const char *name = strrchr(path, '/') + 1;
    control->path = strdup(path);
    char *parent = strndup(path, name > path + 1 ? (size_t)(name - path - 1) : 1);
    int directory = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (directory < 0 || !control->path)
        error_set_errno(&error, "its directory cannot be opened");
    else
        control->socket = open_socket(control, directory, name, &error);
    if (control->socket < 0)
        log_write(control->log, LOG_WARNING, "no commands can be given: control socket %s: %s", path, error.text);
    if (directory >= 0)
        close(directory);
    free(parent);
}

/* ---- life */

bool control_init(struct control *control, struct log *log)
{
    *control = (struct control){.log = log, .socket = -1};
    list_init(&control->callers);
    control->events = epoll_create1(EPOLL_CLOEXEC);
    return control->events >= 0;
}

void control_deinit(struct control *control)
{
    while (!list_is_empty(&control->callers))
        drop(control, CONTAINER_OF(control->callers.next, struct caller, link));
    hang_up(control);
    if (control->events >= 0)
        close(control->events);
}
