/* Backends, asked by the code that workers call them with. */
#include "turn.h"

#include "crossgate/process.h"

#include <stdlib.h>
#include <unistd.h>

struct trial {
    struct backend backend; /* with our patience */
    struct trials *all;
    struct backend_check *check; /* NULL: it has answered */
};

struct trials {
    void (*on_verdict)(void *user, const struct backend *backend, const struct backend_verdict *verdict);
    void *user;
    size_t open;
};

static void conclude(struct trial *trial, const struct backend_verdict *verdict)
{
    trial->check = NULL;
    trial->all->open--;
    trial->all->on_verdict(trial->all->user, &trial->backend, verdict);
}

static void on_answer(void *user, const struct backend_verdict *verdict)
{
    conclude(user, verdict);
}

static void begin(struct trial *trial, struct loop *loop, struct counted *owner)
{
    const struct backend *backend = &trial->backend;
    enum health_type type = backend->kind == BACKEND_HTTP ? HEALTH_TLS : HEALTH_WEBSOCKET;
    trial->all->open++;
    trial->check = backend_check_new(loop, backend, type, owner, on_answer, trial);
    if (!trial->check)
        conclude(trial, &(struct backend_verdict){BACKEND_UNKNOWN, ENDING_MEMORY, NULL});
}

static void ask_all(struct turn *turn, struct trial *trials, size_t count, struct counted *owner, uint32_t within)
{
    loop_tick(&turn->loop);
    uint64_t until = turn->loop.now + within;
    struct trials *all = count > 0 ? trials->all : NULL;
    for (size_t i = 0; i < count; i++)
        begin(&trials[i], &turn->loop, owner);
    loop_settle(&turn->loop);
    loop_bury(&turn->loop); /* some have failed at once */
    while (all && all->open > 0 && turn->loop.now < until)
        turn_once(turn, until);
    for (size_t i = 0; i < count; i++) {
        if (trials[i].check)
            conclude(&trials[i], &(struct backend_verdict){BACKEND_FAILS, ENDING_BACKEND_LATE, NULL});
    }
}

bool backends_try(const struct backend *const *backends, size_t count, struct counted *owner, uint32_t within,
                  void (*on_verdict)(void *user, const struct backend *backend, const struct backend_verdict *verdict),
                  void *user)
{
    struct trials all = {.on_verdict = on_verdict, .user = user};
    struct trial *trials = calloc(count + 1, sizeof *trials);
    struct counters *counters = calloc(1, sizeof *counters);
    struct turn *turn = calloc(1, sizeof *turn);
    struct log log;
    log_init(&log, STDERR_FILENO, LOG_QUIET, "");
    if (!trials || !counters || !turn || !turn_init(turn, &log, counters))
        return false;
    for (size_t i = 0; i < count; i++) {
        trials[i] = (struct trial){.backend = *backends[i], .all = &all};
        if (trials[i].backend.target.timeout > within)
            trials[i].backend.target.timeout = within;
    }
    ask_all(turn, trials, count, owner, within);
    return true;
}
