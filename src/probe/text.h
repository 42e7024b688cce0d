/* Words of a server, made safe to print on a terminal. */
#ifndef CROSSGATE_PROBE_TEXT_H
#define CROSSGATE_PROBE_TEXT_H

#include "crossgate/base/span.h"

/* Copies as much as fits and terminates it. Control characters, what is not UTF-8, and characters that change the direction or
 * place of others become "?". */
void text_copy(char *to, size_t size, struct span from);

/* A copy into an array. */
#define TEXT_COPY(array, from) text_copy((array), sizeof(array), (from))

#endif
