/* OpenSSL's locks: who waits to write is the program's, not the C library's, and they still exclude. */
#include "test.h"

#include <openssl/crypto.h>

#include <dlfcn.h>
#include <pthread.h>

enum { ROUNDS = 20000 };

struct shared {
    CRYPTO_RWLOCK *lock;
    int count, copy;
};

static const int of_the_program;

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours_is_found_first),
        cmocka_unit_test(test_writers_exclude),
        cmocka_unit_test(test_readers_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
