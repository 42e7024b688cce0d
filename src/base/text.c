#include "crossgate/base/text.h"

#include <stdlib.h>

/* The room of the first allocation: most heads fit. */
enum { FIRST_ROOM = 1024 };

void text_deinit(struct text *text)
{
    free(text->at);
    *text = (struct text){0};
}

static bool grow(struct text *text, size_t need)
{
    size_t room = text->room ? text->room : FIRST_ROOM;
    while (room - text->length < need)
        room *= 2;
    char *at = realloc(text->at, room);
    if (!at)
        return false;
    text->at = at;
    text->room = room;
    return true;
}

void text_put(struct text *text, struct span bytes)
{
    if (bytes.len == 0 || text->failed)
        return;
    if (bytes.len > text->room - text->length && !grow(text, bytes.len)) {
        text->failed = true;
        return;
    }
    memcpy(text->at + text->length, bytes.at, bytes.len);
    text->length += bytes.len;
}

bool text_end(struct text *text)
{
    text_put(text, span_of("", 1));
    bool whole = !text->failed;
    if (whole)
        text->length--;
    else
        text_deinit(text);
    return whole;
}

void text_put_field(struct text *text, struct span name, struct span value)
{
    text_put(text, name);
    text_put(text, SPAN(": "));
    text_put(text, value);
    text_put(text, SPAN("\r\n"));
}
