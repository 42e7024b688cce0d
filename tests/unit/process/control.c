/* The control socket: lines, who is heard, and what is never waited for. */
#include "test.h"

#include "control.h"

#include "crossgate/process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct scene {
    struct log log;
    struct control control;
    char directory[32];
    char path[64];
    struct control_request request; /* the last one */
    unsigned requests;
    bool later;  /* there is no answer yet */
    size_t much; /* bytes of an answer */
};

static bool answer(void *user, const struct control_request *request, FILE *out)
{
    struct scene *t = user;
    t->request = *request;
    t->requests++;
    if (t->later)
        return false;
    fputs("ok\n", out);
    for (size_t i = 0; i < t->much; i++)
        putc('x', out);
    fputs("end\n", out);
    return true;
}

static int setup(void **state)
{
    struct scene *t = calloc(1, sizeof *t);
    log_init(&t->log, 2, LOG_QUIET, "test");
    memcpy(t->directory, "/tmp/crossgate-XXXXXX", 22);
    assert_non_null(mkdtemp(t->directory));
    snprintf(t->path, sizeof t->path, "%s/own.sock", t->directory);
    assert_true(control_init(&t->control, &t->log));
    t->control.answer = answer;
    t->control.user = t;
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct scene *t = *state;
    control_deinit(&t->control);
    assert_int_not_equal(access(t->path, F_OK), 0);
    assert_int_equal(rmdir(t->directory), 0);
    free(t);
    return 0;
}

static int enter(const struct scene *t)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", t->path);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}

static void say(int client, const char *text)
{
    assert_int_equal(send(client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that there is to do at that time. */
static void run(struct scene *t, uint64_t now)
{
    for (int i = 0; i < 100; i++)
        control_hear(&t->control, now);
    control_settle(&t->control, now);
}

/* What has come, and whether that was all: 'E' for the end, 'W' for more to wait for. */
static char hear(int client, char *text, size_t size)
{
    size_t length = 0;
    ssize_t got = -1;
    errno = EAGAIN;
    while (length + 1 < size && (got = recv(client, text + length, size - length - 1, 0)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    return got == 0 || errno == ECONNRESET ? 'E' : 'W';
}

static void lines_are_read_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int verb; /* -1: refused */
        const char *name;
    } rows[] = {
        {"1 status", CONTROL_STATUS, ""},
        {"1 list", CONTROL_LIST, ""},
        {"1 reload", CONTROL_RELOAD, ""},
        {"1 stop", CONTROL_STOP, ""},
        {"1 drain ws://a:1", CONTROL_DRAIN, "ws://a:1"},
        {"1 resume ws+unix:/a b", CONTROL_RESUME, "ws+unix:/a b"},
        {"1 drain \xc3\xa4", CONTROL_DRAIN, "\xc3\xa4"},
        {"", -1, NULL},
        {"1", -1, NULL},
        {"1 ", -1, NULL},
        {"2 status", -1, NULL},
        {"1  status", -1, NULL},
        {"1 status ", -1, NULL},
        {"1 statusx", -1, NULL},
        {"1 stat", -1, NULL},
        {"1 drain", -1, NULL},
        {"1 drain ", -1, NULL},
        {"1 drainx", -1, NULL},
        {"1 drain a\tb", -1, NULL},
        {"1 drain a\x7f", -1, NULL},
        {"1 STOP", -1, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct control_request request;
        assert_int_equal(control_parse(span_string(rows[i].line), &request), rows[i].verb >= 0);
        if (rows[i].verb < 0)
            continue;
        assert_int_equal(request.verb, rows[i].verb);
        assert_string_equal(request.name, rows[i].name);
    }
    char line[8 + CONTROL_NAME] = "1 drain ";
    struct control_request request;
    memset(line + 8, 'n', CONTROL_NAME);
    assert_false(control_parse(span_of(line, sizeof line), &request));
    assert_true(control_parse(span_of(line, sizeof line - 1), &request));
    assert_int_equal(strlen(request.name), CONTROL_NAME - 1);
}

static void a_line_is_answered_wherever_it_is_cut(void **state)
{
    struct scene *t = *state;
    char text[64];
    control_listen(&t->control, t->path);
    for (size_t cut = 0; cut <= 9; cut++) {
        char head[16] = "";
        int client = enter(t);
        memcpy(head, "1 status\n", cut);
        say(client, head);
        run(t, 1000);
        assert_int_equal(hear(client, text, sizeof text), cut == 9 ? 'E' : 'W');
        if (cut < 9) {
            say(client, &"1 status\n"[cut]);
            run(t, 1000);
            assert_int_equal(hear(client, text, sizeof text), 'E');
        }
        assert_string_equal(text, "ok\nend\n");
        assert_int_equal(t->request.verb, CONTROL_STATUS);
        close(client);
    }
    assert_int_equal(t->control.caller_count, 0);
}

static void who_is_late_or_talks_on_is_dropped(void **state)
{
    struct scene *t = *state;
    char text[64], line[CONTROL_LINE + 1];
    control_listen(&t->control, t->path);
    int silent = enter(t), talker = enter(t), leaver = enter(t);
    run(t, 1000);
    assert_int_equal(t->control.caller_count, 3);
    assert_int_equal(control_next(&t->control), 1000 + CONTROL_WITHIN);
    memset(line, 'x', CONTROL_LINE);
    line[CONTROL_LINE] = '\0';
    say(talker, line);
    close(leaver);
    run(t, 2000);
    assert_int_equal(t->control.caller_count, 1);
    run(t, 1000 + CONTROL_WITHIN - 1);
    assert_int_equal(hear(silent, text, sizeof text), 'W');
    run(t, 1000 + CONTROL_WITHIN);
    assert_int_equal(hear(silent, text, sizeof text), 'E');
    assert_string_equal(text, "");
    assert_int_equal(t->requests, 0);
    assert_int_equal(control_next(&t->control), UINT64_MAX);
    close(silent);
    close(talker);
}

static void an_answer_waits_for_its_reader_but_not_for_ever(void **state)
{
    struct scene *t = *state;
    char *text = malloc(2000000);
    control_listen(&t->control, t->path);
    t->much = 1500000;
    for (int reads = 0; reads < 2; reads++) {
        int client = enter(t);
        say(client, "1 list\n");
        run(t, 1000);
        assert_int_equal(t->control.caller_count, 1);
        size_t length = 0;
        for (int i = 0; reads && t->control.caller_count > 0 && i < 1000; i++) {
            hear(client, text + length, 2000000 - length);
            length += strlen(text + length);
            run(t, 2000);
        }
        run(t, 1000 + CONTROL_WITHIN);
        assert_int_equal(t->control.caller_count, 0);
        assert_int_equal(hear(client, text + length, 2000000 - length), 'E');
        assert_int_equal(strlen(text) == 1500007, reads);
        close(client);
    }
    free(text);
}

/* As a worker that is being started does for a moment. */
static void who_is_held_by_a_child_is_forgotten_all_the_same(void **state)
{
    struct scene *t = *state;
    control_listen(&t->control, t->path);
    int client = enter(t);
    run(t, 1000);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    say(client, "1 status\n");
    run(t, 1000);
    assert_int_equal(t->control.caller_count, 0);
    close(client);
    struct pollfd events = {.fd = t->control.events, .events = POLLIN};
    assert_int_equal(poll(&events, 1, 0), 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void who_asks_for_a_reload_hears_of_that_one(void **state)
{
    struct scene *t = *state;
    char text[64];
    control_listen(&t->control, t->path);
    t->later = true;
    int first = enter(t);
    say(first, "1 reload\n");
    run(t, 1000);
    control_begin(&t->control);
    int second = enter(t), gone = enter(t);
    say(second, "1 reload\n");
    say(gone, "1 reload\n");
    run(t, 1000);
    close(gone);
    run(t, 1000);
    assert_int_equal(t->control.caller_count, 2);
    control_conclude(&t->control, "ok\n", 2000);
    assert_int_equal(hear(first, text, sizeof text), 'E');
    assert_string_equal(text, "ok\n");
    assert_int_equal(hear(second, text, sizeof text), 'W');
    control_begin(&t->control);
    control_conclude(&t->control, "error why\n", 3000);
    assert_int_equal(hear(second, text, sizeof text), 'E');
    assert_string_equal(text, "error why\n");
    int third = enter(t);
    say(third, "1 reload\n");
    run(t, 5000);
    run(t, 5000 + CONTROL_RELOAD_WITHIN);
    assert_int_equal(hear(third, text, sizeof text), 'E');
    close(first);
    close(second);
    close(third);
}

static void only_so_many_are_listened_to(void **state)
{
    struct scene *t = *state;
    char text[64];
    int clients[CONTROL_CALLERS];
    control_listen(&t->control, t->path);
    for (int i = 0; i < CONTROL_CALLERS; i++) {
        clients[i] = enter(t);
        run(t, 1000);
    }
    int late = enter(t);
    run(t, 1000);
    assert_int_equal(hear(late, text, sizeof text), 'E');
    assert_non_null(strstr(text, "error too many"));
    close(late);
    for (int i = 0; i < CONTROL_CALLERS; i++)
        close(clients[i]);
    run(t, 1000);
    assert_int_equal(t->control.caller_count, 0);
}

/* A socket that cannot be accepted from would be told of again and again. */
static void without_descriptors_nobody_is_listened_to(void **state)
{
    struct scene *t = *state;
    struct rlimit before, none;
    char text[64];
    control_listen(&t->control, t->path);
    int client = enter(t), next = dup(client);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    run(t, 1000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(t->control.socket, -1);
    assert_int_equal(hear(client, text, sizeof text), 'E');
    close(client);
    control_listen(&t->control, t->path);
    assert_true(t->control.socket >= 0);
}

/* Another master's, before and after. */
static void a_socket_that_is_answered_on_is_left_alone(void **state)
{
    struct scene *t = *state;
    struct control other;
    struct stat before, after;
    control_listen(&t->control, t->path);
    assert_int_equal(stat(t->path, &before), 0);
    assert_int_equal(before.st_mode & 0777, 0600);
    assert_true(control_init(&other, &t->log));
    control_listen(&other, t->path);
    assert_int_equal(other.socket, -1);
    control_deinit(&other);
    assert_int_equal(stat(t->path, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    control_listen(&t->control, t->path); /* as at a reload: nothing happens */
    assert_int_equal(stat(t->path, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    /* What took its place meanwhile is not removed. */
    assert_int_equal(unlink(t->path), 0);
    assert_true(control_init(&other, &t->log));
    control_listen(&other, t->path);
    assert_true(other.socket >= 0);
    control_listen(&t->control, NULL);
    assert_int_equal(access(t->path, F_OK), 0);
    control_deinit(&other);
}

static void long_paths_are_no_trouble(void **state)
{
    struct scene *t = *state;
    char path[320], directory[256];
    memset(directory, 'd', sizeof directory);
    size_t start = (size_t)snprintf(directory, sizeof directory, "%s/", t->directory);
    directory[start] = 'd';
    directory[200] = '\0';
    assert_int_equal(mkdir(directory, 0700), 0);
    snprintf(path, sizeof path, "%s/own.sock", directory);
    control_listen(&t->control, path);
    assert_true(t->control.socket >= 0);
    assert_int_equal(access(path, F_OK), 0);
    control_listen(&t->control, NULL);
    assert_int_equal(rmdir(directory), 0);
}

static void *serve(void *user)
{
    struct scene *t = user;
    for (int i = 0; i < 300000 && t->requests == 0; i++) {
        control_hear(&t->control, 1000);
        usleep(100);
    }
    return NULL;
}

static void an_operator_asks_and_hears(void **state)
{
    struct scene *t = *state;
    struct error error = {0};
    char *text;
    pthread_t thread;
    assert_false(control_ask(t->path, "1 status", 0, &text, &error));
    assert_non_null(strstr(error.text, "no crossgate listens"));
    control_listen(&t->control, t->path);
    error = (struct error){0};
    assert_int_equal(pthread_create(&thread, NULL, serve, t), 0);
    assert_true(control_ask(t->path, "1 drain x", 0, &text, &error));
    assert_string_equal(text, "end\n");
    free(text);
    pthread_join(thread, NULL);
    assert_string_equal(t->request.name, "x");
    t->requests = 0;
}

/* A worker or an errand that is between fork and exec when its caller is dropped. */
static void who_is_gone_is_not_told_of_by_a_copy_of_its_socket(void **state)
{
    struct scene *t = *state;
    char text[64];
    control_listen(&t->control, t->path);
    int client = enter(t);
    run(t, 0);
    pid_t copy = fork();
    assert_true(copy >= 0);
    if (copy == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    say(client, "1 status\n");
    run(t, 0);
    assert_int_equal(hear(client, text, sizeof text), 'W'); /* the copy keeps it open */
    assert_string_equal(text, "ok\nend\n");
    close(client);
    run(t, 0);
    assert_int_equal(t->control.caller_count, 0);
    assert_int_equal(t->requests, 1);
    control_listen(&t->control, NULL);
    struct epoll_event event;
    assert_int_equal(epoll_wait(t->control.events, &event, 1, 0), 0);
    kill(copy, SIGKILL);
    assert_int_equal(waitpid(copy, NULL, 0), copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_or_refused),
        cmocka_unit_test_setup_teardown(a_line_is_answered_wherever_it_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_late_or_talks_on_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_waits_for_its_reader_but_not_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_held_by_a_child_is_forgotten_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(who_asks_for_a_reload_hears_of_that_one, setup, teardown),
        cmocka_unit_test_setup_teardown(only_so_many_are_listened_to, setup, teardown),
        cmocka_unit_test_setup_teardown(without_descriptors_nobody_is_listened_to, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_that_is_answered_on_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(long_paths_are_no_trouble, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_gone_is_not_told_of_by_a_copy_of_its_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(an_operator_asks_and_hears, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
