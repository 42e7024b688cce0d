/* The words behind a subcommand: one row per option, from which come the parsing, the help and the messages. */
#ifndef CROSSGATE_COMMANDS_OPTIONS_H
#define CROSSGATE_COMMANDS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { OPTION_LINES = 8192 };

/* Of an option that may be repeated. */
struct option_lines {
    bool given;
    char text[OPTION_LINES]; /* zero-terminated; "\n" between the values */
};

struct option {
    const char *name;  /* "--config" */
    const char *value; /* "FILE" in the help; NULL: a flag */
    const char *help;  /* "\n" begins another line, indented like the first */
    const char **text; /* receives the value: `--config FILE` or `--config=FILE`; the last one wins */
    bool *flag;        /* receives true. Of an option with a value, without `text`: `given` of a struct option_lines,
                          which receives each value of it as one more line */
};

struct usage {
    const char *command;  /* "run" */
    const char *synopsis; /* "[--cbdir DIR | --config FILE]"; "" for none */
    const char *about;    /* one or more full lines */
    const struct option *options;
    size_t count;
    const char *examples; /* full lines, indented; NULL: none */
};

enum options_result {
    OPTIONS_READ,
    OPTIONS_HELP,  /* --help was asked for and is printed: exit with 0 */
    OPTIONS_WRONG, /* the mistake is printed, with the nearest option where there is one: exit with EXIT_USAGE */
};

/* Reads argv[1] and on. Words that are no options are wrong. Values are borrowed from argv. */
enum options_result options_read(const struct usage *usage, int argc, char **argv) __attribute__((warn_unused_result));

/* A value that was read but is no good, as in `--workers "x": not a number from 1 to 512`. Returns EXIT_USAGE. */
int option_refuse(const struct usage *usage, const char *option, const char *value, const char *wanted);

#endif
