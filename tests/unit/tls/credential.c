/* What is said about every mistake with keys, certificates, chains, groups and suites. */
#include "forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <openssl/core_names.h>

/* -- problems, as they were reported -- */

enum { FOUND_MAX = 16 };

struct found {
    enum problem_severity severity;
    char key[32];
    size_t index;
    char text[512];
    char remedy[512];
};

struct recorder {
    struct problems problems;
    struct found found[FOUND_MAX];
    size_t count;
};

static void record(struct problems *problems, const struct problem *problem)
{
    struct recorder *recorder = CONTAINER_OF(problems, struct recorder, problems);
    assert_true(recorder->count < FOUND_MAX);
    struct found *found = &recorder->found[recorder->count++];
    found->severity = problem->severity;
    found->index = problem->index;
    snprintf(found->key, sizeof found->key, "%s", problem->key ? problem->key : "");
    snprintf(found->text, sizeof found->text, "%s", problem->text);
    snprintf(found->remedy, sizeof found->remedy, "%s", problem->remedy ? problem->remedy : "");
}

static void dump(const struct recorder *recorder)
{
    for (size_t i = 0; i < recorder->count; i++)
        print_message("  severity %d, %s: %s [%s]\n", (int)recorder->found[i].severity, recorder->found[i].key,
                      recorder->found[i].text, recorder->found[i].remedy);
}

/* -- what the tests share -- */

static struct {
    struct arena *arena;
    EVP_PKEY *rsa, *rsa_weak, *ec, *root_key, *middle_key;
    X509 *self_signed, *root, *middle, *leaf, *ec_leaf;
    struct tls_server_settings good; /* leaf with its chain */
    struct recorder recorder;
} world;

static X509 *make_leaf(const struct forge *how)
{
    struct forge leaf = *how;
    leaf.subject = leaf.subject ? leaf.subject : "localhost";
    leaf.key = leaf.key ? leaf.key : world.rsa;
    leaf.issuer = world.middle;
    leaf.issuer_key = world.middle_key;
    return forge_certificate(world.arena, &leaf);
}

static int set_up_all(void **state)
{
    (void)state;
    struct arena *arena = world.arena = arena_new();
    world.rsa = forge_keep(arena, EVP_RSA_gen(2048));
    world.rsa_weak = forge_keep(arena, EVP_RSA_gen(1024));
    world.ec = forge_keep(arena, EVP_EC_gen("P-256"));
    world.root_key = forge_keep(arena, EVP_EC_gen("P-256"));
    world.middle_key = forge_keep(arena, EVP_EC_gen("P-256"));
    world.root = forge_certificate(arena, &(struct forge){.subject = "Root", .key = world.root_key, .authority = true});
    world.middle = forge_certificate(arena, &(struct forge){.subject = "Middle",
                                                            .key = world.middle_key,
                                                            .issuer = world.root,
                                                            .issuer_key = world.root_key,
                                                            .authority = true});
    world.leaf = make_leaf(&(struct forge){.names = "DNS:localhost"});
    world.ec_leaf = make_leaf(&(struct forge){.key = world.ec, .names = "DNS:localhost"});
    world.self_signed =
        forge_certificate(arena, &(struct forge){.subject = "localhost", .key = world.rsa, .names = "DNS:localhost"});
    world.good.key = forge_key(arena, "key.pem", world.rsa);
    world.good.certificate = forge_chain(arena, "cert.pem", world.leaf, world.middle, world.root);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    arena_free(world.arena);
    return 0;
}

/* Builds, and returns whether it worked. */
static bool builds(const struct tls_server_settings *settings)
{
    world.recorder = (struct recorder){.problems.report = record};
    struct tls_context *context = tls_server_context_new(settings, &world.recorder.problems);
    assert_int_equal(context == NULL, world.recorder.problems.errors > 0);
    tls_context_unref(context);
    return context != NULL;
}

static bool builds_client(const struct tls_client_settings *settings)
{
    world.recorder = (struct recorder){.problems.report = record};
    struct tls_context *context = tls_client_context_new(settings, &world.recorder.problems);
    assert_int_equal(context == NULL, world.recorder.problems.errors > 0);
    tls_context_unref(context);
    return context != NULL;
}

/* Exactly one problem, with these words in text and remedy (NULL: no remedy is demanded). */
static void expect_only(enum problem_severity severity, const char *key, const char *text, const char *remedy)
{
    const struct found *found = &world.recorder.found[0];
    if (world.recorder.count != 1 || found->severity != severity || strcmp(found->key, key) != 0 ||
        !strstr(found->text, text) || (remedy && !strstr(found->remedy, remedy))) {
        dump(&world.recorder);
        fail_msg("expected only: %s: %s [%s]", key, text, remedy ? remedy : "");
    }
}

/* At least this problem. */
static void expect(enum problem_severity severity, const char *key, const char *text)
{
    for (size_t i = 0; i < world.recorder.count; i++) {
        const struct found *found = &world.recorder.found[i];
        if (found->severity == severity && strcmp(found->key, key) == 0 && strstr(found->text, text))
            return;
    }
    dump(&world.recorder);
    fail_msg("expected: %s: %s", key, text);
}

static void expect_silence(void)
{
    if (world.recorder.count > 0)
        dump(&world.recorder);
    assert_int_equal(world.recorder.count, 0);
}

static void refuses_key(struct pki_file file, const char *text, const char *remedy)
{
    struct tls_server_settings settings = world.good;
    settings.key = file;
    assert_false(builds(&settings));
    expect_only(PROBLEM_ERROR, "key", text, remedy);
}

static void refuses_certificate(struct pki_file file, const char *text, const char *remedy)
{
    struct tls_server_settings settings = world.good;
    settings.certificate = file;
    assert_false(builds(&settings));
    expect_only(PROBLEM_ERROR, "certificate", text, remedy);
}

/* -- what is right -- */

static void full_chain_in_one_file_is_accepted_in_silence(void **state)
{
    (void)state;
    assert_true(builds(&world.good));
    expect_silence();
}

static void chain_certificates_complete_the_certificate(void **state)
{
    (void)state;
    struct pki_file chain[] = {forge_chain(world.arena, "middle.pem", world.middle, NULL, NULL),
                               forge_chain(world.arena, "root.pem", world.root, NULL, NULL)};
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", world.leaf, NULL, NULL);
    settings.chain = (struct pki_files){chain, 2, true};
    assert_true(builds(&settings));
    expect_silence();
}

static void duplicates_are_dropped_in_silence(void **state)
{
    (void)state;
    struct pki_file chain = forge_chain(world.arena, "middle.pem", world.middle, world.root, world.middle);
    struct tls_server_settings settings = world.good;
    settings.chain = (struct pki_files){&chain, 1, true};
    assert_true(builds(&settings));
    expect_silence();
}

static void line_ends_and_marks_of_windows_are_accepted(void **state)
{
    (void)state;
    BIO *bio = BIO_new(BIO_s_mem());
    BIO_write(bio, "\xEF\xBB\xBF", 3);
    struct span bytes = world.good.certificate.bytes;
    for (size_t i = 0; i < bytes.len; i++)
        BIO_write(bio, bytes.at[i] == '\n' ? "\r\n" : (const char *)&bytes.at[i], bytes.at[i] == '\n' ? 2 : 1);
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_file(world.arena, "windows.pem", bio);
    assert_true(builds(&settings));
    expect_silence();
}

static void trusted_certificate_form_is_accepted(void **state)
{
    (void)state;
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *copy = X509_dup(world.leaf);
    X509_add1_trust_object(copy, OBJ_nid2obj(NID_server_auth));
    PEM_write_bio_X509_AUX(bio, copy);
    PEM_write_bio_X509(bio, world.middle);
    PEM_write_bio_X509(bio, world.root);
    X509_free(copy);
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_file(world.arena, "trusted.pem", bio);
    assert_true(span_starts(settings.certificate.bytes, SPAN("-----BEGIN TRUSTED")));
    assert_true(builds(&settings));
    expect_silence();
}

static void key_and_certificate_in_one_file_are_accepted(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.key = settings.certificate = forge_joined(world.arena, &world.good.key, &world.good.certificate);
    assert_true(builds(&settings));
    expect_silence();
}

static void traditional_keys_and_parameters_before_them_are_accepted(void **state)
{
    (void)state;
    BIO *bio = BIO_new(BIO_s_mem());
    BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, world.ec, NULL, NULL, 0, NULL, NULL), 1);
    struct tls_server_settings settings = world.good;
    settings.key = forge_file(world.arena, "ec.pem", bio);
    settings.certificate = forge_chain(world.arena, "cert.pem", world.ec_leaf, world.middle, world.root);
    assert_true(builds(&settings));
    expect_silence();
}

static void other_kinds_of_key_are_accepted(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {forge_keep(world.arena, EVP_EC_gen("P-384")), forge_keep(world.arena, EVP_EC_gen("P-521")),
                        forge_keep(world.arena, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"))};
    for (size_t i = 0; i < 3; i++) {
        struct tls_server_settings settings = world.good;
        X509 *leaf = make_leaf(&(struct forge){.key = keys[i], .names = "DNS:localhost"});
        settings.key = forge_key(world.arena, "key.pem", keys[i]);
        settings.certificate = forge_chain(world.arena, "cert.pem", leaf, world.middle, world.root);
        assert_true(builds(&settings));
        expect_silence();
    }
}

/* -- keys -- */

static void key_readable_by_others_warns(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.key.mode = 0644;
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "key", "mode 0644: the private key is open to everyone", "chmod 600 key.pem");
    settings.key.mode = 0640;
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "key", "open to its group", "chmod 600 key.pem");
    settings.key.mode = 0; /* unknown, as in a worker */
    assert_true(builds(&settings));
    expect_silence();
}

static void key_of_another_certificate_is_refused(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.key = forge_key(world.arena, "key.pem", world.ec);
    assert_false(builds(&settings));
    expect_only(PROBLEM_ERROR, "certificate", "no certificate in it belongs to the private key",
                "crossgate cert show KEY CERTIFICATE");
}

static void key_with_passphrase_is_refused_and_never_asked_for(void **state)
{
    (void)state;
    BIO *modern = BIO_new(BIO_s_mem());
    BIO *traditional = BIO_new(BIO_s_mem());
    char word[] = "secret";
    PEM_write_bio_PrivateKey(modern, world.rsa, EVP_aes_128_cbc(), NULL, 0, NULL, word);
    PEM_write_bio_PrivateKey_traditional(traditional, world.rsa, EVP_aes_128_cbc(), NULL, 0, NULL, word);
    refuses_key(forge_file(world.arena, "locked.pem", modern), "protected by a passphrase",
                "crossgate cert decrypt locked.pem");
    refuses_key(forge_file(world.arena, "locked.pem", traditional), "protected by a passphrase",
                "crossgate cert decrypt locked.pem");
}

static void weak_key_is_refused(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    X509 *leaf = make_leaf(&(struct forge){.key = world.rsa_weak, .names = "DNS:localhost"});
    settings.key = forge_key(world.arena, "key.pem", world.rsa_weak);
    settings.certificate = forge_chain(world.arena, "cert.pem", leaf, world.middle, NULL);
    assert_false(builds(&settings));
    expect_only(PROBLEM_ERROR, "key", "weak key: RSA 1024 has 80 bits", "crossgate cert key");
}

static void security_level_of_the_cipher_list_is_honoured(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    X509 *leaf = make_leaf(&(struct forge){.key = world.rsa_weak, .names = "DNS:localhost"});
    settings.key = forge_key(world.arena, "key.pem", world.rsa_weak);
    settings.certificate = forge_chain(world.arena, "cert.pem", leaf, world.middle, world.root);
    settings.ciphers = "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=1";
    assert_true(builds(&settings));
    expect_silence();
}

static void things_that_are_no_key_are_named(void **state)
{
    (void)state;
    unsigned char *der = NULL;
    int length = i2d_PrivateKey(world.rsa, &der);
    BIO *binary = BIO_new(BIO_s_mem());
    BIO_write(binary, der, length);
    OPENSSL_clear_free(der, (size_t)length);
    refuses_key(forge_file(world.arena, "key.der", binary), "is binary (DER or PKCS#12)", "openssl pkey -in key.der");
    refuses_key(world.good.certificate, "holds a certificate and no private key", "exchanged?");
    refuses_key(forge_text(world.arena, "key.pem", ""), "key.pem is empty", NULL);
    refuses_key(forge_text(world.arena, "key.pem", "\n\nhello\n"), "no line in it begins with -----BEGIN", NULL);
    refuses_key(forge_text(world.arena, "key.pem", "\xFF\xFE-\0-\0"), "UTF-16", "iconv -f utf-16");
    refuses_key(forge_text(world.arena, "key.pem", "-----BEGIN PRIVATE KEY-----\nMIIE\n"), "is damaged", NULL);
    refuses_key(forge_text(world.arena, "key.pem", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"),
                "its private key cannot be decoded", NULL);
}

static void key_that_cannot_sign_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = forge_keep(world.arena, EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
    refuses_key(forge_key(world.arena, "key.pem", key), "type X25519 253, which TLS 1.2 and 1.3 cannot sign with",
                "crossgate cert key");
}

/* -- certificates -- */

static void expired_certificate_is_served_with_a_warning(void **state)
{
    (void)state;
    X509 *leaf = make_leaf(&(struct forge){.names = "DNS:localhost", .begins = -86400 * 90, .ends = -3600});
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", leaf, world.middle, world.root);
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "HAS EXPIRED", "renew");
}

static void certificate_that_begins_later_warns(void **state)
{
    (void)state;
    X509 *leaf = make_leaf(&(struct forge){.names = "DNS:localhost", .begins = 86400});
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", leaf, world.middle, world.root);
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "NOT VALID YET", "date -u");
}

static void certificate_that_ends_soon_warns(void **state)
{
    (void)state;
    X509 *leaf = make_leaf(&(struct forge){.names = "DNS:localhost", .begins = -86400L * 85, .ends = 86400L * 5 + 600});
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", leaf, world.middle, world.root);
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "ends soon", "renew");
    assert_non_null(strstr(world.recorder.found[0].text, "in 5 days"));
}

static void certificate_without_names_warns(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.certificate =
        forge_chain(world.arena, "cert.pem", make_leaf(&(struct forge){0}), world.middle, world.root);
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "no subjectAltName", "crossgate cert self-signed HOST");
}

static void certificate_for_another_use_warns(void **state)
{
    (void)state;
    X509 *leaf = make_leaf(&(struct forge){.names = "DNS:localhost", .use = "clientAuth"});
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", leaf, world.middle, world.root);
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "made for other uses", NULL);
}

static void self_signed_certificate_is_noted(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", world.self_signed, NULL, NULL);
    assert_true(builds(&settings));
    expect_only(PROBLEM_NOTE, "certificate", "is self-signed", NULL);
}

static void weak_digest_is_refused(void **state)
{
    (void)state;
    X509 *leaf = make_leaf(&(struct forge){.names = "DNS:localhost", .digest = EVP_sha1()});
    refuses_certificate(forge_chain(world.arena, "cert.pem", leaf, world.middle, world.root),
                        "signed with a weak digest, SHA1", "SHA-256");
}

static void things_that_are_no_certificate_are_named(void **state)
{
    (void)state;
    BIO *request = BIO_new(BIO_s_mem());
    X509_REQ *csr = X509_to_X509_REQ(world.leaf, world.rsa, EVP_sha256());
    PEM_write_bio_X509_REQ(request, csr);
    X509_REQ_free(csr);
    BIO *binary = BIO_new(BIO_s_mem());
    i2d_X509_bio(binary, world.leaf);
    refuses_certificate(forge_file(world.arena, "server.csr", request),
                        "holds a certificate signing request and no certificate",
                        "crossgate cert sign --csr server.csr");
    refuses_certificate(forge_file(world.arena, "cert.der", binary), "is binary (DER or PKCS#12)",
                        "crossgate cert chain cert.der");
    refuses_certificate(world.good.key, "holds a private key and no certificate", "exchanged?");
    refuses_certificate(forge_text(world.arena, "cert.pem", ""), "cert.pem is empty", NULL);
    refuses_certificate(
        forge_text(world.arena, "cert.pem", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n"),
        "PEM block 1 cannot be decoded", NULL);
    struct pki_file cut = world.good.certificate;
    cut.bytes.len -= 40;
    refuses_certificate(cut, "after 2 good certificates", NULL);
}

/* -- chains -- */

static void wrong_order_is_put_right_and_named(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", world.root, world.middle, world.leaf);
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "Found: CN=Root > CN=Middle > CN=localhost", NULL);
}

static void certificate_outside_the_chain_warns(void **state)
{
    (void)state;
    struct pki_file chain = forge_chain(world.arena, "chain.pem", world.ec_leaf, NULL, NULL);
    struct tls_server_settings settings = world.good;
    settings.chain = (struct pki_files){&chain, 1, true};
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "of CN=localhost is not part of the chain, and is not sent", NULL);
}

static void self_signed_stranger_warns(void **state)
{
    (void)state;
    X509 *stranger =
        forge_certificate(world.arena, &(struct forge){.subject = "Stranger", .key = world.ec, .authority = true});
    struct pki_file chain = forge_chain(world.arena, "chain.pem", world.middle, stranger, NULL);
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", world.leaf, NULL, NULL);
    settings.chain = (struct pki_files){&chain, 1, true};
    assert_true(builds(&settings));
    expect(PROBLEM_WARNING, "certificate", "but CN=Stranger was given, which is not sent");
}

static void broken_chain_warns_with_what_is_wanted_and_what_was_given(void **state)
{
    (void)state;
    X509 *other = forge_certificate(world.arena, &(struct forge){.subject = "Other",
                                                                 .key = world.ec,
                                                                 .issuer = world.root,
                                                                 .issuer_key = world.root_key,
                                                                 .authority = true});
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", world.leaf, other, NULL);
    assert_true(builds(&settings));
    assert_int_equal(world.recorder.count, 2);
    expect(PROBLEM_WARNING, "certificate", "the chain is broken: it goes on with CN=Middle, but CN=Other was given");
    expect(PROBLEM_NOTE, "certificate", "clients must trust CN=Middle");
}

static void missing_intermediate_of_a_public_authority_warns_with_the_way_to_get_it(void **state)
{
    (void)state;
    X509 *leaf =
        make_leaf(&(struct forge){.names = "DNS:localhost", .access = "caIssuers;URI:http://ca.example/middle.der"});
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", leaf, NULL, NULL);
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "intermediate certificate is missing, that of CN=Middle",
                "curl -s http://ca.example/middle.der | crossgate cert chain -");
}

static void address_that_could_harm_a_shell_is_not_put_into_a_command(void **state)
{
    (void)state;
    X509 *leaf = make_leaf(&(struct forge){.names = "DNS:localhost", .access = "caIssuers;URI:http://ca/$(reboot)"});
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", leaf, NULL, NULL);
    assert_true(builds(&settings));
    expect_only(PROBLEM_NOTE, "certificate", "clients must trust CN=Middle", NULL);
    assert_null(strstr(world.recorder.found[0].remedy, "reboot"));
}

static void authority_of_ones_own_is_only_noted(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.certificate = forge_chain(world.arena, "cert.pem", world.leaf, world.middle, NULL);
    assert_true(builds(&settings));
    expect_only(PROBLEM_NOTE, "certificate", "clients must trust CN=Root", NULL);
}

static void problem_of_a_chain_file_names_its_index(void **state)
{
    (void)state;
    struct pki_file chain[] = {forge_chain(world.arena, "middle.pem", world.middle, NULL, NULL),
                               forge_text(world.arena, "none.pem", "")};
    struct tls_server_settings settings = world.good;
    settings.chain = (struct pki_files){chain, 2, true};
    assert_false(builds(&settings));
    expect_only(PROBLEM_ERROR, "chain_certificates", "none.pem is empty", NULL);
    assert_int_equal(world.recorder.found[0].index, 1);
}

/* -- client certificates -- */

static void empty_list_of_authorities_is_refused(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.clients.authorities.given = true;
    assert_false(builds(&settings));
    expect_only(PROBLEM_ERROR, "ca_certificates", "the list of authorities is empty", "leave it out");
}

static void authorities_are_checked_each_with_its_index(void **state)
{
    (void)state;
    X509 *old = forge_certificate(
        world.arena,
        &(struct forge){.subject = "Old", .key = world.ec, .authority = true, .begins = -7200, .ends = -3600});
    struct pki_file files[] = {forge_chain(world.arena, "ca.pem", world.root, NULL, NULL),
                               forge_chain(world.arena, "old.pem", old, NULL, NULL)};
    struct tls_server_settings settings = world.good;
    settings.clients.authorities = (struct pki_files){files, 2, true};
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "ca_certificates", "the authority CN=Old has expired", NULL);
    assert_int_equal(world.recorder.found[0].index, 1);
    files[1] = world.good.key;
    assert_false(builds(&settings));
    expect_only(PROBLEM_ERROR, "ca_certificates", "holds a private key and no certificate", NULL);
}

/* -- DH parameters -- */

static EVP_PKEY *group_of(const char *algorithm, const char *parameter, const char *value)
{
    EVP_PKEY *group = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    OSSL_PARAM parameters[] = {OSSL_PARAM_utf8_string(parameter, (char *)(uintptr_t)value, 0), OSSL_PARAM_END};
    assert_int_equal(EVP_PKEY_paramgen_init(make), 1);
    assert_int_equal(EVP_PKEY_CTX_set_params(make, parameters), 1);
    assert_int_equal(EVP_PKEY_paramgen(make, &group), 1);
    EVP_PKEY_CTX_free(make);
    return forge_keep(world.arena, group);
}

static struct pki_file dh_file(EVP_PKEY *group)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_Parameters(bio, group), 1);
    return forge_file(world.arena, "dh.pem", bio);
}

/* PKCS #3 form of any modulus, and 2 as generator. */
static struct pki_file dh_file_of(BIGNUM *modulus)
{
    unsigned char number[2048];
    int bytes = BN_bn2bin(modulus, number + 1) + 1;
    number[0] = 0;
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char der[4096];
    unsigned char head[] = {0x30, 0x82, (unsigned char)((bytes + 7) >> 8), (unsigned char)(bytes + 7),
                            0x02, 0x82, (unsigned char)(bytes >> 8),       (unsigned char)bytes};
    memcpy(der, head, sizeof head);
    memcpy(der + sizeof head, number, (size_t)bytes);
    memcpy(der + sizeof head + bytes, "\x02\x01\x02", 3);
    PEM_write_bio(bio, PEM_STRING_DHPARAMS, "", der, (long)sizeof head + bytes + 3);
    BN_free(modulus);
    return forge_file(world.arena, "dh.pem", bio);
}

static void refuses_dhparam(struct pki_file file, const char *text)
{
    struct tls_server_settings settings = world.good;
    settings.dhparam = file;
    assert_false(builds(&settings));
    expect_only(PROBLEM_ERROR, "dhparam", text, "leave dhparam out");
}

static void standard_groups_in_both_forms_are_accepted(void **state)
{
    (void)state;
    struct pki_file files[] = {dh_file(group_of("DH", OSSL_PKEY_PARAM_GROUP_NAME, "ffdhe2048")),
                               dh_file(group_of("DH", OSSL_PKEY_PARAM_GROUP_NAME, "modp_4096")),
                               dh_file(group_of("DHX", OSSL_PKEY_PARAM_GROUP_NAME, "dh_2048_256"))};
    assert_true(span_starts(files[2].bytes, SPAN("-----BEGIN X9.42 DH")));
    for (size_t i = 0; i < 3; i++) {
        struct tls_server_settings settings = world.good;
        settings.dhparam = files[i];
        assert_true(builds(&settings));
        expect_silence();
    }
}

static void short_groups_are_refused(void **state)
{
    (void)state;
    BIGNUM *modulus = BN_new();
    BN_generate_prime_ex(modulus, 1024, 0, NULL, NULL, NULL);
    refuses_dhparam(dh_file_of(modulus),
                    "has a modulus of 1024 bits; 2048 to 4096 are of use, and fewer can be broken");
}

static void modulus_that_is_no_prime_is_refused(void **state)
{
    (void)state;
    BIGNUM *modulus = BN_get_rfc3526_prime_2048(NULL);
    BN_add_word(modulus, 2);
    refuses_dhparam(dh_file_of(modulus), "is unsafe: its modulus is not prime");
}

static void generator_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    BIGNUM *modulus = BN_get_rfc3526_prime_2048(NULL);
    struct pki_file file = dh_file_of(modulus);
    struct span bytes = file.bytes;
    unsigned char *der = NULL;
    char *name = NULL, *header = NULL;
    long length = 0;
    BIO *in = BIO_new_mem_buf(bytes.at, (int)bytes.len);
    assert_int_equal(PEM_read_bio(in, &name, &header, &der, &length), 1);
    der[length - 1] = 1;
    BIO *out = BIO_new(BIO_s_mem());
    PEM_write_bio(out, name, "", der, length);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(in);
    refuses_dhparam(forge_file(world.arena, "dh.pem", out), "is unsafe: its generator does not fit its modulus");
}

static void modulus_that_is_no_safe_prime_warns(void **state)
{
    (void)state;
    BIGNUM *modulus = BN_new();
    BN_generate_prime_ex(modulus, 2048, 0, NULL, NULL, NULL);
    struct tls_server_settings settings = world.good;
    settings.dhparam = dh_file_of(modulus);
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "dhparam", "no safe prime", "leave dhparam out");
}

static void things_that_are_no_group_are_named(void **state)
{
    (void)state;
    refuses_dhparam(world.good.key, "holds a private key and no set of DH parameters");
    refuses_dhparam(
        forge_text(world.arena, "dh.pem", "-----BEGIN DH PARAMETERS-----\nMIIE\n-----END DH PARAMETERS-----\n"),
        "its DH parameters cannot be decoded");
}

/* -- suites -- */

static void list_of_the_documentation_is_accepted_in_silence(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.ciphers =
        "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA256:";
    assert_true(builds(&settings));
    expect_silence();
}

static void unknown_suite_warns_and_the_rest_counts(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.ciphers = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES129-GCM-SHA256:!aNULL:@STRENGTH";
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "ciphers", "\"ECDHE-RSA-AES129-GCM-SHA256\" selects no suite", "openssl ciphers");
}

static void names_of_tls_13_and_vain_exclusions_are_noted(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.ciphers = "TLS_AES_256_GCM_SHA384:ECDHE+AESGCM:!KRB5-DES-CBC3-SHA";
    assert_true(builds(&settings));
    assert_int_equal(world.recorder.count, 2);
    expect(PROBLEM_NOTE, "ciphers", "\"TLS_AES_256_GCM_SHA384\" is a TLS 1.3 suite");
    expect(PROBLEM_NOTE, "ciphers", "\"KRB5-DES-CBC3-SHA\" selects no suite");
}

static void list_that_selects_nothing_is_refused(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.ciphers = "NO-SUCH-SUITE";
    assert_false(builds(&settings));
    expect(PROBLEM_WARNING, "ciphers", "\"NO-SUCH-SUITE\" selects no suite");
    expect(PROBLEM_ERROR, "ciphers", "selects no TLS 1.2 suite");
}

static void suites_of_the_other_kind_of_key_warn(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.key = forge_key(world.arena, "key.pem", world.ec);
    settings.certificate = forge_chain(world.arena, "cert.pem", world.ec_leaf, world.middle, world.root);
    settings.ciphers = "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256";
    assert_true(builds(&settings));
    expect_only(PROBLEM_WARNING, "ciphers", "can be used with the key (EC P-256): TLS 1.2 clients cannot connect",
                NULL);
}

/* -- the connecting side -- */

static void host_name_is_needed_and_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {NULL, "", "a b", "ex\xC3\xA4mple", "a..b", ".a", "a.", "host:443"};
    static const char *const right[] = {"localhost", "127.0.0.1", "::1", "my_node.example"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(builds_client(&(struct tls_client_settings){.hostname = wrong[i]}));
        expect_only(PROBLEM_ERROR, "hostname", "is not a host name or address", NULL);
    }
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(builds_client(&(struct tls_client_settings){
            .hostname = right[i],
            .authorities = {&(struct pki_file){.path = "ca.pem", .bytes = world.good.certificate.bytes}, 1, true}}));
        expect_silence();
    }
}

static void client_key_and_certificate_come_in_pairs(void **state)
{
    (void)state;
    struct tls_client_settings settings = {
        .hostname = "localhost", .authorities = {&world.good.certificate, 1, true}, .key = world.good.key};
    assert_false(builds_client(&settings));
    expect_only(PROBLEM_ERROR, "key", "a key without a certificate", "certificate");
    settings.certificate = world.good.certificate;
    assert_true(builds_client(&settings));
    expect_silence();
    settings.key = (struct pki_file){0};
    assert_true(builds_client(&settings));
    expect_only(PROBLEM_WARNING, "certificate", "is ignored", "key");
}

static void system_without_trust_store_warns(void **state)
{
    (void)state;
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    setenv("SSL_CERT_FILE", "/nonexistent", 1);
    assert_true(builds_client(&(struct tls_client_settings){.hostname = "localhost"}));
    expect_only(PROBLEM_WARNING, "ca_certificates", "no trust store", "apt install ca-certificates");
    unsetenv("SSL_CERT_DIR");
    unsetenv("SSL_CERT_FILE");
}

static void all_problems_are_reported_in_one_go(void **state)
{
    (void)state;
    struct tls_server_settings settings = world.good;
    settings.key = forge_text(world.arena, "key.pem", "");
    settings.certificate = forge_text(world.arena, "cert.pem", "");
    settings.dhparam = forge_text(world.arena, "dh.pem", "");
    settings.ciphers = "NO-SUCH-SUITE";
    settings.clients.authorities.given = true;
    assert_false(builds(&settings));
    assert_int_equal(world.recorder.problems.errors, 5);
}

/* -- what was built before -- */

static size_t taken_over(const struct tls_server_settings *settings, struct tls_context *before, bool vouched)
{
    struct tls_server_settings next = *settings;
    world.recorder = (struct recorder){.problems = {.report = record, .vouched = vouched}};
    next.before = &before;
    next.before_count = 1;
    struct tls_context *context = tls_server_context_new(&next, &world.recorder.problems);
    assert_non_null(context);
    size_t count = tls_context_taken_over(context);
    tls_context_unref(context);
    return count;
}

static void what_has_the_same_bytes_is_taken_over_in_a_worker(void **state)
{
    (void)state;
    struct recorder more_recorder = {.problems = {.report = record, .vouched = true}};
    struct tls_server_certificate more = {.key = forge_key(world.arena, "ec.key", world.ec),
                                          .certificate =
                                              forge_chain(world.arena, "ec.pem", world.ec_leaf, world.middle, NULL),
                                          .problems = &more_recorder.problems};
    struct tls_server_settings settings = world.good;
    settings.more = &more;
    settings.more_count = 1;
    struct tls_context *before = tls_server_context_new(&settings, &world.recorder.problems);
    assert_int_equal(tls_context_taken_over(before), 0);
    assert_int_equal(taken_over(&settings, before, true), 2);
    /* In the master all is judged again: a certificate may have ended meanwhile. */
    more_recorder.problems.vouched = false;
    assert_int_equal(taken_over(&settings, before, false), 0);
    more_recorder.problems.vouched = true;
    /* One byte more, or the same bytes in other files, are another one. */
    settings.certificate = forge_chain(world.arena, "cert.pem", world.leaf, world.middle, NULL);
    assert_int_equal(taken_over(&settings, before, true), 1);
    struct pki_file middle = forge_chain(world.arena, "middle.pem", world.middle, NULL, NULL);
    more.certificate = forge_chain(world.arena, "ec.pem", world.ec_leaf, NULL, NULL);
    more.chain = (struct pki_files){&middle, 1, true};
    assert_int_equal(taken_over(&settings, before, true), 0);
    tls_context_unref(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_chain_in_one_file_is_accepted_in_silence),
        cmocka_unit_test(chain_certificates_complete_the_certificate),
        cmocka_unit_test(duplicates_are_dropped_in_silence),
        cmocka_unit_test(line_ends_and_marks_of_windows_are_accepted),
        cmocka_unit_test(trusted_certificate_form_is_accepted),
        cmocka_unit_test(key_and_certificate_in_one_file_are_accepted),
        cmocka_unit_test(traditional_keys_and_parameters_before_them_are_accepted),
        cmocka_unit_test(other_kinds_of_key_are_accepted),
        cmocka_unit_test(key_readable_by_others_warns),
        cmocka_unit_test(key_of_another_certificate_is_refused),
        cmocka_unit_test(key_with_passphrase_is_refused_and_never_asked_for),
        cmocka_unit_test(weak_key_is_refused),
        cmocka_unit_test(security_level_of_the_cipher_list_is_honoured),
        cmocka_unit_test(things_that_are_no_key_are_named),
        cmocka_unit_test(key_that_cannot_sign_is_refused),
        cmocka_unit_test(expired_certificate_is_served_with_a_warning),
        cmocka_unit_test(certificate_that_begins_later_warns),
        cmocka_unit_test(certificate_that_ends_soon_warns),
        cmocka_unit_test(certificate_without_names_warns),
        cmocka_unit_test(certificate_for_another_use_warns),
        cmocka_unit_test(self_signed_certificate_is_noted),
        cmocka_unit_test(weak_digest_is_refused),
        cmocka_unit_test(things_that_are_no_certificate_are_named),
        cmocka_unit_test(wrong_order_is_put_right_and_named),
        cmocka_unit_test(certificate_outside_the_chain_warns),
        cmocka_unit_test(self_signed_stranger_warns),
        cmocka_unit_test(broken_chain_warns_with_what_is_wanted_and_what_was_given),
        cmocka_unit_test(missing_intermediate_of_a_public_authority_warns_with_the_way_to_get_it),
        cmocka_unit_test(address_that_could_harm_a_shell_is_not_put_into_a_command),
        cmocka_unit_test(authority_of_ones_own_is_only_noted),
        cmocka_unit_test(problem_of_a_chain_file_names_its_index),
        cmocka_unit_test(empty_list_of_authorities_is_refused),
        cmocka_unit_test(authorities_are_checked_each_with_its_index),
        cmocka_unit_test(standard_groups_in_both_forms_are_accepted),
        cmocka_unit_test(short_groups_are_refused),
        cmocka_unit_test(modulus_that_is_no_prime_is_refused),
        cmocka_unit_test(generator_that_does_not_fit_is_refused),
        cmocka_unit_test(modulus_that_is_no_safe_prime_warns),
        cmocka_unit_test(things_that_are_no_group_are_named),
        cmocka_unit_test(list_of_the_documentation_is_accepted_in_silence),
        cmocka_unit_test(unknown_suite_warns_and_the_rest_counts),
        cmocka_unit_test(names_of_tls_13_and_vain_exclusions_are_noted),
        cmocka_unit_test(list_that_selects_nothing_is_refused),
        cmocka_unit_test(suites_of_the_other_kind_of_key_warn),
        cmocka_unit_test(host_name_is_needed_and_checked),
        cmocka_unit_test(client_key_and_certificate_come_in_pairs),
        cmocka_unit_test(system_without_trust_store_warns),
        cmocka_unit_test(all_problems_are_reported_in_one_go),
        cmocka_unit_test(what_has_the_same_bytes_is_taken_over_in_a_worker),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
