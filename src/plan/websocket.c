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
        .doc = "Obsolete: policy for Flash players."                                                                   \
    }

static const struct config_row origin_row = {.kind = CONFIG_STRING};

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
     .doc = "Protocol version 8, a draft of 2010."},
    {.key = "enable_rfc6455",
     .kind = CONFIG_BOOL,
     .status = CONFIG_REFUSED,
     .accepted = "[true]",
     .why = "it is the only version that is spoken here and that clients speak, so nobody could connect",
     .doc = "Protocol version 13."},
    {.key = "allowed_origins",
     .kind = CONFIG_LIST,
     .at = CONFIG_AT(struct websocket_options, allowed_origins, struct config_items),
     .item = &origin_row,
     .doc = "Patterns for the origins of pages that may connect; all if absent. A `*` stands for any text. The "
            "whole origin is compared, as `scheme://host:port`, in lower case and always with its port: "
            "`https://shop.example:443`. Pages of other origins get 403 (RFC 6455 section 4.2.2; Crossbar: 400). "
            "Requests without Origin come from no page and pass. `crossgate check` warns of patterns that match "
            "nothing or too much."},
    {.key = "allow_null_origin",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct websocket_options, allow_null_origin, bool),
     .standard = true,
     .doc = "Whether pages may connect whose origin is `null` or begins with `file:`; `allowed_origins` does not "
            "matter to them."},
    {.key = "external_port",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct websocket_options, external_port, int64_t),
     .zero_too = true,
     .min = 1,
     .max = 65535,
     .doc = "The port that clients use. Requests whose field Host names another one get 400; a Host without a "
            "port passes. If 0 or absent, Host is not looked at."},
    {.key = "open_handshake_timeout",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct websocket_options, open_handshake_timeout, int64_t),
     .zero_too = true,
     .min = 1000,
     .max = 3600000,
     .unit = "ms",
     .doc = "Time for each step of the opening handshake: the answer of the backend (else 504), and, of "
            "transports that serve nothing but WebSocket, the TLS handshake and the request head (else 408). In "
            "the options of a backend: connecting and its answer. It only shortens what the limits and the "
            "`timeout` of a backend allow; 0: it does not. Crossbar counts all steps together."},
    {.key = "enable_webstatus",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct websocket_options, enable_webstatus, bool),
     .standard = true,
     .doc = "Answer GET and HEAD that are no opening handshake with a small page (200); false: 426. The query "
            "has no effect: `redirect` and `after`, by which Crossbar sends visitors to any address, are "
            "ignored."},
    ROW_FIXED("validate_utf8", CONFIG_BOOL, "[true]", "Text that is not UTF-8 ends the session with 1007."),
    ROW_FIXED("mask_server_frames", CONFIG_BOOL, "[false]", "Mask frames to clients."),
    ROW_FIXED("require_masked_client_frames", CONFIG_BOOL, "[true]", "Refuse unmasked frames of clients."),
    ROW_FIXED("apply_mask", CONFIG_BOOL, "[true]", "Really mask and unmask payload."),
    ROW_FIXED("max_frame_size", CONFIG_INTEGER, "[0]", "Largest frame; 0: no limit."),
    ROW_FIXED("auto_fragment_size", CONFIG_INTEGER, "[0]", "Cut messages into frames of this size; 0: no."),
    ROW_FIXED("fail_by_drop", CONFIG_BOOL, "[false]", "Drop the connection on violations instead of closing it."),
    ROW_FIXED("echo_close_codereason", CONFIG_BOOL, "[false]", "Answer a Close with its own code and reason."),
    {.key = "tcp_nodelay",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct websocket_options, tcp_nodelay, bool),
     .standard = true,
     .doc = "Send each message at once; false: from the 101 on small ones may wait to share a packet (Nagle's "
            "algorithm)."},
    ROW_FIXED("auto_ping_interval", CONFIG_INTEGER, "[0]", "Time between pings; 0: none are sent."),
    ROW_PING("auto_ping_timeout", CONFIG_INTEGER, "Time for the pong."),
    ROW_PING("auto_ping_size", CONFIG_INTEGER, "Payload of a ping."),
    ROW_PING("auto_ping_restart_on_any_traffic", CONFIG_BOOL, "Take any message for a pong."),
    ROW_FIXED("compression", CONFIG_OBJECT, "[{}]", "permessage-deflate."),
    {.key = "require_websocket_subprotocol",
     .kind = CONFIG_BOOL,
     .status = CONFIG_NODE,
     .why = "the node behind chooses among the subprotocols that the visitor offers; an echo takes the first of them, "
            "or none",
     .doc = "Refuse who offers no WAMP subprotocol."},
    {.key = "show_server_version",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct websocket_options, show_server_version, bool),
     .given = CONFIG_AT(struct websocket_options, show_server_version_given, bool),
     .doc = "Whether the field Server of answers names the version behind `Crossgate/`. If absent it is true in "
            "a `websocket-reverseproxy`, as in Crossbar."},
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
    settings->gather = options && !options->tcp_nodelay;
}

const struct config_object websocket_options_object = {
    .name = "options of WebSocket",
    CONFIG_ROWS(rows),
    .size = sizeof(struct websocket_options),
    .finish = websocket_options_finish,
    .doc =
        "Of transports `websocket` and `websocket.testee`, of the services `websocket`, `websocket-reverseproxy` and "
        "`websocket-testee`, and of a backend.",
};
