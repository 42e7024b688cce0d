#include "run.h"

#include "contact.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

enum {
    TICK = 20,             /* ms */
    OPENING_TIME = 10000,  /* ms, and for each connection … */
    OPENING_TIME_EACH = 5, /* … as many */
    FAILURES_MAX = 8,      /* with nothing between them that worked */
};

void run_tick(struct run *run)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    run->now = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- phases */

static void enter(struct run *run, enum run_phase phase)
{
    if (run->phase >= phase)
        return;
    run->phase = phase;
    run->began[phase] = run->now;
    if (phase == RUN_OVER)
        uv_close((uv_handle_t *)&run->ticker, NULL);
    run->on_phase(run);
}

void run_ready(struct run *run)
{
    const struct load_settings *settings = run->settings;
    run->ready = true;
    if (run->phase == RUN_OPENING && (!settings->may_begin || settings->may_begin(settings->user)))
        enter(run, RUN_WARMING);
}

void run_end(struct run *run)
{
    enter(run, RUN_OVER);
}

static double seconds_in_phase(const struct run *run)
{
    return (double)(run->now - run->began[run->phase]) / 1e9;
}

/* Connections that cannot be made must not keep those that could from work. */
static double patience(const struct run *run)
{
    return (OPENING_TIME + OPENING_TIME_EACH * (double)run->settings->connections) / 1e3;
}

void run_advance(struct run *run)
{
    double seconds = seconds_in_phase(run);
    if (run->phase == RUN_OPENING && (run->ready || (run->open > 0 && seconds >= patience(run))))
        run_ready(run);
    else if (run->phase == RUN_OPENING && seconds >= patience(run))
        enter(run, RUN_OVER);
    else if (run->phase == RUN_WARMING && seconds >= run->settings->warm_up)
        enter(run, RUN_COUNTING);
    else if (run->phase == RUN_COUNTING && seconds >= run->settings->seconds)
        enter(run, RUN_OVER);
}

static void on_tick(uv_timer_t *timer)
{
    struct run *run = CONTAINER_OF(timer, struct run, ticker);
    run_tick(run);
    deadlines_expire(&run->deadlines, run->now / 1000000);
    run_advance(run);
}

/* ---- what is counted */

void run_bytes(struct run *run, struct work *work, uint64_t bytes)
{
    run->failures = 0;
    if (run->phase == RUN_COUNTING)
        work->bytes += bytes;
}

void run_done(struct run *run, struct work *work, uint64_t intended, uint64_t bytes)
{
    run_bytes(run, work, bytes);
    run->operations += work == &run->work;
    run->handshakes += work == &run->storm;
    if (run->phase != RUN_COUNTING)
        return;
    work->operations++;
    histogram_add(&work->latency, run->now > intended ? run->now - intended : 0);
}

void run_note_tls(struct run *run, SSL *ssl)
{
    run->version = SSL_get_version(ssl);
    run->cipher = SSL_get_cipher_name(ssl);
    run->group = SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl));
}

void run_failed(struct run *run, struct work *work, const char *why)
{
    if (run->phase == RUN_OVER)
        return;
    run->errors++;
    work->errors++;
    if (run->first_error[0] == '\0')
        snprintf(run->first_error, sizeof run->first_error, "%s", why);
    if (++run->failures >= FAILURES_MAX && run->operations == 0)
        run_end(run);
}

/* ---- its life */

bool run_init(struct run *run, const struct load_settings *settings, struct error *error)
{
    *run = (struct run){.settings = settings, .method = contact_method_new()};
    deadlines_init(&run->deadlines);
    run_tick(run);
    run->began[RUN_OPENING] = run->now;
    if (!run->method || uv_loop_init(&run->uv) != 0) {
        error_set(error, ERROR_MEMORY, "out of memory");
        BIO_meth_free(run->method);
        return false;
    }
    uv_timer_init(&run->uv, &run->ticker);
    uv_timer_start(&run->ticker, on_tick, TICK, TICK);
    return true;
}

void run_turn(struct run *run)
{
    uv_run(&run->uv, UV_RUN_DEFAULT);
}

void run_deinit(struct run *run)
{
    int status = uv_loop_close(&run->uv);
    assert(status == 0);
    (void)status;
    BIO_meth_free(run->method);
}
