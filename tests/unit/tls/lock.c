/* OpenSSL's locks: who waits to write is the program's, not the C library's, and they are locks still. */
#include "test.h"

#include <openssl/crypto.h>

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

enum { ROUNDS = 20000 };
enum { NAPS_MAX = 10000, HOLDS_MAX = 2000 };

struct shared {
    CRYPTO_RWLOCK *lock;
    int count, copy;
};

static const int of_the_program;
static atomic_int naps;

/* The one that our lock has. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
    (void)clock;
    (void)flags;
    assert_true(++naps < NAPS_MAX);
    return nanosleep(time, left);
}

static const char *file_of(const void *address)
{
    Dl_info info;
    assert_true(dladdr(address, &info) != 0);
    return info.dli_fname;
}

/* As the loader finds them for libcrypto. */
static void test_ours_is_found_first(void **state)
{
    (void)state;
    assert_string_equal(file_of(dlsym(RTLD_DEFAULT, "pthread_rwlock_wrlock")), file_of(&of_the_program));
}

static void *count(void *data)
{
    struct shared *shared = data;
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(CRYPTO_THREAD_write_lock(shared->lock), 1);
        shared->count++;
        shared->copy = shared->count;
        CRYPTO_THREAD_unlock(shared->lock);
        assert_int_equal(CRYPTO_THREAD_read_lock(shared->lock), 1);
        assert_int_equal(shared->copy, shared->count);
        CRYPTO_THREAD_unlock(shared->lock);
    }
    return NULL;
}

static void test_writers_exclude(void **state)
{
    struct shared shared = {.lock = CRYPTO_THREAD_lock_new()};
    pthread_t other;
    (void)state;
    assert_int_equal(pthread_create(&other, NULL, count, &shared), 0);
    count(&shared);
    pthread_join(other, NULL);
    assert_int_equal(shared.count, 2 * ROUNDS);
    CRYPTO_THREAD_lock_free(shared.lock);
}

static void test_readers_share(void **state)
{
    CRYPTO_RWLOCK *lock = CRYPTO_THREAD_lock_new();
    (void)state;
    assert_int_equal(CRYPTO_THREAD_read_lock(lock), 1);
    assert_int_equal(CRYPTO_THREAD_read_lock(lock), 1);
    CRYPTO_THREAD_unlock(lock);
    CRYPTO_THREAD_unlock(lock);
    CRYPTO_THREAD_lock_free(lock);
}

/* Found by libcrypto, too. */
static void *take(void *lock)
{
    assert_int_equal(CRYPTO_THREAD_write_lock(lock), 1);
    CRYPTO_THREAD_unlock(lock);
    return NULL;
}

static void test_who_waits_sleeps(void **state)
{
    CRYPTO_RWLOCK *lock = CRYPTO_THREAD_lock_new();
    pthread_t other;
    (void)state;
    naps = 0;
    assert_int_equal(CRYPTO_THREAD_write_lock(lock), 1);
    assert_int_equal(pthread_create(&other, NULL, take, lock), 0);
    while (naps == 0)
        sched_yield();
    CRYPTO_THREAD_unlock(lock);
    pthread_join(other, NULL);
    CRYPTO_THREAD_lock_free(lock);
}

/* Instead of waiting for itself. */
static void test_who_has_it_cannot_take_it_again(void **state)
{
    CRYPTO_RWLOCK *lock = CRYPTO_THREAD_lock_new();
    (void)state;
    naps = 0;
    assert_int_equal(CRYPTO_THREAD_write_lock(lock), 1);
    assert_int_equal(CRYPTO_THREAD_write_lock(lock), 0);
    CRYPTO_THREAD_unlock(lock);
    CRYPTO_THREAD_lock_free(lock);
}

struct reader {
    CRYPTO_RWLOCK *lock;
    atomic_int holds;
    atomic_bool is_over;
};

/* Holds it whenever somebody looks, nearly. */
static void *hold(void *data)
{
    struct reader *reader = data;
    const struct timespec millisecond = {.tv_nsec = 1000000};
    while (reader->holds < HOLDS_MAX && !reader->is_over) {
        assert_int_equal(CRYPTO_THREAD_read_lock(reader->lock), 1);
        reader->holds++;
        nanosleep(&millisecond, NULL);
        CRYPTO_THREAD_unlock(reader->lock);
    }
    return NULL;
}

static void test_reader_does_not_keep_a_writer_out(void **state)
{
    struct reader reader = {.lock = CRYPTO_THREAD_lock_new()};
    pthread_t other;
    (void)state;
    assert_int_equal(pthread_create(&other, NULL, hold, &reader), 0);
    for (int i = 0; i < 2; i++) {
        for (int before = reader.holds; reader.holds == before;)
            sched_yield();
        naps = 0;
        take(reader.lock);
    }
    assert_true(reader.holds < HOLDS_MAX);
    reader.is_over = true;
    pthread_join(other, NULL);
    CRYPTO_THREAD_lock_free(reader.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours_is_found_first),
        cmocka_unit_test(test_writers_exclude),
        cmocka_unit_test(test_readers_share),
        cmocka_unit_test(test_who_waits_sleeps),
        cmocka_unit_test(test_who_has_it_cannot_take_it_again),
        cmocka_unit_test(test_reader_does_not_keep_a_writer_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
