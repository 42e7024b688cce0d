#include "reader.h"

#include "place.h"

#include <stdarg.h>

void *config_alloc(struct config_reader *reader, size_t size)
{
    void *memory = arena_alloc(reader->arena, size);

    if (!memory)
        diagnostics_add_memory(reader->diagnostics);
    return memory;
}

static const char *format_list(struct config_reader *reader, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);

    char *text = length >= 0 ? config_alloc(reader, (size_t)length + 1) : NULL;
    if (!text)
        return "";
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

const char *config_format(struct config_reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = format_list(reader, format, arguments);
    va_end(arguments);
    return text;
}

const char *config_place_print(struct config_reader *reader, const struct config_place *place)
{
    const char *path = place_print(reader->arena, place);

    if (!path)
        diagnostics_add_memory(reader->diagnostics);
    return path ? path : "$";
}

static void report(struct config_reader *reader, enum problem_severity severity, const struct config_place *place,
                   bool name, const char *remedy, const char *text)
{
    struct position position = {0};
    const char *path = "$";

    /* Finding a place costs a walk through the text, which is not spent on what is only counted. */
    if (diagnostics_count(reader->diagnostics, severity) < DIAGNOSTICS_KEPT) {
        position = place_locate(reader->text, place, name);
        path = config_place_print(reader, place);
    }

    diagnostics_add(reader->diagnostics, &(struct diagnostic){
                                             .severity = severity,
                                             .file = reader->text->file,
                                             .line = position.line,
                                             .column = position.column,
                                             .path = path,
                                             .text = text,
                                             .remedy = remedy,
                                         });
}

void config_report(struct config_reader *reader, enum problem_severity severity, const struct config_place *place,
                   const char *remedy, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(reader, severity, place, false, remedy, format_list(reader, format, arguments));
    va_end(arguments);
}

void reader_report_key(struct config_reader *reader, enum problem_severity severity, const struct config_place *place,
                       const char *remedy, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(reader, severity, place, true, remedy, format_list(reader, format, arguments));
    va_end(arguments);
}

static const struct config_place *place_new(struct config_reader *reader, struct config_place place)
{
    struct config_place *copy = config_alloc(reader, sizeof *copy);

    if (!copy)
        return place.up;
    *copy = place;
    return copy;
}

const struct config_place *config_place_key(struct config_reader *reader, const struct config_place *up,
                                            const char *key)
{
    return place_new(reader, (struct config_place){.up = up, .key = key});
}

const struct config_place *config_place_index(struct config_reader *reader, const struct config_place *up, size_t index)
{
    return place_new(reader, (struct config_place){.up = up, .index = index});
}

static void report_problem(struct problems *self, const struct problem *problem)
{
    struct config_problems *problems = (struct config_problems *)(void *)self;
    const struct config_place *place = problems->place;

    if (problem->key)
        place = config_place_key(problems->reader, place, problem->key);
    if (problem->key && problem->index != PROBLEM_WHOLE)
        place = config_place_index(problems->reader, place, problem->index);
    config_report(problems->reader, problem->severity, place, problem->remedy, "%s", problem->text);
}

void config_problems_init(struct config_problems *problems, struct config_reader *reader,
                          const struct config_place *place)
{
    *problems = (struct config_problems){.problems = {.report = report_problem}, .reader = reader, .place = place};
}
