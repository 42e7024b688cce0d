#include "gate.h"

#include <stdio.h>

/* A handshake that has lost a field on its way, through a proxy that does not know of upgrades for example, shall hear so:
 * a page with status 200 would hide it. */
static bool asks_websocket(const struct http_request *request)
{
    return http_header_has_token(&request->headers, SPAN("Upgrade"), SPAN("websocket")) ||
           http_header_count(&request->headers, SPAN("Sec-WebSocket-Key")) > 0;
}

/* Crossbar's page, without what it makes of the query: there `redirect` and `after` send the visitor anywhere. */
static void answer_status(struct exchange *exchange)
{
    const struct http_header fields[] = {
        {SPAN("Content-Type"), SPAN("text/html; charset=utf-8")},
        {SPAN("Cache-Control"), SPAN("no-store")},
        {SPAN("X-Content-Type-Options"), SPAN("nosniff")},
    };
    const struct span page =
        SPAN("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>WebSocket</title>"
             "</head>\n<body><h1>WebSocket</h1><p>This address serves WebSocket connections. It "
             "works.</p></body></html>\n");
    exchange_answer(exchange, &(struct http_answer){200, fields, sizeof fields / sizeof *fields}, page);
}

/* As in Crossbar a host without a port is let in: a proxy in front may have cut it off. */
static bool names_port(struct span host, uint16_t port)
{
    const uint8_t *colon = host.len > 0 ? memrchr(host.at, ':', host.len) : NULL;
    const uint8_t *bracket = host.len > 0 ? memrchr(host.at, ']', host.len) : NULL;
    uint64_t named;
    if (!colon || (bracket && colon < bracket))
        return true;
    struct span digits = span_tail(host, (size_t)(colon - host.at) + 1);
    return digits.len == 0 || (span_to_uint(digits, UINT16_MAX, &named) && named == port);
}

/* `text`: what the log shall know besides. */
static enum ending judge(const struct websocket_gate *gate, const struct http_request *request, char text[ORIGIN_TEXT])
{
    struct span key;
    enum ending why = websocket_request_check(request, &key);
    text[0] = '\0';
    if (why != ENDING_DONE)
        return why;
    if (gate->external_port != 0 && !names_port(request->host, gate->external_port)) {
        snprintf(text, ORIGIN_TEXT, "%.*s", SPAN_ARGS(request->host));
        return ENDING_HOST_PORT;
    }
    return origin_check(&gate->origins, &request->headers, text);
}

bool gate_admits(const struct websocket_gate *gate, struct exchange *exchange)
{
    const struct http_request *request = exchange_request(exchange);
    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    char text[ORIGIN_TEXT];
    if (gate->webstatus && reads && !asks_websocket(request)) {
        answer_status(exchange);
        return false;
    }
    enum ending why = judge(gate, request, text);
    if (why == ENDING_METHOD)
        exchange_fail_method(exchange, gate->webstatus ? "GET, HEAD" : "GET");
    else if (why != ENDING_DONE)
        exchange_fail(exchange, why, text[0] ? text : NULL);
    return why == ENDING_DONE;
}
