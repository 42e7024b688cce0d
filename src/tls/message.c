#include "message.h"

/* Type, and length in three bytes (RFC 8446 section 4). */
enum { MESSAGE_HEAD = 4 };

static enum message_step take_head(struct message *message, struct span *bytes)
{
    for (; bytes->len > 0 && message->head < MESSAGE_HEAD; *bytes = span_tail(*bytes, 1)) {
        if (message->head++ == 0)
            *message = (struct message){.type = bytes->at[0], .head = 1};
        else
            message->left = message->left << 8 | bytes->at[0];
    }
    return message->head < MESSAGE_HEAD ? MESSAGE_NEEDS_BYTES : MESSAGE_BEGUN;
}

static enum message_step take_body(struct message *message, struct span *bytes)
{
    const struct span part = span_head(*bytes, message->left);
    if (part.len > 0)
        message->last = part.at[part.len - 1];
    *bytes = span_tail(*bytes, part.len);
    message->left -= (uint32_t)part.len;
    if (message->left > 0)
        return MESSAGE_NEEDS_BYTES;
    message->head = 0;
    return MESSAGE_WHOLE;
}

enum message_step message_take(struct message *message, struct span *bytes)
{
    return message->head < MESSAGE_HEAD ? take_head(message, bytes) : take_body(message, bytes);
}
