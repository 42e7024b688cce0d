/* Text in two columns, wrapped at the width of a narrow terminal. */
#ifndef CROSSGATE_COMMANDS_LAYOUT_H
#define CROSSGATE_COMMANDS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { LAYOUT_WIDTH = 80 };

struct layout {
    FILE *out;
    bool colour;
    size_t indent; /* of the second column */
};

enum layout_colour { LAYOUT_PLAIN, LAYOUT_BOLD, LAYOUT_GREEN, LAYOUT_YELLOW, LAYOUT_RED, LAYOUT_FAINT };

/* An empty line and the title of a section. */
void layout_title(const struct layout *layout, const char *title);

/* "  label   text"; lines of the text that are too long go on in the second column. A word that is longer than a line, as a URL
 * may be, is kept whole, so that it can be copied, and so is a line that begins with a space: a command. */
void layout_row(const struct layout *layout, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void layout_coloured_row(const struct layout *layout, enum layout_colour colour, const char *label, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* One word in colour. */
void layout_word(const struct layout *layout, enum layout_colour colour, const char *word);

#endif
