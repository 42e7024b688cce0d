/* What authorities send, well and badly: RFC 8555's own examples, and what must not be believed. */
#include "complaint.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static const char directory_text[] =
    "{\"newNonce\":\"https://example.com/nonce\",\"newAccount\":\"https://example.com/account\","
    "\"newOrder\":\"https://example.com/order\",\"renewalInfo\":\"https://example.com/info\","
    "\"keyChange\":\"https://example.com/key\","
    "\"meta\":{\"termsOfService\":\"https://example.com/terms\",\"externalAccountRequired\":false}}";

static void test_directory(void **state)
{
    (void)state;
    struct directory directory;
    assert_true(directory_read(&directory, span_string(directory_text)));
    assert_string_equal(directory.new_nonce, "https://example.com/nonce");
    assert_string_equal(directory.renewal_info, "https://example.com/info");
    assert_string_equal(directory.terms, "https://example.com/terms");
    assert_false(directory.wants_binding);
    directory_deinit(&directory);
    assert_null(directory.new_nonce);
    for (size_t length = 0; length < sizeof directory_text - 1; length++)
        assert_false(directory_read(&directory, span_of(directory_text, length)));
}

static void test_directories_that_cannot_be_used(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\"}",
        "{\"newNonce\":\"http://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\"}",
        "{\"newNonce\":\"https://a/n\",\"newAccount\":7,\"newOrder\":\"https://a/o\"}",
        "{\"newNonce\":\"https://a/n\",\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/"
        "a\",\"newOrder\":\"https://"
        "a/o\"}",
    };
    struct directory directory;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(directory_read(&directory, span_string(bad[i])));
}

static void test_bounds(void **state)
{
    (void)state;
    char deep[2 * DOCUMENT_DEPTH + 8] = "{\"a\":";
    for (int i = 0; i < DOCUMENT_DEPTH; i++)
        deep[5 + i] = '[', deep[5 + DOCUMENT_DEPTH + i] = ']';
    deep[5 + 2 * DOCUMENT_DEPTH] = '}';
    assert_null(document_read(span_string(deep)));
    json_t *flat = document_read(SPAN("{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[\"}"));
    assert_non_null(flat);
    json_decref(flat);
    char *long_text = malloc(DOCUMENT_BYTES + 1);
    assert_non_null(long_text);
    memset(long_text, ' ', DOCUMENT_BYTES + 1);
    memcpy(long_text, "{}", 2);
    assert_null(document_read(span_of(long_text, DOCUMENT_BYTES + 1)));
    json_t *longest = document_read(span_of(long_text, DOCUMENT_BYTES));
    assert_non_null(longest);
    json_decref(longest);
    free(long_text);
}

static void test_urls_and_tokens(void **state)
{
    (void)state;
    char long_url[DOCUMENT_URL + 1] = "https://";
    memset(long_url + 8, 'a', DOCUMENT_URL - 8);
    assert_false(document_is_url(long_url));
    long_url[DOCUMENT_URL - 1] = '\0';
    assert_true(document_is_url(long_url));
    assert_true(document_is_url("https://example.com/acme/order?a=b&c=%20"));
    assert_false(document_is_url("http://example.com/"));
    assert_false(document_is_url("file:///etc/passwd"));
    assert_false(document_is_url("https://example.com/a b"));
    assert_false(document_is_url("https://example.com/\r\nX: y"));
    assert_false(document_is_url("https://example.com/\xc3\xa4"));
    assert_true(document_is_token("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"));
    assert_false(document_is_token(""));
    assert_false(document_is_token("../../etc/passwd"));
    assert_false(document_is_token("a+b="));
}

static const char order_text[] =
    "{\"status\":\"valid\",\"expires\":\"2026-01-20T14:09:07.99Z\",\"identifiers\":[{\"type\":\"dns\",\"value\":"
    "\"www.example.org\"},{\"type\":\"dns\",\"value\":\"example.org\"}],\"authorizations\":["
    "\"https://example.com/acme/authz/PAniVnsZcis\",\"https://example.com/acme/authz/r4HqLzrSrpI\"],"
    "\"finalize\":\"https://example.com/acme/order/TOlocE8rfgo/finalize\","
    "\"certificate\":\"https://example.com/acme/cert/jWCdfHVGY2M\"}";

static void test_order(void **state)
{
    (void)state;
    struct order_document order;
    assert_true(order_read(&order, span_string(order_text)));
    assert_int_equal(order.status, DOCUMENT_VALID);
    assert_string_equal(order.certificate, "https://example.com/acme/cert/jWCdfHVGY2M");
    assert_string_equal(order_authorization(&order, 1), "https://example.com/acme/authz/r4HqLzrSrpI");
    assert_null(order_authorization(&order, 2));
    order_deinit(&order);
    static const char *const bad[] = {
        "{\"status\":\"pending\",\"finalize\":\"https://a/f\"}",
        "{\"status\":\"pending\",\"finalize\":\"https://a/f\",\"authorizations\":[]}",
        "{\"status\":\"pending\",\"finalize\":\"https://a/f\",\"authorizations\":[\"https://a/z\",null]}",
        "{\"status\":\"pending\",\"finalize\":\"ftp://a/f\",\"authorizations\":[\"https://a/z\"]}",
        "{\"status\":\"valid\",\"finalize\":\"https://a/f\",\"authorizations\":[\"https://a/z\"]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(order_read(&order, span_string(bad[i])));
    assert_true(order_read(
        &order,
        SPAN("{\"status\":\"\",\"finalize\":\"https://a/f\",\"authorizations\":[\"https://a/z\"],\"error\":7}")));
    assert_int_equal(order.status, DOCUMENT_USELESS);
    order_deinit(&order);
}

static const char authorization_text[] =
    "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"www.example.org\"},\"challenges\":["
    "{\"type\":\"dns-01\",\"url\":\"https://example.com/acme/chall/Rg5dV14Gh1Q\",\"token\":\"evaGxfADs6pSRb2LAv9IZ\"},"
    "{\"type\":\"tls-alpn-01\",\"url\":\"https://example.com/acme/chall/"
    "PCt92wr\",\"token\":\"DGyRejmCefe7v4NfDGDKfA\"},"
    "{\"type\":\"http-01\",\"url\":\"https://example.com/acme/chall/prV_B7yEyA4\",\"token\":\"../../../etc/passwd\"},"
    "{\"type\":\"http-01\"},7]}";

static void test_authorization(void **state)
{
    (void)state;
    struct authorization authorization;
    assert_true(authorization_read(&authorization, span_string(authorization_text)));
    assert_int_equal(authorization.status, DOCUMENT_PENDING);
    assert_string_equal(authorization.name, "www.example.org");
    assert_string_equal(authorization.offers[ACME_TLS_ALPN_01].token, "DGyRejmCefe7v4NfDGDKfA");
    assert_null(authorization.offers[ACME_HTTP_01].url);
    authorization_deinit(&authorization);
    assert_false(authorization_read(&authorization, SPAN("{\"status\":\"valid\"}")));
    assert_false(authorization_read(
        &authorization, SPAN("{\"status\":\"valid\",\"identifier\":{\"type\":\"ip\",\"value\":\"127.0.0.1\"}}")));
}

static void check_complaint(const char *json, const char *type, const char *text)
{
    struct complaint complaint;
    json_t *problem = document_read(span_string(json));
    complaint_read(&complaint, problem);
    assert_string_equal(complaint.type, type);
    assert_string_equal(complaint.text, text);
    json_decref(problem);
}

static void test_complaints(void **state)
{
    (void)state;
    check_complaint(
        "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"Some of the identifiers requested were "
        "rejected\",\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":"
        "\"blocked\",\"identifier\":{\"type\":\"dns\",\"value\":\"_example.org\"}}]}",
        "malformed", "Some of the identifiers requested were rejected; _example.org: blocked (malformed)");
    check_complaint("{\"type\":\"urn:ietf:params:acme:error:rateLimited\"}", "rateLimited",
                    "urn:ietf:params:acme:error:rateLimited");
    check_complaint("{\"type\":\"about:blank\",\"detail\":\"a\\u001b[31mred\\u00e9\\n\"}", "", "a?[31mred???");
    check_complaint("[]", "", "no reason is given");
    check_complaint("{\"type\":7,\"detail\":[],\"subproblems\":{}}", "", "no reason is given");
}

static void test_long_complaint(void **state)
{
    (void)state;
    char json[4096];
    struct complaint complaint;
    snprintf(json, sizeof json, "{\"type\":\"urn:ietf:params:acme:error:%01500d\",\"detail\":\"%02000d\"}", 1, 2);
    json_t *problem = document_read(span_string(json));
    complaint_read(&complaint, problem);
    assert_int_equal(strlen(complaint.type), sizeof complaint.type - 1);
    assert_int_equal(strlen(complaint.text), sizeof complaint.text - 1);
    json_decref(problem);
}

static void test_hopeless(void **state)
{
    (void)state;
    struct complaint complaint = {.type = "rejectedIdentifier"};
    assert_true(complaint_is_hopeless(&complaint));
    complaint = (struct complaint){.type = "rateLimited"};
    assert_false(complaint_is_hopeless(&complaint));
    complaint = (struct complaint){.type = ""};
    assert_false(complaint_is_hopeless(&complaint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory),  cmocka_unit_test(test_directories_that_cannot_be_used),
        cmocka_unit_test(test_bounds),     cmocka_unit_test(test_urls_and_tokens),
        cmocka_unit_test(test_order),      cmocka_unit_test(test_authorization),
        cmocka_unit_test(test_complaints), cmocka_unit_test(test_long_complaint),
        cmocka_unit_test(test_hopeless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
