#include "acme_order.h"

#include "acme_word.h"
#include "state.h"

#include "crossgate/base/date.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The clock of an authority may be ahead of ours, s. */
enum { CLOCK_SKEW = 86400 };

/* A private key in PEM. */
enum { ACCOUNT_MAX = 16384 };

/* Without randomness all would come at once, which is no harm. */
uint32_t acme_chance(void)
{
    uint32_t chance = 0;
    return getrandom(&chance, sizeof chance, GRND_NONBLOCK) == (ssize_t)sizeof chance ? chance : 0;
}

/* ---- what is said of it */

enum { DOMAINS_TEXT = 160 };

/* "a.example.com, b.example.com", cut to size. */
static void print_domains(const struct plan_acme *plan, char text[DOMAINS_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < plan->domain_count && used < DOMAINS_TEXT; i++) {
        int length = snprintf(text + used, DOMAINS_TEXT - used, "%s%s", i > 0 ? ", " : "", plan->domains[i]);
        used += length > 0 ? (size_t)length : 0;
    }
}

static void log_failure(const struct acme_certificate *certificate)
{
    const struct acme_schedule *schedule = &certificate->schedule;
    char domains[DOMAINS_TEXT], next[DATE_TEXT];
    print_domains(certificate->plan, domains);
    date_print_rfc3339(schedule->order, next);
    if (schedule->order == INT64_MAX)
        log_write(certificate->acme->log, LOG_ERROR,
                  "acme: no certificate for %s: %s; it is not tried again before a reload", domains,
                  certificate->trouble);
    else
        log_write(certificate->acme->log, LOG_WARNING,
                  "acme: no certificate for %s: %s; next try at %s; if it is mended before: crossgate reload", domains,
                  certificate->trouble, next);
}

static void fail(struct acme_certificate *certificate, const char *why)
{
    struct acme *acme = certificate->acme;
    snprintf(certificate->trouble, sizeof certificate->trouble, "%s", why);
    certificate->failed++;
    acme_schedule_failure(&certificate->schedule, certificate->hopeless, certificate->retry_after, acme->time,
                          acme_chance());
    log_failure(certificate);
}

static void succeed(struct acme_certificate *certificate, const struct pki_pair *pair)
{
    struct acme *acme = certificate->acme;
    char domains[DOMAINS_TEXT], end[DATE_TEXT], next[DATE_TEXT];
    certificate->trouble[0] = '\0';
    certificate->issued++;
    acme_schedule_renewal(&certificate->schedule, pair->begins, pair->ends, acme->time, certificate->chance);
    print_domains(certificate->plan, domains);
    date_print_rfc3339(pair->ends, end);
    date_print_rfc3339(certificate->schedule.order, next);
    log_write(acme->log, LOG_INFO, "acme: the certificate for %s is issued: it ends at %s, and is renewed at %s",
              domains, end, next);
    acme->on_issued(acme->user);
}

/* ---- what has come */

static bool judge(const struct plan_acme *plan, struct span both, int64_t time, struct pki_pair *pair,
                  struct error *error)
{
    if (!pki_pair_read(both, pair, error))
        return false;
    if (!pki_pair_covers(pair, plan->domains, plan->domain_count))
        error_set(error, ERROR_INPUT, "what the authority has issued does not hold all domains");
    else if (pair->begins > time + CLOCK_SKEW || pair->ends <= time)
        error_set(error, ERROR_INPUT,
                  "what the authority has issued is not valid now: is the clock of this machine right? (see: date)");
    return error->class == ERROR_NONE;
}

bool acme_keep(const struct plan_acme *plan, const struct pki_text *key, const char *chain, int64_t time,
               struct pki_pair *pair, struct error *error)
{
    size_t length = key->len + strlen(chain);
    char *both = malloc(length + 1);
    *pair = (struct pki_pair){0};
    if (!both) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return false;
    }
    memcpy(both, key->at, key->len);
    memcpy(both + key->len, chain, strlen(chain));
    bool kept =
        judge(plan, span_of(both, length), time, pair, error) && state_write(plan->path, span_of(both, length), error);
    explicit_bzero(both, length);
    free(both);
    return kept;
}

static void take_chain(struct acme_certificate *certificate)
{
    struct error error = {0};
    struct pki_pair pair;
    if (acme_keep(certificate->plan, &certificate->key, certificate->chain, certificate->acme->time, &pair, &error))
        succeed(certificate, &pair);
    else
        fail(certificate, error.text);
    pki_text_free(&pair.leaf);
}

/* ---- what the errand says */

/* One of our names, proved for our account (RFC 8555 section 8.1): an errand that has been taken over cannot prove them for others. */
static bool is_ours(const struct acme_certificate *certificate, const struct challenge *challenge)
{
    const struct plan_acme *plan = certificate->plan;
    char proof[CHALLENGE_PROOF];
    snprintf(proof, sizeof proof, "%s.%s", challenge->token, certificate->thumbprint);
    for (size_t i = 0; i < plan->domain_count; i++) {
        if (strcmp(plan->domains[i], challenge->name) == 0)
            return strcmp(proof, challenge->proof) == 0;
    }
    return false;
}

static void publish(struct acme_certificate *certificate, const struct challenge *challenge)
{
    struct acme *acme = certificate->acme;
    certificate->awaited = UINT64_MAX; /* never held: it is told so at once */
    certificate->awaited_until = acme->now;
    if (is_ours(certificate, challenge) && challenges_add(&certificate->published, challenge) &&
        crew_publish(acme->crew, challenge, &certificate->awaited))
        certificate->awaited_until = acme->now + ACME_PUBLISH_WITHIN;
}

static void withdraw(struct acme_certificate *certificate, const struct challenge *challenge)
{
    challenges_remove(&certificate->published, challenge);
    crew_withdraw(certificate->acme->crew, challenge);
}

static void withdraw_all(struct acme_certificate *certificate)
{
    certificate->awaited = 0;
    while (certificate->published) {
        const struct challenge challenge = certificate->published->at[0];
        withdraw(certificate, &challenge);
    }
}

static void on_issued(struct acme_certificate *certificate, const struct word *word)
{
    struct acme_verdict verdict;
    if (word->count != 3 || word->fields[1].len != sizeof verdict || certificate->answered)
        return;
    memcpy(&verdict, word->fields[1].at, sizeof verdict);
    certificate->answered = true;
    certificate->retry_after = verdict.retry_after;
    certificate->hopeless = verdict.hopeless;
    if (word->fields[0].len > 0)
        certificate->chain = strndup((const char *)word->fields[0].at, word->fields[0].len);
    snprintf(certificate->trouble, sizeof certificate->trouble, "%.*s", SPAN_ARGS(word->fields[2]));
}

static void on_window(struct acme_certificate *certificate, const struct word *word)
{
    struct acme *acme = certificate->acme;
    struct acme_schedule *schedule = &certificate->schedule;
    struct acme_times times;
    char next[DATE_TEXT];
    if (word->count != 2 || word->fields[0].len != sizeof times || certificate->answered)
        return;
    memcpy(&times, word->fields[0].at, sizeof times);
    certificate->answered = true;
    int64_t before = schedule->order;
    if (times.first <= 0) {
        acme_schedule_no_window(schedule, acme->time, acme_chance());
        log_write(acme->log, LOG_DEBUG, "acme: %s: when to renew is not said: %.*s", certificate->plan->domains[0],
                  SPAN_ARGS(word->fields[1]));
        return;
    }
    acme_schedule_window(schedule, times.first, times.last, (uint32_t)times.retry_after, acme->time, acme_chance());
    date_print_rfc3339(schedule->order, next);
    if (schedule->order != before)
        log_write(acme->log, LOG_INFO, "acme: the certificate for %s is renewed at %s, as the authority recommends",
                  certificate->plan->domains[0], next);
}

static void on_word(struct errand *errand, const struct word *word)
{
    struct acme_certificate *certificate = CONTAINER_OF(errand, struct acme_certificate, errand);
    struct challenge challenge;
    bool asks = word->count == 1 && certificate->ordering && challenge_parse(word->fields[0], &challenge);
    if (word->kind == ACME_PUBLISH && asks)
        publish(certificate, &challenge);
    else if (word->kind == ACME_WITHDRAW && asks && is_ours(certificate, &challenge))
        withdraw(certificate, &challenge);
    else if (word->kind == ACME_ISSUED && certificate->ordering)
        on_issued(certificate, word);
    else if (word->kind == ACME_WINDOW && !certificate->ordering)
        on_window(certificate, word);
    else if (word->kind == ACME_PROGRESS && word->count == 1)
        log_write(certificate->acme->log, LOG_INFO, "acme: %.*s", SPAN_ARGS(word->fields[0]));
}

/* Of an errand that is over. */
static void clear(struct acme_certificate *certificate)
{
    withdraw_all(certificate);
    pki_text_free(&certificate->key);
    free(certificate->chain);
    certificate->chain = NULL;
    certificate->answered = certificate->hopeless = false;
    certificate->retry_after = 0;
}

static void on_end(struct errand *errand, bool well)
{
    struct acme_certificate *certificate = CONTAINER_OF(errand, struct acme_certificate, errand);
    char said[ACME_TROUBLE];
    snprintf(said, sizeof said, "%s", certificate->trouble);
    withdraw_all(certificate);
    if (!certificate->ordering) {
        if (!certificate->answered)
            acme_schedule_no_window(&certificate->schedule, certificate->acme->time, acme_chance());
    } else if (certificate->chain) {
        take_chain(certificate);
    } else {
        fail(certificate, certificate->answered ? said
                          : well                ? "the process that asked for it has said nothing"
                                                : errand->reason);
    }
    clear(certificate);
}

void acme_order_init(struct acme_certificate *certificate)
{
    errand_init(&certificate->errand, "acme");
    certificate->errand.on_word = on_word;
    certificate->errand.on_end = on_end;
}

void acme_order_cancel(struct acme_certificate *certificate)
{
    errand_cancel(certificate->acme->errands, &certificate->errand);
    clear(certificate);
}

void acme_order_settle(struct acme_certificate *certificate)
{
    struct acme *acme = certificate->acme;
    bool held = certificate->awaited && crew_holds(acme->crew, certificate->awaited);
    if (!certificate->awaited || (!held && acme->now < certificate->awaited_until))
        return;
    certificate->awaited = 0;
    struct word word = {.kind = ACME_PUBLISHED, .count = 1, .fields = {held ? SPAN("yes") : SPAN("no")}};
    errand_tell(&certificate->errand, &word);
}

/* ---- what is needed for an order */

/* Ours alone, whatever else the directory holds. */
static bool read_account(const char *path, struct pki_text *key, struct error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat facts = {0};
    ssize_t length = -1;
    key->at = file >= 0 ? calloc(1, ACCOUNT_MAX + 1) : NULL;
    if (key->at && fstat(file, &facts) == 0 && S_ISREG(facts.st_mode))
        length = read(file, key->at, ACCOUNT_MAX);
    if (length >= 0)
        key->len = (size_t)length;
    else
        error_set_errno(error, "the key of the account, %s, cannot be read", path);
    if (file >= 0)
        close(file);
    return length >= 0;
}

/* Kept before it is used: an authority that knows a key which nobody has any more would help nobody. */
static bool make_account(const char *path, struct pki_text *key, struct error *error)
{
    return pki_make_key(PKI_KEY_P256, key, error) && state_write(path, span_of(key->at, key->len), error);
}

/* Damage is found here, too. */
static bool take_thumbprint(const char *path, struct pki_text *key, char thumbprint[ACME_THUMBPRINT],
                            struct error *error)
{
    struct error wrong = {0};
    struct pki_jws *jws = pki_jws_new(span_of(key->at, key->len), &wrong);
    if (!jws) {
        error_set(error, ERROR_INPUT, "the key of the account, %s, is not used: %s; without the file a new one is made",
                  path, wrong.text);
        return false;
    }
    snprintf(thumbprint, ACME_THUMBPRINT, "%s", pki_jws_thumbprint(jws));
    pki_jws_free(jws);
    return true;
}

static bool get_account(const char *path, struct pki_text *key, char thumbprint[ACME_THUMBPRINT], struct error *error)
{
    bool absent = access(path, F_OK) != 0 && errno == ENOENT;
    bool have = absent ? make_account(path, key, error) : read_account(path, key, error);
    return have && take_thumbprint(path, key, thumbprint, error);
}

/* Better before an authority has been asked than after. */
static bool check_state(const char *path, struct error *error)
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (access(directory, W_OK) == 0)
        return true;
    error_set_errno(error, "nothing can be kept in %s", directory);
    return false;
}

static bool make_request(const struct plan_acme *plan, struct pki_text *key, struct pki_text *request,
                         struct error *error)
{
    const struct pki_order order = {.use = PKI_USE_SERVER, .names = plan->domains, .name_count = plan->domain_count};
    return pki_make_key(PKI_KEY_P256, key, error) &&
           pki_make_request(&order, span_of(key->at, key->len), request, error);
}

static bool begin(struct acme_certificate *certificate, const struct pki_text *account, const struct pki_text *request)
{
    struct acme *acme = certificate->acme;
    struct word job;
    char names[ACME_JOB_NAMES_BYTES];
    acme_job_fill(&job, certificate->plan, span_of(account->at, account->len), span_of(request->at, request->len),
                  names);
    return errand_begin(acme->errands, &certificate->errand, &job,
                        certificate->ordering ? ACME_ORDER_WITHIN : ACME_ASK_WITHIN_MS, acme->now);
}

void acme_order_begin(struct acme_certificate *certificate)
{
    const struct plan_acme *plan = certificate->plan;
    struct pki_text account = {0}, request = {0};
    struct error error = {0};
    char domains[DOMAINS_TEXT];
    print_domains(plan, domains);
    log_write(certificate->acme->log, LOG_INFO, "acme: a certificate for %s is ordered from %s", domains,
              plan->directory);
    certificate->ordering = true;
    if (get_account(plan->account, &account, certificate->thumbprint, &error) && check_state(plan->path, &error) &&
        make_request(plan, &certificate->key, &request, &error) && !begin(certificate, &account, &request))
        error_set(&error, ERROR_SYSTEM, "no process can be started to ask for it");
    if (error.class != ERROR_NONE) {
        fail(certificate, error.text);
        clear(certificate);
    }
    pki_text_free(&account);
    pki_text_free(&request);
}

void acme_ask_begin(struct acme_certificate *certificate)
{
    const struct pki_text none = {0};
    certificate->ordering = false;
    if (!begin(certificate, &none, &none))
        acme_schedule_no_window(&certificate->schedule, certificate->acme->time, acme_chance());
}
