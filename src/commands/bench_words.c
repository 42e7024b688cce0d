#include "bench.h"
#include "commands.h"

#include "crossgate/base/nearest.h"
#include "crossgate/base/span.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER_MAX = 1 << 22, SECONDS_MAX = 86400, RATE_MAX = 1000000000 };

/* Sets of modes. */
#define BIT(mode) (1U << (mode))
enum { EVERY_MODE = BIT(LOAD_SLOW + 1) - 1 };

static const struct mode {
    const char *name, *operations;
    bool http, websocket; /* schemes that it is for … */
    bool tls;             /* … over TLS only */
    unsigned connections, size;
    unsigned rate;
} modes[] = {
    [LOAD_HANDSHAKES] = {"handshakes", "handshakes", true, true, true, 10, 0, 0},
    [LOAD_HELLOS] = {"hellos", "flights", true, true, true, 100, 0, 0},
    [LOAD_REQUESTS] = {"requests", "requests", true, false, false, 100, 0, 0},
    [LOAD_ECHO] = {"echo", "messages", false, true, false, 100, 64, 0},
    [LOAD_BULK] = {"bulk", "downloads", true, false, false, 4, 0, 0},
    [LOAD_IDLE] = {"idle", "connections", true, true, false, 1000, 16, 0},
    [LOAD_STORM] = {"storm", "messages", false, true, true, 100, 64, 1000},
    [LOAD_SLOW] = {"slow", "answers", true, true, false, 100, 65536, 16384},
};
enum { MODES = sizeof modes / sizeof modes[0] };

const char *bench_mode_name(enum load_mode mode)
{
    return modes[mode].name;
}

const char *bench_operations(enum load_mode mode)
{
    return modes[mode].operations;
}

struct reader {
    const struct usage *usage;
    const struct bench_words *words;
    unsigned mistakes;
};

static void __attribute__((format(printf, 2, 3))) complain(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "crossgate bench: ");
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    reader->mistakes++;
}

/* ---- values; what is absent or wrong becomes the default */

static uint64_t take_number(struct reader *reader, const char *option, const char *word, uint64_t least, uint64_t most,
                            uint64_t otherwise)
{
    uint64_t number;
    if (!word)
        return otherwise;
    if (span_to_uint(span_string(word), most, &number) && number >= least)
        return number;
    complain(reader, "%s \"%s\": not a number from %llu to %llu", option, word, (unsigned long long)least,
             (unsigned long long)most);
    return otherwise;
}

/* Digits, and perhaps a point between them. */
static double take_decimal(struct reader *reader, const char *option, const char *word, double most, double otherwise)
{
    if (!word)
        return otherwise;
    bool is_number = word[strspn(word, "0123456789.")] == '\0' && strlen(word) < BENCH_NUMBER;
    char *end = NULL;
    double number = is_number ? strtod(word, &end) : 0;
    if (is_number && end != word && *end == '\0' && number <= most)
        return number;
    complain(reader, "%s \"%s\": not a number from 0 to %.0f, as 2 or 0.5", option, word, most);
    return otherwise;
}

/* More than nothing. */
static double take_positive(struct reader *reader, const char *option, const char *word, double most, double otherwise)
{
    double number = take_decimal(reader, option, word, most, otherwise);
    if (number > 0 || !word)
        return number;
    complain(reader, "%s \"%s\": must be more than 0", option, word);
    return otherwise;
}

/* "16384", "16K". */
static uint64_t take_size(struct reader *reader, const char *word, uint64_t most, uint64_t otherwise)
{
    static const char units[] = "KMG";
    uint64_t number;
    if (!word)
        return otherwise;
    struct span digits = span_of(word, strspn(word, "0123456789"));
    const char *unit = word + digits.len, *found = *unit ? strchr(units, *unit & ~0x20) : NULL;
    unsigned shift = found ? 10 * (unsigned)(found - units + 1) : 0;
    if ((*unit == '\0' || (found && unit[1] == '\0')) && span_to_uint(digits, most >> shift, &number))
        return number << shift;
    complain(reader, "--size \"%s\": not a number of bytes up to %llu, as 64, 16K or 1M", word,
             (unsigned long long)most);
    return otherwise;
}

static uint16_t take_version(struct reader *reader, const char *option, const char *word)
{
    if (!word)
        return 0;
    if (strcmp(word, "1.2") == 0)
        return 0x0303;
    if (strcmp(word, "1.3") == 0)
        return 0x0304;
    complain(reader, "%s \"%s\": not 1.2 or 1.3", option, word);
    return 0;
}

/* "Name: value", as they are sent. */
static bool is_header(const char *line)
{
    size_t name = strcspn(line, ": \t");
    for (const char *at = line; *at; at++)
        if ((*at < ' ' && *at != '\t') || *at == '\x7f')
            return false;
    return name > 0 && line[name] == ':';
}

static void take_headers(struct reader *reader, struct option_lines *lines, struct bench *bench)
{
    const char *line;
    for (char *rest = lines->text; option_next_line(&rest, &line);) {
        if (!is_header(line))
            complain(reader, "--header \"%s\": not a header as \"Name: value\"", line);
        else if (bench->settings.header_count == BENCH_HEADERS)
            complain(reader, "--header \"%s\": there are %d before it already", line, BENCH_HEADERS);
        else
            bench->headers[bench->settings.header_count++] = line;
    }
    bench->settings.headers = bench->headers;
}

static void take_handshakes(struct reader *reader, struct load_storm *storm)
{
    const struct bench_words *words = reader->words;
    bool is_max = !words->handshake_rate || strcmp(words->handshake_rate, "max") == 0;
    *storm = (struct load_storm){
        .rate = is_max ? LOAD_RATE_MAX
                       : (double)take_number(reader, "--handshake-rate", words->handshake_rate, 0, RATE_MAX, 0),
        .connections = (unsigned)take_number(reader, "--handshake-connections", words->handshake_connections, 1,
                                             LOAD_CONNECTIONS_MAX, 10),
        .tls = {.version = take_version(reader, "--handshake-tls", words->handshake_tls),
                .ciphers = words->handshake_ciphers},
    };
}

static void take_values(struct reader *reader, struct load_settings *settings)
{
    const struct bench_words *words = reader->words;
    const struct mode *mode = &modes[settings->mode];
    bool is_message = settings->target.websocket;
    settings->connections =
        (unsigned)take_number(reader, "--connections", words->connections, 1, LOAD_CONNECTIONS_MAX, mode->connections);
    settings->depth = (unsigned)take_number(reader, "--depth", words->depth, 1, LOAD_DEPTH_MAX, 1);
    settings->size =
        take_size(reader, words->size, is_message ? LOAD_MESSAGE_MAX : UINT64_C(1) << 50, is_message ? mode->size : 0);
    settings->size_given = words->size != NULL;
    settings->rate = (double)take_number(reader, "--rate", words->rate, 1, RATE_MAX, mode->rate);
    settings->seconds = take_positive(reader, "--seconds", words->seconds, SECONDS_MAX, 5);
    settings->warm_up =
        take_decimal(reader, "--warm-up", words->warm_up, SECONDS_MAX, settings->mode == LOAD_IDLE ? 3 : 1);
    settings->tls.resumed = (unsigned)take_number(reader, "--resumed", words->resumed, 0, 100, 0);
    settings->get = words->get;
    settings->at_once = words->at_once;
    settings->tls.version = take_version(reader, "--tls", words->tls);
    settings->tls.ciphers = words->ciphers;
    settings->tls.groups = words->groups;
    settings->sources = (unsigned)take_number(reader, "--sources", words->sources, 1, LOAD_SOURCES_MAX, 0);
    settings->server = (pid_t)take_number(reader, "--server", words->server, 1, SERVER_MAX, 0);
    settings->authorities = words->ca;
    settings->insecure = words->insecure;
    settings->remote = words->remote;
    if (settings->mode == LOAD_STORM)
        take_handshakes(reader, &settings->storm);
}

/* ---- what fits together */

static void name_modes(unsigned set, char text[128])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < MODES; i++) {
        if (!(set & BIT(i)))
            continue;
        set &= ~BIT(i);
        used += (size_t)snprintf(text + used, 128 - used, "%s%s", used == 0 ? "" : set ? ", " : " and ", modes[i].name);
    }
}

/* An option that would change nothing is a misunderstanding. */
static void judge_options(struct reader *reader, const struct load_settings *settings)
{
    const struct bench_words *words = reader->words;
    const unsigned storm = BIT(LOAD_STORM), messages = BIT(LOAD_ECHO) | storm;
    const struct {
        const char *option, *word;
        unsigned modes;
    } limited[] = {
        {"--depth", words->depth, messages},
        {"--size", words->size, EVERY_MODE & ~(BIT(LOAD_HANDSHAKES) | BIT(LOAD_HELLOS) | BIT(LOAD_IDLE))},
        {"--rate", words->rate,
         messages | BIT(LOAD_HANDSHAKES) | BIT(LOAD_HELLOS) | BIT(LOAD_REQUESTS) | BIT(LOAD_SLOW)},
        {"--resumed", words->resumed, BIT(LOAD_HANDSHAKES)},
        {"--get", words->get ? "" : NULL, BIT(LOAD_HANDSHAKES)},
        {"--at-once", words->at_once ? "" : NULL, BIT(LOAD_HELLOS)},
        {"--handshake-rate", words->handshake_rate, storm},
        {"--handshake-connections", words->handshake_connections, storm},
        {"--handshake-tls", words->handshake_tls, storm},
        {"--handshake-ciphers", words->handshake_ciphers, storm},
    };
    for (size_t i = 0; i < sizeof limited / sizeof limited[0]; i++) {
        char text[128];
        if (!limited[i].word || limited[i].modes & BIT(settings->mode))
            continue;
        name_modes(limited[i].modes, text);
        complain(reader, "%s means nothing to mode %s: it is for %s", limited[i].option, modes[settings->mode].name,
                 text);
    }
}

static void judge_scheme(struct reader *reader, const struct load_settings *settings)
{
    const struct mode *mode = &modes[settings->mode];
    const struct load_target *target = &settings->target;
    bool fits = target->websocket ? mode->websocket : mode->http;
    if (!fits)
        complain(reader, "mode %s loads %s: write the URL as %s%s://…", mode->name,
                 mode->websocket ? "WebSockets" : "HTTP", mode->websocket ? "ws" : "http", target->tls ? "s" : "");
    else if (mode->tls && !target->tls)
        complain(reader, "mode %s is about TLS: write the URL as %s", mode->name,
                 mode->http ? "https://… or wss://…" : "wss://…");
}

static void judge_tls(struct reader *reader, const struct load_settings *settings)
{
    const struct bench_words *words = reader->words;
    const struct {
        const char *option;
        bool given;
    } needing[] = {
        {"--tls", words->tls},
        {"--ciphers", words->ciphers},
        {"--groups", words->groups},
        {"--ca", words->ca},
        {"--insecure", words->insecure},
        {"--handshake-tls", words->handshake_tls},
        {"--handshake-ciphers", words->handshake_ciphers},
    };
    for (size_t i = 0; !settings->target.tls && i < sizeof needing / sizeof needing[0]; i++)
        if (needing[i].given)
            complain(reader, "%s is about TLS, which this URL is without: write https://… or wss://…",
                     needing[i].option);
    if (words->ca && words->insecure)
        complain(reader, "--ca and --insecure exclude each other: the certificate is verified or it is not");
}

static const struct mode *find_mode(const char *word)
{
    for (size_t i = 0; i < MODES; i++)
        if (strcmp(modes[i].name, word) == 0)
            return &modes[i];
    return NULL;
}

static void complain_of_mode(struct reader *reader, const char *word)
{
    char text[128];
    struct nearest nearest = {.word = word};
    for (size_t i = 0; i < MODES; i++)
        nearest_offer(&nearest, modes[i].name);
    name_modes(EVERY_MODE, text);
    complain(reader, "unknown mode \"%s\": %s%s%s", word, nearest.best ? "did you mean " : "there are ",
             nearest.best ? nearest.best : text, nearest.best ? "?" : "");
}

/* "[MODE] URL"; the mode is the scheme's if it is not said. */
static bool take_target(struct reader *reader, struct bench *bench)
{
    const struct option_words *given = reader->usage->words;
    const char *word = given->count == 2 ? given->at[0] : NULL;
    const struct mode *mode = word ? find_mode(word) : NULL;
    struct error error = {.class = ERROR_NONE};
    bench->url = given->at[given->count - 1];
    if (word && !mode)
        complain_of_mode(reader, word);
    if (!word && find_mode(bench->url))
        complain(reader, "URL is missing: write crossgate bench %s wss://localhost:8443/ws", bench->url);
    else if (!load_target_parse(bench->url, &bench->settings.target, &error))
        complain(reader, "%s: %s", bench->url, error.text);
    bench->settings.mode = mode                               ? (enum load_mode)(mode - modes)
                           : bench->settings.target.websocket ? LOAD_ECHO
                                                              : LOAD_REQUESTS;
    return reader->mistakes == 0;
}

bool bench_read(const struct usage *usage, struct bench_words *words, struct bench *bench)
{
    struct reader reader = {.usage = usage, .words = words};
    *bench = (struct bench){.settings = {.mode = LOAD_ECHO}};
    bool has_target = take_target(&reader, bench);
    take_values(&reader, &bench->settings);
    take_headers(&reader, &words->headers, bench);
    if (has_target) {
        judge_scheme(&reader, &bench->settings);
        judge_tls(&reader, &bench->settings);
        judge_options(&reader, &bench->settings);
    }
    if (reader.mistakes > 0)
        fputs("Try: crossgate bench --help\n", stderr);
    return reader.mistakes == 0;
}
