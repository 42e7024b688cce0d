#include "colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool wants_colour(FILE *out)
{
    const char *never = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fileno(out)) && (!never || !*never) && terminal && strcmp(terminal, "dumb") != 0;
}
