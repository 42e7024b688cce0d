/* Asking backends at intervals whether they work. What follows from the answers is in state.c. */
#include "dial.h"
#include "state.h"

#include <stdlib.h>
#include <sys/random.h>

/* In so many steps the first checks are spread over an interval. */
enum { SPREAD = 8 };

/* A check under way. It outlives its checker until streams and endpoints have let go of it. */
struct check {
    struct checker *checker; /* NULL: its answer is of no interest any more */
    struct counted *owner;
    struct stream *stream;     /* being connected */
    struct backend_call *call; /* being called */
};

/* One backend to be asked again and again. */
struct checker {
    struct health *health;
    struct upstream_member *member;
    struct check *check; /* NULL: it waits for the next one */
    struct deadline next;
};

struct health {
    struct loop *loop;
    struct counted *owner;
    size_t count;
    struct checker checkers[];
};

static void check_free(struct check *check)
{
    counted_unref(check->owner);
    free(check);
}

/* ---- the answer */

static void wait_for_next(struct checker *checker)
{
    struct loop *loop = checker->health->loop;
    deadline_arm(&loop->deadlines, &checker->next, checker->member->check->interval, loop->now);
}

/* What is our own fault says nothing of the backend. */
static void conclude(struct check *check, enum ending why, const struct http_response *answer, const char *detail)
{
    struct checker *checker = check->checker;
    check->checker = NULL;
    checker->check = NULL;
    const struct upstream_member *member = checker->member;
    bool failed = why != ENDING_DONE && backend_has_failed(why, answer);
    if (failed) {
        counter_add(&checker->health->loop->counters->health_checks_failed, 1);
        backend_state_note_miss(member->state, member->check, why, detail);
    } else if (why == ENDING_DONE || ending_row(why)->fault == FAULT_BACKEND) {
        backend_state_note_pass(member->state, member->check);
    }
    wait_for_next(checker);
}

/* ---- tcp */

static void on_stream_open(void *user)
{
    struct check *check = user;
    conclude(check, ENDING_DONE, NULL, NULL);
    stream_abort(check->stream, ENDING_DONE);
}

static size_t on_bytes(void *user, struct span bytes)
{
    (void)user;
    return bytes.len;
}

static void on_nothing(void *user)
{
    (void)user;
}

static void on_stream_end(void *user, enum ending why)
{
    struct check *check = user;
    char detail[BACKEND_DETAIL];
    if (check->checker) {
        backend_detail_print(check->checker->member->backend, check->stream->detail, detail);
        conclude(check, why, NULL, detail);
    }
    check_free(check);
}

static const struct stream_user stream_user = {
    .on_open = on_stream_open,
    .on_bytes = on_bytes,
    .on_room = on_nothing,
    .on_eof = on_nothing,
    .on_end = on_stream_end,
};

static bool begin_tcp(struct check *check, struct loop *loop, const struct backend *backend)
{
    check->stream = net_connect(loop, &backend->target);
    if (check->stream)
        stream_attach(check->stream, &stream_user, check);
    return check->stream != NULL;
}

/* ---- websocket */

static void on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    (void)user;
    (void)kind;
    (void)piece;
    (void)last;
}

static void on_close(void *user, uint16_t code, struct span reason)
{
    (void)user;
    (void)code;
    (void)reason;
}

static void on_session_end(void *user, enum ending why)
{
    (void)why;
    check_free(user);
}

static const struct endpoint_user endpoint_user = {
    .on_message = on_message,
    .on_room = on_nothing,
    .on_close = on_close,
    .on_end = on_session_end,
};

static void on_call_open(void *user, struct endpoint *back, const struct http_response *answer)
{
    struct check *check = user;
    (void)answer;
    check->call = NULL;
    conclude(check, ENDING_DONE, NULL, NULL);
    endpoint_attach(back, &endpoint_user, check);
    endpoint_close(back, 1000, SPAN("health check"));
}

static void on_call_fail(void *user, enum ending why, const struct http_response *answer, const char *detail)
{
    struct check *check = user;
    check->call = NULL;
    conclude(check, why, answer, detail);
    check_free(check);
}

static const struct backend_call_user call_user = {.on_open = on_call_open, .on_fail = on_call_fail};

/* A visitor that comes from nowhere and can speak WAMP, since a node may refuse who cannot. */
static bool begin_websocket(struct check *check, struct loop *loop, const struct backend *backend)
{
    struct http_header fields[] = {
        {SPAN("Sec-WebSocket-Protocol"), SPAN("wamp.2.json, wamp.2.msgpack, wamp.2.cbor, wamp.2.ubjson")},
        {SPAN("User-Agent"), SPAN("Crossgate health check")},
    };
    const struct http_request request = {
        .target = SPAN("/"),
        .raw_path = SPAN("/"),
        .path = SPAN("/"),
        .host = backend->target.kind == NET_TCP ? span_string(backend->target.host) : SPAN("localhost"),
        .headers = {fields, sizeof fields / sizeof *fields},
    };
    const struct peer peer = {.family = PEER_UNIX};
    const struct backend_visitor visitor = {.request = &request, .peer = &peer, .secure = backend->tls != NULL};
    check->call = backend_call_new(loop, backend, check->owner, &visitor, &call_user, check);
    return check->call != NULL;
}

/* ---- life */

/* Without memory the check is left out. */
static void begin(struct deadline *deadline)
{
    struct checker *checker = CONTAINER_OF(deadline, struct checker, next);
    struct health *health = checker->health;
    const struct health_check *how = checker->member->check;
    struct check *check = calloc(1, sizeof *check);
    if (!check) {
        wait_for_next(checker);
        return;
    }
    counter_add(&health->loop->counters->health_checks, 1);
    check->owner = health->owner;
    counted_ref(check->owner);
    bool begun = how->type == HEALTH_TCP ? begin_tcp(check, health->loop, &how->backend)
                                         : begin_websocket(check, health->loop, &how->backend);
    if (!begun) {
        check_free(check);
        wait_for_next(checker);
        return;
    }
    check->checker = checker;
    checker->check = check;
}

static uint32_t first_wait(uint32_t interval)
{
    uint8_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        return interval;
    uint32_t wait = interval / SPREAD * (random % SPREAD + 1U);
    return wait > 0 ? wait : interval;
}

static void add(struct health *health, struct upstream_member *member)
{
    struct checker *checker = &health->checkers[health->count++];
    *checker = (struct checker){.health = health, .member = member};
    deadline_init(&checker->next, begin);
    backend_state_set_checked(member->state, true);
    deadline_arm(&health->loop->deadlines, &checker->next, first_wait(member->check->interval), health->loop->now);
}

static size_t count_checks(const struct upstream *upstreams)
{
    size_t count = 0;
    for (const struct upstream *upstream = upstreams; upstream; upstream = upstream->next) {
        for (size_t i = 0; i < upstream->count; i++)
            count += upstream->members[i].check != NULL;
    }
    return count;
}

struct health *health_start(struct loop *loop, struct upstream *upstreams, struct counted *owner)
{
    struct health *health = calloc(1, sizeof *health + count_checks(upstreams) * sizeof health->checkers[0]);
    if (!health)
        return NULL;
    health->loop = loop;
    health->owner = owner;
    for (struct upstream *upstream = upstreams; upstream; upstream = upstream->next) {
        for (size_t i = 0; i < upstream->count; i++) {
            if (upstream->members[i].check)
                add(health, &upstream->members[i]);
        }
    }
    return health;
}

/* A session that is being closed needs nobody. */
static void abandon(struct check *check)
{
    check->checker = NULL;
    if (check->call) {
        backend_call_cancel(check->call);
        check_free(check);
    } else {
        stream_abort(check->stream, ENDING_DONE);
    }
}

void health_stop(struct health *health)
{
    if (!health)
        return;
    for (size_t i = 0; i < health->count; i++) {
        struct checker *checker = &health->checkers[i];
        deadline_disarm(&checker->next);
        if (checker->check)
            abandon(checker->check);
        backend_state_set_checked(checker->member->state, false);
    }
    free(health);
}
