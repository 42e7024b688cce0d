/* Certificates from authorities, in a master without a network: what an errand is told, what is kept of what it brings, and what
 * becomes of it all when the configuration changes. */
#include "test.h"

#include "acme_order.h"
#include "acme_word.h"
#include "state.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 86400 };

static const char *const both[] = {"a.example.com", "b.example.com"};

struct scene {
    char directory[40];
    char path[80], account[80];
    struct log log;
    struct crew crew;
    struct errands errands;
    struct account nobody;
    struct acme acme;
    struct plan_acme wanted;
    struct plan plan;
    int issued;
};

static void on_issued(void *user)
{
    ((struct scene *)user)->issued++;
}

static struct span bytes_of(const struct pki_text *text)
{
    return span_of(text->at, text->len);
}

/* The errands of this master are a program that says nothing: one that ends, or this one, which waits. */
static void begin(struct scene *t, const char *program)
{
    *t = (struct scene){.directory = "/tmp/crossgate-acme-XXXXXX"};
    assert_non_null(mkdtemp(t->directory));
    snprintf(t->path, sizeof t->path, "%s/acme/ca/a.example.com.pem", t->directory);
    snprintf(t->account, sizeof t->account, "%s/acme/ca/account.key", t->directory);
    log_init(&t->log, STDERR_FILENO, LOG_QUIET, "test");
    t->crew.log = &t->log;
    list_init(&t->crew.leavers);
    assert_true(errands_init(&t->errands, &t->log));
    t->errands.executable = open(program, O_PATH | O_CLOEXEC);
    t->errands.account = &t->nobody;
    acme_init(&t->acme, &t->log, &t->crew, &t->errands);
    t->acme.on_issued = on_issued;
    t->acme.user = t;
    t->acme.now = 5000;
    t->acme.time = 1800000000;
    t->wanted = (struct plan_acme){.directory = "https://ca/dir",
                                   .domains = both,
                                   .domain_count = 2,
                                   .http_01 = true,
                                   .account = t->account,
                                   .path = t->path,
                                   .placeholder = true};
    t->plan.acmes = &t->wanted;
}

static void end(struct scene *t)
{
    char command[80];
    acme_deinit(&t->acme);
    errands_deinit(&t->errands);
    assert_null(t->crew.challenges);
    close(t->errands.executable);
    while (waitpid(-1, NULL, 0) > 0) {
    }
    snprintf(command, sizeof command, "%s", t->directory);
    pid_t pid = fork();
    if (pid == 0)
        execlp("rm", "rm", "-rf", "--", command, (char *)NULL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct acme_certificate *only(struct scene *t)
{
    assert_false(list_is_empty(&t->acme.certificates));
    assert_ptr_equal(t->acme.certificates.next->next, &t->acme.certificates);
    return CONTAINER_OF(t->acme.certificates.next, struct acme_certificate, link);
}

/* Waits for the errand's death and has it buried. */
static void bury(struct scene *t)
{
    int status;
    pid_t pid = only(t)->errand.pid;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    errands_bury(&t->errands, pid, status);
}

/* ---- what an errand is told */

static bool holds(const struct word *word, struct span secret)
{
    for (uint32_t i = 0; i < word->count; i++) {
        if (word->fields[i].len > 0 && memmem(word->fields[i].at, word->fields[i].len, secret.at, secret.len))
            return true;
    }
    return false;
}

/* Of a key's PEM, behind what all keys of that kind begin with. */
static struct span middle_of(const struct pki_text *key)
{
    return span_head(span_tail(bytes_of(key), 100), 40);
}

static void the_certificates_key_is_in_no_job(void **state)
{
    struct scene t;
    struct pki_text account = {0}, key = {0}, request = {0};
    struct error error = {0};
    const struct pki_order order = {.use = PKI_USE_SERVER, .names = both, .name_count = 2};
    char names[ACME_JOB_NAMES_BYTES];
    struct word job;
    (void)state;
    begin(&t, "/bin/true");
    assert_true(pki_make_key(PKI_KEY_P256, &account, &error) && pki_make_key(PKI_KEY_P256, &key, &error) &&
                pki_make_request(&order, bytes_of(&key), &request, &error));
    acme_job_fill(&job, &t.wanted, bytes_of(&account), bytes_of(&request), names);
    assert_int_equal(job.kind, ACME_ISSUE);
    assert_int_equal(job.count, ACME_JOB_FIELDS);
    assert_true(holds(&job, middle_of(&account))); /* as it would be found if it were there */
    assert_false(holds(&job, middle_of(&key)));
    assert_int_equal(job.fields[ACME_JOB_NAMES].len, strlen("a.example.com\nb.example.com\n"));
    assert_true(span_equal(job.fields[ACME_JOB_KINDS], SPAN("10")));
    acme_job_fill(&job, &t.wanted, (struct span){0}, (struct span){0}, names);
    assert_int_equal(job.kind, ACME_ASK);
    assert_false(holds(&job, SPAN("PRIVATE")));
    pki_text_free(&account);
    pki_text_free(&key);
    pki_text_free(&request);
    end(&t);
}

/* ---- what it brings */

struct issued {
    struct pki_text authority_key, authority, key, certificate;
};

static void make_issued(struct issued *issued, const char *const *names, size_t count, unsigned days)
{
    struct error error = {0};
    const struct pki_order root = {.use = PKI_USE_AUTHORITY, .common_name = "CA", .days = 100, .path_length = -1};
    const struct pki_order leaf = {.use = PKI_USE_SERVER, .names = names, .name_count = count, .days = days};
    *issued = (struct issued){0};
    assert_true(pki_make_key(PKI_KEY_P256, &issued->authority_key, &error) &&
                pki_make_certificate(&root, bytes_of(&issued->authority_key), &(struct pki_signer){0},
                                     &issued->authority, &error) &&
                pki_make_key(PKI_KEY_P256, &issued->key, &error));
    const struct pki_signer signer = {bytes_of(&issued->authority), bytes_of(&issued->authority_key)};
    assert_true(pki_make_certificate(&leaf, bytes_of(&issued->key), &signer, &issued->certificate, &error));
}

static void free_issued(struct issued *issued)
{
    pki_text_free(&issued->authority_key);
    pki_text_free(&issued->authority);
    pki_text_free(&issued->key);
    pki_text_free(&issued->certificate);
}

static void print_chain(const struct pki_text *first, const struct pki_text *second, char chain[8192])
{
    snprintf(chain, 8192, "%s%s", first->at, second ? second->at : "");
}

static void what_fits_is_kept_for_its_owner_only(void **state)
{
    struct scene t;
    struct issued issued;
    struct pki_pair pair, again;
    struct error error = {0};
    struct stat facts;
    char chain[8192], text[16384];
    (void)state;
    begin(&t, "/bin/true");
    make_issued(&issued, both, 2, 90);
    print_chain(&issued.certificate, &issued.authority, chain);
    assert_true(acme_keep(&t.wanted, &issued.key, chain, time(NULL), &pair, &error));
    assert_int_equal(stat(t.path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    FILE *file = fopen(t.path, "r");
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_true(pki_pair_read(span_of(text, length), &again, &error));
    assert_int_equal(again.ends, pair.ends);
    assert_in_range(pair.ends, time(NULL) + 89 * DAY, time(NULL) + 91 * DAY);
    assert_string_equal(again.leaf.at, issued.certificate.at);
    pki_text_free(&pair.leaf);
    pki_text_free(&again.leaf);
    free_issued(&issued);
    end(&t);
}

static void what_does_not_fit_is_not(void **state)
{
    struct scene t;
    struct issued issued, other, narrow;
    struct pki_pair pair;
    char chain[8192];
    (void)state;
    begin(&t, "/bin/true");
    make_issued(&issued, both, 2, 90);
    make_issued(&other, both, 2, 90);
    make_issued(&narrow, both, 1, 90);
    const struct {
        const struct pki_text *first, *second;
        const struct issued *of;
        int64_t after;
        const char *why;
    } cases[] = {
        {&other.certificate, &other.authority, &issued, 0, "does not belong to the private key"},
        {&issued.certificate, &other.authority, &issued, 0, "do not issue each other"},
        {&issued.authority, &issued.certificate, &issued, 0, "does not belong to the private key"},
        {&narrow.certificate, &narrow.authority, &narrow, 0, "does not hold all domains"},
        {&issued.certificate, &issued.authority, &issued, 100 * DAY, "not valid now"},
        {&issued.certificate, &issued.authority, &issued, -100 * DAY, "not valid now"},
        {&issued.key, NULL, &issued, 0, "no chain of certificates"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error = {0};
        print_chain(cases[i].first, cases[i].second, chain);
        assert_false(acme_keep(&t.wanted, &cases[i].of->key, chain, time(NULL) + cases[i].after, &pair, &error));
        assert_non_null(strstr(error.text, cases[i].why));
        assert_int_equal(access(t.path, F_OK), -1);
        pki_text_free(&pair.leaf);
    }
    free_issued(&issued);
    free_issued(&other);
    free_issued(&narrow);
    end(&t);
}

/* ---- what becomes of it */

static void a_failed_errand_leaves_nothing_but_a_pause(void **state)
{
    struct scene t;
    (void)state;
    begin(&t, "/bin/false");
    acme_adopt(&t.acme, &t.plan);
    assert_int_equal(acme_next(&t.acme), t.acme.now);
    acme_settle(&t.acme);
    assert_true(only(&t)->key.len > 0);
    assert_true(acme_next(&t.acme) == UINT64_MAX); /* its end is the event */
    assert_int_equal(access(t.account, F_OK), 0);
    bury(&t);
    assert_int_equal(only(&t)->failed, 1);
    assert_null(only(&t)->key.at);
    assert_non_null(strstr(only(&t)->trouble, "the process for acme"));
    assert_in_range(acme_next(&t.acme), t.acme.now + 45000, t.acme.now + 75000);
    acme_settle(&t.acme);
    assert_int_equal(only(&t)->errand.pid, 0);
    acme_retry(&t.acme);
    acme_settle(&t.acme);
    assert_true(only(&t)->errand.pid > 0);
    assert_int_equal(t.issued, 0);
    end(&t);
}

static void the_clock_may_be_put_back(void **state)
{
    struct scene t;
    (void)state;
    begin(&t, "/bin/false");
    acme_adopt(&t.acme, &t.plan);
    acme_settle(&t.acme);
    bury(&t);
    t.acme.time -= 3650 * (int64_t)DAY;
    acme_settle(&t.acme);
    assert_true(acme_next(&t.acme) < t.acme.now + 2000 * (uint64_t)DAY);
    end(&t);
}

static void state_that_cannot_be_kept_costs_no_order(void **state)
{
    struct scene t;
    (void)state;
    begin(&t, "/bin/true");
    int file = open(t.directory, O_RDONLY | O_DIRECTORY);
    int obstacle = openat(file, "acme", O_CREAT | O_WRONLY, 0600);
    close(file);
    close(obstacle);
    acme_adopt(&t.acme, &t.plan);
    acme_settle(&t.acme);
    assert_int_equal(only(&t)->errand.pid, 0);
    assert_int_equal(only(&t)->failed, 1);
    assert_non_null(strstr(only(&t)->trouble, "acme"));
    end(&t);
}

static void a_damaged_account_is_told_of(void **state)
{
    struct scene t;
    struct error error = {0};
    (void)state;
    begin(&t, "/proc/self/exe");
    assert_true(state_write(t.account, SPAN("no key at all"), &error));
    acme_adopt(&t.acme, &t.plan);
    acme_settle(&t.acme);
    assert_int_equal(only(&t)->errand.pid, 0);
    assert_non_null(strstr(only(&t)->trouble, "account.key, is not used"));
    end(&t);
}

static void an_account_has_one_order_at_a_time(void **state)
{
    struct scene t;
    static const char *const third[] = {"c.example.com"};
    char path[80];
    (void)state;
    begin(&t, "/proc/self/exe");
    snprintf(path, sizeof path, "%s/acme/ca/c.example.com.pem", t.directory);
    struct plan_acme second = t.wanted;
    second.domains = third;
    second.domain_count = 1;
    second.path = path;
    t.wanted.next = &second;
    acme_adopt(&t.acme, &t.plan);
    acme_settle(&t.acme);
    acme_settle(&t.acme);
    struct acme_certificate *one = CONTAINER_OF(t.acme.certificates.next, struct acme_certificate, link);
    struct acme_certificate *two = CONTAINER_OF(one->link.next, struct acme_certificate, link);
    assert_true(one->errand.pid > 0 && two->errand.pid == 0);
    assert_true(acme_next(&t.acme) == UINT64_MAX);
    end(&t);
}

static void a_change_of_what_is_wanted_begins_anew(void **state)
{
    struct scene t;
    (void)state;
    begin(&t, "/bin/false");
    acme_adopt(&t.acme, &t.plan);
    acme_settle(&t.acme);
    bury(&t);
    int64_t pause = only(&t)->schedule.order;
    assert_true(pause > t.acme.time);
    struct plan_acme same = t.wanted, other = t.wanted;
    struct plan next = {.acmes = &same};
    acme_adopt(&t.acme, &next);
    assert_int_equal(only(&t)->schedule.order, pause);
    assert_ptr_equal(only(&t)->plan, &same);
    other.email = "admin@example.com";
    next.acmes = &other;
    acme_adopt(&t.acme, &next);
    assert_int_equal(only(&t)->schedule.order, t.acme.time);
    assert_string_equal(only(&t)->trouble, "");
    /* It has been issued: the plan says so, whoever has done it. */
    struct plan_acme issued = other;
    issued.placeholder = false;
    issued.fits = true;
    issued.leaf = "PEM";
    issued.begins = t.acme.time;
    issued.ends = t.acme.time + 90 * DAY;
    next.acmes = &issued;
    assert_string_equal(acme_state(only(&t)), "placeholder");
    acme_adopt(&t.acme, &next);
    assert_string_equal(acme_state(only(&t)), "valid");
    assert_in_range(only(&t)->schedule.order, t.acme.time + 60 * DAY, t.acme.time + 62 * DAY);
    t.acme.time += 91 * DAY;
    assert_string_equal(acme_state(only(&t)), "expired");
    next.acmes = NULL;
    acme_adopt(&t.acme, &next);
    assert_true(list_is_empty(&t.acme.certificates));
    end(&t);
}

/* ---- challenges, on behalf of an errand that a test speaks for */

static void speak(struct acme_certificate *certificate, enum acme_word kind, const char *text)
{
    const struct word word = {.kind = kind, .count = 1, .fields = {span_string(text)}};
    certificate->errand.on_word(&certificate->errand, &word);
}

/* A proof for the account of the order that is under way. */
static const char *proof(const struct acme_certificate *certificate, const char *kind, const char *name)
{
    static char text[CHALLENGE_TEXT];
    snprintf(text, sizeof text, "%s %s token token.%s", kind, name, certificate->thumbprint);
    return text;
}

static void only_our_names_and_account_are_proved_and_not_for_ever(void **state)
{
    struct scene t;
    (void)state;
    begin(&t, "/proc/self/exe");
    acme_adopt(&t.acme, &t.plan);
    acme_settle(&t.acme);
    struct acme_certificate *certificate = only(&t);
    speak(certificate, ACME_PUBLISH, proof(certificate, "http-01", "elsewhere.example.com"));
    speak(certificate, ACME_PUBLISH, "http-01 a.example.com token");
    speak(certificate, ACME_PUBLISH, "http-01 a.example.com token token.of-somebody-else");
    assert_null(t.crew.challenges);
    speak(certificate, ACME_PUBLISH, proof(certificate, "http-01", "a.example.com"));
    assert_int_equal(t.crew.challenges->count, 1);
    struct challenge foreign;
    assert_true(challenge_parse(SPAN("http-01 c.example.com u u.p"), &foreign));
    assert_true(challenges_add(&t.crew.challenges, &foreign));
    speak(certificate, ACME_WITHDRAW, "http-01 c.example.com u u.p");
    assert_int_equal(t.crew.challenges->count, 2);
    challenges_remove(&t.crew.challenges, &foreign);
    acme_settle(&t.acme);
    assert_int_equal(acme_next(&t.acme), t.acme.now + ACME_PUBLISH_WITHIN);
    assert_true(certificate->awaited > 0); /* no worker has it */
    t.acme.now += ACME_PUBLISH_WITHIN;
    acme_settle(&t.acme);
    assert_int_equal(certificate->awaited, 0);
    speak(certificate, ACME_WITHDRAW, proof(certificate, "http-01", "a.example.com"));
    assert_null(t.crew.challenges);
    /* What an errand leaves behind is withdrawn with it. */
    speak(certificate, ACME_PUBLISH, proof(certificate, "tls-alpn-01", "b.example.com"));
    assert_non_null(t.crew.challenges);
    kill(certificate->errand.pid, SIGKILL);
    bury(&t);
    assert_null(t.crew.challenges);
    end(&t);
}

static void what_is_under_way_for_another_wish_is_dropped(void **state)
{
    struct scene t;
    (void)state;
    begin(&t, "/proc/self/exe");
    acme_adopt(&t.acme, &t.plan);
    acme_settle(&t.acme);
    assert_true(only(&t)->errand.pid > 0);
    speak(only(&t), ACME_PUBLISH, proof(only(&t), "http-01", "a.example.com"));
    assert_non_null(t.crew.challenges);
    struct plan_acme other = t.wanted;
    other.domain_count = 1;
    const struct plan next = {.acmes = &other};
    acme_adopt(&t.acme, &next);
    assert_int_equal(only(&t)->errand.pid, 0);
    assert_null(only(&t)->key.at);
    assert_null(t.crew.challenges);
    assert_int_equal(only(&t)->failed, 0);
    end(&t);
}

/* As an errand it waits until it is killed. */
int main(int argc, char **argv)
{
    (void)argv;
    while (argc > 1)
        pause();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_certificates_key_is_in_no_job),
        cmocka_unit_test(what_fits_is_kept_for_its_owner_only),
        cmocka_unit_test(what_does_not_fit_is_not),
        cmocka_unit_test(a_failed_errand_leaves_nothing_but_a_pause),
        cmocka_unit_test(the_clock_may_be_put_back),
        cmocka_unit_test(state_that_cannot_be_kept_costs_no_order),
        cmocka_unit_test(a_damaged_account_is_told_of),
        cmocka_unit_test(an_account_has_one_order_at_a_time),
        cmocka_unit_test(a_change_of_what_is_wanted_begins_anew),
        cmocka_unit_test(what_is_under_way_for_another_wish_is_dropped),
        cmocka_unit_test(only_our_names_and_account_are_proved_and_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
