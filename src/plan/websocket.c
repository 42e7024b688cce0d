#include "settings.h"

#define AT(member, type) .at = CONFIG_AT(struct websocket_options, member, type)
/* Crossbar: 0 or at least a second. */
#define ROW_TIME(name, its_doc)                                                                                        \
    {                                                                                                                  \
        .key = #name, .kind = CONFIG_INTEGER, AT(name, int64_t), .zero_too = true, .min = 1000, .max = UINT32_MAX,     \
        .unit = "ms", .doc = (its_doc)                                                                                 \
    }
/* Crossbar takes any number, and what is not positive for no limit. */
#define ROW_SIZE(name, its_doc)                                                                                        \
    {                                                                                                                  \
        .key = #name, .kind = CONFIG_INTEGER, AT(name, int64_t), .min = INT64_MIN, .max = INT64_MAX, .unit = "bytes",  \
        .allowed = "an integer", .doc = (its_doc)                                                                      \
    }
#define ROW_SWITCH(name, its_standard, its_doc)                                                                        \
    {                                                                                                                  \
        .key = #name, .kind = CONFIG_BOOL, AT(name, bool), .standard = (its_standard), .doc = (its_doc)                \
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
     .remedy = "write a number of bytes, or leave it out for no limit",
     .doc = "Longer messages of the peer end the session with 1009; no limit if absent. (Crossbar does not send longer "
            "ones either; what comes from the other side of a relay is limited by the options of that side.)"},
    ROW_SIZE(max_frame_size, "Longer frames of the peer end the session with 1009; 0 or less: no limit."),
    ROW_SIZE(
        auto_fragment_size,
        "Longer pieces of messages are sent in frames of this size; 0 or less: no limit. No piece waits for a frame "
        "to fill."),
    ROW_TIME(close_handshake_timeout,
             "Time for the peer to answer a Close; if 0 or absent `close_timeout` of the limits holds."),
    ROW_TIME(auto_ping_interval, "Time between pings; 0: none are sent."),
    ROW_TIME(auto_ping_timeout,
             "Time for the pong, without which the session is dropped; 0: none is waited for. Pings are sent with "
             "auto_ping_interval only."),
    {.key = "auto_ping_size",
     .kind = CONFIG_INTEGER,
     AT(auto_ping_size, int64_t),
     .min = 12,
     .max = 125,
     .standard = 12,
     .unit = "bytes",
     .doc = "Payload of a ping."},
    ROW_SWITCH(auto_ping_restart_on_any_traffic, true,
               "Whatever comes from the peer after a ping shows that it is there, not the pong only."),
    ROW_SWITCH(mask_server_frames, false,
               "Mask frames to clients. Of a backend: the node masks its frames, which is accepted."),
    ROW_SWITCH(
        require_masked_client_frames, true,
        "Refuse unmasked frames of clients. Of a backend: without effect, frames to the node are always masked."),
    {.key = "apply_mask",
     .kind = CONFIG_BOOL,
     .status = CONFIG_REFUSED,
     .accepted = "[true]",
     .why = "false would corrupt the messages of every peer that does as RFC 6455 says",
     .doc = "Really mask and unmask payload."},
    ROW_SWITCH(validate_utf8, true, "Text that is not UTF-8 ends the session with 1007; else it is passed on unread."),
    ROW_SWITCH(fail_by_drop, false,
               "Who breaks the protocol or a limit loses the connection without a Close (1002, 1007, 1009)."),
    ROW_SWITCH(echo_close_codereason, false, "Answer a Close with its own code and reason; else with 1000."),
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
    {.key = "tcp_nodelay",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct websocket_options, tcp_nodelay, bool),
     .standard = true,
     .doc = "Send each message at once; false: from the 101 on small ones may wait to share a packet (Nagle's "
            "algorithm)."},
    {.key = "compression",
     .kind = CONFIG_OBJECT,
     AT(compression, struct compression_options *),
     .object = &compression_object,
     .remedy = "write {\"deflate\": {}}, or leave it out for no compression",
     .doc = "Compression of messages."},
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

static uint64_t size_of(int64_t bytes)
{
    return bytes > 0 ? (uint64_t)bytes : 0;
}

void websocket_options_apply(const struct builder *builder, const struct websocket_options *options,
                             struct websocket_settings *settings)
{
    *settings = (struct websocket_settings){
        .close_timeout = (uint32_t)builder->limits.close_timeout,
        .send_timeout = (uint32_t)builder->limits.send_timeout,
    };
    if (!options)
        return;
    settings->max_message = size_of(options->max_message_size);
    settings->max_frame = size_of(options->max_frame_size);
    settings->max_fragment = size_of(options->auto_fragment_size);
    if (options->close_handshake_timeout > 0)
        settings->close_timeout = (uint32_t)options->close_handshake_timeout;
    settings->ping_interval = (uint32_t)options->auto_ping_interval;
    settings->ping_timeout = (uint32_t)options->auto_ping_timeout;
    settings->ping_size = (uint8_t)options->auto_ping_size;
    settings->only_pong_counts = !options->auto_ping_restart_on_any_traffic;
    settings->mask_server_frames = options->mask_server_frames;
    settings->accept_unmasked = !options->require_masked_client_frames;
    settings->accept_any_text = !options->validate_utf8;
    settings->drop_on_fault = options->fail_by_drop;
    settings->echo_close = options->echo_close_codereason;
    settings->gather = !options->tcp_nodelay;
    if (options->compression && options->compression->deflate)
        settings->deflate = &options->compression->deflate->made;
}

static void finish(struct config_reader *reader, const struct config_place *place, void *settings)
{
    const struct websocket_options *options = settings;

    websocket_options_finish(reader, place, settings);
    if (options->auto_ping_timeout > 0 && options->auto_ping_interval == 0)
        config_report(reader, PROBLEM_NOTE, config_place_key(reader, place, "auto_ping_timeout"),
                      "set auto_ping_interval, too", "auto_ping_timeout has no effect: no pings are sent");
}

const struct config_object websocket_options_object = {
    .name = "options of WebSocket",
    CONFIG_ROWS(rows),
    .size = sizeof(struct websocket_options),
    .finish = finish,
    .doc =
        "Of transports `websocket` and `websocket.testee`, of the services `websocket`, `websocket-reverseproxy` and "
        "`websocket-testee`, and of a backend.",
};
