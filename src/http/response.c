#include "body.h"
#include "head.h"
#include "headers.h"

#include <stdlib.h>

struct http_response_reader {
    struct head head;
    struct http_response response;
    struct body body;
    struct arena_store *store; /* NULL: none */
    size_t received;           /* of all heads: interim answers count, too */
    bool http_1_0;
    bool complete;
};

static bool begin(struct http_response_reader *reader)
{
    arena_free(reader->response.arena);
    reader->response = (struct http_response){.arena = arena_new_from(reader->store)};
    head_init(&reader->head, reader->response.arena);
    return reader->response.arena != NULL;
}

struct http_response_reader *http_response_reader_new(struct arena_store *store)
{
    struct http_response_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return NULL;
    reader->store = store;
    if (begin(reader))
        return reader;
    free(reader);
    return NULL;
}

void http_response_reader_free(struct http_response_reader *reader)
{
    if (!reader)
        return;
    arena_free(reader->response.arena);
    free(reader);
}

static bool understand(struct http_response_reader *reader)
{
    struct parsed parsed;
    if (parse_head(PARSE_RESPONSE, head_bytes(&reader->head), &parsed) != PARSE_OK)
        return false;
    reader->response.status = parsed.status;
    reader->http_1_0 = parsed.minor == 0;
    return parsed.status >= 100 && headers_copy(reader->response.arena, &parsed, &reader->response.headers) &&
           headers_are_named(&reader->response.headers) && headers_connection_is_short(&reader->response.headers);
}

static bool is_interim(unsigned status)
{
    return status < 200 && status != 101;
}

static bool is_http_1(const struct head *head)
{
    if (head->lines == 0)
        return true;
    struct span line = head_first_line(head);
    return span_starts(line, SPAN("HTTP/1.1 ")) || span_starts(line, SPAN("HTTP/1.0 "));
}

/* One head of those that may come, or a part of it. */
static enum http_progress read_head(struct http_response_reader *reader, struct span in, size_t *taken)
{
    enum head_progress progress = head_feed(&reader->head, in, taken);
    reader->received += *taken;
    if ((progress != HEAD_MORE && progress != HEAD_COMPLETE) || reader->received > HTTP_HEAD_MAX ||
        !is_http_1(&reader->head))
        return HTTP_BROKEN;
    if (progress == HEAD_MORE)
        return HTTP_MORE;
    if (!understand(reader))
        return HTTP_BROKEN;
    if (is_interim(reader->response.status))
        return begin(reader) ? HTTP_MORE : HTTP_BROKEN;
    reader->complete = true;
    return HTTP_HEAD_DONE;
}

enum http_progress http_response_read(struct http_response_reader *reader, struct span in, size_t *taken)
{
    enum http_progress progress = reader->complete ? HTTP_HEAD_DONE : HTTP_MORE;
    *taken = 0;
    while (progress == HTTP_MORE && *taken < in.len) {
        size_t n;
        progress = read_head(reader, span_tail(in, *taken), &n);
        *taken += n;
    }
    return progress;
}

const struct http_response *http_response_of(const struct http_response_reader *reader)
{
    return &reader->response;
}

static bool has_no_body(unsigned status, bool to_head)
{
    return to_head || status == 204 || status == 304;
}

/* As for requests, without the concessions of RFC 9112 section 6.3: both framings at once, a coding other than chunked, and
 * chunks in HTTP/1.0 are how one answer becomes two. */
static bool read_framing(struct http_response_reader *reader, uint64_t *length)
{
    const struct http_headers *headers = &reader->response.headers;
    size_t codings = http_header_count(headers, SPAN("Transfer-Encoding"));
    size_t lengths = http_header_count(headers, SPAN("Content-Length"));
    struct span value;
    *length = HTTP_LENGTH_UNKNOWN;
    if (codings > 0) {
        body_init_chunked(&reader->body);
        return codings == 1 && lengths == 0 && !reader->http_1_0 &&
               http_header_find(headers, SPAN("Transfer-Encoding"), &value) &&
               span_equal_nocase(value, SPAN("chunked"));
    }
    if (lengths == 0) {
        body_init_rest(&reader->body);
        return true;
    }
    if (lengths > 1 || !http_header_find(headers, SPAN("Content-Length"), &value) ||
        !span_to_uint(value, INT64_MAX, length))
        return false;
    body_init_length(&reader->body, *length);
    return true;
}

bool http_response_frame(struct http_response_reader *reader, bool to_head, uint64_t *length)
{
    struct http_response *response = &reader->response;
    if (response->status < 200 || response->status > 599 || !read_framing(reader, length))
        return false;
    /* A 204 that says it has a body may yet send one (RFC 9110 section 15.3.5). */
    bool sure = response->status != 204 || *length == 0 || reader->body.step == BODY_REST;
    if (has_no_body(response->status, to_head))
        body_init_length(&reader->body, 0);
    bool close = http_header_has_token(&response->headers, SPAN("Connection"), SPAN("close"));
    response->keep_alive = sure && !close && !reader->http_1_0 && reader->body.step != BODY_REST;
    return true;
}

enum http_body_progress http_response_read_body(struct http_response_reader *reader, struct span in, size_t *taken,
                                                struct span *piece)
{
    switch (body_read(&reader->body, in, taken, piece)) {
    case BODY_DONE:
        return HTTP_BODY_DONE;
    case BODY_MORE:
        return HTTP_BODY_MORE;
    case BODY_BROKEN:
        break;
    }
    return HTTP_BODY_BROKEN;
}

bool http_response_ends_with_connection(const struct http_response_reader *reader)
{
    return reader->body.step == BODY_REST;
}
