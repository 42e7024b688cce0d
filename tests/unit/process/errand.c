/* Errands, seen from the master: a shell takes the word "errand" for its script, whose descriptor 3 takes words. */
#include "test.h"

#include "errand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct account same_user = {.changes = false};

/* One errand, and what is heard of it. */
struct world {
    struct errands errands;
    struct errand errand;
    struct log log;
    char home[4096], directory[64];
    int pipe[2];    /* what is logged */
    uint64_t now;   /* ms */
    char heard[64]; /* the first field of each word, with a space behind */
    unsigned words, ends;
    bool well, cancels, begins;
};

static struct world *world_of(struct errand *errand)
{
    return CONTAINER_OF(errand, struct world, errand);
}

static const struct word job = {.kind = 1, .count = 1, .fields = {{(const uint8_t *)"job", 3}}};

static void begin(struct world *world)
{
    assert_true(errand_begin(&world->errands, &world->errand, &job, 1000, world->now));
}

static void on_word(struct errand *errand, const struct word *word)
{
    struct world *world = world_of(errand);
    size_t used = strlen(world->heard);
    world->words++;
    if (word->count > 0)
        snprintf(world->heard + used, sizeof world->heard - used, "%.*s ", SPAN_ARGS(word->fields[0]));
    if (world->cancels)
        errand_cancel(&world->errands, errand);
}

static void on_end(struct errand *errand, bool well)
{
    struct world *world = world_of(errand);
    world->ends++;
    world->well = well;
    if (world->begins) {
        world->begins = false;
        begin(world);
    }
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_int_equal(pipe2(world->pipe, O_NONBLOCK | O_CLOEXEC), 0);
    log_init(&world->log, world->pipe[1], LOG_INFO, "test");
    assert_true(errands_init(&world->errands, &world->log));
    world->errands.account = &same_user;
    world->errands.executable = open("/bin/sh", O_PATH | O_CLOEXEC);
    errand_init(&world->errand, "test");
    world->errand.on_word = on_word;
    world->errand.on_end = on_end;
    assert_non_null(getcwd(world->home, sizeof world->home));
    snprintf(world->directory, sizeof world->directory, "/tmp/crossgate-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    assert_int_equal(chdir(world->directory), 0);
    *state = world;
    return 0;
}

/* No process is left, not even a dead one. */
static int teardown(void **state)
{
    struct world *world = *state;
    int status;
    errands_deinit(&world->errands);
    while (waitpid(-1, &status, 0) > 0) {
    }
    assert_int_equal(errno, ECHILD);
    close(world->errands.executable);
    close(world->pipe[0]);
    close(world->pipe[1]);
    unlink("errand");
    assert_int_equal(chdir(world->home), 0);
    assert_int_equal(rmdir(world->directory), 0);
    free(world);
    return 0;
}

/* say TEXT sends a word of kind 5, fail TEXT one of kind WORD_FAILED; at most 9 characters. Each printf is one packet. */
static void script(const char *text)
{
    FILE *file = fopen("errand", "we");
    assert_non_null(file);
    fprintf(file,
            "say() { printf '\\5\\0\\0\\0\\1\\0\\0\\0\\'${#1}'\\0\\0\\0'\"$1\" >&3; }\n"
            "fail() { printf '\\377\\377\\377\\177\\1\\0\\0\\0\\'${#1}'\\0\\0\\0'\"$1\" >&3; }\n%s\n",
            text);
    fclose(file);
}

/* As the master does it, until the process is gone. */
static void run(struct world *world)
{
    pid_t pid = world->errand.pid;
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        struct pollfd ready = {.fd = world->errands.events, .events = POLLIN};
        if (poll(&ready, 1, 10) == 1)
            errands_hear(&world->errands);
        errands_settle(&world->errands, world->now);
    }
    errands_bury(&world->errands, pid, status);
}

static const char *logged(struct world *world)
{
    static char text[2048];
    ssize_t length = read(world->pipe[0], text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

static void words_are_heard_in_order_and_the_end_last(void **state)
{
    struct world *world = *state;
    script("test $1 = test && say one && say two");
    begin(world);
    run(world);
    assert_string_equal(world->heard, "one two ");
    assert_int_equal(world->ends, 1);
    assert_true(world->well);
    assert_int_equal(world->errand.pid, 0);
    assert_string_equal(logged(world), "");
}

static void last_words_are_heard_after_the_death_and_with_ours_unread(void **state)
{
    struct world *world = *state;
    int status;
    script("say one; say two");
    begin(world);
    assert_int_equal(waitpid(world->errand.pid, &status, 0), world->errand.pid);
    errands_bury(&world->errands, world->errand.pid, status);
    assert_string_equal(world->heard, "one two ");
    assert_true(world->well);
}

static void failure_is_told_by_its_own_words_and_not_logged(void **state)
{
    struct world *world = *state;
    script("fail refused; exit 1");
    begin(world);
    run(world);
    assert_int_equal(world->words, 0);
    assert_false(world->well);
    assert_string_equal(world->errand.reason, "refused");
    assert_string_equal(logged(world), "");
}

/* One that has been taken over writes no escapes to an operator's terminal. */
static void reason_is_printable(void **state)
{
    struct world *world = *state;
    script("fail \"$(printf 'a\\033[1m\\tb')\"; exit 1");
    begin(world);
    run(world);
    assert_string_equal(world->errand.reason, "a?[1m?b");
}

static void environment_is_passed_without_secrets(void **state)
{
    struct world *world = *state;
    setenv("CROSSGATE_TEST_SECRET", "secret", 1);
    setenv("HTTPS_Proxy", "proxy", 1);
    setenv("SSL_CERT_FILE", "trust", 1);
    script("say \"a$CROSSGATE_TEST_SECRET\"; say \"b$HTTPS_Proxy\"; say \"c$SSL_CERT_FILE\"");
    begin(world);
    run(world);
    unsetenv("CROSSGATE_TEST_SECRET");
    unsetenv("HTTPS_Proxy");
    unsetenv("SSL_CERT_FILE");
    assert_string_equal(world->heard, "a bproxy ctrust ");
}

static void malloc_keeps_what_handshakes_give_back(void **state)
{
    struct world *world = *state;
    unsetenv("GLIBC_TUNABLES");
    script("say \"=${GLIBC_TUNABLES##*=}\"");
    begin(world);
    run(world);
    assert_string_equal(world->heard, "=100 ");
}

static void tunables_of_an_operator_are_passed(void **state)
{
    struct world *world = *state;
    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=8", 1);
    script("say \"=${GLIBC_TUNABLES##*=}\"");
    begin(world);
    run(world);
    unsetenv("GLIBC_TUNABLES");
    assert_string_equal(world->heard, "=8 ");
}

static void end_without_a_reason_is_logged_once(void **state)
{
    struct world *world = *state;
    script("exit 3");
    begin(world);
    run(world);
    assert_false(world->well);
    assert_non_null(strstr(world->errand.reason, "ended with status 3"));
    const char *log = logged(world);
    assert_non_null(strstr(log, "the process for test (pid "));
    assert_ptr_equal(strchr(log, '\n'), log + strlen(log) - 1);
}

static void failure_that_is_told_by_one_that_claims_success_is_none(void **state)
{
    struct world *world = *state;
    script("fail half; exit 0");
    begin(world);
    run(world);
    assert_false(world->well);
}

static void what_cannot_be_executed_says_so(void **state)
{
    struct world *world = *state;
    close(world->errands.executable);
    world->errands.executable = open("/etc/passwd", O_PATH | O_CLOEXEC);
    begin(world);
    run(world);
    assert_false(world->well);
    assert_non_null(strstr(world->errand.reason, "Permission denied"));
}

static void one_that_takes_too_long_is_killed(void **state)
{
    struct world *world = *state;
    script("say one; read never <&3; exec sleep 1000");
    begin(world);
    assert_true(errands_next(&world->errands) == world->now + 1000);
    world->now += 999;
    errands_settle(&world->errands, world->now);
    assert_null(world->errand.fault);
    world->now++;
    run(world);
    assert_false(world->well);
    assert_non_null(strstr(logged(world), "was killed: it takes too long"));
    assert_true(errands_next(&world->errands) == UINT64_MAX);
}

static void one_that_is_being_killed_is_not_heard(void **state)
{
    struct world *world = *state;
    script("say one; exec sleep 1000");
    begin(world);
    struct pollfd ready = {.fd = world->errands.events, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 20000), 1);
    world->now += 1000;
    errands_settle(&world->errands, world->now);
    run(world);
    assert_int_equal(world->words, 0);
    assert_false(world->well);
}

static void one_that_says_what_is_no_word_is_killed(void **state)
{
    struct world *world = *state;
    script("say one; printf rubbish >&3; say two; exec sleep 1000");
    begin(world);
    run(world);
    assert_string_equal(world->heard, "one ");
    assert_false(world->well);
    assert_non_null(strstr(logged(world), "says what is no word"));
}

static void one_that_never_stops_talking_is_killed(void **state)
{
    struct world *world = *state;
    script("while :; do say x; done");
    begin(world);
    run(world);
    assert_int_equal(world->words, ERRAND_WORDS_MAX);
    assert_non_null(strstr(logged(world), "says more than is good for us"));
}

/* It has the socket, and talks on when the errand itself is dead. */
static void what_it_has_left_behind_is_not_listened_to(void **state)
{
    struct world *world = *state;
    int status;
    script("trap '' PIPE\n(while say x; do :; done) & say one; exit 0");
    begin(world);
    assert_int_equal(waitpid(world->errand.pid, &status, 0), world->errand.pid);
    errands_bury(&world->errands, world->errand.pid, status);
    assert_int_equal(world->ends, 1);
    assert_true(world->words <= ERRAND_WORDS_MAX);
}

static void one_that_does_not_listen_is_killed(void **state)
{
    struct world *world = *state;
    script("exec sleep 1000");
    begin(world);
    for (int i = 0; i < 100000 && !world->errand.fault; i++)
        errand_tell(&world->errand, &job);
    run(world);
    assert_false(world->well);
    assert_non_null(strstr(logged(world), "does not listen"));
}

static void one_that_has_hung_up_may_still_end_well(void **state)
{
    struct world *world = *state;
    script("exec 3>&-; while test -e errand; do :; done");
    begin(world);
    struct pollfd ready = {.fd = world->errands.events, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 20000), 1);
    errand_tell(&world->errand, &job);
    assert_null(world->errand.fault);
    unlink("errand");
    run(world);
    assert_true(world->well);
}

static void cancelled_one_is_heard_of_no_more(void **state)
{
    struct world *world = *state;
    int status;
    script("say one; say two; exec sleep 1000");
    world->cancels = true;
    begin(world);
    pid_t pid = world->errand.pid;
    struct pollfd ready = {.fd = world->errands.events, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 20000), 1);
    errands_hear(&world->errands);
    assert_int_equal(world->errand.pid, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    errands_bury(&world->errands, pid, status);
    assert_string_equal(world->heard, "one ");
    assert_int_equal(world->ends, 0);
    assert_string_equal(logged(world), "");
}

static void next_one_may_begin_when_one_ends(void **state)
{
    struct world *world = *state;
    script("say one");
    world->begins = true;
    begin(world);
    assert_false(errand_begin(&world->errands, &world->errand, &job, 1000, world->now)); /* not both at once */
    run(world);
    assert_true(world->errand.pid > 0);
    run(world);
    assert_string_equal(world->heard, "one one ");
    assert_int_equal(world->ends, 2);
}

static void none_is_left_and_none_begins_when_we_stop(void **state)
{
    struct world *world = *state;
    script("exec sleep 1000");
    begin(world);
    pid_t pid = world->errand.pid;
    errands_stop(&world->errands);
    assert_int_equal(kill(pid, 0), -1); /* gone, and waited for */
    assert_int_equal(world->ends, 0);
    assert_false(errand_begin(&world->errands, &world->errand, &job, 1000, world->now));
}

/* Linux 6.16 and later. */
static void descriptors_cannot_be_sent_to_the_master(void **state)
{
    struct world *world = *state;
    int on = 1;
    socklen_t size = sizeof on;
    script("exec sleep 1000");
    begin(world);
    if (getsockopt(world->errand.socket, SOL_SOCKET, 83 /* SO_PASSRIGHTS */, &on, &size) < 0)
        skip();
    assert_int_equal(on, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(words_are_heard_in_order_and_the_end_last),
        TEST(last_words_are_heard_after_the_death_and_with_ours_unread),
        TEST(failure_is_told_by_its_own_words_and_not_logged),
        TEST(environment_is_passed_without_secrets),
        TEST(malloc_keeps_what_handshakes_give_back),
        TEST(tunables_of_an_operator_are_passed),
        TEST(reason_is_printable),
        TEST(end_without_a_reason_is_logged_once),
        TEST(failure_that_is_told_by_one_that_claims_success_is_none),
        TEST(what_cannot_be_executed_says_so),
        TEST(one_that_takes_too_long_is_killed),
        TEST(one_that_is_being_killed_is_not_heard),
        TEST(one_that_says_what_is_no_word_is_killed),
        TEST(one_that_never_stops_talking_is_killed),
        TEST(what_it_has_left_behind_is_not_listened_to),
        TEST(one_that_does_not_listen_is_killed),
        TEST(one_that_has_hung_up_may_still_end_well),
        TEST(cancelled_one_is_heard_of_no_more),
        TEST(next_one_may_begin_when_one_ends),
        TEST(none_is_left_and_none_begins_when_we_stop),
        TEST(descriptors_cannot_be_sent_to_the_master),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
