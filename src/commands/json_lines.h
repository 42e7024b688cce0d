/* A JSON document that is written as it comes: members and elements on lines of their own, indented, with their commas. `name` is NULL
 * for an element of a list. */
#ifndef CROSSGATE_COMMANDS_JSON_LINES_H
#define CROSSGATE_COMMANDS_JSON_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    int depth;
    bool is_first;
};

/* "{" or "[", and "}" or "]". Of the outermost one the name does not matter. */
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);

/* A value that is JSON already: "null", "1.5". */
void json_word(struct json *json, const char *name, const char *value);

/* NULL and "" are null. */
void json_text(struct json *json, const char *name, const char *value);

void json_number(struct json *json, const char *name, int64_t value);
void json_truth(struct json *json, const char *name, bool value);

#endif
