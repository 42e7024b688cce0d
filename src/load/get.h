/* The jobs of GETs: on a connection that is kept, one at a time; and each on a connection of its own. */
#ifndef CROSSGATE_LOAD_GET_H
#define CROSSGATE_LOAD_GET_H

#include "answer.h"
#include "crowd.h"
#include "request.h"

/* Of all clients. */
struct get {
    struct request request;
    struct answer_memory memory;
    bool length_known;
    uint64_t length; /* that all answers have: as the settings say, or the first one */
};

extern const struct job get_job, visit_job;

bool get_prepare(struct get *get, const struct load_settings *settings, struct error *error)
    __attribute__((warn_unused_result));

#endif
