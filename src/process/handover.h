/* The messages between the master and a worker, over a SOCK_SEQPACKET socket: one message, one packet.
 *
 *   master                          worker
 *   PLAN, DIRECTORIES…, SOCKETS…  ->            the plan, in as many packets as its descriptors need (parcel.h)
 *                                 <- READY      it is built: it may come into force
 *                                 <- REFUSED    it cannot be built, and why; what was in force stays so
 *   SWITCH                        ->            the plan that was built is in force from now on
 *                                 <- SWITCHED   it is: who connects from now on is served by it
 *   DROP                          ->            it is not: another worker refused it
 *   DRAIN, RESUME                 ->            the backend of that name gets no new sessions, or gets them again
 *   TICKETS                       ->            the keys of session tickets from now on
 *   CHALLENGE                     ->            answer an authority that asks for it (base/challenge.h)
 *                                 <- HELD       it is answered from now on; the number is that of the question
 *   WITHDRAW                      ->            no more
 *   LEAVE                         ->            drain and exit
 *                                 <- LEAVING    told by somebody else to drain: send a successor
 *
 * Before each SWITCH the master tells which backends are drained, the ticket keys and which challenges are to be answered: it
 * remembers, workers come and go.
 *
 * All of a plan's messages carry its edition, so that an answer that is late is not taken for another's. Both sides are the
 * same program, so numbers travel as they are. */
#ifndef CROSSGATE_PROCESS_HANDOVER_H
#define CROSSGATE_PROCESS_HANDOVER_H

#include "crossgate/tls.h"

enum handover_type {
    HANDOVER_PLAN = 1,    /* descriptors: the packed sources */
    HANDOVER_DIRECTORIES, /* descriptors: some of the sources' directories, in order */
    HANDOVER_SOCKETS,     /* descriptors: some of the listening sockets, in order of the transports */
    HANDOVER_SWITCH,
    HANDOVER_DROP,
    HANDOVER_LEAVE,
    HANDOVER_READY,
    HANDOVER_REFUSED, /* text: why */
    HANDOVER_LEAVING,
    HANDOVER_DRAIN,  /* text: the backend's name */
    HANDOVER_RESUME, /* likewise */
    HANDOVER_TICKETS,
    HANDOVER_CHALLENGE, /* text: challenge_print; `edition` is a number */
    HANDOVER_WITHDRAW,  /* likewise, without number */
    HANDOVER_HELD,      /* `edition`: the number of the challenge */
    HANDOVER_SWITCHED,
};

/* The kernel takes at most 253 descriptors a packet (SCM_MAX_FD). */
enum { HANDOVER_DESCRIPTORS = 250, HANDOVER_TEXT = 1024 };

struct handover {
    enum handover_type type;
    uint64_t edition;
    uint32_t directories; /* PLAN: how many descriptors follow in all */
    uint32_t sockets;
    uint32_t level; /* PLAN: enum log_level of the worker */
    union {
        char text[HANDOVER_TEXT];       /* zero-terminated */
        struct tls_ticket_ring tickets; /* TICKETS: secret, so whoever sends or receives it wipes it */
    };
    size_t count;
    int descriptors[HANDOVER_DESCRIPTORS];
};

/* Sends without waiting; the descriptors stay the caller's. False with errno; EAGAIN means that the other side does not
 * read. */
bool handover_send(int socket, const struct handover *message) __attribute__((warn_unused_result));

enum handover_result {
    HANDOVER_OK,      /* the descriptors of the message are the caller's */
    HANDOVER_NOTHING, /* no message waits */
    HANDOVER_END,     /* the other side is gone */
    HANDOVER_BROKEN,  /* not a message of ours; descriptors that came with it are closed */
};

/* Receives without waiting. */
enum handover_result handover_receive(int socket, struct handover *message);

#endif
