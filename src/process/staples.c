#include "staples.h"

#include "staple_word.h"
#include "state.h"

#include "crossgate/base/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

/* ms */
enum { PAUSE_FIRST = 60000, PAUSE_LAST = 3600000, LOOK_AGAIN = 3600000, GATHER = 5000 };
/* s */
enum { REFRESH_SOONEST = 10, REFRESH_AGAIN = 3600, REFRESH_LATEST = 604800 };

struct staple_entry {
    struct list link;
    uint8_t digest[32];
    const struct plan_staple *plan; /* in force; NULL while it is looked for in the next plan */
    struct staple_errand *slot;     /* under way; NULL: none is */
    uint64_t due;                   /* ms; UINT64_MAX: nothing is to be fetched */
    int64_t refresh;                /* s since 1970: not before, if there is one */
    bool held;                      /* there is a response that is valid */
    bool written;                   /* it is so new that the next plan may not have it yet */
    bool revoked;                   /* as it says; this has been logged */
    struct pki_ocsp facts;          /* of that response */
    unsigned failures;              /* in a row; the first one is logged */
    char reason[240];               /* of the last failure */
};

static int64_t wall_now(void)
{
    return (int64_t)time(NULL);
}

static uint32_t chance(void)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) < 0)
        return 0;
    return number;
}

uint32_t staples_pause(unsigned failures, uint32_t number)
{
    uint32_t pause = PAUSE_LAST;
    if (failures < 7 && PAUSE_FIRST << (failures - 1) < PAUSE_LAST)
        pause = (uint32_t)PAUSE_FIRST << (failures - 1);
    return pause - pause / 4 + number % (pause / 2);
}

int64_t staples_refresh(const struct pki_ocsp *facts, int64_t now, uint32_t number)
{
    int64_t life = facts->ends - facts->begins, left = facts->ends - now;
    int64_t jitter = life / 10, half = facts->begins + life / 2 - jitter + (jitter > 0 ? number % (2 * jitter) : 0);
    if (half > now)
        return half < now + REFRESH_LATEST ? half : now + REFRESH_LATEST;
    left /= 2;
    return now + (left < REFRESH_SOONEST ? REFRESH_SOONEST : left > REFRESH_AGAIN ? REFRESH_AGAIN : left);
}

static const char *name_of(const struct staple_entry *entry)
{
    return entry->plan->certificate->path;
}

/* Who has no response for such a certificate is refused by clients that heed it. */
static enum log_level seriousness(const struct staple_entry *entry)
{
    return entry->plan->wish.must_staple && !entry->held ? LOG_ERROR : LOG_WARNING;
}

/* ---- what is known of a certificate */

/* The wall clock may jump, and is looked at again then. */
static void schedule(struct staples *staples, struct staple_entry *entry)
{
    int64_t wait = (entry->refresh - wall_now()) * 1000;
    entry->due = staples->now + (wait < 0 ? 0 : wait > LOOK_AGAIN ? LOOK_AGAIN : (uint64_t)wait);
}

static void hold(struct staples *staples, struct staple_entry *entry, const struct pki_ocsp *facts)
{
    char since[DATE_TEXT];
    bool revoked = facts->status == PKI_OCSP_REVOKED;
    date_print(facts->revoked, since);
    if (revoked && !entry->revoked && entry->plan->is_fetched) /* of a file the plan says so */
        log_write(staples->log, LOG_ERROR,
                  "%s HAS BEEN REVOKED by its authority on %s, and clients are told so: get another certificate, with "
                  "another key",
                  name_of(entry), since);
    entry->revoked = revoked;
    entry->held = true;
    entry->facts = *facts;
    entry->refresh = staples_refresh(facts, wall_now(), chance());
}

static void expire(struct staples *staples, struct staple_entry *entry)
{
    char ended[DATE_TEXT];
    if (!entry->held || wall_now() < entry->facts.ends)
        return;
    entry->held = false;
    date_print(entry->facts.ends, ended);
    log_write(staples->log, seriousness(entry), "the OCSP response for %s has ended on %s and is not sent any more%s%s",
              name_of(entry), ended, entry->failures > 0 ? ": " : "", entry->failures > 0 ? entry->reason : "");
}

/* ---- what comes of asking */

static void fail(struct staples *staples, struct staple_entry *entry, const char *why)
{
    uint32_t pause = staples_pause(++entry->failures, chance());
    snprintf(entry->reason, sizeof entry->reason, "%s", why);
    entry->due = staples->now + pause;
    log_write(staples->log, entry->failures == 1 ? seriousness(entry) : LOG_DEBUG,
              "%s OCSP response for %s: %s; the next try is in %u s%s", entry->held ? "no newer" : "no", name_of(entry),
              why, (unsigned)pause / 1000, entry->failures == 1 ? ", and is logged when it succeeds" : "");
}

static void succeed(struct staples *staples, struct staple_entry *entry, const struct pki_ocsp *facts)
{
    char end[DATE_TEXT];
    bool news = !entry->held || entry->failures > 0;
    date_print(facts->ends, end);
    log_write(staples->log, news ? LOG_INFO : LOG_DEBUG, "the OCSP response for %s is fetched, and valid until %s",
              name_of(entry), end);
    entry->failures = 0;
    hold(staples, entry, facts);
    schedule(staples, entry);
}

/* What is older than what we have is no news: responders answer from caches, and somebody on the way may say again that all was well before
 * a certificate was revoked. */
static bool is_newer(const struct staple_entry *entry, const struct pki_ocsp *facts)
{
    if (!entry->held || facts->begins > entry->facts.begins)
        return true;
    return facts->begins == entry->facts.begins && facts->status != entry->facts.status;
}

static void keep(struct staples *staples, struct staple_entry *entry, struct span response,
                 const struct pki_ocsp *facts)
{
    struct error error = {0};
    if (!is_newer(entry, facts)) {
        succeed(staples, entry, &entry->facts);
    } else if (state_write_passing(entry->plan->path, response, &error)) {
        succeed(staples, entry, facts);
        entry->written = true;
        staples->announce = staples->announce == UINT64_MAX ? staples->now + GATHER : staples->announce;
    } else {
        char why[sizeof entry->reason];
        snprintf(why, sizeof why, "%.200s (crossgate.state names it)", error.text);
        fail(staples, entry, why);
    }
}

static void judge(struct staples *staples, struct staple_entry *entry, struct span response)
{
    struct error error = {0};
    struct pki_ocsp facts;
    if (!pki_ocsp_read(response, entry->plan->certificate->leaf, entry->plan->issuer, &facts, &error))
        fail(staples, entry, error.text);
    else if (facts.status == PKI_OCSP_UNKNOWN)
        fail(staples, entry, "the responder does not know the certificate (yet?)");
    else if (facts.ends <= wall_now())
        fail(staples, entry, "the responder's answer has ended already: is the clock of this machine right?");
    else
        keep(staples, entry, response, &facts);
}

/* ---- errands */

static void drop_response(struct staple_errand *slot)
{
    free(slot->response);
    slot->response = NULL;
    slot->length = 0;
}

/* The last one counts. */
static void on_word(struct errand *errand, const struct word *word)
{
    struct staple_errand *slot = CONTAINER_OF(errand, struct staple_errand, errand);
    if (word->kind != STAPLE_RESPONSE || word->count != 1 || word->fields[0].len > PKI_OCSP_RESPONSE_MAX)
        return;
    drop_response(slot);
    slot->response = malloc(word->fields[0].len + 1);
    if (!slot->response)
        return;
    slot->length = word->fields[0].len;
    memcpy(slot->response, word->fields[0].at, slot->length);
}

static void on_end(struct errand *errand, bool well)
{
    struct staple_errand *slot = CONTAINER_OF(errand, struct staple_errand, errand);
    slot->ended = true;
    slot->well = well;
}

static void release(struct staple_errand *slot)
{
    errand_cancel(slot->staples->errands, &slot->errand);
    drop_response(slot);
    slot->entry->slot = NULL;
    slot->entry = NULL;
    slot->ended = false;
}

static void conclude(struct staple_errand *slot)
{
    if (slot->well)
        judge(slot->staples, slot->entry, span_of(slot->response, slot->length));
    else
        fail(slot->staples, slot->entry, slot->errand.reason);
    release(slot);
}

static unsigned count_free(const struct staples *staples)
{
    unsigned count = 0;
    for (size_t i = 0; i < STAPLES_AT_ONCE; i++)
        count += !staples->slots[i].entry;
    return count;
}

static struct staple_errand *find_slot(struct staples *staples)
{
    for (size_t i = 0; i < STAPLES_AT_ONCE; i++)
        if (!staples->slots[i].entry)
            return &staples->slots[i];
    return NULL;
}

static void send_out(struct staples *staples, struct staple_entry *entry, struct staple_errand *slot)
{
    const struct plan_staple *plan = entry->plan;
    struct word job = {.kind = STAPLE_JOB, .count = STAPLE_URLS};
    job.fields[STAPLE_LEAF] = plan->certificate->leaf;
    job.fields[STAPLE_ISSUER] = plan->issuer;
    for (size_t i = 0; i < plan->wish.url_count; i++)
        job.fields[job.count++] = span_string(plan->wish.urls[i]);
    if (!errand_begin(staples->errands, &slot->errand, &job, STAPLES_WITHIN, staples->now)) {
        fail(staples, entry, "no process can be started");
        return;
    }
    slot->entry = entry;
    entry->slot = slot;
}

/* ---- the plan in force */

static struct staple_entry *find(const struct staples *staples, const uint8_t digest[32])
{
    for (struct list *at = staples->entries.next; at != &staples->entries; at = at->next) {
        struct staple_entry *entry = CONTAINER_OF(at, struct staple_entry, link);
        if (memcmp(entry->digest, digest, sizeof entry->digest) == 0)
            return entry;
    }
    return NULL;
}

static struct staple_entry *add(struct staples *staples, const uint8_t digest[32])
{
    struct staple_entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        log_write(staples->log, LOG_ERROR, "out of memory: a certificate goes without an OCSP response");
        return NULL;
    }
    memcpy(entry->digest, digest, sizeof entry->digest);
    entry->due = UINT64_MAX;
    list_append(&staples->entries, &entry->link);
    return entry;
}

/* Whether what we have fetched has gone. One plan may have been made before it was written. */
static bool has_lost(const struct staple_entry *entry, const struct plan_staple *plan)
{
    bool may_have_it = !plan->is_fetched || !entry->written;
    return entry->held && !plan->is_sent && may_have_it && wall_now() < entry->facts.ends;
}

/* A certificate may be served at several places, fetched for at one of them. What is under way, or waits for another try, goes on. */
static void adopt(struct staples *staples, struct staple_entry *entry, const struct plan_staple *plan)
{
    if (entry->plan && (entry->plan->is_fetched || !plan->is_fetched))
        return;
    entry->plan = plan;
    if (has_lost(entry, plan)) {
        entry->held = false;
        entry->due = UINT64_MAX;
    }
    if (plan->is_sent && (!plan->is_fetched || is_newer(entry, &plan->facts)))
        hold(staples, entry, &plan->facts);
    entry->written = false;
    if (!plan->is_fetched || entry->due != UINT64_MAX)
        return;
    if (entry->held)
        schedule(staples, entry);
    else
        entry->due = staples->now;
}

static void stop_fetching(struct staple_entry *entry)
{
    if (entry->slot)
        release(entry->slot);
    entry->due = UINT64_MAX;
}

static void forget(struct staple_entry *entry)
{
    stop_fetching(entry);
    list_remove(&entry->link);
    free(entry);
}

static void sweep(struct staples *staples)
{
    for (struct list *at = staples->entries.next, *next = at->next; at != &staples->entries;
         at = next, next = at->next) {
        struct staple_entry *entry = CONTAINER_OF(at, struct staple_entry, link);
        if (!entry->plan)
            forget(entry);
        else if (!entry->plan->is_fetched)
            stop_fetching(entry);
    }
}

void staples_follow(struct staples *staples, const struct plan *plan, uint64_t now)
{
    staples->now = now;
    for (struct list *at = staples->entries.next; at != &staples->entries; at = at->next)
        CONTAINER_OF(at, struct staple_entry, link)->plan = NULL;
    for (const struct plan_staple *staple = plan->staples; staple; staple = staple->next) {
        struct staple_entry *entry = find(staples, staple->certificate->digest);
        entry = entry ? entry : add(staples, staple->certificate->digest);
        if (entry)
            adopt(staples, entry, staple);
    }
    sweep(staples);
}

/* ---- time */

static void settle(struct staples *staples, struct staple_entry *entry)
{
    expire(staples, entry);
    if (staples->now < entry->due || entry->slot)
        return;
    struct staple_errand *slot = find_slot(staples);
    if (entry->held && entry->failures == 0 && wall_now() < entry->refresh)
        schedule(staples, entry);
    else if (slot)
        send_out(staples, entry, slot);
}

/* Responses for many certificates come into force together. */
void staples_settle(struct staples *staples, uint64_t now)
{
    staples->now = now;
    for (size_t i = 0; i < STAPLES_AT_ONCE; i++)
        if (staples->slots[i].ended)
            conclude(&staples->slots[i]);
    for (struct list *at = staples->entries.next; at != &staples->entries; at = at->next)
        settle(staples, CONTAINER_OF(at, struct staple_entry, link));
    if (staples->announce == UINT64_MAX || (count_free(staples) < STAPLES_AT_ONCE && now < staples->announce))
        return;
    staples->announce = UINT64_MAX;
    staples->renew(staples->user);
}

/* Who waits for a free slot waits for the end of an errand. */
static uint64_t next_of(const struct staples *staples, const struct staple_entry *entry, bool has_free)
{
    bool waits = entry->slot || (!has_free && entry->due <= staples->now);
    uint64_t next = waits ? UINT64_MAX : entry->due;
    int64_t left = entry->facts.ends - wall_now();
    uint64_t end = staples->now + (left > 0 ? (uint64_t)left * 1000 : 0);
    return entry->held && end < next ? end : next;
}

/* Once we are stopping nothing is settled any more. */
uint64_t staples_next(const struct staples *staples)
{
    uint64_t next = staples->announce;
    bool has_free = count_free(staples) > 0;
    if (!staples->errands->account)
        return UINT64_MAX;
    for (const struct list *at = staples->entries.next; at != &staples->entries; at = at->next) {
        const struct staple_entry *entry = CONTAINER_OF(at, const struct staple_entry, link);
        uint64_t wish = next_of(staples, entry, has_free);
        next = wish < next ? wish : next;
    }
    return next;
}

/* ---- */

void staples_print(const struct staples *staples, const uint8_t digest[32], char *text, size_t size)
{
    const struct staple_entry *entry = find(staples, digest);
    char end[DATE_TEXT];
    if (!entry) {
        text[0] = '\0';
    } else if (entry->held && wall_now() < entry->facts.ends) {
        date_print(entry->facts.ends, end);
        snprintf(text, size, "%s, until %s", entry->revoked ? "REVOKED" : "good", end);
    } else {
        snprintf(text, size, "missing%s%s", entry->failures > 0 ? ": " : "", entry->failures > 0 ? entry->reason : "");
    }
}

void staples_init(struct staples *staples, struct log *log, struct errands *errands)
{
    *staples = (struct staples){.log = log, .errands = errands, .announce = UINT64_MAX};
    list_init(&staples->entries);
    for (size_t i = 0; i < STAPLES_AT_ONCE; i++) {
        struct staple_errand *slot = &staples->slots[i];
        slot->staples = staples;
        errand_init(&slot->errand, "ocsp");
        slot->errand.on_word = on_word;
        slot->errand.on_end = on_end;
    }
}

void staples_deinit(struct staples *staples)
{
    while (!list_is_empty(&staples->entries))
        forget(CONTAINER_OF(staples->entries.next, struct staple_entry, link));
}
