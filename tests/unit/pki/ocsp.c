/* OCSP requests, and responses that are believed or not. */
#include "test.h"

#include "answer.h"

#include <time.h>

struct world {
    struct arena *arena;
    EVP_PKEY *key, *other_key;
    X509 *issuer, *leaf, *sibling;
    struct span issuer_der, leaf_der;
    struct answer answer; /* a good one */
};

static int setup(void **state)
{
    struct arena *arena = arena_new();
    struct world *world = arena_alloc(arena, sizeof *world);
    world->arena = arena;
    world->key = forge_keep(arena, EVP_EC_gen("P-256"));
    world->other_key = forge_keep(arena, EVP_EC_gen("P-256"));
    struct forge authority = {.subject = "root", .key = world->other_key, .authority = true};
    authority.issuer = forge_certificate(arena, &authority);
    authority.issuer_key = world->other_key;
    authority.subject = "CA";
    authority.key = world->key;
    world->issuer = forge_certificate(arena, &authority); /* no root, like most who issue */
    struct forge leaf = {.subject = "leaf", .key = world->other_key, .issuer = world->issuer, .issuer_key = world->key};
    world->leaf = forge_certificate(arena, &leaf);
    world->sibling = forge_certificate(arena, &leaf);
    world->issuer_der = answer_certificate(arena, world->issuer);
    world->leaf_der = answer_certificate(arena, world->leaf);
    world->answer = (struct answer){.leaf = world->leaf,
                                    .issuer = world->issuer,
                                    .signer = world->issuer,
                                    .key = world->key,
                                    .begins = -3600,
                                    .ends = 3600};
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    arena_free(world->arena);
    return 0;
}

static void assert_read(const struct world *world, struct span response, struct pki_ocsp *facts)
{
    struct error error = {0};
    if (!pki_ocsp_read(response, world->leaf_der, world->issuer_der, facts, &error))
        fail_msg("%s", error.text);
}

static void assert_refused(const struct world *world, struct span response, const char *why)
{
    struct pki_ocsp facts;
    struct error error = {0};
    assert_false(pki_ocsp_read(response, world->leaf_der, world->issuer_der, &facts, &error));
    if (!strstr(error.text, why))
        fail_msg("%s", error.text);
}

static void assert_near(int64_t when, int64_t expected)
{
    assert_true(when > expected - 60 && when < expected + 60);
}

static void response_of_the_issuer_is_read(void **state)
{
    struct world *world = *state;
    int64_t now = (int64_t)time(NULL);
    struct pki_ocsp facts;
    assert_read(world, answer_make(world->arena, &world->answer), &facts);
    assert_int_equal(facts.status, PKI_OCSP_GOOD);
    assert_near(facts.begins, now - 3600);
    assert_near(facts.ends, now + 3600);
    world->answer.status = V_OCSP_CERTSTATUS_REVOKED;
    assert_read(world, answer_make(world->arena, &world->answer), &facts);
    assert_int_equal(facts.status, PKI_OCSP_REVOKED);
    assert_near(facts.revoked, now - 3600);
    world->answer.status = V_OCSP_CERTSTATUS_UNKNOWN;
    assert_read(world, answer_make(world->arena, &world->answer), &facts);
    assert_int_equal(facts.status, PKI_OCSP_UNKNOWN);
}

static void response_without_an_end_is_news_for_a_day(void **state)
{
    struct world *world = *state;
    struct pki_ocsp facts;
    world->answer.ends = 0;
    assert_read(world, answer_make(world->arena, &world->answer), &facts);
    assert_true(facts.ends == facts.begins + 86400);
}

static void response_may_have_ended_but_not_begin_in_the_future(void **state)
{
    struct world *world = *state;
    struct pki_ocsp facts;
    world->answer.ends = -1800;
    assert_read(world, answer_make(world->arena, &world->answer), &facts);
    assert_near(facts.ends, (int64_t)time(NULL) - 1800);
    world->answer.ends = -7200;
    assert_refused(world, answer_make(world->arena, &world->answer), "ends before it begins");
    world->answer.begins = 1000;
    world->answer.ends = 7200;
    assert_refused(world, answer_make(world->arena, &world->answer), "begins in the future");
}

static void ours_is_found_among_others_by_any_digest(void **state)
{
    struct world *world = *state;
    struct pki_ocsp facts;
    world->answer.before = world->sibling;
    assert_read(world, answer_make(world->arena, &world->answer), &facts);
    world->answer.digest = EVP_sha256();
    assert_read(world, answer_make(world->arena, &world->answer), &facts);
}

static void response_for_another_certificate_is_refused(void **state)
{
    struct world *world = *state;
    struct answer answer = world->answer;
    answer.leaf = world->sibling;
    assert_refused(world, answer_make(world->arena, &answer), "about another certificate");
    answer = world->answer;
    answer.issuer = forge_certificate(
        world->arena, &(struct forge){.subject = "CA", .key = world->other_key, .authority = true}); /* same name */
    assert_refused(world, answer_make(world->arena, &answer), "about another certificate");
}

static struct span signed_by(const struct world *world, const struct forge *signer)
{
    struct answer answer = world->answer;
    answer.signer = forge_certificate(world->arena, signer);
    answer.key = signer->key;
    answer.encloses = true;
    return answer_make(world->arena, &answer);
}

static void delegate_must_be_made_one_by_the_issuer(void **state)
{
    struct world *world = *state;
    struct pki_ocsp facts;
    struct forge signer = {.subject = "delegate",
                           .key = world->other_key,
                           .issuer = world->issuer,
                           .issuer_key = world->key,
                           .use = "OCSPSigning"};
    assert_read(world, signed_by(world, &signer), &facts);
    signer.ends = -60;
    assert_refused(world, signed_by(world, &signer), "not signed by");
    signer.ends = 0;
    signer.use = "serverAuth";
    assert_refused(world, signed_by(world, &signer), "not signed by");
    signer.use = NULL;
    assert_refused(world, signed_by(world, &signer), "not signed by");
}

static void strangers_may_not_sign(void **state)
{
    struct world *world = *state;
    struct forge stranger = {.subject = "CA", .key = world->other_key, .use = "OCSPSigning", .authority = true};
    assert_refused(world, signed_by(world, &stranger), "not signed by");
    stranger.issuer = forge_certificate(world->arena, &stranger);
    stranger.issuer_key = world->other_key;
    stranger.subject = "delegate";
    stranger.authority = false;
    assert_refused(world, signed_by(world, &stranger), "not signed by");
    struct answer answer = world->answer;
    answer.signer = world->leaf; /* for itself */
    answer.key = world->other_key;
    answer.encloses = true;
    assert_refused(world, answer_make(world->arena, &answer), "not signed by");
}

static void without_the_issuer_the_names_must_fit(void **state)
{
    struct world *world = *state;
    struct pki_ocsp facts;
    struct error error = {0};
    struct answer answer = world->answer;
    assert_true(pki_ocsp_read(answer_make(world->arena, &answer), world->leaf_der, (struct span){0}, &facts, &error));
    answer.leaf = world->sibling;
    assert_false(pki_ocsp_read(answer_make(world->arena, &answer), world->leaf_der, (struct span){0}, &facts, &error));
    struct forge other = {.subject = "another CA", .key = world->key, .authority = true};
    other.issuer = forge_certificate(world->arena, &other);
    other.issuer_key = world->key;
    answer.leaf = forge_certificate(world->arena, &other);
    X509_set_serialNumber(answer.leaf, X509_get_serialNumber(world->leaf));
    assert_false(pki_ocsp_read(answer_make(world->arena, &answer), world->leaf_der, (struct span){0}, &facts, &error));
}

static void refusal_of_the_responder_is_told(void **state)
{
    struct world *world = *state;
    OCSP_RESPONSE *refusal = OCSP_response_create(OCSP_RESPONSE_STATUS_UNAUTHORIZED, NULL);
    assert_refused(world, answer_der(world->arena, refusal), "refuses to answer: unauthorized");
}

static void damage_is_never_believed(void **state)
{
    struct world *world = *state;
    struct pki_ocsp good, facts;
    struct span response = answer_make(world->arena, &world->answer);
    assert_read(world, response, &good);
    char *copy = arena_copy(world->arena, span_of(response.at, response.len));
    for (size_t length = 0; length < response.len; length++)
        assert_refused(world, span_of(copy, length), "it is no OCSP response");
    for (size_t bit = 0; bit < 8 * response.len; bit++) {
        struct error error = {0};
        copy[bit / 8] ^= (char)(1 << bit % 8);
        if (pki_ocsp_read(span_of(copy, response.len), world->leaf_der, world->issuer_der, &facts, &error))
            assert_memory_equal(&facts, &good, sizeof good); /* something that is not signed */
        copy[bit / 8] ^= (char)(1 << bit % 8);
    }
    char *longer = arena_alloc(world->arena, response.len + 1);
    memcpy(longer, response.at, response.len);
    assert_refused(world, span_of(longer, response.len + 1), "it is no OCSP response");
    char *largest = arena_alloc(world->arena, PKI_OCSP_RESPONSE_MAX + 1);
    assert_refused(world, span_of(largest, PKI_OCSP_RESPONSE_MAX + 1), "it is no OCSP response");
    assert_false(pki_ocsp_read(response, SPAN("rubbish"), world->issuer_der, &facts, &(struct error){0}));
    assert_false(pki_ocsp_read(response, world->leaf_der, SPAN("rubbish"), &facts, &(struct error){0}));
}

static void request_names_the_certificate(void **state)
{
    struct world *world = *state;
    uint8_t request[PKI_OCSP_REQUEST_MAX];
    const unsigned char *at = request;
    size_t length = 0;
    struct error error = {0};
    assert_true(pki_ocsp_request(world->leaf_der, world->issuer_der, request, &length, &error));
    OCSP_REQUEST *read = d2i_OCSP_REQUEST(NULL, &at, (long)length);
    assert_int_equal(OCSP_request_onereq_count(read), 1);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), world->leaf, world->issuer);
    assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(read, 0)), id), 0);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(read);
    assert_false(pki_ocsp_request(world->leaf_der, (struct span){0}, request, &length, &error));
}

static void request_becomes_a_url_if_it_is_short(void **state)
{
    char url[PKI_OCSP_GET], base[PKI_OCSP_URL];
    const uint8_t request[] = {0xfb, 0xef, 0xff, 0x00};
    (void)state;
    assert_true(pki_ocsp_get_url("http://a", span_of(request, 4), url));
    assert_string_equal(url, "http://a/%2B%2B%2F%2FAA%3D%3D");
    assert_true(pki_ocsp_get_url("http://a/b/", span_of(request, 3), url));
    assert_string_equal(url, "http://a/b/%2B%2B%2F%2F");
    for (size_t length = 0; length < sizeof base; length++) {
        memset(base, 'x', length);
        base[length] = '\0';
        assert_true(pki_ocsp_get_url(base, SPAN("\0\0\0"), url) == (length <= 250));
        if (length <= 250)
            assert_int_equal(strlen(url), length + 5);
    }
}

static X509 *extended(const struct world *world, const char *access, int nid, const char *more)
{
    X509 *leaf = forge_certificate(
        world->arena, &(struct forge){.subject = "leaf", .key = world->key, .names = "DNS:a", .access = access});
    forge_extend(leaf, NULL, nid, more);
    assert_true(X509_sign(leaf, world->key, EVP_sha256()) > 0);
    return leaf;
}

static void wishes_of_a_certificate_are_seen(void **state)
{
    struct world *world = *state;
    struct pki_ocsp_wish wish;
    pki_ocsp_look(world->leaf_der, &wish);
    assert_false(wish.must_staple);
    assert_int_equal(wish.url_count, 0);
    X509 *leaf =
        extended(world,
                 "OCSP;URI:ldap://a,caIssuers;URI:http://b,OCSP;URI:http://c/d,OCSP;URI:http://e f,OCSP;email:g@h,"
                 "OCSP;URI:https://i",
                 NID_tlsfeature, "status_request");
    pki_ocsp_look(answer_certificate(world->arena, leaf), &wish);
    assert_true(wish.must_staple);
    assert_int_equal(wish.url_count, 2);
    assert_string_equal(wish.urls[0], "http://c/d");
    assert_string_equal(wish.urls[1], "https://i");
    leaf = extended(world, "OCSP;URI:http://1,OCSP;URI:http://2,OCSP;URI:http://3,OCSP;URI:http://4,OCSP;URI:http://5",
                    NID_tlsfeature, "status_request_v2");
    pki_ocsp_look(answer_certificate(world->arena, leaf), &wish);
    assert_false(wish.must_staple);
    assert_int_equal(wish.url_count, PKI_OCSP_URLS);
    pki_ocsp_look(SPAN("rubbish"), &wish);
    assert_int_equal(wish.url_count, 0);
}

static void issuer_is_found_in_files_by_its_signature(void **state)
{
    struct world *world = *state;
    X509 *namesake =
        forge_certificate(world->arena, &(struct forge){.subject = "CA", .key = world->other_key, .authority = true});
    struct pki_file files[] = {{0},
                               forge_text(world->arena, "text", "no PEM"),
                               forge_key(world->arena, "key", world->key),
                               forge_chain(world->arena, "chain", world->leaf, namesake, world->issuer)};
    struct span found = pki_find_issuer(world->leaf_der, files, 4, world->arena);
    assert_true(span_equal(found, world->issuer_der));
    assert_int_equal(pki_find_issuer(world->leaf_der, files, 3, world->arena).len, 0);
    assert_int_equal(pki_find_issuer(SPAN("rubbish"), files, 4, world->arena).len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(response_of_the_issuer_is_read),
        TEST(response_without_an_end_is_news_for_a_day),
        TEST(response_may_have_ended_but_not_begin_in_the_future),
        TEST(ours_is_found_among_others_by_any_digest),
        TEST(response_for_another_certificate_is_refused),
        TEST(delegate_must_be_made_one_by_the_issuer),
        TEST(strangers_may_not_sign),
        TEST(without_the_issuer_the_names_must_fit),
        TEST(refusal_of_the_responder_is_told),
        TEST(damage_is_never_believed),
        TEST(request_names_the_certificate),
        TEST(request_becomes_a_url_if_it_is_short),
        TEST(wishes_of_a_certificate_are_seen),
        TEST(issuer_is_found_in_files_by_its_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
