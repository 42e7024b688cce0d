/* What an authority delivers: accepted only as the answer to what was asked. */
#include "crossgate/pki/text.h"

#include "test.h"

#include <openssl/pem.h>

#include <stdlib.h>

struct world {
    struct pki_text root_key, root, key, request, leaf;
};

static struct error error;

static struct span span_of_text(const struct pki_text *text)
{
    return span_of(text->at, text->len);
}

static void make_key(struct pki_text *key)
{
    assert_true(pki_make_key(PKI_KEY_P256, key, &error));
}

static void make_root(struct pki_text *key, struct pki_text *root)
{
    struct pki_order order = {.use = PKI_USE_AUTHORITY, .common_name = "Test CA", .days = 30, .path_length = 0};
    make_key(key);
    assert_true(pki_make_certificate(&order, span_of_text(key), &(struct pki_signer){0}, root, &error));
}

static const char *const asked[] = {"box1.example.com", "box2.example.com"};

static void make_request(struct world *world)
{
    struct pki_order order = {.use = PKI_USE_SERVER, .names = asked, .name_count = 2};
    assert_true(pki_make_request(&order, span_of_text(&world->key), &world->request, &error));
}

static struct pki_text new_leaf(const struct world *world, struct span subject, const char *const *names, size_t count)
{
    struct pki_text leaf;
    struct pki_order order = {.use = PKI_USE_SERVER, .names = names, .name_count = count, .days = 1};
    struct pki_signer signer = {span_of_text(&world->root), span_of_text(&world->root_key)};
    assert_true(pki_make_certificate(&order, subject, &signer, &leaf, &error));
    return leaf;
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    error = (struct error){0};
    make_root(&world->root_key, &world->root);
    make_key(&world->key);
    make_request(world);
    world->leaf = new_leaf(world, span_of_text(&world->request), NULL, 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    pki_text_free(&world->root_key);
    pki_text_free(&world->root);
    pki_text_free(&world->key);
    pki_text_free(&world->request);
    pki_text_free(&world->leaf);
    free(world);
    return 0;
}

/* The caller frees the text. */
static char *join(const char *a, const char *b, const char *c)
{
    char *text = NULL;
    assert_true(asprintf(&text, "%s%s%s", a, b, c) >= 0);
    return text;
}

static void check_refused(const struct world *world, const char *pem, const char *why)
{
    struct pki_text chain;
    char wanted[200];
    snprintf(wanted, sizeof wanted, "the authority's certificate cannot be used: %s", why);
    error = (struct error){0};
    assert_false(pki_take_chain(span_string(pem), span_of_text(&world->request), &chain, &error));
    assert_string_equal(error.text, wanted);
    assert_null(chain.at);
}

/* What stands between the blocks is left behind. */
static void test_accepted(void **state)
{
    struct world *world = *state;
    struct pki_text chain;
    char *pem = join("# a remark\n", world->leaf.at, world->root.at);
    char *wanted = join(world->leaf.at, world->root.at, "");
    if (!pki_take_chain(span_string(pem), span_of_text(&world->request), &chain, &error))
        fail_msg("%s", error.text);
    assert_string_equal(chain.at, wanted);
    pki_text_free(&chain);
    assert_true(pki_take_chain(span_of_text(&world->leaf), span_of_text(&world->request), &chain, &error));
    assert_string_equal(chain.at, world->leaf.at);
    pki_text_free(&chain);
    free(wanted);
    free(pem);
}

static void test_no_chain(void **state)
{
    struct world *world = *state;
    static const char why[] = "what was sent is no chain of certificates in PEM form";
    check_refused(world, "", why);
    check_refused(world, "<html>moved</html>", why);
    check_refused(world, world->request.at, why);
    char *damaged = join(world->leaf.at, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "");
    check_refused(world, damaged, why);
    free(damaged);
    char *cut = join(world->leaf.at, "-----BEGIN CERTIFICATE-----\nMIIB", "");
    check_refused(world, cut, why);
    free(cut);
    char *key = join(world->leaf.at, world->key.at, "");
    check_refused(world, key, why);
    free(key);
}

/* A block is one certificate and nothing behind it. */
static void test_bytes_behind_a_certificate(void **state)
{
    struct world *world = *state;
    unsigned char *der = NULL;
    char *pem = NULL;
    X509 *leaf = pki_text_certificate(span_of_text(&world->leaf));
    int length = i2d_X509(leaf, &der);
    unsigned char *longer = calloc(1, (size_t)length + 1);
    assert_non_null(longer);
    memcpy(longer, der, (size_t)length);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, PEM_STRING_X509, "", longer, length + 1) > 0);
    assert_int_equal(BIO_write(bio, "", 1), 1);
    BIO_get_mem_data(bio, &pem);
    check_refused(world, pem, "what was sent is no chain of certificates in PEM form");
    BIO_free(bio);
    free(longer);
    OPENSSL_free(der);
    X509_free(leaf);
}

static void test_too_long(void **state)
{
    struct world *world = *state;
    char *pem = join("", "", "");
    for (int i = 0; i < 11; i++) {
        char *longer = join(pem, world->leaf.at, "");
        free(pem);
        pem = longer;
    }
    check_refused(world, pem, "what was sent is no chain of certificates in PEM form");
    free(pem);
}

static void test_other_key(void **state)
{
    struct world *world = *state;
    struct pki_text key = {0};
    make_key(&key);
    struct pki_text leaf = new_leaf(world, span_of_text(&key), asked, 2);
    check_refused(world, leaf.at, "it is for another key than that of the request");
    char *issuer_first = join(world->root.at, world->leaf.at, "");
    check_refused(world, issuer_first, "it is for another key than that of the request");
    free(issuer_first);
    pki_text_free(&leaf);
    pki_text_free(&key);
}

static void test_missing_name(void **state)
{
    struct world *world = *state;
    struct pki_text leaf = new_leaf(world, span_of_text(&world->request), asked, 1);
    check_refused(world, leaf.at, "it lacks a name that was asked for");
    pki_text_free(&leaf);
}

static void test_other_issuer(void **state)
{
    struct world *world = *state;
    struct pki_text key = {0}, root = {0};
    make_root(&key, &root);
    char *pem = join(world->leaf.at, root.at, "");
    check_refused(world, pem, "one certificate of its chain is not signed by the next one");
    free(pem);
    pki_text_free(&root);
    pki_text_free(&key);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accepted),  TEST(test_no_chain),     TEST(test_too_long),     TEST(test_bytes_behind_a_certificate),
        TEST(test_other_key), TEST(test_missing_name), TEST(test_other_issuer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
