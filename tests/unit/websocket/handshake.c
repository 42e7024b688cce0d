#include "test.h"

#include "crossgate/websocket.h"

#include <stdio.h>

#define KEY          "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT       "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define KEY_FIELD    ("Sec-WebSocket-Key: " KEY)
#define ACCEPT_FIELD ("Sec-WebSocket-Accept: " ACCEPT)

enum { FIELDS = 10 };

/* "Name: value" lines into headers. */
static struct http_headers headers_of(struct http_header at[FIELDS], const char *const lines[FIELDS])
{
    struct http_headers headers = {.at = at};
    for (size_t i = 0; i < FIELDS && lines[i]; i++) {
        size_t name = strcspn(lines[i], ":");
        at[i] = (struct http_header){span_of(lines[i], name), span_trim(span_string(lines[i] + name + 1))};
        headers.count++;
    }
    return headers;
}

static enum ending check(const char *const lines[FIELDS], struct span *key)
{
    struct http_header at[FIELDS];
    struct http_request request = {.method = HTTP_GET, .headers = headers_of(at, lines)};
    return websocket_request_check(&request, key);
}

#define GOOD "Host: a", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"

static void a_good_request_yields_its_key(void **state)
{
    (void)state;
    struct span key;
    assert_int_equal(check((const char *[FIELDS]){GOOD, KEY_FIELD}, &key), ENDING_DONE);
    assert_true(span_equal(key, SPAN(KEY)));
}

static void tokens_are_found_in_lists_whatever_their_case(void **state)
{
    (void)state;
    struct span key;
    const char *const lines[FIELDS] = {"host: a",
                                       "upgrade: h2c, WebSocket",
                                       "connection: keep-alive",
                                       "connection: x, UPGRADE",
                                       "sec-websocket-version: 13",
                                       ("sec-websocket-key: " KEY)};
    assert_int_equal(check(lines, &key), ENDING_DONE);
}

static void requests_that_ask_no_websocket_are_told_to_upgrade(void **state)
{
    (void)state;
    struct span key;
    const char *const rows[][FIELDS] = {
        {"Host: a"},
        {"Host: a", "Upgrade: websocket"},
        {"Host: a", "Connection: Upgrade"},
        {"Host: a", "Upgrade: h2c", "Connection: Upgrade"},
        {"Host: a", "Upgrade: websockets", "Connection: Upgrade"},
        {"Host: a", "Upgrade: websocket", "Connection: keep-alive"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(check(rows[i], &key), ENDING_UPGRADE_REQUIRED);
}

static void what_is_missing_or_double_is_refused(void **state)
{
    (void)state;
    struct span key;
    const struct {
        enum ending why;
        const char *lines[FIELDS];
    } rows[] = {
#define UP "Upgrade: websocket", "Connection: Upgrade"
        {ENDING_WS_BAD_HANDSHAKE, {UP, "Sec-WebSocket-Version: 13", KEY_FIELD}},
        {ENDING_WS_BAD_HANDSHAKE, {"Host:", UP, "Sec-WebSocket-Version: 13", KEY_FIELD}},
        {ENDING_WS_BAD_HANDSHAKE, {"Host: b", GOOD, KEY_FIELD}},
        {ENDING_WS_BAD_VERSION, {"Host: a", UP, KEY_FIELD}},
        {ENDING_WS_BAD_VERSION, {"Host: a", UP, "Sec-WebSocket-Version: 8", KEY_FIELD}},
        {ENDING_WS_BAD_VERSION, {"Host: a", UP, "Sec-WebSocket-Version: 13, 8", KEY_FIELD}},
        {ENDING_WS_BAD_VERSION, {GOOD, "Sec-WebSocket-Version: 13", KEY_FIELD}},
        {ENDING_WS_BAD_HANDSHAKE, {GOOD}},
        {ENDING_WS_BAD_HANDSHAKE, {GOOD, KEY_FIELD, KEY_FIELD}},
        {ENDING_WS_BAD_HANDSHAKE, {GOOD, "Sec-WebSocket-Key:"}},
        {ENDING_WS_BAD_HANDSHAKE, {GOOD, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="}},
        {ENDING_WS_BAD_HANDSHAKE, {GOOD, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWE="}},
        {ENDING_WS_BAD_HANDSHAKE, {GOOD, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25!ZQ=="}},
        {ENDING_WS_BAD_HANDSHAKE, {GOOD, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ==="}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(check(rows[i].lines, &key), rows[i].why);
}

static void method_version_and_body_are_looked_at(void **state)
{
    (void)state;
    struct http_header at[FIELDS];
    const char *const lines[FIELDS] = {GOOD, KEY_FIELD};
    struct http_request request = {.method = HTTP_POST, .headers = headers_of(at, lines)};
    struct span key;
    assert_int_equal(websocket_request_check(&request, &key), ENDING_METHOD);
    request.method = HTTP_GET;
    request.http_1_0 = true;
    assert_int_equal(websocket_request_check(&request, &key), ENDING_UPGRADE_REQUIRED);
    request.http_1_0 = false;
    request.has_body = true;
    assert_int_equal(websocket_request_check(&request, &key), ENDING_WS_BAD_HANDSHAKE);
    request.has_body = false;
    assert_int_equal(websocket_request_check(&request, &key), ENDING_DONE);
}

/* RFC 6455 section 1.3. */
static void accept_is_that_of_the_rfc(void **state)
{
    (void)state;
    char text[WEBSOCKET_ACCEPT];
    assert_true(websocket_accept(SPAN(KEY), text));
    assert_string_equal(text, ACCEPT);
}

static void keys_are_valid_and_differ(void **state)
{
    (void)state;
    char one[WEBSOCKET_KEY], two[WEBSOCKET_KEY], line[64];
    struct span key;
    assert_true(websocket_key_new(one) && websocket_key_new(two));
    assert_string_not_equal(one, two);
    snprintf(line, sizeof line, "Sec-WebSocket-Key: %s", one);
    assert_int_equal(check((const char *[FIELDS]){GOOD, line}, &key), ENDING_DONE);
}

static bool answers(unsigned status, const char *const lines[FIELDS], const char *offered, struct span *chosen)
{
    struct http_header at[FIELDS];
    struct http_response response = {.status = status, .headers = headers_of(at, lines)};
    return websocket_response_check(&response, SPAN(KEY), span_string(offered), false, chosen);
}

static bool answers_offer_of_extension(const char *const lines[FIELDS])
{
    struct http_header at[FIELDS];
    struct http_response response = {.status = 101, .headers = headers_of(at, lines)};
    struct span chosen;
    return websocket_response_check(&response, SPAN(KEY), SPAN(""), true, &chosen);
}

#define YES "Upgrade: WebSocket", "Connection: upgrade", ACCEPT_FIELD

static void a_good_answer_is_taken(void **state)
{
    (void)state;
    struct span chosen;
    assert_true(answers(101, (const char *[FIELDS]){YES}, "", &chosen));
    assert_int_equal(chosen.len, 0);
    assert_true(answers(101, (const char *[FIELDS]){YES}, "wamp.2.json", &chosen));
    assert_int_equal(chosen.len, 0);
    const char *const lines[FIELDS] = {YES, "Sec-WebSocket-Protocol: wamp.2.cbor"};
    assert_true(answers(101, lines, "wamp.2.json, wamp.2.cbor", &chosen));
    assert_true(span_equal(chosen, SPAN("wamp.2.cbor")));
    assert_true(
        answers_offer_of_extension((const char *[FIELDS]){YES, "Sec-WebSocket-Extensions: permessage-deflate"}));
    assert_true(answers_offer_of_extension((const char *[FIELDS]){YES}));
}

static void other_answers_are_refused(void **state)
{
    (void)state;
    struct span chosen;
    const char *const offered = "wamp.2.json, wamp.2.cbor";
    const char *const rows[][FIELDS] = {
        {"Connection: upgrade", ACCEPT_FIELD},
        {"Upgrade: WebSocket", ACCEPT_FIELD},
        {"Upgrade: WebSocket", "Connection: upgrade"},
        {"Upgrade: WebSocket", "Connection: upgrade", ("Sec-WebSocket-Accept: " KEY)},
        {YES, "Upgrade: websocket"},
        {YES, ACCEPT_FIELD},
        {YES, "Sec-WebSocket-Extensions: permessage-deflate"},
        {YES, "Sec-WebSocket-Protocol: wamp.2.msgpack"},
        {YES, "Sec-WebSocket-Protocol: WAMP.2.JSON"},
        {YES, "Sec-WebSocket-Protocol:"},
        {YES, "Sec-WebSocket-Protocol: wamp.2.json, wamp.2.cbor"},
        {YES, "Sec-WebSocket-Protocol: wamp.2.json", "Sec-WebSocket-Protocol: wamp.2.cbor"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(answers(101, rows[i], offered, &chosen));
    assert_false(answers(200, (const char *[FIELDS]){YES}, offered, &chosen));
    assert_false(answers(101, (const char *[FIELDS]){YES, "Sec-WebSocket-Protocol: x"}, "", &chosen));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_request_yields_its_key),
        cmocka_unit_test(tokens_are_found_in_lists_whatever_their_case),
        cmocka_unit_test(requests_that_ask_no_websocket_are_told_to_upgrade),
        cmocka_unit_test(what_is_missing_or_double_is_refused),
        cmocka_unit_test(method_version_and_body_are_looked_at),
        cmocka_unit_test(accept_is_that_of_the_rfc),
        cmocka_unit_test(keys_are_valid_and_differ),
        cmocka_unit_test(a_good_answer_is_taken),
        cmocka_unit_test(other_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
