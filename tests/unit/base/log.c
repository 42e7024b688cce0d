#include "test.h"

#include "crossgate/base/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static size_t read_all(int from, char *text, size_t size)
{
    size_t used = 0;
    ssize_t n;
    while (used < size - 1 && (n = read(from, text + used, size - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = 0;
    return used;
}

static void a_peer_cannot_forge_lines(void **state)
{
    (void)state;
    int ends[2];
    struct log log;
    char text[512];
    open_pipe(ends);
    log_init(&log, ends[1], LOG_INFO, "worker 1");
    log_write(&log, LOG_INFO, "GET %s", "/\r\n2026 error master: \x1b[2J");
    read_all(ends[0], text, sizeof text);
    assert_non_null(strstr(text, " worker 1: GET /\\x0d\\x0a2026 error master: \\x1b[2J\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    log_write(&log, LOG_INFO, "GET %s",
              "/\xc2\x9b"
              "2J\xc3\x9b\xc2\xa0");
    read_all(ends[0], text, sizeof text);
    assert_non_null(strstr(text, "GET /\\xc2\\x9b2J\xc3\x9b\xc2\xa0\n"));
    close(ends[0]);
    close(ends[1]);
}

static void levels_above_the_set_one_are_silent(void **state)
{
    (void)state;
    int ends[2];
    struct log log;
    char text[512];
    open_pipe(ends);
    log_init(&log, ends[1], LOG_WARNING, "master");
    log_write(&log, LOG_INFO, "info");
    log_write(&log, LOG_QUIET, "quiet");
    assert_int_equal(read_all(ends[0], text, sizeof text), 0);
    log_write(&log, LOG_WARNING, "warning");
    assert_true(read_all(ends[0], text, sizeof text) > 0);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_pipe_drops_lines_and_says_so(void **state)
{
    (void)state;
    int ends[2];
    struct log log;
    char text[1 << 17];
    open_pipe(ends);
    log_init(&log, ends[1], LOG_INFO, "master");
    for (int i = 0; i < 5000; i++)
        log_write(&log, LOG_ERROR, "%0500d", i);
    assert_true(log.dropped > 0);
    unsigned dropped = log.dropped;
    read_all(ends[0], text, sizeof text);
    log_write(&log, LOG_ERROR, "after");
    read_all(ends[0], text, sizeof text);
    assert_non_null(strstr(text, "log lines dropped\n"));
    assert_non_null(strstr(text, "after\n"));
    assert_true(dropped > log.dropped);
    close(ends[0]);
    close(ends[1]);
}

static void text_is_written_as_it_is_and_never_waits(void **state)
{
    (void)state;
    int ends[2];
    struct log log;
    static char long_text[10000], text[1 << 17];
    open_pipe(ends);
    log_init(&log, ends[1], LOG_INFO, "master");
    log_write_text(&log, SPAN("one\n    two\nthree"));
    read_all(ends[0], text, sizeof text);
    assert_string_equal(text, "one\n    two\nthree");
    memset(long_text, 'x', sizeof long_text);
    log_write_text(&log, span_of(long_text, sizeof long_text));
    assert_int_equal(read_all(ends[0], text, sizeof text), sizeof long_text);
    assert_int_equal(log.dropped, 0);
    assert_true(fcntl(ends[1], F_SETFL, 0) == 0); /* from now on a write that finds no room would wait */
    for (int i = 0; i < 20; i++)
        log_write_text(&log, span_of(long_text, sizeof long_text));
    assert_true(log.dropped > 0);
    close(ends[0]);
    close(ends[1]);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    int ends[2];
    struct log log;
    static char text[8192], long_text[6000];
    open_pipe(ends);
    memset(long_text, 1, sizeof long_text - 1); /* each becomes four characters */
    log_init(&log, ends[1], LOG_INFO, "master");
    log_write(&log, LOG_INFO, "%s", long_text);
    size_t length = read_all(ends[0], text, sizeof text);
    assert_true(length > 1000 && length <= 2048);
    assert_int_equal(text[length - 1], '\n');
    close(ends[0]);
    close(ends[1]);
}

static void level_names_are_parsed(void **state)
{
    (void)state;
    enum log_level level;
    assert_true(log_level_parse("debug", &level) && level == LOG_DEBUG);
    assert_true(log_level_parse("error", &level) && level == LOG_ERROR);
    assert_false(log_level_parse("quiet", &level));
    assert_false(log_level_parse("", &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_cannot_forge_lines),
        cmocka_unit_test(levels_above_the_set_one_are_silent),
        cmocka_unit_test(a_full_pipe_drops_lines_and_says_so),
        cmocka_unit_test(text_is_written_as_it_is_and_never_waits),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(level_names_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
