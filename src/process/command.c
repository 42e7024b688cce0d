/* What an operator is answered: lines of fields, separated by tabs. */
#include "master.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* So that no name ends a field. */
static void print_name(const char *name, FILE *out)
{
    for (; *name; name++)
        putc((unsigned char)*name < 0x20 ? '?' : *name, out);
}

/* ---- backends */

/* All that the workers' pages say of one. A worker that has been taken over may write what it likes there: numbers are
 * only shown, and none of them is trusted to be an index. */
struct backend_sum {
    uint64_t sessions, opened, failures;
    uint64_t failed_at, failed_by;
    unsigned workers, ejected, down; /* how many count it, and how many leave it out or think it is down */
};

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static const struct backend_counters *find_row(const struct child *child, uint64_t key)
{
    for (size_t i = 0; i < COUNTERS_BACKENDS; i++) {
        if (read_counter(&child->counters->backends[i].key) == key)
            return &child->counters->backends[i];
    }
    return NULL;
}

static void add_worker(struct backend_sum *sum, const struct child *child, uint64_t key, bool serves)
{
    const struct backend_counters *row = find_row(child, key);
    if (!row)
        return;
    uint64_t condition = read_counter(&row->condition), failed_at = read_counter(&row->failed_at);
    sum->sessions += read_counter(&row->sessions);
    sum->opened += read_counter(&row->opened);
    sum->failures += read_counter(&row->failures);
    if (failed_at > sum->failed_at) {
        sum->failed_at = failed_at;
        sum->failed_by = read_counter(&row->failed_by);
    }
    sum->workers += serves;
    sum->ejected += serves && condition == BACKEND_EJECTED;
    sum->down += serves && condition == BACKEND_DOWN;
}

/* Those that leave may have sessions, too. */
static struct backend_sum sum_up(const struct crew *crew, const char *name)
{
    struct backend_sum sum = {0};
    uint64_t key = backend_key(name);
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->places[i].child)
            add_worker(&sum, crew->places[i].child, key, true);
    }
    for (const struct list *at = crew->leavers.next; at != &crew->leavers; at = at->next)
        add_worker(&sum, CONTAINER_OF(at, const struct child, link), key, false);
    return sum;
}

static const char *state_of(const struct backend_sum *sum, bool drained)
{
    if (drained)
        return sum->sessions > 0 ? "draining" : "drained";
    return sum->down > 0 ? "down" : sum->ejected > 0 ? "left out" : "up";
}

static void list_backend(const struct crew *crew, const char *name, FILE *out)
{
    const struct backend_sum sum = sum_up(crew, name);
    const char *failure =
        sum.failures > 0 && sum.failed_by < ENDING_COUNT ? ending_row((enum ending)sum.failed_by)->text : "";
    print_name(name, out);
    fprintf(out, "\t%s\t%u\t%u\t%u\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\n",
            state_of(&sum, drained_has(&crew->drained, name)), sum.down, sum.ejected, sum.workers, sum.sessions,
            sum.opened, sum.failures, sum.failed_at, failure);
}

/* Whether a backend of that name comes before member `index` of `last`, so that each is listed once. */
static bool was_listed(const struct plan *plan, const struct upstream *last, size_t index, const char *name)
{
    for (const struct upstream *upstream = plan->upstreams; upstream; upstream = upstream->next) {
        size_t count = upstream == last ? index : upstream->count;
        for (size_t i = 0; i < count; i++) {
            if (strcmp(upstream->members[i].backend->name, name) == 0)
                return true;
        }
        if (upstream == last)
            break;
    }
    return false;
}

static void list(const struct master *master, FILE *out)
{
    const struct plan *plan = master->edition->plan;
    fputs("ok\n", out);
    for (const struct upstream *upstream = plan->upstreams; upstream; upstream = upstream->next) {
        for (size_t i = 0; i < upstream->count; i++) {
            const char *name = upstream->members[i].backend->name;
            if (!was_listed(plan, upstream, i, name))
                list_backend(&master->crew, name, out);
        }
    }
}

static void set_drained(struct master *master, const char *name, bool drained, FILE *out)
{
    bool before = drained_has(&master->crew.drained, name);
    if (!drained_may_have(master->edition->plan, name)) {
        fprintf(out, "error there is no backend %s: `crossgate backend list` names them\n", name);
        return;
    }
    if (!crew_set_drained(&master->crew, name, drained)) {
        fprintf(out, "error no more than %d backends can be drained at once\n", DRAINED_MAX);
        return;
    }
    if (before != drained)
        log_write(&master->log, LOG_INFO, "backend %s %s, by command", name,
                  drained ? "gets no new sessions" : "gets new sessions again");
    fputs("ok\n", out);
}

/* ---- the whole */

static const char *state_name(enum child_state state)
{
    switch (state) {
    case CHILD_STARTING:
        return "starting";
    case CHILD_SERVING:
        return "serving";
    case CHILD_PREPARING:
    case CHILD_PREPARED:
    case CHILD_SWITCHING:
        return "reloading";
    case CHILD_LEAVING:
        return "leaving";
    }
    return "unknown";
}

static void print_worker(const struct child *child, FILE *out)
{
    fprintf(out, "worker\t%u\t%d\t%s\t%" PRIu64 "\t%" PRIu64 "\n", child->index, (int)child->pid,
            state_name(child->state), read_counter(&child->counters->connections_open),
            read_counter(&child->counters->websockets_open));
}

static void print_certificate(const struct master *master, const struct expiry_row *row, FILE *out)
{
    const struct tls_certificate *certificate = row->certificate;
    char stapling[256];
    fputs("certificate\t", out);
    print_name(certificate->path, out);
    fprintf(out, "\t%s\t%" PRId64 "\t%" PRId64 "\t", certificate->names, certificate->ends > 0 ? certificate->ends : 1,
            row->since);
    for (size_t i = 0; i < sizeof certificate->digest; i++)
        fprintf(out, "%02x", certificate->digest[i]);
    staples_print(&master->staples, certificate->digest, stapling, sizeof stapling);
    putc('\t', out);
    print_name(stapling, out);
    putc('\n', out);
}

/* The seconds until the first certificate ends are "" if there is none; so is what has been refused, and is not mended. */
static void print_renewals(const struct master *master, FILE *out)
{
    int64_t least = expiry_least(&master->expiry, time(NULL));
    fprintf(out, "renewals\t%" PRIu64 "\t%" PRIu64 "\t", master->renewal.done, master->renewal.failed);
    if (least != INT64_MAX)
        fprintf(out, "%" PRId64, least);
    putc('\t', out);
    print_name(master->renewal.told, out);
    putc('\n', out);
    for (size_t i = 0; i < master->expiry.count; i++)
        print_certificate(master, &master->expiry.rows[i], out);
}

/* How clients of TLS came in. */
struct handshake_sum {
    uint64_t full, resumed, full_tls12, resumed_tls12, unknown;
};

static void add_handshakes(struct handshake_sum *sum, const struct child *child)
{
    const struct counters *counters = child->counters;
    sum->full += read_counter(&counters->handshakes_full);
    sum->resumed += read_counter(&counters->handshakes_resumed);
    sum->full_tls12 += read_counter(&counters->handshakes_full_tls12);
    sum->resumed_tls12 += read_counter(&counters->handshakes_resumed_tls12);
    sum->unknown += read_counter(&counters->tickets_unknown);
}

static void print_handshakes(const struct crew *crew, FILE *out)
{
    struct handshake_sum sum = {0};
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->places[i].child)
            add_handshakes(&sum, crew->places[i].child);
    }
    for (const struct list *at = crew->leavers.next; at != &crew->leavers; at = at->next)
        add_handshakes(&sum, CONTAINER_OF(at, const struct child, link));
    double all = (double)sum.full + (double)sum.resumed;
    fprintf(out, "handshakes\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%.0f\n", sum.full,
            sum.resumed, sum.full_tls12, sum.resumed_tls12, sum.unknown, all > 0 ? (double)sum.resumed * 100 / all : 0);
}

/* acme, domains, authority, state, end of what is served (0: a placeholder), next try (0: none), orders since the start that came to
 * something and that did not, what was wrong with the last. */
static void print_acme(const struct acme_certificate *certificate, FILE *out)
{
    const struct plan_acme *plan = certificate->plan;
    int64_t next = certificate->schedule.order;
    fputs("acme\t", out);
    for (size_t i = 0; i < plan->domain_count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", plan->domains[i]);
    putc('\t', out);
    print_name(plan->directory, out);
    fprintf(out, "\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRIu64 "\t%" PRIu64 "\t", acme_state(certificate),
            plan->placeholder ? 0 : plan->ends, next == INT64_MAX ? 0 : next, certificate->issued, certificate->failed);
    print_name(certificate->trouble, out);
    putc('\n', out);
}

static void print_status(const struct master *master, FILE *out)
{
    const struct crew *crew = &master->crew;
    fprintf(out, "ok\nmaster\t%d\t%s\t%" PRIu64 "\t", (int)getpid(),
            crew->stopping ? "stopping"
            : master->next ? "reloading"
                           : "serving",
            master->edition->number);
    print_name(sources_request(master->edition->sources)->config, out);
    fprintf(out, "\t%" PRId64 "\t%" PRId64 "\n", master->started, master->edition->read);
    print_handshakes(crew, out);
    for (unsigned i = 0; i < crew->count; i++) {
        if (crew->places[i].child)
            print_worker(crew->places[i].child, out);
    }
    for (const struct list *at = crew->leavers.next; at != &crew->leavers; at = at->next)
        print_worker(CONTAINER_OF(at, const struct child, link), out);
    print_renewals(master, out);
    for (const struct list *at = master->acme.certificates.next; at != &master->acme.certificates; at = at->next)
        print_acme(CONTAINER_OF(at, const struct acme_certificate, link), out);
}

/* ---- what is on the disk and not in force */

static const char *configuration_now(const struct edition *edition)
{
    const char *path = sources_request(edition->sources)->config, *word = "unreadable";
    struct sources *now = sources_new_disk(sources_request(edition->sources));
    struct source_file old, new;
    struct error error = {0};
    if (now && sources_file(edition->sources, path, &old, &error) && sources_file(now, path, &new, &error))
        word = span_equal(old.bytes, new.bytes) ? "same" : "changed";
    sources_free(now);
    return word;
}

/* The configuration, how many of the files that it names have other bytes than those in force, and one of them. */
static void print_changes(const struct master *master, FILE *out)
{
    const struct sources *in_force = master->edition->sources;
    struct sources *now = sources_new_renewed(in_force, NULL);
    const char *first = NULL;
    if (!now) {
        fputs("error out of memory\n", out);
        return;
    }
    fprintf(out, "ok\nchanges\t%s\t%zu\t", configuration_now(master->edition), sources_differ(in_force, now, &first));
    print_name(first ? first : "", out);
    putc('\n', out);
    sources_free(now);
}

/* ---- */

/* False: the answer comes when the reload is decided. */
static bool reload(struct master *master, FILE *out)
{
    if (master->crew.stopping) {
        fputs("error it is stopping\n", out);
        return true;
    }
    master->reload_wanted = true;
    return false;
}

bool command_answer(void *user, const struct control_request *request, FILE *out)
{
    struct master *master = user;
    switch (request->verb) {
    case CONTROL_STATUS:
        print_status(master, out);
        break;
    case CONTROL_CHANGES:
        print_changes(master, out);
        break;
    case CONTROL_LIST:
        list(master, out);
        break;
    case CONTROL_DRAIN:
    case CONTROL_RESUME:
        set_drained(master, request->name, request->verb == CONTROL_DRAIN, out);
        break;
    case CONTROL_RELOAD:
        return reload(master, out);
    case CONTROL_STOP:
        fputs("ok\n", out);
        master_stop(master, "crossgate stop");
        break;
    case CONTROL_VERBS:
        break;
    }
    return true;
}
