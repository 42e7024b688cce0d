#include "mode.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* CPU time at an edge of the time that is counted. */
struct edge {
    uint64_t client_ns;
    struct tree_reading server;
    bool known;
};

/* The server, looked at whole. */
struct look {
    struct tree_reading server;
    bool known;
};

struct whole {
    struct load load;
    struct tree tree;
    struct look before, after; /* without connections, and with all of them */
    struct edge begin, end;    /* of the time that is counted */
    uint64_t unsent;
    uv_timer_t reporter;
    uint64_t reported_at, reported_operations;
};

static mode_start *const modes[] = {
    [LOAD_HANDSHAKES] = handshakes_start, [LOAD_HELLOS] = hellos_start,
    [LOAD_REQUESTS] = requests_start,     [LOAD_ECHO] = echo_start,
    [LOAD_BULK] = requests_start,         [LOAD_IDLE] = idle_start,
    [LOAD_STORM] = storm_start,           [LOAD_SLOW] = slow_start,
};

static struct whole *whole_of(struct run *run)
{
    return CONTAINER_OF(run, struct whole, load.run);
}

/* ---- the edges */

static void read_edge(struct whole *whole, struct edge *edge)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    edge->client_ns = (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
    edge->known = whole->tree.root > 0 && tree_read_cpu(&whole->tree, &edge->server);
}

/* Takes its time, and holds the server up meanwhile: not while operations are counted. */
static void look_at_server(struct whole *whole, struct look *look)
{
    look->known = whole->tree.root > 0 && tree_read(&whole->tree, &look->server);
}

static void begin_crowd(struct crowd *crowd)
{
    if (crowd->job)
        crowd_begin(crowd);
}

static void begin_work(struct whole *whole)
{
    struct look now; /* of the processes that there are now */
    look_at_server(whole, &now);
    run_tick(&whole->load.run);
    begin_crowd(&whole->load.crowd);
    begin_crowd(&whole->load.storm);
}

static bool is_silent(const struct whole *whole)
{
    return whole->load.run.settings->mode == LOAD_IDLE;
}

/* Silent connections are called when the server has been looked at. */
static void begin_counting(struct whole *whole)
{
    struct run *run = &whole->load.run;
    if (is_silent(whole)) {
        look_at_server(whole, &whole->after);
        run_tick(run);
        run->began[RUN_COUNTING] = run->now;
    }
    read_edge(whole, &whole->begin);
    if (is_silent(whole))
        crowd_call(&whole->load.crowd);
}

static void end_work(struct whole *whole)
{
    struct crowd *crowd = &whole->load.crowd;
    read_edge(whole, &whole->end);
    whole->unsent = crowd->pace.rate ? pace_owed(&crowd->pace, whole->load.run.now) : 0;
    if (!is_silent(whole))
        look_at_server(whole, &whole->after);
    uv_close((uv_handle_t *)&whole->reporter, NULL);
    crowd_stop(crowd);
    crowd_stop(&whole->load.storm);
}

static void on_phase(struct run *run)
{
    struct whole *whole = whole_of(run);
    if (run->phase == RUN_WARMING)
        begin_work(whole);
    else if (run->phase == RUN_COUNTING)
        begin_counting(whole);
    else
        end_work(whole);
}

/* ---- progress */

enum { FIRST_REPORT = 100, REPORT = 250 }; /* ms; whoever ends a run early waits for the next one */

static void on_report(uv_timer_t *timer)
{
    struct whole *whole = CONTAINER_OF(timer, struct whole, reporter);
    struct run *run = &whole->load.run;
    run_tick(run);
    double seconds = (double)(run->now - whole->reported_at) / 1e9;
    struct load_progress progress = {
        .seconds = (double)(run->now - run->began[RUN_OPENING]) / 1e9,
        .warming = run->phase != RUN_COUNTING,
        .open = run->open,
        .operations = run->operations,
        .errors = run->errors,
        .per_second = (double)(run->operations - whole->reported_operations) / seconds,
        .p50_us = (double)histogram_percentile(&run->work.latency, 0.5) / 1e3,
        .p99_us = (double)histogram_percentile(&run->work.latency, 0.99) / 1e3,
        .handshakes = run->handshakes,
    };
    whole->reported_at = run->now;
    whole->reported_operations = run->operations;
    if (!run->settings->progress(run->settings->user, &progress))
        run_end(run);
}

/* ---- the result */

static void tell_work(struct load_work *to, const struct work *from, double seconds)
{
    const struct histogram *latency = &from->latency;
    *to = (struct load_work){
        .operations = from->operations,
        .bytes = from->bytes,
        .errors = from->errors,
        .per_second = seconds > 0 ? (double)from->operations / seconds : 0,
        .latency = {.count = latency->count,
                    .mean = histogram_mean(latency) / 1e3,
                    .p50 = (double)histogram_percentile(latency, 0.5) / 1e3,
                    .p90 = (double)histogram_percentile(latency, 0.9) / 1e3,
                    .p99 = (double)histogram_percentile(latency, 0.99) / 1e3,
                    .p999 = (double)histogram_percentile(latency, 0.999) / 1e3,
                    .max = (double)latency->max / 1e3},
    };
}

static void tell_memory(struct load_server *to, const struct whole *whole, unsigned connections)
{
    const struct tree_reading *before = &whole->before.server, *after = &whole->after.server;
    to->memory_known = whole->after.known && before->is_pss_known && after->is_pss_known;
    if (!to->memory_known)
        return;
    to->pss_bytes_before = before->pss;
    to->pss_bytes = after->pss;
    if (connections > 0 && after->pss > before->pss)
        to->pss_bytes_per_connection = (double)(after->pss - before->pss) / connections;
}

static void tell_server(struct load_server *to, const struct whole *whole, uint64_t operations, unsigned connections)
{
    if (!whole->begin.known || !whole->end.known)
        return;
    to->known = true;
    to->processes = (unsigned)whole->end.server.processes;
    to->cpu_us = (whole->end.server.cpu_ns - whole->begin.server.cpu_ns) / 1000;
    if (operations > 0)
        to->cpu_us_per_operation = (double)to->cpu_us / (double)operations;
    tell_memory(to, whole, connections);
}

static void tell(const struct whole *whole, struct load_result *result)
{
    const struct run *run = &whole->load.run;
    bool counted = run->began[RUN_COUNTING] > 0;
    double seconds = counted ? (double)(run->began[RUN_OVER] - run->began[RUN_COUNTING]) / 1e9 : 0;
    *result = (struct load_result){
        .connections = run->open_most, .seconds = seconds, .unsent = whole->unsent, .resumed = run->resumed};
    tell_work(&result->work, &run->work, seconds);
    tell_work(&result->handshakes, &run->storm, seconds);
    snprintf(result->first_error, sizeof result->first_error, "%s", run->first_error);
    snprintf(result->version, sizeof result->version, "%s", run->version ? run->version : "");
    snprintf(result->cipher, sizeof result->cipher, "%s", run->cipher ? run->cipher : "");
    snprintf(result->group, sizeof result->group, "%s", run->group ? run->group : "");
    tell_server(&result->server, whole, run->work.operations, run->open_most);
    if (seconds > 0) {
        result->client_cpu_us = (whole->end.client_ns - whole->begin.client_ns) / 1000;
        result->client_busy = (double)result->client_cpu_us / 1e6 / seconds;
    }
}

static bool is_worth_telling(const struct run *run, struct error *error)
{
    if (run->work.operations > 0 || run->work.bytes > 0)
        return true;
    error_set(error, ERROR_SYSTEM, "%s", run->first_error[0] ? run->first_error : "no operation was done in that time");
    return false;
}

/* ---- the run */

bool mode_start_crowd(struct load *load, const struct job *job, void *shared, unsigned depth, struct error *error)
{
    const struct load_settings *settings = load->run.settings;
    bool is_silent = settings->mode == LOAD_IDLE, is_slow = settings->mode == LOAD_SLOW;
    struct crowd plan = {
        .run = &load->run,
        .job = job,
        .offer = settings->target.tls && !job->without_tls ? &load->offer : NULL,
        .work = &load->run.work,
        .shared = shared,
        .count = settings->connections,
        .depth = depth,
        .pace = {.rate = is_silent || is_slow ? 0 : (uint64_t)settings->rate},
        .silent = is_silent,
    };
    if (plan.offer && !offer_init(plan.offer, settings, &settings->tls, error))
        return false;
    return crowd_start(&load->crowd, &plan, error);
}

static bool start(struct whole *whole, const struct load_settings *settings, struct error *error)
{
    struct run *run = &whole->load.run;
    run->on_phase = on_phase;
    whole->reported_at = run->now;
    tree_init(&whole->tree, settings->server);
    uv_timer_init(&run->uv, &whole->reporter);
    if (settings->progress)
        uv_timer_start(&whole->reporter, on_report, FIRST_REPORT, REPORT);
    look_at_server(whole, &whole->before);
    if (settings->server > 0 && !whole->before.known)
        error_set(error, ERROR_INPUT, "process %d: it is not there, or nothing can be read of it",
                  (int)settings->server);
    else
        return modes[settings->mode](&whole->load, error);
    return false;
}

static void end_whole(struct whole *whole)
{
    struct load *load = &whole->load;
    crowd_free(&load->crowd);
    crowd_free(&load->storm);
    offer_deinit(&load->offer);
    offer_deinit(&load->storm_offer);
    free(load->shared);
    tree_deinit(&whole->tree);
    run_deinit(&load->run);
    free(whole);
}

static struct whole *begin_whole(const struct load_settings *settings, const struct route *route, struct error *error)
{
    struct whole *whole = calloc(1, sizeof *whole);
    if (!whole || !run_init(&whole->load.run, settings, error)) {
        error_set(error, ERROR_MEMORY, "out of memory");
        free(whole);
        return NULL;
    }
    whole->load.run.route = *route;
    whole->load.crowd.alarm_fd = whole->load.storm.alarm_fd = -1;
    return whole;
}

bool load_run(const struct load_settings *settings, struct load_result *result, struct error *error)
{
    struct route route;
    unsigned connections = settings->connections + settings->storm.connections;
    if (!route_find(&route, settings, error) || !route_make_room(connections, error))
        return false;
    struct whole *whole = begin_whole(settings, &route, error);
    if (!whole)
        return false;
    bool good = start(whole, settings, error);
    if (!good)
        run_end(&whole->load.run);
    run_turn(&whole->load.run);
    tell(whole, result);
    good = good && is_worth_telling(&whole->load.run, error);
    end_whole(whole);
    return good;
}
