/* Many connections that do the same job: opened a few at a time, opened again when they end, each with its share of the
 * operations. In a closed loop an operation follows the one before; in an open loop they have their times, and whoever is free
 * takes the next that is due. */
#ifndef CROSSGATE_LOAD_CREW_H
#define CROSSGATE_LOAD_CREW_H

#include "link.h"
#include "pace.h"

struct crew;
struct lane;

struct job {
    size_t lane_size;      /* of the struct whose first member is the lane */
    bool per_operation;    /* each operation has a connection of its own */
    struct link_user on;   /* on_end is the crew's */
    void (*begin)(struct lane *lane);   /* operations may be begun: crew_take, as long as there is room */
    void (*forget)(struct lane *lane);  /* the connection is gone; may be NULL */
};

struct lane {
    struct link link;
    struct crew *crew;
    unsigned index;
    bool ready;             /* it can take operations */
    unsigned first, flying; /* in the ring of `crew->depth` intended times */
    uint64_t *intended;
    struct deadline rest; /* before it is opened again */
};

struct crew {
    struct run *run;
    const struct job *job;
    struct client *client;
    struct work *work;
    void *shared; /* the job's */
    unsigned count, depth;
    struct pace pace; /* rate 0: closed loop */
    uv_poll_t alarm;  /* for what is due next */
    int alarm_fd;
    bool alarmed;
    unsigned begun, opening, ready;
    unsigned turn; /* of the lane that is asked next */
    uint8_t *lanes;
};

/* Makes and opens `count` lanes; at most `depth` operations of each are under way. `rate` 0: closed loop. Client NULL: no TLS. */
bool crew_start(struct crew *crew, struct run *run, const struct job *job, struct client *client, struct work *work,
                unsigned count, unsigned depth, double rate, struct error *error) __attribute__((warn_unused_result));

/* The run is over: all links end. */
void crew_stop(struct crew *crew);
/* When the loop has let go of all of them. */
void crew_free(struct crew *crew);

/* The lane is ready for operations, once after each opening. */
void crew_ready(struct lane *lane);

/* Begins one if one is due and there is room for it. */
bool crew_take(struct lane *lane) __attribute__((warn_unused_result));

/* The one that was begun first is done. */
void crew_done(struct lane *lane, uint64_t bytes);

static inline struct lane *lane_of(struct link *link)
{
    return CONTAINER_OF(link, struct lane, link);
}

#endif
