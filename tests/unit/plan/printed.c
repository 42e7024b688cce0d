/* What `check --print` prints: all that is read, and nothing else; the same again when it is read again. */
#include "node.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *print(struct sources *sources)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_true(plan_print(sources, out));
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *print_text(const char *text, bool strict)
{
    struct loaded loaded;

    node_load(&loaded, text, "ws://127.0.0.1:1", strict);
    if (!loaded.plan)
        diagnostics_print(loaded.diagnostics, PROBLEM_NOTE, stderr, false);
    assert_non_null(loaded.plan);
    char *printed = print(loaded.sources);
    node_unload(&loaded);
    return printed;
}

#define TEXT                                                                                                           \
    "{'workers': [{'type': 'container', 'id': 'c01'}, {'type': 'router', 'realms': [{'name': 'geheim'}], "             \
    "'transports': [{'paths': {'ws': {'type': 'websocket', 'auth': {'ticket': {'secret': 'geheim'}}, 'cookie': {}, "   \
    "'options': {'max_message_size': 7, 'validate_utf8': true}}, 'x': {'type': 'websocket-reverseproxy', 'backend': "  \
    "{'url': 'ws://geheim:geheim@n/y', 'endpoint': {'type': 'unix', 'path': 'n'}}}, '/': {'type': 'json', 'value': "   \
    "{'b': [1, 2.5, null], 'a': '@'}}}, 'endpoint': {'port': '$CROSSGATE_TEST_PORT', 'type': 'tcp'}, 'type': "         \
    "'web', 'options': {'client_timeout': null, 'hsts_max_age': 5}}]}], 'version': 2}"

/* In the order of the tables; maps and values in that of the file. */
static const char wanted[] =
    "{'version': 2, 'workers': [{'type': 'container'}, {'type': 'router', 'transports': [{'type': 'web', 'endpoint': "
    "{'type': 'tcp', 'version': 4, 'port': 8443, 'backlog': 50, 'shared': false, 'user_timeout': 0}, 'paths': {'ws': "
    "{'type': 'websocket', 'options': {'max_message_size': 7, ";

/* Without white space, and ' for ". */
static char *compact(const char *text)
{
    char *copy = strdup(text);
    size_t length = 0;

    assert_non_null(copy);
    for (const char *at = text; *at; at++) {
        if (*at != ' ' && *at != '\n')
            copy[length++] = *at == '"' ? '\'' : *at;
    }
    copy[length] = '\0';
    return copy;
}

static void what_is_read_is_printed_with_defaults(void **state)
{
    char *printed = print_text(TEXT, true), *short_form = compact(printed), *expected = compact(wanted);

    (void)state;
    if (strncmp(short_form, expected, strlen(expected)) != 0)
        print_error("%s\n%s\n", expected, short_form);
    assert_int_equal(strncmp(short_form, expected, strlen(expected)), 0);
    assert_non_null(strstr(short_form, "'validate_utf8':true"));
    assert_non_null(strstr(short_form, "'value':{'b':[1,2.5,null],'a':'@'}"));
    assert_non_null(strstr(short_form, "'hsts_max_age':5,'client_timeout':null"));
    assert_non_null(strstr(short_form, "'url':'ws://hidden@n/y'"));
    assert_null(strstr(short_form, "geheim"));
    assert_null(strstr(short_form, "'crossgate'"));
    free(expected);
    free(short_form);
    free(printed);
}

static void what_is_printed_can_be_read_again(void **state)
{
    char *first = print_text(TEXT, false), *again = print_text(first, false);

    (void)state;
    assert_non_null(strstr(first, "\"crossgate\": {"));
    assert_string_equal(first, again);
    free(again);
    free(first);
}

static int make(void **state)
{
    setenv("CROSSGATE_TEST_PORT", "8443", 1);
    return node_make(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_printed_with_defaults),
        cmocka_unit_test(what_is_printed_can_be_read_again),
    };

    return cmocka_run_group_tests(tests, make, node_remove);
}
