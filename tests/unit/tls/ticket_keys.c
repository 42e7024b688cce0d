/* Key files of session tickets: what is read, and what is said about every mistake. */
#include "test.h"

#include "crossgate/tls.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <string.h>

struct recorder {
    struct problems problems;
    unsigned count;
    enum problem_severity severity;
    char text[512], remedy[512]; /* of the last one */
};

static void record(struct problems *problems, const struct problem *problem)
{
    struct recorder *recorder = CONTAINER_OF(problems, struct recorder, problems);
    assert_string_equal(problem->key, "ticket_keys");
    recorder->count++;
    recorder->severity = problem->severity;
    snprintf(recorder->text, sizeof recorder->text, "%s", problem->text);
    snprintf(recorder->remedy, sizeof recorder->remedy, "%s", problem->remedy ? problem->remedy : "");
}

/* A key that begins with that byte, in base64. */
static const char *line_of(uint8_t first)
{
    static char lines[16][112];
    static unsigned next;
    uint8_t key[TLS_TICKET_KEY];
    char *line = lines[next++ % 16];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(first + i);
    assert_int_equal(EVP_EncodeBlock((unsigned char *)line, key, sizeof key), 108);
    return line;
}

static bool read_bytes(struct tls_ticket_ring *ring, struct span bytes, uint32_t mode, struct recorder *recorder)
{
    const struct pki_file file = {.path = "tickets", .bytes = bytes, .mode = mode};
    *recorder = (struct recorder){.problems.report = record};
    bool read = tls_ticket_ring_read(ring, &file, &recorder->problems);
    assert_int_equal(read, recorder->problems.errors == 0);
    assert_int_equal(read, ring->count > 0);
    return read;
}

static void expect_keys(const char *text, uint32_t count, const uint8_t *firsts)
{
    struct tls_ticket_ring ring;
    struct recorder recorder;
    if (!read_bytes(&ring, span_string(text), 0600, &recorder))
        fail_msg("%s", recorder.text);
    assert_int_equal(recorder.count, 0);
    assert_int_equal(ring.count, count);
    for (uint32_t i = 0; i < count; i++) {
        for (size_t j = 0; j < TLS_TICKET_KEY; j++)
            assert_int_equal(ring.keys[i][j], (uint8_t)(firsts[i] + j));
    }
}

static void lines_are_keys_in_order_with_comments_and_blanks_between(void **state)
{
    (void)state;
    char text[1024];
    const uint8_t firsts[] = {7, 200, 3};
    const struct {
        const char *format;
        uint32_t count;
    } rows[] = {
        {"%s", 1},         {"%s\n", 1},
        {"%s\r\n", 1},     {"# made today\n\n  %s \t\n\n#\n%s # the one before\n", 2},
        {"%s\n%s\n%s", 3}, {"\n\n\n%s\n%s\r\n\r\n%s\r\n", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, rows[i].format, line_of(7), line_of(200), line_of(3));
        expect_keys(text, rows[i].count, firsts);
    }
}

static void expect_refused(struct span bytes, const char *words, const char *remedy)
{
    struct tls_ticket_ring ring;
    const struct tls_ticket_ring nothing = {0};
    struct recorder recorder;
    assert_false(read_bytes(&ring, bytes, 0600, &recorder));
    if (!strstr(recorder.text, words) || !strstr(recorder.remedy, remedy))
        fail_msg("%s [%s] instead of %s [%s]", recorder.text, recorder.remedy, words, remedy);
    assert_memory_equal(&ring, &nothing, sizeof ring);
}

static void bad_lines_are_named_by_their_number(void **state)
{
    (void)state;
    static const struct {
        size_t at; /* a good line is changed there */
        char to;
        const char *words;
    } rows[] = {
        {107, '\0', "tickets:3: a key has 108 characters"},      /* without padding */
        {107, 'A', "tickets:3: this is not 80 bytes in base64"}, /* 81 bytes */
        {106, '=', "tickets:3: this is not 80 bytes in base64"}, /* 79 bytes */
        {50, '=', "tickets:3: this is not 80 bytes in base64"},  {50, '*', "tickets:3: this is not 80 bytes in base64"},
        {50, ' ', "tickets:3: this is not 80 bytes in base64"},  {1, '\0', "tickets:3: a key has 108 characters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512], line[112];
        memcpy(line, line_of(2), 109);
        line[rows[i].at] = rows[i].to;
        snprintf(text, sizeof text, "# keys\n%s\n%s\n", line_of(1), line);
        expect_refused(span_string(text), rows[i].words, "openssl rand -base64 80 | tr -d");
    }
}

/* As `openssl rand -base64 80` prints it, in two lines. */
static void a_key_in_two_lines_is_told_how_to_be_made_one(void **state)
{
    (void)state;
    char text[128];
    struct tls_ticket_ring ring;
    struct recorder recorder;
    snprintf(text, sizeof text, "%.64s\n%s\n", line_of(1), line_of(1) + 64);
    assert_false(read_bytes(&ring, span_string(text), 0600, &recorder));
    assert_int_equal(recorder.count, 2);
    assert_non_null(strstr(recorder.text, "tickets:2: a key has 108 characters"));
    assert_non_null(strstr(recorder.remedy, "tr -d"));
}

static void a_key_twice_or_too_many_are_refused(void **state)
{
    (void)state;
    char text[2048] = "";
    snprintf(text, sizeof text, "%s\n%s\n%s\n", line_of(1), line_of(2), line_of(1));
    expect_refused(span_string(text), "tickets:3: this key is in the file twice", "remove one");
    text[0] = '\0';
    for (unsigned i = 0; i <= TLS_TICKET_KEYS_MAX; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s\n", line_of((uint8_t)i));
    }
    expect_refused(span_string(text), "tickets:9: more keys than the 8", "remove the oldest");
}

static void files_without_a_key_are_refused(void **state)
{
    (void)state;
    uint8_t raw[TLS_TICKET_KEY];
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)(100 + i);
    expect_refused(SPAN(""), "tickets has no key in it", "openssl rand -base64 80 | tr -d '\\n' > tickets");
    expect_refused(SPAN("# none yet\n"), "tickets has no key in it", "openssl rand");
    expect_refused(span_of(raw, sizeof raw), "tickets is a key in binary form", "base64 -w 0 tickets > tickets.base64");
    expect_refused(span_of(raw, 48), "a key has 108 characters", "openssl rand");
}

static void a_file_of_something_else_is_not_listed_whole(void **state)
{
    (void)state;
    char text[2000];
    struct tls_ticket_ring ring;
    struct recorder recorder;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '\n' : 'x';
    assert_false(read_bytes(&ring, span_of(text, sizeof text), 0600, &recorder));
    assert_int_equal(recorder.count, 3);
}

static void a_file_that_others_may_read_is_warned_of(void **state)
{
    (void)state;
    struct tls_ticket_ring ring;
    struct recorder recorder;
    assert_true(read_bytes(&ring, span_string(line_of(1)), 0644, &recorder));
    assert_int_equal(recorder.count, 1);
    assert_int_equal(recorder.severity, PROBLEM_WARNING);
    assert_string_equal(recorder.text, "tickets has mode 0644: the keys of session tickets are open to everyone");
    assert_string_equal(recorder.remedy, "chmod 600 tickets");
    assert_true(read_bytes(&ring, span_string(line_of(1)), 0, &recorder));
    assert_int_equal(recorder.count, 0);
}

static void keys_are_made_at_random(void **state)
{
    (void)state;
    uint8_t one[TLS_TICKET_KEY] = {0}, two[TLS_TICKET_KEY] = {0};
    assert_true(tls_ticket_key_make(one) && tls_ticket_key_make(two));
    assert_memory_not_equal(one, two, TLS_TICKET_KEY_NAME);
    assert_memory_not_equal(one + 48, two + 48, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_keys_in_order_with_comments_and_blanks_between),
        cmocka_unit_test(bad_lines_are_named_by_their_number),
        cmocka_unit_test(a_key_in_two_lines_is_told_how_to_be_made_one),
        cmocka_unit_test(a_key_twice_or_too_many_are_refused),
        cmocka_unit_test(files_without_a_key_are_refused),
        cmocka_unit_test(a_file_of_something_else_is_not_listed_whole),
        cmocka_unit_test(a_file_that_others_may_read_is_warned_of),
        cmocka_unit_test(keys_are_made_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
