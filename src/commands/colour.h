/* Colour is for people who look at a terminal and want it (https://no-color.org). */
#ifndef CROSSGATE_COMMANDS_COLOUR_H
#define CROSSGATE_COMMANDS_COLOUR_H

#include <stdbool.h>
#include <stdio.h>

bool wants_colour(FILE *out);

#endif
