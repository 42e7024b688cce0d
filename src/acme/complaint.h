/* Problem documents (RFC 7807, RFC 8555 section 6.7) as one line for people. */
#ifndef CROSSGATE_ACME_COMPLAINT_H
#define CROSSGATE_ACME_COMPLAINT_H

#include "document.h"

struct complaint {
    char type[48];  /* "rateLimited": without the prefix that all of them have; "": it has none of ACME's */
    char text[768]; /* printable ASCII; never empty */
};

/* `problem` may be anything, NULL included. */
void complaint_read(struct complaint *complaint, const json_t *problem);

bool complaint_is(const struct complaint *complaint, const char *type);

/* Whether no later try can have another end, as long as the configuration is what it is. */
bool complaint_is_hopeless(const struct complaint *complaint);

/* Copies text, cut to size, with a ? in place of each byte that is not printable ASCII: it goes to logs and terminals. Returns `out`. */
char *complaint_clean(char *out, size_t size, const char *text);

#endif
