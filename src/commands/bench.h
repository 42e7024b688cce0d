/* `crossgate bench`: the words of its command line become what is loaded and how. */
#ifndef CROSSGATE_COMMANDS_BENCH_H
#define CROSSGATE_COMMANDS_BENCH_H

#include "options.h"

#include "crossgate/load.h"

#include <stdio.h>

struct bench_words {
    const char *connections, *depth, *size, *rate, *seconds, *warm_up;
    const char *resumed, *tls, *ciphers, *groups;
    const char *handshake_rate, *handshake_connections, *handshake_tls, *handshake_ciphers;
    const char *sources, *server, *ca;
    struct option_lines headers;
    bool at_once, get, insecure, json, remote, wait;
};

enum { BENCH_HEADERS = 64 };

struct bench {
    struct load_settings settings; /* borrows from the command line, and from: */
    const char *headers[BENCH_HEADERS];
    const char *url;
    bool is_ready; /* and has said so, if it is to wait */
};

/* False: all mistakes are printed, each with what would be right. Cuts words->headers into its lines. */
bool bench_read(const struct usage *usage, struct bench_words *words, struct bench *bench)
    __attribute__((warn_unused_result));

const char *bench_mode_name(enum load_mode mode);

/* What one operation of the mode is called, in the plural: "messages". */
const char *bench_operations(enum load_mode mode);

/* Whether there is anything to tell: a download may take longer than the run. */
static inline bool bench_has_worked(const struct load_result *result)
{
    return result->work.operations > 0 || (result->work.bytes > 0 && result->work.errors == 0);
}

/* The result: for people, or as one JSON object. */
void bench_print_words(const struct bench *bench, const struct load_result *result, FILE *out);
void bench_print_json(const struct bench *bench, const struct load_result *result, FILE *out);

/* Numbers for people: "1,234,567"; "1.23 ms". */
enum { BENCH_NUMBER = 32 };
const char *bench_count(double number, char text[BENCH_NUMBER]);
const char *bench_time(double us, char text[BENCH_NUMBER]);

#endif
