/* What a session makes of frames: a table on the ground that the Autobahn test suite covers in its sections 1 to 7, and
 * the bounds of RFC 6455 beyond it. Every row is played in both roles, fed whole, halved, in threes and byte by byte.
 *
 * A row's frames are separated by "|". A frame is
 *     T t   text, final or not        B b   binary        C c   continuation
 *     P p   ping, final or not        O     pong          X     close
 *     0-9 before it: reserved bits    !     before it: masked as the peer must not
 *     :text      its payload; in it \xNN stands for that byte
 *     *N         N times the letter a
 *     =hex       instead of all this: bytes as they are, with the mask bit and key 0 set in what follows "@"
 * What is heard: messages "T[…]" "B[…]" (over 40 bytes: "T[#length]"), the Close "X[code reason]". What is said: "O[…]",
 * "X[code]"; the reason of a Close that we send is left out. */
#include "fake.h"

#include <stdio.h>

struct row {
    const char *name;
    const char *frames;
    const char *heard;
    const char *said;
    enum ending end;
};

#define GREET "Hello \xC2\xB5@\xC3\x9F\xC3\xB6\xC3\xA4\xC3\xBC\xC3\xA0\xC3\xA1-UTF-8!!"

static const struct row rows[] = {
    /* framing: sizes at which the head changes */
    {"empty text", "T:", "T[]", "", ENDING_PEER_LEFT},
    {"text of 125", "T*125", "T[#125]", "", ENDING_PEER_LEFT},
    {"text of 126", "T*126", "T[#126]", "", ENDING_PEER_LEFT},
    {"text of 127", "T*127", "T[#127]", "", ENDING_PEER_LEFT},
    {"text of 128", "T*128", "T[#128]", "", ENDING_PEER_LEFT},
    {"text of 4092", "T*4092", "T[#4092]", "", ENDING_PEER_LEFT},
    {"text of 65535", "T*65535", "T[#65535]", "", ENDING_PEER_LEFT},
    {"text of 65536", "T*65536", "T[#65536]", "", ENDING_PEER_LEFT},
    {"empty binary", "B:", "B[]", "", ENDING_PEER_LEFT},
    {"binary of 126", "B*126", "B[#126]", "", ENDING_PEER_LEFT},
    {"binary of 65536", "B*65536", "B[#65536]", "", ENDING_PEER_LEFT},
    {"binary of any bytes", "B:\xFE\xFF\x80", "B[\xFE\xFF\x80]", "", ENDING_PEER_LEFT},
    {"many messages", "T:a|B:b|T:|T:c", "T[a]B[b]T[]T[c]", "", ENDING_PEER_LEFT},
    {"16 bits for 125", "=81FE007D@", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"64 bits for 65535", "=81FF000000000000FFFF@", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"length of 2^63", "=81FF8000000000000000@", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"length of 2^64-1", "=82FFFFFFFFFFFFFFFFFF@", "", "X[1002]", ENDING_WS_PROTOCOL},
    /* pings and pongs */
    {"empty ping", "P:", "", "O[]", ENDING_PEER_LEFT},
    {"ping", "P:Hello", "", "O[Hello]", ENDING_PEER_LEFT},
    {"binary ping", "P:\xFF\xFE\xFD", "", "O[\xFF\xFE\xFD]", ENDING_PEER_LEFT},
    {"ping of 125", "P*125", "", "O[#125]", ENDING_PEER_LEFT},
    {"ping of 126", "P*126", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"ping in fragments", "p:a|C:b", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"pong nobody asked for", "O:x", "", "", ENDING_PEER_LEFT},
    {"pong, then ping", "O:x|P:y", "", "O[y]", ENDING_PEER_LEFT},
    {"pong of 126", "O*126", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"ten pings", "P:0|P:1|P:2|P:3|P:4|P:5|P:6|P:7|P:8|P:9", "", "O[0]O[1]O[2]O[3]O[4]O[5]O[6]O[7]O[8]O[9]",
     ENDING_PEER_LEFT},
    /* reserved bits */
    {"RSV3 on text", "1T:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"RSV2 on text", "2T:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"RSV1 on text, nothing negotiated", "4T:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"all bits on binary", "7B:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"RSV1 on ping", "4P:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"RSV3 on pong", "1O:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"RSV2 on close", "2X:\x03\xE8", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"RSV1 on a continuation", "t:a|4C:b", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"good, then bad", "T:a|P:b|2T:c|T:d", "T[a]", "O[b]X[1002]", ENDING_WS_PROTOCOL},
    /* opcodes */
    {"opcode 3", "=8381@=61", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"opcode 7", "=8781@=61", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"opcode 3 without payload", "=8380@", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"opcode 11", "=8B80@", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"opcode 15", "=8F81@=61", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"opcode 5 within a message", "t:a|=8581@=61", "", "X[1002]", ENDING_WS_PROTOCOL},
    /* masks */
    {"text masked the wrong way", "!T:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"ping masked the wrong way", "!P:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close masked the wrong way", "!X:\x03\xE8", "", "X[1002]", ENDING_WS_PROTOCOL},
    /* fragments */
    {"two fragments", "t:ab|C:cd", "T[abcd]", "", ENDING_PEER_LEFT},
    {"empty fragments", "t:|c:|c:|C:", "T[]", "", ENDING_PEER_LEFT},
    {"an empty first fragment", "b:|C:x", "B[x]", "", ENDING_PEER_LEFT},
    {"an empty last fragment", "b:x|C:", "B[x]", "", ENDING_PEER_LEFT},
    {"ping between fragments", "t:ab|P:p|C:cd", "T[abcd]", "O[p]", ENDING_PEER_LEFT},
    {"pong between fragments", "t:ab|O:p|c:cd|C:ef", "T[abcdef]", "", ENDING_PEER_LEFT},
    {"large fragments", "b*40000|c*40000|C*10", "B[#80010]", "", ENDING_PEER_LEFT},
    {"a fragment that fills the gathering place", "b*65536|C*1", "B[#65537]", "", ENDING_PEER_LEFT},
    {"an empty fragment behind a full gathering place", "b*65530|c:|C:", "B[#65530]", "", ENDING_PEER_LEFT},
    {"messages of fragments", "t:a|C:b|b:c|c:d|C:e|T:f", "T[ab]B[cde]T[f]", "", ENDING_PEER_LEFT},
    {"continuation of nothing", "C:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"continuation of nothing, not final", "c:x|C:y", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"continuation after the end", "t:a|C:b|C:c", "T[ab]", "X[1002]", ENDING_WS_PROTOCOL},
    {"text within a message", "t:a|T:b", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"binary within a text", "t:a|b:b", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"left within a message", "t:a|P:b", "", "O[b]", ENDING_PEER_LEFT},
    /* UTF-8 */
    {"text beyond ASCII", "T:" GREET, "T[" GREET "]", "", ENDING_PEER_LEFT},
    {"character over fragments", "t:\xCE|c:\xBA\xE1\xBD|C:\xB9", "T[\xCE\xBA\xE1\xBD\xB9]", "", ENDING_PEER_LEFT},
    {"fragments around a ping in mid-character", "t:\xCE|P:x|C:\xBA", "T[\xCE\xBA]", "O[x]", ENDING_PEER_LEFT},
    {"lowest and highest", "T:\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
     "T[\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF]", "", ENDING_PEER_LEFT},
    {"cut character at the end", "T:ab\xCE", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"cut character at the end of fragments", "t:ab\xE2|C:\x82", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"cut character, empty last fragment", "t:ab\xCE|C:", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"lone continuation byte", "T:\x80", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"overlong slash", "T:\xC0\xAF", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"overlong of three", "T:\xE0\x80\xAF", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"surrogate", "T:\xED\xA0\x80", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"beyond Unicode", "T:\xF4\x90\x80\x80", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"byte FE", "T:a\xFE", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"found before the message ends", "t:\xCE\xBA\xFF|T:x", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"a bad text after a good one", "T:ok|T:\xFF|T:no", "T[ok]", "X[1007]", ENDING_WS_BAD_TEXT},
    /* close */
    {"close without code", "X:", "X[1005 ]", "X[]", ENDING_DONE},
    {"close of one byte", "X:x", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 1000", "X:\x03\xE8", "X[1000 ]", "X[1000]", ENDING_DONE},
    {"close with reason", "X:\x03\xE8" GREET, "X[1000 " GREET "]", "X[1000]", ENDING_DONE},
    {"close with the longest reason",
     "X:\x03\xE8"
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
     "01234567890123456789012",
     "X[1000 #123]", "X[1000]", ENDING_DONE},
    {"close of 126", "X*126", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close not final", "=0880@", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close in fragments", "=0882@=03E8", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"reason not UTF-8", "X:\x03\xE8\xCE\xBA\xFF", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"reason with a cut character", "X:\x03\xE8\xCE", "", "X[1007]", ENDING_WS_BAD_TEXT},
    {"close 1001", "X:\x03\xE9", "X[1001 ]", "X[1001]", ENDING_DONE},
    {"close 1003", "X:\x03\xEB", "X[1003 ]", "X[1003]", ENDING_DONE},
    {"close 1007", "X:\x03\xEF", "X[1007 ]", "X[1007]", ENDING_DONE},
    {"close 1011", "X:\x03\xF3", "X[1011 ]", "X[1011]", ENDING_DONE},
    {"close 1012", "X:\x03\xF4", "X[1012 ]", "X[1012]", ENDING_DONE},
    {"close 1013", "X:\x03\xF5x", "X[1013 x]", "X[1013]", ENDING_DONE},
    {"close 1014", "X:\x03\xF6", "X[1014 ]", "X[1014]", ENDING_DONE},
    {"close 3000", "X:\x0B\xB8", "X[3000 ]", "X[3000]", ENDING_DONE},
    {"close 4999", "X:\x13\x87", "X[4999 ]", "X[4999]", ENDING_DONE},
    {"close 999", "X:\x03\xE7", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 1004", "X:\x03\xEC", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 1005", "X:\x03\xED", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 1006", "X:\x03\xEE", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 1015", "X:\x03\xF7", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 1016", "X:\x03\xF8", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 2999", "X:\x0B\xB7", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 5000", "X:\x13\x88", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"close 65535", "X:\xFF\xFF", "", "X[1002]", ENDING_WS_PROTOCOL},
    {"nothing after close is heard", "T:a|X:\x03\xE8|T:b|P:c", "T[a]X[1000 ]", "X[1000]", ENDING_DONE},
    {"two closes", "X:\x03\xE8|X:\x03\xE9", "X[1000 ]", "X[1000]", ENDING_DONE},
    {"rubbish after close", "X:\x03\xE8|=FFFFFFFF@", "X[1000 ]", "X[1000]", ENDING_DONE},
    {"close within a message", "t:a|X:\x03\xE8", "X[1000 ]", "X[1000]", ENDING_DONE},
    /* limits: 100,000 bytes here */
    {"message at the limit", "B*100000", "B[#100000]", "", ENDING_PEER_LEFT},
    {"message over the limit", "B*100001", "", "X[1009]", ENDING_WS_TOO_LARGE},
    {"fragments at the limit", "b*50000|C*50000", "B[#100000]", "", ENDING_PEER_LEFT},
    {"fragments over the limit", "b*50000|c*50000|C*1", "", "X[1009]", ENDING_WS_TOO_LARGE},
    {"the limit counts anew", "B*60000|B*60000", "B[#60000]B[#60000]", "", ENDING_PEER_LEFT},
    {"announced 2^62 bytes", "=82FF4000000000000000@=61", "", "X[1009]", ENDING_WS_TOO_LARGE},
};

/* ---- frames of a row */

static uint8_t opcode_of(char letter)
{
    switch (letter) {
    case 'T':
        return 0x81;
    case 't':
        return 0x01;
    case 'B':
        return 0x82;
    case 'b':
        return 0x02;
    case 'C':
        return 0x80;
    case 'c':
        return 0x00;
    case 'P':
        return 0x89;
    case 'p':
        return 0x09;
    case 'O':
        return 0x8A;
    default:
        assert_int_equal(letter, 'X');
        return 0x88;
    }
}

static void put_byte(struct frame_text *text, uint8_t byte)
{
    text->at = realloc(text->at, text->length + 1);
    text->at[text->length++] = byte;
}

/* "=hex@=hex": a head in whose second byte the mask bit is as the role needs it, then a zero key, then payload. */
static void put_raw(struct frame_text *text, const char *spec, bool masked)
{
    size_t start = text->length;
    for (; *spec && *spec != '|'; spec++) {
        if (*spec == '=')
            continue;
        if (*spec == '@') {
            if (text->length > start + 1) {
                text->at[start + 1] = (uint8_t)((text->at[start + 1] & 0x7F) | (masked ? 0x80 : 0));
                for (int i = 0; masked && i < 4; i++)
                    put_byte(text, 0);
            }
            continue;
        }
        const char digits[3] = {spec[0], spec[1], '\0'};
        put_byte(text, (uint8_t)strtoul(digits, NULL, 16));
        spec++;
    }
}

static void put_spec(struct frame_text *text, const char *spec, size_t length, bool masked)
{
    uint8_t reserved = 0;
    const char *end = spec + length;
    if (*spec == '=') {
        put_raw(text, spec, masked);
        return;
    }
    for (; *spec == '!' || (*spec >= '0' && *spec <= '9'); spec++) {
        if (*spec == '!')
            masked = !masked;
        else
            reserved = (uint8_t)((*spec - '0') << 4);
    }
    uint8_t first = opcode_of(*spec++) | reserved;
    if (*spec == '*') {
        size_t count = strtoul(spec + 1, NULL, 10);
        uint8_t *payload = malloc(count);
        memset(payload, 'a', count);
        frame_put(text, first, masked, span_of(payload, count));
        free(payload);
        return;
    }
    assert_int_equal(*spec, ':');
    frame_put(text, first, masked, span_of(spec + 1, (size_t)(end - spec - 1)));
}

static void build(struct frame_text *text, const char *frames, bool masked)
{
    while (*frames) {
        size_t length = strcspn(frames, "|");
        put_spec(text, frames, length, masked);
        frames += length;
        if (*frames)
            frames++;
    }
}

/* ---- what is heard and said */

struct transcript {
    char text[1024];
    size_t length;
};

static void write_text(struct transcript *transcript, const char *before, struct span bytes)
{
    char *at = transcript->text + transcript->length;
    size_t room = sizeof transcript->text - transcript->length;
    int n = bytes.len > 40 ? snprintf(at, room, "%s#%zu]", before, bytes.len)
                           : snprintf(at, room, "%s%.*s]", before, SPAN_ARGS(bytes));
    assert_true(n > 0 && (size_t)n < room);
    transcript->length += (size_t)n;
}

struct listener_of {
    struct transcript heard;
    struct frame_text message;
    bool ended;
    enum ending why;
};

static void on_message(void *user, enum message_kind kind, struct span piece, bool last)
{
    struct listener_of *l = user;
    l->message.at = realloc(l->message.at, l->message.length + piece.len + 1);
    if (piece.len > 0)
        memcpy(l->message.at + l->message.length, piece.at, piece.len);
    l->message.length += piece.len;
    if (!last)
        return;
    write_text(&l->heard, kind == MESSAGE_TEXT ? "T[" : "B[", span_of(l->message.at, l->message.length));
    l->message.length = 0;
}

static void on_room(void *user)
{
    (void)user;
}

static void on_close(void *user, uint16_t code, struct span reason)
{
    struct listener_of *l = user;
    char before[16];
    snprintf(before, sizeof before, "X[%u ", code);
    write_text(&l->heard, before, reason);
}

static void on_end(void *user, enum ending why)
{
    struct listener_of *l = user;
    assert_false(l->ended);
    l->ended = true;
    l->why = why;
}

static const struct endpoint_user listener_user = {on_message, on_room, on_close, on_end};

static void hear_said(struct fake *fake, bool masked, struct transcript *said)
{
    uint8_t *at = fake->sent;
    size_t left = fake->sent_length;
    struct frame_seen seen;
    while (frame_cut(&at, &left, &seen)) {
        char code[16] = "X[";
        assert_int_equal(seen.masked, masked);
        if (seen.first == 0x8A) {
            write_text(said, "O[", seen.payload);
            continue;
        }
        assert_int_equal(seen.first, 0x88);
        if (seen.payload.len >= 2)
            snprintf(code, sizeof code, "X[%u", seen.payload.at[0] << 8 | seen.payload.at[1]);
        write_text(said, code, SPAN(""));
    }
    assert_int_equal(left, 0);
}

/* parts 0: whole; 1: byte by byte, or in odd small chunks where that would be a hundred thousand bytes. */
static size_t chunk_of(size_t length, size_t parts)
{
    if (parts == 0)
        return SIZE_MAX;
    if (parts == 1)
        return length < 8192 ? 1 : 97;
    return (length + parts - 1) / parts;
}

static void play(const struct row *row, enum websocket_role role, size_t parts)
{
    static const struct websocket_settings settings = {
        .max_message = 100000, .close_timeout = 1000, .send_timeout = 1000, .echo_close = true};
    struct fake_world world;
    struct fake fake;
    struct listener_of listener = {0};
    struct frame_text frames = {0};
    struct transcript said = {.length = 0};
    fake_world_init(&world);
    fake_init(&fake, &world.loop);
    struct endpoint *endpoint = websocket_session_new(&world.loop, &fake.stream, role, &settings, NULL);
    endpoint_attach(endpoint, &listener_user, &listener);
    build(&frames, row->frames, role == WEBSOCKET_SERVER);
    fake.chunk = chunk_of(frames.length, parts);
    fake_feed(&fake, span_of(frames.at, frames.length));
    fake_eof(&fake);
    hear_said(&fake, role == WEBSOCKET_CLIENT, &said);
    if (strcmp(listener.heard.text, row->heard) || strcmp(said.text, row->said) || !listener.ended ||
        listener.why != row->end)
        fail_msg("%s, %s, parts %zu: heard \"%s\", said \"%s\", end %s", row->name,
                 role == WEBSOCKET_SERVER ? "server" : "client", parts, listener.heard.text, said.text,
                 listener.ended ? ending_row(listener.why)->name : "none");
    fake_deinit(&fake);
    fake_world_deinit(&world);
    free(frames.at);
    free(listener.message.at);
}

static void play_all(enum websocket_role role, size_t parts)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        play(&rows[i], role, parts);
}

/* A chunk of a fake never crosses a block of its buffer; whole means 16 KiB at once. */
static void a_server_judges_sequences_fed_whole(void **state)
{
    (void)state;
    play_all(WEBSOCKET_SERVER, 0);
}

static void a_server_judges_sequences_fed_in_parts(void **state)
{
    (void)state;
    play_all(WEBSOCKET_SERVER, 2);
    play_all(WEBSOCKET_SERVER, 3);
    play_all(WEBSOCKET_SERVER, 7);
}

static void a_server_judges_sequences_fed_byte_by_byte(void **state)
{
    (void)state;
    play_all(WEBSOCKET_SERVER, 1);
}

static void a_client_judges_sequences_fed_whole(void **state)
{
    (void)state;
    play_all(WEBSOCKET_CLIENT, 0);
}

static void a_client_judges_sequences_fed_in_parts(void **state)
{
    (void)state;
    play_all(WEBSOCKET_CLIENT, 2);
    play_all(WEBSOCKET_CLIENT, 3);
    play_all(WEBSOCKET_CLIENT, 7);
}

static void a_client_judges_sequences_fed_byte_by_byte(void **state)
{
    (void)state;
    play_all(WEBSOCKET_CLIENT, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_judges_sequences_fed_whole),
        cmocka_unit_test(a_server_judges_sequences_fed_in_parts),
        cmocka_unit_test(a_server_judges_sequences_fed_byte_by_byte),
        cmocka_unit_test(a_client_judges_sequences_fed_whole),
        cmocka_unit_test(a_client_judges_sequences_fed_in_parts),
        cmocka_unit_test(a_client_judges_sequences_fed_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
