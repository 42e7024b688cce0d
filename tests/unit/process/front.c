/* From accepted sockets to connections, and how many there may be. */
#include "test.h"

#include "front.h"

#include "crossgate/lookout.h"
#include "crossgate/process.h"

#include "crossgate/service.h"
#include "crossgate/websocket.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum { CLIENTS = 5, LIMIT = 2, TURNS = 100 };

struct fixture {
    uv_loop_t uv;
    struct loop loop;
    struct log log;
    struct counters counters;
    struct plan plan;
    struct plan_transport transport;
    struct front *front;
    int clients[CLIENTS];
    unsigned plans_freed;
};

static void serve(const struct service *service, struct exchange *exchange)
{
    (void)service;
    exchange_fail(exchange, ENDING_NOT_FOUND, NULL);
}

static const struct service_ops nothing = {.type = "nothing", .serve = serve};
static const struct service nowhere = {&nothing};

static void plan_free(struct counted *counted)
{
    struct fixture *f = CONTAINER_OF(counted, struct fixture, plan.counted);
    f->plans_freed++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    log_init(&f->log, STDERR_FILENO, LOG_ERROR, "test");
    assert_int_equal(uv_loop_init(&f->uv), 0);
    assert_true(loop_init(&f->loop, &f->uv, &f->log, &f->counters));
    f->loop.lookout = lookout_new();
    assert_non_null(f->loop.lookout);
    f->transport.site = (struct http_site){.root = &nowhere, .owner = &f->plan.counted};
    f->transport.site.superseded = &f->plan.superseded;
    f->plan = (struct plan){.transports = &f->transport, .transport_count = 1};
    f->plan.process.max_connections = LIMIT;
    counted_init(&f->plan.counted, plan_free);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(descriptor, 16), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        f->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(f->clients[i], (struct sockaddr *)&address, sizeof address), 0);
    }
    f->front = front_new(&f->loop, &f->plan, &descriptor);
    assert_non_null(f->front);
    *state = f;
    return 0;
}

static void turn(struct fixture *f)
{
    for (int i = 0; i < TURNS; i++) {
        lookout_wait(&f->loop, 0);
        loop_settle(&f->loop);
        loop_bury(&f->loop);
        if (f->front)
            front_settle(f->front);
    }
}

static void hang_up(struct fixture *f, size_t client)
{
    if (f->clients[client] >= 0)
        close(f->clients[client]);
    f->clients[client] = -1;
}

/* Everything ends by itself, and the plan with its last connection. */
static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CLIENTS; i++)
        hang_up(f, i);
    front_close(f->front);
    f->front = NULL;
    turn(f);
    assert_int_equal(f->counters.connections_open, 0);
    assert_int_equal(f->plans_freed, 1);
    lookout_free(f->loop.lookout);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    loop_deinit(&f->loop);
    free(f);
    return 0;
}

static void nobody_is_accepted_before_it_opens(void **state)
{
    struct fixture *f = *state;
    turn(f);
    assert_int_equal(f->counters.connections_accepted, 0);
    assert_true(front_open(f->front));
    turn(f);
    assert_true(f->counters.connections_accepted > 0);
}

static void limit_holds_and_who_waits_comes_in_when_others_leave(void **state)
{
    struct fixture *f = *state;
    assert_true(front_open(f->front));
    turn(f);
    assert_int_equal(f->counters.connections_open, LIMIT);
    assert_int_equal(f->counters.endings[ENDING_TOO_MANY], 1);
    hang_up(f, 0);
    turn(f);
    assert_int_equal(f->counters.connections_accepted, LIMIT + 1);
    assert_int_equal(f->counters.connections_open, LIMIT);
}

static void connections_outlive_the_front_and_keep_its_plan(void **state)
{
    struct fixture *f = *state;
    assert_true(front_open(f->front));
    turn(f);
    front_close(f->front);
    f->front = NULL;
    turn(f);
    assert_int_equal(f->counters.connections_open, LIMIT);
    assert_true(f->plan.superseded);
    assert_int_equal(f->plans_freed, 0);
}

static void front_that_was_never_opened_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    front_close(f->front);
    f->front = NULL;
    turn(f);
    assert_int_equal(f->plans_freed, 1);
}

static void limit_follows_from_the_descriptors(void **state)
{
    (void)state;
    assert_int_equal(process_connections_of(0, true), 1);
    assert_int_equal(process_connections_of(1, true), 1);
    assert_int_equal(process_connections_of(48, true), 12);
    assert_int_equal(process_connections_of(1024, true), 448);
    assert_int_equal(process_connections_of(1048576, true), 524224);
    assert_int_equal(process_connections_of(UINT64_MAX, true), UINT32_MAX);
}

static void who_opens_nothing_else_has_them_all(void **state)
{
    (void)state;
    assert_int_equal(process_connections_of(1, false), 1);
    assert_int_equal(process_connections_of(20000, false), 19872);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_accepted_before_it_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(limit_holds_and_who_waits_comes_in_when_others_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(connections_outlive_the_front_and_keep_its_plan, setup, teardown),
        cmocka_unit_test_setup_teardown(front_that_was_never_opened_leaves_nothing, setup, teardown),
        cmocka_unit_test(limit_follows_from_the_descriptors),
        cmocka_unit_test(who_opens_nothing_else_has_them_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
