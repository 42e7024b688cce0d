/* Backends, called as workers call them. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ms for each, all at once. */
enum { PATIENCE = 3000 };

/* ---- in the deputy */

/* Each name once: it is one node. */
static bool is_among(const struct backend *const *backends, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(backends[i]->name, name) == 0)
            return true;
    return false;
}

static size_t collect(const struct plan *plan, const struct backend *backends[PLAN_BACKENDS_MAX])
{
    size_t count = 0;
    for (const struct upstream *upstream = plan->upstreams; upstream; upstream = upstream->next)
        for (size_t i = 0; i < upstream->count && count < PLAN_BACKENDS_MAX; i++)
            if (!is_among(backends, count, upstream->members[i].backend->name))
                backends[count++] = upstream->members[i].backend;
    return count;
}

/* Details are our own words, but for the reason of a TLS failure, which comes from the library. */
static void print_verdict(void *user, const struct backend *backend, const struct backend_verdict *verdict)
{
    static const char *const kinds[] = {
        [BACKEND_WEBSOCKET] = "websocket", [BACKEND_RAWSOCKET] = "rawsocket", [BACKEND_HTTP] = "http"};
    size_t name = strlen(backend->name);
    const char *detail = verdict->detail ? verdict->detail : "";
    if (strncmp(detail, backend->name, name) == 0)
        detail += name;
    FILE *out = user;
    fprintf(out, "%s\t", BACKEND_WORD);
    doctor_put_field(backend->name, out);
    fprintf(out, "\t%s\t%d\t%d\t", kinds[backend->kind], (int)verdict->fitness, (int)verdict->why);
    doctor_put_field(detail, out);
    putc('\n', out);
}

void look_at_backends(const struct doctor *doctor, FILE *out)
{
    const struct backend *backends[PLAN_BACKENDS_MAX];
    size_t count = collect(doctor->plan, backends);
    struct counted *owner = &doctor->plan->counted;
    if (count > 0 && !backends_try(backends, count, owner, PATIENCE, print_verdict, out))
        abort(); /* memory is out: who hears us says that not all could be looked at */
}

/* ---- judging */

/* How to look closer, by how it failed. */
static const struct failure {
    enum ending why;
    const char *id;
    const char *remedy;
} failures[] = {
    {ENDING_BACKEND_NAME, "backend-name", "check the spelling, and the DNS of this machine:\n  getent ahosts %s"},
    {ENDING_BACKEND_REFUSED, "backend-refused", "is the node running, and does it listen there?"},
    {ENDING_BACKEND_UNREACHABLE, "backend-unreachable",
     "look at routes and firewalls on the way, and at the rights of a Unix socket"},
    {ENDING_BACKEND_LATE, "backend-late", "is there a firewall on the way, or is the node stuck?"},
    {ENDING_BACKEND_TLS, "backend-tls",
     "is TLS spoken there, does the certificate hold `tls.hostname`, and is its authority in `tls.ca_certificates`?\n"
     "  crossgate probe %s:%u --sni HOSTNAME --ca FILE"},
    {ENDING_BACKEND_BROKEN, "backend-broken", "does another protocol listen there, or this one over TLS?"},
    {ENDING_BACKEND_LOST, "backend-lost", "does another protocol listen there, or this one over TLS?"},
    {ENDING_BACKEND_DENIED, "backend-denied", "the node's log of this moment says why"},
    {ENDING_DONE, "backend-fails", ""}, /* all others */
};

static const struct failure *find_failure(enum ending why)
{
    const struct failure *failure = failures;
    while (failure->why != why && failure->why != ENDING_DONE)
        failure++;
    return failure;
}

static const struct net_target *find_target(const struct plan *plan, const char *name)
{
    for (const struct upstream *upstream = plan->upstreams; upstream; upstream = upstream->next)
        for (size_t i = 0; i < upstream->count; i++)
            if (strcmp(upstream->members[i].backend->name, name) == 0)
                return &upstream->members[i].backend->target;
    return NULL;
}

static void judge_failing(struct doctor *doctor, const char *name, enum ending why, const char *detail)
{
    const struct failure *failure = find_failure(why);
    const struct net_target *target = find_target(doctor->plan, name);
    const char *host = target && target->kind == NET_TCP ? target->host : "HOST";
    struct doctor_text remedy;
    doctor_add(doctor, DOCTOR_BACKENDS, name, FINDING_BAD, failure->id,
               doctor_print(&remedy, failure->remedy, host, target ? target->port : 0), "%s: %s%s", name,
               ending_row(why)->text, detail);
}

static void judge_working(struct doctor *doctor, const char *name, const char *kind, enum ending why,
                          const char *detail)
{
    static const char *const words[][2] = {
        {"websocket", "a WebSocket can be opened"},
        {"rawsocket", "a RawSocket session can be opened"},
        {"http", "connections are accepted"},
    };
    const char *word = "";
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i][0], kind) == 0)
            word = words[i][1];
    if (why == ENDING_DONE)
        doctor_add(doctor, DOCTOR_BACKENDS, name, FINDING_GOOD, "backend-up", NULL, "%s: %s", name, word);
    else
        doctor_add(doctor, DOCTOR_BACKENDS, name, FINDING_GOOD, "backend-answers", NULL,
                   "%s: it is there, and%s at the path \"/\"", name, detail);
}

void judge_backend(struct doctor *doctor, const struct control_fields *line)
{
    enum { NAME = 1, KIND, FITNESS, WHY, DETAIL, FIELDS };
    if (line->count != FIELDS)
        return;
    const char *name = line->at[NAME], *detail = line->at[DETAIL];
    long fitness = strtol(line->at[FITNESS], NULL, 10), number = strtol(line->at[WHY], NULL, 10);
    enum ending why = number >= 0 && number < ENDING_COUNT ? (enum ending)number : ENDING_INTERNAL;
    if (fitness == BACKEND_WORKS)
        judge_working(doctor, name, line->at[KIND], why, detail);
    else if (fitness == BACKEND_FAILS)
        judge_failing(doctor, name, why, detail);
    else
        doctor_add(doctor, DOCTOR_BACKENDS, name, FINDING_NOTE, "not-looked", NULL, "%s: it could not be asked: %s%s",
                   name, ending_row(why)->text, detail);
}

void examine_backends(struct doctor *doctor)
{
    if (!doctor->plan->upstreams)
        doctor_add(doctor, DOCTOR_BACKENDS, "", FINDING_GOOD, "no-backend", NULL,
                   "the configuration has no backend: nothing to ask");
}
