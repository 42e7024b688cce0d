#include "layout.h"

#include <stdarg.h>
#include <string.h>

enum { TEXT_MAX = 8192 };

void layout_word(const struct layout *layout, enum layout_colour colour, const char *word)
{
    static const char *const codes[] = {
        [LAYOUT_PLAIN] = "",          [LAYOUT_BOLD] = "\033[1m", [LAYOUT_GREEN] = "\033[32m",
        [LAYOUT_YELLOW] = "\033[33m", [LAYOUT_RED] = "\033[31m", [LAYOUT_FAINT] = "\033[2m",
    };
    bool is_coloured = layout->colour && colour != LAYOUT_PLAIN;
    fprintf(layout->out, "%s%s%s", is_coloured ? codes[colour] : "", word, is_coloured ? "\033[0m" : "");
}

void layout_title(const struct layout *layout, const char *title)
{
    fputc('\n', layout->out);
    layout_word(layout, LAYOUT_BOLD, title);
    fputc('\n', layout->out);
}

/* Columns that the UTF-8 text takes; wide characters count as one. */
static size_t columns(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static void begin_line(const struct layout *layout)
{
    fprintf(layout->out, "\n%*s", (int)layout->indent, "");
}

/* Words of one line of the text, from the second column on. */
static void print_line(const struct layout *layout, const char *line, size_t length)
{
    size_t at = layout->indent;
    if (length > 0 && *line == ' ') {
        fprintf(layout->out, "%.*s", (int)length, line);
        return;
    }
    for (size_t i = 0; i < length;) {
        size_t word = strcspn(line + i, " \n");
        size_t width = columns(line + i, word);
        bool is_first = at == layout->indent;
        if (!is_first && at + 1 + width > LAYOUT_WIDTH) {
            begin_line(layout);
            at = layout->indent;
            is_first = true;
        }
        fprintf(layout->out, "%s%.*s", is_first ? "" : " ", (int)word, line + i);
        at += width + !is_first;
        i += word + 1;
    }
}

static void print_row(const struct layout *layout, enum layout_colour colour, const char *label, const char *text)
{
    size_t width = columns(label, strlen(label)) + 2;
    fputs("  ", layout->out);
    layout_word(layout, colour, label);
    fprintf(layout->out, "%*s", width < layout->indent ? (int)(layout->indent - width) : 1, "");
    for (const char *line = text; line;) {
        const char *end = strchr(line, '\n');
        print_line(layout, line, end ? (size_t)(end - line) : strlen(line));
        line = end ? end + 1 : NULL;
        if (line)
            begin_line(layout);
    }
    fputc('\n', layout->out);
}

void layout_row(const struct layout *layout, const char *label, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_row(layout, LAYOUT_FAINT, label, text);
}

void layout_coloured_row(const struct layout *layout, enum layout_colour colour, const char *label, const char *format,
                         ...)
{
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_row(layout, colour, label, text);
}
