/* The subcommands. Each gets its own name as argv[0] and returns the exit status: 0 it worked, 1 it did not, 2 the command
 * line was not understood. */
#ifndef CROSSGATE_COMMANDS_COMMANDS_H
#define CROSSGATE_COMMANDS_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* one line for the list; NULL: not listed */
};

/* The table in main.c, ended by a row without a name. */
extern const struct command commands[];

enum { EXIT_USAGE = 2 };

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_schema(int argc, char **argv);
int command_status(int argc, char **argv);
int command_backend(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);

/* The row of that name; NULL if there is none. */
const struct command *command_find(const char *name);

/* The list of subcommands, with what to do next. */
void commands_print(FILE *out);

/* "unknown command …" with the nearest known one, on stderr. Returns EXIT_USAGE. */
int command_unknown(const char *name);

#endif
