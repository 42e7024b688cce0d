#include "acme.h"

#include "acme_order.h"

#include <stdlib.h>
#include <string.h>

static struct acme_certificate *certificate_at(struct list *link)
{
    return CONTAINER_OF(link, struct acme_certificate, link);
}

/* ---- one certificate */

/* Of the plan in force: whether what is served is what is wanted. */
static void schedule(struct acme_certificate *certificate)
{
    struct acme *acme = certificate->acme;
    const struct plan_acme *plan = certificate->plan;
    if (plan->placeholder || !plan->fits)
        acme_schedule_at_once(&certificate->schedule, acme->time);
    else
        acme_schedule_renewal(&certificate->schedule, plan->begins, plan->ends, acme->time, certificate->chance);
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Whether an order for the one is an order for the other. */
static bool same_wish(const struct plan_acme *a, const struct plan_acme *b)
{
    if (!same_text(a->directory, b->directory) || !same_text(a->email, b->email) ||
        !span_equal(a->authorities, b->authorities) || a->http_01 != b->http_01 || a->tls_alpn_01 != b->tls_alpn_01 ||
        a->domain_count != b->domain_count)
        return false;
    for (size_t i = 0; i < a->domain_count; i++) {
        if (!same_text(a->domains[i], b->domains[i]))
            return false;
    }
    return true;
}

static bool same_pair(const struct plan_acme *a, const struct plan_acme *b)
{
    return a->placeholder == b->placeholder && a->fits == b->fits && same_text(a->leaf, b->leaf);
}

static struct acme_certificate *find(struct acme *acme, const char *path)
{
    for (struct list *at = acme->certificates.next; at != &acme->certificates; at = at->next) {
        if (strcmp(certificate_at(at)->plan->path, path) == 0)
            return certificate_at(at);
    }
    return NULL;
}

/* The plan before is about to die. */
static void take_over(struct acme_certificate *certificate, const struct plan_acme *plan)
{
    const struct plan_acme *before = certificate->plan;
    certificate->plan = plan;
    if (!same_wish(before, plan)) {
        acme_order_cancel(certificate);
        certificate->trouble[0] = '\0';
        schedule(certificate);
    } else if (!same_pair(before, plan)) {
        schedule(certificate);
    }
}

static void add(struct acme *acme, const struct plan_acme *plan)
{
    struct acme_certificate *certificate = calloc(1, sizeof *certificate);
    if (!certificate) {
        log_write(acme->log, LOG_ERROR, "acme: out of memory: nobody looks after the certificate for %s until a reload",
                  plan->domains[0]);
        return;
    }
    certificate->acme = acme;
    certificate->plan = plan;
    certificate->chance = acme_chance();
    list_init(&certificate->link);
    list_append(&acme->certificates, &certificate->link);
    acme_order_init(certificate);
    schedule(certificate);
}

static void drop(struct acme_certificate *certificate)
{
    acme_order_cancel(certificate);
    list_remove(&certificate->link);
    free(certificate);
}

/* ---- all of them */

void acme_init(struct acme *acme, struct log *log, struct crew *crew, struct errands *errands)
{
    *acme = (struct acme){.log = log, .crew = crew, .errands = errands};
    list_init(&acme->certificates);
}

void acme_deinit(struct acme *acme)
{
    while (!list_is_empty(&acme->certificates))
        drop(certificate_at(acme->certificates.next));
}

static bool wants(const struct plan *plan, const char *path)
{
    for (const struct plan_acme *wanted = plan->acmes; wanted; wanted = wanted->next) {
        if (strcmp(wanted->path, path) == 0)
            return true;
    }
    return false;
}

void acme_adopt(struct acme *acme, const struct plan *plan)
{
    for (struct list *at = acme->certificates.next, *next; at != &acme->certificates; at = next) {
        next = at->next;
        if (!wants(plan, certificate_at(at)->plan->path))
            drop(certificate_at(at));
    }
    for (const struct plan_acme *wanted = plan->acmes; wanted; wanted = wanted->next) {
        struct acme_certificate *certificate = find(acme, wanted->path);
        if (certificate)
            take_over(certificate, wanted);
        else
            add(acme, wanted);
    }
}

void acme_retry(struct acme *acme)
{
    for (struct list *at = acme->certificates.next; at != &acme->certificates; at = at->next)
        acme_schedule_retry(&certificate_at(at)->schedule, acme->time);
}

/* One order at a time for each account, so that an authority is never in a hurry, and an account is made once. */
static bool is_busy(const struct acme *acme, const char *account)
{
    for (const struct list *at = acme->certificates.next; at != &acme->certificates; at = at->next) {
        const struct acme_certificate *other = CONTAINER_OF(at, const struct acme_certificate, link);
        if (other->errand.pid && other->ordering && strcmp(other->plan->account, account) == 0)
            return true;
    }
    return false;
}

static void begin_what_is_due(struct acme_certificate *certificate)
{
    struct acme *acme = certificate->acme;
    if (certificate->errand.pid)
        return;
    if (acme->time >= certificate->schedule.order) {
        if (!is_busy(acme, certificate->plan->account))
            acme_order_begin(certificate);
    } else if (acme->time >= certificate->schedule.ask) {
        acme_ask_begin(certificate);
    }
}

void acme_settle(struct acme *acme)
{
    for (struct list *at = acme->certificates.next; at != &acme->certificates; at = at->next) {
        acme_schedule_bound(&certificate_at(at)->schedule, acme->time);
        acme_order_settle(certificate_at(at));
        begin_what_is_due(certificate_at(at));
    }
}

/* While an errand is under way, its own or that which it waits for, its end is the event. */
static uint64_t wish_of(const struct acme_certificate *certificate)
{
    const struct acme *acme = certificate->acme;
    const struct acme_schedule *when = &certificate->schedule;
    int64_t due = when->order < when->ask ? when->order : when->ask;
    if (certificate->errand.pid)
        return certificate->awaited ? certificate->awaited_until : UINT64_MAX;
    if (due == INT64_MAX || (when->order <= acme->time && is_busy(acme, certificate->plan->account)))
        return UINT64_MAX;
    return acme->now + (due > acme->time ? (uint64_t)(due - acme->time) * 1000 : 0);
}

uint64_t acme_next(const struct acme *acme)
{
    uint64_t next = UINT64_MAX;
    for (const struct list *at = acme->certificates.next; at != &acme->certificates; at = at->next) {
        uint64_t wish = wish_of(CONTAINER_OF(at, const struct acme_certificate, link));
        next = wish < next ? wish : next;
    }
    return next;
}

const char *acme_state(const struct acme_certificate *certificate)
{
    const struct plan_acme *plan = certificate->plan;
    if (plan->placeholder)
        return "placeholder";
    if (certificate->acme->time >= plan->ends)
        return "expired";
    return plan->fits ? "valid" : "incomplete";
}
