/* docs/configuration.md is what the tables say. */
#include "crossgate/plan.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *printed(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    plan_reference_print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void the_documentation_is_printed_from_the_tables(void **state)
{
    static char written[1 << 20];
    FILE *file = fopen(SOURCE_DIR "/docs/configuration.md", "r");
    char *text = printed();

    (void)state;
    assert_non_null(file);
    written[fread(written, 1, sizeof written - 1, file)] = '\0';
    fclose(file);
    if (strcmp(text, written) != 0)
        print_error("run: crossgate check --reference > docs/configuration.md\n");
    assert_string_equal(text, written);
    free(text);
}

/* Every row of a table has as many cells as its head. */
static void tables_are_whole(void **state)
{
    char *text = printed(), *rest = text;
    unsigned wanted = 0;

    (void)state;
    for (char *line; (line = strsep(&rest, "\n"));) {
        unsigned bars = 0;
        for (const char *c = line; *c; c++)
            bars += *c == '|' && (c == line || c[-1] != '\\');
        if (line[0] != '|')
            wanted = 0;
        else if (wanted == 0)
            wanted = bars;
        if (line[0] == '|' && bars != wanted)
            print_error("%s\n", line);
        assert_true(line[0] != '|' || bars == wanted);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documentation_is_printed_from_the_tables),
        cmocka_unit_test(tables_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
