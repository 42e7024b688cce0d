/* Fields Sec-WebSocket-Extensions with arbitrary values, one a line, in both roles. The first byte of the input chooses the
 * settings. What the server answers must be an answer to the client that it was chosen for, and mean the same to both. */
#include "crossgate/websocket.h"

#include <assert.h>
#include <stdlib.h>

enum { FIELDS = 8 };

static struct websocket_deflate_settings settings_of(uint8_t choice)
{
    return (struct websocket_deflate_settings){
        .request_no_context_takeover = choice & 1,
        .request_max_window_bits = choice & 2 ? 12 : 0,
        .no_context_takeover = choice & 4,
        .max_window_bits = choice & 8 ? 10 : 15,
        .memory_level = 8,
    };
}

static size_t split(const uint8_t *bytes, size_t size, struct http_header at[FIELDS])
{
    struct span rest = span_of(bytes, size);
    size_t count = 0;
    while (count < FIELDS) {
        const uint8_t *end = rest.len > 0 ? memchr(rest.at, '\n', rest.len) : NULL;
        size_t length = end ? (size_t)(end - rest.at) : rest.len;
        at[count++] = (struct http_header){SPAN("Sec-WebSocket-Extensions"), span_head(rest, length)};
        if (!end)
            break;
        rest = span_tail(rest, length + 1);
    }
    return count;
}

static bool is_way(const struct websocket_deflate_way *way, unsigned int least)
{
    return way->window_bits >= least && way->window_bits <= WEBSOCKET_WINDOW_MAX;
}

static bool is_sound(const struct websocket_deflate *agreed)
{
    return is_way(&agreed->in, 8) && is_way(&agreed->out, WEBSOCKET_WINDOW_MIN) && agreed->memory_level == 8;
}

/* A client that asks for nothing takes each answer, save a window that is too small for it. */
static void check_answer(const struct websocket_deflate *server, const char *text)
{
    const struct websocket_deflate_settings settings = settings_of(0);
    struct http_header field = {SPAN("Sec-WebSocket-Extensions"), span_string(text)};
    struct http_headers headers = {.at = &field, .count = 1};
    struct websocket_deflate client;
    enum websocket_extensions verdict = websocket_deflate_check(&headers, &settings, &client);
    if (server->in.window_bits < WEBSOCKET_WINDOW_MIN) {
        assert(verdict == EXTENSIONS_BROKEN);
        return;
    }
    assert(verdict == EXTENSIONS_DEFLATE);
    assert(client.in.window_bits == server->out.window_bits && client.in.takeover == server->out.takeover);
    assert(client.out.window_bits == server->in.window_bits && client.out.takeover == server->in.takeover);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct websocket_deflate_settings settings = settings_of(data[0]);
    struct http_header at[FIELDS];
    struct http_headers headers = {.at = at, .count = split(data + 1, size - 1, at)};
    struct websocket_deflate server, client;
    char answer[WEBSOCKET_DEFLATE_TEXT];
    enum websocket_extensions chosen = websocket_deflate_choose(&headers, &settings, &server, answer);
    enum websocket_extensions checked = websocket_deflate_check(&headers, &settings, &client);
    if (chosen == EXTENSIONS_DEFLATE) {
        assert(is_sound(&server));
        check_answer(&server, answer);
    }
    assert(checked != EXTENSIONS_DEFLATE || is_sound(&client));
    assert(chosen != EXTENSIONS_BROKEN || checked == EXTENSIONS_BROKEN);
    return 0;
}
