#include "test.h"

#include "request.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIELDS = 28 };

struct visit {
    struct http_header at[FIELDS];
    struct http_request request;
    struct backend backend;
    struct peer peer;
    struct backend_visitor visitor;
    struct handshake_request built;
};

/* The raw path has no escape unless `path` says what it means. */
static void visit(struct visit *v, const char *target, const char *path, size_t tail, const char *const fields[FIELDS])
{
    size_t raw = strcspn(target, "?");
    v->request = (struct http_request){
        .method = HTTP_GET,
        .target = span_string(target),
        .raw_path = span_of(target, raw),
        .path = path ? span_string(path) : span_of(target, raw),
        .query = target[raw] ? span_string(target + raw + 1) : span_of(NULL, 0),
        .host = SPAN("node.example:8443"),
        .headers = {.at = v->at},
    };
    for (size_t i = 0; i < FIELDS && fields[i]; i++) {
        size_t name = strcspn(fields[i], ":");
        v->at[i] = (struct http_header){span_of(fields[i], name), span_trim(span_string(fields[i] + name + 1))};
        v->request.headers.count++;
    }
    v->peer = (struct peer){.family = PEER_IPV4, .port = 5, .ip = {192, 0, 2, 7}};
    v->visitor = (struct backend_visitor){
        .request = &v->request,
        .tail = span_tail(v->request.path, v->request.path.len - tail),
        .peer = &v->peer,
        .secure = true,
        .port = 443,
    };
}

static void build(struct visit *v)
{
    assert_true(handshake_request_init(&v->built, &v->backend, &v->visitor, "KEY"));
    assert_int_equal(strlen(v->built.text), v->built.length);
}

static bool has(const struct visit *v, const char *text)
{
    return strstr(v->built.text, text) != NULL;
}

#define NONE ((const char *const[FIELDS]){NULL})

static void the_whole_request_is_as_expected(void **state)
{
    (void)state;
    struct visit v = {0};
    const char *const fields[FIELDS] = {
        "Host: node.example:8443",
        "User-Agent: x",
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Origin: https://app.example",
        "Cookie: a=1; b=2",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: wamp.2.cbor, wamp.2.json",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Authorization: Bearer t",
    };
    visit(&v, "/ws?x=1", NULL, 0, fields);
    build(&v);
    assert_string_equal(v.built.text, "GET /ws?x=1 HTTP/1.1\r\n"
                                      "Host: node.example:8443\r\n"
                                      "Connection: Upgrade\r\n"
                                      "Upgrade: websocket\r\n"
                                      "Sec-WebSocket-Version: 13\r\n"
                                      "Sec-WebSocket-Key: KEY\r\n"
                                      "Sec-WebSocket-Protocol: wamp.2.cbor, wamp.2.json\r\n"
                                      "User-Agent: x\r\n"
                                      "Origin: https://app.example\r\n"
                                      "Cookie: a=1; b=2\r\n"
                                      "Authorization: Bearer t\r\n"
                                      "X-Forwarded-For: 192.0.2.7\r\n"
                                      "X-Forwarded-Proto: https\r\n"
                                      "X-Forwarded-Host: node.example:8443\r\n"
                                      "X-Forwarded-Port: 443\r\n\r\n");
    assert_true(span_equal(v.built.offered, SPAN("wamp.2.cbor, wamp.2.json")));
    handshake_request_deinit(&v.built);
}

static void what_is_of_one_hop_or_forged_stays_here(void **state)
{
    (void)state;
    struct visit v = {0};
    const char *const fields[FIELDS] = {
        "connection: Upgrade, X-Hop",
        "X-Hop: EVIL",
        "Keep-Alive: EVIL",
        "TE: EVIL",
        "Trailer: EVIL",
        "Transfer-Encoding: EVIL",
        "Proxy-Authorization: EVIL",
        "proxy-connection: EVIL",
        "Content-Length: EVIL",
        "Expect: EVIL",
        "X-Forwarded-For: EVIL",
        "x-forwarded-proto: EVIL",
        "X-Forwarded-Port: EVIL",
        "X-Forwarded-Host: EVIL",
        "X-Forwarded-Prefix: EVIL",
        "X-Real-IP: EVIL",
        "Forwarded: EVIL",
        "Sec-WebSocket-Accept: EVIL",
        "Sec-WebSocket-Extensions: EVIL",
        "HTTP2-Settings: EVIL",
        "X_Forwarded_For: EVIL",
        "x-real_ip: EVIL",
        "X.Forwarded~For: EVIL",
        "Proxy: EVIL",
        "X-Custom: good",
    };
    struct request_text request;
    visit(&v, "/", NULL, 0, fields);
    build(&v);
    assert_false(has(&v, "EVIL"));
    assert_true(has(&v, "\r\nX-Custom: good\r\n"));
    handshake_request_deinit(&v.built);
    assert_true(request_text_init(&request, &v.backend, &v.visitor, 0));
    assert_null(strstr(request.text, "EVIL"));
    assert_non_null(strstr(request.text, "\r\nX-Custom: good\r\n"));
    request_text_deinit(&request);
}

static void nothing_a_visitor_sends_ends_a_line(void **state)
{
    (void)state;
    struct visit v = {0};
    const char *const fields[FIELDS] = {
        "X-A: a\r\nX-Evil: 1",
        "X-B\r\nX-Evil: 1",
        "X-C: a\nX-Evil: 1",
        "Sec-WebSocket-Protocol: a\r\nX-Evil: 1",
    };
    visit(&v, "/a b\r\nX-Evil: 1?c\nd", NULL, 0, fields);
    build(&v);
    assert_false(has(&v, "\nX-Evil"));
    assert_true(has(&v, "GET /a%20b%0D%0AX-Evil:%201?c%0Ad HTTP/1.1\r\n"));
    assert_int_equal(v.built.offered.len, 0);
    handshake_request_deinit(&v.built);
}

static void several_offers_become_one_list(void **state)
{
    (void)state;
    struct visit v = {0};
    const char *const fields[FIELDS] = {"Sec-WebSocket-Protocol: a", "X: y",
                                        "sec-websocket-protocol:", "Sec-WebSocket-Protocol: b,c"};
    visit(&v, "/", NULL, 0, fields);
    build(&v);
    assert_true(has(&v, "\r\nSec-WebSocket-Protocol: a, b,c\r\n"));
    assert_true(span_equal(v.built.offered, SPAN("a, b,c")));
    handshake_request_deinit(&v.built);
}

static void targets_follow_the_backends_path(void **state)
{
    (void)state;
    const struct {
        const char *base, *target, *path;
        size_t tail;
        const char *expected;
    } rows[] = {
        {NULL, "/ws/x?q=1", NULL, 2, "GET /ws/x?q=1 HTTP"},
        {NULL, "/%77s", "/ws", 0, "GET /%77s HTTP"},
        {"/node", "/ws", NULL, 0, "GET /node HTTP"},
        {"/node", "/ws?q=1", NULL, 0, "GET /node?q=1 HTTP"},
        {"/node", "/ws/a/b?q=%20", NULL, 4, "GET /node/a/b?q=%20 HTTP"},
        {"/node/", "/ws/a", NULL, 2, "GET /node/a HTTP"},
        {"/node/", "/ws", NULL, 0, "GET /node/ HTTP"},
        {"/node", "/%77s/a%20b", "/ws/a b", 4, "GET /node/a%20b HTTP"},
        {"/node", "/ws/%C3%A9%3F?q", "/ws/\xC3\xA9?", 4, "GET /node/%C3%A9%3F?q HTTP"},
        {"/node", "/", NULL, 1, "GET /node/ HTTP"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct visit v = {.backend = {.path = rows[i].base}};
        visit(&v, rows[i].target, rows[i].path, rows[i].tail, NONE);
        build(&v);
        if (strncmp(v.built.text, rows[i].expected, strlen(rows[i].expected)) != 0)
            fail_msg("row %zu: %.60s", i, v.built.text);
        handshake_request_deinit(&v.built);
    }
}

static void a_unix_visitor_has_no_address(void **state)
{
    (void)state;
    struct visit v = {0};
    visit(&v, "/", NULL, 0, NONE);
    v.peer.family = PEER_UNIX;
    v.visitor.port = 0;
    v.visitor.secure = false;
    build(&v);
    assert_false(has(&v, "X-Forwarded-For"));
    assert_false(has(&v, "X-Forwarded-Port"));
    assert_true(has(&v, "X-Forwarded-Proto: http\r\n"));
    handshake_request_deinit(&v.built);
}

static void an_ordinary_request_is_as_expected(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *framing;
    } rows[] = {{0, ""}, {7, "Content-Length: 7\r\n"}, {HTTP_LENGTH_UNKNOWN, "Transfer-Encoding: chunked\r\n"}};
    const char *const fields[FIELDS] = {"Host: node.example:8443", "Accept: */*", "Connection: keep-alive"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct visit v = {.backend = {.path = "/v1",
                                      .host = "node:8080",
                                      .forwarded_port = i == 1 ? 80 : 0,
                                      .forwarded_proto = i == 1 ? "http" : NULL}};
        struct request_text request;
        char expected[512];
        visit(&v, "/api/x?q", NULL, 2, fields);
        v.request.method_name = SPAN("PUT");
        assert_true(request_text_init(&request, &v.backend, &v.visitor, rows[i].length));
        snprintf(expected, sizeof expected,
                 "PUT /v1/x?q HTTP/1.1\r\nHost: node:8080\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.7\r\n"
                 "X-Forwarded-Proto: %s\r\nX-Forwarded-Host: node.example:8443\r\nX-Forwarded-Port: %s\r\n"
                 "X-Real-IP: 192.0.2.7\r\n%s\r\n",
                 i == 1 ? "http" : "https", i == 1 ? "80" : "443", rows[i].framing);
        assert_string_equal(request.text, expected);
        assert_int_equal(request.length, strlen(expected));
        request_text_deinit(&request);
    }
}

static void who_says_that_there_is_no_body_is_heard(void **state)
{
    (void)state;
    struct visit v = {0};
    struct request_text request;
    visit(&v, "/", NULL, 0, (const char *const[FIELDS]){"Content-Length: 0"});
    v.request.method_name = SPAN("POST");
    assert_true(request_text_init(&request, &v.backend, &v.visitor, 0));
    assert_non_null(strstr(request.text, "\r\nContent-Length: 0\r\n"));
    request_text_deinit(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_request_is_as_expected),
        cmocka_unit_test(what_is_of_one_hop_or_forged_stays_here),
        cmocka_unit_test(nothing_a_visitor_sends_ends_a_line),
        cmocka_unit_test(several_offers_become_one_list),
        cmocka_unit_test(targets_follow_the_backends_path),
        cmocka_unit_test(a_unix_visitor_has_no_address),
        cmocka_unit_test(an_ordinary_request_is_as_expected),
        cmocka_unit_test(who_says_that_there_is_no_body_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
