/* A session fed arbitrary bytes. The first byte of the input chooses role, limit, pauses and other settings; the rest is what
 * the peer sends.
 * It is played twice, whole and in small cuts: both must hear the same, say the same and end the same, and leave nothing. */
#include "codec.h"

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
    uint64_t heard;   /* hash of whole messages and of the Close */
    uint64_t message; /* hash of the message under way */
    uint64_t said;    /* hash of what was written, in role client its length */
    bool masks;
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
        play->said = play->masks ? play->said + bytes.len : mix(play->said, bytes);
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

static void stream_op_gather(struct stream *stream)
{
    assert(!play_of(stream)->over);
}

static const struct stream_ops stream_ops = {.write = stream_op_write,
                                             .pause = stream_op_pause,
                                             .finish = stream_op_finish,
                                             .abort = stream_op_abort,
                                             .queued = stream_op_queued,
                                             .gather = stream_op_gather};

static void bury(struct task *task)
{
    struct play *play = CONTAINER_OF(task, struct play, bury);
    play->stream.on->on_end(play->stream.user, ENDING_DONE);
}

static void on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct play *play = user;
    uint8_t tag = (uint8_t)kind;
    play->message = mix(play->message, piece);
    if (last) {
        play->heard = mix(mix(play->heard, span_of(&tag, 1)), span_of(&play->message, sizeof play->message));
        play->message = 0;
    }
    if (play->pauses)
        endpoint_pause(play->endpoint, true);
}

static void on_room(void *user)
{
    (void)user;
}

static void on_close(void *user, uint16_t code, struct span reason)
{
    struct play *play = user;
    play->heard = mix(mix(play->heard, span_of(&code, sizeof code)), reason);
}

static void on_end(void *user, enum ending why)
{
    struct play *play = user;
    assert(!play->ended);
    play->ended = true;
    play->why = why;
}

static const struct endpoint_user endpoint_user = {on_message, on_room, on_close, on_end};

static void run(struct play *play)
{
    loop_settle(&play->loop);
    loop_bury(&play->loop);
}

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
    run(play);
}

/* Bits 0 to 2: role, limit, pauses. The rest: how small the cuts are, and which of the options are set. */
enum { CUTS = 7, VARIANTS = 5 };

static size_t cut_of(uint8_t choice)
{
    return 1 + (choice >> 3) % CUTS;
}

static struct websocket_settings settings_of(uint8_t choice)
{
    unsigned variant = (choice >> 3) / CUTS % VARIANTS;
    return (struct websocket_settings){
        .max_message = choice & 2 ? 300 : 0,
        .close_timeout = 1,
        .max_frame = variant == 1 ? 100 : 0,
        .echo_close = variant == 1,
        .mask_server_frames = variant == 2,
        .accept_unmasked = variant == 2,
        .accept_any_text = variant == 3,
        .drop_on_fault = variant == 4,
    };
}

static struct play play_out(uint8_t choice, const uint8_t *bytes, size_t size, size_t chunk)
{
    static struct counters counters;
    const struct websocket_settings settings = settings_of(choice);
    enum websocket_role role = choice & 1 ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER;
    struct play play = {.stream.ops = &stream_ops,
                        .masks = choice & 1 || settings.mask_server_frames,
                        .pauses = choice & 4,
                        .paused = true};
    log_init(&play.log, 2, LOG_QUIET, "fuzz");
    bool worked = loop_init(&play.loop, NULL, &play.log, &counters);
    play.loop.websockets = websocket_codec_new();
    assert(worked && play.loop.websockets);
    task_init(&play.bury, bury);
    play.endpoint = websocket_session_new(&play.loop, &play.stream, role, &settings, NULL);
    assert(play.endpoint);
    endpoint_attach(play.endpoint, &endpoint_user, &play);
    loop_settle(&play.loop);
    feed(&play, bytes, size, chunk);
    if (!play.over) /* a client that waits for the server's end */
        play.stream.on->on_eof(play.stream.user);
    run(&play);
    assert(play.ended && codec_lent(play.loop.websockets) == 0);
    websocket_codec_free(play.loop.websockets);
    loop_deinit(&play.loop);
    return play;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t chunk = cut_of(data[0]);
    struct play whole = play_out(data[0], data + 1, size - 1, size);
    struct play cut = play_out(data[0], data + 1, size - 1, chunk);
    assert(whole.heard == cut.heard && whole.said == cut.said && whole.why == cut.why);
    return 0;
}
