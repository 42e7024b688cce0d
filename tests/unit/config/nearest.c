#include "crossgate/base/nearest.h"

#include "../test.h"

#include <string.h>

static const char *nearest_of(const char *word)
{
    static const char *const known[] = {"transports", "certificate", "chain_certificates", "ca_certificates", "key",
                                        "port",       "portrange",   "websocket",          "websocket.testee"};
    struct nearest nearest = {.word = word};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        nearest_offer(&nearest, known[i]);
    return nearest.best;
}

static void slips_are_understood(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("transport"), "transports");
    assert_string_equal(nearest_of("trasnports"), "transports"); /* neighbours swapped */
    assert_string_equal(nearest_of("Transports"), "transports");
    assert_string_equal(nearest_of("kex"), "key");
    assert_string_equal(nearest_of("prot"), "port");
    assert_string_equal(nearest_of("websocket-testee"), "websocket.testee");
    assert_string_equal(nearest_of("ca-certificate"), "ca_certificates");
}

static void the_beginning_of_a_word_is_enough(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("cert"), "certificate");
    assert_string_equal(nearest_of("chain"), "chain_certificates");
}

static void the_nearest_of_several_wins(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("websockets"), "websocket");
    assert_string_equal(nearest_of("ports"), "port");
}

static void other_words_have_no_neighbour(void **state)
{
    char longest[200];

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(nearest_of("protocols"));
    assert_null(nearest_of("zzz"));
    assert_null(nearest_of(""));
    assert_null(nearest_of("x"));
    assert_null(nearest_of(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_are_understood),
        cmocka_unit_test(the_beginning_of_a_word_is_enough),
        cmocka_unit_test(the_nearest_of_several_wins),
        cmocka_unit_test(other_words_have_no_neighbour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
