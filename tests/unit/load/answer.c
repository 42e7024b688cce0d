#include "test.h"

#include "answer.h"

#include <stdio.h>

static struct answer_memory memory;

/* What is heard of a server's bytes that come in pieces of `step`: status, length of the body, whether the connection is kept. */
static void hear(struct span in, size_t step, char *heard, size_t size)
{
    struct answer answer = {0};
    enum answer_event event = ANSWER_MORE;
    size_t length = 0;
    heard[0] = '\0';
    while (in.len > 0 && event != ANSWER_BROKEN) {
        struct span part = span_head(in, step);
        in = span_tail(in, step);
        do {
            event = answer_next(&answer, &memory, &part);
            if (event == ANSWER_BROKEN)
                length += (size_t)snprintf(heard + length, size - length, "broken ");
            if (event != ANSWER_DONE)
                continue;
            length += (size_t)snprintf(heard + length, size - length, "%u:%u%s ", answer.verdict.status,
                                       (unsigned)answer.received, answer.verdict.keep_alive ? "" : ":close");
            answer_reset(&answer);
        } while (event == ANSWER_HEAD || event == ANSWER_DONE);
    }
    if (answer_ends_with_connection(&answer))
        snprintf(heard + length, size - length, "%u:%u:end ", answer.verdict.status, (unsigned)answer.received);
    answer_reset(&answer);
}

static const struct {
    const char *bytes, *heard;
} rows[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ndef", "200:3 200:3 "},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200:0 200:0 "},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
     "200:4 200:1 "},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", "200:1:close "},
    {"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "204:0 404:2 "},
    {"HTTP/1.1 200 OK\r\n\r\nabcd", "200:4:end "},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "broken "},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "broken "},
    {"SSH-2.0-OpenSSH\r\n", "broken "},
};

static void answers_are_understood_however_they_come(void **state)
{
    (void)state;
    char heard[80];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step < 100; step += step < 4 ? 1 : 13) {
            hear(span_string(rows[i].bytes), step, heard, sizeof heard);
            assert_string_equal(heard, rows[i].heard);
        }
    }
}

static void a_head_that_was_judged_is_recognised_whole(void **state)
{
    (void)state;
    char heard[80];
    memory = (struct answer_memory){0};
    hear(SPAN("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), 100, heard, sizeof heard);
    assert_int_equal(memory.length, strlen("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"));
    hear(SPAN("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"), 100, heard, sizeof heard);
    assert_string_equal(heard, "");
    hear(SPAN("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), 100, heard, sizeof heard);
    assert_string_equal(heard, "200:3 ");
}

static void what_ends_otherwise_is_not_remembered(void **state)
{
    (void)state;
    char heard[80];
    memory = (struct answer_memory){0};
    hear(SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 100, heard, sizeof heard);
    hear(SPAN("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), 100, heard, sizeof heard);
    assert_string_equal(heard, "404:0 ");
    assert_int_equal(memory.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_understood_however_they_come),
        cmocka_unit_test(a_head_that_was_judged_is_recognised_whole),
        cmocka_unit_test(what_ends_otherwise_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
