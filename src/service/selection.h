/* What a request wants of a file that exists: RFC 9110 sections 13 (conditions) and 14 (ranges). Pure. */
#ifndef CROSSGATE_SERVICE_SELECTION_H
#define CROSSGATE_SERVICE_SELECTION_H

#include "crossgate/http.h"

struct validators {
    struct span etag; /* strong, with quotes */
    int64_t modified; /* s since 1970 */
    uint64_t size;
};

/* 200: all; 206: `first` and `length` of the bytes; 304; 412; 416. */
struct selection {
    unsigned status;
    uint64_t first;
    uint64_t length;
};

struct selection selection_of(const struct http_request *request, const struct validators *file);

#endif
