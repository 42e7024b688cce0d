#include "request.h"

#include "crossgate/http.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static void add(struct request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof request->text - request->length;
    int n = vsnprintf(request->text + request->length, room, format, arguments);
    va_end(arguments);
    request->length = n < 0 || (size_t)n >= room ? sizeof request->text - 1 : request->length + (size_t)n;
}

/* "Name: value" */
static bool header_is_valid(struct span header)
{
    const uint8_t *colon = memchr(header.at, ':', header.len);
    return colon && colon > header.at && http_value_is_valid(header);
}

static bool names_host(const struct load_settings *settings)
{
    for (size_t i = 0; i < settings->header_count; i++)
        if (span_equal_nocase(span_head(span_string(settings->headers[i]), 5), SPAN("Host:")))
            return true;
    return false;
}

static void add_host(struct request *request, const struct load_target *target)
{
    bool bracketed = strchr(target->host, ':') != NULL;
    add(request, bracketed ? "Host: [%s]" : "Host: %s", target->host);
    if (target->port != (target->tls ? 443 : 80))
        add(request, ":%u", target->port);
    add(request, "\r\n");
}

bool request_print(struct request *request, const struct load_settings *settings, const char *more, struct error *error)
{
    request->length = 0;
    add(request, "GET %s HTTP/1.1\r\n", settings->target.path);
    if (!names_host(settings))
        add_host(request, &settings->target);
    for (size_t i = 0; i < settings->header_count; i++) {
        if (!header_is_valid(span_string(settings->headers[i]))) {
            error_set(error, ERROR_INPUT, "not a header that can be sent: \"%.80s\"; write \"Name: value\"",
                      settings->headers[i]);
            return false;
        }
        add(request, "%s\r\n", settings->headers[i]);
    }
    add(request, "%s\r\n", more);
    if (request->length < sizeof request->text - 1)
        return true;
    error_set(error, ERROR_INPUT, "the head of a request would have more than %d bytes", REQUEST_MAX - 2);
    return false;
}
