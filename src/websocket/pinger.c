#include "pinger.h"

#include <assert.h>

void pinger_init(struct pinger *pinger, void (*expire)(struct deadline *))
{
    deadline_init(&pinger->deadline, expire);
    pinger->asked = 0;
}

void pinger_rest(struct pinger *pinger, struct deadlines *deadlines, const struct websocket_settings *settings,
                 uint64_t now)
{
    pinger->asked = 0;
    deadline_arm(deadlines, &pinger->deadline, settings->ping_interval, now);
}

/* What is asked, over and over, up to the size that is wanted. */
static void print(uint64_t asked, uint8_t *payload, size_t size)
{
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)(asked >> i % 8 * 8);
}

bool pinger_ask(struct pinger *pinger, struct deadlines *deadlines, const struct websocket_settings *settings,
                uint64_t now, struct randomness *randomness, uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX])
{
    assert(settings->ping_size >= sizeof pinger->asked && settings->ping_size <= FRAME_CONTROL_PAYLOAD_MAX);
    if (!randomness_take(randomness, &pinger->asked, sizeof pinger->asked))
        return false;
    pinger->asked |= 1; /* not 0 */
    print(pinger->asked, payload, settings->ping_size);
    uint32_t wait = settings->ping_timeout > 0 ? settings->ping_timeout : settings->ping_interval;
    deadline_arm(deadlines, &pinger->deadline, wait, now);
    return true;
}

void pinger_wait_on(struct pinger *pinger, struct deadlines *deadlines, const struct websocket_settings *settings,
                    uint64_t now)
{
    deadline_arm(deadlines, &pinger->deadline, settings->ping_timeout, now);
}

bool pinger_is_answer(const struct pinger *pinger, const struct websocket_settings *settings, struct span pong)
{
    uint8_t expected[FRAME_CONTROL_PAYLOAD_MAX];
    if (pinger->asked == 0)
        return false;
    print(pinger->asked, expected, settings->ping_size);
    return span_equal(pong, span_of(expected, settings->ping_size));
}

void pinger_stop(struct pinger *pinger)
{
    pinger->asked = 0;
    deadline_disarm(&pinger->deadline);
}
