/* The modes that are one crowd with one job. */
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

bool handshakes_start(struct load *load, struct error *error)
{
    if (!mode_start_crowd(load, &handshakes_job, NULL, 1, error))
        return false;
    run_ready(&load->run);
    return true;
}
