/* The commands to a running master: status, backend, reload, stop. */
#include "commands.h"
#include "node_dir.h"
#include "options.h"

#include "crossgate/base/date.h"
#include "crossgate/base/nearest.h"
#include "crossgate/config.h"
#include "crossgate/plan.h"
#include "crossgate/process.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct control_words {
    const char *cbdir;
    const char *config;
    const char *socket;
    bool json;
};

/* The master is asked; `answer` is the caller's to free. */
static bool ask(const char *command, const struct control_words *words, const char *line, char **answer)
{
    struct plan_request request = {0};
    struct node_dir place;
    struct error error = {0};
    char path[PATH_MAX + sizeof PROCESS_CONTROL + 1];
    if (words->socket)
        snprintf(path, sizeof path, "%s", words->socket);
    else if (node_dir_resolve(words->cbdir, words->config, &place, &request, &error))
        snprintf(path, sizeof path, "%s/%s", place.directory, PROCESS_CONTROL);
    if (error.class == ERROR_NONE && control_ask(path, line, 0, answer, &error))
        return true;
    fprintf(stderr, "crossgate %s: %s\n", command, error.text);
    return false;
}

#define OPTIONS_CONTROL(words)                                                                                         \
    {"--cbdir", "DIR", "node directory (default: $CROSSBAR_DIR, else .crossbar, else .)", &(words).cbdir, NULL},       \
        {"--config", "FILE", "configuration that it runs, if it was started with --config", &(words).config, NULL},    \
    {                                                                                                                  \
        "--socket", "PATH", "its control socket, if `crossgate.control` of the configuration has\nmoved it",           \
            &(words).socket, NULL                                                                                      \
    }

#define OPTION_JSON(words)                                                                                             \
    {                                                                                                                  \
        "--json", NULL, "print one JSON document", NULL, &(words).json                                                 \
    }

/* ---- printing */

static void print_member(const char *name, const char *value, bool number)
{
    printf("\"%s\": ", name);
    if (number)
        fputs(value, stdout);
    else
        config_print_string(value, stdout);
}

struct column {
    const char *name;
    bool number;
};

/* False: the master is of another version. */
static bool print_object(const struct control_fields *fields, size_t skip, const struct column *columns, size_t count)
{
    uint64_t number;
    if (fields->count != skip + count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *value = fields->at[skip + i];
        if (columns[i].number && !span_to_uint(span_string(value), UINT64_MAX, &number))
            return false;
        fputs(i == 0 ? "{" : ", ", stdout);
        print_member(columns[i].name, value, columns[i].number);
    }
    putchar('}');
    return true;
}

static int refuse_answer(const char *command)
{
    fprintf(stderr, "crossgate %s: the answer is not understood: command and master are of different versions\n",
            command);
    return EXIT_FAILURE;
}

/* Seconds since 1970, as RFC 3339 has them: "2026-11-26T15:34:27Z". False: it is no time, or none is known. */
static bool print_time(const char *at, char text[DATE_TEXT])
{
    uint64_t seconds;
    return span_to_uint(span_string(at), INT64_MAX, &seconds) && seconds > 0 &&
           *date_print_rfc3339((int64_t)seconds, text);
}

/* ---- backend */

enum { BACKEND_FIELDS = 10 };

static const struct column backend_columns[BACKEND_FIELDS] = {
    {"name", false},     {"state", false},   {"workers_down", true},    {"workers_left_out", true},
    {"workers", true},   {"sessions", true}, {"sessions_opened", true}, {"failures", true},
    {"failed_at", true}, {"failure", false},
};

/* "2026-11-26T15:34:27Z why", or "-". */
static void print_failure(const char *at, const char *why)
{
    char text[DATE_TEXT];
    if (print_time(at, text))
        printf("%s %s\n", text, why);
    else
        puts("-");
}

static void print_backend(const struct control_fields *fields, int width)
{
    const char *const *at = fields->at;
    char state[48];
    const char *some = strcmp(at[1], "down") == 0 ? at[2] : strcmp(at[1], "left out") == 0 ? at[3] : at[4];
    if (strcmp(some, at[4]) == 0)
        snprintf(state, sizeof state, "%s", at[1]);
    else
        snprintf(state, sizeof state, "%s (%s of %s)", at[1], some, at[4]);
    printf("%-*s  %-16s %8s %8s  ", width, at[0], state, at[5], at[7]);
    print_failure(at[8], at[9]);
}

/* Of the longest name. */
static int name_width(const char *answer)
{
    size_t width = 24;
    for (; answer && *answer; answer = strchr(answer, '\n'), answer += answer != NULL) {
        size_t length = strcspn(answer, "\t\n");
        if (length > width)
            width = length;
    }
    return (int)width;
}

static int print_backends(char *answer, bool json)
{
    struct control_fields fields;
    bool first = true;
    int width = name_width(answer);
    if (json)
        fputs("[", stdout);
    else
        printf("%-*s  %-16s %8s %8s  %s\n", width, "BACKEND", "STATE", "SESSIONS", "FAILURES", "LAST FAILURE");
    for (; control_cut_line(&answer, &fields); first = false) {
        if (fields.count != BACKEND_FIELDS)
            return refuse_answer("backend");
        if (!json) {
            print_backend(&fields, width);
            continue;
        }
        fputs(first ? "\n  " : ",\n  ", stdout);
        if (!print_object(&fields, 0, backend_columns, BACKEND_FIELDS))
            return refuse_answer("backend");
    }
    if (json)
        fputs("\n]\n", stdout);
    return EXIT_SUCCESS;
}

/* The words: the action, and for two of them a name. */
static int run_backend(const struct usage *usage, const char *action, const char *name,
                       const struct control_words *words)
{
    char line[512], *answer;
    bool lists = strcmp(action, "list") == 0;
    if (!lists && strcmp(action, "drain") != 0 && strcmp(action, "resume") != 0)
        return option_refuse(usage, "action", action, "one of list, drain, resume");
    if (lists ? name != NULL : name == NULL)
        return usage_refuse(usage, "%s",
                            lists ? "list takes no name" : "which one? `crossgate backend list` names them");
    snprintf(line, sizeof line, "1 %s%s%s", action, name ? " " : "", name ? name : "");
    if (!ask("backend", words, line, &answer))
        return EXIT_FAILURE;
    int status = lists ? print_backends(answer, words->json) : EXIT_SUCCESS;
    free(answer);
    return status;
}

int command_backend(int argc, char **argv)
{
    struct control_words words = {0};
    struct option_words named = {.name = "ACTION", .most = 2};
    const struct option options[] = {OPTIONS_CONTROL(words), OPTION_JSON(words)};
    const struct usage usage = {
        .command = "backend",
        .synopsis = "list | drain NAME | resume NAME [OPTIONS]",
        .about = "Shows the backends of a running crossgate, takes one out of service, or puts it back. A drained\n"
                 "backend gets no new sessions; open ones go on. That outlives a reload and the end of a worker.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &named,
        .examples = "  crossgate backend list --cbdir /var/crossbar\n"
                    "  crossgate backend drain ws://127.0.0.1:9001 --cbdir /var/crossbar\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    return run_backend(&usage, named.count > 0 ? named.at[0] : "list", named.count > 1 ? named.at[1] : NULL, &words);
}

/* ---- status */

static const struct column master_columns[] = {{"pid", true},      {"state", false},
                                               {"edition", true},  {"configuration", false},
                                               {"started", false}, {"configuration_read", false}};
static const struct column worker_columns[] = {
    {"index", true}, {"pid", true}, {"state", false}, {"connections", true}, {"websockets", true}};
static const struct column handshake_columns[] = {
    {"full", true},          {"resumed", true},         {"full_tls12", true},
    {"resumed_tls12", true}, {"tickets_unknown", true}, {"resumed_percent", true}};
enum {
    MASTER_FIELDS = 6,
    WORKER_FIELDS = 5,
    HANDSHAKE_FIELDS = 6,
    RENEWALS_FIELDS = 3,
    CERTIFICATE_FIELDS = 6,
    ACME_FIELDS = 8
};

/* Of the workers that are there: what one has counted ends with it. */
static bool print_handshakes(const struct control_fields *fields)
{
    const char *const *at = fields->at;
    if (fields->count != HANDSHAKE_FIELDS + 1)
        return false;
    printf("TLS handshakes: %s full (%s of TLS 1.2), %s resumed (%s of TLS 1.2), %s %%; tickets of unknown keys: %s\n",
           at[1], at[3], at[2], at[4], at[6], at[5]);
    return true;
}

static bool print_handshakes_json(const struct control_fields *fields)
{
    return print_object(fields, 1, handshake_columns, HANDSHAKE_FIELDS);
}

/* Lines begin with what they are about; of each kind all stand together, in this order. Each printer takes one line, and returns
 * false if it is of another version. */
struct section {
    const char *kind;
    const char *key; /* in JSON */
    bool list;
    bool (*print)(const struct control_fields *fields);
    bool (*print_json)(const struct control_fields *fields);
};

static bool print_master(const struct control_fields *fields)
{
    char started[DATE_TEXT], read[DATE_TEXT];
    if (fields->count != MASTER_FIELDS + 1 || !print_time(fields->at[5], started) || !print_time(fields->at[6], read))
        return false;
    printf("master (pid %s) is %s, edition %s of %s\n  started %s, configuration read %s\n", fields->at[1],
           fields->at[2], fields->at[3], fields->at[4], started, read);
    return true;
}

static bool print_master_json(const struct control_fields *fields)
{
    char started[DATE_TEXT], read[DATE_TEXT];
    if (fields->count != MASTER_FIELDS + 1 || !print_time(fields->at[5], started) || !print_time(fields->at[6], read))
        return false;
    struct control_fields text = *fields;
    text.at[5] = started;
    text.at[6] = read;
    return print_object(&text, 1, master_columns, MASTER_FIELDS);
}

static bool print_worker(const struct control_fields *fields)
{
    if (fields->count != WORKER_FIELDS + 1)
        return false;
    printf("worker %s (pid %s) is %s, connections: %s, WebSockets: %s\n", fields->at[1], fields->at[2], fields->at[3],
           fields->at[4], fields->at[5]);
    return true;
}

static bool print_worker_json(const struct control_fields *fields)
{
    return print_object(fields, 1, worker_columns, WORKER_FIELDS);
}

static bool print_renewals(const struct control_fields *fields)
{
    if (fields->count != RENEWALS_FIELDS + 1)
        return false;
    printf("renewals of files: %s done, %s failed\n", fields->at[1], fields->at[2]);
    return true;
}

static bool print_renewals_json(const struct control_fields *fields)
{
    uint64_t number;
    if (fields->count != RENEWALS_FIELDS + 1)
        return false;
    const char *done = fields->at[1], *failed = fields->at[2], *least = fields->at[3];
    if (!span_to_uint(span_string(done), UINT64_MAX, &number) ||
        !span_to_uint(span_string(failed), UINT64_MAX, &number) ||
        (*least && !span_to_uint(span_string(least + (*least == '-')), UINT64_MAX, &number)))
        return false;
    printf("{\"done\": %s, \"failed\": %s, \"seconds_to_first_end\": %s}", done, failed, *least ? least : "null");
    return true;
}

/* Two lines each, since paths and lists of names are long. */
static bool print_certificate(const struct control_fields *fields)
{
    char ends[DATE_TEXT], since[DATE_TEXT], left[32] = "expired";
    uint64_t seconds = 0;
    if (fields->count != CERTIFICATE_FIELDS + 1 || !print_time(fields->at[3], ends) ||
        !print_time(fields->at[4], since) || !span_to_uint(span_string(fields->at[3]), INT64_MAX, &seconds))
        return false;
    int64_t rest = (int64_t)seconds - time(NULL);
    if (rest > 0)
        snprintf(left, sizeof left, "%lld days left", (long long)rest / 86400);
    printf("certificate %s: %s\n  %s, until %s; served since %s%s%s\n", fields->at[1],
           *fields->at[2] ? fields->at[2] : "no names", left, ends, since, *fields->at[6] ? "; OCSP: " : "",
           fields->at[6]);
    return true;
}

/* "a, b" as a list of strings. */
static void print_names_json(const char *names)
{
    char one[256];
    putchar('[');
    for (bool first = true; *names; first = false) {
        size_t length = strcspn(names, ",");
        snprintf(one, sizeof one, "%.*s", (int)length, names);
        fputs(first ? "" : ", ", stdout);
        config_print_string(one, stdout);
        names += length;
        names += strspn(names, ", ");
    }
    putchar(']');
}

static bool print_certificate_json(const struct control_fields *fields)
{
    char ends[DATE_TEXT], since[DATE_TEXT];
    if (fields->count != CERTIFICATE_FIELDS + 1 || !print_time(fields->at[3], ends) ||
        !print_time(fields->at[4], since))
        return false;
    fputs("{\"file\": ", stdout);
    config_print_string(fields->at[1], stdout);
    fputs(", \"names\": ", stdout);
    print_names_json(fields->at[2]);
    printf(", \"not_after\": \"%s\", \"served_since\": \"%s\", \"sha256\": ", ends, since);
    config_print_string(fields->at[5], stdout);
    fputs(", \"ocsp\": ", stdout);
    config_print_string(fields->at[6], stdout);
    putchar('}');
    return true;
}

static bool print_acme(const struct control_fields *fields)
{
    char ends[DATE_TEXT] = "", next[DATE_TEXT] = "";
    const char *const *at = fields->at;
    if (fields->count != ACME_FIELDS + 1)
        return false;
    bool has = print_time(at[4], ends), waits = print_time(at[5], next);
    printf("acme certificate for %s: %s%s%s\n  %s %s; issued: %s, failed: %s\n", at[1],
           strcmp(at[3], "placeholder") == 0 ? "not issued yet, a self-signed one is served" : at[3],
           has ? ", until " : "", ends, waits ? "the next order is at" : "it is not ordered before a reload", next,
           at[6], at[7]);
    if (*at[8])
        printf("  the last order failed: %s\n  when that is mended: crossgate reload\n", at[8]);
    return true;
}

static void print_moment_json(const char *name, const char *at)
{
    char text[DATE_TEXT];
    bool known = print_time(at, text);
    printf(", \"%s\": %s%s%s", name, known ? "\"" : "", known ? text : "null", known ? "\"" : "");
}

static bool print_acme_json(const struct control_fields *fields)
{
    const char *const *at = fields->at;
    uint64_t number;
    if (fields->count != ACME_FIELDS + 1 || !span_to_uint(span_string(at[6]), UINT64_MAX, &number) ||
        !span_to_uint(span_string(at[7]), UINT64_MAX, &number))
        return false;
    fputs("{\"domains\": ", stdout);
    print_names_json(at[1]);
    fputs(", \"directory\": ", stdout);
    config_print_string(at[2], stdout);
    fputs(", \"state\": ", stdout);
    config_print_string(at[3], stdout);
    print_moment_json("not_after", at[4]);
    print_moment_json("next_order", at[5]);
    printf(", \"issued\": %s, \"failed\": %s, \"trouble\": ", at[6], at[7]);
    config_print_string(at[8], stdout);
    putchar('}');
    return true;
}

static const struct section sections[] = {
    {"master", "master", false, print_master, print_master_json},
    {"handshakes", "handshakes", false, print_handshakes, print_handshakes_json},
    {"worker", "workers", true, print_worker, print_worker_json},
    {"renewals", "renewals", false, print_renewals, print_renewals_json},
    {"certificate", "certificates", true, print_certificate, print_certificate_json},
    {"acme", "acme", true, print_acme, print_acme_json},
};

/* Up to the first line of another kind, which is in *fields afterwards. */
static bool print_section(const struct section *section, char **answer, struct control_fields *fields, bool json)
{
    for (bool first = true; fields->count > 0 && strcmp(fields->at[0], section->kind) == 0; first = false) {
        if (json && section->list)
            fputs(first ? "\n  " : ",\n  ", stdout);
        if (!(json ? section->print_json : section->print)(fields))
            return false;
        if (!control_cut_line(answer, fields))
            fields->count = 0;
    }
    return true;
}

static bool print_status(char *answer, bool json)
{
    struct control_fields fields = {0};
    if (!control_cut_line(&answer, &fields))
        return false;
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const struct section *section = &sections[i];
        if (json)
            printf("%s\"%s\": %s", i == 0 ? "{" : ",\n ", section->key, section->list ? "[" : "");
        if (!print_section(section, &answer, &fields, json))
            return false;
        if (json && section->list)
            putchar(']');
    }
    fputs(json ? "}\n" : "", stdout);
    return fields.count == 0;
}

int command_status(int argc, char **argv)
{
    struct control_words words = {0};
    const struct option options[] = {OPTIONS_CONTROL(words), OPTION_JSON(words)};
    const struct usage usage = {
        .command = "status",
        .synopsis = "[OPTIONS]",
        .about = "Shows the master and the workers of a running crossgate, the certificates that they serve,\n"
                 "and those that are got from an authority (tls.acme).\n\n"
                 "Exit status: 0 if it runs, 1 if not.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .examples = "  crossgate status --cbdir /var/crossbar --json\n",
    };
    char *answer;
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    if (!ask("status", &words, "1 status", &answer))
        return EXIT_FAILURE;
    bool printed = print_status(answer, words.json);
    free(answer);
    return printed ? EXIT_SUCCESS : refuse_answer("status");
}

/* ---- reload and stop */

static int tell(int argc, char **argv, const char *command, const char *about)
{
    struct control_words words = {0};
    const struct option options[] = {OPTIONS_CONTROL(words)};
    const struct usage usage = {
        .command = command,
        .synopsis = "[OPTIONS]",
        .about = about,
        .options = options,
        .count = sizeof options / sizeof options[0],
    };
    char line[32], *answer;
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    snprintf(line, sizeof line, "1 %s", command);
    if (!ask(command, &words, line, &answer))
        return EXIT_FAILURE;
    free(answer);
    return EXIT_SUCCESS;
}

int command_reload(int argc, char **argv)
{
    return tell(argc, argv, "reload",
                "Has a running crossgate read its configuration and all certificates again, as SIGHUP does, and waits\n"
                "until that is in force.\n\n"
                "Exit status: 0 if it is, 1 if it was refused: then all stays as it was, and crossgate check\n"
                "(or the log) says why.\n");
}

int command_stop(int argc, char **argv)
{
    return tell(argc, argv, "stop",
                "Has a running crossgate stop when all connections are finished, as SIGTERM does; at once if it is\n"
                "told so again. Does not wait for the end.\n");
}
