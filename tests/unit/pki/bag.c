/* Bags: what is read, what it tells of itself, the chain in it, and what clients would say of that. */
#include "../test.h"

#include "../tls/forge.h"

#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>

/* root > middle > leaf, and the problems that were reported, as lines "code: text [remedy]". */
static struct {
    struct arena *arena;
    EVP_PKEY *key, *root_key, *middle_key;
    X509 *root, *middle, *leaf;
    struct pki_bag *bag;
    char heard[8192];
} world;

static void hear(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    size_t used = strlen(world.heard);
    snprintf(world.heard + used, sizeof world.heard - used, "%d %s: %s [%s]\n", (int)problem->severity,
             problem->key ? problem->key : "-", problem->text, problem->remedy ? problem->remedy : "");
}

static struct problems problems;

static void assert_heard(const char *text)
{
    if (!strstr(world.heard, text))
        fail_msg("expected: %s, heard: %s", text, world.heard);
}

static void assert_silent(void)
{
    assert_string_equal(world.heard, "");
}

#define CA_ISSUERS "caIssuers;URI:http://ca.example/middle.der"

static int set_up(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.arena = arena_new();
    world.bag = pki_bag_new();
    problems = (struct problems){.report = hear};
    world.key = forge_keep(world.arena, EVP_EC_gen("P-256"));
    world.root_key = forge_keep(world.arena, EVP_EC_gen("P-384"));
    world.middle_key = forge_keep(world.arena, EVP_EC_gen("P-256"));
    world.root =
        forge_certificate(world.arena, &(struct forge){.subject = "Root", .key = world.root_key, .authority = true});
    world.middle = forge_certificate(world.arena, &(struct forge){.subject = "Middle",
                                                                  .key = world.middle_key,
                                                                  .issuer = world.root,
                                                                  .issuer_key = world.root_key,
                                                                  .authority = true});
    world.leaf = forge_certificate(world.arena, &(struct forge){.subject = "box1.example.com",
                                                                .key = world.key,
                                                                .issuer = world.middle,
                                                                .issuer_key = world.middle_key,
                                                                .names = "DNS:box1.example.com,IP:127.0.0.1",
                                                                .use = "serverAuth",
                                                                .access = CA_ISSUERS});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pki_bag_free(world.bag);
    arena_free(world.arena);
    return 0;
}

static bool add(struct pki_file file)
{
    return pki_bag_add(world.bag, &file, &problems);
}

static void add_certificates(const char *path, X509 *first, X509 *second, X509 *third)
{
    assert_true(add(forge_chain(world.arena, path, first, second, third)));
}

/* "Middle" for the second one, and so on. */
static void assert_chain(const struct pki_chain *chain, const char *const *names, size_t count)
{
    struct pki_card card;
    assert_int_equal(chain->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(pki_bag_card(world.bag, chain->at[i], world.arena, &card));
        assert_string_equal(card.subject, names[i]);
    }
}

static const char *const both[] = {"CN=box1.example.com", "CN=Middle"};

/* ---- reading */

static struct pki_file der_file(const char *path, unsigned char *der, int length)
{
    BIO *bio = BIO_new(BIO_s_mem());
    BIO_write(bio, der, length);
    OPENSSL_free(der);
    return forge_file(world.arena, path, bio);
}

static void test_der(void **state)
{
    (void)state;
    unsigned char *der = NULL;
    int length = i2d_X509(world.leaf, &der);
    assert_true(add(der_file("leaf.der", der, length)));
    der = NULL;
    length = i2d_PrivateKey(world.key, &der);
    assert_true(add(der_file("key.der", der, length)));
    assert_int_equal(pki_bag_count(world.bag), 2);
    struct pki_card leaf, key;
    assert_true(pki_bag_card(world.bag, 0, world.arena, &leaf));
    assert_true(pki_bag_card(world.bag, 1, world.arena, &key));
    assert_int_equal(leaf.sort, PKI_CERTIFICATE);
    assert_int_equal(key.sort, PKI_KEY);
    assert_string_equal(leaf.path, "leaf.der");
    assert_silent();
}

static void test_pkcs7(void **state)
{
    (void)state;
    PKCS7 *envelope = PKCS7_new();
    PKCS7_set_type(envelope, NID_pkcs7_signed);
    PKCS7_content_new(envelope, NID_pkcs7_data);
    PKCS7_add_certificate(envelope, world.middle);
    PKCS7_add_certificate(envelope, world.leaf);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS7(bio, envelope), 1);
    assert_true(add(forge_file(world.arena, "both.p7b", bio)));
    unsigned char *der = NULL;
    int length = i2d_PKCS7(envelope, &der);
    assert_true(add(der_file("both.p7c", der, length)));
    assert_int_equal(pki_bag_count(world.bag), 4);
    PKCS7_free(envelope);
}

static void test_pkcs12_is_refused_with_its_remedy(void **state)
{
    (void)state;
    PKCS12 *archive = PKCS12_create("secret", "name", world.key, world.leaf, NULL, 0, 0, 0, 0, 0);
    unsigned char *der = NULL;
    int length = i2d_PKCS12(archive, &der);
    PKCS12_free(archive);
    assert_false(add(der_file("both.p12", der, length)));
    assert_heard("both.p12 is PKCS#12");
    assert_heard("openssl pkcs12 -in both.p12 -nodes -out both.p12.pem");
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "is empty"},
        {"hello", "no line in it begins with"},
        {"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n", "cannot be decoded as a certificate"},
        {"-----BEGIN CERTIFICATE-----\nMIIE\n", "cut off"},
        {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", "holds no certificate"},
        {"-----BEGIN PKCS7-----\nMIIE\n-----END PKCS7-----\n", "cannot be decoded as a PKCS#7"},
        {"0\x82\x01\x01zzz", "is binary, and none of"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world.heard[0] = '\0';
        assert_false(add(forge_text(world.arena, "file", rows[i].text)));
        assert_heard(rows[i].why);
    }
    assert_int_equal(pki_bag_count(world.bag), 0);
}

static void test_too_many(void **state)
{
    (void)state;
    struct pki_file one = forge_chain(world.arena, "one", world.leaf, NULL, NULL);
    for (size_t i = 0; i < PKI_BAG_MAX; i++)
        assert_true(add(one));
    assert_false(add(one));
    assert_heard("too many");
}

/* ---- cards */

static void test_card_of_a_certificate(void **state)
{
    (void)state;
    struct pki_card card, key;
    add_certificates("leaf.pem", world.leaf, NULL, NULL);
    assert_true(add(forge_key(world.arena, "key.pem", world.key)));
    assert_true(pki_bag_card(world.bag, 0, world.arena, &card));
    assert_true(pki_bag_card(world.bag, 1, world.arena, &key));
    assert_string_equal(card.subject, "CN=box1.example.com");
    assert_string_equal(card.issuer, "CN=Middle");
    assert_string_equal(card.key, "EC P-256");
    assert_string_equal(card.key_digest, key.key_digest);
    assert_int_equal(card.names.count, 2);
    assert_string_equal(card.names.at[1], "127.0.0.1");
    assert_int_equal(card.uses.count, 1);
    assert_string_equal(card.uses.at[0], "TLS server");
    assert_string_equal(card.issuer_urls.at[0], "http://ca.example/middle.der");
    assert_int_equal(card.ends - card.begins, 366 * 86400);
    assert_int_equal(strlen(card.sha256), 64);
    assert_false(card.authority || card.self_signed || card.must_staple);
}

static void test_card_of_an_authority(void **state)
{
    (void)state;
    struct pki_text key = {0}, text = {0};
    struct error error = {0};
    const char *only[] = {"localhost", "10.0.0.0/8"};
    struct pki_order order = {.use = PKI_USE_AUTHORITY, .common_name = "CA", .days = 10, .only = only, .only_count = 2};
    assert_true(pki_make_key(PKI_KEY_P256, &key, &error));
    assert_true(pki_make_certificate(&order, span_of(key.at, key.len), &(struct pki_signer){0}, &text, &error));
    assert_true(add((struct pki_file){.path = "ca.pem", .bytes = span_of(text.at, text.len)}));
    struct pki_card card;
    assert_true(pki_bag_card(world.bag, 0, world.arena, &card));
    assert_true(card.authority && card.self_signed);
    assert_int_equal(card.path_length, 0);
    assert_int_equal(card.constraints.count, 2);
    assert_string_equal(card.constraints.at[0], "only localhost");
    assert_string_equal(card.constraints.at[1], "only 10.0.0.0/8");
    pki_text_free(&text);
    pki_text_free(&key);
}

/* Names of hostile certificates must not reach a terminal as they are. */
static void test_names_are_printable(void **state)
{
    (void)state;
    struct pki_card card;
    X509 *hostile = forge_certificate(
        world.arena,
        &(struct forge){.subject = "a\033[31mb\n", .key = world.key, .names = "DNS:a\033]0;x\007,email:a@b"});
    add_certificates("hostile.pem", hostile, NULL, NULL);
    assert_true(pki_bag_card(world.bag, 0, world.arena, &card));
    assert_string_equal(card.names.at[0], "a\\x1b]0;x\\x07");
    assert_string_equal(card.names.at[1], "email:a@b");
    assert_string_equal(card.subject, "CN=a\\1B[31mb\\0A");
}

/* ---- chains */

static void test_any_order_becomes_the_right_one(void **state)
{
    (void)state;
    struct pki_chain chain;
    add_certificates("bag.pem", world.root, world.middle, world.leaf);
    add_certificates("again.pem", world.middle, NULL, NULL);
    assert_true(pki_bag_chain(world.bag, &chain, &problems));
    assert_true(chain.whole);
    assert_chain(&chain, both, 2);
    assert_heard("0 root: bag.pem: the certificate of CN=Root is the root");
    assert_heard("0 surplus: again.pem: the certificate of CN=Middle is there twice");
    assert_int_equal(problems.errors, 0);
}

static void test_missing_intermediate(void **state)
{
    (void)state;
    struct pki_chain chain;
    add_certificates("leaf.pem", world.leaf, world.root, NULL);
    assert_true(pki_bag_chain(world.bag, &chain, &problems));
    assert_false(chain.whole);
    assert_heard("2 missing: an intermediate certificate is missing, that of CN=Middle");
    assert_heard("curl -sS -o issuer.crt http://ca.example/middle.der");
    assert_heard("1 surplus: leaf.pem: the certificate of CN=Root is not part of the chain");
}

static void test_own_authority_that_is_not_there(void **state)
{
    (void)state;
    struct pki_chain chain;
    add_certificates("middle.pem", world.middle, NULL, NULL);
    assert_true(pki_bag_chain(world.bag, &chain, &problems));
    assert_true(chain.whole);
    assert_heard("0 issuer: the chain ends below CN=Root");
}

static void test_key_says_which(void **state)
{
    (void)state;
    struct pki_chain chain;
    X509 *other =
        forge_certificate(world.arena, &(struct forge){.subject = "other", .key = world.root_key, .names = "DNS:o"});
    X509 *older = forge_certificate(world.arena, &(struct forge){.subject = "box1.example.com",
                                                                 .key = world.key,
                                                                 .issuer = world.middle,
                                                                 .issuer_key = world.middle_key,
                                                                 .ends = 86400});
    add_certificates("bag.pem", older, other, world.leaf);
    add_certificates("middle.pem", world.middle, NULL, NULL);
    assert_false(pki_bag_chain(world.bag, &chain, &problems));
    assert_heard("2 leaf: which is the server's certificate?");
    assert_heard("[name its private key: --key FILE]");
    problems.errors = 0;
    assert_true(add(forge_key(world.arena, "key.pem", world.key)));
    assert_true(pki_bag_chain(world.bag, &chain, &problems));
    assert_chain(&chain, both, 2);
    assert_int_equal(chain.at[0], 2);
}

static void test_key_of_another(void **state)
{
    (void)state;
    struct pki_chain chain;
    add_certificates("leaf.pem", world.leaf, NULL, NULL);
    assert_true(add(forge_key(world.arena, "key.pem", world.root_key)));
    assert_false(pki_bag_chain(world.bag, &chain, &problems));
    assert_heard("2 key: no certificate belongs to the private key");
}

static void test_nothing_in_it(void **state)
{
    (void)state;
    struct pki_chain chain;
    assert_true(add(forge_key(world.arena, "key.pem", world.key)));
    assert_false(pki_bag_chain(world.bag, &chain, &problems));
    assert_heard("2 leaf: there is no certificate");
}

/* Two authorities that have issued each other: no end, but for duplicates. */
static void test_circle(void **state)
{
    (void)state;
    struct pki_chain chain;
    struct forge how = {
        .subject = "A", .key = world.middle_key, .issuer = world.root, .issuer_key = world.root_key, .authority = true};
    X509 *a = forge_certificate(world.arena, &how);
    X509 *root = forge_certificate(
        world.arena,
        &(struct forge){
            .subject = "Root", .key = world.root_key, .issuer = a, .issuer_key = world.middle_key, .authority = true});
    X509 *leaf = forge_certificate(
        world.arena, &(struct forge){.subject = "leaf", .key = world.key, .issuer = a, .issuer_key = world.middle_key});
    static const char *const names[] = {"CN=leaf", "CN=A", "CN=Root"};
    add_certificates("circle.pem", root, leaf, a);
    assert_true(pki_bag_chain(world.bag, &chain, &problems));
    assert_chain(&chain, names, 3);
}

/* ---- verdicts */

static struct pki_bag *authorities(X509 *certificate)
{
    struct pki_bag *bag = pki_bag_new();
    struct pki_file file = forge_chain(world.arena, "ca.pem", certificate, NULL, NULL);
    assert_true(pki_bag_add(bag, &file, &problems));
    return bag;
}

static bool verify(X509 *trusted, const char *name, unsigned days)
{
    struct pki_chain chain;
    struct pki_bag *who = trusted ? authorities(trusted) : NULL;
    struct pki_question question = {.name = name, .authorities = who, .days = days};
    bool good = pki_bag_chain(world.bag, &chain, &problems);
    world.heard[0] = '\0';
    good = good && pki_bag_verify(world.bag, &chain, &question, &problems);
    pki_bag_free(who);
    return good;
}

static void test_good_chain(void **state)
{
    (void)state;
    add_certificates("full.pem", world.leaf, world.middle, NULL);
    assert_true(verify(world.root, "box1.example.com", 30));
    assert_true(verify(world.root, "127.0.0.1", 0));
    assert_true(verify(world.root, NULL, 0));
    assert_true(verify(world.middle, NULL, 0));
    assert_silent();
}

static void test_wrong_name(void **state)
{
    (void)state;
    add_certificates("full.pem", world.leaf, world.middle, NULL);
    assert_false(verify(world.root, "example.com", 0));
    assert_heard("2 name: the certificate is not for example.com, but for box1.example.com, 127.0.0.1 (Chrome: "
                 "NET::ERR_CERT_COMMON_NAME_INVALID");
    assert_false(verify(world.root, "127.0.0.2", 0));
    assert_heard("2 name");
}

static void test_nobody_trusts(void **state)
{
    (void)state;
    add_certificates("full.pem", world.leaf, world.middle, NULL);
    assert_false(verify(NULL, NULL, 0));
    assert_heard("2 issuer: CN=Root is not trusted");
    assert_null(strstr(world.heard, "other:"));
}

static void test_verify_misses_the_intermediate(void **state)
{
    (void)state;
    add_certificates("leaf.pem", world.leaf, NULL, NULL);
    assert_false(verify(world.root, NULL, 0));
    assert_heard("2 missing: the certificate of CN=Middle is missing");
    assert_heard("curl -sS -o issuer.crt http://ca.example/middle.der, then crossgate cert chain");
}

static void test_ends_too_soon(void **state)
{
    (void)state;
    add_certificates("full.pem", world.leaf, world.middle, NULL);
    assert_false(verify(world.root, NULL, 366));
    assert_heard("2 time: the certificate ends in 36");
    assert_heard("days, sooner than in 366 [have it renewed]");
}

/* A leaf of the middle authority that is wrong in one way. */
static void add_leaf(struct forge how)
{
    how.subject = "box1.example.com";
    how.key = how.key ? how.key : world.key;
    how.issuer = world.middle;
    how.issuer_key = world.middle_key;
    add_certificates("leaf.pem", forge_certificate(world.arena, &how), world.middle, NULL);
}

static void test_expired(void **state)
{
    (void)state;
    add_leaf((struct forge){.names = "DNS:a.example", .begins = -20 * 86400, .ends = -86400});
    assert_false(verify(world.root, NULL, 0));
    assert_heard("2 time: the certificate of CN=box1.example.com HAS EXPIRED (since ");
}

static void test_not_yet(void **state)
{
    (void)state;
    add_leaf((struct forge){.names = "DNS:a.example", .begins = 86400});
    assert_false(verify(world.root, NULL, 0));
    assert_heard("2 time: the certificate of CN=box1.example.com is NOT VALID YET (before ");
}

static void test_no_names(void **state)
{
    (void)state;
    add_leaf((struct forge){.names = NULL});
    assert_false(verify(world.root, "box1.example.com", 0));
    assert_heard("2 name: the certificate has no names");
}

static void test_other_use(void **state)
{
    (void)state;
    add_leaf((struct forge){.names = "DNS:a.example", .use = "clientAuth"});
    assert_false(verify(world.root, NULL, 0));
    assert_heard("2 use: the certificate of CN=box1.example.com is made for other uses");
}

static void test_weak_key(void **state)
{
    (void)state;
    add_leaf((struct forge){.names = "DNS:a.example", .key = forge_keep(world.arena, EVP_RSA_gen(1024))});
    assert_false(verify(world.root, NULL, 0));
    assert_heard("2 strength: the certificate of CN=box1.example.com has a key that can be broken");
}

static void test_weak_signature(void **state)
{
    (void)state;
    add_leaf((struct forge){.names = "DNS:a.example", .digest = EVP_sha1()});
    assert_false(verify(world.root, NULL, 0));
    assert_heard("2 strength: the certificate of CN=box1.example.com is signed with a digest that can be forged");
}

static void test_lives_too_long(void **state)
{
    (void)state;
    add_leaf((struct forge){.names = "DNS:a.example", .ends = 900L * 86400});
    verify(world.root, NULL, 0);
    assert_heard("1 time: the certificate lives for 901 days");
}

static void test_authority_as_server(void **state)
{
    (void)state;
    add_leaf((struct forge){.names = "DNS:a.example", .authority = true});
    assert_true(verify(world.root, NULL, 0));
    assert_heard("1 use: the certificate is an authority's");
}

static void test_issued_by_no_authority(void **state)
{
    (void)state;
    X509 *below = forge_certificate(world.arena, &(struct forge){.subject = "below",
                                                                 .key = world.root_key,
                                                                 .issuer = world.leaf,
                                                                 .issuer_key = world.key,
                                                                 .names = "DNS:below"});
    struct pki_chain chain = {.at = {0, 1, 2}, .count = 3};
    struct pki_bag *who = authorities(world.root);
    add_certificates("full.pem", below, world.leaf, world.middle);
    assert_false(pki_bag_verify(world.bag, &chain, &(struct pki_question){.authorities = who}, &problems));
    assert_heard("2 use: the certificate of CN=box1.example.com may not issue others");
    pki_bag_free(who);
}

static void test_self_signed(void **state)
{
    (void)state;
    X509 *own =
        forge_certificate(world.arena, &(struct forge){.subject = "l", .key = world.key, .names = "DNS:localhost"});
    add_certificates("own.pem", own, NULL, NULL);
    assert_false(verify(NULL, NULL, 0));
    assert_heard("2 issuer: the certificate of CN=l is self-signed");
    assert_true(verify(own, "localhost", 0));
}

static void test_root_that_is_not_trusted(void **state)
{
    (void)state;
    struct pki_chain chain = {.at = {0, 1, 2}, .count = 3};
    add_certificates("full.pem", world.leaf, world.middle, world.root);
    assert_false(pki_bag_verify(world.bag, &chain, &(struct pki_question){.days = 0}, &problems));
    assert_heard("2 issuer: the certificate of CN=Root is a root that is not trusted");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_der),
        TEST(test_pkcs7),
        TEST(test_pkcs12_is_refused_with_its_remedy),
        TEST(test_what_cannot_be_read),
        TEST(test_too_many),
        TEST(test_card_of_a_certificate),
        TEST(test_card_of_an_authority),
        TEST(test_names_are_printable),
        TEST(test_any_order_becomes_the_right_one),
        TEST(test_missing_intermediate),
        TEST(test_own_authority_that_is_not_there),
        TEST(test_key_says_which),
        TEST(test_key_of_another),
        TEST(test_nothing_in_it),
        TEST(test_circle),
        TEST(test_good_chain),
        TEST(test_wrong_name),
        TEST(test_nobody_trusts),
        TEST(test_verify_misses_the_intermediate),
        TEST(test_ends_too_soon),
        TEST(test_expired),
        TEST(test_not_yet),
        TEST(test_no_names),
        TEST(test_other_use),
        TEST(test_weak_key),
        TEST(test_weak_signature),
        TEST(test_lives_too_long),
        TEST(test_authority_as_server),
        TEST(test_issued_by_no_authority),
        TEST(test_self_signed),
        TEST(test_root_that_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
