/* Memory that OpenSSL asks for and does not get: on the thread for heavy handshakes, and on the loop when a connection is open. */
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>

/* So many more times the thread gets what it asks for; what comes then is refused once, or for as long as it is scarce. */
static struct {
    atomic_bool is_scarce, once, on_loop;
    atomic_long left, refused;
    pthread_t loop;
} scarcity;

static bool is_refused(void)
{
    if (!scarcity.is_scarce || (pthread_equal(pthread_self(), scarcity.loop) != 0) != scarcity.on_loop)
        return false;
    long left = scarcity.left--;
    bool refused = scarcity.once ? left == 0 : left <= 0;
    scarcity.refused += refused;
    return refused;
}

static void *scarce_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 || is_refused() ? NULL : malloc(size);
}

static void *scarce_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_refused() ? NULL : realloc(block, size);
}

static void scarce_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    free(block);
}

static void be_scarce(long after, bool once, bool on_loop)
{
    scarcity.left = after;
    scarcity.once = once;
    scarcity.on_loop = on_loop;
    scarcity.refused = 0;
    scarcity.is_scarce = true;
}

/* True: there was an allocation to be refused. */
static bool survives_refusal(long after, bool once)
{
    join_heavy();
    be_scarce(after, once, false);
    run_all();
    scarcity.is_scarce = false;
    assert_int_equal(world.server.opened + world.server.ends, 1);
    if (world.server.ends == 1)
        assert_true(scarcity.refused > 0);
    hang_up();
    return scarcity.refused > 0;
}

/* At each step of a handshake, more of them where there are few: the connection ends, or OpenSSL did without. */
static void handshake_beside_the_loop_survives_each_failing_allocation(void **state)
{
    (void)state;
    scarcity.loop = pthread_self();
    /* The first handshake also makes what OpenSSL keeps for the whole process; refusals begin after it, at what is one connection's. */
    join_heavy();
    run_all();
    hang_up();
    for (int once = 0; once < 2; once++) {
        long refusals = 0;
        for (long after = 0; survives_refusal(after, once); after += 1 + after / 32)
            refusals++;
        assert_true(refusals > 50);
    }
    open_default();
}

/* Whoever lacks it ends, and the other one sees him go. Over TLS 1.3 it may be OpenSSL that lacks it, for a ticket, and has another word for
 * it, as its alert has. */
static bool is_end_for_want_of_memory(const struct user *user)
{
    switch (user->why) {
    case ENDING_DONE:
    case ENDING_MEMORY:
    case ENDING_PEER_TRUNCATED:
        return true;
    case ENDING_TLS_BROKEN:
    case ENDING_BACKEND_TLS:
        return world.version == TLS1_3_VERSION;
    default:
        return false;
    }
}

/* The ticket, what is said, what is prepared of the keys for it, and the farewell. True: there was an allocation to be refused. */
static bool open_connection_survives_refusal(long after, bool once)
{
    open_default();
    be_scarce(after, once, true);
    stream_write(world.client.stream, SPAN("question"));
    stream_write(world.server.stream, SPAN("answer"));
    run();
    if (world.client.stream)
        stream_finish(world.client.stream);
    run();
    if (world.server.stream)
        stream_finish(world.server.stream);
    run();
    scarcity.is_scarce = false;
    assert_int_equal(world.client.ends + world.server.ends, 2);
    assert_true(is_end_for_want_of_memory(&world.client) && is_end_for_want_of_memory(&world.server));
    const bool lacked = world.client.why == ENDING_MEMORY || world.server.why == ENDING_MEMORY;
    assert_true(!lacked || scarcity.refused > 0);
    if (scarcity.refused == 0) {
        expect_got(&world.server, SPAN("question"));
        expect_got(&world.client, SPAN("answer"));
    }
    hang_up();
    return scarcity.refused > 0;
}

static void open_connection_survives_each_failing_allocation(void **state)
{
    (void)state;
    scarcity.loop = pthread_self();
    open_default();
    hang_up();
    for (int i = 0; i < 4; i++) {
        long refusals = 0;
        world.version = i < 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
        while (open_connection_survives_refusal(refusals, i % 2))
            refusals++;
        assert_true(refusals > 4);
    }
    open_default();
}

int main(void)
{
    if (CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc, scarce_free) != 1)
        return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_lane, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(handshake_beside_the_loop_survives_each_failing_allocation),
        TEST(open_connection_survives_each_failing_allocation),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
