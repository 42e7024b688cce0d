/* A handshake of both roles and a session fed arbitrary bytes. The first byte of the input chooses serializer, limit and
 * pauses; the rest is what the peer sends. The session is played twice, whole and in small cuts: both must hear the same, say
 * the same and end the same, and leave nothing. */
#include "crossgate/wamp.h"

#include <assert.h>
#include <stdlib.h>

struct play {
    struct stream stream;
    struct loop loop;
    struct log log;
    struct task bury;
    struct endpoint *endpoint;
    bool pauses;
    bool paused;
    bool over; /* finished or aborted */
    bool ended;
    enum ending why;
    uint64_t heard;   /* hash of whole messages */
    uint64_t message; /* hash of the message under way */
    uint64_t said;    /* hash of what was written */
};

static struct play *play_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct play, stream);
}

static uint64_t mix(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ bytes.at[i]) * 0x100000001B3;
    return hash;
}

static bool stream_op_write(struct stream *stream, struct span bytes)
{
    struct play *play = play_of(stream);
    if (!play->over)
        play->said = mix(play->said, bytes);
    return true;
}

static void stream_op_pause(struct stream *stream, bool paused)
{
    play_of(stream)->paused = paused;
}

static void stream_op_finish(struct stream *stream)
{
    struct play *play = play_of(stream);
    assert(!play->over);
    play->over = true;
    loop_defer(&play->loop, PHASE_BURY, &play->bury);
}

static void stream_op_abort(struct stream *stream, enum ending why)
{
    (void)why;
    stream_op_finish(stream);
}

static size_t stream_op_queued(const struct stream *stream)
{
    (void)stream;
    return 0;
}

static const struct stream_ops stream_ops = {.write = stream_op_write,
                                             .pause = stream_op_pause,
                                             .finish = stream_op_finish,
                                             .abort = stream_op_abort,
                                             .queued = stream_op_queued};

static void bury(struct task *task)
{
    struct play *play = CONTAINER_OF(task, struct play, bury);
    play->stream.on->on_end(play->stream.user, ENDING_DONE);
}

/* What is heard is sent back, too. */
static void on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct play *play = user;
    play->message = mix(play->message, piece);
    if (last) {
        play->heard = mix(play->heard, span_of(&play->message, sizeof play->message));
        play->message = 0;
    }
    (void)endpoint_send(play->endpoint, kind, piece, last);
    if (play->pauses)
        endpoint_pause(play->endpoint, true);
}

static void on_room(void *user)
{
    (void)user;
}

static void on_close(void *user, uint16_t code, struct span reason)
{
    (void)user;
    (void)code;
    (void)reason;
    abort(); /* RawSocket has no goodbye */
}

static void on_end(void *user, enum ending why)
{
    struct play *play = user;
    assert(!play->ended);
    play->ended = true;
    play->why = why;
}

static const struct endpoint_user endpoint_user = {on_message, on_room, on_close, on_end};

/* Each part lies in memory of its own size. */
static size_t give(struct play *play, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size);
    assert(copy);
    memcpy(copy, bytes, size);
    size_t taken = play->stream.on->on_bytes(play->stream.user, span_of(copy, size));
    assert(taken <= size && (taken == size || play->paused));
    free(copy);
    return taken;
}

static void feed(struct play *play, const uint8_t *bytes, size_t size, size_t chunk)
{
    while (size > 0 && !play->over) {
        size_t n = size < chunk ? size : chunk;
        size_t taken = give(play, bytes, n);
        bytes += taken;
        size -= taken;
        endpoint_pause(play->endpoint, false);
        loop_settle(&play->loop);
        assert(play->over || !play->paused);
    }
    if (!play->over)
        play->stream.on->on_eof(play->stream.user);
    loop_settle(&play->loop);
    loop_bury(&play->loop);
}

static struct play play_out(uint8_t choice, const uint8_t *bytes, size_t size, size_t chunk)
{
    static struct counters counters;
    const struct rawsocket_settings settings = {.max_message = choice & 2 ? 512 : 1 << 20};
    const struct rawsocket_terms terms = {wamp_by_number(choice & 1 ? 1 : 3), choice & 2 ? 1024 : 1 << 20};
    struct play play = {.stream.ops = &stream_ops, .pauses = choice & 4, .paused = true};
    log_init(&play.log, 2, LOG_QUIET, "fuzz");
    bool worked = loop_init(&play.loop, NULL, &play.log, &counters);
    assert(worked);
    task_init(&play.bury, bury);
    play.endpoint = rawsocket_session_new(&play.loop, &play.stream, RAWSOCKET_SERVER, &terms, &settings);
    assert(play.endpoint);
    endpoint_attach(play.endpoint, &endpoint_user, &play);
    loop_settle(&play.loop);
    feed(&play, bytes, size, chunk);
    assert(play.ended);
    loop_deinit(&play.loop);
    return play;
}

static void shake_hands(const uint8_t bytes[RAWSOCKET_HANDSHAKE])
{
    struct rawsocket_terms terms;
    uint8_t refusal[RAWSOCKET_HANDSHAKE];
    const char *reason = NULL;
    if (rawsocket_request_check(bytes, WAMP_SERIALIZERS_USUAL, &terms, refusal) == ENDING_DONE) {
        uint8_t again[RAWSOCKET_HANDSHAKE];
        rawsocket_print(terms.serializer, terms.accepts, again);
        assert(memcmp(again, bytes, sizeof again) == 0);
    }
    if (rawsocket_answer_check(bytes, wamp_by_number(3), &terms, &reason) == ENDING_BACKEND_DENIED)
        assert(reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + RAWSOCKET_HANDSHAKE)
        return 0;
    shake_hands(data + 1);
    size_t chunk = 1 + (data[0] >> 3) % 7;
    struct play whole = play_out(data[0], data + 1, size - 1, size);
    struct play cut = play_out(data[0], data + 1, size - 1, chunk);
    assert(whole.heard == cut.heard && whole.said == cut.said && whole.why == cut.why);
    return 0;
}
