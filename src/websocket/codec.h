/* What the sessions of one loop share: the writer, randomness, receivers which are lent while a message is in flight, and the
 * contexts of compression. */
#ifndef CROSSGATE_WEBSOCKET_CODEC_H
#define CROSSGATE_WEBSOCKET_CODEC_H

#include "compression.h"
#include "receiver.h"
#include "writer.h"

/* An idle one, the last put back first (it is warm in the cache). NULL when memory is out. */
struct receiver *codec_get_receiver(struct websocket_codec *codec) __attribute__((warn_unused_result));

/* Keeps it for the next one if it is idle; else it is of no more use. */
void codec_put_receiver(struct websocket_codec *codec, struct receiver *receiver);

struct writer *codec_writer(struct websocket_codec *codec);

struct randomness *codec_randomness(struct websocket_codec *codec);

struct compression_pool *codec_compression(struct websocket_codec *codec);

/* Receivers that sessions hold now. */
size_t codec_lent(const struct websocket_codec *codec);

#endif
