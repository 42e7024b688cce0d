/* The media type of a file name's extension. */
#ifndef CROSSGATE_SERVICE_MIME_H
#define CROSSGATE_SERVICE_MIME_H

#include "crossgate/services.h"

/* Crossbar key mime_types wins over the built-in table. "application/octet-stream" for others. */
struct span mime_type_of(const struct static_settings *settings, struct span path);

#endif
