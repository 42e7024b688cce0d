/* A session whose realm decides where it goes: Crossbar's proxy worker.
 *
 *   hello ──the first message is whole──> calling ──the backend consents──> coupled: the relay has both
 *     └────────────────────────── refused ──────────┘
 *
 * The visitor is not read while his backend is called. His HELLO is passed on as it came. */
#include "crossgate/relay.h"

#include <assert.h>
#include <stdlib.h>

struct routed {
    struct loop *loop;
    struct endpoint *front;
    const struct routes *routes;
    struct routed_visitor visitor; /* owns facts.arena */
    struct upstream_call *call;    /* NULL: none is under way */
    struct deadline deadline;
    struct guest guest;
    uint8_t *hello; /* as far as it has come */
    size_t length;
    bool ended; /* reported; the front endpoint is about to end */
};

static void routed_free(struct routed *r)
{
    deadline_disarm(&r->deadline);
    list_remove(&r->guest.link);
    arena_free(r->visitor.facts.arena);
    counted_unref(r->visitor.owner);
    free(r->hello);
    free(r);
}

static void note_end(struct routed *r, enum ending why, const char *detail)
{
    assert(!r->ended);
    r->ended = true;
    deadline_disarm(&r->deadline);
    loop_report(r->loop, why, &r->visitor.peer, detail);
    if (r->call)
        upstream_call_cancel(r->call);
    r->call = NULL;
}

static void refuse(struct routed *r, enum ending why, const char *detail)
{
    note_end(r, why, detail);
    endpoint_abort(r->front, why);
}

/* ---- the backend's answer */

/* The backend has its first message before the relay has it: it is new, so there is room. Without a relay both are aborted, and
 * the front's end is still told to us. */
static void on_backend_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct routed *r = user;
    (void)answer; /* there was one subprotocol to choose from */
    _Atomic uint64_t *sessions = upstream_call_sessions(r->call);
    r->call = NULL;
    (void)endpoint_send(back, r->visitor.serializer->kind, span_of(r->hello, r->length), true);
    websocket_session_join(r->front, back);
    if (!relay_new(r->loop, r->front, back, r->visitor.owner, sessions, &r->visitor.peer)) {
        note_end(r, ENDING_MEMORY, NULL);
        return;
    }
    endpoint_pause(r->front, false);
    routed_free(r);
}

static void on_backend_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct routed *r = user;
    (void)answer;
    r->call = NULL;
    refuse(r, why, detail);
}

static const struct backend_call_user call_user = {.on_open = on_backend_open, .on_fail = on_backend_fail};

/* ---- the first message */

static const struct route *find_route(const struct routes *routes, const struct wamp_realm *realm)
{
    for (size_t i = 0; i < routes->count; i++) {
        if (span_equal(routes->at[i].realm, span_of(realm->text, realm->length)))
            return &routes->at[i];
    }
    return NULL;
}

/* A WAMP session ends with ABORT, and there is nothing wrong with the connection: so an orderly Close follows. */
static void refuse_realm(struct routed *r, const struct wamp_realm *realm)
{
    uint8_t bytes[WAMP_ABORT_MAX];
    const struct wamp_serializer *serializer = r->visitor.serializer;
    size_t length = wamp_abort_print(serializer, "wamp.error.no_such_realm", "there is no such realm here", bytes);
    note_end(r, ENDING_NO_ROUTE, realm->text);
    if (length > 0)
        endpoint_send(r->front, serializer->kind, span_of(bytes, length), true);
    endpoint_close(r->front, ending_row(ENDING_NO_ROUTE)->ws, span_of(NULL, 0));
}

static void take_hello(struct routed *r)
{
    struct wamp_realm realm;
    deadline_disarm(&r->deadline); /* the call has its own */
    endpoint_pause(r->front, true);
    if (!wamp_hello_read(r->visitor.serializer, span_of(r->hello, r->length), &realm)) {
        refuse(r, ENDING_BAD_HELLO, NULL);
        return;
    }
    const struct route *route = find_route(r->routes, &realm);
    if (!route) {
        refuse_realm(r, &realm);
        return;
    }
    const struct backend_visitor asking = {
        .serializer = r->visitor.serializer,
        .peer = &r->visitor.peer,
        .secure = r->visitor.secure,
        .port = r->visitor.port,
        .facts = &r->visitor.facts,
    };
    r->call = upstream_call_new(r->loop, route->upstream, r->visitor.owner, &asking, &call_user, r);
    if (!r->call)
        refuse(r, ENDING_MEMORY, NULL);
}

static enum ending gather(struct routed *r, enum message_kind kind, struct span piece)
{
    if (kind != r->visitor.serializer->kind)
        return ENDING_UNSENDABLE_KIND;
    if (piece.len > WAMP_HELLO_MAX - r->length)
        return ENDING_WS_TOO_LARGE;
    if (piece.len == 0)
        return ENDING_DONE;
    uint8_t *grown = realloc(r->hello, r->length + piece.len);
    if (!grown)
        return ENDING_MEMORY;
    memcpy(grown + r->length, piece.at, piece.len);
    r->hello = grown;
    r->length += piece.len;
    return ENDING_DONE;
}

static void on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct routed *r = user;
    enum ending why = gather(r, kind, piece);
    if (why != ENDING_DONE)
        refuse(r, why, NULL);
    else if (last)
        take_hello(r);
}

/* ---- what else the front endpoint tells */

static void on_room(void *user)
{
    (void)user;
}

/* It ends by itself. */
static void on_close(void *user, uint16_t code, struct span reason)
{
    (void)code;
    (void)reason;
    note_end(user, ENDING_DONE, NULL);
}

static void on_end(void *user, enum ending why)
{
    struct routed *r = user;
    if (!r->ended)
        note_end(r, why, NULL);
    routed_free(r);
}

static const struct endpoint_user front_user = {
    .on_message = on_message,
    .on_room = on_room,
    .on_close = on_close,
    .on_end = on_end,
};

/* ---- time and leaving */

static void on_deadline(struct deadline *deadline)
{
    refuse(CONTAINER_OF(deadline, struct routed, deadline), ENDING_HELLO_LATE, NULL);
}

static void leave(struct guest *guest)
{
    struct routed *r = CONTAINER_OF(guest, struct routed, guest);
    const struct ending_row *row = ending_row(ENDING_GOING_AWAY);
    if (r->ended)
        return;
    note_end(r, ENDING_GOING_AWAY, NULL);
    endpoint_close(r->front, row->ws, span_string(row->text));
}

bool routed_new(struct loop *loop, struct endpoint *front, const struct routes *routes,
                const struct routed_visitor *visitor)
{
    struct routed *r = calloc(1, sizeof *r);
    if (!r) {
        endpoint_abort(front, ENDING_MEMORY);
        arena_free(visitor->facts.arena);
        return false;
    }
    r->loop = loop;
    r->front = front;
    r->routes = routes;
    r->visitor = *visitor;
    counted_ref(visitor->owner);
    deadline_init(&r->deadline, on_deadline);
    deadline_arm(&loop->deadlines, &r->deadline, visitor->hello_timeout, loop->now);
    r->guest.leave = leave;
    list_init(&r->guest.link);
    list_append(&loop->guests, &r->guest.link);
    endpoint_attach(front, &front_user, r);
    if (loop->leaving)
        leave(&r->guest);
    return true;
}
