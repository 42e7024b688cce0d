/* The job of an echo: WebSocket messages, up to `depth` of a connection under way, which must come back as they were. */
#ifndef CROSSGATE_LOAD_ECHO_H
#define CROSSGATE_LOAD_ECHO_H

#include "crowd.h"
#include "pattern.h"
#include "request.h"

/* Of all clients. */
struct echo {
    struct request request;
    struct pattern pattern;
    uint64_t size;  /* of each message */
    uint64_t masks; /* state of what yields the masks */
};

extern const struct job echo_job;

bool echo_prepare(struct echo *echo, const struct load_settings *settings, struct error *error)
    __attribute__((warn_unused_result));

#endif
