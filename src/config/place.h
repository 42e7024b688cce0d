/* Places: JSON paths, and where they are in the text. */
#ifndef CROSSGATE_CONFIG_PLACE_H
#define CROSSGATE_CONFIG_PLACE_H

#include "text.h"

/* Where the value of the place begins, or (name) its key. If the text has no such place: the innermost value on the way
 * to it. */
struct position place_locate(const struct config_text *text, const struct config_place *place, bool name);

/* "$.workers[0]"; NULL when memory is out. */
const char *place_print(struct arena *arena, const struct config_place *place);

/* Whether a key on the way says that its value is not to be shown. */
bool place_is_secret(const struct config_place *place);

#endif
