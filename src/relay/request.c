#include "request.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of this hop only (RFC 9110 section 7.6.1), or said by ourselves. A name that ends with "-" stands for all that begin with
 * it: nothing that a visitor says about his own forwarding is passed on as truth. "Proxy" would become HTTP_PROXY, which CGI
 * scripts take for their own setting (CVE-2016-5385). */
static const char *const fields_not_passed[] = {
    "Host",    "Connection",     "Keep-Alive",     "Upgrade",           "TE",
    "Trailer", "Proxy-",         "Forwarded",      "X-Forwarded-",      "X-Real-IP",
    "Expect",  "Sec-WebSocket-", "HTTP2-Settings", "Transfer-Encoding", "Content-Length",
    "Proxy",   "X-TLS-",         "X-SSL-",         "Client-Cert",       "Client-Cert-",
};

/* Base64 is written in steps that need no fill characters between them. */
enum { BASE64_STEP = 48, BASE64_STEP_TEXT = BASE64_STEP / 3 * 4 + 1 };

/* Case is ignored, and "X_Real_IP" is "X-Real-IP": CGI and WSGI make HTTP_X_REAL_IP of both, and some servers of "X.Real~IP",
 * too. */
static bool is_alike(struct span name, struct span row)
{
    for (size_t i = 0; i < name.len && name.len == row.len; i++) {
        uint8_t c = name.at[i];
        if ((isalnum(c) ? tolower(c) : '-') != tolower(row.at[i]))
            return false;
    }
    return name.len == row.len;
}

static bool is_not_passed(struct span name)
{
    for (size_t i = 0; i < sizeof fields_not_passed / sizeof *fields_not_passed; i++) {
        struct span row = span_string(fields_not_passed[i]);
        bool prefix = row.at[row.len - 1] == '-';
        if (is_alike(prefix ? span_head(name, row.len) : name, row))
            return true;
    }
    return false;
}

/* The parser lets no other value through. Should it ever, it ends here and not in the backend's parser. */
static void put_field(FILE *out, const char *name, struct span value)
{
    if (http_value_is_valid(value))
        fprintf(out, "%s: %.*s\r\n", name, SPAN_ARGS(value));
}

/* Extensions are of this hop (RFC 6455 section 9.1): ours are offered, not the visitor's. */
static void put_extensions(FILE *out, const struct websocket_deflate_settings *deflate)
{
    char offer[WEBSOCKET_DEFLATE_TEXT];
    if (!deflate)
        return;
    websocket_deflate_offer(deflate, offer);
    put_field(out, "Sec-WebSocket-Extensions", span_string(offer));
}

static void put_visitors_fields(FILE *out, const struct http_headers *headers)
{
    bool named[HTTP_FIELDS_MAX];
    http_headers_named_by_connection(headers, named);
    for (size_t i = 0; i < headers->count; i++) {
        struct span name = headers->at[i].name, value = headers->at[i].value;
        bool this_hop = named[i] || is_not_passed(name);
        if (!this_hop && http_value_is_valid(name) && http_value_is_valid(value))
            fprintf(out, "%.*s: %.*s\r\n", SPAN_ARGS(name), SPAN_ARGS(value));
    }
}

/* All offers in one field, which means the same (RFC 6455 section 11.3.4) and can be looked up as one list. */
static void put_subprotocols(FILE *out, const struct http_headers *headers, long *start, long *end)
{
    *start = *end = 0;
    for (size_t i = 0; i < headers->count; i++) {
        struct span value = span_trim(headers->at[i].value);
        if (!span_equal_nocase(headers->at[i].name, SPAN("Sec-WebSocket-Protocol")) || value.len == 0 ||
            !http_value_is_valid(value))
            continue;
        fputs(*start == 0 ? "Sec-WebSocket-Protocol: " : ", ", out);
        if (*start == 0)
            *start = ftell(out);
        fwrite(value.at, 1, value.len, out);
        *end = ftell(out);
    }
    if (*start != 0)
        fputs("\r\n", out);
}

/* A byte sequence of RFC 8941 section 3.3.5. */
static void put_bytes(FILE *out, struct span bytes)
{
    fputc(':', out);
    while (bytes.len > 0) {
        char text[BASE64_STEP_TEXT];
        struct span step = span_head(bytes, BASE64_STEP);
        tls_base64(step, text);
        fputs(text, out);
        bytes = span_tail(bytes, step.len);
    }
    fputc(':', out);
}

/* RFC 9440 has the certificate as it is; the rest is what people match, as Crossbar's auth.tls does with the SHA-1. */
static void put_certificate(FILE *out, const struct tls_facts *tls)
{
    fputs("Client-Cert: ", out);
    put_bytes(out, tls->certificate);
    fputs("\r\n", out);
    put_field(out, "X-TLS-Client-Verify", SPAN("SUCCESS"));
    put_field(out, "X-TLS-Client-Subject", tls->subject);
    put_field(out, "X-TLS-Client-Serial", tls->serial);
    put_field(out, "X-TLS-Client-SHA1", tls->sha1);
    put_field(out, "X-TLS-Client-SHA256", tls->sha256);
}

/* RFC 9266: what both ends of the visitor's connection know, and nobody between. */
static void put_channel_binding(FILE *out, struct span exporter)
{
    fputs("X-TLS-Exporter: ", out);
    put_bytes(out, exporter);
    fputs("\r\n", out);
}

static void put_host(FILE *out, const struct backend *backend, const struct backend_visitor *visitor)
{
    put_field(out, "Host", backend->host ? span_string(backend->host) : visitor->request->host);
}

static void put_forwarded(FILE *out, const struct backend *backend, const struct backend_visitor *visitor)
{
    const char *proto = backend->forwarded_proto ? backend->forwarded_proto : visitor->secure ? "https" : "http";
    unsigned port = backend->forwarded_port ? backend->forwarded_port : visitor->port;

    if (visitor->peer->family != PEER_UNIX) {
        char host[PEER_TEXT];
        peer_print_host(visitor->peer, host);
        put_field(out, "X-Forwarded-For", span_string(host));
    }
    put_field(out, "X-Forwarded-Proto", span_string(proto));
    if (!visitor->serializer) /* RawSocket visitors name no host */
        put_field(out, "X-Forwarded-Host", visitor->request->host);
    if (port != 0)
        fprintf(out, "X-Forwarded-Port: %u\r\n", port);
    if (visitor->facts && visitor->facts->tls.has_certificate)
        put_certificate(out, &visitor->facts->tls);
    else if (visitor->facts && visitor->facts->tls.asks_certificate)
        put_field(out, "X-TLS-Client-Verify", SPAN("NONE")); /* as nginx has it in $ssl_client_verify */
    if (visitor->facts && visitor->facts->tls.exporter.len > 0)
        put_channel_binding(out, visitor->facts->tls.exporter);
}

/* ---- target */

static bool is_visible(uint8_t c)
{
    return c > ' ' && c < 0x7F;
}

/* What the parser let through is visible; should it ever not be, it shall not end the request line. */
static void put_visible(FILE *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_visible(text.at[i]))
            fputc(text.at[i], out);
        else
            fprintf(out, "%%%02X", text.at[i]);
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

static void put_target(FILE *out, const char *base, const struct backend_visitor *visitor)
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
        fputc('?', out);
        put_visible(out, visitor->request->query);
    }
}

/* ---- the whole */

bool handshake_request_init(struct handshake_request *request, const struct backend *backend,
                            const struct backend_visitor *visitor, const char *key)
{
    const struct http_headers *headers = &visitor->request->headers;
    long offered_start, offered_end;
    *request = (struct handshake_request){0};
    FILE *out = open_memstream(&request->text, &request->length);
    if (!out)
        return false;
    fputs("GET ", out);
    put_target(out, backend->path, visitor);
    fputs(" HTTP/1.1\r\n", out);
    put_host(out, backend, visitor);
    fputs("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", out);
    put_field(out, "Sec-WebSocket-Key", span_string(key));
    put_subprotocols(out, headers, &offered_start, &offered_end);
    put_extensions(out, backend->settings.deflate);
    put_visitors_fields(out, headers);
    put_forwarded(out, backend, visitor);
    fputs("\r\n", out);
    bool broken = ferror(out);
    if (fclose(out) != 0 || broken || offered_start < 0 || offered_end < offered_start) {
        handshake_request_deinit(request);
        return false;
    }
    request->offered = span_of(request->text + offered_start, (size_t)(offered_end - offered_start));
    return true;
}

void handshake_request_deinit(struct handshake_request *request)
{
    free(request->text);
    *request = (struct handshake_request){0};
}

/* ---- ordinary requests */

/* RFC 9110 section 8.6: whoever says that there is no body is not made silent about it. */
static void put_framing(FILE *out, const struct http_headers *headers, uint64_t length)
{
    if (length == HTTP_LENGTH_UNKNOWN)
        fputs("Transfer-Encoding: chunked\r\n", out);
    else if (length > 0 || http_header_count(headers, SPAN("Content-Length")) > 0)
        fprintf(out, "Content-Length: %" PRIu64 "\r\n", length);
}

static void put_real_ip(FILE *out, const struct peer *peer)
{
    char host[PEER_TEXT];
    if (peer->family == PEER_UNIX)
        return;
    peer_print_host(peer, host);
    put_field(out, "X-Real-IP", span_string(host));
}

bool request_text_init(struct request_text *request, const struct backend *backend,
                       const struct backend_visitor *visitor, uint64_t length)
{
    const struct http_headers *headers = &visitor->request->headers;
    *request = (struct request_text){0};
    FILE *out = open_memstream(&request->text, &request->length);
    if (!out)
        return false;
    fprintf(out, "%.*s ", SPAN_ARGS(visitor->request->method_name));
    put_target(out, backend->path, visitor);
    fputs(" HTTP/1.1\r\n", out);
    put_host(out, backend, visitor);
    put_visitors_fields(out, headers);
    put_forwarded(out, backend, visitor);
    put_real_ip(out, visitor->peer);
    put_framing(out, headers, length);
    fputs("\r\n", out);
    bool broken = ferror(out);
    if (fclose(out) == 0 && !broken)
        return true;
    request_text_deinit(request);
    return false;
}

void request_text_deinit(struct request_text *request)
{
    free(request->text);
    *request = (struct request_text){0};
}
