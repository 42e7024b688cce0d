/* tls.acme: what is asked for, and what is served with and without a certificate in the state directory. */
#include "node.h"

#include "shell.h"

#include "crossgate/pki.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WITH(transports) "{'version': 2, 'workers': [{'type': 'router', 'transports': [" transports "]}]}"
#define PLAIN            "{'type': 'web', 'endpoint': {'type': 'tcp', 'port': 80}, 'paths': {}}"
#define SECURE(port, acme)                                                                                             \
    "{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': " port                                           \
    ", 'tls': {'acme': {'agree_tos': true, " acme "}}}}"
#define OURS  "'directory': 'https://ca.example:14000/dir', 'domains': ['A.Example', 'b.example', 'a.example']"
#define STATE "/crossgate-state/acme/ca.example:14000"

static const char *const both[] = {"a.example", "b.example"};

static const char *in_state(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s" STATE "/%s", node_path(), name);
    return path;
}

static struct plan_acme *load(struct loaded *loaded, const char *text)
{
    node_load(loaded, text, NULL, false);
    if (!loaded->plan)
        diagnostics_print(loaded->diagnostics, PROBLEM_NOTE, stderr, false);
    assert_non_null(loaded->plan);
    assert_non_null(loaded->plan->acmes);
    return loaded->plan->acmes;
}

static bool says(const struct loaded *loaded, enum problem_severity severity, const char *phrase)
{
    for (size_t i = 0; i < diagnostics_kept(loaded->diagnostics); i++) {
        const struct diagnostic *one = diagnostics_at(loaded->diagnostics, i);
        if (one->severity == severity && strstr(one->text, phrase))
            return true;
    }
    return false;
}

static struct span bytes_of(const struct pki_text *text)
{
    return span_of(text->at, text->len);
}

/* Key and self-signed certificate for the first `count` names, as the master would have kept them. */
static void keep_pair(size_t count)
{
    struct pki_text key = {0}, certificate = {0};
    struct error error = {0};
    const struct pki_order order = {.use = PKI_USE_SERVER, .names = both, .name_count = count, .days = 60};
    assert_true(pki_make_key(PKI_KEY_P256, &key, &error) &&
                pki_make_certificate(&order, bytes_of(&key), &(struct pki_signer){0}, &certificate, &error));
    assert_true(shell_run(node_path(), "mkdir -p ." STATE));
    mode_t before = umask(0077);
    FILE *file = fopen(in_state("a.example.pem"), "w");
    umask(before);
    assert_non_null(file);
    fprintf(file, "%s%s", key.at, certificate.at);
    assert_int_equal(fclose(file), 0);
    pki_text_free(&key);
    pki_text_free(&certificate);
}

static int forget_state(void **state)
{
    (void)state;
    return !shell_run(node_path(), "rm -rf crossgate-state");
}

static void words_become_what_is_asked_for(void **state)
{
    struct loaded loaded;
    (void)state;
    const struct plan_acme *acme =
        load(&loaded,
             WITH(PLAIN ", " SECURE("443", "'email': 'admin@a.example', 'ca_certificates': ['server.pem'], " OURS)));
    assert_null(acme->next);
    assert_string_equal(acme->directory, "https://ca.example:14000/dir");
    assert_string_equal(acme->email, "admin@a.example");
    assert_int_equal(acme->domain_count, 2); /* each once, however it is written */
    assert_string_equal(acme->domains[0], "a.example");
    assert_string_equal(acme->domains[1], "b.example");
    assert_string_equal(acme->path, in_state("a.example.pem"));
    assert_string_equal(acme->account, in_state("account.key"));
    assert_non_null(memmem(acme->authorities.at, acme->authorities.len, "BEGIN CERTIFICATE", 17));
    node_unload(&loaded);
}

static void an_authority_may_be_named_in_short(void **state)
{
    struct loaded loaded;
    (void)state;
    const struct plan_acme *acme = load(&loaded, WITH(SECURE("443", "'domains': 'a.example'")));
    assert_string_equal(acme->directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_non_null(strstr(acme->path, "/acme/acme-v02.api.letsencrypt.org/a.example.pem"));
    assert_null(acme->email);
    assert_int_equal(acme->authorities.len, 0);
    node_unload(&loaded);
    acme = load(&loaded, WITH(SECURE("443", "'domains': ['a.example'], 'directory': 'letsencrypt-staging'")));
    assert_string_equal(acme->directory, "https://acme-staging-v02.api.letsencrypt.org/directory");
    node_unload(&loaded);
}

static void challenges_follow_from_what_listens(void **state)
{
    struct loaded loaded;
    (void)state;
    const struct plan_acme *acme = load(&loaded, WITH(PLAIN ", " SECURE("443", OURS)));
    assert_true(acme->http_01 && acme->tls_alpn_01);
    assert_true(
        says(&loaded, PROBLEM_NOTE, "verifies the domains by http-01 on port 80, or by tls-alpn-01 on port 443"));
    /* Whatever is served, challenges are answered before. */
    assert_string_equal(loaded.plan->transports[0].site.root->ops->type, "challenge");
    assert_string_equal(loaded.plan->transports[1].site.root->ops->type, "challenge");
    node_unload(&loaded);
    acme = load(&loaded, WITH(SECURE("8443", OURS)));
    assert_true(!acme->http_01 && acme->tls_alpn_01);
    assert_true(says(&loaded, PROBLEM_NOTE, "by tls-alpn-01 on port 443, which has to lead to a TLS transport here"));
    node_unload(&loaded);
    acme = load(&loaded, WITH(SECURE("443", "'challenges': ['http-01'], " OURS)));
    assert_true(acme->http_01 && !acme->tls_alpn_01);
    assert_true(says(&loaded, PROBLEM_WARNING, "no transport is plain"));
    node_unload(&loaded);
    node_load(&loaded, WITH(PLAIN), NULL, false);
    assert_string_not_equal(loaded.plan->transports[0].site.root->ops->type, "challenge");
    node_unload(&loaded);
}

static void without_a_certificate_there_is_a_placeholder(void **state)
{
    struct loaded loaded;
    const struct tls_certificate *served;
    (void)state;
    const struct plan_acme *acme = load(&loaded, WITH(SECURE("443", OURS)));
    assert_true(acme->placeholder && !acme->fits && acme->ends == 0 && !acme->leaf);
    assert_int_equal(tls_context_certificates(loaded.plan->transports[0].tls, &served), 1);
    assert_non_null(strstr(served->path, "placeholder"));
    assert_true(says(&loaded, PROBLEM_NOTE, "a self-signed certificate is served until"));
    assert_false(says(&loaded, PROBLEM_NOTE, "right for development")); /* it is not said twice */
    assert_int_equal(access(in_state("a.example.pem"), F_OK), -1);      /* to load is to write nothing */
    node_unload(&loaded);
}

static void all_workers_serve_the_masters_placeholder(void **state)
{
    struct loaded loaded;
    struct error error = {0};
    const int *directories;
    const struct tls_certificate *ours, *theirs;
    (void)state;
    load(&loaded, WITH(SECURE("443", OURS)));
    int packed = sources_pack(loaded.sources, &error);
    struct diagnostics *diagnostics = diagnostics_new();
    assert_int_equal(sources_directories(loaded.sources, &directories), 0);
    struct sources *sources = sources_new_packed(packed, NULL, 0, &error);
    struct plan *plan = plan_load(sources, NULL, diagnostics);
    assert_non_null(plan);
    tls_context_certificates(loaded.plan->transports[0].tls, &ours);
    tls_context_certificates(plan->transports[0].tls, &theirs);
    assert_memory_equal(ours->digest, theirs->digest, sizeof ours->digest);
    counted_unref(&plan->counted);
    diagnostics_free(diagnostics);
    sources_free(sources);
    close(packed);
    node_unload(&loaded);
}

static void what_is_kept_is_served(void **state)
{
    struct loaded loaded;
    const struct tls_certificate *served;
    (void)state;
    keep_pair(2);
    const struct plan_acme *acme = load(&loaded, WITH(SECURE("443", OURS)));
    assert_true(!acme->placeholder && acme->fits && acme->ends > acme->begins);
    assert_ptr_equal(strstr(acme->leaf, "-----BEGIN CERTIFICATE"), acme->leaf);
    assert_null(strstr(acme->leaf, "PRIVATE"));
    tls_context_certificates(loaded.plan->transports[0].tls, &served);
    assert_string_equal(served->path, in_state("a.example.pem"));
    assert_int_equal(served->ends, acme->ends);
    assert_true(says(&loaded, PROBLEM_NOTE, "the certificate that there is ends at"));
    node_unload(&loaded);
}

static void one_for_fewer_domains_is_served_until_there_is_another(void **state)
{
    struct loaded loaded;
    (void)state;
    keep_pair(1);
    const struct plan_acme *acme = load(&loaded, WITH(SECURE("443", OURS)));
    assert_true(!acme->placeholder && !acme->fits);
    assert_true(says(&loaded, PROBLEM_NOTE, "does not hold all domains"));
    node_unload(&loaded);
}

static void a_damaged_one_is_not(void **state)
{
    struct loaded loaded;
    (void)state;
    keep_pair(2);
    assert_int_equal(truncate(in_state("a.example.pem"), 400), 0);
    const struct plan_acme *acme = load(&loaded, WITH(SECURE("443", OURS)));
    assert_true(acme->placeholder);
    assert_true(says(&loaded, PROBLEM_WARNING, "is not used: there is no chain of certificates"));
    node_unload(&loaded);
}

static void endpoints_share_what_is_the_same(void **state)
{
    struct loaded loaded;
    const struct tls_certificate *first, *second;
    (void)state;
    const struct plan_acme *acme = load(&loaded, WITH(SECURE("443", OURS) ", " SECURE("8443", OURS)));
    assert_null(acme->next);
    tls_context_certificates(loaded.plan->transports[0].tls, &first);
    tls_context_certificates(loaded.plan->transports[1].tls, &second);
    assert_memory_equal(first->digest, second->digest, sizeof first->digest);
    node_unload(&loaded);
    acme = load(&loaded, WITH(SECURE("443", OURS) ", " SECURE("8443", "'domains': ['c.example']")));
    assert_non_null(acme->next);
    assert_null(acme->next->next);
    node_unload(&loaded);
}

static void one_of_several_certificates_may_be_issued(void **state)
{
    struct loaded loaded;
    const struct tls_certificate *served;
    (void)state;
    const struct plan_acme *acme = load(
        &loaded, WITH("{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 443, 'tls': {'key': "
                      "'server.key', 'certificate': 'server.pem', 'certificates': [{'acme': {'agree_tos': true, " OURS
                      "}}]}}}"));
    assert_true(acme->placeholder);
    assert_int_equal(tls_context_certificates(loaded.plan->transports[0].tls, &served), 2);
    assert_non_null(strstr(served[1].path, "placeholder"));
    node_unload(&loaded);
    node_load(&loaded,
              WITH("{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 443, 'tls': {'key': "
                   "'server.key', 'certificate': 'server.pem', 'certificates': [{'key': 'server.key', 'acme': "
                   "{'agree_tos': true, " OURS "}}]}}}"),
              NULL, false);
    assert_null(loaded.plan);
    assert_true(says(&loaded, PROBLEM_ERROR, "key is given, and `acme`"));
    node_unload(&loaded);
}

static void an_account_has_one_email(void **state)
{
    struct loaded loaded;
    (void)state;
    node_load(&loaded, WITH(SECURE("443", "'email': 'a@a.example', " OURS) ", " SECURE("8443", OURS)), NULL, false);
    assert_null(loaded.plan);
    assert_true(says(&loaded, PROBLEM_ERROR, "there is one account at ca.example:14000 for all"));
    node_unload(&loaded);
    load(&loaded, WITH(SECURE("443", "'email': 'a@a.example', " OURS) ", " SECURE("8443", "'domains': ['c.example']")));
    node_unload(&loaded);
}

static const char *remedy_of(const struct loaded *loaded, const char *phrase)
{
    for (size_t i = 0; i < diagnostics_kept(loaded->diagnostics); i++) {
        const struct diagnostic *one = diagnostics_at(loaded->diagnostics, i);
        if (strstr(one->text, phrase))
            return one->remedy ? one->remedy : "";
    }
    return "nothing of the kind is said";
}

/* That it is got again by itself helps against what is wrong with the certificate, and against nothing else. */
static void each_problem_has_its_own_remedy(void **state)
{
    struct loaded loaded;
    (void)state;
    keep_pair(2);
    assert_true(shell_run(node_path(), "chmod 644 ." STATE "/a.example.pem"));
    load(&loaded, WITH(SECURE("443", OURS)));
    assert_non_null(strstr(remedy_of(&loaded, "has mode 0644"), "chmod"));
    node_unload(&loaded);
    node_load(
        &loaded,
        WITH("{'type': 'web', 'paths': {}, 'endpoint': {'type': 'tcp', 'port': 443, 'tls': {'acme': {'agree_tos': "
             "true, " OURS "}, 'certificates': [{'client_certificates': 'optional', 'ca_certificates': "
             "['server.pem'], 'acme': {'agree_tos': true, " OURS "}}]}}}"),
        NULL, false);
    assert_null(loaded.plan);
    assert_non_null(strstr(remedy_of(&loaded, "ask for different client certificates"), "give both the same"));
    node_unload(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_what_is_asked_for),
        cmocka_unit_test(an_authority_may_be_named_in_short),
        cmocka_unit_test(challenges_follow_from_what_listens),
        cmocka_unit_test(without_a_certificate_there_is_a_placeholder),
        cmocka_unit_test(all_workers_serve_the_masters_placeholder),
        cmocka_unit_test_teardown(what_is_kept_is_served, forget_state),
        cmocka_unit_test_teardown(one_for_fewer_domains_is_served_until_there_is_another, forget_state),
        cmocka_unit_test_teardown(a_damaged_one_is_not, forget_state),
        cmocka_unit_test_teardown(each_problem_has_its_own_remedy, forget_state),
        cmocka_unit_test(endpoints_share_what_is_the_same),
        cmocka_unit_test(one_of_several_certificates_may_be_issued),
        cmocka_unit_test(an_account_has_one_email),
    };
    return cmocka_run_group_tests(tests, node_make, node_remove);
}
