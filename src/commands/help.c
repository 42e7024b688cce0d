#include "commands.h"
#include "options.h"

#include "crossgate/base/nearest.h"

#include <string.h>

const struct command *command_find(const struct command_list *list, const char *name)
{
    for (const struct command *command = list->rows; command->name; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

/* The second column begins behind the longest name. */
static int name_width(const struct command_list *list)
{
    size_t width = 8;
    for (const struct command *command = list->rows; command->name; command++) {
        if (command->summary && strlen(command->name) > width)
            width = strlen(command->name);
    }
    return (int)width;
}

void commands_print(const struct command_list *list, FILE *out)
{
    fprintf(out, "usage: crossgate %sCOMMAND [OPTIONS]\n\n%s\nCommands:\n", list->prefix, list->about);
    for (const struct command *command = list->rows; command->name; command++) {
        if (command->summary)
            fprintf(out, "  %-*s  %s\n", name_width(list), command->name, command->summary);
    }
    if (list->examples)
        fprintf(out, "\nExamples:\n%s", list->examples);
    fprintf(out, "\n`crossgate %sCOMMAND --help` tells more of each.\n", list->prefix);
}

int command_unknown(const struct command_list *list, const char *name)
{
    struct nearest nearest = {.word = name};
    for (const struct command *command = list->rows; command->name; command++) {
        if (command->summary)
            nearest_offer(&nearest, command->name);
    }
    fprintf(stderr, "crossgate: unknown command \"%s%s\"", list->prefix, name);
    if (nearest.best)
        fprintf(stderr, ": did you mean `crossgate %s%s`?", list->prefix, nearest.best);
    fprintf(stderr, "\nTry: crossgate %s--help\n", list->prefix);
    return EXIT_USAGE;
}

/* Has the command tell of itself; a second word is one of its own. */
static int help_on(struct option_words *names)
{
    const struct command *command = command_find(&commands, names->at[0]);
    if (!command || !command->summary)
        return command_unknown(&commands, names->at[0]);
    char word[] = "--help";
    bool inner = names->count > 1;
    char *words[] = {names->at[0], inner ? names->at[1] : word, inner ? word : NULL, NULL};
    return command->run(inner ? 3 : 2, words);
}

int command_help(int argc, char **argv)
{
    struct option_words names = {.name = "COMMAND", .most = 2};
    const struct usage usage = {
        .command = "help",
        .synopsis = "[COMMAND]",
        .about = "Lists the commands, or tells how to use one.\n",
        .words = &names,
        .examples = "  crossgate help run\n"
                    "  crossgate help cert self-signed\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    if (names.count > 0)
        return help_on(&names);
    commands_print(&commands, stdout);
    return 0;
}
