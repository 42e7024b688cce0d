/* The locks of OpenSSL, waited for asleep.
 *
 * libcrypto takes a pthread_rwlock for a few nanoseconds some dozen times a handshake: for extra data, engines, random numbers, blinding.
 * A writer of glibc's that finds one whose owner has just begun to take or to leave it spins until that is done. Is the owner our thread for
 * costly steps, and the loop what interrupted it there, then the loop spins on the core which the other needs, until the kernel's next tick
 * or the one after: up to 8 ms, in a storm once or twice a second. Asleep it leaves the core, and is back when the owner has long gone on.
 *
 * In storms one nap is enough, seldom two. Whoever needs many waits for something else, and then as the C library has it: it tells a thread
 * that holds the lock already (EDEADLK), and hands over to a writer among readers, of whom there is always one when we look.
 *
 * This takes the place of glibc's for the whole program: the loader finds the symbols of the program before those of the C library. Readers
 * are left alone: there are hundreds of them a handshake, nearly all of locks that nobody writes any more. The lock of an RSA key is the
 * exception, written for its blinding: a reader of that one may spin still. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <time.h>

enum { NAP = 5000 }; /* ns, to which the kernel adds its 50 us of slack; what is held there is held for much less */
enum { NAPS = 100 }; /* at most */

static void nap(void)
{
    const struct timespec time = {.tv_nsec = NAP};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static int wait_for(pthread_rwlock_t *lock)
{
    static const struct timespec never = {.tv_sec = INT_MAX};
    return pthread_rwlock_clockwrlock(lock, CLOCK_MONOTONIC, &never);
}

__attribute__((visibility("default"))) int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    for (int naps = 0; naps < NAPS; naps++) {
        int status = pthread_rwlock_trywrlock(lock);
        if (status != EBUSY)
            return status;
        nap();
    }
    return wait_for(lock);
}
