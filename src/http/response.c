#include "head.h"
#include "headers.h"

#include <stdlib.h>

struct http_response_reader {
    struct head head;
    struct http_response response;
    size_t received; /* of all heads: interim answers count, too */
    bool complete;
};

static bool begin(struct http_response_reader *reader)
{
    arena_free(reader->response.arena);
    reader->response = (struct http_response){.arena = arena_new()};
    head_init(&reader->head, reader->response.arena);
    return reader->response.arena != NULL;
}

struct http_response_reader *http_response_reader_new(void)
{
    struct http_response_reader *reader = calloc(1, sizeof *reader);
    if (reader && !begin(reader)) {
        free(reader);
        return NULL;
    }
    return reader;
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
    return parsed.status >= 100 && headers_copy(reader->response.arena, &parsed, &reader->response.headers) &&
           headers_are_named(&reader->response.headers);
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
