#include "request.h"

#include "crossgate/base/text.h"

#include <stdlib.h>

/* Of this hop only (RFC 9110 section 7.6.1), or said by ourselves. A name that ends with "-" stands for all that begin with
 * it: nothing that a visitor says about his own forwarding is passed on as truth. "Proxy" would become HTTP_PROXY, which CGI
 * scripts take for their own setting (CVE-2016-5385). */
static const struct span fields_not_passed[] = {
    SPAN_ROW("host"),
    SPAN_ROW("connection"),
    SPAN_ROW("keep-alive"),
    SPAN_ROW("upgrade"),
    SPAN_ROW("te"),
    SPAN_ROW("trailer"),
    SPAN_ROW("proxy-"),
    SPAN_ROW("forwarded"),
    SPAN_ROW("x-forwarded-"),
    SPAN_ROW("x-real-ip"),
    SPAN_ROW("expect"),
    SPAN_ROW("sec-websocket-"),
    SPAN_ROW("http2-settings"),
    SPAN_ROW("transfer-encoding"),
    SPAN_ROW("content-length"),
    SPAN_ROW("proxy"),
    SPAN_ROW("x-tls-"),
    SPAN_ROW("x-ssl-"),
    SPAN_ROW("client-cert"),
    SPAN_ROW("client-cert-"),
};

/* Base64 is written in steps that need no fill characters between them. */
enum { BASE64_STEP = 48, BASE64_STEP_TEXT = BASE64_STEP / 3 * 4 + 1 };

/* Case is ignored, and "X_Real_IP" is "X-Real-IP": CGI and WSGI make HTTP_X_REAL_IP of both, and some servers of "X.Real~IP",
 * too. */
static uint8_t folded(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c | 0x20;
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
}

static bool is_alike(struct span name, struct span row)
{
    for (size_t i = 0; i < name.len && name.len == row.len; i++) {
        if (folded(name.at[i]) != row.at[i])
            return false;
    }
    return name.len == row.len;
}

static bool is_not_passed(struct span name)
{
    for (size_t i = 0; i < sizeof fields_not_passed / sizeof *fields_not_passed; i++) {
        struct span row = fields_not_passed[i];
        bool prefix = row.at[row.len - 1] == '-';
        if (is_alike(prefix ? span_head(name, row.len) : name, row))
            return true;
    }
    return false;
}

/* The parser lets no other value through. Should it ever, it ends here and not in the backend's parser. */
static void put_field(struct text *out, struct span name, struct span value)
{
    if (http_value_is_valid(value))
        text_put_field(out, name, value);
}

static void put_number(struct text *out, struct span name, uint64_t number)
{
    char digits[SPAN_DIGITS];
    text_put_field(out, name, span_print_uint(number, digits));
}

/* Extensions are of this hop (RFC 6455 section 9.1): ours are offered, not the visitor's. */
static void put_extensions(struct text *out, const struct websocket_deflate_settings *deflate)
{
    char offer[WEBSOCKET_DEFLATE_TEXT];
    if (!deflate)
        return;
    websocket_deflate_offer(deflate, offer);
    put_field(out, SPAN("Sec-WebSocket-Extensions"), span_string(offer));
}

static void put_visitors_fields(struct text *out, const struct http_headers *headers)
{
    bool named[HTTP_FIELDS_MAX];
    http_headers_named_by_connection(headers, named);
    for (size_t i = 0; i < headers->count; i++) {
        struct span name = headers->at[i].name, value = headers->at[i].value;
        bool this_hop = named[i] || is_not_passed(name);
        if (!this_hop && http_value_is_valid(name))
            put_field(out, name, value);
    }
}

/* All offers in one field, which means the same (RFC 6455 section 11.3.4) and can be looked up as one list. */
static void put_subprotocols(struct text *out, const struct http_headers *headers, size_t *start, size_t *end)
{
    *start = *end = 0;
    for (size_t i = 0; i < headers->count; i++) {
        struct span value = span_trim(headers->at[i].value);
        if (!span_equal_nocase(headers->at[i].name, SPAN("Sec-WebSocket-Protocol")) || value.len == 0 ||
            !http_value_is_valid(value))
            continue;
        text_put(out, *start == 0 ? SPAN("Sec-WebSocket-Protocol: ") : SPAN(", "));
        if (*start == 0)
            *start = out->length;
        text_put(out, value);
        *end = out->length;
    }
    if (*start != 0)
        text_put(out, SPAN("\r\n"));
}

/* A byte sequence of RFC 8941 section 3.3.5. */
static void put_bytes(struct text *out, struct span bytes)
{
    text_put(out, SPAN(":"));
    while (bytes.len > 0) {
        char text[BASE64_STEP_TEXT];
        struct span step = span_head(bytes, BASE64_STEP);
        tls_base64(step, text);
        text_put_string(out, text);
        bytes = span_tail(bytes, step.len);
    }
    text_put(out, SPAN(":"));
}

/* RFC 9440 has the certificate as it is; the rest is what people match, as Crossbar's auth.tls does with the SHA-1. */
static void put_certificate(struct text *out, const struct tls_facts *tls)
{
    text_put(out, SPAN("Client-Cert: "));
    put_bytes(out, tls->certificate);
    text_put(out, SPAN("\r\n"));
    put_field(out, SPAN("X-TLS-Client-Verify"), SPAN("SUCCESS"));
    put_field(out, SPAN("X-TLS-Client-Subject"), tls->subject);
    put_field(out, SPAN("X-TLS-Client-Serial"), tls->serial);
    put_field(out, SPAN("X-TLS-Client-SHA1"), tls->sha1);
    put_field(out, SPAN("X-TLS-Client-SHA256"), tls->sha256);
}

/* RFC 9266: what both ends of the visitor's connection know, and nobody between. */
static void put_channel_binding(struct text *out, struct span exporter)
{
    text_put(out, SPAN("X-TLS-Exporter: "));
    put_bytes(out, exporter);
    text_put(out, SPAN("\r\n"));
}

static void put_host(struct text *out, const struct backend *backend, const struct backend_visitor *visitor)
{
    put_field(out, SPAN("Host"), backend->host ? span_string(backend->host) : visitor->request->host);
}

static void put_forwarded(struct text *out, const struct backend *backend, const struct backend_visitor *visitor)
{
    const char *proto = backend->forwarded_proto ? backend->forwarded_proto : visitor->secure ? "https" : "http";
    unsigned port = backend->forwarded_port ? backend->forwarded_port : visitor->port;

    if (visitor->peer->family != PEER_UNIX) {
        char host[PEER_TEXT];
        peer_print_host(visitor->peer, host);
        put_field(out, SPAN("X-Forwarded-For"), span_string(host));
    }
    put_field(out, SPAN("X-Forwarded-Proto"), span_string(proto));
    if (!visitor->serializer) /* RawSocket visitors name no host */
        put_field(out, SPAN("X-Forwarded-Host"), visitor->request->host);
    if (port != 0)
        put_number(out, SPAN("X-Forwarded-Port"), port);
    if (visitor->facts && visitor->facts->tls.has_certificate)
        put_certificate(out, &visitor->facts->tls);
    else if (visitor->facts && visitor->facts->tls.asks_certificate)
        put_field(out, SPAN("X-TLS-Client-Verify"), SPAN("NONE")); /* as nginx has it in $ssl_client_verify */
    if (visitor->facts && visitor->facts->tls.exporter.len > 0)
        put_channel_binding(out, visitor->facts->tls.exporter);
}

/* ---- target */

static bool is_visible(uint8_t c)
{
    return c > ' ' && c < 0x7F;
}

static size_t visible_run(struct span text)
{
    size_t n = 0;
    while (n < text.len && is_visible(text.at[n]))
        n++;
    return n;
}

/* What the parser let through is visible; should it ever not be, it shall not end the request line. */
static void put_visible(struct text *out, struct span text)
{
    static const char digits[] = "0123456789ABCDEF";
    while (text.len > 0) {
        struct span run = span_head(text, visible_run(text));
        text_put(out, run);
        text = span_tail(text, run.len);
        if (text.len == 0)
            return;
        const char escape[] = {'%', digits[text.at[0] >> 4], digits[text.at[0] & 15]};
        text_put(out, span_of(escape, sizeof escape));
        text = span_tail(text, 1);
    }
}

/* The end of the path as sent that means the tail: the decoded path has one byte for each character or escape of it. */
static struct span raw_tail(const struct http_request *request, size_t tail_length)
{
    struct span raw = request->raw_path;
    for (size_t i = tail_length; i < request->path.len; i++)
        raw = span_tail(raw, raw.len > 0 && raw.at[0] == '%' ? 3 : 1);
    return raw;
}

static void put_target(struct text *out, const char *base, const struct backend_visitor *visitor)
{
    if (!base) {
        put_visible(out, visitor->request->target);
        return;
    }
    struct span path = span_string(base);
    if (visitor->tail.len > 0 && path.len > 0 && path.at[path.len - 1] == '/')
        path.len--; /* the tail begins with one */
    put_visible(out, path);
    put_visible(out, raw_tail(visitor->request, visitor->tail.len));
    if (visitor->request->query.len > 0) {
        text_put(out, SPAN("?"));
        put_visible(out, visitor->request->query);
    }
}

/* ---- the whole */

bool handshake_request_init(struct handshake_request *request, const struct backend *backend,
                            const struct backend_visitor *visitor, const char *key)
{
    const struct http_headers *headers = &visitor->request->headers;
    size_t offered_start, offered_end;
    struct text text = {0};
    *request = (struct handshake_request){0};
    text_put(&text, SPAN("GET "));
    put_target(&text, backend->path, visitor);
    text_put(&text, SPAN(" HTTP/1.1\r\n"));
    put_host(&text, backend, visitor);
    text_put(&text, SPAN("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
    put_field(&text, SPAN("Sec-WebSocket-Key"), span_string(key));
    put_subprotocols(&text, headers, &offered_start, &offered_end);
    put_extensions(&text, backend->settings.deflate);
    put_visitors_fields(&text, headers);
    put_forwarded(&text, backend, visitor);
    text_put(&text, SPAN("\r\n"));
    if (!text_end(&text))
        return false;
    *request = (struct handshake_request){
        .text = text.at,
        .length = text.length,
        .offered = span_of(text.at + offered_start, offered_end - offered_start),
    };
    return true;
}

void handshake_request_deinit(struct handshake_request *request)
{
    free(request->text);
    *request = (struct handshake_request){0};
}

/* ---- ordinary requests */

/* RFC 9110 section 8.6: whoever says that there is no body is not made silent about it. */
static void put_framing(struct text *out, const struct http_headers *headers, uint64_t length)
{
    if (length == HTTP_LENGTH_UNKNOWN)
        text_put(out, SPAN("Transfer-Encoding: chunked\r\n"));
    else if (length > 0 || http_header_count(headers, SPAN("Content-Length")) > 0)
        put_number(out, SPAN("Content-Length"), length);
}

static void put_real_ip(struct text *out, const struct peer *peer)
{
    char host[PEER_TEXT];
    if (peer->family == PEER_UNIX)
        return;
    peer_print_host(peer, host);
    put_field(out, SPAN("X-Real-IP"), span_string(host));
}

bool request_text_init(struct request_text *request, const struct backend *backend,
                       const struct backend_visitor *visitor, uint64_t length)
{
    const struct http_headers *headers = &visitor->request->headers;
    struct text text = {0};
    *request = (struct request_text){0};
    text_put(&text, visitor->request->method_name);
    text_put(&text, SPAN(" "));
    put_target(&text, backend->path, visitor);
    text_put(&text, SPAN(" HTTP/1.1\r\n"));
    put_host(&text, backend, visitor);
    put_visitors_fields(&text, headers);
    put_forwarded(&text, backend, visitor);
    put_real_ip(&text, visitor->peer);
    put_framing(&text, headers, length);
    text_put(&text, SPAN("\r\n"));
    if (!text_end(&text))
        return false;
    *request = (struct request_text){.text = text.at, .length = text.length};
    return true;
}

void request_text_deinit(struct request_text *request)
{
    free(request->text);
    *request = (struct request_text){0};
}
