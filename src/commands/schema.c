#include "commands.h"
#include "options.h"

#include "crossgate/plan.h"

#include <stdlib.h>

int command_schema(int argc, char **argv)
{
    bool strict = false;
    const struct option options[] = {
        {"--strict", NULL, "without what Crossbar does not know", NULL, &strict},
    };
    const struct usage usage = {
        .command = "schema",
        .synopsis = "[--strict]",
        .about = "Prints a JSON Schema (draft 2020-12) of the configuration, for editors.\n\n"
                 "It accepts all that `check` accepts; `check` looks closer, and opens the files.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .examples = "  crossgate schema > crossgate.schema.json     # then in the configuration, for JSON:\n"
                    "                                               #   \"$schema\": \"./crossgate.schema.json\"\n"
                    "                                               # and for YAML, in its first line:\n"
                    "                                               #   # yaml-language-server: "
                    "$schema=./crossgate.schema.json\n",
    };
    enum options_result result = options_read(&usage, argc, argv);

    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    if (plan_schema_print(strict, stdout))
        return EXIT_SUCCESS;
    fputs("crossgate schema: it could not be printed\n", stderr);
    return EXIT_FAILURE;
}
