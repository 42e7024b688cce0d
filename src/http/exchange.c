#include "connection.h"

#include "answer.h"
#include "failure.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* A body up to this size leaves in one piece with its head. */
enum { SMALL_BODY = 4096 };

static void bury(struct task *task)
{
    struct exchange *x = CONTAINER_OF(task, struct exchange, burial);
    struct http_connection *c = x->connection;
    exchange_drop(x);
    connection_next(c);
}

struct exchange *exchange_new(struct http_connection *connection)
{
    struct arena *arena = arena_new_from(&connection->loop->arenas);
    struct exchange *x = arena ? arena_alloc(arena, sizeof *x) : NULL;
    if (!x) {
        arena_free(arena);
        return NULL;
    }
    x->connection = connection;
    x->arena = arena;
    x->began = connection->loop->now;
    x->request.arena = arena;
    task_init(&x->burial, bury);
    head_init(&x->head, arena);
    return x;
}

void exchange_drop(struct exchange *x)
{
    x->phase = EXCHANGE_DONE;
    task_cancel(&x->burial);
    if (x->on)
        x->on->on_end(x->user);
    x->connection->exchange = NULL;
    arena_free(x->arena);
}

/* OPTIONS * asks about the server, not about a path (RFC 9110 section 9.3.7). */
static void answer_options(struct exchange *x)
{
    const struct http_header allow = {SPAN("Allow"), SPAN("GET, HEAD, OPTIONS")};
    exchange_answer(x, &(struct http_answer){204, &allow, 1}, SPAN(""));
}

/* "name", "name:port", "[address]:port": the host without its port. */
static struct span without_port(struct span host)
{
    const uint8_t *bracket = host.len > 0 ? memrchr(host.at, ']', host.len) : NULL;
    const uint8_t *colon = host.len > 0 ? memrchr(host.at, ':', host.len) : NULL;
    if (!colon || (bracket && colon < bracket))
        return host;
    return span_head(host, (size_t)(colon - host.at));
}

void exchange_judge(struct exchange *x)
{
    x->misdirected = !stream_serves(x->connection->stream, without_port(x->request.host));
}

bool exchange_takes_body(struct exchange *x)
{
    bool takes = !x->misdirected && x->request.path.len > 0 && service_takes_body(x->connection->site->root, x);
    x->tail = 0;
    return takes;
}

void exchange_serve(struct exchange *x)
{
    struct http_connection *c = x->connection;
    x->serving = true;
    if (x->misdirected)
        exchange_fail(x, ENDING_MISDIRECTED, NULL);
    else if (x->request.path.len > 0)
        service_serve(c->site->root, x);
    else
        answer_options(x);
    x->serving = false;
    assert(x->phase == EXCHANGE_DONE || x->on);
    if (x->phase != EXCHANGE_DONE || !list_is_empty(&x->burial.link))
        return;
    if (x->on) {
        loop_defer(c->loop, PHASE_BURY, &x->burial);
        return;
    }
    exchange_drop(x);
    connection_next(c);
}

static void write_access_log(const struct exchange *x)
{
    const struct http_connection *c = x->connection;
    char who[PEER_TEXT];
    if (!c->site->access_log || c->loop->log->level < LOG_INFO)
        return;
    peer_print(&c->peer, who);
    bool understood = x->request.method_name.len > 0;
    struct span method = understood ? x->request.method_name : SPAN("-");
    struct span target = understood ? x->request.target : SPAN("-");
    log_write(c->loop->log, LOG_INFO, "%s %.*s %.*s %u %" PRIu64 " %" PRIu64 " ms", who, SPAN_ARGS(method),
              SPAN_ARGS(target), x->status, x->sent, c->loop->now - x->began);
}

/* The last act of each exchange that was answered. Whoever called us may still look at it: it is freed later. */
static void complete(struct exchange *x)
{
    struct http_connection *c = x->connection;
    x->phase = EXCHANGE_DONE;
    counter_add(&c->loop->counters->requests, 1);
    write_access_log(x);
    connection_answered(c);
    if (!x->serving)
        loop_defer(c->loop, PHASE_BURY, &x->burial);
}

/* The answer cannot be completed. */
static void give_up(struct exchange *x, enum ending why, const char *detail)
{
    x->phase = EXCHANGE_DONE;
    connection_end(x->connection, why, detail);
    if (!x->serving)
        loop_defer(x->connection->loop, PHASE_BURY, &x->burial);
}

const struct http_request *exchange_request(const struct exchange *x)
{
    return &x->request;
}

const struct http_site *exchange_site(const struct exchange *x)
{
    return x->connection->site;
}

const struct peer *exchange_peer(const struct exchange *x)
{
    return &x->connection->peer;
}

struct loop *exchange_loop(const struct exchange *x)
{
    return x->connection->loop;
}

bool exchange_describe(const struct exchange *x, struct connection_facts *facts)
{
    *facts = (struct connection_facts){.arena = x->arena, .skips_local = facts->skips_local};
    return stream_describe(x->connection->stream, facts);
}

struct span exchange_tail(const struct exchange *x)
{
    return span_tail(x->request.path, x->tail);
}

void exchange_descend(struct exchange *x, size_t n)
{
    assert(n <= x->request.path.len - x->tail);
    x->tail += n;
}

void exchange_show_version(struct exchange *x)
{
    x->shows_version = true;
}

void exchange_watch(struct exchange *x, const struct exchange_user *on, void *user)
{
    x->on = on;
    x->user = user;
}

uint64_t exchange_body_length(const struct exchange *x)
{
    if (!x->request.has_body)
        return 0;
    return x->body.step == BODY_BYTES ? x->body.left : HTTP_LENGTH_UNKNOWN;
}

void exchange_receive(struct exchange *x, bool wanted)
{
    if (x->phase != EXCHANGE_DONE && x->owed)
        connection_receive(x->connection, wanted);
}

static enum exchange_framing framing_of(const struct exchange *x, unsigned status, uint64_t length)
{
    if (x->request.method == HTTP_HEAD || status == 204 || status == 304)
        return FRAMING_NONE;
    if (length != HTTP_LENGTH_UNKNOWN)
        return FRAMING_LENGTH;
    return x->request.http_1_0 ? FRAMING_CLOSE : FRAMING_CHUNKED;
}

/* False when memory is out; then the exchange is over. */
static bool begin(struct exchange *x, const struct http_answer *answer, uint64_t length, struct span body)
{
    struct http_connection *c = x->connection;
    assert(x->phase == EXCHANGE_OPEN && answer->status >= 200);
    x->phase = EXCHANGE_BEGUN;
    x->status = answer->status;
    x->framing = framing_of(x, answer->status, length);
    x->length = answer->status == 204 || answer->status == 304 ? HTTP_LENGTH_UNKNOWN : length;
    /* What is said now holds: a plan that changes later does not cut off a client that was told to stay. */
    c->close = connection_is_last(c) || x->framing == FRAMING_CLOSE;
    struct span head = answer_compose(x, answer, body, c->close);
    if (head.len == 0) {
        give_up(x, ENDING_MEMORY, NULL);
        return false;
    }
    connection_write(c, head);
    return true;
}

void exchange_begin(struct exchange *x, const struct http_answer *answer, uint64_t length)
{
    if (x->phase != EXCHANGE_DONE)
        (void)begin(x, answer, length, SPAN(""));
}

static void write_chunk(struct http_connection *c, struct span bytes)
{
    char size[24];
    int length = snprintf(size, sizeof size, "%zx\r\n", bytes.len);
    connection_write(c, span_of(size, (size_t)length));
    connection_write(c, bytes);
    connection_write(c, SPAN("\r\n"));
}

bool exchange_write(struct exchange *x, struct span bytes)
{
    struct http_connection *c = x->connection;
    if (x->phase == EXCHANGE_DONE)
        return false;
    assert(x->phase == EXCHANGE_BEGUN);
    if (x->framing == FRAMING_NONE || bytes.len == 0)
        return true;
    assert(x->length == HTTP_LENGTH_UNKNOWN || bytes.len <= x->length - x->sent);
    x->sent += bytes.len;
    if (x->framing == FRAMING_CHUNKED)
        write_chunk(c, bytes);
    else
        connection_write(c, bytes);
    x->waiting = c->full;
    return !c->full;
}

void exchange_end(struct exchange *x)
{
    if (x->phase == EXCHANGE_DONE)
        return;
    assert(x->phase == EXCHANGE_BEGUN);
    assert(x->framing != FRAMING_LENGTH || x->sent == x->length);
    if (x->framing == FRAMING_CHUNKED)
        connection_write(x->connection, SPAN("0\r\n\r\n"));
    complete(x);
}

void exchange_answer(struct exchange *x, const struct http_answer *answer, struct span body)
{
    if (x->phase == EXCHANGE_DONE)
        return;
    bool none = framing_of(x, answer->status, body.len) == FRAMING_NONE;
    bool small = !none && body.len <= SMALL_BODY;
    if (!begin(x, answer, body.len, small ? body : SPAN("")))
        return;
    if (small)
        x->sent = body.len;
    else
        (void)exchange_write(x, body);
    exchange_end(x);
}

static void fail(struct exchange *x, enum ending why, const char *allow, const char *detail)
{
    struct http_connection *c = x->connection;
    if (x->phase == EXCHANGE_DONE)
        return;
    if (x->phase == EXCHANGE_BEGUN || ending_row(why)->http == 0) {
        give_up(x, why, detail);
        return;
    }
    loop_report(c->loop, why, &c->peer, detail);
    failure_answer(x, why, allow);
}

void exchange_fail(struct exchange *x, enum ending why, const char *detail)
{
    fail(x, why, "GET, HEAD", detail);
}

void exchange_fail_method(struct exchange *x, const char *allow)
{
    fail(x, ENDING_METHOD, allow, NULL);
}

struct stream *exchange_upgrade(struct exchange *x, const struct http_answer *answer)
{
    struct http_connection *c = x->connection;
    assert(x->phase == EXCHANGE_OPEN && answer->status == 101);
    x->status = 101;
    x->framing = FRAMING_NONE;
    x->length = HTTP_LENGTH_UNKNOWN;
    struct span head = answer_compose(x, answer, SPAN(""), false);
    if (head.len > 0)
        connection_write(c, head);
    else
        stream_abort(c->stream, ENDING_MEMORY);
    x->on = NULL;
    x->phase = EXCHANGE_DONE;
    counter_add(&c->loop->counters->requests, 1);
    write_access_log(x);
    loop_defer(c->loop, PHASE_BURY, &x->burial);
    return connection_hand_over(c);
}
