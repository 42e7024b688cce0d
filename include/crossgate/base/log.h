/* Log lines on a descriptor, which never make the loop wait: a line that cannot be written at once is
 * dropped and counted. */
#ifndef CROSSGATE_BASE_LOG_H
#define CROSSGATE_BASE_LOG_H

#include "crossgate/base/span.h"

enum log_level { LOG_QUIET, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log {
    int descriptor;
    enum log_level level; /* lines above it are not written */
    bool colour;          /* set when the descriptor is a terminal and NO_COLOR is unset */
    char origin[16];      /* "master", "worker 2" */
    uint64_t second;      /* rate limit: the second that `lines` counts */
    unsigned lines;
    unsigned dropped; /* since the last line that said so */
};

/* At most this many lines a second below level ERROR; the rest is counted, and the count is logged. */
enum { LOG_LINES_PER_SECOND = 200 };

/* Does not take the descriptor over. Copies the origin, cut to size. */
void log_init(struct log *log, int descriptor, enum log_level level, const char *origin);

/* One line, with time, level and origin before it. Control characters in the text are made visible as
 * \xNN, so that a peer cannot forge lines. Cut to 2 KiB, as a pipe takes a line of that size whole. */
void log_write(struct log *log, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Lines as they are, at any level and rate, each by itself written or dropped; those over 2 KiB in pieces. */
void log_write_text(struct log *log, struct span text);

/* "error", "warning", "info", "debug" -> level. False if it is none of them. */
bool log_level_parse(const char *name, enum log_level *level);

#endif
