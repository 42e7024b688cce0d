/* Requests to a server that does what servers may do (server.py beside this file). */
#include "test.h"

#include "crossgate/https.h"
#include "crossgate/pki.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    char file[64]; /* key and certificate */
    struct pki_text certificate;
    pid_t pid;
    int leash; /* the server's stdin */
    unsigned secure, plain;
};

static void make_certificate(struct world *world)
{
    const char *names[] = {"localhost"};
    struct pki_order order = {.use = PKI_USE_SERVER, .names = names, .name_count = 1, .days = 1, .path_length = -1};
    struct error error = {0};
    struct pki_text key;
    assert_true(pki_make_key(PKI_KEY_P256, &key, &error));
    assert_true(
        pki_make_certificate(&order, span_of(key.at, key.len), &(struct pki_signer){0}, &world->certificate, &error));
    snprintf(world->file, sizeof world->file, "/tmp/crossgate-XXXXXX");
    int file = mkstemp(world->file);
    assert_true(write(file, key.at, key.len) > 0 && write(file, world->certificate.at, world->certificate.len) > 0);
    close(file);
    pki_text_free(&key);
}

static void start_server(struct world *world)
{
    int in[2], out[2];
    char line[32] = "";
    assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    world->pid = fork();
    if (world->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execlp("python3", "python3", SERVER, world->file, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    world->leash = in[1];
    FILE *told = fdopen(out[0], "r");
    char *end;
    assert_non_null(fgets(line, sizeof line, told));
    fclose(told);
    world->secure = (unsigned)strtoul(line, &end, 10);
    world->plain = (unsigned)strtoul(end, NULL, 10);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    make_certificate(world);
    start_server(world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    close(world->leash);
    waitpid(world->pid, NULL, 0);
    unlink(world->file);
    pki_text_free(&world->certificate);
    free(world);
    return 0;
}

static struct https *trusting(const struct world *world, uint32_t timeout)
{
    struct https_settings settings = {.authorities = span_of(world->certificate.at, world->certificate.len),
                                      .timeout = timeout};
    struct error error = {0};
    struct https *https = https_new(&settings, &error);
    assert_non_null(https);
    return https;
}

static const char *url_of(const struct world *world, const char *path)
{
    static char url[128];
    snprintf(url, sizeof url, "https://localhost:%u%s", world->secure, path);
    return url;
}

static bool get(struct https *https, const char *url, struct https_answer *answer, struct error *error)
{
    *error = (struct error){0};
    return https_ask(https, &(struct https_request){.method = "GET", .url = url}, answer, error);
}

static void assert_fails(const struct world *world, const char *path, uint32_t timeout, const char *why)
{
    struct https *https = trusting(world, timeout);
    struct https_answer answer;
    struct error error;
    assert_false(get(https, url_of(world, path), &answer, &error));
    if (!strstr(error.text, why))
        fail_msg("%s", error.text);
    https_free(https);
}

static void methods_and_fields_arrive_one_after_the_other(void **state)
{
    const struct world *world = *state;
    struct https *https = trusting(world, 20000);
    struct https_answer answer;
    struct error error = {0};
    struct https_request post = {.method = "POST",
                                 .url = url_of(world, "/echo"),
                                 .content_type = "application/ocsp-request",
                                 .accept = "application/ocsp-response",
                                 .body = SPAN("body")};
    for (int i = 0; i < 2; i++) {
        assert_true(https_ask(https, &post, &answer, &error));
        assert_int_equal(answer.status, 200);
        assert_true(span_equal(answer.body, SPAN("POST|application/ocsp-request|application/ocsp-response|body")));
        assert_string_equal(https_field(https, "replay-nonce"), "n1");
        assert_null(https_field(https, "location"));
        assert_true(get(https, url_of(world, "/echo"), &answer, &error));
        assert_true(span_equal(answer.body, SPAN("GET|None|*/*|")));
        assert_true(https_ask(https, &(struct https_request){.method = "HEAD", .url = url_of(world, "/echo")}, &answer,
                              &error));
        assert_int_equal(answer.body.len, 0);
    }
    https_free(https);
}

static void any_status_is_an_answer_and_no_redirect_is_followed(void **state)
{
    const struct world *world = *state;
    struct https *https = trusting(world, 20000);
    struct https_answer answer;
    struct error error;
    assert_true(get(https, url_of(world, "/empty"), &answer, &error));
    assert_int_equal(answer.status, 503);
    assert_int_equal(answer.body.len, 0);
    assert_string_equal(https_field(https, "Retry-After"), "120");
    assert_true(get(https, url_of(world, "/redirect"), &answer, &error));
    assert_int_equal(answer.status, 302);
    assert_true(span_equal(answer.body, SPAN("elsewhere")));
    https_free(https);
}

static void answers_are_bounded(void **state)
{
    const struct world *world = *state;
    struct https *https = trusting(world, 20000);
    struct https_answer answer;
    struct error error;
    assert_true(get(https, url_of(world, "/largest"), &answer, &error));
    assert_int_equal(answer.body.len, HTTPS_ANSWER_MAX);
    https_free(https);
    assert_fails(world, "/large", 20000, "the answer is too long");
    assert_fails(world, "/endless", 20000, "the answer is too long");
    assert_fails(world, "/fields", 20000, "the fields of the answer are too long");
    assert_fails(world, "/interim", 20000, "the fields of the answer are too long");
}

static void what_is_no_whole_answer_is_none(void **state)
{
    const struct world *world = *state;
    assert_fails(world, "/cut", 20000, "remaining to read");
    assert_fails(world, "/rubbish", 20000, "HTTP/0.9");
    assert_fails(world, "/silent", 500, "timed out");
}

static void server_must_be_the_one_that_is_asked_for(void **state)
{
    const struct world *world = *state;
    struct https *https = trusting(world, 20000);
    struct https_answer answer;
    struct error error;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/echo", world->secure); /* not in the certificate */
    assert_false(get(https, url, &answer, &error));
    assert_non_null(strstr(error.text, "SSL"));
    https_free(https);
    struct https_settings settings = {.timeout = 20000}; /* the system trusts no certificate of a test */
    https = https_new(&settings, &error);
    assert_false(get(https, url_of(world, "/echo"), &answer, &error));
    assert_non_null(strstr(error.text, "certificate"));
    https_free(https);
}

static void plain_http_is_for_those_who_ask_for_it(void **state)
{
    const struct world *world = *state;
    struct https_settings settings = {.timeout = 20000, .allow_plain = true};
    struct https_answer answer;
    struct error error = {0};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/echo", world->plain);
    struct https *https = https_new(&settings, &error);
    assert_true(get(https, url, &answer, &error));
    assert_true(span_equal(answer.body, SPAN("GET|None|*/*|")));
    assert_false(get(https, "file:///etc/passwd", &answer, &error));
    https_free(https);
    settings.allow_plain = false;
    https = https_new(&settings, &error);
    assert_false(get(https, url, &answer, &error));
    https_free(https);
}

static void nobody_there_is_said_of_a_long_url_too(void **state)
{
    const struct world *world = *state;
    char path[400];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    char url[500];
    snprintf(url, sizeof url, "https://127.0.0.1:1/%s", path);
    struct https *https = trusting(world, 20000);
    struct https_answer answer;
    struct error error;
    assert_false(get(https, url, &answer, &error));
    assert_non_null(strstr(error.text, "Failed to connect"));
    https_free(https);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_and_fields_arrive_one_after_the_other),
        cmocka_unit_test(any_status_is_an_answer_and_no_redirect_is_followed),
        cmocka_unit_test(answers_are_bounded),
        cmocka_unit_test(what_is_no_whole_answer_is_none),
        cmocka_unit_test(server_must_be_the_one_that_is_asked_for),
        cmocka_unit_test(plain_http_is_for_those_who_ask_for_it),
        cmocka_unit_test(nobody_there_is_said_of_a_long_url_too),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
