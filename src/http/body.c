#include "body.h"

/* Of a chunk size; more is no size that anyone would wait for. */
enum { DIGITS_MAX = 8 };
/* Of what is skipped: nobody may keep us busy with it. */
enum { EXTRA_MAX = 16384 };

void body_init_length(struct body *body, uint64_t length)
{
    *body = (struct body){.step = BODY_BYTES, .left = length};
}

void body_init_chunked(struct body *body)
{
    *body = (struct body){.step = BODY_SIZE};
}

void body_init_rest(struct body *body)
{
    *body = (struct body){.step = BODY_REST};
}

static bool is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool hex_digit(uint8_t c, unsigned *digit)
{
    if (c >= '0' && c <= '9')
        *digit = c - '0';
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        *digit = (c | 0x20u) - 'a' + 10u;
    else
        return false;
    return true;
}

static bool take_size(struct body *body, uint8_t c)
{
    unsigned digit;
    if (hex_digit(c, &digit)) {
        body->left = body->left * 16 + digit;
        return ++body->digits <= DIGITS_MAX;
    }
    body->step = c == '\r' ? BODY_SIZE_LF : BODY_EXTENSION;
    return body->digits > 0 && (c == '\r' || c == ';');
}

static bool take_trailer(struct body *body, uint8_t c)
{
    if (c == '\r') {
        body->step = BODY_TRAILER_LF;
        return true;
    }
    bool folded = body->column++ == 0 && (c == ' ' || c == '\t');
    return !is_control(c) && !folded && ++body->extra <= EXTRA_MAX;
}

static enum body_progress end_trailer_line(struct body *body)
{
    if (body->column == 0)
        return BODY_DONE;
    body->column = 0;
    body->step = BODY_TRAILER;
    return BODY_MORE;
}

/* One byte of framing. */
static enum body_progress take_byte(struct body *body, uint8_t c)
{
    bool good = false;
    switch (body->step) {
    case BODY_SIZE:
        good = take_size(body, c);
        break;
    case BODY_EXTENSION:
        if (c == '\r')
            body->step = BODY_SIZE_LF;
        good = c == '\r' || (!is_control(c) && ++body->extra <= EXTRA_MAX);
        break;
    case BODY_SIZE_LF:
        body->step = body->left > 0 ? BODY_CHUNK : BODY_TRAILER;
        body->extra = 0;
        good = c == '\n';
        break;
    case BODY_CHUNK_CR:
        body->step = BODY_CHUNK_LF;
        good = c == '\r';
        break;
    case BODY_CHUNK_LF:
        body->step = BODY_SIZE;
        body->digits = 0;
        good = c == '\n';
        break;
    case BODY_TRAILER:
        good = take_trailer(body, c);
        break;
    case BODY_TRAILER_LF:
        return c == '\n' ? end_trailer_line(body) : BODY_BROKEN;
    case BODY_BYTES:
    case BODY_CHUNK:
    case BODY_REST:
        break;
    }
    return good ? BODY_MORE : BODY_BROKEN;
}

static struct span take_payload(struct body *body, struct span in)
{
    struct span piece = span_head(in, body->left < in.len ? (size_t)body->left : in.len);
    body->left -= piece.len;
    return piece;
}

/* One piece of payload, or one byte of framing. */
static enum body_progress advance(struct body *body, struct span in, size_t *n, struct span *piece)
{
    *piece = span_head(in, 0);
    switch (body->step) {
    case BODY_BYTES:
        *piece = take_payload(body, in);
        *n = piece->len;
        return body->left == 0 ? BODY_DONE : BODY_MORE;
    case BODY_CHUNK:
        *piece = take_payload(body, in);
        *n = piece->len;
        if (body->left == 0)
            body->step = BODY_CHUNK_CR;
        return BODY_MORE;
    case BODY_REST:
        *piece = in;
        *n = in.len;
        return BODY_MORE;
    default:
        *n = 1;
        return take_byte(body, in.at[0]);
    }
}

enum body_progress body_read(struct body *body, struct span in, size_t *taken, struct span *piece)
{
    enum body_progress progress = body->step == BODY_BYTES && body->left == 0 ? BODY_DONE : BODY_MORE;
    *taken = 0;
    *piece = span_head(in, 0);
    while (progress == BODY_MORE && piece->len == 0 && *taken < in.len) {
        size_t n;
        progress = advance(body, span_tail(in, *taken), &n, piece);
        *taken += n;
    }
    body->received += *taken;
    return progress;
}

enum body_progress body_feed(struct body *body, struct span in, size_t *taken)
{
    enum body_progress progress = BODY_MORE;
    *taken = 0;
    while (progress == BODY_MORE && *taken < in.len) {
        size_t n;
        struct span piece;
        progress = body_read(body, span_tail(in, *taken), &n, &piece);
        *taken += n;
    }
    return progress;
}
