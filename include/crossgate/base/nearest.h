/* "Did you mean": the nearest of the words that are known. */
#ifndef CROSSGATE_BASE_NEAREST_H
#define CROSSGATE_BASE_NEAREST_H

#include <stddef.h>

/* Keeps the best candidate so far. Start with `best` NULL. Both words are borrowed. */
struct nearest {
    const char *word;
    const char *best;
    size_t distance;
};

/* Takes the candidate if it is near, and nearer than the best: at most a third to be changed, one letter, or begun by a word of
 * three letters and more. Case of ASCII and the kind of separator do not count; words over 40 bytes are not compared. */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
