/* The words behind a subcommand: one row per option, from which come the parsing, the help and the messages. */
#ifndef CROSSGATE_COMMANDS_OPTIONS_H
#define CROSSGATE_COMMANDS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { OPTION_LINES = 8192, WORDS_MAX = 512 };

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

/* The words that are no options, in their order, wherever they stand. Behind "--" all are words; "-" is one. */
struct option_words {
    const char *name; /* of one of them, in messages: "FILE" */
    size_t least;     /* so many are needed */
    size_t most;      /* at most WORDS_MAX */
    size_t count;     /* how many came */
    char *at[WORDS_MAX];
};

struct usage {
    const char *command;  /* "run" */
    const char *synopsis; /* "[--cbdir DIR | --config FILE]"; "" for none */
    const char *about;    /* one or more full lines */
    const struct option *options;
    size_t count;
    struct option_words *words; /* receives them; NULL: the command takes none */
    const char *examples;       /* full lines, indented; NULL: none */
};

enum options_result {
    OPTIONS_READ,
    OPTIONS_HELP,  /* --help was asked for and is printed: exit with 0 */
    OPTIONS_WRONG, /* the mistake is printed, with the nearest option where there is one: exit with EXIT_USAGE */
};

/* Reads argv[1] and on. Values and words are borrowed from argv. */
enum options_result options_read(const struct usage *usage, int argc, char **argv) __attribute__((warn_unused_result));

/* A value that was read but is no good, as in `--workers "x": not a number from 1 to 512`. Returns EXIT_USAGE. */
int option_refuse(const struct usage *usage, const char *option, const char *value, const char *wanted);

/* A mistake in the command line as a whole: the sentence, and where the help is. Returns EXIT_USAGE. */
int usage_refuse(const struct usage *usage, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Cuts the first value off the lines: *rest starts as `lines->text` and ends as "". False: there is none left. */
bool option_next_line(char **rest, const char **value);

#endif
