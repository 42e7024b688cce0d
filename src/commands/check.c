#include "colour.h"
#include "commands.h"
#include "node_dir.h"
#include "options.h"

#include "crossgate/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CERTIFICATE_TEXT = 512 };

/* Of an endpoint with many. */
enum { CERTIFICATES_SHOWN = 10 };

struct check_words {
    const char *cbdir;
    const char *config;
    struct option_lines backends;
    bool strict;
    bool json;
    bool print;
    bool reference;
};

static const char *schemes(const struct plan_transport *transport)
{
    bool tls = transport->tls != NULL;

    switch (transport->protocol) {
    case PLAN_HTTP:
        return tls ? "https and wss" : "http and ws";
    case PLAN_UNIVERSAL:
        if (!transport->rawsocket)
            return tls ? "https and wss" : "http and ws";
        return tls ? "https, wss and rss" : "http, ws and rs";
    case PLAN_RAWSOCKET:
        return tls ? "rss" : "rs";
    case PLAN_STREAM_TESTEE:
        break;
    }
    return tls ? "tls" : "tcp";
}

/* "certificate" is the one that clients without a server name get. */
static void print_certificates_json(const struct tls_context *context, FILE *out)
{
    char text[CERTIFICATE_TEXT];
    const struct tls_certificate *certificates;
    size_t count = tls_context_certificates(context, &certificates);

    tls_certificate_print(&certificates[0], text, sizeof text);
    fputs(", \"certificate\": ", out);
    config_print_string(text, out);
    fputs(", \"certificates\": [", out);
    for (size_t i = 0; i < count; i++) {
        tls_certificate_print(&certificates[i], text, sizeof text);
        fputs(i > 0 ? ",\n   {\"path\": " : "\n   {\"path\": ", out);
        config_print_string(certificates[i].path, out);
        fprintf(out, ", \"ends\": %" PRId64 ", \"summary\": ", certificates[i].ends);
        config_print_string(text, out);
        putc('}', out);
    }
    putc(']', out);
}

static void print_transports_json(const struct plan *plan, FILE *out)
{
    char address[256];

    putc('[', out);
    for (size_t i = 0; plan && i < plan->transport_count; i++) {
        const struct plan_transport *transport = &plan->transports[i];
        net_listen_print(&transport->where, address, sizeof address);
        fputs(i > 0 ? ",\n  {\"id\": " : "\n  {\"id\": ", out);
        config_print_string(transport->id, out);
        fputs(", \"address\": ", out);
        config_print_string(address, out);
        fprintf(out, ", \"tls\": %s", transport->tls ? "true" : "false");
        if (transport->tls)
            print_certificates_json(transport->tls, out);
        putc('}', out);
    }
    putc(']', out);
}

static void print_path(const char *path, FILE *out)
{
    if (path)
        config_print_string(path, out);
    else
        fputs("null", out);
}

/* What came of it. Without sources and plan: nothing could be read. */
struct result {
    const struct plan_request *request;
    struct sources *sources;
    const struct plan *plan; /* NULL: something is wrong */
    const struct diagnostics *diagnostics;
};

static bool print_resolved(const struct result *result)
{
    return result->plan && plan_print(result->sources, stdout);
}

/* False: the configuration could not be printed. */
static bool print_json(const struct result *result, bool resolved)
{
    bool printed = true;

    fprintf(stdout, "{\"ok\": %s,\n \"config\": ", result->plan ? "true" : "false");
    print_path(result->request->config, stdout);
    fputs(",\n \"node_dir\": ", stdout);
    print_path(result->request->node_dir, stdout);
    fputs(",\n \"transports\": ", stdout);
    print_transports_json(result->plan, stdout);
    if (resolved) {
        fputs(",\n \"resolved\": ", stdout);
        printed = print_resolved(result);
        if (!printed)
            fputs("null", stdout);
    }
    fputs(",\n \"diagnostics\": ", stdout);
    diagnostics_print_json(result->diagnostics, stdout);
    fputs("}\n", stdout);
    return printed;
}

static void print_counts(const struct diagnostics *diagnostics, FILE *out)
{
    unsigned errors = diagnostics_count(diagnostics, PROBLEM_ERROR);
    unsigned warnings = diagnostics_count(diagnostics, PROBLEM_WARNING);

    fprintf(out, "%u error%s, %u warning%s\n", errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

/* Of the longest address: paths of Unix sockets are long. */
static int address_width(const struct plan *plan)
{
    char address[256];
    size_t width = 24;

    for (size_t i = 0; i < plan->transport_count; i++) {
        net_listen_print(&plan->transports[i].where, address, sizeof address);
        if (strlen(address) > width)
            width = strlen(address);
    }
    return (int)width;
}

static int compare_ends(const void *a, const void *b)
{
    const struct tls_certificate *left = *(const struct tls_certificate *const *)a;
    const struct tls_certificate *right = *(const struct tls_certificate *const *)b;

    return (left->ends > right->ends) - (left->ends < right->ends);
}

static void print_certificate(const struct tls_certificate *certificate, bool with_path, int width)
{
    char text[CERTIFICATE_TEXT];

    tls_certificate_print(certificate, text, sizeof text);
    printf("  %-*s %s", width, "", text);
    if (with_path || certificate->path[0] != '/') /* or it is a placeholder, which has a name only */
        printf(" (%s)", certificate->path);
    putchar('\n');
}

/* Those that are chosen by name: of many the ones that end first. */
static void print_more(const struct tls_certificate *certificates, size_t count, int width)
{
    const struct tls_certificate **sorted = calloc(count + 1, sizeof(*sorted));
    size_t shown = count <= CERTIFICATES_SHOWN ? count : CERTIFICATES_SHOWN;

    for (size_t i = 0; sorted && i < count; i++)
        sorted[i] = &certificates[i];
    if (sorted && shown < count)
        qsort(sorted, count, sizeof(*sorted), compare_ends);
    for (size_t i = 0; sorted && i < shown; i++)
        print_certificate(sorted[i], true, width);
    if (shown < count)
        printf("  %-*s and %zu more, which end later\n", width, "", count - shown);
    free(sorted);
}

static void print_certificates(const struct tls_context *context, int width)
{
    const struct tls_certificate *certificates;
    size_t count = tls_context_certificates(context, &certificates);

    print_certificate(&certificates[0], count > 1, width);
    print_more(certificates + 1, count - 1, width);
}

static void print_transports(const struct result *result)
{
    const struct plan *plan = result->plan;
    int width = address_width(plan);
    char address[256];
    bool colour = wants_colour(stdout);
    unsigned warnings = diagnostics_count(result->diagnostics, PROBLEM_WARNING);

    printf("%s%s is in order%s", colour ? "\033[32m" : "", result->request->config, colour ? "\033[0m" : "");
    if (warnings > 0)
        printf(", with %u warning%s", warnings, warnings == 1 ? "" : "s");
    printf("; it would listen on\n");
    for (size_t i = 0; i < plan->transport_count; i++) {
        net_listen_print(&plan->transports[i].where, address, sizeof address);
        printf("  %-*s %-18s %s\n", width, address, schemes(&plan->transports[i]), plan->transports[i].id);
        if (plan->transports[i].tls)
            print_certificates(plan->transports[i].tls, width);
    }
}

/* As print_json. */
static bool print_words(const struct result *result, bool resolved)
{
    bool printed = true;

    diagnostics_print(result->diagnostics, PROBLEM_NOTE, stderr, wants_colour(stderr));
    if (!result->plan) {
        print_counts(result->diagnostics, stderr);
    } else if (resolved) {
        printed = print_resolved(result);
        fputs(printed ? "\n" : "crossgate check: the configuration could not be printed\n", printed ? stdout : stderr);
    } else {
        print_transports(result);
    }
    return printed;
}

/* The exit status. */
static int check(const struct node_dir *place, const struct plan_request *request, const struct check_words *words)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct sources *sources = sources_new_disk(request);
    struct plan *plan = NULL;
    int status = EXIT_FAILURE;

    if (!diagnostics || !sources) {
        fputs("crossgate check: out of memory\n", stderr);
        goto out;
    }
    node_dir_report(place, diagnostics);
    plan = plan_load(sources, NULL, diagnostics);
    const struct result result = {request, sources, plan, diagnostics};
    bool printed = words->json ? print_json(&result, words->print) : print_words(&result, words->print);
    if (plan && printed)
        status = EXIT_SUCCESS;
out:
    if (plan)
        counted_unref(&plan->counted);
    sources_free(sources);
    diagnostics_free(diagnostics);
    return status;
}

/* The node directory itself is wrong: nothing could be read. Programs get the same members as ever. */
static int refuse(const struct error *error, const struct check_words *words)
{
    const struct plan_request request = {.config = NULL};
    struct diagnostics *diagnostics = words->json ? diagnostics_new() : NULL;

    if (!diagnostics) {
        fprintf(stderr, "crossgate check: %s\n", error->text);
        return EXIT_FAILURE;
    }
    diagnostics_add(diagnostics, &(struct diagnostic){
                                     .severity = PROBLEM_ERROR,
                                     .file = "command line",
                                     .path = "$",
                                     .text = error->text,
                                 });
    print_json(&(struct result){.request = &request, .diagnostics = diagnostics}, words->print);
    diagnostics_free(diagnostics);
    return EXIT_FAILURE;
}

static int run(const struct check_words *words)
{
    struct plan_request request = {.backends = words->backends.given ? words->backends.text : NULL,
                                   .strict = words->strict};
    struct node_dir place;
    struct error error = {.class = ERROR_NONE};

    if (words->reference) {
        plan_reference_print(stdout);
        return EXIT_SUCCESS;
    }
    if (!node_dir_resolve(words->cbdir, words->config, &place, &request, &error))
        return refuse(&error, words);
    return check(&place, &request, words);
}

int command_check(int argc, char **argv)
{
    struct check_words words = {.json = false};
    const struct option options[] = {
        {"--cbdir", "DIR", "node directory (default: $CROSSBAR_DIR, else .crossbar, else .)", &words.cbdir, NULL},
        {"--config", "FILE",
         "configuration (default: config.yaml or config.json of the\nnode directory); with --cbdir a path within DIR",
         &words.config, NULL},
        {"--backend", "URL",
         "the node behind the door: ws://HOST:PORT, wss://HOST:PORT\nor ws+unix:/PATH; for RawSocket rs://, rss:// or "
         "rs+unix:/PATH;\nmay be repeated",
         NULL, &words.backends.given},
        {"--strict", NULL, "refuse what Crossbar does not know", NULL, &words.strict},
        {"--print", NULL,
         "print the configuration as it is understood, with defaults,\nas JSON; what is the node's own is left out",
         NULL, &words.print},
        {"--json", NULL, "print one JSON document", NULL, &words.json},
        {"--reference", NULL, "print the documentation of all keys, as Markdown, and\nnothing else", NULL,
         &words.reference},
    };
    const struct usage usage = {
        .command = "check",
        .synopsis = "[--cbdir DIR] [--config FILE] [OPTIONS]",
        .about = "Reads the configuration as `run` would, and says all that is wrong with it; only the\n"
                 "ports are not tried.\n\n"
                 "Exit status: 0 if nothing is wrong, 1 if something is, 2 for a wrong command line.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .examples = "  crossgate check                              # the node in .crossbar\n"
                    "  crossgate check --config config/dev.json\n"
                    "  crossgate check --backend ws://127.0.0.1:8080    # as run would be started\n",
    };
    enum options_result result = options_read(&usage, argc, argv);

    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    return run(&words);
}
