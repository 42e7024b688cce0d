/* Errors of start-up, configuration and set-up: a class for programs, a sentence for people.
 *
 * Functions that can fail there take a `struct error *` as last parameter and return false or NULL. The
 * first error wins. What goes wrong with a connection while serving is an enum ending instead (ending.h);
 * the two never mix. */
#ifndef CROSSGATE_BASE_ERROR_H
#define CROSSGATE_BASE_ERROR_H

#include <stdbool.h>

enum error_class {
    ERROR_NONE,
    ERROR_INPUT,  /* what the user wrote or named is wrong: fix the file or the command line */
    ERROR_SYSTEM, /* the system refused: permissions, descriptors, ports */
    ERROR_MEMORY, /* out of memory */
};

struct error {
    enum error_class class;
    int number; /* errno, where error_set_errno recorded it; or 0 */
    char text[240];
};

/* Records the first error, its text cut to size; later calls on the same object change nothing. */
void error_set(struct error *error, enum error_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set, with ": " and the text of errno behind it; class MEMORY for ENOMEM, else SYSTEM. Leaves errno as it was. */
void error_set_errno(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
