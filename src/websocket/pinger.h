/* Automatic pings of one session. Engine without I/O: it knows what is to be asked and when, and what the answer must be.
 *
 *   resting ──interval──> asked ──its Pong, or a sign of life──> resting
 *                           └──timeout──> the session's to judge; without a timeout: interval ──> asked anew */
#ifndef CROSSGATE_WEBSOCKET_PINGER_H
#define CROSSGATE_WEBSOCKET_PINGER_H

#include "crossgate/base/deadline.h"
#include "crossgate/websocket.h"
#include "frame.h"
#include "randomness.h"

struct pinger {
    struct deadline deadline;
    uint64_t asked; /* what the Pong must repeat; 0: none is awaited. Fresh and random: it cannot be said beforehand */
};

void pinger_init(struct pinger *pinger, void (*expire)(struct deadline *));

/* Nothing is awaited; the next ping is due after the interval. Without an interval it never is. */
void pinger_rest(struct pinger *pinger, struct deadlines *deadlines, const struct websocket_settings *settings,
                 uint64_t now);

/* Writes the payload of a new ping and waits for its Pong. False if there is no randomness. */
bool pinger_ask(struct pinger *pinger, struct deadlines *deadlines, const struct websocket_settings *settings,
                uint64_t now, struct randomness *randomness, uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX])
    __attribute__((warn_unused_result));

/* Waits as long once more for the same Pong. */
void pinger_wait_on(struct pinger *pinger, struct deadlines *deadlines, const struct websocket_settings *settings,
                    uint64_t now);

/* Is this the Pong that is awaited? */
bool pinger_is_answer(const struct pinger *pinger, const struct websocket_settings *settings, struct span pong);

/* No more pings. */
void pinger_stop(struct pinger *pinger);

#endif
