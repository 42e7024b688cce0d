#include "settings.h"

#define WINDOW_REMEDY "write 9 to 15: Crossbar's documentation has 8, too, but zlib and Autobahn begin with 9"

static const struct config_row deflate_rows[] = {
    {.key = "request_no_context_takeover",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct deflate_options, request_no_context_takeover, bool),
     .doc = "Ask the peer to compress each message on its own."},
    {.key = "request_max_window_bits",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct deflate_options, request_max_window_bits, int64_t),
     .zero_too = true,
     .min = WEBSOCKET_WINDOW_MIN,
     .max = WEBSOCKET_WINDOW_MAX,
     .unit = "bits",
     .remedy = WINDOW_REMEDY,
     .doc = "Ask the peer for a window of at most so many bits; who cannot is served without compression. 0: do "
            "not ask."},
    {.key = "no_context_takeover",
     .kind = CONFIG_BOOL,
     .at = CONFIG_AT(struct deflate_options, no_context_takeover, bool),
     .doc = "Compress each message on its own: an idle session keeps no memory for it."},
    {.key = "max_window_bits",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct deflate_options, max_window_bits, int64_t),
     .min = WEBSOCKET_WINDOW_MIN,
     .max = WEBSOCKET_WINDOW_MAX,
     .standard = WEBSOCKET_WINDOW_MAX,
     .unit = "bits",
     .remedy = WINDOW_REMEDY,
     .doc = "Our own window, at most; less if the peer asks for less."},
    {.key = "memory_level",
     .kind = CONFIG_INTEGER,
     .at = CONFIG_AT(struct deflate_options, memory_level, int64_t),
     .min = 1,
     .max = 9,
     .standard = 8,
     .doc = "zlib's memory level for what we compress."},
};

static void finish(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct deflate_options *options = settings;

    (void)reader;
    (void)place;
    options->made = (struct websocket_deflate_settings){
        .request_no_context_takeover = options->request_no_context_takeover,
        .request_max_window_bits = (unsigned int)options->request_max_window_bits,
        .no_context_takeover = options->no_context_takeover,
        .max_window_bits = (unsigned int)options->max_window_bits,
        .memory_level = (unsigned int)options->memory_level,
    };
}

static const struct config_object deflate_object = {
    .name = "compression.deflate",
    CONFIG_ROWS(deflate_rows),
    .size = sizeof(struct deflate_options),
    .finish = finish,
    .doc = "permessage-deflate (RFC 7692).",
};

static const struct config_row rows[] = {
    {.key = "deflate",
     .kind = CONFIG_OBJECT,
     .at = CONFIG_AT(struct compression_options, deflate, struct deflate_options *),
     .object = &deflate_object,
     .doc = "permessage-deflate; off if absent."},
};

const struct config_object compression_object = {
    .name = "compression of WebSocket",
    CONFIG_ROWS(rows),
    .size = sizeof(struct compression_options),
};
