/* A RawSocket visitor, before there is a session: four bytes of handshake, and the wait for the backend.
 *
 *   request ──understood──> dialing ──the backend consents──> answered: session and relay have the stream
 *      └─────────────────────── end ────────┘
 *
 * The visitor gets its answer when the backend has said yes; RawSocket has no word for a backend that is down, so then the
 * connection is closed without one. Where the realm decides which backend it is, the answer comes at once. */
#include "crossgate/services.h"

#include <assert.h>
#include <stdlib.h>

struct visitor {
    struct loop *loop;
    struct stream *stream;
    const struct rawsocket_service *service;
    const struct http_site *site;
    struct peer peer;
    struct upstream_call *call;    /* NULL: none is under way */
    struct connection_facts facts; /* while a call is under way */
    struct deadline deadline;
    struct guest guest;
    struct task go_on;
    struct rawsocket_terms terms;
    uint8_t request[RAWSOCKET_HANDSHAKE];
    size_t request_length;
    bool ended;
};

static void visitor_free(struct visitor *v)
{
    deadline_disarm(&v->deadline);
    task_cancel(&v->go_on);
    list_remove(&v->guest.link);
    arena_free(v->facts.arena);
    counted_unref(v->site->owner);
    free(v);
}

static void note_end(struct visitor *v, enum ending why, const char *detail)
{
    assert(!v->ended);
    v->ended = true;
    deadline_disarm(&v->deadline);
    task_cancel(&v->go_on);
    loop_report(v->loop, why, &v->peer, detail);
    if (v->call)
        upstream_call_cancel(v->call);
    v->call = NULL;
}

/* What we have said is sent first. */
static void end(struct visitor *v, enum ending why, const char *detail)
{
    note_end(v, why, detail);
    stream_finish(v->stream);
}

/* ---- the backend's answer */

/* The answer, and the session. NULL when memory is out, which is reported. */
static struct endpoint *welcome(struct visitor *v)
{
    uint8_t consent[RAWSOCKET_HANDSHAKE];
    stream_pause(v->stream, true);
    rawsocket_print(v->terms.serializer, v->service->front.max_message, consent);
    stream_write(v->stream, span_of(consent, sizeof consent));
    struct endpoint *front = rawsocket_session_new(v->loop, v->stream, RAWSOCKET_SERVER, &v->terms, &v->service->front);
    if (!front)
        loop_report(v->loop, ENDING_MEMORY, &v->peer, NULL);
    return front;
}

static void on_backend_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct visitor *v = user;
    (void)answer; /* there was one serializer to choose from */
    _Atomic uint64_t *sessions = upstream_call_sessions(v->call);
    v->call = NULL;
    struct endpoint *front = welcome(v);
    if (!front)
        endpoint_abort(back, ENDING_MEMORY);
    else if (!relay_new(v->loop, front, back, v->site->owner, sessions, &v->peer))
        loop_report(v->loop, ENDING_MEMORY, &v->peer, NULL);
    visitor_free(v);
}

static void on_backend_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct visitor *v = user;
    (void)answer;
    v->call = NULL;
    end(v, why, detail);
}

static const struct backend_call_user call_user = {.on_open = on_backend_open, .on_fail = on_backend_fail};

static void dial(struct visitor *v)
{
    const struct backend_visitor asking = {
        .serializer = v->terms.serializer,
        .peer = &v->peer,
        .secure = v->site->secure,
        .port = v->site->port,
        .facts = &v->facts,
    };
    v->facts.arena = arena_new();
    if (v->facts.arena && stream_describe(v->stream, &v->facts))
        v->call = upstream_call_new(v->loop, v->service->upstream, v->site->owner, &asking, &call_user, v);
    if (!v->call)
        end(v, ENDING_MEMORY, NULL);
}

/* ---- by realm */

static void go_on(struct task *task)
{
    struct visitor *v = CONTAINER_OF(task, struct visitor, go_on);
    struct routed_visitor visitor = {
        .owner = v->site->owner,
        .serializer = v->terms.serializer,
        .peer = v->peer,
        .secure = v->site->secure,
        .port = v->site->port,
        .facts.arena = arena_new(),
        .hello_timeout = v->site->head_timeout,
    };
    if (!visitor.facts.arena || !stream_describe(v->stream, &visitor.facts)) {
        arena_free(visitor.facts.arena);
        end(v, ENDING_MEMORY, NULL);
        return;
    }
    struct endpoint *front = welcome(v);
    if (!front)
        arena_free(visitor.facts.arena);
    else if (!routed_new(v->loop, front, v->service->routes, &visitor))
        loop_report(v->loop, ENDING_MEMORY, &v->peer, NULL);
    visitor_free(v);
}

/* ---- what the stream tells */

static void on_open(void *user)
{
    struct visitor *v = user;
    if (!v->ended)
        deadline_arm(&v->loop->deadlines, &v->deadline, v->site->head_timeout, v->loop->now);
}

static wamp_serializers serializers_of(const struct rawsocket_service *service)
{
    wamp_serializers set = service->front.serializers;
    return service->upstream ? set : set & service->routes->serializers;
}

/* A session takes the stream over, and we are freed, from PHASE_SETTLE only: on_bytes is on the stack. */
static void take_request(struct visitor *v)
{
    uint8_t refusal[RAWSOCKET_HANDSHAKE];
    enum ending why = rawsocket_request_check(v->request, serializers_of(v->service), &v->terms, refusal);
    deadline_disarm(&v->deadline); /* what follows has its own */
    if (why == ENDING_DONE && v->service->upstream) {
        dial(v);
        return;
    }
    if (why == ENDING_DONE) {
        loop_defer(v->loop, PHASE_SETTLE, &v->go_on);
        return;
    }
    stream_write(v->stream, span_of(refusal, sizeof refusal));
    end(v, why, NULL);
}

/* What follows the request is the session's, and waits in the stream. */
static size_t on_bytes(void *user, struct span bytes)
{
    struct visitor *v = user;
    struct span part = span_head(bytes, sizeof v->request - v->request_length);
    if (part.len == 0)
        return 0;
    memcpy(v->request + v->request_length, part.at, part.len);
    v->request_length += part.len;
    if (v->request_length == sizeof v->request)
        take_request(v);
    return part.len;
}

static void on_room(void *user)
{
    (void)user;
}

static void on_eof(void *user)
{
    end(user, ENDING_PEER_LEFT, NULL);
}

static void on_end(void *user, enum ending why)
{
    struct visitor *v = user;
    if (!v->ended)
        note_end(v, why, v->stream->detail);
    visitor_free(v);
}

static const struct stream_user stream_user = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_room = on_room,
    .on_eof = on_eof,
    .on_end = on_end,
};

/* ---- time and leaving */

static void on_deadline(struct deadline *deadline)
{
    struct visitor *v = CONTAINER_OF(deadline, struct visitor, deadline);
    end(v, v->request_length > 0 ? ENDING_RS_LATE : ENDING_IDLE, NULL);
}

static void leave(struct guest *guest)
{
    struct visitor *v = CONTAINER_OF(guest, struct visitor, guest);
    if (!v->ended)
        end(v, ENDING_GOING_AWAY, NULL);
}

bool rawsocket_visitor_new(struct loop *loop, struct stream *stream, const struct rawsocket_service *service,
                           const struct http_site *site, const struct peer *peer)
{
    struct visitor *v = calloc(1, sizeof *v);
    if (!v) {
        stream_abandon(stream, ENDING_MEMORY);
        return false;
    }
    v->loop = loop;
    v->stream = stream;
    v->service = service;
    v->site = site;
    v->peer = *peer;
    deadline_init(&v->deadline, on_deadline);
    task_init(&v->go_on, go_on);
    v->guest.leave = leave;
    list_init(&v->guest.link);
    list_append(&loop->guests, &v->guest.link);
    counted_ref(site->owner);
    stream_attach(stream, &stream_user, v);
    return true;
}
