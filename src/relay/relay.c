/* Couples two endpoints. No protocol is known here, and there is no state: what is to be done follows from what is known of
 * both sides. */
#include "crossgate/relay.h"

#include <assert.h>

struct relay_side {
    struct relay *relay;
    struct endpoint *endpoint; /* NULL: it has ended */
    struct relay_side *other;
    bool full;   /* its last send was answered with false: on_room or on_end will come */
    bool paused; /* what the endpoint has been told */
    bool bidden; /* one of both has said goodbye: its end needs no explanation */
};

struct relay {
    struct loop *loop;
    struct relay_side front;
    struct relay_side back;
    struct counted *owner;
    _Atomic uint64_t *sessions; /* or NULL */
    struct guest guest;
    struct peer peer;
    const char *detail;
    enum ending why;
    bool explained; /* why and detail are set */
};

/* The first cause is what is reported. */
static void explain(struct relay *relay, enum ending why, const char *detail)
{
    if (relay->explained)
        return;
    relay->explained = true;
    relay->why = why;
    relay->detail = detail;
}

/* One direction: `from` is read while `to` has room. A side that is about to end needs no room. */
static void settle_direction(struct relay_side *from, const struct relay_side *to)
{
    bool paused = to->endpoint && to->full;
    if (!from->endpoint || from->paused == paused)
        return;
    from->paused = paused;
    endpoint_pause(from->endpoint, paused);
}

static void settle(struct relay *relay)
{
    settle_direction(&relay->front, &relay->back);
    settle_direction(&relay->back, &relay->front);
    /* Who is paused is woken by the room, or by the end, of the other. */
    assert(!relay->front.paused || (relay->back.endpoint && relay->back.full) || !relay->front.endpoint);
    assert(!relay->back.paused || (relay->front.endpoint && relay->front.full) || !relay->back.endpoint);
}

static void close_side(struct relay_side *side, uint16_t code, struct span reason)
{
    if (!side->endpoint || side->bidden)
        return;
    side->bidden = true;
    endpoint_close(side->endpoint, code, reason);
}

/* ---- what the endpoints tell */

static void on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct relay_side *side = user;
    struct relay_side *to = side->other;
    if (!to->endpoint || endpoint_send(to->endpoint, kind, piece, last))
        return;
    to->full = true;
    settle(side->relay);
}

static void on_room(void *user)
{
    struct relay_side *side = user;
    side->full = false;
    settle(side->relay);
}

static void on_close(void *user, uint16_t code, struct span reason)
{
    struct relay_side *side = user;
    explain(side->relay, ENDING_DONE, NULL);
    side->bidden = true;
    close_side(side->other, code == CLOSE_NO_CODE ? 0 : code, reason);
}

/* A side that ends since it cannot be sent something: the other, who wants to send it, is told so. */
static bool is_unsendable(enum ending why)
{
    return why == ENDING_UNSENDABLE_SIZE || why == ENDING_UNSENDABLE_KIND;
}

static void front_lost(struct relay *relay, enum ending why)
{
    const struct ending_row *row = ending_row(is_unsendable(why) ? why : ENDING_GOING_AWAY);
    explain(relay, why, NULL);
    close_side(&relay->back, row->ws, is_unsendable(why) ? span_string(row->text) : SPAN("client left"));
}

static void back_lost(struct relay *relay, enum ending why)
{
    bool as_it_is = ending_row(why)->fault == FAULT_US || is_unsendable(why);
    enum ending told = as_it_is ? why : ENDING_BACKEND_LOST;
    explain(relay, told, as_it_is ? NULL : ending_row(why)->text);
    if (relay->front.endpoint && !relay->front.bidden) {
        relay->front.bidden = true;
        endpoint_abort(relay->front.endpoint, told);
    }
}

/* Without a goodbye. A node that sees 1001 ends the visitor's WAMP session at once; a visitor that sees 1012 or 1013 comes
 * back: 1014 would say it better, but AutobahnPython takes it for a violation. */
static void on_lost(struct relay_side *side, enum ending why)
{
    if (side == &side->relay->front)
        front_lost(side->relay, why);
    else
        back_lost(side->relay, why);
}

static void relay_free(struct relay *relay)
{
    list_remove(&relay->guest.link);
    loop_report(relay->loop, relay->why, &relay->peer, relay->detail);
    if (relay->sessions)
        counter_subtract(relay->sessions, 1);
    counted_unref(relay->owner);
    slab_give(relay);
}

static void on_end(void *user, enum ending why)
{
    struct relay_side *side = user;
    struct relay *relay = side->relay;
    side->endpoint = NULL;
    if (!side->bidden)
        on_lost(side, why);
    if (side->other->endpoint)
        settle(relay);
    else
        relay_free(relay);
}

static const struct endpoint_user endpoint_user = {
    .on_message = on_message,
    .on_room = on_room,
    .on_close = on_close,
    .on_end = on_end,
};

static void leave(struct guest *guest)
{
    struct relay *relay = CONTAINER_OF(guest, struct relay, guest);
    const struct ending_row *row = ending_row(ENDING_GOING_AWAY);
    explain(relay, ENDING_GOING_AWAY, NULL);
    close_side(&relay->front, row->ws, span_string(row->text));
    close_side(&relay->back, row->ws, span_string(row->text));
}

static void couple(struct relay *relay, struct relay_side *side, struct relay_side *other, struct endpoint *endpoint)
{
    *side = (struct relay_side){.relay = relay, .endpoint = endpoint, .other = other};
    endpoint_attach(endpoint, &endpoint_user, side);
}

bool relay_new(struct loop *loop, struct endpoint *front, struct endpoint *back, struct counted *owner,
               _Atomic uint64_t *sessions, const struct peer *peer)
{
    struct relay *relay = slab_take(&loop->slabs, sizeof *relay);
    if (!relay) {
        endpoint_abort(front, ENDING_MEMORY);
        endpoint_abort(back, ENDING_MEMORY);
        return false;
    }
    relay->loop = loop;
    relay->owner = owner;
    relay->sessions = sessions;
    relay->peer = *peer;
    relay->why = ENDING_DONE;
    relay->guest.leave = leave;
    counted_ref(owner);
    if (sessions)
        counter_add(sessions, 1);
    couple(relay, &relay->front, &relay->back, front);
    couple(relay, &relay->back, &relay->front, back);
    list_init(&relay->guest.link);
    list_append(&loop->guests, &relay->guest.link);
    if (loop->leaving)
        leave(&relay->guest);
    return true;
}
