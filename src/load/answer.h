/* Answers to GETs, one after the other on a connection: their heads judged, their bodies measured. Pure.
 *
 * Servers answer the same request with the same head, but for its date: a head that was judged is not judged again. */
#ifndef CROSSGATE_LOAD_ANSWER_H
#define CROSSGATE_LOAD_ANSWER_H

#include "crossgate/http.h"

/* What a head says. */
struct answer_verdict {
    unsigned status;
    bool keep_alive;
    uint64_t length; /* of the body, or HTTP_LENGTH_UNKNOWN */
};

/* The last head that was judged, for all connections of a crowd; zeroed: none. */
struct answer_memory {
    struct answer_verdict verdict;
    size_t length;
    uint8_t head[HTTP_HEAD_MAX];
};

/* Zeroed: the next answer begins. */
struct answer {
    struct http_response_reader *reader; /* NULL: none is needed now */
    bool in_body;
    struct answer_verdict verdict;
    uint64_t received; /* of the body */
};

enum answer_event { ANSWER_MORE, ANSWER_HEAD, ANSWER_DONE, ANSWER_BROKEN };

/* Takes bytes off *in up to the next event: all are taken, the head is complete, the answer is complete, or it is not HTTP/1.1 (or
 * memory is out). */
enum answer_event answer_next(struct answer *answer, struct answer_memory *memory, struct span *in);

/* The connection has ended: whether that completes the answer. */
bool answer_ends_with_connection(const struct answer *answer);

/* Ready for the next one. */
void answer_reset(struct answer *answer);

#endif
