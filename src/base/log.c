#include "crossgate/base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A pipe that poll calls writable takes PIPE_BUF bytes at once, so a line of this size never blocks. */
enum { LINE_BYTES = 2048 };

static const struct {
    const char *name;
    const char *colour;
} levels[] = {
    [LOG_QUIET] = {"quiet", ""},       [LOG_ERROR] = {"error", "\x1b[31m"}, [LOG_WARNING] = {"warning", "\x1b[33m"},
    [LOG_INFO] = {"info", "\x1b[32m"}, [LOG_DEBUG] = {"debug", "\x1b[36m"},
};

void log_init(struct log *log, int descriptor, enum log_level level, const char *origin)
{
    *log = (struct log){.descriptor = descriptor, .level = level};
    log->colour = isatty(descriptor) && !getenv("NO_COLOR");
    snprintf(log->origin, sizeof log->origin, "%s", origin);
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (enum log_level i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(levels[i].name, name) == 0) {
            *level = i;
            return true;
        }
    }
    return false;
}

/* How many bytes a control character at the beginning of the text has; 0: there is none. U+0080 to U+009F are some, too: a
 * terminal takes U+009B for ESC [. */
static size_t control_length(const char *text)
{
    unsigned char c = (unsigned char)text[0], next = (unsigned char)text[1];
    if (c < 0x20 || c == 0x7f)
        return 1;
    return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

/* Appends text with control characters made visible; returns the new length. */
static size_t append_visible(char *line, size_t used, const char *text)
{
    while (*text && used < LINE_BYTES - 8) {
        size_t length = control_length(text);
        if (length == 0)
            line[used++] = *text++;
        for (; length > 0; length--)
            used += (size_t)snprintf(line + used, LINE_BYTES - used, "\\x%02x", (unsigned char)*text++);
    }
    return used;
}

static bool take_line(struct log *log, enum log_level level, const struct timespec *now)
{
    uint64_t second = (uint64_t)now->tv_sec;
    if (second != log->second) {
        log->second = second;
        log->lines = 0;
    }
    return level == LOG_ERROR || log->lines++ < LOG_LINES_PER_SECOND;
}

static bool put(struct log *log, const void *line, size_t length)
{
    struct pollfd ready = {.fd = log->descriptor, .events = POLLOUT};
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) &&
           write(log->descriptor, line, length) == (ssize_t)length;
}

static size_t begin(const struct log *log, char *line, enum log_level level, const struct timespec *now)
{
    struct tm utc;
    gmtime_r(&now->tv_sec, &utc);
    size_t used = strftime(line, LINE_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    used += (size_t)snprintf(line + used, LINE_BYTES - used, ".%03ldZ %s%-7s%s %s: ", now->tv_nsec / 1000000,
                             log->colour ? levels[level].colour : "", levels[level].name, log->colour ? "\x1b[0m" : "",
                             log->origin);
    return used;
}

static void say_dropped(struct log *log, const struct timespec *now)
{
    char line[LINE_BYTES];
    size_t used = begin(log, line, LOG_WARNING, now);
    used += (size_t)snprintf(line + used, LINE_BYTES - used, "%u log lines dropped\n", log->dropped);
    if (put(log, line, used))
        log->dropped = 0;
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
    if (level == LOG_QUIET || level > log->level)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!take_line(log, level, &now)) {
        log->dropped++;
        return;
    }
    if (log->dropped > 0)
        say_dropped(log, &now);
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char line[LINE_BYTES];
    size_t used = append_visible(line, begin(log, line, level, &now), text);
    line[used++] = '\n';
    if (!put(log, line, used))
        log->dropped++;
}

/* Not rate-limited: who calls it knows how much it is. Longer lines are written in pieces. */
void log_write_text(struct log *log, struct span text)
{
    while (text.len > 0) {
        struct span line = span_head(text, LINE_BYTES);
        const uint8_t *end = memchr(line.at, '\n', line.len);
        if (end)
            line.len = (size_t)(end - line.at) + 1;
        if (!put(log, line.at, line.len))
            log->dropped++;
        text = span_tail(text, line.len);
    }
}
