#include "crossgate/base/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

bool loop_init(struct loop *loop, void *uv, struct log *log, struct counters *counters)
{
    *loop = (struct loop){.uv = uv, .log = log, .counters = counters};
    loop->receive = malloc(LOOP_RECEIVE_BYTES);
    loop->plaintext = malloc(LOOP_PLAINTEXT_BYTES);
    loop->message = malloc(LOOP_MESSAGE_BYTES);
    if (!loop->receive || !loop->plaintext || !loop->message) {
        free(loop->receive);
        free(loop->plaintext);
        free(loop->message);
        return false;
    }
    pool_init(&loop->pool);
    slabs_init(&loop->slabs, SLAB_CHUNK_BYTES);
    deadlines_init(&loop->deadlines);
    for (size_t i = 0; i < PHASE_COUNT; i++)
        list_init(&loop->phases[i]);
    list_init(&loop->guests);
    list_init(&loop->kept);
    list_init(&loop->backends);
    list_init(&loop->gatherers);
    loop_tick(loop);
    return true;
}

void loop_deinit(struct loop *loop)
{
    for (size_t i = 0; i < PHASE_COUNT; i++)
        assert(list_is_empty(&loop->phases[i]));
    assert(list_is_empty(&loop->guests));
    assert(list_is_empty(&loop->kept));
    assert(list_is_empty(&loop->backends));
    assert(loop->listings == 0);
    assert(list_is_empty(&loop->gatherers) && loop->gathered == 0);
    pool_deinit(&loop->pool);
    slabs_deinit(&loop->slabs);
    arena_store_deinit(&loop->arenas);
    challenges_deinit(&loop->challenges);
    free(loop->receive);
    free(loop->plaintext);
    free(loop->message);
}

void loop_tick(struct loop *loop)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    loop->now = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void task_init(struct task *task, void (*run)(struct task *))
{
    list_init(&task->link);
    task->run = run;
}

void task_cancel(struct task *task)
{
    list_remove(&task->link);
}

void loop_defer(struct loop *loop, enum loop_phase phase, struct task *task)
{
    if (list_is_empty(&task->link))
        list_append(&loop->phases[phase], &task->link);
}

static void run_phase(struct loop *loop, enum loop_phase phase)
{
    struct list *waiting = &loop->phases[phase];
    while (!list_is_empty(waiting)) {
        struct task *task = CONTAINER_OF(waiting->next, struct task, link);
        task_cancel(task);
        task->run(task);
    }
}

void loop_settle(struct loop *loop)
{
    do {
        run_phase(loop, PHASE_SETTLE);
        run_phase(loop, PHASE_FLUSH);
    } while (!list_is_empty(&loop->phases[PHASE_SETTLE]));
}

void loop_bury(struct loop *loop)
{
    loop->turn++;
    do {
        run_phase(loop, PHASE_BURY);
        loop_settle(loop);
    } while (!list_is_empty(&loop->phases[PHASE_BURY]));
}

void loop_report(struct loop *loop, enum ending why, const struct peer *peer, const char *detail)
{
    const struct ending_row *row = ending_row(why);
    counter_add(&loop->counters->endings[why], 1);
    enum log_level level = row->log == LOG_QUIET ? LOG_DEBUG : row->log;
    if (level > loop->log->level)
        return;
    char who[PEER_TEXT] = "-";
    if (peer)
        peer_print(peer, who);
    log_write(loop->log, level, "%s: %s%s%s", who, row->text, detail ? ": " : "", detail ? detail : "");
}
