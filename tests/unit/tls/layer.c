/* What may come over an open connection whose records are ours: each right record, and each wrong one with the alert that it is answered
 * by (RFC 8446 sections 4.6, 5 and 6; RFC 5246 sections 6.2 and 7). */
#include "hand.h"

#include "crossgate/limits.h"

enum { ROLES = 2, BAD_RECORD_MAC = 20, RECORD_OVERFLOW = 22, ILLEGAL_PARAMETER = 47, DECODE_ERROR = 50 };
enum { UNEXPECTED_MESSAGE = 10, USER_CANCELED = 90, NO_RENEGOTIATION = 100 };

static const struct suite *const tls13 = &suites[0], *const tls12 = &suites[3];

static const char bad_mac[] = "decryption failed or bad record mac", too_long[] = "a record that is too long",
                  in_vain[] = "too many records without content", not_protected[] = "a record that is not protected";

/* Without zeros, so that it is text as well. */
static uint8_t *make_much(size_t length)
{
    uint8_t *much = malloc(length);
    assert_non_null(much);
    for (size_t i = 0; i < length; i++)
        much[i] = (uint8_t)(1 + (i * 7 + i / 251) % 255);
    return much;
}

static struct stream *ours(const struct hand *hand)
{
    return hand->guest.user->stream;
}

static void expect_open_with(const struct hand *hand, struct span content)
{
    assert_int_equal(hand->guest.user->ends + hand->guest.user->eofs, 0);
    expect_got(hand->guest.user, content);
}

/* -- content -- */

/* Each suite of ours in both roles, in pieces of any size. OpenSSL's object is gone, but for that of a server that owes a ticket. */
static void content_passes_both_ways(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 1, 2, 5, 6, 31, 16383};
    enum { LENGTH = 40000 };
    uint8_t *much = make_much(LENGTH);
    for (size_t i = 0; i < SUITES * ROLES; i++) {
        const struct suite *suite = &suites[i / ROLES];
        const enum tls_role role = i % ROLES ? TLS_CLIENT : TLS_SERVER;
        struct hand hand;
        hand_open(&hand, role, suite);
        assert_int_equal(world.objects, 1 + (role == TLS_SERVER && suite->version == TLS1_3_VERSION));
        for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
            hand.guest.ours->piece = pieces[j];
            hand.guest.user->got_length = 0;
            hand_say(&hand, CONTENT_APPLICATION_DATA, span_of(much, 16384));
            hand_say(&hand, CONTENT_APPLICATION_DATA, span_of(much + 16384, 1));
            hand_say(&hand, CONTENT_APPLICATION_DATA, span_of(much + 16385, 16383));
            run();
            expect_open_with(&hand, span_of(much, 32768));
        }
        hand_leave(&hand);
    }
    free(much);
}

/* What we write is read by OpenSSL, and what it writes by us. */
static void content_passes_to_and_from_openssl(void **state)
{
    (void)state;
    enum { LENGTH = 40000 };
    uint8_t *much = make_much(LENGTH), *got = malloc(LENGTH);
    for (size_t i = 0; i < SUITES * ROLES; i++) {
        struct hand hand;
        hand_open(&hand, i % ROLES ? TLS_CLIENT : TLS_SERVER, &suites[i / ROLES]);
        for (int round = 0; round < 3; round++) {
            size_t length, part = 0;
            stream_write(ours(&hand), span_of(much, LENGTH));
            guest_talk(&hand.guest, 2);
            length = strlen(hand.guest.got);
            memcpy(got, hand.guest.got, length);
            while (SSL_read_ex(hand.guest.ssl, got + length, LENGTH - length, &part) == 1)
                length += part;
            assert_int_equal(length, LENGTH);
            assert_memory_equal(got, much, LENGTH);
            hand.guest.user->got_length = 0;
            assert_int_equal(SSL_write(hand.guest.ssl, much, LENGTH), LENGTH);
            guest_talk(&hand.guest, 1);
            expect_open_with(&hand, span_of(much, LENGTH));
        }
        hand_leave(&hand);
    }
    free(much);
    free(got);
}

/* Cut at each byte, over three reads. */
static void records_are_put_together(void **state)
{
    (void)state;
    struct hand hand;
    for (size_t i = 0; i < SUITES; i += 3) {
        hand_open(&hand, TLS_SERVER, &suites[i]);
        for (size_t first = 0; first < 40; first++) {
            hand.guest.user->got_length = 0;
            hand.guest.ours->piece = 0;
            const struct span record = hand_make(&hand, CONTENT_APPLICATION_DATA, SPAN("piecemeal"));
            const size_t cut = first < record.len ? first : record.len - 1, other = (cut + record.len) / 2;
            hand_send(&hand, span_head(record, cut));
            run();
            hand_send(&hand, span_of(record.at + cut, other - cut));
            run();
            expect_open_with(&hand, SPAN(""));
            hand_send(&hand, span_tail(record, other));
            run();
            expect_open_with(&hand, SPAN("piecemeal"));
        }
        hand_leave(&hand);
    }
}

static void many_records_of_one_read_are_all_passed_up(void **state)
{
    (void)state;
    struct hand hand;
    for (size_t i = 0; i < SUITES; i += 3) {
        hand_open(&hand, TLS_SERVER, &suites[i]);
        for (uint8_t j = 0; j < 100; j++)
            hand_say(&hand, CONTENT_APPLICATION_DATA, span_of(&j, 1));
        run();
        assert_int_equal(world.server.calls, 100);
        for (size_t j = 0; j < 100; j++)
            assert_int_equal(world.server.got[j], j);
        hand_leave(&hand);
    }
}

/* -- length and padding -- */

static void padding_is_taken_off(void **state)
{
    (void)state;
    static const size_t zeros[] = {1, 2, 15, 255, 16384 - 5};
    struct hand hand;
    hand_open(&hand, TLS_SERVER, tls13);
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        hand_send(&hand, hand_make_padded(&hand, CONTENT_APPLICATION_DATA, SPAN("12\0\0\0"), zeros[i]));
        run();
        expect_open_with(&hand, SPAN("12\0\0\0"));
        world.server.got_length = 0;
    }
    hand_leave(&hand);
}

/* RFC 8446 section 5.4: content, type and padding are 2^14 + 1 at most, and are no more than zeros never. */
static void padding_is_bounded(void **state)
{
    (void)state;
    static const struct {
        size_t zeros;
        int type;
        uint8_t alert;
        const char *detail;
    } rows[] = {
        {16384 - 2, CONTENT_APPLICATION_DATA, RECORD_OVERFLOW, too_long},
        {16384 + 200, CONTENT_APPLICATION_DATA, RECORD_OVERFLOW, too_long},
        {16384 + 256, CONTENT_APPLICATION_DATA, RECORD_OVERFLOW, too_long},
        {65000, CONTENT_APPLICATION_DATA, RECORD_OVERFLOW, too_long},
    };
    uint8_t zeros[16385] = {0};
    struct hand hand;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hand_open(&hand, TLS_SERVER, tls13);
        hand_send(&hand, hand_make_padded(&hand, rows[i].type, SPAN("123"), rows[i].zeros));
        run();
        hand_expect_refusal(&hand, rows[i].alert, rows[i].detail);
        hand_leave(&hand);
    }
    for (size_t i = 0; i < 3; i++) {
        hand_open(&hand, TLS_SERVER, tls13);
        hand_send(&hand, hand_make(&hand, 0, span_of(zeros, i * 8192)));
        run();
        hand_expect_refusal(&hand, UNEXPECTED_MESSAGE, "a record of padding only");
        hand_leave(&hand);
    }
}

static void records_over_2_14_are_refused(void **state)
{
    (void)state;
    static const size_t over[] = {1, 100, 300};
    uint8_t *much = make_much(17000);
    for (size_t i = 0; i < SUITES * 3; i++) {
        struct hand hand;
        hand_open(&hand, TLS_SERVER, &suites[i / 3]);
        hand_say(&hand, CONTENT_APPLICATION_DATA, span_of(much, 16384 + over[i % 3]));
        run();
        hand_expect_refusal(&hand, RECORD_OVERFLOW, too_long);
        hand_leave(&hand);
    }
    free(much);
}

/* At once, not when all of it has come. */
static void head_of_a_record_that_is_too_long_is_enough(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct hand hand;
        hand_open(&hand, TLS_SERVER, &suites[i]);
        hand_send(&hand, SPAN("\x17\x03\x03\xff"));
        run();
        expect_open_with(&hand, SPAN(""));
        hand_send(&hand, SPAN("\xff"));
        run();
        hand_expect_refusal(&hand, RECORD_OVERFLOW, too_long);
        hand_leave(&hand);
    }
}

/* Some are sent for who watches lengths (RFC 8446 section 5.4); 33 in a row are sent for nobody. */
static void empty_records_are_borne_but_not_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i += 3) {
        struct hand hand;
        hand_open(&hand, TLS_SERVER, &suites[i]);
        for (int round = 0; round < 4; round++) {
            for (int j = 0; j < 32; j++)
                hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN(""));
            hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("."));
            run();
        }
        expect_open_with(&hand, SPAN("...."));
        for (int j = 0; j < 33; j++) {
            hand_expect_nothing(&hand);
            hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN(""));
            run();
        }
        hand_expect_refusal(&hand, UNEXPECTED_MESSAGE, in_vain);
        hand_leave(&hand);
    }
}

/* -- what is not from the peer, or not in this order -- */

static void any_bit_that_is_changed_breaks_the_record(void **state)
{
    (void)state;
    uint8_t copy[100];
    for (size_t i = 0; i < SUITES; i++) {
        const bool is_tls13 = suites[i].version == TLS1_3_VERSION;
        size_t length = RECORD_HEAD;
        for (size_t at = 0; at < length; at++) {
            struct hand hand;
            hand_open(&hand, TLS_SERVER, &suites[i]);
            const struct span record = hand_make(&hand, CONTENT_APPLICATION_DATA, SPAN("a"));
            length = record.len;
            memcpy(copy, record.at, length);
            copy[at] ^= at == 4 ? 2 : 1; /* a length that is less, or more */
            if (at == 3)
                hand_send(&hand, span_of(copy, length)); /* and so much more has to come */
            hand_send(&hand, span_of(copy, length));
            for (size_t more = 0; at == 3 && more < 300; more += length)
                hand_send(&hand, span_of(copy, length));
            if (at == 4)
                hand_send(&hand, SPAN("more"));
            run();
            if (at == 0 && is_tls13)
                hand_expect_refusal(&hand, UNEXPECTED_MESSAGE, not_protected);
            else
                hand_expect_refusal(&hand, BAD_RECORD_MAC, bad_mac);
            assert_int_equal(world.server.got_length, 0);
            hand_leave(&hand);
        }
    }
}

enum { SWAPPED, REPLAYED, DROPPED, FROM_US, DISORDERS };

static void disturb(struct hand *hand, int how)
{
    uint8_t copies[2][64];
    struct span records[2];
    for (size_t i = 0; i < 2; i++) {
        const struct span record = hand_make(hand, CONTENT_APPLICATION_DATA, SPAN("a"));
        memcpy(copies[i], record.at, record.len);
        records[i] = span_of(copies[i], record.len);
    }
    switch (how) {
    case REPLAYED:
        hand_send(hand, records[0]);
        hand_send(hand, records[0]);
        return;
    case FROM_US: /* what we have sent comes back */
        stream_write(ours(hand), SPAN("a"));
        run();
        hand_expect(hand, CONTENT_APPLICATION_DATA, SPAN("a"));
        hand_send(hand, span_of(hand->guest.overheard->got, hand->guest.overheard->got_length));
        return;
    default:
        hand_send(hand, records[1]);
        if (how == SWAPPED)
            hand_send(hand, records[0]);
    }
}

/* With a client of ours: it owes no ticket, which would come first. */
static void records_in_another_order_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES * DISORDERS; i++) {
        struct hand hand;
        const int how = (int)(i % DISORDERS);
        hand_open(&hand, TLS_CLIENT, &suites[i / DISORDERS]);
        disturb(&hand, how);
        run();
        hand_expect_refusal(&hand, BAD_RECORD_MAC, bad_mac);
        assert_int_equal(world.client.got_length, how == REPLAYED);
        hand_leave(&hand);
    }
}

/* Too short to hold what each has. Over TLS 1.3 with a type, without which it is padding that is nothing. */
static void records_shorter_than_a_tag_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        const bool has_nonce = suites[i].version == TLS1_2_VERSION && suites[i].aead != AEAD_CHACHA20_POLY1305;
        for (uint8_t length = 0; length < 16 + (has_nonce ? 8 : 0); length++) {
            const uint8_t record[RECORD_HEAD + 24] = {23, 3, 3, 0, length};
            struct hand hand;
            hand_open(&hand, TLS_SERVER, &suites[i]);
            hand_send(&hand, span_of(record, RECORD_HEAD + (size_t)length));
            run();
            hand_expect_refusal(&hand, BAD_RECORD_MAC, bad_mac);
            hand_leave(&hand);
        }
    }
}

/* RFC 8446 section 5: of those, change_cipher_spec is to be dropped during the handshake only. */
static void plaintext_after_the_handshake_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct span record;
        bool may_be_protected; /* by its type, over TLS 1.2 */
    } rows[] = {
        {SPAN_ROW("\x14\x03\x03\x00\x01\x01"), true},
        {SPAN_ROW("\x15\x03\x03\x00\x02\x01\x00"), true}, /* close_notify, as anybody on the way could say it */
        {SPAN_ROW("\x15\x03\x03\x00\x02\x02\x28"), true},
        {SPAN_ROW("\x16\x03\x03\x00\x04\x01\x00\x00\x00"), true},
        {SPAN_ROW("\x80\x03\x03\x00\x04\x01\x00\x00\x00"), false},
        {SPAN_ROW("GET / HTTP/1.1\r\n\r\n"), false},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const bool is_tls13 = i % 2;
        struct hand hand;
        hand_open(&hand, TLS_SERVER, is_tls13 ? tls13 : tls12);
        hand_send(&hand, rows[i / 2].record);
        run();
        if (is_tls13 || !rows[i / 2].may_be_protected)
            hand_expect_refusal(&hand, UNEXPECTED_MESSAGE, not_protected);
        else
            hand_expect_refusal(&hand, BAD_RECORD_MAC, bad_mac);
        hand_leave(&hand);
    }
}

/* -- types of content, alerts, messages -- */

struct said {
    int version; /* 0: both */
    int ours;    /* role; -1: both */
    int type;
    struct span content;
    uint8_t alert;
    const char *detail;
};

static const struct said refused[] = {
    /* RFC 8446 section 5: protected, too. */
    {0, -1, 20, SPAN_ROW("\x01"), UNEXPECTED_MESSAGE, "a record of a type that there is not"},
    {TLS1_3_VERSION, -1, 24, SPAN_ROW("\x01\0\x01."), UNEXPECTED_MESSAGE, "a record of a type that there is not"},
    {TLS1_3_VERSION, -1, 255, SPAN_ROW(""), UNEXPECTED_MESSAGE, "a record of a type that there is not"},
    {TLS1_2_VERSION, -1, 24, SPAN_ROW("\x01\0\x01."), UNEXPECTED_MESSAGE, not_protected},
    {TLS1_2_VERSION, -1, 0, SPAN_ROW("0"), UNEXPECTED_MESSAGE, not_protected},
    /* Section 5.4. */
    {TLS1_3_VERSION, -1, 21, SPAN_ROW(""), UNEXPECTED_MESSAGE, "an empty record"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW(""), UNEXPECTED_MESSAGE, "an empty record"},
    {TLS1_2_VERSION, -1, 22, SPAN_ROW(""), UNEXPECTED_MESSAGE, "an empty record"},
    /* Section 5.1: one alert, whole. */
    {0, -1, 21, SPAN_ROW("\x01"), DECODE_ERROR, "an alert of another length than it has"},
    {0, -1, 21, SPAN_ROW("\x01\0\0"), DECODE_ERROR, "an alert of another length than it has"},
    {0, -1, 21, SPAN_ROW("\x01\0\x01\0"), DECODE_ERROR, "an alert of another length than it has"},
    /* Section 4.6.3; before it is known what it asks for, it is known that it asks in a wrong way. */
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x18\0\0\x01\x02"), ILLEGAL_PARAMETER,
     "a key update of another kind than there is"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x18\0\0\x01\xff"), ILLEGAL_PARAMETER,
     "a key update of another kind than there is"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x18\0\0\0"), DECODE_ERROR, "a message of another length than it has"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x18\0\0\x02\0\0"), DECODE_ERROR, "a message of another length than it has"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x18\x01\0\x01\0"), DECODE_ERROR, "a message of another length than it has"},
    /* Section 5.1: no message spans a change of keys. */
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x18\0\0\x01\0\x18"), UNEXPECTED_MESSAGE, "bytes behind a key update"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x18\0\0\x01\0\x18\0\0\x01\0"), UNEXPECTED_MESSAGE, "bytes behind a key update"},
    {TLS1_2_VERSION, -1, 22, SPAN_ROW("\x18\0\0\x01\0"), UNEXPECTED_MESSAGE, "a message that belongs to the handshake"},
    /* What only the other side may say, and what nobody may any more. */
    {TLS1_3_VERSION, TLS_SERVER, 22, SPAN_ROW("\x04\0\0\x01\0"), UNEXPECTED_MESSAGE,
     "a message that belongs to the handshake"},
    {TLS1_2_VERSION, -1, 22, SPAN_ROW("\x04\0\0\x01\0"), UNEXPECTED_MESSAGE, "a message that belongs to the handshake"},
    {0, TLS_SERVER, 22, SPAN_ROW("\0\0\0\0"), UNEXPECTED_MESSAGE, "a message that belongs to the handshake"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\0\0\0\0"), UNEXPECTED_MESSAGE, "a message that belongs to the handshake"},
    {0, TLS_CLIENT, 22, SPAN_ROW("\x01\0\0\0"), UNEXPECTED_MESSAGE, "a message that belongs to the handshake"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x01\0\0\0"), UNEXPECTED_MESSAGE, "a message that belongs to the handshake"},
    {0, -1, 22, SPAN_ROW("\x02\0\0\0"), UNEXPECTED_MESSAGE, "a message that belongs to the handshake"},
    {0, -1, 22, SPAN_ROW("\x14\0\0\0"), UNEXPECTED_MESSAGE, "a message that belongs to the handshake"},
    {TLS1_3_VERSION, -1, 22, SPAN_ROW("\x0d\0\0\0"), UNEXPECTED_MESSAGE,
     "a message that belongs to the handshake"}, /* a certificate is never asked for behind the handshake */
    {TLS1_3_VERSION, TLS_CLIENT, 22, SPAN_ROW("\x04\xff\xff\xff"), DECODE_ERROR,
     "a message of another length than it has"},
};

/* For each suite's version and each role that the row is of. */
static bool is_of(const struct said *said, const struct suite *suite, enum tls_role role)
{
    return (said->version == 0 || said->version == suite->version) && (said->ours < 0 || said->ours == (int)role);
}

static void what_nobody_may_say_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0] * 4; i++) {
        const struct said *row = &refused[i / 4];
        const struct suite *suite = i & 1 ? tls13 : tls12;
        const enum tls_role role = i & 2 ? TLS_CLIENT : TLS_SERVER;
        struct hand hand;
        if (!is_of(row, suite, role))
            continue;
        hand_open(&hand, role, suite);
        hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("before"));
        hand_say(&hand, row->type, row->content);
        hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("after"));
        run();
        expect_got(hand.guest.user, SPAN("before"));
        hand_expect_refusal(&hand, row->alert, row->detail);
        hand_leave(&hand);
    }
}

/* RFC 8446 section 6: they are not answered, and all but two end a connection of TLS 1.3 whatever their level; RFC 5246 section 7.2:
 * those that are warnings do not. */
static void alerts_end_the_connection(void **state)
{
    (void)state;
    static const uint8_t descriptions[] = {10, 20, 40, 41, 47, 80, 90, 100, 112, 255};
    for (size_t i = 0; i < sizeof descriptions * 8; i++) {
        const uint8_t alert[] = {i & 1 ? 1 : 2, descriptions[i / 8]};
        const bool is_tls13 = i & 2, is_client = i & 4;
        const bool is_harmless = is_tls13 ? alert[1] == USER_CANCELED : alert[0] == 1;
        struct hand hand;
        hand_open(&hand, is_client ? TLS_CLIENT : TLS_SERVER, is_tls13 ? tls13 : tls12);
        hand_say(&hand, CONTENT_ALERT, span_of(alert, 2));
        hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("after"));
        run();
        hand_expect_nothing(&hand);
        if (is_harmless) {
            expect_open_with(&hand, SPAN("after"));
        } else {
            expect_got(hand.guest.user, SPAN(""));
            assert_int_equal(hand.guest.user->ends, 1);
            assert_int_equal(hand.guest.user->why, is_client ? ENDING_BACKEND_TLS : ENDING_TLS_BROKEN);
        }
        hand_leave(&hand);
    }
}

static void alerts_are_told_as_openssl_words_them(void **state)
{
    (void)state;
    struct hand hand;
    hand_open(&hand, TLS_CLIENT, tls13);
    hand_say(&hand, CONTENT_ALERT, SPAN("\x02\x50"));
    run();
    assert_string_equal(world.client.detail, "tlsv1 alert internal error");
    hand_leave(&hand);
}

static void warnings_are_borne_but_not_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hand hand;
        hand_open(&hand, TLS_SERVER, i ? tls13 : tls12);
        for (int j = 0; j < 33; j++) {
            expect_open_with(&hand, SPAN(""));
            hand_expect_nothing(&hand);
            hand_say(&hand, CONTENT_ALERT, SPAN("\x01\x5a"));
            run();
        }
        hand_expect_refusal(&hand, UNEXPECTED_MESSAGE, in_vain);
        hand_leave(&hand);
    }
}

/* -- close_notify -- */

static void close_notify_of_the_peer_is_the_end_of_its_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES * ROLES; i++) {
        struct hand hand;
        hand_open(&hand, i % ROLES ? TLS_CLIENT : TLS_SERVER, &suites[i / ROLES]);
        hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("last"));
        hand_say(&hand, CONTENT_ALERT, SPAN("\x01\0"));
        hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("beyond"));
        hand_send(&hand, SPAN("nor is this read"));
        run();
        expect_got(hand.guest.user, SPAN("last"));
        assert_int_equal(hand.guest.user->eofs, 1);
        assert_int_equal(hand.guest.user->ends, 0);
        hand_expect_nothing(&hand);
        stream_write(ours(&hand), SPAN("answer"));
        stream_finish(ours(&hand));
        run();
        hand_expect(&hand, CONTENT_APPLICATION_DATA, SPAN("answer"));
        hand_expect(&hand, CONTENT_ALERT, SPAN("\x01\0"));
        hand_expect_nothing(&hand);
        assert_int_equal(hand.guest.user->why, ENDING_DONE);
        hand_leave(&hand);
    }
}

/* Within a message it is another record: a message that is cut off (RFC 8446 section 5.1). */
static void nothing_comes_between_the_parts_of_a_message(void **state)
{
    (void)state;
    static const struct {
        int type;
        struct span content;
    } rows[] = {{CONTENT_ALERT, SPAN_ROW("\x01\0")},
                {CONTENT_APPLICATION_DATA, SPAN_ROW("content")},
                {CONTENT_APPLICATION_DATA, SPAN_ROW("")}};
    for (size_t i = 0; i < 6; i++) {
        struct hand hand;
        hand_open(&hand, TLS_SERVER, i % 2 ? tls13 : tls12);
        hand_say(&hand, CONTENT_HANDSHAKE, i % 2 ? SPAN("\x18\0\0") : SPAN("\x01\0"));
        hand_say(&hand, rows[i / 2].type, rows[i / 2].content);
        run();
        hand_expect_refusal(&hand, UNEXPECTED_MESSAGE, "another record within a message of the handshake");
        hand_leave(&hand);
    }
}

/* -- key updates -- */

/* With the next content, and once, whatever has been asked for meanwhile. */
static void key_updates_are_answered_if_they_ask_for_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3 * 2; i++) {
        struct hand hand;
        hand_open(&hand, TLS_CLIENT, &suites[i / 2]);
        for (int round = 0; round < 4; round++) {
            hand_update(&hand, 0);
            hand_update(&hand, i % 2);
            hand_update(&hand, i % 2);
            hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("."));
            run();
            hand_expect_nothing(&hand);
            stream_write(ours(&hand), SPAN("answer"));
            stream_write(ours(&hand), SPAN(" and more"));
            run();
            if (i % 2)
                hand_expect_update(&hand);
            hand_expect(&hand, CONTENT_APPLICATION_DATA, SPAN("answer and more"));
            hand_expect_nothing(&hand);
        }
        expect_open_with(&hand, SPAN("...."));
        hand_leave(&hand);
    }
}

static void key_update_that_is_cut_anywhere_is_followed(void **state)
{
    (void)state;
    const struct span message = SPAN("\x18\0\0\x01\x01");
    for (size_t first = 1; first < message.len; first++) {
        struct hand hand;
        hand_open(&hand, TLS_CLIENT, tls13);
        for (size_t at = 0, part = first; at < message.len; at += part, part = 1)
            hand_say(&hand, CONTENT_HANDSHAKE, span_of(message.at + at, part));
        assert_true(protection_renew(&hand.out, hand.sealer));
        hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("with new keys"));
        run();
        expect_open_with(&hand, SPAN("with new keys"));
        stream_write(ours(&hand), SPAN("answer"));
        run();
        hand_expect_update(&hand);
        hand_expect(&hand, CONTENT_APPLICATION_DATA, SPAN("answer"));
        hand_leave(&hand);
    }
}

static void old_keys_are_not_taken_any_more(void **state)
{
    (void)state;
    struct hand hand;
    hand_open(&hand, TLS_SERVER, tls13);
    hand_say(&hand, CONTENT_HANDSHAKE, SPAN("\x18\0\0\x01\0"));
    hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("with old keys"));
    run();
    hand_expect_refusal(&hand, BAD_RECORD_MAC, bad_mac);
    hand_leave(&hand);
}

/* A few, and one more with each MiB. */
static void key_updates_without_content_are_limited(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROLES; i++) {
        struct hand hand;
        hand_open(&hand, i ? TLS_CLIENT : TLS_SERVER, tls13);
        for (int j = 0; j < 32; j++)
            hand_update(&hand, 1);
        run();
        expect_open_with(&hand, SPAN(""));
        hand_expect_nothing(&hand);
        hand_update(&hand, 1);
        run();
        hand_expect_refusal(&hand, UNEXPECTED_MESSAGE, "too many key updates");
        hand_leave(&hand);
    }
}

/* A close_notify does not wait for an answer that nobody needs any more. */
static void close_notify_goes_without_the_answer_to_a_key_update(void **state)
{
    (void)state;
    struct hand hand;
    hand_open(&hand, TLS_SERVER, tls13);
    hand_update(&hand, 1);
    run();
    stream_finish(ours(&hand));
    run();
    hand_expect(&hand, CONTENT_ALERT, SPAN("\x01\0"));
    hand_expect_nothing(&hand);
    hand_leave(&hand);
}

/* -- renegotiation -- */

static void wishes_to_renegotiate_are_answered_each_by_a_warning(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct span wish = i ? SPAN("\0\0\0\0")
                                   : SPAN("\x01\0\0\x03"
                                          "abc");
        struct hand hand;
        hand_open(&hand, i ? TLS_CLIENT : TLS_SERVER, tls12);
        for (size_t cut = 1; cut < wish.len; cut++) {
            hand_say(&hand, CONTENT_HANDSHAKE, span_head(wish, cut));
            run();
            hand_expect_nothing(&hand);
            hand_say(&hand, CONTENT_HANDSHAKE, span_tail(wish, cut));
            run();
            hand_expect(&hand, CONTENT_ALERT, SPAN("\x01\x64"));
        }
        hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("goes on"));
        run();
        expect_open_with(&hand, SPAN("goes on"));
        hand_leave(&hand);
    }
}

/* A record of 16 KB has room for 4096 of them, and gets one answer; 33 such records in a row get no more. */
static void wishes_to_renegotiate_are_limited(void **state)
{
    (void)state;
    static uint8_t wishes[16384];
    for (size_t i = 0; i < 2 * 2; i++) {
        struct hand hand;
        memset(wishes, 0, sizeof wishes);
        for (size_t at = 0; i % 2 == 0 && at < sizeof wishes; at += 4)
            wishes[at] = 1;
        hand_open(&hand, i % 2 ? TLS_CLIENT : TLS_SERVER, tls12);
        for (int j = 0; j < 33; j++) {
            expect_open_with(&hand, SPAN(""));
            hand_say(&hand, CONTENT_HANDSHAKE, span_of(wishes, i < 2 ? sizeof wishes : 4));
            run();
            hand_expect(&hand, CONTENT_ALERT, SPAN("\x01\x64"));
        }
        hand_expect_refusal(&hand, UNEXPECTED_MESSAGE, in_vain);
        hand_leave(&hand);
    }
}

/* -- tickets -- */

/* We resume no session as a client: what is in them is nothing to us. */
static void tickets_for_a_client_of_ours_are_passed_over(void **state)
{
    (void)state;
    enum { LENGTH = 70000 };
    static uint8_t message[4 + LENGTH] = {4, LENGTH >> 16, LENGTH >> 8 & 0xff, LENGTH & 0xff};
    static const size_t parts[] = {16384, 16000, 500, 3};
    struct hand hand;
    hand_open(&hand, TLS_CLIENT, tls13);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (struct span left = span_of(message, sizeof message); left.len > 0; left = span_tail(left, parts[i])) {
            hand_say(&hand, CONTENT_HANDSHAKE, span_head(left, parts[i]));
            run();
        }
        hand_say(&hand, CONTENT_HANDSHAKE, SPAN("\x04\0\0\x01!\x04\0\0\0\x04\0\0\x02"));
        hand_say(&hand, CONTENT_HANDSHAKE, SPAN("!!\x18\0\0\x01\0"));
        assert_true(protection_renew(&hand.out, hand.sealer));
        hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("."));
        run();
    }
    expect_open_with(&hand, SPAN("...."));
    hand_expect_nothing(&hand);
    hand_leave(&hand);
}

static void tickets_of_openssl_are_passed_over(void **state)
{
    (void)state;
    struct hand hand;
    hand_open(&hand, TLS_CLIENT, tls13);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_new_session_ticket(hand.guest.ssl), 1);
        assert_int_equal(SSL_write(hand.guest.ssl, ".", 1), 1);
        guest_talk(&hand.guest, 2);
    }
    expect_open_with(&hand, SPAN("..."));
    assert_int_equal(world.objects, 1); /* the guest's */
    hand_leave(&hand);
}

/* The object that made it goes. */
static void ticket_is_given_once_in_each_way(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct tls_context *server = make_rsa_server();
        struct guest_peer guest;
        guest_join(&guest, server, TLS1_3_VERSION, NULL);
        guest_talk(&guest, 4);
        assert_int_equal(world.objects, 2);
        if (i == 1)
            guest_is_silent(&guest);
        for (int round = 0; round < 3; round++) {
            assert_int_equal(SSL_key_update(guest.ssl, i == 2), 1);
            assert_int_equal(SSL_write(guest.ssl, "ping", 4), 4);
            guest_talk(&guest, 1);
            stream_write(world.server.stream, SPAN("pong"));
            guest_talk(&guest, 3);
            assert_string_equal(guest.got, "pong");
            assert_int_equal(world.objects, 1);
            assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(guest.ssl)), 1);
        }
        guest_leave(&guest);
        tls_context_unref(server);
    }
}

/* -- where the handshake ends -- */

/* The record of Finished that the guest has made is the last of this flight. */
static struct span last_record(struct span flight)
{
    for (;;) {
        const size_t length = RECORD_HEAD + ((size_t)flight.at[3] << 8 | flight.at[4]);
        if (length == flight.len)
            return flight;
        flight = span_tail(flight, length);
    }
}

/* What is in it: it is the first that these keys protect (RFC 5246 section 7.4.9). */
static struct span open_finished(struct hand *hand, struct span record)
{
    static uint8_t opened[SEALER_RECORD];
    struct protection same = hand->out;
    struct content content;
    same.sequence = 0;
    assert_int_equal(protection_open(&same, hand->sealer, record, opened, &content), OPENING_DONE);
    assert_int_equal(content.bytes.len, 4 + 12);
    protection_wipe(&same, hand->sealer);
    return content.bytes;
}

/* Over TLS 1.2, where its records count. */
static void finished_may_come_in_many_records(void **state)
{
    (void)state;
    for (size_t i = 3; i < SUITES; i++) {
        for (size_t part = 1; part <= 16; part *= 2) {
            struct hand hand;
            char *at = NULL;
            hand_begin(&hand, TLS_SERVER, &suites[i]);
            guest_talk(&hand.guest, 1);
            assert_int_equal(SSL_read(hand.guest.ssl, hand.guest.got, 1), -1);
            hand_take_keys(&hand, TLS_SERVER, &suites[i]);
            const long length = BIO_get_mem_data(hand.guest.out, &at);
            const struct span flight = span_of(at, (size_t)length), record = last_record(flight);
            hand_send(&hand, span_head(flight, flight.len - record.len));
            hand.out.sequence = 0;
            for (struct span left = open_finished(&hand, record); left.len > 0; left = span_tail(left, part))
                hand_say(&hand, CONTENT_HANDSHAKE, span_head(left, part));
            (void)BIO_reset(hand.guest.out);
            guest_talk(&hand.guest, 2);
            assert_int_equal(SSL_is_init_finished(hand.guest.ssl), 1);
            hand_say(&hand, CONTENT_APPLICATION_DATA, SPAN("question"));
            run();
            expect_open_with(&hand, SPAN("question"));
            stream_write(ours(&hand), SPAN("answer"));
            run();
            hand_expect(&hand, CONTENT_APPLICATION_DATA, SPAN("answer"));
            hand_leave(&hand);
        }
    }
}

/* -- what a client has room for -- */

/* RFC 6066 section 4. */
static void records_are_as_short_as_the_client_wants_them(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        size_t length;
    } rows[] = {{0, 16384}, {1, 512}, {2, 1024}, {3, 2048}, {4, 4096}};
    uint8_t *much = make_much(20000);
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct tls_context *server = make_rsa_server();
        struct guest_peer guest;
        guest_join(&guest, server, i % 2 ? TLS1_3_VERSION : TLS1_2_VERSION, NULL);
        assert_int_equal(SSL_set_tlsext_max_fragment_length(guest.ssl, rows[i / 2].code), 1);
        guest_talk(&guest, 4);
        guest_is_silent(&guest);
        world.client.got_length = 0;
        stream_write(world.server.stream, span_of(much, 20000));
        run();
        const size_t expansion = i % 2 ? 1 + 16 : 8 + 16, most = rows[i / 2].length;
        struct span sent = span_of(world.client.got, world.client.got_length);
        for (size_t left = 20000; left > 0; left -= left < most ? left : most) {
            const size_t content = left < most ? left : most;
            assert_int_equal(sent.at[3] << 8 | sent.at[4], content + expansion);
            sent = span_tail(sent, RECORD_HEAD + content + expansion);
        }
        assert_int_equal(sent.len, 0);
        guest_leave(&guest);
        tls_context_unref(server);
    }
    free(much);
}

static void client_is_held_to_what_he_wanted(void **state)
{
    (void)state;
    uint8_t *much = make_much(16384);
    for (size_t i = 0; i < 2 * 4; i++) {
        struct suite suite = i % 2 ? *tls13 : *tls12;
        const size_t most = (size_t)512 << i / 2;
        struct hand hand;
        suite.fragment = (uint8_t)(1 + i / 2);
        hand_open(&hand, TLS_SERVER, &suite);
        hand_say(&hand, CONTENT_APPLICATION_DATA, span_of(much, most));
        run();
        expect_open_with(&hand, span_of(much, most));
        hand_say(&hand, CONTENT_APPLICATION_DATA, span_of(much, most + 1));
        run();
        hand_expect_refusal(&hand, RECORD_OVERFLOW, too_long);
        hand_leave(&hand);
    }
    free(much);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(content_passes_both_ways),
        TEST(content_passes_to_and_from_openssl),
        TEST(records_are_put_together),
        TEST(many_records_of_one_read_are_all_passed_up),
        TEST(padding_is_taken_off),
        TEST(padding_is_bounded),
        TEST(records_over_2_14_are_refused),
        TEST(head_of_a_record_that_is_too_long_is_enough),
        TEST(empty_records_are_borne_but_not_for_ever),
        TEST(any_bit_that_is_changed_breaks_the_record),
        TEST(records_in_another_order_are_refused),
        TEST(records_shorter_than_a_tag_are_refused),
        TEST(plaintext_after_the_handshake_is_refused),
        TEST(what_nobody_may_say_is_refused),
        TEST(alerts_end_the_connection),
        TEST(alerts_are_told_as_openssl_words_them),
        TEST(warnings_are_borne_but_not_for_ever),
        TEST(close_notify_of_the_peer_is_the_end_of_its_bytes),
        TEST(nothing_comes_between_the_parts_of_a_message),
        TEST(key_updates_are_answered_if_they_ask_for_it),
        TEST(key_update_that_is_cut_anywhere_is_followed),
        TEST(old_keys_are_not_taken_any_more),
        TEST(key_updates_without_content_are_limited),
        TEST(close_notify_goes_without_the_answer_to_a_key_update),
        TEST(wishes_to_renegotiate_are_answered_each_by_a_warning),
        TEST(wishes_to_renegotiate_are_limited),
        TEST(tickets_for_a_client_of_ours_are_passed_over),
        TEST(tickets_of_openssl_are_passed_over),
        TEST(ticket_is_given_once_in_each_way),
        TEST(finished_may_come_in_many_records),
        TEST(records_are_as_short_as_the_client_wants_them),
        TEST(client_is_held_to_what_he_wanted),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
