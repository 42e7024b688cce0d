#include "test.h"

#include "frames.h"

/* Events of a server's bytes fed in pieces of `step`: a letter each, with the bytes of payload behind it. */
static void hear(struct span in, size_t step, char *heard, size_t size)
{
    static const char letters[] = {[FRAMES_PIECE] = 'm',  [FRAMES_LAST] = 'M',   [FRAMES_PINGED] = 'p',
                                   [FRAMES_CLOSED] = 'c', [FRAMES_BROKEN] = 'x', [FRAMES_MORE] = 0};
    struct frames frames = {0};
    enum frames_event event = FRAMES_MORE;
    size_t length = 0;
    while (in.len > 0 && event != FRAMES_BROKEN && event != FRAMES_CLOSED) {
        struct span part = span_head(in, step), payload;
        in = span_tail(in, step);
        do {
            event = frames_next(&frames, &part, &payload);
            assert_true(length + payload.len + 2 < size);
            if (event != FRAMES_MORE && (event != FRAMES_PIECE || payload.len > 0))
                heard[length++] = letters[event];
            if (payload.len > 0)
                memcpy(heard + length, payload.at, payload.len);
            length += payload.len;
        } while (event != FRAMES_MORE && event != FRAMES_BROKEN && event != FRAMES_CLOSED);
    }
    heard[length] = '\0';
}

#define ROW(bytes, whole)                                                                                              \
    {                                                                                                                  \
        SPAN(bytes), whole                                                                                             \
    }

static void a_server_is_understood(void **state)
{
    (void)state;
    const struct {
        struct span bytes;
        const char *heard;
    } rows[] = {
        ROW("\x82\x03"
            "abc",
            "Mabc"),
        ROW("\x82\x00\x82\x01z", "MMz"),
        ROW("\x02\x02"
            "ab\x80\x01"
            "c",
            "mabMc"),
        ROW("\x02\x01"
            "a\x89\x02hi\x00\x01"
            "b\x80\x00",
            "maphimbM"),
        ROW("\x8A\x01x\x82\x01y", "My"),
        ROW("\x8A\x01z\xC2\x01y", "x"), /* what a Pong has said is not told with the next event */
        ROW("\x88\x02\x03\xE8\x82\x01y", "c\x03\xE8"),
        ROW("\x88\x00", "c"),
        ROW("\x81\x01y", "x"),            /* text */
        ROW("\x80\x01y", "x"),            /* nothing to go on with */
        ROW("\x02\x01y\x82\x01z", "myx"), /* a message within a message */
        ROW("\xC2\x01y", "x"),            /* an extension */
        ROW("\x82\x81zzzzy", "x"),        /* masked */
        ROW("\x09\x00", "x"),             /* a ping in parts */
        ROW("\x89\x7E\x00\x7E", "x"),     /* a long one */
        ROW("\x83\x00", "x"),
        ROW("\x8B\x00", "x"),
        ROW("\x82\x7E\x00\x7D", "x"), /* in a longer form than it needs */
        ROW("\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF", "x"),
        ROW("\x82\x7F\x80\x00\x00\x00\x00\x01\x00\x00", "x"),
    };
    char heard[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hear(rows[i].bytes, rows[i].bytes.len, heard, sizeof heard);
        assert_string_equal(heard, rows[i].heard);
    }
}

static void parts_are_put_together(void **state)
{
    (void)state;
    char heard[64];
    struct span in = SPAN("\x02\x02"
                          "ab\x89\x02hi\x80\x00\x88\x04\x03\xE9no");
    hear(in, 1, heard, sizeof heard);
    assert_string_equal(heard, "mambphiMc\x03\xE9no");
}

static void long_messages_have_long_heads(void **state)
{
    (void)state;
    const struct {
        uint64_t length;
        struct span head;
    } rows[] = {
        {0, SPAN("\x82\x80")},
        {125, SPAN("\x82\xFD")},
        {126, SPAN("\x82\xFE\x00\x7E")},
        {65535, SPAN("\x82\xFE\xFF\xFF")},
        {65536, SPAN("\x82\xFF\x00\x00\x00\x00\x00\x01\x00\x00")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t head[FRAMES_HEAD_MAX];
        size_t length = frames_head_print(head, FRAMES_BINARY, rows[i].length, 0x01020304);
        assert_int_equal(length, rows[i].head.len + 4);
        assert_memory_equal(head, rows[i].head.at, rows[i].head.len);
    }
}

static void masks_go_round(void **state)
{
    (void)state;
    uint8_t key[4] = {1, 2, 4, 8}, from[37], to[37];
    uint32_t mask;
    memcpy(&mask, key, sizeof mask);
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)(i * 7);
    for (uint64_t offset = 0; offset < 9; offset++) {
        frames_mask(to, span_of(from, sizeof from), mask, offset);
        for (size_t i = 0; i < sizeof from; i++)
            assert_int_equal(to[i], from[i] ^ key[(offset + i) % 4]);
    }
}

static void a_close_has_a_code_or_none(void **state)
{
    (void)state;
    assert_int_equal(frames_close_code(SPAN("\x03\xE8gone")), 1000);
    assert_int_equal(frames_close_code(SPAN("\x03")), 0);
    assert_int_equal(frames_close_code(SPAN("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_understood),        cmocka_unit_test(parts_are_put_together),
        cmocka_unit_test(long_messages_have_long_heads), cmocka_unit_test(masks_go_round),
        cmocka_unit_test(a_close_has_a_code_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
