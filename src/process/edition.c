#include "edition.h"

#include "parcel.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Where one file is wrong, others may be seen to be so only without it: so often it is tried with those that are left. */
enum { RENEW_RESTS = 2 };

static unsigned processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 1 ? (unsigned)count : 1;
}

static unsigned count_workers(const struct run_options *options, const struct plan_process *process)
{
    unsigned count = options->workers ? options->workers : process->workers ? process->workers : processors();
    return count < PROCESS_WORKERS_MAX ? count : PROCESS_WORKERS_MAX;
}

/* Notes that were read at the start are not repeated at each reload; by their number they are taken for the same. Who wants no
 * log lines of level info wants no notes either. */
static enum problem_severity least_printed(const struct edition *edition, const struct edition *previous,
                                           const struct log *log)
{
    bool known = previous && (!edition->plan || edition->notes == previous->notes);
    return known || log->level < LOG_INFO ? PROBLEM_WARNING : PROBLEM_NOTE;
}

/* Before anything is served, who has started us waits for all of it; later a reader that does not read holds nobody up. */
static void print(const struct diagnostics *diagnostics, enum problem_severity least, bool serving, struct log *log)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = serving ? open_memstream(&text, &size) : stderr;
    if (!out) {
        log_write(log, LOG_ERROR, "out of memory");
        return;
    }
    diagnostics_print(diagnostics, least, out, log->colour);
    if (serving && fclose(out) == 0)
        log_write_text(log, span_of(text, size));
    free(text);
}

static void count(struct edition *edition, const struct diagnostics *diagnostics)
{
    edition->notes = diagnostics_count(diagnostics, PROBLEM_NOTE);
    edition->warnings = diagnostics_count(diagnostics, PROBLEM_WARNING);
}

static bool load(struct edition *edition, const struct edition *previous, struct log *log)
{
    struct diagnostics *diagnostics = diagnostics_new();
    if (!diagnostics) {
        log_write(log, LOG_ERROR, "out of memory");
        return false;
    }
    edition->plan = plan_load(edition->sources, NULL, diagnostics);
    count(edition, diagnostics);
    print(diagnostics, least_printed(edition, previous, log), previous != NULL, log);
    unsigned errors = diagnostics_count(diagnostics, PROBLEM_ERROR);
    if (!edition->plan)
        log_write(log, LOG_ERROR, "the configuration %s cannot be served: %u error%s",
                  sources_request(edition->sources)->config, errors, errors == 1 ? "" : "s");
    diagnostics_free(diagnostics);
    return edition->plan != NULL;
}

/* The previous edition's door at that address that nobody has inherited yet. */
static struct door *find_predecessor(const struct edition *edition, struct edition *previous,
                                     const struct net_listen *where)
{
    for (size_t i = 0; previous && i < previous->door_count; i++) {
        struct door *candidate = &previous->doors[i];
        bool taken = false;
        for (size_t j = 0; j < edition->door_count; j++)
            taken |= edition->doors[j].predecessor == candidate;
        if (!taken && door_fits(candidate, where))
            return candidate;
    }
    return NULL;
}

/* With sockets of ours on the port (the interface has changed, say) it is not free, and need not be. */
static bool has_port(const struct edition *previous, const struct net_listen *where)
{
    for (size_t i = 0; previous && i < previous->door_count; i++) {
        if (previous->doors[i].where.kind == NET_TCP && previous->doors[i].port == where->port)
            return where->kind == NET_TCP && where->port == where->port_last;
    }
    return false;
}

static bool open_door(struct door *door, struct door *predecessor, const struct edition *previous,
                      const struct net_listen *where, size_t count, struct error *error)
{
    if (predecessor)
        return door_inherit(door, predecessor, where, count, error);
    struct net_listen ours = *where;
    ours.shared = where->shared || has_port(previous, where);
    return door_open(door, &ours, count, error);
}

static bool open_doors(struct edition *edition, struct edition *previous, struct error *error)
{
    const struct plan *plan = edition->plan;
    if (plan->transport_count == 0) {
        error_set(error, ERROR_INPUT, "the configuration has no transport to listen on");
        return false;
    }
    edition->doors = calloc(plan->transport_count, sizeof *edition->doors);
    if (!edition->doors) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return false;
    }
    for (; edition->door_count < plan->transport_count; edition->door_count++) {
        const struct net_listen *where = &plan->transports[edition->door_count].where;
        struct door *door = &edition->doors[edition->door_count];
        struct door *predecessor = find_predecessor(edition, previous, where);
        if (!open_door(door, predecessor, previous, where, edition->workers, error))
            return false;
    }
    return true;
}

/* What it needs besides its plan. */
static bool furnish(struct edition *edition, struct edition *previous, struct error *error)
{
    if (!open_doors(edition, previous, error))
        return false;
    edition->packed = sources_pack(edition->sources, error);
    return edition->packed >= 0;
}

struct edition *edition_new(const struct run_options *options, uint64_t number, struct edition *previous,
                            struct log *log)
{
    struct error error = {0};
    struct edition *edition = calloc(1, sizeof *edition);
    if (!edition) {
        log_write(log, LOG_ERROR, "out of memory");
        return NULL;
    }
    *edition = (struct edition){
        .number = number, .read = time(NULL), .packed = -1, .sources = sources_new_disk(&options->request)};
    if (!edition->sources || (previous && !sources_inherit_made(edition->sources, previous->sources))) {
        error_set(&error, ERROR_MEMORY, "out of memory");
    } else if (load(edition, previous, log)) {
        edition->workers = count_workers(options, &edition->plan->process);
        if (furnish(edition, previous, &error))
            return edition;
    }
    if (error.class != ERROR_NONE)
        log_write(log, LOG_ERROR, "%s", error.text);
    edition_free(edition);
    return NULL;
}

/* The first error in one line, and how to see the others. */
static void explain(const struct diagnostics *diagnostics, struct edition_fault *fault)
{
    unsigned errors = diagnostics_count(diagnostics, PROBLEM_ERROR);
    const struct diagnostic *first = NULL;
    char others[80] = "";
    for (size_t i = diagnostics_kept(diagnostics); i > 0; i--) {
        if (diagnostics_at(diagnostics, i - 1)->severity == PROBLEM_ERROR)
            first = diagnostics_at(diagnostics, i - 1);
    }
    *fault = (struct edition_fault){.lasts = first != NULL, .text = "out of memory"};
    if (!first)
        return;
    if (errors > 1)
        snprintf(others, sizeof others, " (+ %u more: crossgate check)", errors - 1);
    snprintf(fault->text, sizeof fault->text, "%s:%u:%u: %s%s%s%s", first->file, first->line, first->column,
             first->text, first->remedy ? "; " : "", first->remedy ? first->remedy : "", others);
}

/* From "$.workers[0].transports[0].endpoint.tls.chain_certificates[1]" to what has the key: "$.workers[0].….tls". */
static void distrust_object(struct sources *sources, const char *path)
{
    char object[512];
    if (snprintf(object, sizeof object, "%s", path) >= (int)sizeof object)
        return;
    size_t length = strlen(object);
    char *index = length > 0 && object[length - 1] == ']' ? strrchr(object, '[') : NULL;
    if (index)
        *index = '\0';
    char *key = strrchr(object, '.');
    if (key)
        *key = '\0';
    sources_distrust(sources, object);
}

static void distrust(const struct diagnostics *diagnostics, struct sources *sources)
{
    for (size_t i = 0; i < diagnostics_kept(diagnostics); i++) {
        if (diagnostics_at(diagnostics, i)->severity == PROBLEM_ERROR)
            distrust_object(sources, diagnostics_at(diagnostics, i)->path);
    }
}

/* What is wrong with the edition's sources is distrusted in `renewed`, too. */
static bool load_again(struct edition *edition, const struct edition *previous, struct sources *renewed,
                       struct edition_fault *fault, struct log *log)
{
    struct diagnostics *diagnostics = diagnostics_new();
    if (diagnostics)
        edition->plan = plan_load(edition->sources, NULL, diagnostics);
    if (edition->plan) {
        count(edition, diagnostics);
        if (edition->warnings > previous->warnings)
            print(diagnostics, PROBLEM_WARNING, true, log);
    } else if (diagnostics) {
        explain(diagnostics, fault);
        distrust(diagnostics, renewed);
    }
    diagnostics_free(diagnostics);
    return edition->plan != NULL;
}

/* Takes `sources` over if it can be made. */
static struct edition *renew_with(struct edition *previous, uint64_t number, struct sources *sources,
                                  struct sources *renewed, struct edition_fault *fault, struct log *log)
{
    struct error error = {0};
    struct edition *edition = calloc(1, sizeof *edition);
    *fault = (struct edition_fault){.text = "out of memory"};
    if (!edition)
        return NULL;
    *edition = (struct edition){
        .number = number, .read = previous->read, .packed = -1, .sources = sources, .workers = previous->workers};
    if (load_again(edition, previous, renewed, fault, log) && furnish(edition, previous, &error)) {
        fault->text[0] = '\0';
        return edition;
    }
    if (error.class != ERROR_NONE)
        snprintf(fault->text, sizeof fault->text, "%s", error.text);
    edition->sources = NULL;
    edition_free(edition);
    return NULL;
}

/* Without the files that are distrusted. NULL: there is nothing new then, or it cannot be made either. */
static struct edition *renew_rest(struct edition *previous, uint64_t number, struct sources *renewed, struct log *log)
{
    struct edition_fault fault;
    struct edition *edition = NULL;
    const char *first;
    struct sources *rest = sources_new_trusted(previous->sources, renewed);
    if (rest && sources_differ(previous->sources, rest, &first) > 0)
        edition = renew_with(previous, number, rest, renewed, &fault, log);
    if (!edition)
        sources_free(rest);
    return edition;
}

struct edition *edition_renew(struct edition *previous, uint64_t number, struct sources *sources,
                              struct edition_fault *fault, struct log *log)
{
    struct edition *edition = renew_with(previous, number, sources, sources, fault, log);
    for (int i = 0; !edition && fault->lasts && i < RENEW_RESTS; i++)
        edition = renew_rest(previous, number, sources, log);
    return edition;
}

void edition_succeed(struct edition *edition)
{
    for (size_t i = 0; i < edition->door_count; i++)
        door_succeed(&edition->doors[i]);
}

void edition_close_doors(struct edition *edition)
{
    for (size_t i = 0; i < edition->door_count; i++)
        door_close(&edition->doors[i]);
}

void edition_free(struct edition *edition)
{
    if (!edition)
        return;
    edition_close_doors(edition);
    free(edition->doors);
    if (edition->packed >= 0)
        close(edition->packed);
    if (edition->plan)
        counted_unref(&edition->plan->counted);
    sources_free(edition->sources);
    free(edition);
}

bool edition_send(const struct edition *edition, unsigned index, enum log_level level, int socket)
{
    int *sockets = calloc(edition->door_count, sizeof *sockets);
    if (!sockets)
        return false;
    for (size_t i = 0; i < edition->door_count; i++)
        sockets[i] = edition->doors[i].sockets[index];
    struct parcel_contents contents = {
        .edition = edition->number,
        .level = level,
        .packed = edition->packed,
        .sockets = sockets,
        .socket_count = edition->door_count,
    };
    contents.directory_count = sources_directories(edition->sources, &contents.directories);
    bool sent = parcel_send(socket, &contents);
    free(sockets);
    return sent;
}
