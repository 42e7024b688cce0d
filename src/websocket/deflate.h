/* Payload of compressed messages, RFC 7692 section 7.2. Engines without I/O: bytes in, bytes out, bounded; the frames, with
 * RSV1 on a message's first, are the caller's.
 *
 *     io = {.in = piece, .last = is it the message's last one, .to, .size}
 *     do event = inflater_next(inflater, &io, limit), take io.out
 *     while event is DEFLATE_FULL
 *
 * The contexts are zlib's, and so is their memory, measured with zlib 1.2.13 (bytes; about the same in 1.3):
 *
 *     deflater    6 KiB + 2^(window_bits + 2) + 2^(memory_level + 9)    15, 8: 262 KiB    11, 4: 22 KiB    9, 1: 9 KiB
 *     inflater    7 KiB + 2^window_bits, which comes with the first byte     15: 39 KiB       11: 9 KiB
 *
 * So a session holds one only while it must (compression.h). */
#ifndef CROSSGATE_WEBSOCKET_DEFLATE_H
#define CROSSGATE_WEBSOCKET_DEFLATE_H

#include "crossgate/base/ending.h"
#include "crossgate/base/span.h"

enum deflate_event {
    DEFLATE_MORE,  /* `in` is used up: the message goes on with the next piece */
    DEFLATE_FULL,  /* `to` is full: to be called again before anything else */
    DEFLATE_DONE,  /* the message has ended */
    DEFLATE_FAULT, /* `why`; the engine may only be freed */
};

struct deflate_io {
    struct span in; /* what is left of the piece */
    bool last;      /* the message ends with it */
    uint8_t *to;
    size_t size; /* of `to`, at least DEFLATE_ROOM_MIN */
    struct span out;
    enum ending why;
};

enum { DEFLATE_ROOM_MIN = 16 };

/* window_bits: 8 to 15, as agreed. What is farther back is gone, save what the same call has made: a peer that refers to it is
 * mostly found out, not always. NULL when memory is out. */
struct inflater *inflater_new(unsigned int window_bits);
void inflater_free(struct inflater *inflater); /* accepts NULL */

/* `limit`: bytes of the whole message when inflated; 0: none. It is held while inflating: no more than limit + 1 bytes are ever
 * made. Faults: WS_BAD_DEFLATE, WS_TOO_LARGE, MEMORY. A message without a byte is an empty one, and the empty block at the end
 * may lack after a final one: Autobahn sends the former, and nothing is unclear about either. */
enum deflate_event inflater_next(struct inflater *inflater, struct deflate_io *io, uint64_t limit)
    __attribute__((warn_unused_result));

/* Between two messages, and without a fault. */
bool inflater_is_idle(const struct inflater *inflater);

/* Forgets all messages: as new. Only when idle. */
void inflater_reset(struct inflater *inflater);

/* window_bits: 9 to 15; memory_level: 1 to 9; zlib's usual effort, as Crossbar's. NULL when memory is out. */
struct deflater *deflater_new(unsigned int window_bits, unsigned int memory_level);
void deflater_free(struct deflater *deflater); /* accepts NULL */

/* Bytes that one takes, about. */
size_t deflater_size(unsigned int window_bits, unsigned int memory_level);

/* Never DEFLATE_FAULT. Pieces that are not the last may yield nothing yet. After a reset the next message refers to nothing,
 * which a receiver understands whatever was agreed on takeover. */
enum deflate_event deflater_next(struct deflater *deflater, struct deflate_io *io) __attribute__((warn_unused_result));

bool deflater_is_idle(const struct deflater *deflater);
void deflater_reset(struct deflater *deflater);

#endif
