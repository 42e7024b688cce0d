#include "ask.h"

#include "clock.h"
#include "text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static enum probe_failure refuse(struct link *link, const char *why)
{
    TEXT_COPY(link->failure, span_string(why));
    return PROBE_OTHER;
}

enum probe_failure ask(struct link *link, struct ask *ask, struct span request, uint64_t until)
{
    enum http_progress progress = HTTP_MORE;
    ask->reader = http_response_reader_new(NULL);
    enum probe_failure failure = ask->reader ? link_write(link, request, until) : refuse(link, "out of memory");
    while (failure == PROBE_NO_FAILURE && progress == HTTP_MORE) {
        failure = link_read(link, ask->bytes, sizeof ask->bytes, &ask->length, until);
        progress = http_response_read(ask->reader, span_of(ask->bytes, ask->length), &ask->used);
    }
    return progress == HTTP_BROKEN ? refuse(link, "the answer is no HTTP/1.1") : failure;
}

void ask_deinit(struct ask *ask)
{
    http_response_reader_free(ask->reader);
    ask->reader = NULL;
}

const struct http_response *ask_answer(const struct ask *ask)
{
    return http_response_of(ask->reader);
}

void ask_field(const struct ask *ask, struct span name, char text[PROBE_TEXT])
{
    struct span value = {0};
    if (!http_header_find(&ask_answer(ask)->headers, name, &value))
        value.len = 0;
    text_copy(text, PROBE_TEXT, value);
}

void ask_print_host(const char *name, uint16_t port, char text[ASK_HOST])
{
    const char *form = strchr(name, ':') ? "[%s]" : "%s";
    int length = snprintf(text, ASK_HOST, form, name);
    if (port != 443)
        snprintf(text + length, ASK_HOST - (size_t)length, ":%u", port);
}

/* RFC 6797 section 6.1.1. */
static uint64_t find_max_age(const char *hsts)
{
    static const char name[] = "max-age=";
    uint64_t seconds = 0;
    const char *at = strcasestr(hsts, name);
    if (!at)
        return 0;
    at += sizeof name - 1;
    at += *at == '"';
    return span_to_uint(span_of(at, strspn(at, "0123456789")), UINT32_MAX, &seconds) ? seconds : 0;
}

static void describe(const struct ask *answer, struct probe_http *http)
{
    http->status = ask_answer(answer)->status;
    ask_field(answer, SPAN("Server"), http->server);
    ask_field(answer, SPAN("Location"), http->location);
    ask_field(answer, SPAN("Strict-Transport-Security"), http->hsts);
    http->hsts_max_age = find_max_age(http->hsts);
}

void ask_page(struct link *link, const char *host, const char *path, uint64_t until, struct probe_http *http)
{
    char request[PROBE_PATH + ASK_HOST + 128];
    struct ask answer = {.reader = NULL};
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: crossgate-probe\r\nAccept: */*\r\n"
                          "Connection: close\r\n\r\n",
                          path, host);
    assert(length < (int)sizeof request);
    uint64_t begin = clock_now();
    http->asked = true;
    snprintf(http->path, sizeof http->path, "%s", path);
    http->failure = ask(link, &answer, span_of(request, (size_t)length), until);
    http->answer_us = (uint32_t)(clock_now() - begin);
    if (http->failure == PROBE_NO_FAILURE)
        describe(&answer, http);
    ask_deinit(&answer);
}
