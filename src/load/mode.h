/* What is made of a run: a mode starts its crowds. */
#ifndef CROSSGATE_LOAD_MODE_H
#define CROSSGATE_LOAD_MODE_H

#include "crowd.h"
#include "hellos.h"
#include "offer.h"

/* One run with all that takes part in it. */
struct load {
    struct run run;
    struct offer offer;        /* of the crowd, if the target wants TLS */
    struct offer storm_offer;  /* of the one beside it */
    struct hellos hellos;      /* of crowds of that job */
    struct crowd crowd, storm; /* those without a job do not take part */
    void *shared;              /* what the jobs of a mode have in common; freed at the end */
};

/* Starts the crowds. False: *error. */
typedef bool mode_start(struct load *load, struct error *error);

mode_start handshakes_start, hellos_start, requests_start, echo_start, idle_start, storm_start, slow_start;

/* A crowd with the settings' connections and rate, over TLS if the target wants it. */
bool mode_start_crowd(struct load *load, const struct job *job, void *shared, unsigned depth, struct error *error)
    __attribute__((warn_unused_result));

#endif
