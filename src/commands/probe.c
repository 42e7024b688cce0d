#include "colour.h"
#include "commands.h"
#include "options.h"
#include "probe_print.h"

#include "crossgate/base/span.h"

#include <signal.h>
#include <string.h>

struct probe_words {
    const char *path;
    struct option_lines subprotocols;
    const char *origin;
    const char *sni;
    const char *ca;
    const char *certificate;
    const char *key;
    const char *timeout;
    bool ipv4, ipv6;
    bool all;
    bool json;
};

enum { TIMEOUT_DEFAULT = 5, TIMEOUT_MAX = 300, EXIT_UNREACHABLE = 3 };

/* Overwritten by the next step, and at last by nothing. */
static void show_progress(void *user, const char *what)
{
    (void)user;
    fprintf(stderr, "\r\033[K%s%s", what, *what ? " …" : "");
    fflush(stderr);
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* RFC 6455 section 4.1: tokens, separated by commas. `text` holds lines of them. */
static bool join_subprotocols(const char *lines, char *text, size_t size)
{
    size_t used = 0;
    for (; *lines; lines++) {
        int added = snprintf(text + used, size - used, *lines == '\n' ? ", " : "%c", *lines);
        used += (size_t)added;
        if (used >= size)
            return false;
    }
    return is_printable(text);
}

/* Paths of the configuration are written without the "/" in front. */
static bool take_path(const char *word, char path[PROBE_PATH])
{
    int length = snprintf(path, PROBE_PATH, "%s%s", *word == '/' ? "" : "/", word);
    return length < PROBE_PATH && is_printable(path) && !strchr(path, ' ');
}

/* False: a value is no good, and the message is printed. */
static bool take_values(const struct usage *usage, const struct probe_words *words, struct probe_settings *settings)
{
    uint64_t seconds = TIMEOUT_DEFAULT;
    if (words->timeout && (!span_to_uint(span_string(words->timeout), TIMEOUT_MAX, &seconds) || seconds == 0)) {
        option_refuse(usage, "--timeout", words->timeout, "a number of seconds from 1 to 300");
        return false;
    }
    if (words->origin && !is_printable(words->origin)) {
        option_refuse(usage, "--origin", words->origin, "an origin as https://example.com");
        return false;
    }
    if (words->sni && (!is_printable(words->sni) || strchr(words->sni, ' ') || strlen(words->sni) >= PROBE_TEXT)) {
        option_refuse(usage, "--sni", words->sni, "a host name");
        return false;
    }
    if (words->key && !words->certificate) {
        usage_refuse(usage, "--client-key needs --client-cert FILE, too");
        return false;
    }
    if (words->ipv4 && words->ipv6) {
        usage_refuse(usage, "-4 and -6 exclude each other");
        return false;
    }
    settings->timeout = (uint32_t)(seconds * 1000);
    return true;
}

static int report_and_judge(const struct probe_settings *settings, bool json)
{
    static const int statuses[] = {
        [PROBE_FINE] = 0, [PROBE_DOUBTFUL] = 0, [PROBE_FAILS] = 1, [PROBE_UNREACHABLE] = EXIT_UNREACHABLE};
    struct error error = {.class = ERROR_NONE};
    struct probe_report *report = probe_run(settings, &error);
    if (settings->progress)
        settings->progress(settings->user, "");
    if (!report) {
        fprintf(stderr, "crossgate probe: %s\n", error.text);
        return EXIT_USAGE;
    }
    (json ? probe_print_json : probe_print_words)(settings, report, stdout);
    int status = statuses[report->verdict];
    probe_report_free(report);
    return status;
}

static int run(const struct usage *usage, const struct probe_words *words)
{
    char path[PROBE_PATH], subprotocols[1024] = "";
    struct error error = {.class = ERROR_NONE};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct probe_settings settings = {
        .websocket = words->path ? path : NULL,
        .subprotocols = words->subprotocols.given ? subprotocols : NULL,
        .origin = words->origin,
        .name = words->sni,
        .authorities = words->ca,
        .client_certificate = words->certificate,
        .client_key = words->key,
        .family = words->ipv4   ? 4
                  : words->ipv6 ? 6
                                : 0,
        .all = words->all,
        .progress = wants_colour(stderr) ? show_progress : NULL,
    };
    if (!take_values(usage, words, &settings))
        return EXIT_USAGE;
    if (!probe_target_parse(usage->words->at[0], &settings.target, &error))
        return usage_refuse(usage, "%s: %s", usage->words->at[0], error.text);
    if (words->path && !take_path(words->path, path))
        return option_refuse(usage, "--path", words->path, "a path as in a URL");
    if (!join_subprotocols(words->subprotocols.text, subprotocols, sizeof subprotocols))
        return option_refuse(usage, "--subprotocol", subprotocols, "a name, or too many of them");
    /* A server that closes while we write must not end us. */
    sigaction(SIGPIPE, &ignore, NULL);
    return report_and_judge(&settings, words->json);
}

int command_probe(int argc, char **argv)
{
    struct probe_words words = {.json = false};
    struct option_words target = {.name = "HOST", .least = 1, .most = 1};
    const struct option options[] = {
        {"--path", "PATH", "open a WebSocket there, ping it and close it again", &words.path, NULL},
        {"--subprotocol", "NAME",
         "to offer there (default: wamp.2.json, wamp.2.cbor and\nwamp.2.msgpack); may be repeated", NULL,
         &words.subprotocols.given},
        {"--origin", "ORIGIN", "to say there, as a page of that origin would", &words.origin, NULL},
        {"--all", NULL, "find out all versions, suites and groups, too", NULL, &words.all},
        {"--sni", "NAME", "ask for this name, and want it in the certificate\n(default: HOST)", &words.sni, NULL},
        {"--ca", "FILE", "trust the authorities of this PEM file, and no others", &words.ca, NULL},
        {"--client-cert", "FILE", "show this certificate (PEM, with its chain) if asked", &words.certificate, NULL},
        {"--client-key", "FILE", "its private key, if that is in another file", &words.key, NULL},
        {"--timeout", "SECONDS",
         "for each step (default: 5); all together may take 12\ntimes as long, with --all 60 times", &words.timeout,
         NULL},
        {"-4", NULL, "by IPv4 only", NULL, &words.ipv4},
        {"-6", NULL, "by IPv6 only", NULL, &words.ipv6},
        {"--json", NULL, "print one JSON document", NULL, &words.json},
    };
    const struct usage usage = {
        .command = "probe",
        .synopsis = "HOST[:PORT] [OPTIONS]",
        .about = "Looks at a TLS server as its clients see it: handshake, certificates, HTTP, WebSockets; and\n"
                 "says what is wrong and what to do about it. HOST may be a name, an address, or a URL:\n"
                 "https://HOST/PATH asks for that page, wss://HOST/PATH opens a WebSocket there, rss://HOST\n"
                 "is for RawSocket: TLS only. The port is 443 unless it is written. Any server will do.\n\n"
                 "Exit status: 0 if clients can use it (there may be warnings), 1 if something makes clients\n"
                 "fail, 2 for a wrong command line or file, 3 if there is no connection.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &target,
        .examples = "  crossgate probe demo.example.com\n"
                    "  crossgate probe localhost:8443 --ca ca_cert.pem --path /ws\n"
                    "  crossgate probe [2001:db8::1]:443 --sni demo.example.com --all\n"
                    "  crossgate probe wss://demo.example.com/ws --json\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    return run(&usage, &words);
}
