#include "hello.h"

#include "suites.h"

#include <assert.h>

enum { SSL_3 = 0x0300, TLS_1_0 = 0x0301, TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };
enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22 };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, SERVER_KEY_EXCHANGE = 12, SERVER_HELLO_DONE = 14 };
enum {
    EXTENSION_NAME = 0,
    EXTENSION_GROUPS = 10,
    EXTENSION_SIGNATURES = 13,
    EXTENSION_VERSIONS = 43,
    EXTENSION_KEY_SHARE = 51,
};

/* ---- writing */

struct writer {
    uint8_t *at;
    size_t used;
};

/* Its bounds are those of struct hello: see hello_print. */
static void put(struct writer *out, size_t width, uint32_t value)
{
    assert(out->used + width <= HELLO_MAX);
    for (size_t i = width; i > 0; i--)
        out->at[out->used++] = (uint8_t)(value >> 8 * (i - 1));
}

static void put_bytes(struct writer *out, struct span bytes)
{
    assert(out->used + bytes.len <= HELLO_MAX);
    memcpy(out->at + out->used, bytes.at, bytes.len);
    out->used += bytes.len;
}

static void put_list(struct writer *out, const uint16_t *numbers, size_t count)
{
    put(out, 2, (uint32_t)(2 * count));
    for (size_t i = 0; i < count; i++)
        put(out, 2, numbers[i]);
}

/* Where a length of `width` bytes stands that is known later; end_length writes it. */
static size_t begin_length(struct writer *out, size_t width)
{
    put(out, width, 0);
    return out->used;
}

static void end_length(struct writer *out, size_t width, size_t begin)
{
    struct writer back = {out->at, begin - width};
    put(&back, width, (uint32_t)(out->used - begin));
}

/* RFC 6066 section 3 */
static void put_name(struct writer *out, const char *name)
{
    struct span bytes = span_head(span_string(name), 255);
    put(out, 2, EXTENSION_NAME);
    put(out, 2, (uint32_t)bytes.len + 5);
    put(out, 2, (uint32_t)bytes.len + 3);
    put(out, 1, 0);
    put(out, 2, (uint32_t)bytes.len);
    put_bytes(out, bytes);
}

static void put_groups(struct writer *out, const struct hello *hello)
{
    put(out, 2, EXTENSION_GROUPS);
    put(out, 2, (uint32_t)(2 * hello->group_count + 2));
    put_list(out, hello->groups, hello->group_count);
    if (hello->version < TLS_1_3)
        put_bytes(out, SPAN("\0\x0B\0\x02\x01\0")); /* ec_point_formats: uncompressed */
}

/* All that servers sign with, SHA-1 included. */
static void put_signatures(struct writer *out)
{
    static const uint16_t all[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809,
                                   0x080A, 0x080B, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0402, 0x0202};
    put(out, 2, EXTENSION_SIGNATURES);
    put(out, 2, sizeof all + 2);
    put_list(out, all, sizeof all / sizeof all[0]);
}

static void put_extensions(struct writer *out, const struct hello *hello)
{
    size_t begin = begin_length(out, 2);
    if (hello->name)
        put_name(out, hello->name);
    if (hello->group_count > 0)
        put_groups(out, hello);
    if (hello->version >= TLS_1_2)
        put_signatures(out);
    if (hello->version >= TLS_1_3)
        put_bytes(out, SPAN("\0\x2B\0\x03\x02\x03\x04" /* EXTENSION_VERSIONS: TLS 1.3 */
                            "\0\x33\0\x02\0\0"         /* EXTENSION_KEY_SHARE: none */
                            "\0\x2D\0\x02\x01\x01"));  /* psk_key_exchange_modes */
    else
        put_bytes(out, SPAN("\xFF\x01\0\x01\0")); /* renegotiation_info: none yet (RFC 5746) */
    end_length(out, 2, begin);
}

size_t hello_print(const struct hello *hello, uint8_t bytes[HELLO_MAX])
{
    assert(hello->suite_count <= HELLO_SUITES_MAX && hello->group_count <= HELLO_GROUPS_MAX);
    struct writer out = {bytes, 0};
    put(&out, 1, RECORD_HANDSHAKE);
    put(&out, 2, hello->version == SSL_3 ? SSL_3 : TLS_1_0);
    size_t record = begin_length(&out, 2);
    put(&out, 1, CLIENT_HELLO);
    size_t message = begin_length(&out, 3);
    put(&out, 2, hello->version > TLS_1_2 ? TLS_1_2 : hello->version);
    put_bytes(&out, span_of(hello->random, sizeof hello->random));
    /* A session id, as middleboxes like to see in TLS 1.3 (RFC 8446 appendix D.4). */
    put(&out, 1, hello->version >= TLS_1_3 ? sizeof hello->random : 0);
    put_bytes(&out, span_of(hello->random, hello->version >= TLS_1_3 ? sizeof hello->random : 0));
    put_list(&out, hello->suites, hello->suite_count);
    put(&out, 2, 0x0100); /* compression: none */
    if (hello->version > SSL_3)
        put_extensions(&out, hello);
    end_length(&out, 3, message);
    end_length(&out, 2, record);
    return out.used;
}

/* ---- reading */

/* A cursor; what is beyond the end reads as 0, and is noted. */
struct reader {
    struct span rest;
    bool failed;
};

static uint32_t take(struct reader *in, size_t width)
{
    uint32_t value = 0;
    if (in->rest.len < width)
        in->failed = true;
    for (size_t i = 0; i < width && !in->failed; i++)
        value = value << 8 | in->rest.at[i];
    in->rest = span_tail(in->rest, width);
    return value;
}

/* Bytes behind a length of `width` bytes. */
static struct reader take_part(struct reader *in, size_t width)
{
    size_t length = take(in, width);
    if (length > in->rest.len)
        in->failed = true;
    struct reader part = {span_head(in->rest, length), in->failed};
    in->rest = span_tail(in->rest, length);
    return part;
}

static bool read_extensions(struct reader *in, struct hello_answer *answer)
{
    while (in->rest.len > 0 && !in->failed) {
        uint32_t type = take(in, 2);
        struct reader part = take_part(in, 2);
        if (type == EXTENSION_VERSIONS)
            answer->version = (uint16_t)take(&part, 2);
        if (type == EXTENSION_KEY_SHARE)
            answer->group = (uint16_t)take(&part, 2);
        if (part.failed)
            return false;
    }
    return !in->failed;
}

/* RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3. */
static bool read_server_hello(struct span body, struct hello_answer *answer)
{
    struct reader in = {body, false};
    answer->version = (uint16_t)take(&in, 2);
    in.rest = span_tail(in.rest, 32); /* random; if it is not there, nor is what follows */
    take_part(&in, 1);
    answer->suite = (uint16_t)take(&in, 2);
    take(&in, 1);
    if (in.failed || in.rest.len == 0)
        return !in.failed;
    struct reader extensions = take_part(&in, 2);
    return !in.failed && read_extensions(&extensions, answer);
}

enum { NAMED_CURVE = 3 };

/* RFC 8422 section 5.4 for ECDHE, RFC 5246 section 7.4.3 for DHE. */
static bool read_key_exchange(struct span body, struct hello_answer *answer)
{
    struct reader in = {body, false};
    enum suite_exchange exchange = suite_exchange(answer->suite);
    if (exchange == EXCHANGE_ECDHE && take(&in, 1) == NAMED_CURVE)
        answer->group = (uint16_t)take(&in, 2);
    if (exchange != EXCHANGE_DHE)
        return !in.failed;
    struct reader prime = take_part(&in, 2);
    while (prime.rest.len > 0 && prime.rest.at[0] == 0)
        prime.rest = span_tail(prime.rest, 1);
    answer->dh_bits = (unsigned)(8 * prime.rest.len);
    return !in.failed;
}

/* One message of the handshake. In TLS 1.3 all that follows the first is encrypted; below, the key exchange is told in clear. */
static enum hello_outcome read_message(struct hello_reader *reader, uint32_t type, struct span body)
{
    struct hello_answer *answer = &reader->answer;
    if (type == SERVER_HELLO && !reader->has_hello) {
        if (!read_server_hello(body, answer))
            return HELLO_BROKEN;
        reader->has_hello = true;
        bool is_all = answer->version >= TLS_1_3 || suite_exchange(answer->suite) == EXCHANGE_NONE;
        return is_all ? HELLO_ACCEPTED : HELLO_MORE;
    }
    if (!reader->has_hello)
        return HELLO_BROKEN;
    if (type == SERVER_KEY_EXCHANGE)
        return read_key_exchange(body, answer) ? HELLO_ACCEPTED : HELLO_BROKEN;
    return type == SERVER_HELLO_DONE ? HELLO_ACCEPTED : HELLO_MORE;
}

static enum hello_outcome read_messages(struct hello_reader *reader)
{
    enum hello_outcome outcome = HELLO_MORE;
    while (outcome == HELLO_MORE) {
        struct span rest = span_of(reader->messages + reader->read, reader->length - reader->read);
        struct reader in = {rest, false};
        uint32_t type = take(&in, 1);
        struct reader body = take_part(&in, 3);
        if (body.failed)
            break;
        reader->read += 4 + body.rest.len;
        outcome = read_message(reader, type, body.rest);
    }
    return outcome;
}

/* RFC 8446 section 5.1: at most 2^14 bytes in clear. */
enum { RECORD_HEAD = 5, RECORD_MAX = 16384 };

static enum hello_outcome read_record(struct hello_reader *reader, uint32_t type, struct span payload)
{
    if (type == RECORD_ALERT && payload.len == 2) {
        reader->answer.alert = payload.at[1];
        /* A warning (unrecognized_name) is no end (RFC 6066 section 3). */
        return payload.at[0] == 1 ? HELLO_MORE : HELLO_ALERT;
    }
    if (type != RECORD_HANDSHAKE || payload.len == 0 || payload.len > sizeof reader->messages - reader->length)
        return HELLO_BROKEN;
    memcpy(reader->messages + reader->length, payload.at, payload.len);
    reader->length += payload.len;
    return read_messages(reader);
}

/* Whether it can be the head of a record, as far as it is there. */
static bool looks_like_record(struct span head)
{
    return (head.len < 1 || (head.at[0] >= 20 && head.at[0] <= 23)) && (head.len < 2 || head.at[1] == 3) &&
           (head.len < 3 || head.at[2] <= 4);
}

enum hello_outcome hello_read(struct hello_reader *reader, struct span all)
{
    enum hello_outcome outcome = HELLO_MORE;
    while (outcome == HELLO_MORE) {
        struct reader in = {span_tail(all, reader->used), false};
        if (!looks_like_record(in.rest))
            return reader->used == 0 ? HELLO_NOT_TLS : HELLO_BROKEN;
        uint32_t type = take(&in, 1);
        take(&in, 2);
        struct reader payload = take_part(&in, 2);
        if (payload.failed)
            break;
        if (payload.rest.len > RECORD_MAX)
            return HELLO_BROKEN;
        reader->used += RECORD_HEAD + payload.rest.len;
        outcome = read_record(reader, type, payload.rest);
    }
    return outcome;
}
