/* Files that a command reads whole. */
#ifndef CROSSGATE_COMMANDS_INPUT_H
#define CROSSGATE_COMMANDS_INPUT_H

#include "crossgate/base/error.h"
#include "crossgate/base/span.h"

/* The bytes are the input's own, and may hold a private key. */
struct input {
    uint8_t *at;
    size_t len;
};

/* Reads the file, or stdin if the path is "-", up to `most` bytes. False: *error says why, and the input is empty. */
bool input_read(const char *path, size_t most, struct input *input, struct error *error)
    __attribute__((warn_unused_result));

/* Wipes and frees; the input is empty afterwards. */
void input_free(struct input *input);

#endif
