#include "mode.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What is read at the edges of the time that is counted. */
struct edge {
    uint64_t client_ns;
    struct tree_reading server;
    bool known;
};

struct whole {
    struct load load;
    struct tree tree;
    struct edge before, begin, end; /* without connections; of the time that is counted */
    uv_timer_t reporter;
    uint64_t reported_at, reported_operations;
};

static mode_start *const modes[] = {
    [LOAD_HANDSHAKES] = handshakes_start,
    [LOAD_REQUESTS] = requests_start,
    [LOAD_ECHO] = echo_start,
    [LOAD_BULK] = requests_start,
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
    edge->known = whole->tree.root > 0 && tree_read(&whole->tree, &edge->server);
}

static void begin_crew(struct crew *crew)
{
    if (crew->job)
        crew_begin(crew);
}

static void on_phase(struct run *run)
{
    struct whole *whole = whole_of(run);
    if (run->phase == RUN_WARMING) {
        begin_crew(&whole->load.crew);
        begin_crew(&whole->load.storm);
    } else if (run->phase == RUN_COUNTING) {
        read_edge(whole, &whole->begin);
    } else {
        read_edge(whole, &whole->end);
        uv_close((uv_handle_t *)&whole->reporter, NULL);
        crew_stop(&whole->load.crew);
        crew_stop(&whole->load.storm);
    }
}

/* ---- progress */

enum { REPORT = 1000 }; /* ms */

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
    const struct tree_reading *before = &whole->before.server, *end = &whole->end.server;
    to->memory_known = before->is_pss_known && end->is_pss_known;
    if (!to->memory_known)
        return;
    to->pss_bytes_before = before->pss;
    to->pss_bytes = end->pss;
    if (connections > 0 && end->pss > before->pss)
        to->pss_bytes_per_connection = (double)(end->pss - before->pss) / connections;
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
    if (whole->before.known)
        tell_memory(to, whole, connections);
}

static void tell(const struct whole *whole, struct load_result *result)
{
    const struct run *run = &whole->load.run;
    bool counted = run->began[RUN_COUNTING] > 0;
    double seconds = counted ? (double)(run->began[RUN_OVER] - run->began[RUN_COUNTING]) / 1e9 : 0;
    *result = (struct load_result){.connections = run->open_most, .seconds = seconds, .resumed = run->resumed};
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
    if (run->work.operations > 0 || run->work.bytes > 0 || run->settings->mode == LOAD_IDLE)
        return true;
    error_set(error, ERROR_SYSTEM, "%s", run->first_error[0] ? run->first_error : "no operation was done in that time");
    return false;
}

/* ---- the run */

bool mode_start_crew(struct load *load, const struct job *job, void *shared, unsigned depth, struct error *error)
{
    const struct load_settings *settings = load->run.settings;
    struct crew plan = {
        .run = &load->run,
        .job = job,
        .client = settings->target.tls ? &load->client : NULL,
        .work = &load->run.work,
        .shared = shared,
        .count = settings->connections,
        .depth = depth,
        .pace = {.rate = (uint64_t)settings->rate},
    };
    if (plan.client && !client_init(plan.client, settings, &settings->tls, error))
        return false;
    return crew_start(&load->crew, &plan, error);
}

static bool start(struct whole *whole, const struct load_settings *settings, struct error *error)
{
    struct run *run = &whole->load.run;
    run->on_phase = on_phase;
    whole->reported_at = run->now;
    tree_init(&whole->tree, settings->server);
    uv_timer_init(&run->uv, &whole->reporter);
    if (settings->progress)
        uv_timer_start(&whole->reporter, on_report, REPORT, REPORT);
    read_edge(whole, &whole->before);
    if (settings->server > 0 && !whole->before.known)
        error_set(error, ERROR_INPUT, "process %d: it is not there, or nothing can be read of it",
                  (int)settings->server);
    else
        return modes[settings->mode](&whole->load, error);
    return false;
}

static bool run_whole(struct whole *whole, const struct load_settings *settings, struct error *error)
{
    struct load *load = &whole->load;
    load->crew.alarm_fd = load->storm.alarm_fd = -1;
    bool good = start(whole, settings, error);
    if (!good)
        run_end(&load->run);
    run_turn(&load->run);
    crew_free(&load->crew);
    crew_free(&load->storm);
    client_deinit(&load->client);
    client_deinit(&load->storm_client);
    free(load->shared);
    tree_deinit(&whole->tree);
    run_deinit(&load->run);
    return good;
}

bool load_run(const struct load_settings *settings, struct load_result *result, struct error *error)
{
    struct route route;
    unsigned connections = settings->connections + settings->storm.connections;
    if (!route_find(&route, settings, error) || !route_make_room(connections, error))
        return false;
    struct whole *whole = calloc(1, sizeof *whole);
    if (!whole || !run_init(&whole->load.run, settings, error)) {
        error_set(error, ERROR_MEMORY, "out of memory");
        free(whole);
        return false;
    }
    whole->load.run.route = route;
    bool good = run_whole(whole, settings, error) && is_worth_telling(&whole->load.run, error);
    if (good)
        tell(whole, result);
    free(whole);
    return good;
}
