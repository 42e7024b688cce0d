/* Sessions with permessage-deflate: what goes onto the wire, what is heard, what is kept, and what is passed on as it came. */
#include "ear.h"

#include "codec.h"
#include "packing.h"

enum { PLENTY = 6 * 1024 * 1024 };

static const struct websocket_settings usual = {.close_timeout = 1000};

#define WAY(bits, keeps)                                                                                               \
    {                                                                                                                  \
        .window_bits = (bits), .takeover = (keeps)                                                                     \
    }
static const struct websocket_deflate alone = {.in = WAY(15, false), .out = WAY(15, false), .memory_level = 8};
static const struct websocket_deflate takeover = {.in = WAY(15, true), .out = WAY(15, true), .memory_level = 8};
static const struct websocket_deflate small = {.in = WAY(9, false), .out = WAY(9, false), .memory_level = 1};

/* One session, whose peer is the test. */
struct single {
    struct fake_world world;
    struct fake fake;
    struct ear ear;
    struct compression_pool *pool;
};

static void single_start(struct single *t, enum websocket_role role, const struct websocket_settings *settings,
                         const struct websocket_deflate *agreed)
{
    fake_world_init(&t->world);
    fake_init(&t->fake, &t->world.loop);
    ear_start_packed(&t->ear, &t->fake, role, settings, agreed);
    t->pool = codec_compression(t->world.loop.websockets);
}

static void ear_stop(struct ear *ear, struct fake *fake)
{
    if (!ear->ended)
        endpoint_abort(ear->endpoint, ENDING_PEER_LEFT);
    fake_run(fake->loop);
    assert_true(ear->ended);
    free(ear->text.at);
    fake_deinit(fake);
}

static void single_stop(struct single *t)
{
    ear_stop(&t->ear, &t->fake);
    assert_int_equal(compression_lent(t->pool), 0);
    assert_true(deadlines_next(&t->world.loop.deadlines) == UINT64_MAX);
    fake_world_deinit(&t->world);
}

static void feed(struct fake *fake, uint8_t first, struct span payload)
{
    struct frame_text text = {0};
    frame_put(&text, first, true, payload);
    fake_feed(fake, span_of(text.at, text.length));
    free(text.at);
}

/* A whole message, compressed on its own. On the heap. */
static struct frame_text packed(struct span message)
{
    static uint8_t room[65536];
    struct frame_text text = {0};
    struct deflater *deflater = deflater_new(15, 8);
    struct deflate_io io = {.in = message, .last = true, .to = room, .size = sizeof room};
    enum deflate_event event;
    assert_non_null(deflater);
    do {
        event = deflater_next(deflater, &io);
        text.at = realloc(text.at, text.length + io.out.len + 1);
        memcpy(text.at + text.length, io.out.at, io.out.len);
        text.length += io.out.len;
    } while (event == DEFLATE_FULL);
    assert_int_equal(event, DEFLATE_DONE);
    deflater_free(deflater);
    return text;
}

static void feed_packed(struct fake *fake, uint8_t first, struct span message)
{
    struct frame_text text = packed(message);
    feed(fake, first, span_of(text.at, text.length));
    free(text.at);
}

/* Cuts the next frame off what was sent. Frames are unmasked in place, so each is looked at once. */
static struct frame_seen sent_frame(struct fake *fake, size_t *from)
{
    struct frame_seen seen;
    uint8_t *at = fake->sent + *from;
    size_t left = fake->sent_length - *from;
    assert_true(frame_cut(&at, &left, &seen));
    *from = fake->sent_length - left;
    return seen;
}

static unsigned close_code_sent(struct fake *fake)
{
    size_t from = 0;
    struct frame_seen seen = sent_frame(fake, &from);
    assert_int_equal(seen.first, 0x88);
    assert_int_equal(from, fake->sent_length);
    return (unsigned)(seen.payload.at[0] << 8 | seen.payload.at[1]);
}

static uint8_t *noise(size_t size)
{
    uint8_t *bytes = malloc(size);
    uint32_t x = 1;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes;
}

/* ---- both ways */

struct both {
    struct fake_world world;
    struct fake server_fake, client_fake;
    struct ear server, client;
};

static void both_start(struct both *t, const struct websocket_settings *settings,
                       const struct websocket_deflate *agreed)
{
    fake_world_init(&t->world);
    fake_pair(&t->server_fake, &t->client_fake, &t->world.loop);
    ear_start_packed(&t->server, &t->server_fake, WEBSOCKET_SERVER, settings, agreed);
    ear_start_packed(&t->client, &t->client_fake, WEBSOCKET_CLIENT, settings, agreed);
}

static void both_stop(struct both *t)
{
    endpoint_close(t->client.endpoint, 1000, SPAN(""));
    fake_run(&t->world.loop);
    assert_true(t->server.ended && t->client.ended);
    assert_int_equal(compression_lent(codec_compression(t->world.loop.websockets)), 0);
    free(t->server.text.at);
    free(t->client.text.at);
    fake_deinit(&t->server_fake);
    fake_deinit(&t->client_fake);
    fake_world_deinit(&t->world);
}

static void hears(struct both *t, struct ear *from, struct ear *to, struct span message, size_t cut)
{
    to->text.length = 0;
    size_t messages = to->messages;
    for (struct span rest = message;;) {
        struct span part = span_head(rest, cut);
        rest = span_tail(rest, part.len);
        endpoint_send(from->endpoint, MESSAGE_BINARY, part, rest.len == 0);
        if (rest.len == 0)
            break;
    }
    fake_run(&t->world.loop);
    assert_int_equal(to->messages, messages + 1);
    assert_int_equal(to->kind, MESSAGE_BINARY);
    assert_int_equal(to->text.length, message.len);
    assert_true(message.len == 0 || memcmp(to->text.at, message.at, message.len) == 0);
}

static void messages_pass_both_ways_at_all_sizes_and_cuts(void **state)
{
    (void)state;
    static const struct websocket_deflate *const agreements[] = {&alone, &takeover, &small};
    static const struct websocket_settings limits[] = {{.close_timeout = 1000},
                                                       {.close_timeout = 1000, .max_fragment = 1000}};
    static const size_t sizes[] = {0, 1, 63, 64, 1000, 16384, 65536, 200000}, cuts[] = {PLENTY, 700, 20000};
    uint8_t *random = noise(200000), *even = malloc(200000);
    memset(even, 'e', 200000);
    for (size_t i = 0; i < 6; i++) {
        struct both t;
        both_start(&t, &limits[i / 3], agreements[i % 3]);
        for (size_t j = 0; j < 24; j++) {
            hears(&t, &t.client, &t.server, span_of(random, sizes[j % 8]), cuts[j / 8]);
            hears(&t, &t.server, &t.client, span_of(random, sizes[j % 8]), cuts[j / 8]);
            hears(&t, &t.server, &t.client, span_of(even, sizes[j % 8]), cuts[j / 8]);
        }
        assert_int_equal(t.world.counters->messages_in, 24);
        assert_int_equal(t.world.counters->messages_out, 48);
        both_stop(&t);
    }
    free(random);
    free(even);
}

/* ---- sending */

static void rsv1_is_on_the_first_frame_of_a_message_only(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.close_timeout = 1000, .max_fragment = 100};
    struct single t;
    uint8_t *random = noise(250);
    size_t from = 0;
    single_start(&t, WEBSOCKET_SERVER, &settings, &alone);
    /* The first piece yields nothing yet: there is no frame without a byte. */
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("a"), false);
    fake_run(&t.world.loop);
    assert_int_equal(t.fake.sent_length, 0);
    feed(&t.fake, 0x89, SPAN("ping"));
    assert_int_equal(sent_frame(&t.fake, &from).first, 0x8A);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, span_of(random, 250), true);
    fake_run(&t.world.loop);
    assert_int_equal(sent_frame(&t.fake, &from).first, 0x41);
    assert_int_equal(sent_frame(&t.fake, &from).first, 0x00);
    assert_int_equal(sent_frame(&t.fake, &from).first, 0x80);
    assert_int_equal(from, t.fake.sent_length);
    free(random);
    single_stop(&t);
}

static void short_messages_are_worth_it_with_takeover_only(void **state)
{
    (void)state;
    const struct websocket_deflate *const agreements[] = {&alone, &takeover};
    for (size_t i = 0; i < 2; i++) {
        struct single t;
        size_t from = 0;
        single_start(&t, WEBSOCKET_SERVER, &usual, agreements[i]);
        endpoint_send(t.ear.endpoint, MESSAGE_BINARY, SPAN("short"), true);
        fake_run(&t.world.loop);
        struct frame_seen seen = sent_frame(&t.fake, &from);
        assert_int_equal(seen.first, i == 0 ? 0x82 : 0xC2);
        assert_int_equal(span_equal(seen.payload, SPAN("short")), i == 0);
        single_stop(&t);
    }
}

static void a_short_last_piece_goes_with_its_message(void **state)
{
    (void)state;
    struct single t;
    size_t from = 0;
    single_start(&t, WEBSOCKET_SERVER, &usual, &alone);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("Hel"), false);
    endpoint_send(t.ear.endpoint, MESSAGE_TEXT, SPAN("lo"), true);
    fake_run(&t.world.loop);
    struct frame_seen seen = sent_frame(&t.fake, &from);
    assert_int_equal(seen.first, 0xC1);
    assert_true(span_equal(seen.payload, SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00"))); /* RFC 7692 section 7.2.3.1 */
    single_stop(&t);
}

/* ---- receiving */

static void fragments_and_plain_messages_are_heard(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &usual, &alone);
    feed(&t.fake, 0x41, SPAN("\xf2\x48\xcd"));
    feed(&t.fake, 0x89, SPAN("between"));
    feed(&t.fake, 0x80, SPAN("\xc9\xc9\x07\x00"));
    assert_true(heard(&t.ear, "Hello"));
    assert_int_equal(t.ear.kind, MESSAGE_TEXT);
    feed(&t.fake, 0x81, SPAN(", not compressed"));
    assert_true(heard(&t.ear, "Hello, not compressed"));
    feed(&t.fake, 0xC2, SPAN("\x00"));
    assert_int_equal(t.ear.messages, 3);
    assert_int_equal(t.ear.kind, MESSAGE_BINARY);
    single_stop(&t);
}

static void an_idle_session_without_takeover_holds_no_context(void **state)
{
    (void)state;
    uint8_t *random = noise(1000);
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &usual, &alone);
    feed(&t.fake, 0x41, SPAN("\xf2\x48\xcd"));
    assert_int_equal(compression_lent(t.pool), 1);
    feed(&t.fake, 0x80, SPAN("\xc9\xc9\x07\x00"));
    endpoint_send(t.ear.endpoint, MESSAGE_BINARY, span_of(random, 1000), true);
    fake_run(&t.world.loop);
    assert_int_equal(compression_lent(t.pool), 0);
    assert_int_equal(codec_lent(t.world.loop.websockets), 0);
    free(random);
    single_stop(&t);
}

struct fault {
    uint8_t first;
    const char *payload;
    size_t length;
    enum ending why;
    unsigned code;
};

#define PAYLOAD(text) (text), sizeof(text) - 1

static void what_is_wrong_inside_ends_the_session(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {0xC2, PAYLOAD("\xff\xff\xff"), ENDING_WS_BAD_DEFLATE, 1007},
        {0xC1, PAYLOAD("\xf2\x48"), ENDING_WS_BAD_DEFLATE, 1007},                           /* ends within a block */
        {0xC1, PAYLOAD("\x00\x01\x00\xfe\xff\xff\x00"), ENDING_WS_BAD_TEXT, 1007},          /* one byte, 0xFF */
        {0xC1, PAYLOAD("\x00\x01\x00\xfe\xff\xc3\x00"), ENDING_WS_BAD_TEXT, 1007},          /* a character cut off */
        {0xC2, PAYLOAD("\x62\x18\x05\xa3\x60\x14\x0c\x00\x00"), ENDING_WS_TOO_LARGE, 1009}, /* some hundred zeros */
        {0xC9, PAYLOAD("ping"), ENDING_WS_PROTOCOL, 1002},
        {0xC0, PAYLOAD("\xf2\x48"), ENDING_WS_PROTOCOL, 1002},
    };
    static const struct websocket_settings settings = {.close_timeout = 1000, .max_message = 100};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct single t;
        single_start(&t, WEBSOCKET_SERVER, &settings, &alone);
        feed(&t.fake, faults[i].first, span_of(faults[i].payload, faults[i].length));
        assert_true(t.ear.ended);
        assert_int_equal(t.ear.why, faults[i].why);
        assert_int_equal(t.ear.messages, 0);
        assert_int_equal(close_code_sent(&t.fake), faults[i].code);
        single_stop(&t);
    }
}

static void rsv1_without_agreement_is_refused(void **state)
{
    (void)state;
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &usual, NULL);
    feed(&t.fake, 0xC1, SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00"));
    assert_int_equal(t.ear.why, ENDING_WS_PROTOCOL);
    single_stop(&t);
}

static void text_may_be_passed_on_unread(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.close_timeout = 1000, .accept_any_text = true};
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &settings, &alone);
    feed(&t.fake, 0xC1, SPAN("\x00\x01\x00\xfe\xff\xff\x00"));
    assert_true(heard(&t.ear, "\xff"));
    single_stop(&t);
}

/* The limit is one of what it inflates to: neither more than that many bytes on the wire nor one more inflated matters before. */
static void a_message_at_the_limit_is_heard_and_one_over_it_is_not(void **state)
{
    (void)state;
    enum { LIMIT = 10000 };
    static const struct websocket_settings settings = {.close_timeout = 1000, .max_message = LIMIT};
    uint8_t *random = noise(LIMIT + 1);
    struct frame_text grown = packed(span_of(random, LIMIT));
    assert_true(grown.length > LIMIT);
    free(grown.at);
    for (size_t over = 0; over < 2; over++) {
        struct single t;
        single_start(&t, WEBSOCKET_SERVER, &settings, &alone);
        feed_packed(&t.fake, 0xC2, span_of(random, LIMIT + over));
        assert_int_equal(t.ear.messages, 1 - over);
        assert_int_equal(t.ear.ended, over);
        assert_true(over == 0 || t.ear.why == ENDING_WS_TOO_LARGE);
        single_stop(&t);
    }
    free(random);
}

/* Nine bits a byte: what the fixed codes make of bytes from 144 on. And many small blocks. */
static void whoever_compresses_badly_may_still_use_the_limit(void **state)
{
    (void)state;
    enum { LIMIT = 10000 };
    static const struct websocket_settings settings = {.close_timeout = 1000, .max_message = LIMIT};
    uint8_t *random = noise(LIMIT);
    struct both t;
    both_start(&t, &settings, &small);
    hears(&t, &t.client, &t.server, span_of(random, LIMIT), PLENTY);
    both_stop(&t);
    free(random);
}

static void announced_bytes_have_a_limit_of_their_own(void **state)
{
    (void)state;
    static const struct websocket_settings settings = {.close_timeout = 1000, .max_message = 1000};
    static const uint8_t head[] = {0xC2, 0xFE, 0x10, 0x00, 1, 2, 3, 4};
    struct single t;
    single_start(&t, WEBSOCKET_SERVER, &settings, &alone);
    fake_feed(&t.fake, span_of(head, sizeof head));
    assert_int_equal(t.ear.why, ENDING_WS_TOO_LARGE);
    single_stop(&t);
}

/* ---- bombs */

static struct frame_text bomb(size_t size)
{
    uint8_t *zeros = calloc(1, size);
    struct frame_text text = packed(span_of(zeros, size));
    free(zeros);
    return text;
}

static void a_bomb_waits_compressed_while_its_reader_is_paused(void **state)
{
    (void)state;
    struct single t;
    struct frame_text text = bomb(PLENTY);
    single_start(&t, WEBSOCKET_SERVER, &usual, &alone);
    t.ear.pause_at_once = true;
    struct frame_text frames = {0};
    frame_put(&frames, 0xC2, true, span_of(text.at, text.length));
    frame_put(&frames, 0x88, true, SPAN("\x03\xe8"));
    fake_feed(&t.fake, span_of(frames.at, frames.length));
    size_t turns = 1;
    while (t.ear.messages == 0) {
        assert_int_equal(t.ear.pieces, turns);
        assert_int_equal(t.ear.closes, 0);
        assert_true(t.ear.text.length <= turns * LOOP_MESSAGE_BYTES);
        endpoint_pause(t.ear.endpoint, false);
        fake_run(&t.world.loop);
        turns++;
    }
    assert_int_equal(t.ear.text.length, PLENTY);
    assert_int_equal(t.ear.closes, 0);
    endpoint_pause(t.ear.endpoint, false);
    fake_run(&t.world.loop);
    assert_int_equal(t.ear.code, 1000);
    free(frames.at);
    free(text.at);
    single_stop(&t);
}

/* The engine alone: a piece that is kept after each event, and is longer than a block of the buffer that keeps it. */
static void a_piece_may_be_kept_at_any_time(void **state)
{
    (void)state;
    enum { ZEROS = 1000000, NOISE = 60000 };
    struct fake_world world;
    uint8_t *message = calloc(1, ZEROS + NOISE), *random = noise(NOISE);
    memcpy(message + ZEROS, random, NOISE);
    struct frame_text text = packed(span_of(message, ZEROS + NOISE));
    assert_true(text.length > 2 * POOL_BLOCK_BYTES);
    fake_world_init(&world);
    for (size_t i = 0; i < 3; i++) {
        const struct websocket_settings settings = {.max_message = i == 2 ? 0 : PLENTY};
        struct compression_pool *pool = codec_compression(world.loop.websockets);
        struct packing *packing = packing_new(&world.loop.pool, &alone, NULL);
        struct span expected = i == 0 ? span_of(message, ZEROS + NOISE) : span_of(text.at, text.length);
        struct receiver_item item = {
            .kind = MESSAGE_BINARY, .bytes = span_of(text.at, text.length), .last = true, .rsv1 = true};
        size_t length = 0;
        packing->passes = i > 0;
        packing_take(packing, &item);
        do {
            assert_true(packing_keep(packing));
            assert_int_equal(packing_next(packing, pool, &settings, &item), PACKING_PIECE);
            assert_true(item.bytes.len <= expected.len - length);
            assert_true(item.bytes.len == 0 || memcmp(item.bytes.at, expected.at + length, item.bytes.len) == 0);
            length += item.bytes.len;
        } while (!item.last);
        assert_int_equal(length, expected.len);
        assert_int_equal(packing_next(packing, pool, &settings, &item), PACKING_DONE);
        assert_false(packing_is_busy(packing));
        packing_free(packing, pool);
    }
    fake_world_deinit(&world);
    free(message);
    free(random);
    free(text.at);
}

static void a_paused_bomb_is_given_up_with_its_session(void **state)
{
    (void)state;
    struct frame_text text = bomb(PLENTY);
    for (size_t i = 0; i < 3; i++) {
        struct single t;
        single_start(&t, WEBSOCKET_SERVER, &usual, &takeover);
        t.ear.pause_at_once = true;
        feed(&t.fake, 0xC2, span_of(text.at, text.length));
        assert_int_equal(t.ear.pieces, 1);
        if (i == 0)
            endpoint_close(t.ear.endpoint, 1000, SPAN("")); /* what still comes is dropped */
        if (i == 1)
            endpoint_abort(t.ear.endpoint, ENDING_GOING_AWAY);
        fake_run(&t.world.loop);
        if (i == 0)
            feed(&t.fake, 0x88, SPAN("\x03\xe8"));
        assert_int_equal(t.ear.ended, i < 2);
        assert_int_equal(t.ear.pieces, 1);
        single_stop(&t);
    }
    free(text.at);
}

static void a_bomb_lets_others_have_their_turn(void **state)
{
    (void)state;
    struct single t;
    struct frame_text text = bomb(PLENTY);
    single_start(&t, WEBSOCKET_SERVER, &usual, &alone);
    feed(&t.fake, 0xC2, span_of(text.at, text.length));
    for (size_t turns = 1; turns * PACKING_BURST < PLENTY; turns++) {
        assert_int_equal(t.ear.messages, 0);
        assert_in_range(t.ear.text.length, turns * PACKING_BURST, turns * PACKING_BURST + LOOP_MESSAGE_BYTES);
        fake_run(&t.world.loop);
        assert_in_range(t.ear.text.length, turns * PACKING_BURST, turns * PACKING_BURST + LOOP_MESSAGE_BYTES);
        fake_wait(&t.world.loop, PACKING_BREATH);
    }
    fake_wait(&t.world.loop, PACKING_BREATH);
    assert_int_equal(t.ear.text.length, PLENTY);
    assert_int_equal(t.ear.messages, 1);
    feed(&t.fake, 0x81, SPAN("later"));
    assert_int_equal(t.ear.messages, 2);
    free(text.at);
    single_stop(&t);
}

/* ---- passed on as it came */

/* Two sessions; what one hears the other sends. */
struct way {
    struct endpoint *to;
    struct ear ear;
};

struct pair {
    struct fake_world world;
    struct fake front_fake, back_fake;
    struct way front, back;
    struct compression_pool *pool;
};

static void pass_on(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct way *way = user;
    ear_on_message(&way->ear, kind, piece, last);
    endpoint_send(way->to, kind, piece, last);
}

static void way_on_room(void *user)
{
    ear_on_room(&((struct way *)user)->ear);
}

static void way_on_close(void *user, uint16_t code, struct span reason)
{
    ear_on_close(&((struct way *)user)->ear, code, reason);
}

static void way_on_end(void *user, enum ending why)
{
    ear_on_end(&((struct way *)user)->ear, why);
}

static const struct endpoint_user way_user = {pass_on, way_on_room, way_on_close, way_on_end};

static void way_start(struct way *way, struct fake *fake, enum websocket_role role,
                      const struct websocket_settings *settings, const struct websocket_deflate *agreed)
{
    ear_start_packed(&way->ear, fake, role, settings, agreed);
    endpoint_attach(way->ear.endpoint, &way_user, way);
}

static void pair_start(struct pair *t, const struct websocket_settings *settings, const struct websocket_deflate *front,
                       const struct websocket_deflate *back)
{
    fake_world_init(&t->world);
    fake_init(&t->front_fake, &t->world.loop);
    fake_init(&t->back_fake, &t->world.loop);
    way_start(&t->front, &t->front_fake, WEBSOCKET_SERVER, settings, front);
    way_start(&t->back, &t->back_fake, WEBSOCKET_CLIENT, &usual, back);
    t->front.to = t->back.ear.endpoint;
    t->back.to = t->front.ear.endpoint;
    t->pool = codec_compression(t->world.loop.websockets);
}

static void pair_stop(struct pair *t)
{
    ear_stop(&t->front.ear, &t->front_fake);
    ear_stop(&t->back.ear, &t->back_fake);
    assert_int_equal(compression_lent(t->pool), 0);
    fake_world_deinit(&t->world);
}

/* "Hello" in a block of its own and a final one: nobody would compress it like that here. */
#define HELLO SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\x00")

static void what_fits_is_passed_on_as_it_came(void **state)
{
    (void)state;
    static const struct websocket_settings settings[] = {
        {.close_timeout = 1000},
        {.close_timeout = 1000, .accept_any_text = true},
        {.close_timeout = 1000, .max_message = 5},
    };
    for (size_t i = 0; i < 6; i++) {
        struct pair t;
        size_t from = 0;
        bool text = i >= 3;
        pair_start(&t, &settings[i % 3], &alone, &alone);
        websocket_session_join(t.front.ear.endpoint, t.back.ear.endpoint);
        feed(&t.front_fake, text ? 0xC1 : 0xC2, HELLO);
        assert_int_equal(t.front.ear.kind, text ? MESSAGE_PACKED_TEXT : MESSAGE_PACKED_BINARY);
        struct frame_seen seen = sent_frame(&t.back_fake, &from);
        assert_int_equal(seen.first, text ? 0xC1 : 0xC2);
        assert_true(span_equal(seen.payload, HELLO));
        /* In fragments, and a plain one behind it. */
        feed(&t.front_fake, text ? 0x41 : 0x42, span_head(HELLO, 3));
        feed(&t.front_fake, 0x80, span_tail(HELLO, 3));
        feed(&t.front_fake, 0x81, SPAN("plain"));
        seen = sent_frame(&t.back_fake, &from);
        assert_int_equal(seen.first, text ? 0x41 : 0x42);
        assert_true(span_equal(seen.payload, span_head(HELLO, 3)));
        seen = sent_frame(&t.back_fake, &from);
        assert_int_equal(seen.first, 0x80);
        assert_true(span_equal(seen.payload, span_tail(HELLO, 3)));
        assert_true(span_equal(sent_frame(&t.back_fake, &from).payload, SPAN("plain")));
        assert_int_equal(from, t.back_fake.sent_length);
        pair_stop(&t);
    }
}

/* Contexts are borrowed for what is judged only. */
static void nobody_inflates_what_nobody_judges(void **state)
{
    (void)state;
    struct pair t;
    pair_start(&t, &usual, &alone, &alone);
    websocket_session_join(t.front.ear.endpoint, t.back.ear.endpoint);
    feed(&t.front_fake, 0x42, span_head(HELLO, 3));
    assert_int_equal(compression_lent(t.pool), 0);
    feed(&t.front_fake, 0x80, span_tail(HELLO, 3));
    feed(&t.front_fake, 0x41, span_head(HELLO, 3));
    assert_int_equal(compression_lent(t.pool), 1);
    feed(&t.front_fake, 0x80, span_tail(HELLO, 3));
    assert_int_equal(t.front.ear.messages, 2);
    pair_stop(&t);
}

static void what_is_passed_on_is_judged_all_the_same(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {0xC1, PAYLOAD("\xff\xff\xff"), ENDING_WS_BAD_DEFLATE, 1007},
        {0xC1, PAYLOAD("\x00\x01\x00\xfe\xff\xff\x00"), ENDING_WS_BAD_TEXT, 1007},
        {0xC2, PAYLOAD("\x62\x18\x05\xa3\x60\x14\x0c\x00\x00"), ENDING_WS_TOO_LARGE, 1009},
    };
    static const struct websocket_settings settings = {.close_timeout = 1000, .max_message = 100};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct pair t;
        pair_start(&t, &settings, &alone, &alone);
        websocket_session_join(t.front.ear.endpoint, t.back.ear.endpoint);
        feed(&t.front_fake, faults[i].first, span_of(faults[i].payload, faults[i].length));
        assert_int_equal(t.front.ear.why, faults[i].why);
        assert_int_equal(t.front.ear.pieces, 0);
        assert_int_equal(t.back_fake.sent_length, 0);
        pair_stop(&t);
    }
}

/* Its pieces come with what has been judged, and whoever is paused has lost nothing. */
static void a_large_message_is_passed_on_in_turns(void **state)
{
    (void)state;
    struct pair t;
    struct frame_text text = bomb(PLENTY), sent = {0};
    pair_start(&t, &usual, &alone, &alone);
    websocket_session_join(t.front.ear.endpoint, t.back.ear.endpoint);
    t.front.ear.pause_at_once = true;
    feed(&t.front_fake, 0xC1, span_of(text.at, text.length));
    size_t turns = 1;
    for (; t.front.ear.messages == 0; turns++) {
        endpoint_pause(t.front.ear.endpoint, false);
        fake_run(&t.world.loop);
        fake_wait(&t.world.loop, PACKING_BREATH);
    }
    assert_true(turns > 3);
    assert_int_equal(t.front.ear.text.length, text.length);
    assert_memory_equal(t.front.ear.text.at, text.at, text.length);
    for (size_t from = 0; from < t.back_fake.sent_length;) {
        struct frame_seen seen = sent_frame(&t.back_fake, &from);
        assert_int_equal(seen.first & 0x40, sent.length == 0 ? 0x40 : 0);
        assert_int_equal(seen.first & 0x80, from == t.back_fake.sent_length ? 0x80 : 0);
        sent.at = realloc(sent.at, sent.length + seen.payload.len + 1);
        memcpy(sent.at + sent.length, seen.payload.at, seen.payload.len);
        sent.length += seen.payload.len;
    }
    assert_int_equal(sent.length, text.length);
    assert_memory_equal(sent.at, text.at, text.length);
    free(sent.at);
    free(text.at);
    pair_stop(&t);
}

static void what_does_not_fit_is_compressed_anew(void **state)
{
    (void)state;
    const struct {
        const struct websocket_deflate *front, *back;
    } rows[] = {{&alone, &small}, {&alone, &takeover}, {&takeover, &alone}, {&alone, NULL}, {NULL, &alone}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pair t;
        size_t from = 0;
        pair_start(&t, &usual, rows[i].front, rows[i].back);
        websocket_session_join(t.front.ear.endpoint, t.back.ear.endpoint);
        if (rows[i].front)
            feed(&t.front_fake, 0xC1, HELLO);
        else
            feed(&t.front_fake, 0x81, SPAN("Hello"));
        assert_int_equal(t.front.ear.kind, MESSAGE_TEXT);
        assert_true(heard(&t.front.ear, "Hello"));
        struct frame_seen seen = sent_frame(&t.back_fake, &from);
        assert_int_equal(seen.first, rows[i].back == &takeover ? 0xC1 : 0x81);
        assert_false(span_equal(seen.payload, HELLO));
        pair_stop(&t);
    }
}

static void each_direction_is_judged_on_its_own(void **state)
{
    (void)state;
    struct pair t;
    pair_start(&t, &usual, &alone, &small);
    websocket_session_join(t.front.ear.endpoint, t.back.ear.endpoint);
    struct frame_text text = {0};
    frame_put(&text, 0xC2, false, HELLO);
    fake_feed(&t.back_fake, span_of(text.at, text.length));
    assert_int_equal(t.back.ear.kind, MESSAGE_PACKED_BINARY);
    feed(&t.front_fake, 0xC2, HELLO);
    assert_int_equal(t.front.ear.kind, MESSAGE_BINARY);
    free(text.at);
    pair_stop(&t);
}

static void who_is_joined_within_a_message_hears_its_rest_as_before(void **state)
{
    (void)state;
    struct pair t;
    pair_start(&t, &usual, &alone, &alone);
    feed(&t.front_fake, 0x42, span_head(HELLO, 3));
    websocket_session_join(t.front.ear.endpoint, t.back.ear.endpoint);
    feed(&t.front_fake, 0x80, span_tail(HELLO, 3));
    assert_true(heard(&t.front.ear, "Hello"));
    assert_int_equal(t.front.ear.kind, MESSAGE_BINARY);
    feed(&t.front_fake, 0xC2, HELLO);
    assert_int_equal(t.front.ear.kind, MESSAGE_PACKED_BINARY);
    pair_stop(&t);
}

static void an_echo_is_joined_with_itself(void **state)
{
    (void)state;
    const struct websocket_deflate *const agreements[] = {&alone, &takeover};
    for (size_t i = 0; i < 2; i++) {
        struct fake_world world;
        struct fake fake;
        struct way way;
        size_t from = 0;
        fake_world_init(&world);
        fake_init(&fake, &world.loop);
        way_start(&way, &fake, WEBSOCKET_SERVER, &usual, agreements[i]);
        way.to = way.ear.endpoint;
        websocket_session_join(way.to, way.to);
        feed(&fake, 0xC1, HELLO);
        struct frame_seen seen = sent_frame(&fake, &from);
        assert_int_equal(seen.first, 0xC1);
        assert_int_equal(span_equal(seen.payload, HELLO), i == 0);
        ear_stop(&way.ear, &fake);
        fake_world_deinit(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_pass_both_ways_at_all_sizes_and_cuts),
        cmocka_unit_test(rsv1_is_on_the_first_frame_of_a_message_only),
        cmocka_unit_test(short_messages_are_worth_it_with_takeover_only),
        cmocka_unit_test(a_short_last_piece_goes_with_its_message),
        cmocka_unit_test(fragments_and_plain_messages_are_heard),
        cmocka_unit_test(an_idle_session_without_takeover_holds_no_context),
        cmocka_unit_test(what_is_wrong_inside_ends_the_session),
        cmocka_unit_test(rsv1_without_agreement_is_refused),
        cmocka_unit_test(text_may_be_passed_on_unread),
        cmocka_unit_test(a_message_at_the_limit_is_heard_and_one_over_it_is_not),
        cmocka_unit_test(whoever_compresses_badly_may_still_use_the_limit),
        cmocka_unit_test(announced_bytes_have_a_limit_of_their_own),
        cmocka_unit_test(a_bomb_waits_compressed_while_its_reader_is_paused),
        cmocka_unit_test(a_piece_may_be_kept_at_any_time),
        cmocka_unit_test(a_paused_bomb_is_given_up_with_its_session),
        cmocka_unit_test(a_bomb_lets_others_have_their_turn),
        cmocka_unit_test(what_fits_is_passed_on_as_it_came),
        cmocka_unit_test(nobody_inflates_what_nobody_judges),
        cmocka_unit_test(what_is_passed_on_is_judged_all_the_same),
        cmocka_unit_test(a_large_message_is_passed_on_in_turns),
        cmocka_unit_test(what_does_not_fit_is_compressed_anew),
        cmocka_unit_test(each_direction_is_judged_on_its_own),
        cmocka_unit_test(who_is_joined_within_a_message_hears_its_rest_as_before),
        cmocka_unit_test(an_echo_is_joined_with_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
