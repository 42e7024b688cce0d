#include "bench.h"
#include "colour.h"
#include "layout.h"

#include <inttypes.h>
#include <string.h>

enum { INDENT = 16 };

/* From this share of a core on the generator may have set the rate, not the server. */
#define BUSY 0.9

/* ---- numbers */

/* Thousands are marked. */
const char *bench_count(double number, char text[BENCH_NUMBER])
{
    char digits[BENCH_NUMBER];
    int length = snprintf(digits, sizeof digits, "%.0f", number), used = 0;
    for (int i = 0; i < length && used < BENCH_NUMBER - 2; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

/* Three digits that count, as "1.23 ms". */
static const char *print_scaled(double value, double step, const char *const *units, size_t count,
                                char text[BENCH_NUMBER])
{
    size_t unit = 0;
    for (; value >= step && unit + 1 < count; unit++)
        value /= step;
    snprintf(text, BENCH_NUMBER, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[unit]);
    return text;
}

const char *bench_time(double us, char text[BENCH_NUMBER])
{
    static const char *const units[] = {"µs", "ms", "s"};
    return print_scaled(us, 1000, units, 3, text);
}

static const char *print_bytes(double bytes, char text[BENCH_NUMBER])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    if (bytes >= 1024)
        return print_scaled(bytes, 1024, units, 5, text);
    snprintf(text, BENCH_NUMBER, "%.0f bytes", bytes);
    return text;
}

/* ---- parts */

static void print_load(const struct layout *layout, const struct load_settings *settings,
                       const struct load_result *result)
{
    char number[BENCH_NUMBER], size[BENCH_NUMBER], rate[BENCH_NUMBER];
    bool has_depth = settings->mode == LOAD_ECHO || settings->mode == LOAD_STORM;
    bench_count(settings->connections, number);
    layout_title(layout, "Load");
    if (has_depth)
        layout_row(layout, "connections", "%s, each with %u message%s of %s in flight", number, settings->depth,
                   settings->depth == 1 ? "" : "s", print_bytes((double)settings->size, size));
    else
        layout_row(layout, "connections", "%s%s", number, settings->mode <= LOAD_HELLOS ? " at a time" : "");
    if (settings->mode == LOAD_SLOW)
        layout_row(layout, "reading", "%s per second on each connection", print_bytes(settings->rate, rate));
    else if (settings->rate > 0)
        layout_row(layout, "schedule", "%s per second over all of them, whatever the server does",
                   bench_count(settings->rate, rate));
    if (result->version[0])
        layout_row(layout, "TLS", "%s, %s%s%s", result->version, result->cipher, result->group[0] ? ", " : "",
                   result->group);
    layout_row(layout, "time", "%.1f s%s", result->seconds, settings->warm_up > 0 ? ", after the warm-up" : "");
}

static void print_work(const struct layout *layout, const char *label, const struct load_work *work, double seconds)
{
    char number[BENCH_NUMBER], rate[BENCH_NUMBER], bytes[BENCH_NUMBER];
    layout_row(layout, label, "%s, %s per second", bench_count((double)work->operations, number),
               bench_count(work->per_second, rate));
    if (work->bytes > 0 && seconds > 0)
        layout_row(layout, "payload", "%s per second", print_bytes((double)work->bytes / seconds, bytes));
}

static void print_latency(const struct layout *layout, const struct load_latency *latency)
{
    char p50[BENCH_NUMBER], p90[BENCH_NUMBER], p99[BENCH_NUMBER], p999[BENCH_NUMBER], max[BENCH_NUMBER];
    if (latency->count == 0)
        return;
    layout_row(layout, "latency", "median %s, 90 %% %s, 99 %% %s, 99.9 %% %s, longest %s",
               bench_time(latency->p50, p50), bench_time(latency->p90, p90), bench_time(latency->p99, p99),
               bench_time(latency->p999, p999), bench_time(latency->max, max));
}

static void print_unsent(const struct layout *layout, uint64_t unsent)
{
    char number[BENCH_NUMBER];
    if (unsent > 0)
        layout_coloured_row(layout, LAYOUT_YELLOW, "not sent",
                            "%s that were due: the server did not keep up with the schedule",
                            bench_count((double)unsent, number));
}

static void print_errors(const struct layout *layout, uint64_t errors, const char *first)
{
    char number[BENCH_NUMBER];
    if (errors == 0)
        layout_coloured_row(layout, LAYOUT_GREEN, "errors", "none");
    else
        layout_coloured_row(layout, LAYOUT_RED, "errors", "%s; the first one: %s", bench_count((double)errors, number),
                            first);
}

static void print_resumed(const struct layout *layout, const struct load_settings *settings,
                          const struct load_result *result)
{
    char number[BENCH_NUMBER];
    if (settings->tls.resumed > 0)
        layout_row(layout, "resumed", "%s of them", bench_count((double)result->resumed, number));
}

static void print_memory(const struct layout *layout, const struct load_server *server)
{
    char before[BENCH_NUMBER], now[BENCH_NUMBER], each[BENCH_NUMBER];
    if (!server->memory_known)
        layout_row(layout, "memory", "not known: reading another user's memory maps takes root");
    else if (server->pss_bytes_per_connection > 0)
        layout_row(layout, "memory", "%s before, %s with the connections: %s bytes for each",
                   print_bytes((double)server->pss_bytes_before, before), print_bytes((double)server->pss_bytes, now),
                   bench_count(server->pss_bytes_per_connection, each));
    else
        layout_row(layout, "memory", "%s before, %s with the connections",
                   print_bytes((double)server->pss_bytes_before, before), print_bytes((double)server->pss_bytes, now));
}

static void print_server(const struct layout *layout, const struct load_settings *settings,
                         const struct load_result *result)
{
    char time[BENCH_NUMBER];
    const struct load_server *server = &result->server;
    if (settings->server == 0)
        return;
    layout_title(layout, "Server");
    if (!server->known) {
        layout_row(layout, "process", "%d is not there, or was not until the end", (int)settings->server);
        return;
    }
    layout_row(layout, "process", "%d, with its descendants %u", (int)settings->server, server->processes);
    layout_row(layout, "CPU", "%.0f %% of a core%s%s",
               result->seconds > 0 ? (double)server->cpu_us / result->seconds / 10000 : 0,
               server->cpu_us_per_operation > 0 ? "; for each operation " : "",
               server->cpu_us_per_operation > 0 ? bench_time(server->cpu_us_per_operation, time) : "");
    print_memory(layout, server);
}

/* ---- what to make of it */

static void print_verdict(const struct layout *layout, const struct load_settings *settings,
                          const struct load_result *result)
{
    const struct load_work *work = &result->work;
    bool has_failed = work->errors > 0 || result->handshakes.errors > 0;
    fputc('\n', layout->out);
    if (!bench_has_worked(result)) {
        layout_word(layout, LAYOUT_RED, "NOTHING WORKED");
        fprintf(layout->out, ": %s.\n", result->first_error[0] ? result->first_error : "no answer came in time");
        return;
    }
    layout_word(layout, has_failed ? LAYOUT_RED : LAYOUT_GREEN, has_failed ? "NOT ALL WORKED" : "ALL WORKED");
    fprintf(layout->out, ": %s\n",
            has_failed                          ? "see the errors above."
            : settings->mode == LOAD_HELLOS     ? "every hello was answered by a whole flight."
            : settings->mode == LOAD_HANDSHAKES ? "every handshake was finished."
            : settings->target.websocket        ? "every message came back as it was sent."
                                                : "every answer had the right status and length.");
    if (result->client_busy >= BUSY && settings->rate <= 0)
        fprintf(layout->out,
                "The generator itself used %.0f %% of a core: it set this rate, not the server, which can do more.\n"
                "Start several at once, each on a core of its own, and add up what they say.\n",
                result->client_busy * 100);
    else if (result->client_busy >= BUSY)
        fprintf(layout->out,
                "The generator itself used %.0f %% of a core: these latencies contain its own delays. Ask for less.\n",
                result->client_busy * 100);
}

static void print_result(const struct layout *layout, const struct load_settings *settings,
                         const struct load_result *result)
{
    char number[BENCH_NUMBER];
    layout_title(layout, "Result");
    if (settings->mode == LOAD_IDLE)
        layout_row(layout, "alive", "%s of them have answered in the end",
                   bench_count((double)result->work.operations, number));
    else
        print_work(layout, bench_operations(settings->mode), &result->work, result->seconds);
    print_resumed(layout, settings, result);
    print_latency(layout, &result->work.latency);
    print_unsent(layout, result->unsent);
    if (settings->mode == LOAD_STORM) {
        print_work(layout, "handshakes", &result->handshakes, result->seconds);
        print_latency(layout, &result->handshakes.latency);
    }
    print_errors(layout, result->work.errors + result->handshakes.errors, result->first_error);
}

/* Where nothing worked there is nothing but the verdict. */
void bench_print_words(const struct bench *bench, const struct load_result *result, FILE *out)
{
    const struct load_settings *settings = &bench->settings;
    const struct layout layout = {out, wants_colour(out), INDENT};
    fprintf(out, "crossgate bench %s %s\n", bench_mode_name(settings->mode), bench->url);
    if (bench_has_worked(result)) {
        print_load(&layout, settings, result);
        print_result(&layout, settings, result);
        print_server(&layout, settings, result);
    }
    print_verdict(&layout, settings, result);
}
