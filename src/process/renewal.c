#include "renewal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void renewal_init(struct renewal *renewal, struct log *log)
{
    *renewal = (struct renewal){.log = log, .since = UINT64_MAX, .retry = UINT64_MAX};
}

static void forget_refused(struct renewal *renewal)
{
    sources_free(renewal->refused);
    renewal->refused = NULL;
}

/* Nothing is refused. */
void renewal_forget(struct renewal *renewal)
{
    forget_refused(renewal);
    renewal->since = renewal->retry = UINT64_MAX;
    renewal->objections = 0;
    renewal->fault.text[0] = renewal->told[0] = '\0';
}

void renewal_deinit(struct renewal *renewal)
{
    renewal_forget(renewal);
    renewal->wanted = false;
}

/* ---- trying */

/* Takes the sources. The same files are not tried again, unless it was not for them that they were refused. */
static void refuse(struct renewal *renewal, const char *first, struct sources *sources, uint64_t now)
{
    snprintf(renewal->first, sizeof renewal->first, "%s", first);
    if (renewal->since == UINT64_MAX && strcmp(renewal->fault.text, renewal->told) != 0)
        renewal->since = now;
    renewal->retry = now + RENEWAL_RETRY;
    forget_refused(renewal);
    if (renewal->fault.lasts)
        renewal->refused = sources;
    else
        sources_free(sources);
}

/* Without being watched, files are read again by a reload only; what we have written ourselves always is. */
static struct sources *read_again(const struct edition *in_force)
{
    const struct plan_process *process = &in_force->plan->process;
    return sources_new_renewed(in_force->sources, process->watch ? NULL : process->state);
}

static bool was_refused(const struct renewal *renewal, const struct sources *sources)
{
    const char *first;
    return renewal->refused && sources_differ(renewal->refused, sources, &first) == 0;
}

static struct edition *try_with(struct renewal *renewal, struct edition *in_force, uint64_t number,
                                struct sources *sources, uint64_t now)
{
    const char *first;
    struct edition *edition = edition_renew(in_force, number, sources, &renewal->fault, renewal->log);
    renewal->since = *renewal->fault.text ? renewal->since : UINT64_MAX;
    sources_differ(edition ? edition->sources : in_force->sources, sources, &first);
    if (*renewal->fault.text)
        refuse(renewal, first ? first : "file", sources, now);
    return edition;
}

struct edition *renewal_try(struct renewal *renewal, struct edition *in_force, uint64_t number, uint64_t now)
{
    struct sources *sources = read_again(in_force);
    const char *first;
    bool anew = renewal->anew;
    renewal->wanted = renewal->anew = false;
    if (!sources) {
        renewal->fault = (struct edition_fault){.text = "out of memory"};
        refuse(renewal, "file", NULL, now);
        return NULL;
    }
    if (anew || sources_differ(in_force->sources, sources, &first) > 0) {
        if (anew || !was_refused(renewal, sources))
            return try_with(renewal, in_force, number, sources, now);
        renewal->retry = now + RENEWAL_RETRY;
    } else {
        renewal_forget(renewal);
    }
    sources_free(sources);
    return NULL;
}

/* ---- what comes of it */

static void say_certificates(const struct renewal *renewal, const struct expiry_row *first, size_t count, int64_t clock)
{
    const struct tls_certificate *certificate = first->certificate;
    char others[80] = "";
    if (count > 1)
        snprintf(others, sizeof others, ", and %zu more certificate%s", count - 1, count == 2 ? "" : "s");
    log_write(renewal->log, LOG_INFO, "renewed: %s (%s), %" PRId64 " days left%s", certificate->path,
              *certificate->names ? certificate->names : "no names", (certificate->ends - clock) / 86400, others);
}

static void say_files(const struct renewal *renewal, const char *first, size_t count)
{
    char others[80] = "";
    if (count > 1)
        snprintf(others, sizeof others, ", and %zu more file%s", count - 1, count == 2 ? "" : "s");
    log_write(renewal->log, LOG_INFO, "renewed: %s%s", first, others);
}

void renewal_succeed(struct renewal *renewal, const struct edition *in_force, const struct edition *next,
                     const struct expiry *expiry, int64_t clock)
{
    const struct expiry_row *first = NULL;
    const char *changed;
    size_t fresh = 0, files = sources_differ(in_force->sources, next->sources, &changed);
    for (size_t i = 0; i < expiry->count; i++) {
        if (!expiry->rows[i].fresh)
            continue;
        first = first ? first : &expiry->rows[i];
        fresh++;
    }
    if (first)
        say_certificates(renewal, first, fresh, clock);
    else if (files > 0)
        say_files(renewal, changed, files);
    renewal->done++;
    renewal->objections = 0;
    if (!*renewal->fault.text)
        renewal_forget(renewal);
}

static void tell(struct renewal *renewal, enum log_level level)
{
    renewal->since = UINT64_MAX;
    renewal->failed++;
    snprintf(renewal->told, sizeof renewal->told, "%s", renewal->fault.text);
    log_write(renewal->log, level, "the new %s cannot be served, and what was in force stays so: %s", renewal->first,
              renewal->fault.text);
}

void renewal_refuse(struct renewal *renewal, struct edition *next, const char *why, uint64_t now)
{
    if (++renewal->objections < 2) {
        forget_refused(renewal);
        renewal->retry = now + RENEWAL_AGAIN;
        return;
    }
    renewal->fault = (struct edition_fault){.lasts = true};
    snprintf(renewal->fault.text, sizeof renewal->fault.text, "a worker objects twice%s%s; try again: crossgate reload",
             *why ? ": " : "", why);
    refuse(renewal, "edition", next->sources, now);
    next->sources = NULL;
    tell(renewal, LOG_ERROR);
}

/* ---- time */

void renewal_settle(struct renewal *renewal, uint64_t now)
{
    if (renewal->since != UINT64_MAX && now >= renewal->since + RENEWAL_GRACE)
        tell(renewal, LOG_WARNING);
    if (now < renewal->retry)
        return;
    renewal->retry = UINT64_MAX;
    renewal->wanted = true;
}

uint64_t renewal_next(const struct renewal *renewal)
{
    uint64_t told = renewal->since == UINT64_MAX ? UINT64_MAX : renewal->since + RENEWAL_GRACE;
    return told < renewal->retry ? told : renewal->retry;
}
