/* What was asked for while a plan was made, and what was found, in the order in which it was asked for. Nothing here reads: who asks
 * (sources.h) looks here first, and keeps what it has found. */
#ifndef CROSSGATE_PLAN_ANSWERS_H
#define CROSSGATE_PLAN_ANSWERS_H

#include "crossgate/base/span.h"

/* These numbers are packed. */
enum answer_kind {
    ANSWER_CONFIG, /* this one and the next three: the request, whose words are the names */
    ANSWER_NODE_DIR,
    ANSWER_BACKEND,
    ANSWER_STRICT,
    ANSWER_FILE,
    ANSWER_ABSENT, /* a file that need not be there, and is not */
    ANSWER_UNREAD, /* a file that could not be read again; who asks for it is told why */
    ANSWER_DIRECTORY,
    ANSWER_VARIABLE,
    ANSWER_MADE
};

struct answer {
    struct answer *next;
    struct answer *alike; /* the next one in the same bucket */
    enum answer_kind kind;
    uint32_t key; /* of the name: names are long, and alike */
    char *name;
    uint8_t *bytes; /* file, variable, made: what was found, zero-terminated; owned, wiped */
    size_t length;  /* without the zero */
    int descriptor; /* directory: one of those of `answers` */
    uint32_t mode;
    uint32_t owner;
    bool distrusted;
};

/* Ten thousand certificates are twenty thousand files, and more questions. */
enum { ANSWER_BUCKETS = 1024 };

/* Zeroed, it is empty. */
struct answers {
    struct answer *first, *last;
    struct answer *buckets[ANSWER_BUCKETS]; /* the same, by their keys */
    int *directories;                       /* descriptors of the answers of that kind, in their order; owned */
    size_t directory_count;
};

/* The one that was kept last of that kind and name; NULL: none. */
struct answer *answers_find(const struct answers *answers, enum answer_kind kind, const char *name);

/* Takes `bytes` over (malloc'd, zero-terminated, or NULL), also on failure. NULL when memory is out. */
struct answer *answers_keep(struct answers *answers, enum answer_kind kind, struct span name, uint8_t *bytes,
                            size_t length);

/* Likewise with a copy of the bytes; none if they begin nowhere (`at` is NULL). */
struct answer *answers_keep_copy(struct answers *answers, enum answer_kind kind, struct span name, struct span bytes);

/* Takes the descriptor over, also on failure. False when memory is out. */
bool answers_keep_directory(struct answers *answers, struct span name, int descriptor)
    __attribute__((warn_unused_result));

/* Keeps the same answer, of another set, with its own bytes or its own descriptor; trusted. False when memory or descriptors are out. */
bool answers_keep_same(struct answers *answers, const struct answer *other) __attribute__((warn_unused_result));

/* A copy of these bytes in place of the answer's own. False when memory is out. */
bool answer_replace(struct answer *answer, struct span bytes) __attribute__((warn_unused_result));

/* Wipes all bytes, closes all descriptors. */
void answers_free(struct answers *answers);

#endif
