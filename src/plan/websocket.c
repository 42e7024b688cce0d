#include "settings.h"

/* The keys whose value can only ask for what is done already, or is refused until it is served. */
#define ROW_FIXED(name, its_kind, values, its_doc)                                                                     \
    {                                                                                                                  \
        .key = (name), .kind = (its_kind), .status = CONFIG_REFUSED, .accepted = (values), .doc = (its_doc)            \
    }
#define ROW_PING(name, its_kind, its_doc)                                                                              \
    {                                                                                                                  \
        .key = (name), .kind = (its_kind), .status = CONFIG_IDLE,                                                      \
        .why = "no pings are sent without auto_ping_interval, which is not served here", .doc = (its_doc)              \
    }
#define ROW_FLASH(name, its_kind)                                                                                      \
    {                                                                                                                  \
        .key = (name), .kind = (its_kind), .status = CONFIG_IDLE, .why = "no browser has Flash any more",              \
        .doc = "Policy for Flash players."                                                                             \
    }

static const struct config_row rows[] = {
    {.key = "max_message_size",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct websocket_options, max_message_size, int64_t),
     .min = 1,
     .max = 64 * 1024 * 1024,
     .unit = "bytes",
     .remedy = "leave it out for no limit",
     .doc = "Longer messages end the session with 1009; no limit if absent."},
    {.key = "close_handshake_timeout",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct websocket_options, close_handshake_timeout, int64_t),
     .zero_too = true,
     .min = 1000,
     .max = 3600000,
     .unit = "ms",
     .doc = "Time for the peer to answer a Close; if 0 or absent `close_timeout` of the limits holds."},
    {.key = "enable_hybi10",
     .kind = CONFIG_BOOL,
     .status = CONFIG_IDLE,
     .why = "version 13 (RFC 6455) is the only one that clients speak",
     .doc = "Protocol version 8."},
    ROW_FIXED("enable_rfc6455", CONFIG_BOOL, "[true]", "Protocol version 13."),
    ROW_FIXED("allowed_origins", CONFIG_LIST, "[[\"*\"]]", "Origins of pages that may connect, as patterns."),
    ROW_FIXED("allow_null_origin", CONFIG_BOOL, "[true]", "Whether `Origin: null` may connect."),
    ROW_FIXED("external_port", CONFIG_INTEGER, NULL, "Port that the Host field must name."),
    ROW_FIXED("open_handshake_timeout", CONFIG_INTEGER, "[0]",
              "Time for the opening handshake; `head_timeout` of the limits always holds."),
    ROW_FIXED("enable_webstatus", CONFIG_BOOL, "[false]",
              "A page for requests that are no handshake; they are answered 426."),
    ROW_FIXED("validate_utf8", CONFIG_BOOL, "[true]", "Text that is not UTF-8 ends the session with 1007."),
    ROW_FIXED("mask_server_frames", CONFIG_BOOL, "[false]", "Mask frames to clients."),
    ROW_FIXED("require_masked_client_frames", CONFIG_BOOL, "[true]", "Refuse unmasked frames of clients."),
    ROW_FIXED("apply_mask", CONFIG_BOOL, "[true]", "Really mask and unmask payload."),
    ROW_FIXED("max_frame_size", CONFIG_INTEGER, "[0]", "Largest frame; 0: no limit."),
    ROW_FIXED("auto_fragment_size", CONFIG_INTEGER, "[0]", "Cut messages into frames of this size; 0: no."),
    ROW_FIXED("fail_by_drop", CONFIG_BOOL, "[false]", "Drop the connection on violations instead of closing it."),
    ROW_FIXED("echo_close_codereason", CONFIG_BOOL, "[false]", "Answer a Close with its own code and reason."),
    ROW_FIXED("tcp_nodelay", CONFIG_BOOL, "[true]", "Send at once (TCP_NODELAY)."),
    ROW_FIXED("auto_ping_interval", CONFIG_INTEGER, "[0]", "Time between pings; 0: none are sent."),
    ROW_PING("auto_ping_timeout", CONFIG_INTEGER, "Time for the pong."),
    ROW_PING("auto_ping_size", CONFIG_INTEGER, "Payload of a ping."),
    ROW_PING("auto_ping_restart_on_any_traffic", CONFIG_BOOL, "Take any message for a pong."),
    ROW_FIXED("compression", CONFIG_OBJECT, "[{}]", "permessage-deflate."),
    {.key = "require_websocket_subprotocol",
     .kind = CONFIG_BOOL,
     .status = CONFIG_NODE,
     .why = "the node behind chooses among the subprotocols that the visitor offers",
     .doc = "Refuse who offers no WAMP subprotocol."},
    ROW_FIXED("show_server_version", CONFIG_BOOL, "[false]", "Name the version in the field Server."),
    ROW_FLASH("enable_flash_policy", CONFIG_BOOL),
    ROW_FLASH("flash_policy", CONFIG_STRING),
    {.key = "hixie76_aware", .status = CONFIG_WRONG, .why = "Hixie-76 is gone since 2012", .remedy = "remove it"},
};

void websocket_options_apply(const struct builder *builder, const struct websocket_options *options,
                             struct websocket_settings *settings)
{
    int64_t close = options ? options->close_handshake_timeout : 0;

    settings->max_message = options ? (uint64_t)options->max_message_size : 0;
    settings->close_timeout = (uint32_t)(close > 0 ? close : builder->limits.close_timeout);
    settings->send_timeout = (uint32_t)builder->limits.send_timeout;
}

const struct config_object websocket_options_object = {
    .name = "options of WebSocket",
    CONFIG_ROWS(rows),
    .size = sizeof(struct websocket_options),
    .doc =
        "Of transports `websocket` and `websocket.testee`, of the services `websocket`, `websocket-reverseproxy` and "
        "`websocket-testee`, and of a backend.",
};
