/* A session fed arbitrary bytes. The first byte of the input chooses role, limit, pauses and other settings; the rest is what
 * the peer sends. If all of the first byte's upper five bits are set the session has agreed on compression, and sends back
 * what it hears; a second byte chooses how.
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
    bool echoes;
};

/* What the first bytes of the input have chosen. */
struct choice {
    enum websocket_role role;
    bool pauses;
    size_t cut;
    struct websocket_settings settings;
    bool compresses;
    bool passes; /* what comes compressed is sent back as it came */
    struct websocket_deflate agreed;
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
    if (play->echoes)
        endpoint_send(play->endpoint, kind, piece, last);
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

/* Until it wants more bytes: with a pause after each piece, and a breath of the clock for what inflates to much. */
static void go_on(struct play *play)
{
    endpoint_pause(play->endpoint, false);
    loop_settle(&play->loop);
    while (play->paused && !play->over) {
        assert(play->echoes);
        play->loop.now++;
        deadlines_expire(&play->loop.deadlines, play->loop.now);
        endpoint_pause(play->endpoint, false);
        loop_settle(&play->loop);
    }
}

static void feed(struct play *play, const uint8_t *bytes, size_t size, size_t chunk)
{
    while (size > 0 && !play->over) {
        size_t n = size < chunk ? size : chunk;
        size_t taken = give(play, bytes, n);
        bytes += taken;
        size -= taken;
        go_on(play);
    }
    if (!play->over)
        play->stream.on->on_eof(play->stream.user);
    run(play);
}

/* Bits 0 to 2: role, limit, pauses. The rest: how small the cuts are, and which of the options are set. */
enum { CUTS = 7, VARIANTS = 5 };

static struct websocket_settings settings_of(uint8_t first)
{
    unsigned variant = (first >> 3) / CUTS % VARIANTS;
    return (struct websocket_settings){
        .max_message = first & 2 ? 300 : 0,
        .close_timeout = 1000,
        .max_frame = variant == 1 ? 100 : 0,
        .echo_close = variant == 1,
        .mask_server_frames = variant == 2,
        .accept_unmasked = variant == 2,
        .accept_any_text = variant == 3,
        .drop_on_fault = variant == 4,
    };
}

static void choose_compression(struct choice *choice, uint8_t second)
{
    bool takeover = second & 16;
    choice->compresses = true;
    choice->passes = second & 8;
    choice->cut = 1 + second % 8;
    choice->settings = (struct websocket_settings){
        .max_message = choice->settings.max_message,
        .close_timeout = 1000,
        .max_fragment = second & 64 ? 50 : 0,
        .accept_unmasked = true,
        .accept_any_text = second & 32,
    };
    choice->agreed = (struct websocket_deflate){
        .in = {.window_bits = second & 128 ? 8 : 15, .takeover = takeover},
        .out = {.window_bits = 9, .takeover = takeover},
        .memory_level = 1,
    };
}

/* Returns how many bytes it took. */
static size_t choose(struct choice *choice, const uint8_t *bytes)
{
    *choice = (struct choice){
        .role = bytes[0] & 1 ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER,
        .pauses = bytes[0] & 4,
        .cut = 1 + (bytes[0] >> 3) % CUTS,
        .settings = settings_of(bytes[0]),
    };
    if (bytes[0] >> 3 != 31)
        return 1;
    choose_compression(choice, bytes[1]);
    return 2;
}

static struct play play_out(const struct choice *choice, const uint8_t *bytes, size_t size, size_t chunk)
{
    static struct counters counters;
    struct play play = {.stream.ops = &stream_ops,
                        .masks = choice->role == WEBSOCKET_CLIENT || choice->settings.mask_server_frames,
                        .pauses = choice->pauses,
                        .paused = true,
                        .echoes = choice->compresses};
    log_init(&play.log, 2, LOG_QUIET, "fuzz");
    bool worked = loop_init(&play.loop, NULL, &play.log, &counters);
    play.loop.websockets = websocket_codec_new();
    assert(worked && play.loop.websockets);
    task_init(&play.bury, bury);
    play.endpoint = websocket_session_new(&play.loop, &play.stream, choice->role, &choice->settings,
                                          choice->compresses ? &choice->agreed : NULL);
    assert(play.endpoint);
    endpoint_attach(play.endpoint, &endpoint_user, &play);
    if (choice->passes)
        websocket_session_join(play.endpoint, play.endpoint);
    loop_settle(&play.loop);
    feed(&play, bytes, size, chunk);
    if (!play.over) /* a client that waits for the server's end */
        play.stream.on->on_eof(play.stream.user);
    run(&play);
    assert(play.ended && codec_lent(play.loop.websockets) == 0);
    assert(compression_lent(codec_compression(play.loop.websockets)) == 0);
    websocket_codec_free(play.loop.websockets);
    loop_deinit(&play.loop);
    return play;
}

static bool is_fault_of_peer(enum ending why)
{
    return why == ENDING_WS_PROTOCOL || why == ENDING_WS_TOO_LARGE || why == ENDING_WS_BAD_DEFLATE ||
           why == ENDING_WS_BAD_TEXT;
}

/* What is wrong in a compressed message is found when it is inflated; what is wrong with a frame behind it may be found first.
 * And what is sent back is framed as it came. A reference to what is farther back than a small window is found out or not by how
 * the message was cut (deflate.h). */
static void compare(const struct choice *choice, const struct play *whole, const struct play *cut)
{
    if (choice->compresses && choice->agreed.in.window_bits < 15)
        return;
    assert(whole->heard == cut->heard);
    if (choice->compresses) {
        assert(whole->why == cut->why || (is_fault_of_peer(whole->why) && is_fault_of_peer(cut->why)));
        return;
    }
    assert(whole->said == cut->said && whole->why == cut->why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choice choice;
    if (size < 3)
        return 0;
    size_t taken = choose(&choice, data);
    struct play whole = play_out(&choice, data + taken, size - taken, size);
    struct play cut = play_out(&choice, data + taken, size - taken, choice.cut);
    compare(&choice, &whole, &cut);
    return 0;
}
