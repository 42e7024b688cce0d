#include "echo.h"

#include "frames.h"
#include "upgrade.h"

#include <sys/random.h>

enum { ECHO_TIME = 10000 }; /* ms without a byte of what is awaited */

/* A message on its way out or in. */
struct passage {
    uint64_t count; /* messages before it */
    uint64_t at;    /* of its bytes */
};

struct echoer {
    struct client client;
    struct upgrade upgrade;
    struct frames frames;
    bool sending; /* the head of `out` is composed, and not all of its payload */
    struct passage out, in;
    uint32_t mask;
    bool pong_due;
    uint8_t pong_length;
    uint8_t pong[FRAMES_CONTROL_MAX];
};

static struct echoer *echoer_of(struct contact *contact)
{
    return CONTAINER_OF(client_of(contact), struct echoer, client);
}

static struct echo *echo_of(const struct echoer *echoer)
{
    return echoer->client.crowd->shared;
}

static uint64_t place_of(const struct echoer *echoer, const struct passage *passage)
{
    return pattern_place(echoer->client.index, passage->count) + passage->at;
}

/* ---- out */

/* A fresh mask for each frame, from splitmix64: masks protect proxies from pages in browsers, of which we are none. */
static uint32_t next_mask(struct echo *echo)
{
    uint64_t z = echo->masks += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(z ^ z >> 31);
}

static size_t compose_pong(struct echoer *echoer, uint8_t *to)
{
    uint32_t mask = next_mask(echo_of(echoer));
    size_t head = frames_head_print(to, FRAMES_PONG, echoer->pong_length, mask);
    frames_mask(to + head, span_of(echoer->pong, echoer->pong_length), mask, 0);
    echoer->pong_due = false;
    return head + echoer->pong_length;
}

static size_t compose_head(struct echoer *echoer, uint8_t *to)
{
    echoer->sending = true;
    echoer->mask = next_mask(echo_of(echoer));
    return frames_head_print(to, FRAMES_BINARY, echo_of(echoer)->size, echoer->mask);
}

static size_t compose_payload(struct echoer *echoer, uint8_t *to, size_t room)
{
    const struct echo *echo = echo_of(echoer);
    struct passage *out = &echoer->out;
    uint64_t left = echo->size - out->at;
    size_t n = left < room ? (size_t)left : room;
    n = n < PATTERN_BYTES ? n : PATTERN_BYTES;
    frames_mask(to, pattern_at(&echo->pattern, place_of(echoer, out), n), echoer->mask, out->at);
    out->at += n;
    if (out->at == echo->size) {
        echoer->sending = false;
        *out = (struct passage){.count = out->count + 1};
    }
    return n;
}

/* As much as may be sent and fits; 0: nothing is to be sent. */
static size_t compose(struct echoer *echoer, uint8_t *to, size_t room)
{
    size_t n = 0;
    while (room - n >= FRAMES_HEAD_MAX + FRAMES_CONTROL_MAX) {
        if (echoer->sending)
            n += compose_payload(echoer, to + n, room - n);
        else if (echoer->pong_due)
            n += compose_pong(echoer, to + n);
        else if (crowd_take(&echoer->client))
            n += compose_head(echoer, to + n);
        else
            break;
    }
    return n;
}

static void begin(struct client *client)
{
    struct contact *contact = &client->contact;
    struct echoer *echoer = echoer_of(contact);
    size_t n;
    while (contact_has_room(contact) && (n = compose(echoer, contact->run->compose, RUN_BYTES)) > 0)
        contact_write(contact, span_of(contact->run->compose, n));
    contact_expect(contact, "echo", client->flying > 0 ? ECHO_TIME : 0);
}

/* ---- in */

static void take_piece(struct echoer *echoer, struct span piece, bool last)
{
    const struct echo *echo = echo_of(echoer);
    struct passage *in = &echoer->in;
    struct contact *contact = &echoer->client.contact;
    bool fits = echoer->client.flying > 0 && piece.len <= echo->size - in->at;
    if (!fits || !pattern_is(&echo->pattern, place_of(echoer, in), piece) ||
        (last && in->at + piece.len != echo->size)) {
        contact_fail(contact, "an echo is not what was sent");
        return;
    }
    in->at += piece.len;
    if (!last)
        return;
    *in = (struct passage){.count = in->count + 1};
    crowd_done(&echoer->client, echo->size);
}

static void take_ping(struct echoer *echoer, struct span payload)
{
    echoer->pong_due = true;
    echoer->pong_length = (uint8_t)payload.len;
    if (payload.len > 0)
        memcpy(echoer->pong, payload.at, payload.len);
}

static void take(struct echoer *echoer, enum frames_event event, struct span payload)
{
    struct contact *contact = &echoer->client.contact;
    switch (event) {
    case FRAMES_PIECE:
    case FRAMES_LAST:
        take_piece(echoer, payload, event == FRAMES_LAST);
        break;
    case FRAMES_PINGED:
        take_ping(echoer, payload);
        break;
    case FRAMES_CLOSED:
        contact_fail(contact, "the server has closed the WebSocket with code %u", frames_close_code(payload));
        break;
    case FRAMES_BROKEN:
        contact_fail(contact, "the server has sent what is no frame of an echo");
        break;
    case FRAMES_MORE:
        break;
    }
}

static void on_bytes(struct contact *contact, struct span in)
{
    struct echoer *echoer = echoer_of(contact);
    enum frames_event event;
    if (upgrade_is_under_way(&echoer->upgrade)) {
        if (!upgrade_read(&echoer->upgrade, contact, &in))
            return;
        contact_expect(contact, NULL, 0);
        crowd_ready(&echoer->client);
    }
    do {
        struct span payload;
        event = frames_next(&echoer->frames, &in, &payload);
        take(echoer, event, payload);
    } while (event != FRAMES_MORE && contact->state == CONTACT_OPEN);
}

static void on_open(struct contact *contact)
{
    struct echoer *echoer = echoer_of(contact);
    upgrade_begin(&echoer->upgrade, contact, &echo_of(echoer)->request);
}

static void on_turn(struct contact *contact)
{
    struct client *client = client_of(contact);
    if (client->ready)
        begin(client);
}

/* What is sent on the next connection are other messages than those that were lost. */
static void forget(struct client *client)
{
    struct echoer *echoer = echoer_of(&client->contact);
    upgrade_forget(&echoer->upgrade);
    echoer->out.count = echoer->in.count = echoer->out.count + 1;
    echoer->out.at = echoer->in.at = 0;
    echoer->frames = (struct frames){0};
    echoer->sending = echoer->pong_due = false;
}

const struct job echo_job = {
    .client_size = sizeof(struct echoer),
    .on = {.on_open = on_open, .on_bytes = on_bytes, .on_turn = on_turn},
    .begin = begin,
    .forget = forget,
};

bool echo_prepare(struct echo *echo, const struct load_settings *settings, struct error *error)
{
    echo->size = settings->size;
    if (!upgrade_prepare(&echo->request, settings, error))
        return false;
    bool random = pattern_fill(&echo->pattern) && getrandom(&echo->masks, sizeof echo->masks, 0) == sizeof echo->masks;
    if (!random)
        error_set(error, ERROR_SYSTEM, "there is no randomness");
    return random;
}
