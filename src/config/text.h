/* A parsed document and where its values stand. */
#ifndef CROSSGATE_CONFIG_TEXT_H
#define CROSSGATE_CONFIG_TEXT_H

#include "crossgate/config.h"

#include <jansson.h>

struct config_text {
    const char *file;
    struct span bytes;
    json_t *root;
};

struct position {
    unsigned line;   /* from 1 */
    unsigned column; /* from 1, in characters */
};

/* Of a byte offset. */
struct position text_position(struct span bytes, size_t offset);

/* Walking over text that has been found to be JSON. Offsets beyond the end are never returned. */
size_t text_skip_space(struct span text, size_t at);
size_t text_skip_value(struct span text, size_t at);

/* The key that begins at `at` equals `key`, escapes resolved. */
bool text_key_is(struct span text, size_t at, const char *key);

#endif
