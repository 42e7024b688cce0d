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
    size_t lane_size;                  /* of the struct whose first member is the lane */
    bool per_operation;                /* each operation has a connection of its own */
    struct link_user on;               /* on_end is the crew's */
    void (*begin)(struct lane *lane);  /* operations may be begun: crew_take, as long as there is room */
    void (*forget)(struct lane *lane); /* the connection is gone; may be NULL */
};

struct lane {
    struct link link;
    struct crew *crew;
    unsigned index;
    bool opening;           /* and counted as that */
    bool ready;             /* it can take operations */
    unsigned first, flying; /* in the ring of `crew->depth` intended times */
    uint64_t *intended;
    struct deadline rest; /* before it is opened again */
};

struct crew {
    /* The plan. */
    struct run *run;
    const struct job *job;
    struct client *client; /* NULL: no TLS */
    struct work *work;
    void *shared; /* the job's, for all lanes */
    unsigned count;
    unsigned depth;   /* operations of one lane that are under way at most */
    struct pace pace; /* its rate; 0: closed loop */

    struct link_user on;
    uv_poll_t alarm; /* for what is due next */
    int alarm_fd;
    bool alarmed;
    unsigned begun, opening, ready;
    unsigned flying; /* operations */
    unsigned turn;   /* of the lane that is asked next */
    uint8_t *lanes;
    uint64_t *intended;
};

/* Makes the lanes and opens them. False: stop and free it all the same. */
bool crew_start(struct crew *crew, const struct crew *plan, struct error *error) __attribute__((warn_unused_result));

/* The warm-up begins, and with it the operations. */
void crew_begin(struct crew *crew);

/* The run is over: all links end. Memory goes when the loop has let go of them. */
void crew_stop(struct crew *crew);
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
