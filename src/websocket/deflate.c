#include "deflate.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

/* How a flush ends, which the sender leaves out and the receiver puts back (RFC 7692 sections 7.2.1 and 7.2.2). */
enum { TAIL = 4 };
static const uint8_t tail[TAIL] = {0x00, 0x00, 0xFF, 0xFF};

/* What inflate() says in data_type when it stands between two blocks, with no bit of the last byte unused. */
enum { BETWEEN_BLOCKS = 128 };

struct inflater {
    z_stream zlib;
    bool in_message;
    bool aligned;     /* no byte has come since the message began, or since a final block: no block is under way */
    size_t tail_used; /* bytes of the tail that were put back */
    uint64_t length;  /* of the message so far, inflated */
};

struct deflater {
    z_stream zlib;
    bool in_message;
    uint8_t held[TAIL]; /* the last bytes that came out: they may be the tail */
    size_t held_length;
};

static unsigned int portion(size_t size)
{
    return size < UINT_MAX ? (unsigned int)size : UINT_MAX;
}

/* zlib's input is not const in its older headers. */
static void set_input(z_stream *zlib, struct span in)
{
    zlib->next_in = (Bytef *)(uintptr_t)in.at;
    zlib->avail_in = portion(in.len);
}

static void set_room(z_stream *zlib, uint8_t *to, size_t size)
{
    zlib->next_out = to;
    zlib->avail_out = portion(size);
}

/* ---- inflating */

struct inflater *inflater_new(unsigned int window_bits)
{
    assert(window_bits >= 8 && window_bits <= 15);
    struct inflater *inflater = calloc(1, sizeof *inflater);
    if (!inflater)
        return NULL;
    if (inflateInit2(&inflater->zlib, -(int)window_bits) != Z_OK) {
        free(inflater);
        return NULL;
    }
    inflater->aligned = true;
    return inflater;
}

void inflater_free(struct inflater *inflater)
{
    if (!inflater)
        return;
    inflateEnd(&inflater->zlib);
    free(inflater);
}

bool inflater_is_idle(const struct inflater *inflater)
{
    return !inflater->in_message;
}

void inflater_reset(struct inflater *inflater)
{
    assert(inflater_is_idle(inflater));
    int result = inflateReset(&inflater->zlib);
    assert(result == Z_OK);
}

/* Section 7.2.1: blocks may follow a final one, from the next byte on. zlib would look no further, and its inflateReset
 * would forget the window, to which they may refer. */
static void go_on_after_final_block(struct inflater *inflater)
{
    int result = inflateResetKeep(&inflater->zlib);
    assert(result == Z_OK);
    inflater->aligned = true;
}

/* Inflates until *in is used up or the room is. Also without input: output may wait inside. */
static enum ending take(struct inflater *inflater, struct span *in)
{
    z_stream *zlib = &inflater->zlib;
    do {
        set_input(zlib, *in);
        size_t given = zlib->avail_in;
        int result = inflate(zlib, Z_SYNC_FLUSH);
        size_t used = given - zlib->avail_in;
        *in = span_tail(*in, used);
        if (used > 0)
            inflater->aligned = false;
        if (result == Z_STREAM_END)
            go_on_after_final_block(inflater);
        else if (result == Z_BUF_ERROR) /* nothing to do */
            return ENDING_DONE;
        else if (result != Z_OK)
            return result == Z_MEM_ERROR ? ENDING_MEMORY : ENDING_WS_BAD_DEFLATE;
    } while (in->len > 0 && zlib->avail_out > 0);
    return ENDING_DONE;
}

static enum ending take_tail(struct inflater *inflater)
{
    if (inflater->tail_used == 0 && inflater->aligned)
        return ENDING_DONE;
    struct span rest = span_of(tail + inflater->tail_used, TAIL - inflater->tail_used);
    enum ending why = take(inflater, &rest);
    inflater->tail_used = TAIL - rest.len;
    return why;
}

/* The room for this call: no more than one byte over the limit, which tells that it was passed. */
static size_t room(const struct inflater *inflater, size_t size, uint64_t limit)
{
    if (limit == 0 || limit - inflater->length >= size)
        return size;
    return (size_t)(limit - inflater->length) + 1;
}

/* All bytes were taken, the tail's too, and nothing waits for room. */
static enum ending end_message(struct inflater *inflater)
{
    bool between = inflater->aligned || inflater->zlib.data_type == BETWEEN_BLOCKS;
    if (!between)
        return ENDING_WS_BAD_DEFLATE;
    inflater->in_message = false;
    inflater->aligned = true;
    inflater->tail_used = 0;
    inflater->length = 0;
    return ENDING_DONE;
}

static enum deflate_event fault(struct deflate_io *io, enum ending why)
{
    io->out.len = 0;
    io->why = why;
    return DEFLATE_FAULT;
}

enum deflate_event inflater_next(struct inflater *inflater, struct deflate_io *io, uint64_t limit)
{
    assert(io->size >= DEFLATE_ROOM_MIN);
    z_stream *zlib = &inflater->zlib;
    inflater->in_message = true;
    set_room(zlib, io->to, room(inflater, io->size, limit));
    enum ending why = take(inflater, &io->in);
    if (why == ENDING_DONE && io->in.len == 0 && io->last && zlib->avail_out > 0)
        why = take_tail(inflater);
    io->out = span_of(io->to, (size_t)(zlib->next_out - io->to));
    inflater->length += io->out.len;
    if (limit > 0 && inflater->length > limit) /* which came before whatever else was found */
        why = ENDING_WS_TOO_LARGE;
    if (why == ENDING_DONE && zlib->avail_out > 0 && io->last)
        why = end_message(inflater);
    if (why != ENDING_DONE)
        return fault(io, why);
    if (zlib->avail_out == 0)
        return DEFLATE_FULL;
    return io->last ? DEFLATE_DONE : DEFLATE_MORE;
}

/* ---- deflating */

struct deflater *deflater_new(unsigned int window_bits, unsigned int memory_level)
{
    assert(window_bits >= 9 && window_bits <= 15 && memory_level >= 1 && memory_level <= 9);
    struct deflater *deflater = calloc(1, sizeof *deflater);
    if (!deflater)
        return NULL;
    if (deflateInit2(&deflater->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -(int)window_bits, (int)memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(deflater);
        return NULL;
    }
    return deflater;
}

void deflater_free(struct deflater *deflater)
{
    if (!deflater)
        return;
    deflateEnd(&deflater->zlib);
    free(deflater);
}

size_t deflater_size(unsigned int window_bits, unsigned int memory_level)
{
    enum { STATE = 5952 };
    return sizeof(struct deflater) + STATE + ((size_t)4 << window_bits) + ((size_t)512 << memory_level);
}

bool deflater_is_idle(const struct deflater *deflater)
{
    return !deflater->in_message;
}

void deflater_reset(struct deflater *deflater)
{
    assert(deflater_is_idle(deflater));
    int result = deflateReset(&deflater->zlib);
    assert(result == Z_OK);
}

/* Of `length` bytes at `to` the last ones are kept for the next call. Returns how many are told. */
static size_t hold(struct deflater *deflater, const uint8_t *to, size_t length)
{
    deflater->held_length = length < TAIL ? length : TAIL;
    memcpy(deflater->held, to + length - deflater->held_length, deflater->held_length);
    return length - deflater->held_length;
}

/* Without the tail. Section 7.2.3.6: of a message without a byte the block's head is left; zlib makes no block at all if it has
 * flushed before and there is nothing since. */
static size_t end_output(struct deflater *deflater, uint8_t *to, size_t length)
{
    deflater->in_message = false;
    deflater->held_length = 0;
    if (length == 0) {
        to[0] = 0x00;
        return 1;
    }
    assert(length > TAIL - 1 && memcmp(to + length - TAIL, tail, TAIL) == 0);
    return length - TAIL;
}

enum deflate_event deflater_next(struct deflater *deflater, struct deflate_io *io)
{
    assert(io->size >= DEFLATE_ROOM_MIN);
    z_stream *zlib = &deflater->zlib;
    deflater->in_message = true;
    memcpy(io->to, deflater->held, deflater->held_length);
    set_room(zlib, io->to + deflater->held_length, io->size - deflater->held_length);
    set_input(zlib, io->in);
    size_t given = zlib->avail_in;
    bool flush = io->last && given == io->in.len;
    int result = deflate(zlib, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    assert(result == Z_OK || result == Z_BUF_ERROR);
    io->in = span_tail(io->in, given - zlib->avail_in);
    size_t length = (size_t)(zlib->next_out - io->to);
    bool ends = flush && zlib->avail_out > 0;
    io->out = span_of(io->to, ends ? end_output(deflater, io->to, length) : hold(deflater, io->to, length));
    if (ends)
        return DEFLATE_DONE;
    return zlib->avail_out == 0 || io->in.len > 0 || io->last ? DEFLATE_FULL : DEFLATE_MORE;
}
