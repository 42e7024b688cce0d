/* The shelf of OpenSSL's buffers: OpenSSL asks it, threads share it, and nobody gets what another one has. */
#include "test.h"

#include "crossgate/tls.h"

#include <openssl/crypto.h>

#include <pthread.h>
#include <sched.h>

enum { RECORD = 16384 + 325, SHELF = 8 };

static void test_warm(void **state)
{
    (void)state;
    void *first = OPENSSL_malloc(RECORD);
    void *second = OPENSSL_malloc(RECORD);
    assert_true(first && second && first != second);
    OPENSSL_free(first);
    void *third = OPENSSL_malloc(RECORD + 100);
    assert_ptr_equal(third, first);
    OPENSSL_free(second);
    OPENSSL_free(third);
}

static void test_more_than_it_holds(void **state)
{
    (void)state;
    uint8_t *blocks[SHELF + 2];
    for (int i = 0; i < SHELF + 2; i++) {
        blocks[i] = OPENSSL_malloc(RECORD);
        memset(blocks[i], i, RECORD);
    }
    for (int i = 0; i < SHELF + 2; i++) {
        assert_int_equal(blocks[i][0], i);
        assert_int_equal(blocks[i][RECORD - 1], i);
        OPENSSL_free(blocks[i]);
    }
}

static void test_moves(void **state)
{
    (void)state;
    uint8_t *block = OPENSSL_malloc(RECORD);
    memset(block, 7, RECORD);
    block = OPENSSL_realloc(block, 4 * RECORD);
    assert_int_equal(block[RECORD - 1], 7);
    block = OPENSSL_realloc(block, RECORD);
    assert_int_equal(block[RECORD - 1], 7);
    block = OPENSSL_realloc(block, 16);
    assert_int_equal(block[15], 7);
    OPENSSL_free(block);
    assert_null(OPENSSL_malloc(0));
    OPENSSL_free(NULL);
    assert_null(OPENSSL_realloc(OPENSSL_malloc(RECORD), 0));
    OPENSSL_free(OPENSSL_realloc(NULL, RECORD));
}

static void *take_and_give(void *data)
{
    uint8_t mine = *(uint8_t *)data;
    for (int i = 0; i < 20000; i++) {
        uint8_t *block = OPENSSL_malloc(RECORD);
        block[0] = block[RECORD - 1] = mine;
        if (i % 64 == 0)
            sched_yield();
        assert_true(block[0] == mine && block[RECORD - 1] == mine);
        OPENSSL_free(block);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[3];
    uint8_t names[3] = {1, 2, 3};
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &names[i]), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warm),
        cmocka_unit_test(test_more_than_it_holds),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_threads),
    };
    if (!tls_memory_prepare())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
