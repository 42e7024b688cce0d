/* The modes: which crowds do which jobs. */
#include "echo.h"
#include "get.h"
#include "handshakes.h"
#include "mode.h"

#include <stdlib.h>

static void *share(struct load *load, size_t size, struct error *error)
{
    load->shared = calloc(1, size);
    if (!load->shared)
        error_set(error, ERROR_MEMORY, "out of memory");
    return load->shared;
}

bool echo_start(struct load *load, struct error *error)
{
    const struct load_settings *settings = load->run.settings;
    struct echo *echo = share(load, sizeof *echo, error);
    return echo && echo_prepare(echo, settings, error) &&
           mode_start_crowd(load, &echo_job, echo, settings->depth, error);
}

bool requests_start(struct load *load, struct error *error)
{
    struct get *get = share(load, sizeof *get, error);
    return get && get_prepare(get, load->run.settings, error) && mode_start_crowd(load, &get_job, get, 1, error);
}

static bool start_visits(struct load *load, struct error *error)
{
    struct get *get = share(load, sizeof *get, error);
    return get && get_prepare(get, load->run.settings, error) && mode_start_crowd(load, &visit_job, get, 1, error);
}

/* Servers may keep a ticket back until something is said. */
bool handshakes_start(struct load *load, struct error *error)
{
    const struct load_settings *settings = load->run.settings;
    bool good = settings->get || settings->tls.resumed > 0 ? start_visits(load, error)
                                                           : mode_start_crowd(load, &handshakes_job, NULL, 1, error);
    if (good)
        run_ready(&load->run);
    return good;
}

bool hellos_start(struct load *load, struct error *error)
{
    const struct load_settings *settings = load->run.settings;
    bool good = offer_init(&load->offer, settings, &settings->tls, error) &&
                hellos_prepare(&load->hellos, &load->run, &load->offer, error) &&
                mode_start_crowd(load, &hellos_job, &load->hellos, 1, error);
    if (good)
        run_ready(&load->run);
    return good;
}

bool idle_start(struct load *load, struct error *error)
{
    return load->run.settings->target.websocket ? echo_start(load, error) : requests_start(load, error);
}

/* What the kernel takes in before it is read would hide that the reader is slow. */
enum { SLOW_RECEIVE = 16384 };

bool slow_start(struct load *load, struct error *error)
{
    load->run.read_rate = load->run.settings->rate;
    load->run.route.receive_buffer = SLOW_RECEIVE;
    return idle_start(load, error);
}

bool storm_start(struct load *load, struct error *error)
{
    const struct load_settings *settings = load->run.settings;
    const struct load_storm *storm = &settings->storm;
    struct crowd plan = {
        .run = &load->run,
        .job = &hellos_job,
        .work = &load->run.storm,
        .shared = &load->hellos,
        .count = storm->connections,
        .depth = 1,
        .pace = {.rate = storm->rate > 0 ? (uint64_t)storm->rate : 0},
    };
    if (!echo_start(load, error))
        return false;
    return storm->rate == 0 || (offer_init(&load->storm_offer, settings, &storm->tls, error) &&
                                hellos_prepare(&load->hellos, &load->run, &load->storm_offer, error) &&
                                crowd_start(&load->storm, &plan, error));
}
