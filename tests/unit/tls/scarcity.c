/* Memory that OpenSSL asks for on the thread for heavy handshakes, and does not get. */
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>

/* So many more times the lane's thread gets what it asks for; what comes then is refused once, or for as long as it is scarce. */
static struct {
    atomic_bool is_scarce, once;
    atomic_long left, refused;
    pthread_t loop;
} scarcity;

static bool is_refused(void)
{
    if (!scarcity.is_scarce || pthread_equal(pthread_self(), scarcity.loop))
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

/* True: there was an allocation to be refused. */
static bool survives_refusal(long after, bool once)
{
    join_heavy();
    scarcity.left = after;
    scarcity.once = once;
    scarcity.refused = 0;
    scarcity.is_scarce = true;
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

int main(void)
{
    if (CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc, scarce_free) != 1)
        return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_lane, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(handshake_beside_the_loop_survives_each_failing_allocation),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
