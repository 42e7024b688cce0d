/* The small page that a failed request gets. */
#ifndef CROSSGATE_HTTP_FAILURE_H
#define CROSSGATE_HTTP_FAILURE_H

#include "connection.h"

/* Status and text are those of the row of `why`; nothing of the request is echoed. `allow` is sent with 405 only. */
void failure_answer(struct exchange *exchange, enum ending why, const char *allow);

#endif
