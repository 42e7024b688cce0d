/* What is refused is waited for in silence, told once, and taken when it fits; the clock is ours. */
#include "test.h"

#include "renewal.h"

#include "crossgate/pki.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scene {
    struct log log;
    struct renewal renewal;
    struct run_options options;
    struct edition *edition;
    char directory[32];
    char config[64];
    int said[2];
    char text[4096];
};

static void put(const struct scene *t, const char *name, struct span bytes)
{
    char path[96], fresh[112];
    snprintf(path, sizeof path, "%s/%s", t->directory, name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    int file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(file, bytes.at, bytes.len), (ssize_t)bytes.len);
    close(file);
    assert_int_equal(rename(fresh, path), 0);
}

static void take_away(const struct scene *t, const char *name)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", t->directory, name);
    assert_int_equal(unlink(path), 0);
}

struct pair {
    struct pki_text key, certificate;
};

static struct pair make_pair(void)
{
    static const char *const names[] = {"localhost"};
    const struct pki_order order = {
        .use = PKI_USE_SERVER, .names = names, .name_count = 1, .days = 90, .path_length = -1};
    const struct pki_signer nobody = {0};
    struct pair pair = {0};
    struct error error = {0};
    assert_true(pki_make_key(PKI_KEY_P256, &pair.key, &error));
    assert_true(pki_make_certificate(&order, span_of(pair.key.at, pair.key.len), &nobody, &pair.certificate, &error));
    return pair;
}

static void free_pair(struct pair *pair)
{
    pki_text_free(&pair->key);
    pki_text_free(&pair->certificate);
}

static void put_key(const struct scene *t, const char *name, const struct pair *pair)
{
    put(t, name, span_of(pair->key.at, pair->key.len));
}

static void put_certificate(const struct scene *t, const char *name, const struct pair *pair)
{
    put(t, name, span_of(pair->certificate.at, pair->certificate.len));
}

#define TRANSPORT(name)                                                                                                \
    "{'type': 'web', 'paths': {'/': {'type': 'json', 'value': 1}}, 'endpoint': {'type': 'tcp', 'interface': "          \
    "'127.0.0.1', 'portrange': [23000, 23999], 'tls': {'key': '" name ".key', 'certificate': '" name ".pem'}}}"

/* Two transports, each with its own pair. */
static void put_configuration(const struct scene *t)
{
    char text[] =
        "{'version': 2, 'workers': [{'type': 'router', 'transports': [" TRANSPORT("a") "," TRANSPORT("b") "]}]}";
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    put(t, "config.json", span_string(text));
}

static void put_pair(const struct scene *t, const char *name, const struct pair *pair)
{
    char file[16];
    snprintf(file, sizeof file, "%s.key", name);
    put_key(t, file, pair);
    snprintf(file, sizeof file, "%s.pem", name);
    put_certificate(t, file, pair);
}

static int setup(void **state)
{
    struct scene *t = calloc(1, sizeof *t);
    struct pair pair = make_pair();
    memcpy(t->directory, "/tmp/crossgate-XXXXXX", 22);
    assert_non_null(mkdtemp(t->directory));
    assert_int_equal(pipe2(t->said, O_CLOEXEC | O_NONBLOCK), 0);
    log_init(&t->log, t->said[1], LOG_INFO, "test");
    put_configuration(t);
    put_pair(t, "a", &pair);
    put_pair(t, "b", &pair);
    free_pair(&pair);
    snprintf(t->config, sizeof t->config, "%s/config.json", t->directory);
    t->options = (struct run_options){.request = {.config = t->config, .node_dir = t->directory}, .workers = 2};
    t->edition = edition_new(&t->options, 1, NULL, &t->log);
    assert_non_null(t->edition);
    renewal_init(&t->renewal, &t->log);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"config.json", "a.key", "a.pem", "b.key", "b.pem"};
    struct scene *t = *state;
    char path[96];
    renewal_deinit(&t->renewal);
    edition_free(t->edition);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", t->directory, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(t->directory), 0);
    close(t->said[0]);
    close(t->said[1]);
    free(t);
    return 0;
}

/* What has been said since the last time. */
static const char *said(struct scene *t)
{
    ssize_t got = read(t->said[0], t->text, sizeof t->text - 1);
    t->text[got > 0 ? got : 0] = '\0';
    return t->text;
}

static unsigned lines(const char *text)
{
    unsigned count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static struct edition *try(struct scene *t, uint64_t now)
{
    return renewal_try(&t->renewal, t->edition, t->edition->number + 1, now);
}

/* As the master puts it in force. */
static void adopt(struct scene *t, struct edition *next)
{
    struct expiry expiry = {0};
    assert_non_null(next);
    assert_true(expiry_adopt(&expiry, t->edition->plan, 1000));
    assert_true(expiry_adopt(&expiry, next->plan, 2000));
    renewal_succeed(&t->renewal, t->edition, next, &expiry, 2000);
    edition_succeed(next);
    edition_free(t->edition);
    t->edition = next;
    expiry_deinit(&expiry);
}

static void what_is_as_it_was_is_no_renewal(void **state)
{
    struct scene *t = *state;
    assert_null(try(t, 0));
    put(t, "config.json", SPAN("{"));
    assert_null(try(t, 1000));
    assert_int_equal(renewal_next(&t->renewal), UINT64_MAX);
    assert_string_equal(said(t), "");
}

static void what_is_as_it_was_is_judged_again_if_somebody_knows_why(void **state)
{
    struct scene *t = *state;
    t->renewal.anew = true;
    adopt(t, try(t, 0));
    assert_int_equal(t->edition->number, 2);
    assert_string_equal(said(t), "");
    assert_null(try(t, 1000));
}

static void a_pair_is_taken_with_sockets_and_configuration_as_they_were(void **state)
{
    struct scene *t = *state;
    struct pair pair = make_pair();
    uint16_t ports[] = {t->edition->doors[0].port, t->edition->doors[1].port};
    put_pair(t, "b", &pair);
    put(t, "config.json", SPAN("{"));
    adopt(t, try(t, 0));
    assert_non_null(strstr(said(t), "/b.pem (localhost), "));
    assert_int_equal(lines(t->text), 1);
    assert_int_equal(t->edition->number, 2);
    assert_int_equal(t->edition->workers, 2);
    assert_int_equal(t->edition->doors[0].port, ports[0]);
    assert_int_equal(t->edition->doors[1].port, ports[1]);
    assert_int_equal(t->renewal.done, 1);
    free_pair(&pair);
}

static void a_torn_pair_is_told_once_after_the_grace(void **state)
{
    struct scene *t = *state;
    struct pair pair = make_pair(), other = make_pair();
    put_key(t, "a.key", &pair);
    assert_null(try(t, 500));
    assert_int_equal(renewal_next(&t->renewal), 500 + RENEWAL_GRACE);
    put_certificate(t, "a.pem", &other); /* no better: the time runs on */
    assert_null(try(t, 5000));
    renewal_settle(&t->renewal, 500 + RENEWAL_GRACE - 1);
    assert_string_equal(said(t), "");
    renewal_settle(&t->renewal, 500 + RENEWAL_GRACE);
    assert_non_null(strstr(said(t), "/a.key cannot be served"));
    assert_non_null(strstr(t->text, "/a.pem: no certificate in it belongs"));
    assert_int_equal(lines(t->text), 1);
    assert_int_equal(t->renewal.failed, 1);
    /* Looked at again, it is the same, and not told again. */
    assert_int_equal(renewal_next(&t->renewal), 5000 + RENEWAL_RETRY);
    renewal_settle(&t->renewal, 5000 + RENEWAL_RETRY);
    assert_true(t->renewal.wanted);
    assert_null(try(t, 5000 + RENEWAL_RETRY));
    renewal_settle(&t->renewal, 5000 + 2 * RENEWAL_RETRY);
    assert_string_equal(said(t), "");
    put_certificate(t, "a.pem", &pair);
    adopt(t, try(t, 900000));
    assert_non_null(strstr(said(t), "renewed: "));
    assert_int_equal(renewal_next(&t->renewal), UINT64_MAX);
    free_pair(&pair);
    free_pair(&other);
}

static void what_fits_in_time_is_never_told(void **state)
{
    struct scene *t = *state;
    struct pair pair = make_pair();
    put_key(t, "a.key", &pair);
    assert_null(try(t, 0));
    put_certificate(t, "a.pem", &pair);
    struct edition *next = try(t, RENEWAL_GRACE - 1);
    renewal_settle(&t->renewal, RENEWAL_GRACE + 1); /* while the workers prepare */
    assert_string_equal(said(t), "");
    adopt(t, next);
    assert_non_null(strstr(said(t), "renewed: "));
    assert_int_equal(t->renewal.failed, 0);
    free_pair(&pair);
}

static void the_rest_is_taken_while_one_is_waited_for(void **state)
{
    struct scene *t = *state;
    struct pair pair = make_pair();
    put(t, "a.pem", SPAN("-----BEGIN CERTIFICATE-----\nno"));
    put_pair(t, "b", &pair);
    adopt(t, try(t, 0));
    assert_non_null(strstr(said(t), "renewed: "));
    assert_non_null(strstr(t->text, "/b.pem"));
    assert_null(try(t, 500)); /* what is left is known */
    renewal_settle(&t->renewal, RENEWAL_GRACE);
    assert_non_null(strstr(said(t), "/a.pem cannot be served"));
    put_pair(t, "a", &pair);
    adopt(t, try(t, 20000));
    assert_non_null(strstr(said(t), "/a.pem (localhost)"));
    assert_int_equal(renewal_next(&t->renewal), UINT64_MAX);
    free_pair(&pair);
}

static void what_has_been_told_is_not_told_again_with_others(void **state)
{
    struct scene *t = *state;
    take_away(t, "a.key");
    assert_null(try(t, 0));
    renewal_settle(&t->renewal, RENEWAL_GRACE);
    assert_non_null(strstr(said(t), "/a.key cannot be served"));
    for (uint64_t now = 100000; now < 400000; now += 100000) {
        struct pair pair = make_pair();
        put_pair(t, "b", &pair);
        adopt(t, try(t, now));
        assert_non_null(strstr(said(t), "/b.pem (localhost)"));
        renewal_settle(&t->renewal, now + RENEWAL_GRACE);
        assert_string_equal(said(t), "");
        free_pair(&pair);
    }
    assert_int_equal(t->renewal.failed, 1);
}

static void what_is_put_back_is_forgotten(void **state)
{
    struct scene *t = *state;
    struct source_file file;
    struct error error = {0};
    char path[64];
    snprintf(path, sizeof path, "%s/a.key", t->directory);
    assert_true(sources_file(t->edition->sources, path, &file, &error));
    put(t, "a.key", SPAN("x"));
    assert_null(try(t, 0));
    put(t, "a.key", file.bytes);
    assert_null(try(t, 1000));
    assert_int_equal(renewal_next(&t->renewal), UINT64_MAX);
    renewal_settle(&t->renewal, 100000);
    assert_string_equal(said(t), "");
}

static void one_objection_of_a_worker_is_not_believed(void **state)
{
    struct scene *t = *state;
    struct pair pair = make_pair();
    put_pair(t, "a", &pair);
    struct edition *next = try(t, 0);
    renewal_refuse(&t->renewal, next, "", 100);
    edition_free(next);
    assert_string_equal(said(t), "");
    assert_int_equal(renewal_next(&t->renewal), 100 + RENEWAL_AGAIN);
    renewal_settle(&t->renewal, 100 + RENEWAL_AGAIN);
    assert_true(t->renewal.wanted);
    next = try(t, 2000);
    renewal_refuse(&t->renewal, next, "out of luck", 2100);
    edition_free(next);
    assert_non_null(strstr(said(t), "a worker objects twice: out of luck"));
    assert_int_equal(t->renewal.failed, 1);
    assert_null(try(t, 3000));
    renewal_settle(&t->renewal, 50000);
    assert_string_equal(said(t), "");
    free_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_as_it_was_is_no_renewal, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_as_it_was_is_judged_again_if_somebody_knows_why, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pair_is_taken_with_sockets_and_configuration_as_they_were, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_pair_is_told_once_after_the_grace, setup, teardown),
        cmocka_unit_test_setup_teardown(what_fits_in_time_is_never_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rest_is_taken_while_one_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_been_told_is_not_told_again_with_others, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_put_back_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(one_objection_of_a_worker_is_not_believed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
