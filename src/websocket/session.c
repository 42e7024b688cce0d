/* A WebSocket session: a stream below, an endpoint above.
 *
 *            endpoint_close ──> closing ──their Close──┐
 *   open ──┤                                           ├──> closed ──server: at once; client: FIN──> ended
 *            their Close, answered ────────────────────┘
 *     └── fault, abort: Close if the row has a code ──> ended (finish, or abort without a code)
 *
 * What a session keeps while it is idle is this struct, and struct packing if it has agreed on compression: the receiver is
 * lent by the loop's codec from the first byte of a message to its last. A peer that stops in the middle of one has as much
 * time as one that is silent between two: what finds it gone are pings. */
#include "codec.h"
#include "packing.h"
#include "pinger.h"

#include <assert.h>

struct session;

struct session_state {
    bool reads;  /* frames are looked at; else bytes are dropped */
    bool speaks; /* frames are sent, messages are passed on */
    bool knows;  /* how it ends is for the session to say, not for the stream */
    void (*on_eof)(struct session *session);
    void (*on_deadline)(struct session *session);
};

struct session {
    struct endpoint endpoint;
    struct outlet outlet; /* its deadline is the state's: for progress while it is open, then for the end */
    const struct websocket_settings *settings; /* not touched any more in state ended */
    const struct session_state *state;
    struct receiver *receiver; /* NULL while nothing is in flight */
    struct packing *packing;   /* NULL: no compression */
    struct pinger pinger;      /* stopped in all states but open */
    struct task resume;
    enum websocket_role role;
    enum ending why;
    bool sends_message; /* a message's first frame has been sent, its last has not */
    bool paused;        /* by our user */
    bool choked;        /* by our own answers to a peer that asks faster than it reads */
    bool stream_paused; /* what the stream has been told */
    bool heard;         /* bytes came since the last ping */
};

static const struct session_state state_open, state_closing, state_closed, state_ended;

static struct session *session_of(struct endpoint *endpoint)
{
    return CONTAINER_OF(endpoint, struct session, endpoint);
}

/* The only writer of the state. */
static void enter(struct session *session, const struct session_state *state, uint32_t limit)
{
    session->state = state;
    pinger_stop(&session->pinger);
    if (session->packing)
        deadline_disarm(&session->packing->breath);
    deadline_arm(&session->outlet.loop->deadlines, &session->outlet.deadline, limit, session->outlet.loop->now);
}

static bool takes_breath(const struct session *session)
{
    return session->packing && deadline_is_armed(&session->packing->breath);
}

static bool must_pause(const struct session *session)
{
    return session->state == &state_open && (session->paused || session->choked || takes_breath(session));
}

/* Pauses at once. Goes on from PHASE_SETTLE only: on_bytes of the stream may be on the stack, ours or that of the user
 * before us, and must first say how many bytes it leaves to be delivered again. */
static void settle_reading(struct session *session)
{
    bool paused = must_pause(session);
    if (session->stream_paused == paused)
        return;
    if (!paused) {
        loop_defer(session->outlet.loop, PHASE_SETTLE, &session->resume);
        return;
    }
    session->stream_paused = true;
    stream_pause(session->outlet.stream, true);
}

static void unpack(struct session *session);

/* Of what is inflated. */
static void begin_turn(struct session *session)
{
    if (session->packing)
        session->packing->inflated = 0;
}

/* What is left of a piece that was inflated when the pause came is passed on before the stream goes on. */
static void resume(struct task *task)
{
    struct session *session = CONTAINER_OF(task, struct session, resume);
    if (must_pause(session))
        return;
    session->stream_paused = false;
    begin_turn(session);
    unpack(session);
    if (!session->stream_paused && session->state != &state_ended)
        stream_pause(session->outlet.stream, false);
}

/* ---- endings */

/* The one way out. Politely: the stream sends what is queued and lets the peer read our last words. */
static void end(struct session *session, enum ending why, bool politely)
{
    assert(session->state != &state_ended);
    session->why = why;
    enter(session, &state_ended, 0);
    task_cancel(&session->resume);
    if (politely)
        stream_finish(session->outlet.stream);
    else
        stream_abort(session->outlet.stream, why);
}

static void on_deadline(struct deadline *deadline)
{
    struct session *session = CONTAINER_OF(deadline, struct session, outlet.deadline);
    session->state->on_deadline(session);
}

static void peer_left(struct session *session)
{
    end(session, ENDING_PEER_LEFT, false);
}

static void close_late(struct session *session)
{
    end(session, ENDING_CLOSE_LATE, false);
}

static void finish(struct session *session)
{
    end(session, ENDING_DONE, true);
}

/* ---- sending */

static void check_progress(struct session *session)
{
    if (outlet_is_stalled(&session->outlet))
        end(session, ENDING_WRITE_STALLED, false);
}

static bool masks(const struct session *session)
{
    return session->role == WEBSOCKET_CLIENT || session->settings->mask_server_frames;
}

/* True: more may be written. */
static bool send_frame(struct session *session, int first_byte, struct span payload)
{
    const struct frame frame = {(uint8_t)first_byte, masks(session), payload};
    if (!writer_send(codec_writer(session->outlet.loop->websockets), &session->outlet, &frame)) {
        end(session, ENDING_INTERNAL, false);
        return true;
    }
    return !session->outlet.full;
}

static bool send_control(struct session *session, enum frame_opcode opcode, struct span payload)
{
    return send_frame(session, (int)opcode | FRAME_FIN, payload);
}

static void send_close(struct session *session, uint16_t code, struct span reason)
{
    uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX];
    size_t length = frame_close_print(code, reason, payload);
    send_control(session, FRAME_CLOSE, span_of(payload, length));
}

static bool is_text(enum message_kind kind)
{
    return kind == MESSAGE_TEXT || kind == MESSAGE_PACKED_TEXT;
}

static bool is_packed(enum message_kind kind)
{
    return kind == MESSAGE_PACKED_TEXT || kind == MESSAGE_PACKED_BINARY;
}

/* A piece of a message as it goes onto the wire, in as many frames as the settings ask for. An empty one is a frame, too. */
static bool send_piece(struct session *session, enum message_kind kind, struct span piece, bool last)
{
    uint64_t most = session->settings->max_fragment;
    bool room;
    do {
        int first_byte = FRAME_CONTINUATION;
        if (!session->sends_message)
            first_byte = (is_text(kind) ? FRAME_TEXT : FRAME_BINARY) | (is_packed(kind) ? FRAME_RSV1 : 0);
        struct span payload = most > 0 && most < piece.len ? span_head(piece, (size_t)most) : piece;
        piece = span_tail(piece, payload.len);
        bool fin = last && piece.len == 0;
        session->sends_message = !fin;
        room = send_frame(session, first_byte | (fin ? FRAME_FIN : 0), payload);
    } while (piece.len > 0 && session->state->speaks);
    return room;
}

/* Deflate gives nothing yet for most pieces that are not the last. */
static bool compress_piece(struct session *session, enum message_kind kind, struct span piece, bool last)
{
    struct compression_pool *pool = codec_compression(session->outlet.loop->websockets);
    struct deflate_io io = {.in = piece, .last = last};
    enum deflate_event event;
    kind = is_text(kind) ? MESSAGE_PACKED_TEXT : MESSAGE_PACKED_BINARY;
    do {
        event = compression_deflate(pool, &session->packing->compression, &io);
        if (event == DEFLATE_FAULT)
            endpoint_abort(&session->endpoint, io.why);
        else if (io.out.len > 0 || event == DEFLATE_DONE)
            send_piece(session, kind, io.out, event == DEFLATE_DONE);
    } while (event == DEFLATE_FULL && session->state->speaks);
    return !session->outlet.full;
}

static bool session_send(struct endpoint *endpoint, enum message_kind kind, struct span piece, bool last)
{
    struct session *session = session_of(endpoint);
    if (!session->state->speaks)
        return true;
    assert(session->packing || !is_packed(kind));
    if (last && session->role == WEBSOCKET_SERVER)
        counter_add(&session->outlet.loop->counters->messages_out, 1);
    if (session->packing && !is_packed(kind) && packing_compresses(session->packing, piece, last))
        return compress_piece(session, kind, piece, last);
    return send_piece(session, kind, piece, last);
}

/* ---- pings of our own */

static void rest_from_pings(struct session *session)
{
    pinger_rest(&session->pinger, &session->outlet.loop->deadlines, session->settings, session->outlet.loop->now);
}

static void ask(struct session *session)
{
    uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX];
    struct loop *loop = session->outlet.loop;
    struct randomness *randomness = codec_randomness(loop->websockets);
    if (!pinger_ask(&session->pinger, &loop->deadlines, session->settings, loop->now, randomness, payload)) {
        end(session, ENDING_INTERNAL, false);
        return;
    }
    outlet_look(&session->outlet);
    session->heard = session->outlet.drained = false;
    send_control(session, FRAME_PING, span_of(payload, session->settings->ping_size));
}

/* Could the Pong have come? Not while we do not read, nor as long as the ping may still wait behind what a slow peer is
 * taking. A peer that takes nothing is not waited for. */
static bool pong_was_possible(struct session *session)
{
    bool still_queued = outlet_look(&session->outlet) > 0 && session->outlet.drained;
    session->outlet.drained = false;
    return !session->stream_paused && !still_queued;
}

static void on_ping_time(struct deadline *deadline)
{
    struct session *session = CONTAINER_OF(deadline, struct session, pinger.deadline);
    const struct websocket_settings *settings = session->settings;
    if (session->pinger.asked == 0 || settings->ping_timeout == 0)
        ask(session);
    else if (session->heard && !settings->only_pong_counts)
        rest_from_pings(session);
    else if (!pong_was_possible(session))
        pinger_wait_on(&session->pinger, &session->outlet.loop->deadlines, settings, session->outlet.loop->now);
    else
        end(session, ENDING_PONG_LATE, false);
}

/* ---- what the user asks */

static void session_pause(struct endpoint *endpoint, bool paused)
{
    struct session *session = session_of(endpoint);
    session->paused = paused;
    settle_reading(session);
}

static void session_close(struct endpoint *endpoint, uint16_t code, struct span reason)
{
    struct session *session = session_of(endpoint);
    if (!session->state->speaks)
        return;
    send_close(session, code, reason);
    if (session->state == &state_ended)
        return;
    enter(session, &state_closing, session->settings->close_timeout);
    settle_reading(session);
}

static void session_abort(struct endpoint *endpoint, enum ending why)
{
    struct session *session = session_of(endpoint);
    const struct ending_row *row = ending_row(why);
    if (session->state->speaks && row->ws != 0)
        send_close(session, row->ws, span_string(row->text));
    if (session->state != &state_ended)
        end(session, why, row->ws != 0);
}

static const struct endpoint_ops endpoint_ops = {
    .send = session_send,
    .pause = session_pause,
    .close = session_close,
    .abort = session_abort,
};

/* ---- receiving */

static void on_piece(struct session *session, const struct receiver_item *item)
{
    if (!session->state->speaks)
        return;
    if (item->last && session->role == WEBSOCKET_SERVER)
        counter_add(&session->outlet.loop->counters->messages_in, 1);
    session->endpoint.on->on_message(session->endpoint.user, item->kind, item->bytes, item->last);
}

static void on_ping(struct session *session, struct span payload)
{
    if (!session->state->speaks || send_control(session, FRAME_PONG, payload))
        return;
    session->choked = true;
    settle_reading(session);
}

static void on_pong(struct session *session, struct span payload)
{
    if (pinger_is_answer(&session->pinger, session->settings, payload))
        rest_from_pings(session);
}

/* RFC 6455 section 7.1.1: the server closes the connection first, the client waits for it. */
static void both_closed(struct session *session)
{
    if (session->role == WEBSOCKET_SERVER)
        finish(session);
    else
        enter(session, &state_closed, session->settings->close_timeout);
}

static void answer_close(struct session *session, uint16_t code, struct span reason)
{
    if (session->settings->echo_close)
        send_close(session, code, reason);
    else
        send_close(session, ending_row(ENDING_DONE)->ws, span_of(NULL, 0));
}

static void on_peer_close(struct session *session, uint16_t code, struct span reason)
{
    if (session->state->speaks) {
        answer_close(session, code, reason);
        if (session->state == &state_ended)
            return;
        enter(session, &state_closed, session->settings->close_timeout);
        session->endpoint.on->on_close(session->endpoint.user, code, reason);
    }
    if (session->state != &state_ended)
        both_closed(session);
}

static void on_fault(struct session *session, enum ending why)
{
    if (session->settings->drop_on_fault)
        end(session, why, false);
    else
        session_abort(&session->endpoint, why);
}

/* Others have their turn. */
static void take_breath(struct session *session)
{
    struct loop *loop = session->outlet.loop;
    deadline_arm(&loop->deadlines, &session->packing->breath, PACKING_BREATH, loop->now);
    settle_reading(session);
}

static void on_breath(struct deadline *deadline)
{
    settle_reading(CONTAINER_OF(deadline, struct packing, breath)->session);
}

static bool may_unpack(const struct session *session)
{
    return session->state->speaks && !session->stream_paused && packing_is_busy(session->packing);
}

static void unpack_some(struct session *session)
{
    struct packing *packing = session->packing;
    struct compression_pool *pool = codec_compression(session->outlet.loop->websockets);
    struct receiver_item item;
    switch (packing_next(packing, pool, session->settings, &item)) {
    case PACKING_DONE:
        break;
    case PACKING_PIECE:
        on_piece(session, &item);
        if (packing->inflated >= PACKING_BURST && session->state->speaks)
            take_breath(session);
        break;
    case PACKING_FAULT:
        on_fault(session, item.why);
        break;
    }
}

/* Until the piece is used up, or somebody has paused: a read of 64 KiB may hold 64 MiB. */
static void unpack(struct session *session)
{
    struct packing *packing = session->packing;
    if (!packing)
        return;
    while (may_unpack(session))
        unpack_some(session);
    if (session->state->speaks && !packing_keep(packing))
        session_abort(&session->endpoint, ENDING_MEMORY);
}

static void on_packed_piece(struct session *session, const struct receiver_item *item)
{
    if (!session->state->speaks)
        return;
    packing_take(session->packing, item);
    unpack(session);
}

/* More than deflate makes of any message, whatever codes it uses: a literal of the fixed ones has nine bits (RFC 1951 section
 * 3.2.6), and there is a block's head now and then. What it inflates to is limited where that is found out. */
static uint64_t longest_packed(uint64_t max_message)
{
    return max_message > 0 ? max_message + max_message / 4 + 64 : 0;
}

/* RFC 6455 section 5.1: clients mask, servers do not. */
static struct frame_rules rules_of(const struct session *session)
{
    const struct websocket_settings *settings = session->settings;
    bool server = session->role == WEBSOCKET_SERVER;
    return (struct frame_rules){
        .masked = server || settings->mask_server_frames,
        .unmasked = !server || settings->accept_unmasked,
        .any_text = settings->accept_any_text,
        .max_frame = settings->max_frame,
        .max_message = settings->max_message,
        .max_packed = longest_packed(settings->max_message),
        .rsv1 = session->packing != NULL,
    };
}

/* One event of the receiver. False: it needs more bytes. */
static bool step(struct session *session, struct span *in, const struct frame_rules *rules)
{
    struct receiver_item item;
    switch (receiver_next(session->receiver, in, rules, session->outlet.loop->message, &item)) {
    case RECEIVER_MORE:
        return false;
    case RECEIVER_PIECE:
        if (item.rsv1)
            on_packed_piece(session, &item);
        else
            on_piece(session, &item);
        break;
    case RECEIVER_PING:
        on_ping(session, item.bytes);
        break;
    case RECEIVER_PONG:
        on_pong(session, item.bytes);
        break;
    case RECEIVER_CLOSE:
        on_peer_close(session, item.code, item.bytes);
        break;
    case RECEIVER_FAULT:
        on_fault(session, item.why);
        break;
    }
    return true;
}

static bool wants_bytes(const struct session *session)
{
    return session->state->reads && !session->stream_paused;
}

static void read_frames(struct session *session, struct span *in)
{
    const struct frame_rules rules = rules_of(session);
    while (wants_bytes(session) && step(session, in, &rules))
        continue;
}

static void give_receiver_back(struct session *session)
{
    if (session->receiver)
        codec_put_receiver(session->outlet.loop->websockets, session->receiver);
    session->receiver = NULL;
}

static size_t on_bytes(void *user, struct span bytes)
{
    struct session *session = user;
    session->heard = true;
    begin_turn(session);
    if (session->state->reads && !session->receiver) {
        session->receiver = codec_get_receiver(session->outlet.loop->websockets);
        if (!session->receiver)
            session_abort(&session->endpoint, ENDING_MEMORY);
    }
    struct span rest = bytes;
    if (wants_bytes(session))
        read_frames(session, &rest);
    if (!session->state->reads)
        rest.len = 0;
    if (session->receiver && (!session->state->reads || receiver_is_idle(session->receiver)))
        give_receiver_back(session);
    return bytes.len - rest.len;
}

static void on_room(void *user)
{
    struct session *session = user;
    session->outlet.full = false;
    session->choked = false;
    settle_reading(session);
    if (session->state->speaks)
        session->endpoint.on->on_room(session->endpoint.user);
}

static void on_eof(void *user)
{
    struct session *session = user;
    session->state->on_eof(session);
}

static void on_end(void *user, enum ending why)
{
    struct session *session = user;
    give_receiver_back(session);
    deadline_disarm(&session->outlet.deadline);
    pinger_stop(&session->pinger);
    task_cancel(&session->resume);
    packing_free(session->packing, codec_compression(session->outlet.loop->websockets));
    if (session->role == WEBSOCKET_SERVER)
        counter_subtract(&session->outlet.loop->counters->websockets_open, 1);
    if (session->endpoint.on) /* else it was aborted before it had a user */
        session->endpoint.on->on_end(session->endpoint.user, session->state->knows ? session->why : why);
    slab_give(session);
}

/* The stream was open before the session came. */
static void on_open(void *user)
{
    (void)user;
}

static const struct stream_user stream_user = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_room = on_room,
    .on_eof = on_eof,
    .on_end = on_end,
};

/* ---- states */

static void nothing(struct session *session)
{
    (void)session;
}

static const struct session_state state_open = {
    .reads = true,
    .speaks = true,
    .on_eof = peer_left,
    .on_deadline = check_progress,
};
static const struct session_state state_closing = {
    .reads = true,
    .on_eof = peer_left,
    .on_deadline = close_late,
};
static const struct session_state state_closed = {
    .knows = true,
    .on_eof = finish,
    .on_deadline = close_late,
};
static const struct session_state state_ended = {
    .knows = true,
    .on_eof = nothing,
    .on_deadline = nothing,
};

/* ---- life */

static struct session *session_new(struct loop *loop, const struct websocket_deflate *agreed)
{
    struct session *session = slab_take(&loop->slabs, sizeof *session);
    if (!session || !agreed)
        return session;
    session->packing = packing_new(&loop->pool, agreed, on_breath);
    if (!session->packing) {
        slab_give(session);
        return NULL;
    }
    session->packing->session = session;
    return session;
}

struct endpoint *websocket_session_new(struct loop *loop, struct stream *stream, enum websocket_role role,
                                       const struct websocket_settings *settings,
                                       const struct websocket_deflate *agreed)
{
    struct session *session = session_new(loop, agreed);
    if (!session) {
        stream_abandon(stream, ENDING_MEMORY);
        return NULL;
    }
    session->endpoint.ops = &endpoint_ops;
    outlet_init(&session->outlet, loop, stream, settings->send_timeout, on_deadline);
    session->settings = settings;
    session->role = role;
    session->why = ENDING_DONE;
    pinger_init(&session->pinger, on_ping_time);
    task_init(&session->resume, resume);
    session->stream_paused = true;
    enter(session, &state_open, 0);
    rest_from_pings(session);
    if (role == WEBSOCKET_SERVER) {
        counter_add(&loop->counters->websockets_opened, 1);
        counter_add(&loop->counters->websockets_open, 1);
    }
    stream_attach(stream, &stream_user, session);
    if (settings->gather)
        stream_gather(stream);
    settle_reading(session);
    return &session->endpoint;
}

void websocket_session_join(struct endpoint *a, struct endpoint *b)
{
    if (a->ops != &endpoint_ops || b->ops != &endpoint_ops)
        return;
    struct packing *of_a = session_of(a)->packing, *of_b = session_of(b)->packing;
    if (!of_a || !of_b)
        return;
    of_a->passes = websocket_deflate_fits(&of_a->compression.agreed, &of_b->compression.agreed);
    of_b->passes = websocket_deflate_fits(&of_b->compression.agreed, &of_a->compression.agreed);
}
