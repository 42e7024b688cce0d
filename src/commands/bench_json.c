#include "bench.h"
#include "json_lines.h"

/* Numbers that were not measured are null. */
static void decimal(struct json *json, const char *name, double value, bool known)
{
    char text[64];
    snprintf(text, sizeof text, "%.3f", value);
    json_word(json, name, known ? text : "null");
}

static void count(struct json *json, const char *name, uint64_t value, bool known)
{
    if (known)
        json_number(json, name, (int64_t)value);
    else
        json_word(json, name, "null");
}

static void print_latency(struct json *json, const struct load_latency *latency)
{
    bool known = latency->count > 0;
    json_open(json, "latency_us", '{');
    decimal(json, "mean", latency->mean, known);
    decimal(json, "p50", latency->p50, known);
    decimal(json, "p90", latency->p90, known);
    decimal(json, "p99", latency->p99, known);
    decimal(json, "p999", latency->p999, known);
    decimal(json, "max", latency->max, known);
    json_close(json, '}');
}

static void print_server(struct json *json, const struct bench *bench, const struct load_server *server)
{
    bool has_memory = server->known && server->memory_known;
    json_open(json, "server", '{');
    count(json, "pid", (uint64_t)bench->settings.server, bench->settings.server > 0);
    count(json, "processes", server->processes, server->known);
    count(json, "cpu_us", server->cpu_us, server->known);
    decimal(json, "cpu_us_per_operation", server->cpu_us_per_operation,
            server->known && server->cpu_us_per_operation > 0);
    count(json, "pss_bytes_before", server->pss_bytes_before, has_memory);
    count(json, "pss_bytes", server->pss_bytes, has_memory);
    decimal(json, "pss_bytes_per_connection", server->pss_bytes_per_connection,
            has_memory && server->pss_bytes_per_connection > 0);
    json_close(json, '}');
}

static void print_client(struct json *json, const struct load_result *result)
{
    json_open(json, "client", '{');
    count(json, "cpu_us", result->client_cpu_us, result->seconds > 0);
    decimal(json, "busy", result->client_busy, result->seconds > 0);
    json_close(json, '}');
}

static void print_tls(struct json *json, const struct load_result *result)
{
    json_open(json, "tls", '{');
    json_text(json, "version", result->version);
    json_text(json, "cipher", result->cipher);
    json_text(json, "group", result->group);
    count(json, "resumed", result->resumed, result->version[0]);
    json_close(json, '}');
}

static void print_handshakes(struct json *json, const struct load_work *work)
{
    json_open(json, "handshakes", '{');
    count(json, "operations", work->operations, true);
    count(json, "errors", work->errors, true);
    decimal(json, "per_second", work->per_second, true);
    print_latency(json, &work->latency);
    json_close(json, '}');
}

void bench_print_json(const struct bench *bench, const struct load_result *result, FILE *out)
{
    const struct load_settings *settings = &bench->settings;
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_text(&json, "mode", bench_mode_name(settings->mode));
    json_text(&json, "url", bench->url);
    count(&json, "connections", settings->connections, true);
    count(&json, "depth", settings->depth, true);
    count(&json, "size", settings->size, settings->size > 0 || settings->size_given);
    decimal(&json, "seconds", result->seconds, true);
    count(&json, "operations", result->work.operations, true);
    count(&json, "bytes", result->work.bytes, true);
    count(&json, "errors", result->work.errors, true);
    count(&json, "unsent", result->unsent, settings->rate > 0 && settings->mode != LOAD_SLOW);
    json_text(&json, "first_error", result->first_error);
    decimal(&json, "per_second", result->work.per_second, result->seconds > 0);
    print_latency(&json, &result->work.latency);
    print_server(&json, bench, &result->server);
    print_client(&json, result);
    print_tls(&json, result);
    if (settings->mode == LOAD_STORM)
        print_handshakes(&json, &result->handshakes);
    json_close(&json, '}');
    fputc('\n', out);
}
