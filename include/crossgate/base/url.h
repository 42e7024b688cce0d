/* Where a server is, as people write it: HOST, HOST:PORT, [ADDRESS]:PORT or a URL. */
#ifndef CROSSGATE_BASE_URL_H
#define CROSSGATE_BASE_URL_H

#include "crossgate/base/error.h"
#include "crossgate/base/span.h"

enum { URL_HOST = 256, URL_PATH = 1024 };

struct url {
    struct span scheme;  /* of the word that was parsed, which it borrows; empty: none was written */
    char host[URL_HOST]; /* name or address, without brackets */
    uint16_t port;       /* 0: none was written */
    char path[URL_PATH]; /* with the query, without the fragment; begins with "/"; "" if none was written */
    bool is_address;     /* host is an address literal */
};

/* False: *error says why, with class INPUT. */
bool url_parse(const char *word, struct url *url, struct error *error) __attribute__((warn_unused_result));

#endif
