/*
 * libwebsockets as a peer: an echo of WebSocket messages over TLS. Its own test server has no echo over wss that can be asked
 * for large messages, so this follows its minimal example: pieces wait in a list and leave when the socket can be written.
 * Words: PORT CERTIFICATE KEY; it is always one worker.
 */
#include <libwebsockets.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Above this much that waits to be sent, a visitor is no longer read. */
#define HIGH (1024 * 1024)

struct piece {
    struct piece *next;
    size_t length;
    int flags;
    unsigned char bytes[]; /* LWS_PRE for the library, then the piece */
};

struct visitor {
    struct piece *first;
    struct piece **end;
    size_t waiting;
};

static int keep(struct lws *wsi, struct visitor *visitor, const void *bytes, size_t length)
{
    struct piece *piece = malloc(sizeof *piece + LWS_PRE + length);
    if (piece == NULL) {
        return -1;
    }
    *piece = (struct piece){.length = length};
    piece->flags = lws_write_ws_flags(lws_frame_is_binary(wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT,
                                      lws_is_first_fragment(wsi), lws_is_final_fragment(wsi));
    memcpy(piece->bytes + LWS_PRE, bytes, length);
    *visitor->end = piece;
    visitor->end = &piece->next;
    visitor->waiting += length;
    if (visitor->waiting > HIGH) {
        lws_rx_flow_control(wsi, 0);
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static void drop_first(struct visitor *visitor)
{
    struct piece *piece = visitor->first;
    visitor->first = piece->next;
    visitor->waiting -= piece->length;
    if (visitor->first == NULL) {
        visitor->end = &visitor->first;
    }
    free(piece);
}

/* As many as the socket takes at once. */
static int send_kept(struct lws *wsi, struct visitor *visitor)
{
    while (visitor->first != NULL && !lws_send_pipe_choked(wsi)) {
        struct piece *piece = visitor->first;
        int sent = lws_write(wsi, piece->bytes + LWS_PRE, piece->length, (enum lws_write_protocol)piece->flags);
        if (sent < (int)piece->length) {
            return -1;
        }
        drop_first(visitor);
    }
    if (visitor->first != NULL) {
        lws_callback_on_writable(wsi);
    } else {
        lws_rx_flow_control(wsi, 1);
    }
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *bytes, size_t length)
{
    struct visitor *visitor = user;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        *visitor = (struct visitor){.end = &visitor->first};
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return keep(wsi, visitor, bytes, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return send_kept(wsi, visitor);
    case LWS_CALLBACK_HTTP:
        return lws_return_http_status(wsi, HTTP_STATUS_OK, NULL) || lws_http_transaction_completed(wsi) ? -1 : 0;
    case LWS_CALLBACK_CLOSED:
        while (visitor->first != NULL) {
            drop_first(visitor);
        }
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, bytes, length);
    }
}

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

int main(int count, char **words)
{
    if (count < 4) {
        return 2;
    }
    const struct lws_protocols protocols[] = {{"echo", on_event, sizeof(struct visitor), 65536, 0, NULL, 0},
                                              {NULL, NULL, 0, 0, 0, NULL, 0}};
    struct lws_context_creation_info info = {0};
    info.port = (int)strtol(words[1], NULL, 10);
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.ssl_cert_filepath = words[2];
    info.ssl_private_key_filepath = words[3];
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_IPV6;
    info.pt_serv_buf_size = 65536;
    lws_set_log_level(LLL_ERR, NULL);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    struct lws_context *context = lws_create_context(&info);
    if (context == NULL) {
        return 1;
    }
    while (!is_over && lws_service(context, 0) >= 0) {
    }
    lws_context_destroy(context);
    return 0;
}
