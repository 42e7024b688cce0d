#include "lane.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/* A tenth of the loop's weight. */
enum { NICER = 10 };

struct lane {
    void (*wake)(void *user);
    void *user;
    pthread_t thread;
    bool has_thread;
    void (*work)(void *item); /* NULL, when the thread is asked to work: it is to end */
    void *item;               /* given, and not taken back; NULL: none */
    sem_t given, finished;
};

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        assert(errno == EINTR);
}

/* Each may do so. On Linux both calls are about the thread. */
static void step_back(void)
{
    const struct sched_param none = {0};
    sched_setscheduler(0, SCHED_BATCH, &none);
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
}

static void *run(void *data)
{
    struct lane *lane = data;
    step_back();
    for (;;) {
        wait_for(&lane->given);
        if (!lane->work)
            return NULL;
        lane->work(lane->item);
        sem_post(&lane->finished);
        lane->wake(lane->user);
    }
}

/* Signals are the loop's. */
static bool start(struct lane *lane)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    lane->has_thread = pthread_create(&lane->thread, NULL, run, lane) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return lane->has_thread;
}

struct lane *lane_new(void (*wake)(void *user), void *user)
{
    struct lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return NULL;
    lane->wake = wake;
    lane->user = user;
    sem_init(&lane->given, 0, 0);
    sem_init(&lane->finished, 0, 0);
    return lane;
}

void lane_free(struct lane *lane)
{
    if (!lane)
        return;
    assert(lane_is_free(lane));
    if (lane->has_thread) {
        lane->work = NULL;
        sem_post(&lane->given);
        pthread_join(lane->thread, NULL);
    }
    sem_destroy(&lane->given);
    sem_destroy(&lane->finished);
    free(lane);
}

bool lane_is_free(const struct lane *lane)
{
    return !lane->item;
}

bool lane_give(struct lane *lane, void (*work)(void *item), void *item)
{
    assert(lane_is_free(lane));
    if (!lane->has_thread && !start(lane))
        return false;
    lane->work = work;
    lane->item = item;
    sem_post(&lane->given);
    return true;
}

static void *take_back(struct lane *lane)
{
    void *item = lane->item;
    lane->item = NULL;
    return item;
}

void *lane_take(struct lane *lane)
{
    return lane->item && sem_trywait(&lane->finished) == 0 ? take_back(lane) : NULL;
}

void *lane_wait(struct lane *lane)
{
    if (!lane->item)
        return NULL;
    wait_for(&lane->finished);
    return take_back(lane);
}

uint64_t lane_used(const struct lane *lane)
{
    clockid_t clock;
    struct timespec used = {0};
    if (lane->has_thread && pthread_getcpuclockid(lane->thread, &clock) == 0)
        clock_gettime(clock, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}
