/* llhttp behind one function, for a head that is there in one piece. The only file that includes llhttp.h is parse.c: its
 * enumerators have names of ours. */
#ifndef CROSSGATE_HTTP_PARSE_H
#define CROSSGATE_HTTP_PARSE_H

#include "crossgate/base/span.h"

enum { PARSE_FIELDS_MAX = 100 };

enum parse_kind { PARSE_REQUEST, PARSE_RESPONSE };

enum parse_result {
    PARSE_OK,
    PARSE_BROKEN,
    PARSE_METHOD_UNKNOWN,
    PARSE_TOO_MANY_FIELDS,
};

struct parse_field {
    struct span name;
    struct span value;
};

/* Spans point into the bytes that were parsed. */
struct parsed {
    struct span method; /* requests */
    struct span target; /* requests */
    unsigned status;    /* responses */
    unsigned minor;     /* HTTP/1.minor */
    struct parse_field fields[PARSE_FIELDS_MAX];
    size_t count;
    bool too_many;
};

/* `head` begins with the start line and ends with the empty line. */
enum parse_result parse_head(enum parse_kind kind, struct span head, struct parsed *out);

#endif
