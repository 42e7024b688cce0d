#include "colour.h"
#include "commands.h"
#include "findings.h"
#include "node_dir.h"
#include "options.h"

#include "crossgate/doctor.h"

#include <signal.h>
#include <stdlib.h>

struct doctor_words {
    const char *cbdir;
    const char *config;
    struct option_lines backends;
    bool json;
};

struct verdict {
    enum layout_colour colour;
    const char *name, *word, *text;
    int status;
};

static const struct verdict *verdict_of(const struct doctor_report *report)
{
    static const struct verdict good = {LAYOUT_GREEN, "good", "GOOD", "nothing is in the way", EXIT_SUCCESS},
                                doubtful = {LAYOUT_YELLOW, "doubtful", "DOUBTFUL", "it works, but look at the warnings",
                                            EXIT_SUCCESS},
                                bad = {LAYOUT_RED, "bad", "BAD", "something does not work", EXIT_FAILURE};
    enum finding_severity worst = doctor_worst(report);
    return worst == FINDING_BAD ? &bad : worst == FINDING_WARNING ? &doubtful : &good;
}

/* ---- for people */

static const char *section_title(enum doctor_section section)
{
    static const char *const titles[DOCTOR_SECTIONS] = {
        [DOCTOR_CONFIGURATION] = "Configuration",
        [DOCTOR_RUNNING] = "What runs",
        [DOCTOR_ENDPOINTS] = "Endpoints",
        [DOCTOR_FILES] = "Files",
        [DOCTOR_CERTIFICATES] = "Certificates",
        [DOCTOR_BACKENDS] = "Backends",
        [DOCTOR_CLOCK] = "Clock",
        [DOCTOR_LIMITS] = "Limits",
    };
    return titles[section];
}

static void print_words(const struct plan_request *request, const struct doctor_report *report)
{
    const struct layout layout = {.out = stdout, .colour = wants_colour(stdout)};
    const struct verdict *verdict = verdict_of(report);
    struct finding_counts counts = {0};
    printf("crossgate doctor %s\n", request->config);
    for (size_t i = 0; i < report->count; i++) {
        const struct doctor_row *row = &report->rows[i];
        struct finding_counts one = findings_count(&row->finding, 1);
        if (i == 0 || row->section != report->rows[i - 1].section)
            layout_title(&layout, section_title(row->section));
        finding_print(&layout, &row->finding);
        counts.bad += one.bad;
        counts.warnings += one.warnings;
    }
    if (report->cut)
        puts("\nThere is more, which is not shown.");
    putchar('\n');
    layout_word(&layout, verdict->colour, verdict->word);
    printf(": %s", verdict->text);
    findings_print_counts(&layout, counts);
}

/* ---- for programs */

static void print_row(struct json *json, const struct doctor_row *row)
{
    static const char *const names[DOCTOR_SECTIONS] = {
        [DOCTOR_CONFIGURATION] = "configuration",
        [DOCTOR_RUNNING] = "running",
        [DOCTOR_ENDPOINTS] = "endpoints",
        [DOCTOR_FILES] = "files",
        [DOCTOR_CERTIFICATES] = "certificates",
        [DOCTOR_BACKENDS] = "backends",
        [DOCTOR_CLOCK] = "clock",
        [DOCTOR_LIMITS] = "limits",
    };
    json_open(json, NULL, '{');
    json_text(json, "section", names[row->section]);
    json_text(json, "subject", row->subject);
    finding_print_json(json, &row->finding);
    json_close(json, '}');
}

static void print_json(const struct plan_request *request, const struct doctor_report *report)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_text(&json, "config", request->config);
    json_text(&json, "node_dir", request->node_dir);
    json_text(&json, "verdict", verdict_of(report)->name);
    if (report->master > 0)
        json_number(&json, "master", report->master);
    else
        json_word(&json, "master", "null");
    json_truth(&json, "complete", !report->cut);
    json_open(&json, "findings", '[');
    for (size_t i = 0; i < report->count; i++)
        print_row(&json, &report->rows[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    putchar('\n');
}

/* ---- */

static int run(const struct doctor_words *words)
{
    struct plan_request request = {.backends = words->backends.given ? words->backends.text : NULL};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct node_dir place;
    struct error error = {0};
    if (!node_dir_resolve(words->cbdir, words->config, &place, &request, &error)) {
        fprintf(stderr, "crossgate doctor: %s\n", error.text);
        return EXIT_USAGE;
    }
    sigaction(SIGPIPE, &ignore, NULL);
    struct doctor_report *report = doctor_examine(&request);
    if (!report) {
        fputs("crossgate doctor: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    (words->json ? print_json : print_words)(&request, report);
    int status = verdict_of(report)->status;
    doctor_report_free(report);
    return status;
}

int command_doctor(int argc, char **argv)
{
    struct doctor_words words = {.json = false};
    const struct option options[] = {
        {"--cbdir", "DIR", "node directory (default: $CROSSBAR_DIR, else .crossbar, else .)", &words.cbdir, NULL},
        {"--config", "FILE",
         "configuration (default: config.yaml or config.json of the\nnode directory); with --cbdir a path within DIR",
         &words.config, NULL},
        {"--backend", "URL", "the node behind the door, if crossgate run is told of it, too;\nmay be repeated", NULL,
         &words.backends.given},
        {"--json", NULL, "print one JSON document", NULL, &words.json},
    };
    const struct usage usage = {
        .command = "doctor",
        .synopsis = "[--cbdir DIR] [--config FILE] [OPTIONS]",
        .about = "Reads the configuration as `run` would, looks at what runs of it and at the machine below,\n"
                 "and says of each thing whether it is good, and if not, what to do: ports and who holds\n"
                 "them, files as those read them who have to, certificates on the disk and as they are shown,\n"
                 "backends, the clock, limits. Changes nothing, takes some seconds at most, and sees most as\n"
                 "root. To backends it is a visitor who leaves at once.\n\n"
                 "Exit status: 0 if all is good (there may be warnings), 1 if something does not work, 2 for a\n"
                 "wrong command line.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .examples = "  crossgate doctor                              # the node in .crossbar\n"
                    "  crossgate doctor --cbdir /var/crossbar --json\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    return run(&words);
}
