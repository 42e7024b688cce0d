/* Requests as a visitor may send them. The first byte is the size of the parts in which the rest comes. Whatever comes, the
 * connection must give back all it took, and answer the same however the bytes were cut. Paths that begin with "/take" have
 * their body taken, with a pause after each piece. */
#include "../unit/http/world.h"

struct taker {
    struct exchange *exchange;
    struct loop *loop;
    struct task task;
    uint64_t length;
    uint64_t sum;
};

static void on_room(void *user)
{
    (void)user;
}

static void on_body(void *user, struct span bytes, bool last)
{
    struct taker *taker = user;
    assert(bytes.len > 0 || last);
    taker->length += bytes.len;
    for (size_t i = 0; i < bytes.len; i++)
        taker->sum = taker->sum * 31 + bytes.at[i];
    if (last) {
        exchange_answer(taker->exchange, &(struct http_answer){.status = 200 + (unsigned)(taker->sum % 300)}, SPAN(""));
        return;
    }
    exchange_receive(taker->exchange, false);
    loop_defer(taker->loop, PHASE_SETTLE, &taker->task);
}

static void go_on(struct task *task)
{
    exchange_receive(CONTAINER_OF(task, struct taker, task)->exchange, true);
}

static void on_end(void *user)
{
    struct taker *taker = user;
    task_cancel(&taker->task);
    free(taker);
}

static const struct exchange_user taker_user = {on_room, on_body, on_end};

static bool takes_body(const struct service *service, struct exchange *exchange)
{
    (void)service;
    return span_starts(exchange_request(exchange)->path, SPAN("/take"));
}

static void take(struct exchange *exchange)
{
    struct taker *taker = calloc(1, sizeof *taker);
    assert(taker);
    taker->exchange = exchange;
    taker->loop = exchange_loop(exchange);
    task_init(&taker->task, go_on);
    exchange_watch(exchange, &taker_user, taker);
    loop_defer(taker->loop, PHASE_SETTLE, &taker->task);
}

static void serve(const struct service *service, struct exchange *exchange)
{
    const struct http_request *request = exchange_request(exchange);
    struct span path = request->path;
    assert(path.len > 0 && path.at[0] == '/' && !memchr(path.at, 0, path.len));
    assert(!memmem(path.at, path.len, "/../", 4) && !memmem(path.at, path.len, "//", 2));
    assert(request->host.len > 0 || request->http_1_0);
    if (takes_body(service, exchange) && exchange_body_length(exchange) > 0)
        take(exchange);
    else
        exchange_answer(exchange, &(struct http_answer){.status = 200}, path);
}

static const struct service_ops ops = {"fuzz", serve, takes_body};
static const struct service root = {&ops};

/* The statuses of all answers, and whether the connection was closed, as one number. Whether "100 Continue" is said depends on the
 * cut: not if the body has begun to come (RFC 9110 section 10.1.1). */
static uint64_t run(const uint8_t *data, size_t size, size_t step)
{
    struct world world;
    world_init(&world, &root);
    world.log.level = LOG_ERROR;
    world_open(&world);
    world_feed(&world, (const char *)data, size, step);
    uint64_t result = world_closed(&world);
    const char *out = (const char *)world.fake->out;
    const char *end = out + world.fake->out_length;
    while ((out = memmem(out, (size_t)(end - out), "HTTP/1.1 ", 9))) {
        out += 9;
        uint64_t status = (uint64_t)strtol(out, NULL, 10);
        result = status == 100 ? result : result * 31 + status;
    }
    world_eof(&world);
    world_close(&world);
    world_deinit(&world);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint64_t cut = run(data + 1, size - 1, (size_t)data[0] + 1);
    assert(run(data + 1, size - 1, 0) == cut);
    return 0;
}
