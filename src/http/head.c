#include "head.h"

#include "crossgate/http.h"

#include <assert.h>

void head_init(struct head *head, struct arena *arena)
{
    *head = (struct head){.arena = arena};
}

bool head_is_blank(const struct head *head)
{
    return head->lines == 0 && head->column == 0;
}

struct span head_first_line(const struct head *head)
{
    assert(head->lines > 0);
    return span_of(head->at + head->first, head->first_length);
}

struct span head_bytes(const struct head *head)
{
    return span_of(head->at + head->first, head->length - head->first);
}

/* The LF after a CR. True if the head ends here. `next` is the offset behind the LF. */
static bool end_line(struct head *head, size_t next)
{
    head->after_cr = false;
    if (head->column == 0) {
        if (head->lines > 0)
            return true;
        head->first = next;
        return false;
    }
    if (head->lines++ == 0)
        head->first_length = head->column;
    head->column = 0;
    return false;
}

/* How many bytes belong to the head, and whether the next one may. */
static enum head_progress scan(struct head *head, struct span in, size_t *taken)
{
    size_t i = 0;
    while (i < in.len) {
        uint8_t c = in.at[i];
        *taken = i;
        if (head->after_cr) {
            if (c != '\n')
                return HEAD_BROKEN;
            i++;
            if (end_line(head, head->length + i)) {
                *taken = i;
                return HEAD_COMPLETE;
            }
            continue;
        }
        if (c == '\r') {
            head->after_cr = true;
            i++;
            continue;
        }
        /* RFC 9112 sections 2.2 and 5.2: white space before the first field, and folded lines, are refused. */
        size_t run = span_text_run(span_tail(in, i));
        if (run == 0 || (head->column == 0 && (c == ' ' || c == '\t')))
            return HEAD_BROKEN;
        head->column += run;
        i += run;
    }
    *taken = in.len;
    return HEAD_MORE;
}

/* A head that comes in one piece gets exactly its size; one that drips in is moved a few times. */
static bool append(struct head *head, struct span bytes, bool last)
{
    if (bytes.len == 0)
        return true;
    size_t need = head->length + bytes.len;
    if (need > head->room) {
        size_t room = last ? need : need * 2 < 512 ? 512 : need * 2;
        uint8_t *at = arena_alloc(head->arena, room);
        if (!at)
            return false;
        if (head->length > 0)
            memcpy(at, head->at, head->length);
        head->at = at;
        head->room = room;
    }
    memcpy(head->at + head->length, bytes.at, bytes.len);
    head->length = need;
    return true;
}

enum head_progress head_feed(struct head *head, struct span in, size_t *taken)
{
    *taken = 0;
    if (in.len == 0)
        return HEAD_MORE;
    enum head_progress progress = scan(head, span_head(in, HTTP_HEAD_MAX - head->length), taken);
    if (!append(head, span_head(in, *taken), progress == HEAD_COMPLETE))
        return HEAD_NO_MEMORY;
    if (progress == HEAD_MORE && head->length == HTTP_HEAD_MAX)
        return HEAD_TOO_LONG;
    return progress;
}
