#include "commands.h"
#include "node_dir.h"
#include "options.h"

#include "crossgate/base/span.h"
#include "crossgate/process.h"

struct run_words {
    const char *cbdir;
    const char *config;
    struct option_lines backends;
    const char *workers;
    const char *user;
    const char *group;
    const char *level;
};

static void print_notes(const struct node_dir *place)
{
    struct diagnostics *diagnostics = diagnostics_new();

    if (!diagnostics)
        return;
    node_dir_report(place, diagnostics);
    diagnostics_print(diagnostics, PROBLEM_NOTE, stderr, false);
    diagnostics_free(diagnostics);
}

static int run(const struct usage *usage, const struct run_words *words)
{
    struct run_options options = {
        .request = {.backends = words->backends.given ? words->backends.text : NULL},
        .user = words->user,
        .group = words->group,
        .level = LOG_INFO,
        .banner = "",
    };
    uint64_t workers = 0;
    if (words->workers && (!span_to_uint(span_string(words->workers), PROCESS_WORKERS_MAX, &workers) || workers == 0))
        return option_refuse(usage, "--workers", words->workers, "a number from 1 to 512");
    options.workers = (unsigned)workers;
    if (words->level && !log_level_parse(words->level, &options.level))
        return option_refuse(usage, "--log-level", words->level, "one of error, warning, info, debug");
    struct node_dir place;
    struct error error = {0};
    if (!node_dir_resolve(words->cbdir, words->config, &place, &options.request, &error)) {
        fprintf(stderr, "crossgate run: %s\n", error.text);
        return 1;
    }
    print_notes(&place);
    return master_run(&options);
}

int command_run(int argc, char **argv)
{
    struct run_words words = {0};
    const struct option options[] = {
        {"--cbdir", "DIR", "node directory (default: $CROSSBAR_DIR, else .crossbar, else .)", &words.cbdir, NULL},
        {"--config", "FILE",
         "configuration (default: config.yaml or config.json of the\nnode directory); with --cbdir a path within DIR",
         &words.config, NULL},
        {"--backend", "URL",
         "the node behind the door, for what ends in a node and names\nno backend of its own: "
         "ws://HOST:PORT,\nwss://HOST:PORT or ws+unix:/PATH; for RawSocket rs://, rss:// or\nrs+unix:/PATH; may be "
         "repeated",
         NULL, &words.backends.given},
        {"--workers", "N", "worker processes (default: as configured, else one per processor)", &words.workers, NULL},
        {"--user", "USER", "whom the workers run as when started as root (default: as\nconfigured, else nobody)",
         &words.user, NULL},
        {"--group", "GROUP", "and their group (default: as configured, else the user's)", &words.group, NULL},
        {"--log-level", "LEVEL", "error, warning, info (default) or debug", &words.level, NULL},
    };
    const struct usage usage = {
        .command = "run",
        .synopsis = "[--cbdir DIR] [--config FILE] [OPTIONS]",
        .about = "Serves a node's configuration until it is stopped.\n\n"
                 "Signals: SIGHUP reads the configuration and all certificates again, SIGTERM and SIGINT\n"
                 "stop when all connections are finished, a second one stops at once.\n"
                 "Log lines go to stderr, the addresses that are served to stdout as well.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .examples = "  crossgate run                              # the node in .crossbar\n"
                    "  crossgate run --config /etc/crossgate/config.json --workers 4 --user www-data\n"
                    "  crossgate run --backend ws://127.0.0.1:8080      # in front of a node's own configuration\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    return run(&usage, &words);
}
