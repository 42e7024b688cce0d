/* Many connections that do the same job: opened a few at a time, opened again when they end, each with its share of the
 * operations. In a closed loop an operation follows the one before; in an open loop they have their times, and whoever is free
 * takes the next that is due. */
#ifndef CROSSGATE_LOAD_CROWD_H
#define CROSSGATE_LOAD_CROWD_H

#include "contact.h"
#include "pace.h"

struct crowd;
struct client;

struct job {
    size_t client_size;                    /* of the struct whose first member is the client */
    bool per_operation;                    /* each operation has a connection of its own */
    bool without_tls;                      /* it speaks over TCP, whatever the target wants */
    struct contact_user on;                /* on_end is the crowd's */
    void (*begin)(struct client *client);  /* operations may be begun: crowd_take, as long as there is room */
    void (*forget)(struct client *client); /* the connection is gone; may be NULL */
};

struct client {
    struct contact contact;
    struct crowd *crowd;
    unsigned index;
    bool opening;           /* and counted as that */
    bool ready;             /* it can take operations */
    bool called;            /* of a silent crowd: it may take one */
    unsigned first, flying; /* in the ring of `crowd->depth` intended times */
    uint64_t *intended;
    struct deadline rest; /* before it is opened again */
};

struct crowd {
    /* The plan. */
    struct run *run;
    const struct job *job;
    struct offer *offer; /* NULL: no TLS */
    struct work *work;
    void *shared; /* the job's, for all clients */
    unsigned count;
    unsigned depth;   /* operations of one client that are under way at most */
    struct pace pace; /* its rate; 0: closed loop */
    bool silent;      /* each client takes one operation when it is ready, and another when it is called */

    struct contact_user on;
    uv_poll_t alarm; /* for what is due next */
    int alarm_fd;
    bool alarmed;
    unsigned begun, opening, ready;
    unsigned flying; /* operations */
    unsigned turn;   /* of the client that is asked or called next */
    bool calling;
    uint8_t *clients;
    uint64_t *intended;
};

/* Makes the clients and opens them. False: stop and free it all the same. */
bool crowd_start(struct crowd *crowd, const struct crowd *plan, struct error *error)
    __attribute__((warn_unused_result));

/* The warm-up begins, and with it the operations. */
void crowd_begin(struct crowd *crowd);

/* Of a silent crowd: calls each client once, a few at a time, and ends the run when all have answered. */
void crowd_call(struct crowd *crowd);

/* The run is over: all contacts end. Memory goes when the loop has let go of them. */
void crowd_stop(struct crowd *crowd);
void crowd_free(struct crowd *crowd);

/* The client is ready for operations, once after each opening. */
void crowd_ready(struct client *client);

/* Begins one if one is due and there is room for it. */
bool crowd_take(struct client *client) __attribute__((warn_unused_result));

/* Of jobs whose operations have connections of their own: begins one and opens its connection, if one is due. */
void crowd_visit(struct client *client);

/* The one that was begun first is done. */
void crowd_done(struct client *client, uint64_t bytes);

static inline struct client *client_of(struct contact *contact)
{
    return CONTAINER_OF(contact, struct client, contact);
}

#endif
