/* Collects one message head: copies its bytes into an arena, in one piece, and finds its end.
 *
 * Engine without I/O, for requests and responses. It is stricter than any parser behind it may be: lines end with CR LF and
 * nothing else, no line is folded, no control character passes. So no version of llhttp can disagree with another program
 * on where a line or a head ends. */
#ifndef CROSSGATE_HTTP_HEAD_H
#define CROSSGATE_HTTP_HEAD_H

#include "crossgate/base/arena.h"

enum head_progress {
    HEAD_MORE,
    HEAD_COMPLETE,
    HEAD_BROKEN,
    HEAD_TOO_LONG,
    HEAD_NO_MEMORY,
};

struct head {
    struct arena *arena;
    uint8_t *at;
    size_t length;
    size_t room;
    size_t lines;        /* that are complete and not empty */
    size_t column;       /* bytes of the present line */
    size_t first;        /* where the first line begins; empty lines may go before it (RFC 9112 section 2.2) */
    size_t first_length; /* known once `lines` is not 0 */
    bool after_cr;
};

void head_init(struct head *head, struct arena *arena);

/* Takes what belongs to the head, and what comes before the byte that breaks it, so that it can be judged alike however it
 * was cut. After any result but HEAD_MORE the head must not be fed again. */
enum head_progress head_feed(struct head *head, struct span in, size_t *taken);

/* Nothing but empty lines so far. */
bool head_is_blank(const struct head *head);

/* The start line without CR LF. Only once it is complete. */
struct span head_first_line(const struct head *head);

/* From the first line to the empty line, both included. */
struct span head_bytes(const struct head *head);

#endif
