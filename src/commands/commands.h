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

/* Commands that are found by the same word of the command line. */
struct command_list {
    const char *prefix;         /* in front of that word, as in messages: "cert "; "" */
    const char *about;          /* one or more full lines */
    const struct command *rows; /* ended by a row without a name */
    const char *examples;       /* full lines, indented; NULL: none */
};

/* The list in main.c. */
extern const struct command_list commands;

enum { EXIT_USAGE = 2 };

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_schema(int argc, char **argv);
int command_status(int argc, char **argv);
int command_backend(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_dev(int argc, char **argv);
int command_cert(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);

/* The row of that name; NULL if there is none. */
const struct command *command_find(const struct command_list *list, const char *name);

/* The list of subcommands, with what to do next. */
void commands_print(const struct command_list *list, FILE *out);

/* "unknown command …" with the nearest known one, on stderr. Returns EXIT_USAGE. */
int command_unknown(const struct command_list *list, const char *name);

#endif
