#include "bench.h"
#include "colour.h"
#include "commands.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_ERRORS = 1, EXIT_NOTHING = 3 };

/* One line, written over by the next one. */
static void show(const struct bench *bench, const struct load_progress *progress)
{
    char rate[BENCH_NUMBER], errors[BENCH_NUMBER], p99[BENCH_NUMBER], p50[BENCH_NUMBER];
    fprintf(stderr, "\r\033[K%3.0f s%s  %u open  %s %s/s", progress->seconds, progress->warming ? " (warm-up)" : "",
            progress->open, bench_count(progress->per_second, rate), bench_operations(bench->settings.mode));
    if (progress->p99_us > 0)
        fprintf(stderr, "  median %s, 99 %% %s", bench_time(progress->p50_us, p50), bench_time(progress->p99_us, p99));
    if (progress->errors > 0)
        fprintf(stderr, "  %s errors", bench_count((double)progress->errors, errors));
    fflush(stderr);
}

/* From the first report on, SIGINT and SIGTERM wait until the next one asks for them, and then end the run. */
static bool is_interrupted(void)
{
    sigset_t ending, pending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    return sigprocmask(SIG_BLOCK, &ending, NULL) == 0 && sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM));
}

static bool on_progress(void *user, const struct load_progress *progress)
{
    if (wants_colour(stderr))
        show(user, progress);
    return !is_interrupted();
}

/* It is said once that all connections are there; a line, or the end of input, is the word to begin. */
static bool may_begin(void *user)
{
    struct bench *bench = user;
    struct pollfd word = {.fd = STDIN_FILENO, .events = POLLIN};
    if (!bench->is_ready)
        fputs("ready\n", stderr);
    bench->is_ready = true;
    return poll(&word, 1, 0) > 0;
}

static int run(const struct usage *usage, struct bench *bench, const struct bench_words *words)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct error error = {.class = ERROR_NONE};
    struct load_result result = {.seconds = 0};
    bench->settings.progress = on_progress;
    bench->settings.may_begin = words->wait ? may_begin : NULL;
    bench->settings.user = bench;
    sigaction(SIGPIPE, &ignore, NULL); /* a server that closes while we write must not end us */
    bool is_measured = load_run(&bench->settings, &result, &error);
    if (wants_colour(stderr))
        fputs("\r\033[K", stderr);
    if (!is_measured && error.class == ERROR_INPUT)
        return usage_refuse(usage, "%s", error.text);
    if (!is_measured)
        snprintf(result.first_error, sizeof result.first_error, "%s", error.text);
    (words->json ? bench_print_json : bench_print_words)(bench, &result, stdout);
    if (!bench_has_worked(&result))
        return EXIT_NOTHING;
    return result.work.errors + result.handshakes.errors > 0 ? EXIT_ERRORS : 0;
}

static const char about[] =
    "Loads a server as its clients do, checks every answer, and says how fast they came and what\n"
    "they cost. Any server will do, if it is on this machine: another one is somebody's, and\n"
    "needs --remote.\n\n"
    "Modes:\n"
    "  handshakes  connect, make a TLS handshake, close; --connections at a time\n"
    "  hellos      connect, send a ClientHello, take in the server's flight, close: all of the work\n"
    "              is the server's\n"
    "  requests    GET what the URL names again and again (default for http, https)\n"
    "  echo        WebSocket messages that must come back as they were (default for ws, wss)\n"
    "  bulk        download what the URL names, one after the other on each connection\n"
    "  idle        open all connections, keep silent, and see what one of them costs\n"
    "  storm       echo at a fixed rate, and hellos beside it: who waits how long\n"
    "  slow        readers that take their time: what does the server keep for them\n\n"
    "Ctrl-C ends a run early, with what it has measured.\n\n"
    "Exit status: 0 if all operations worked, 1 if some did not, 2 for a wrong command line or\n"
    "file, 3 if nothing worked.\n";

static const char examples[] =
    "  crossgate bench wss://localhost:8443/ws\n"
    "  crossgate bench handshakes https://localhost:8443 --tls 1.3 --connections 50\n"
    "  crossgate bench https://localhost:8443/index.html --rate 2000 --seconds 20\n"
    "  crossgate bench idle wss://localhost:8443/ws --connections 20000 --server $(pgrep -o crossgate)\n"
    "  crossgate bench storm wss://localhost:8443/ws --rate 500 --handshake-rate 200 --json\n";

int command_bench(int argc, char **argv)
{
    struct bench_words words = {.json = false};
    struct option_words target = {.name = "URL", .least = 1, .most = 2};
    struct bench bench;
    const struct option options[] = {
        {"--connections", "N",
         "how many (defaults: handshakes 10, hellos 100,\nrequests 100, echo 100,\nbulk 4, idle 1000, storm "
         "100, slow 100)",
         &words.connections, NULL},
        {"--depth", "N", "messages in flight on each connection (echo, storm; default: 1)", &words.depth, NULL},
        {"--size", "BYTES",
         "of a message, as 64, 16K or 1M (default: 64; slow: 64K);\nof an answer over HTTP: what it "
         "must have",
         &words.size, NULL},
        {"--rate", "N",
         "begin so many operations per second over all connections,\nand count each latency from the time "
         "when it should have\nbegun (default: as fast as the answers come; storm: 1000);\nslow: bytes "
         "per second that each connection reads\n(default: 16384)",
         &words.rate, NULL},
        {"--seconds", "N", "how long to measure (default: 5)", &words.seconds, NULL},
        {"--warm-up", "N", "seconds before that, which do not count (default: 1);\nidle: of silence (default: 3)",
         &words.warm_up, NULL},
        {"--tls", "1.2|1.3", "offer this version only", &words.tls, NULL},
        {"--ciphers", "LIST", "offer these: a list of OpenSSL's for TLS 1.2, suites for 1.3", &words.ciphers, NULL},
        {"--groups", "LIST", "offer these for the key exchange, as X25519:P-256", &words.groups, NULL},
        {"--resumed", "PERCENT", "of the handshakes resume a session (handshakes; default: 0)", &words.resumed, NULL},
        {"--get", NULL, "handshakes: a GET after each (with --resumed: always)", NULL, &words.get},
        {"--at-once", NULL, "hellos: in waves, in which nobody speaks before all are connected", NULL, &words.at_once},
        {"--handshake-rate", "N|max",
         "storm: hellos per second beside the echo; max: each that\nends is followed by "
         "another (default: max)",
         &words.handshake_rate, NULL},
        {"--handshake-connections", "N", "storm: so many at a time (default: 10)", &words.handshake_connections, NULL},
        {"--handshake-tls", "1.2|1.3", "storm: as --tls, for these handshakes", &words.handshake_tls, NULL},
        {"--handshake-ciphers", "LIST", "storm: as --ciphers, for these handshakes", &words.handshake_ciphers, NULL},
        {"--header", "\"NAME: VALUE\"", "send it with each request; may be repeated", NULL, &words.headers.given},
        {"--ca", "FILE", "trust the authorities of this PEM file, and no others", &words.ca, NULL},
        {"--insecure", NULL, "do not verify the server's certificate", NULL, &words.insecure},
        {"--server", "PID", "read CPU time and memory of this process and all below it", &words.server, NULL},
        {"--sources", "N",
         "connect from so many addresses, 127.0.0.1 and up: for more\nthan 28,000 connections on this "
         "machine",
         &words.sources, NULL},
        {"--wait", NULL,
         "when all are connected say \"ready\" on standard error, and\nbegin at a line on standard input: several "
         "begin together",
         NULL, &words.wait},
        {"--remote", NULL, "the server is not on this machine, and its owner agrees", NULL, &words.remote},
        {"--json", NULL, "print one JSON object", NULL, &words.json},
    };
    const struct usage usage = {
        .command = "bench",
        .synopsis = "[MODE] URL [OPTIONS]",
        .about = about,
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &target,
        .examples = examples,
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    return bench_read(&usage, &words, &bench) ? run(&usage, &bench, &words) : EXIT_USAGE;
}
