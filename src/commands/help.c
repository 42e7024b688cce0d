#include "commands.h"
#include "options.h"

#include "crossgate/base/nearest.h"

#include <string.h>

const struct command *command_find(const char *name)
{
    for (const struct command *command = commands; command->name; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

void commands_print(FILE *out)
{
    fprintf(out, "usage: crossgate COMMAND [OPTIONS]\n\n"
                 "The TLS and WebSocket front door of Crossbar.io nodes.\n\nCommands:\n");
    for (const struct command *command = commands; command->name; command++) {
        if (command->summary)
            fprintf(out, "  %-10s%s\n", command->name, command->summary);
    }
    fprintf(out, "\n`crossgate COMMAND --help` tells more of each.\n");
}

int command_unknown(const char *name)
{
    struct nearest nearest = {.word = name};
    for (const struct command *command = commands; command->name; command++) {
        if (command->summary)
            nearest_offer(&nearest, command->name);
    }
    fprintf(stderr, "crossgate: unknown command \"%s\"", name);
    if (nearest.best)
        fprintf(stderr, ": did you mean `crossgate %s`?", nearest.best);
    fprintf(stderr, "\nTry: crossgate --help\n");
    return EXIT_USAGE;
}

static const struct usage usage = {
    .command = "help",
    .synopsis = "[COMMAND]",
    .about = "Lists the commands, or tells how to use one.\n",
    .examples = "  crossgate help run\n",
};

int command_help(int argc, char **argv)
{
    if (argc == 1) {
        commands_print(stdout);
        return 0;
    }
    int named = *argv[1] != '-';
    enum options_result result = options_read(&usage, argc - named, argv + named);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    const struct command *command = command_find(argv[1]);
    if (!command || !command->summary)
        return command_unknown(argv[1]);
    char word[] = "--help";
    char *words[] = {argv[1], word, NULL};
    return command->run(2, words);
}
