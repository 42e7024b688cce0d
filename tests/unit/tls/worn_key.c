/* A key that has sealed as much as it should (RFC 8446 section 5.5). Nobody waits for 2^24 records, so layer.c is a part of this program: it
 * can be seen whose records they are, and how far they have come. */
#define layer_new layer_new_unseen
#include "../../../src/tls/layer.c"
#undef layer_new

#include "hand.h"

static struct layer *made; /* the last one */

struct records *layer_new(const struct records *common, SSL *ssl, const struct tls_secrets *secrets);

struct records *layer_new(const struct records *common, SSL *ssl, const struct tls_secrets *secrets)
{
    struct records *records = layer_new_unseen(common, ssl, secrets);
    made = records ? layer_of(records) : NULL;
    return records;
}

/* A client of ours, which has sent so many records. */
static void open_after(struct hand *hand, const struct suite *suite, uint64_t records)
{
    hand_open(hand, TLS_CLIENT, suite);
    made->out.sequence = hand->in.sequence = records;
}

static void write_and_expect(struct hand *hand, struct span content)
{
    stream_write(world.client.stream, content);
    run();
    hand_expect(hand, CONTENT_APPLICATION_DATA, content);
    hand_expect_nothing(hand);
}

static void key_is_renewed_when_it_is_worn(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct hand hand;
        open_after(&hand, &suites[i], (1 << 24) - 2);
        write_and_expect(&hand, SPAN("the last but one"));
        write_and_expect(&hand, SPAN("the last"));
        stream_write(world.client.stream, SPAN("the first"));
        run();
        hand_expect_update(&hand);
        hand_expect(&hand, CONTENT_APPLICATION_DATA, SPAN("the first"));
        write_and_expect(&hand, SPAN("the second"));
        hand_leave(&hand);
    }
}

static void key_is_renewed_within_a_long_write(void **state)
{
    (void)state;
    static const uint8_t much[4 * RECORD_CONTENT_MAX];
    struct hand hand;
    open_after(&hand, &suites[0], (1 << 24) - 2);
    stream_write(world.client.stream, span_of(much, sizeof much));
    run();
    for (int i = 0; i < 4; i++) {
        if (i == 2)
            hand_expect_update(&hand);
        hand_expect(&hand, CONTENT_APPLICATION_DATA, span_of(much, RECORD_CONTENT_MAX));
    }
    hand_expect_nothing(&hand);
    hand_leave(&hand);
}

/* Which the peer asks for just then. */
static void key_is_renewed_once(void **state)
{
    (void)state;
    struct hand hand;
    open_after(&hand, &suites[0], 1 << 24);
    hand_update(&hand, 1);
    run();
    stream_write(world.client.stream, SPAN("answer"));
    run();
    hand_expect_update(&hand);
    hand_expect(&hand, CONTENT_APPLICATION_DATA, SPAN("answer"));
    write_and_expect(&hand, SPAN("and more"));
    hand_leave(&hand);
}

/* TLS 1.2 has no way to. */
static void key_of_tls12_goes_on(void **state)
{
    (void)state;
    struct hand hand;
    open_after(&hand, &suites[3], (1 << 24) - 1);
    for (int i = 0; i < 3; i++)
        write_and_expect(&hand, SPAN("goes on"));
    hand_leave(&hand);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(key_is_renewed_when_it_is_worn),
        TEST(key_is_renewed_within_a_long_write),
        TEST(key_is_renewed_once),
        TEST(key_of_tls12_goes_on),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
