/* The other end of the control socket: an operator's command, which may wait. */
#include "control.h"

#include "crossgate/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A little more than the master gives itself, s. */
enum { PATIENCE = CONTROL_RELOAD_WITHIN / 1000 + 5 };
/* No honest answer is longer: status has a line for each certificate. */
enum { ANSWER_MAX = 16 * 1024 * 1024 };

/* Through its directory, since the address of a socket has no room for a long path. */
static int connect_to(const char *path, unsigned seconds, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = seconds > 0 ? (time_t)seconds : PATIENCE};
    const char *slash = strrchr(path, '/');
    char *parent = slash ? strndup(path, slash > path ? (size_t)(slash - path) : 1) : strdup(".");
    int directory = parent ? open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int length =
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory, slash ? slash + 1 : path);
    int opened = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (directory >= 0 && length > 0 && (size_t)length >= sizeof address.sun_path)
        errno = ENAMETOOLONG;
    else if (directory >= 0 && opened >= 0 &&
             setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
             setsockopt(opened, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
             connect(opened, (const struct sockaddr *)&address, sizeof address) == 0)
        goto out;
    int number = errno;
    if (number == ENOENT || number == ECONNREFUSED)
        error_set(
            error, ERROR_SYSTEM,
            "no crossgate listens on %s: if it runs, say where by the --cbdir or --config that it was started with",
            path);
    else
        error_set_errno(error, "cannot connect to %s", path);
    error->number = number;
    if (opened >= 0)
        close(opened);
    opened = -1;
out:
    if (directory >= 0)
        close(directory);
    free(parent);
    return opened;
}

/* Whoever may write to the directory could have put a socket there. */
static bool is_trusted(int socket, const char *path, struct error *error)
{
    struct ucred who;
    socklen_t size = sizeof who;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && (who.uid == 0 || who.uid == geteuid()))
        return true;
    error_set(error, ERROR_SYSTEM, "%s is neither root's nor ours: who listens there is not asked", path);
    return false;
}

static bool say(int socket, const char *line, struct error *error)
{
    char text[CONTROL_LINE];
    int length = snprintf(text, sizeof text, "%s\n", line);
    if (length < 0 || (size_t)length >= sizeof text) {
        error_set(error, ERROR_INPUT, "the command is too long");
        return false;
    }
    /* Who hangs up at once has said why. */
    if (send(socket, text, (size_t)length, MSG_NOSIGNAL) == length || errno == EPIPE)
        return true;
    error_set_errno(error, "the command cannot be sent");
    return false;
}

/* NULL: it did not come whole. */
static char *hear(int socket, struct error *error)
{
    char piece[4096], *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    ssize_t got = -1;
    size_t all = 0;
    while (out && all < ANSWER_MAX && (got = recv(socket, piece, sizeof piece, 0)) > 0) {
        fwrite(piece, 1, (size_t)got, out);
        all += (size_t)got;
    }
    if (got < 0 && errno == ECONNRESET && all > 0)
        got = 0; /* hung up on before our line was read: what was said comes first */
    if (out && got < 0)
        error_set_errno(error, "no answer has come");
    if (out && fclose(out) == 0 && got == 0 && length > 0 && text[length - 1] == '\n')
        return text;
    error_set(error, ERROR_SYSTEM, "no whole answer has come");
    free(text);
    return NULL;
}

static bool judge(char **answer, struct error *error)
{
    static const char good[] = "ok\n", bad[] = "error ";
    char *text = *answer;
    if (strncmp(text, good, sizeof good - 1) == 0) {
        memmove(text, text + sizeof good - 1, strlen(text) - (sizeof good - 1) + 1);
        return true;
    }
    const char *reason = strncmp(text, bad, sizeof bad - 1) == 0 ? text + sizeof bad - 1 : text;
    error_set(error, ERROR_INPUT, "%.*s", (int)strcspn(reason, "\n"), reason);
    free(text);
    *answer = NULL;
    return false;
}

bool control_cut_line(char **rest, struct control_fields *fields)
{
    char *line = *rest;
    if (!*line)
        return false;
    *rest = line + strcspn(line, "\n");
    if (**rest)
        *(*rest)++ = '\0';
    for (fields->count = 0; line && fields->count < CONTROL_FIELDS_MAX; fields->count++)
        fields->at[fields->count] = strsep(&line, "\t");
    return true;
}

bool control_ask(const char *path, const char *line, unsigned patience, char **answer, struct error *error)
{
    int socket = connect_to(path, patience, error);
    *answer = NULL;
    if (socket < 0)
        return false;
    if (is_trusted(socket, path, error) && say(socket, line, error))
        *answer = hear(socket, error);
    close(socket);
    return *answer && judge(answer, error);
}
