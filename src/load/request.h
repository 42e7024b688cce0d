/* The head of a GET for the settings' target. */
#ifndef CROSSGATE_LOAD_REQUEST_H
#define CROSSGATE_LOAD_REQUEST_H

#include "crossgate/base/span.h"
#include "crossgate/load.h"

enum { REQUEST_MAX = 16384 };

struct request {
    char text[REQUEST_MAX];
    size_t length;
};

/* `more`: further fields, each with its CR LF. False: it is too long, or a header of the settings cannot be sent. */
bool request_print(struct request *request, const struct load_settings *settings, const char *more, struct error *error)
    __attribute__((warn_unused_result));

static inline struct span request_span(const struct request *request)
{
    return span_of(request->text, request->length);
}

#endif
