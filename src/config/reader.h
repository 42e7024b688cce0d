/* What the parts of the reader tell each other. */
#ifndef CROSSGATE_CONFIG_READER_H
#define CROSSGATE_CONFIG_READER_H

#include "text.h"

/* As config_report, but at the key instead of the value. */
void reader_report_key(struct config_reader *reader, enum problem_severity severity, const struct config_place *place,
                       const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A value for a message: JSON, cut; objects and lists by their kind only; secrets not at all. */
const char *reader_show(struct config_reader *reader, const struct config_place *place, const json_t *value);

/* A text for a message, in quotation marks, cut. */
const char *reader_show_text(struct config_reader *reader, const char *text);

/* What a row allows, in words: "an integer from 1 to 65535". Written to `out`. */
void row_print_allowed(const struct config_row *row, FILE *out);

/* The values of row->accepted without the brackets of the list. */
struct span row_accepted(const struct config_row *row);

/* SERVED or EXTENSION. */
bool row_is_read(const struct config_row *row);

/* A value holds when the key is absent. */
bool row_has_standard(const struct config_row *row);

/* The value is among row->accepted. */
bool row_accepts(const struct config_row *row, json_t *value);

/* NULL: there is no such type. */
const struct config_variant *row_find_variant(const struct config_row *row, const char *type);

/* NAME of "$NAME" and nothing else: Crossbar knows no other form for integers. NULL: it is something else. */
const char *reader_variable_name(json_t *value);

/* A text in place of a boolean, as Crossbar takes it: what is not empty is true, be it "false" or "0"; "${NAME}" is the value
 * of the variable, and false if that is not set. */
bool reader_text_is_true(struct config_reader *reader, const char *text);

/* How many of the rows are to be read: all, unless the object is switched off. */
size_t reader_count_rows(struct config_reader *reader, const struct config_object *object, const json_t *value);

#endif
