/* A parsed document and where its values stand. */
#ifndef CROSSGATE_CONFIG_TEXT_H
#define CROSSGATE_CONFIG_TEXT_H

#include "crossgate/config.h"

#include <jansson.h>

struct position {
    unsigned line;   /* from 1 */
    unsigned column; /* from 1, in characters */
};

/* Where a value of a YAML text stands. Below an alias are the marks of what it stands for. */
struct mark {
    const char *key;      /* of a member; NULL: an element, or the root */
    struct position name; /* of the key; of an element as `value` */
    struct position value;
    const struct mark *first; /* of what is below, in the order of the text */
    const struct mark *next;
    size_t count;    /* of values: itself and all below, aliases followed */
    unsigned height; /* of what is below; 0: nothing is */
};

struct config_text {
    const char *file;
    struct span bytes;
    json_t *root;
    struct arena *arena;      /* of the marks */
    const struct mark *marks; /* NULL: JSON, through which one can walk */
};

/* Parses YAML into root and marks. False: what is wrong has been reported. */
bool text_parse_yaml(struct config_text *text, struct diagnostics *diagnostics) __attribute__((warn_unused_result));

/* Of a byte offset. */
struct position text_position(struct span bytes, size_t offset);

/* Walking over text that has been found to be JSON. Offsets beyond the end are never returned. */
size_t text_skip_space(struct span text, size_t at);
size_t text_skip_value(struct span text, size_t at);

/* The key that begins at `at` equals `key`, escapes resolved. */
bool text_key_is(struct span text, size_t at, const char *key);

#endif
