#include "dial.h"

#include <stdio.h>

void backend_detail_print(const struct backend *backend, const char *cause, char text[BACKEND_DETAIL])
{
    snprintf(text, BACKEND_DETAIL, "%s%s%s", backend->name, cause ? ": " : "", cause ? cause : "");
}
