/* Stores of authorities that programs of this machine trust: the system's, those of Firefox and Chromium (NSS), Java's. */
#ifndef CROSSGATE_COMMANDS_TRUST_H
#define CROSSGATE_COMMANDS_TRUST_H

#include <stdbool.h>

enum trust_result {
    TRUST_DONE,
    TRUST_NONE,   /* there is no such store here */
    TRUST_FAILED, /* said on stderr */
};

/* An authority that may be put into the stores: a path of its certificate (PEM), and the name that it has in them, one for each user:
 * letters, digits and "-". */
struct trust_anchor {
    const char *certificate;
    const char *name;
};

struct trust_store {
    const char *name;  /* "system", "nss", "java": the words of --stores */
    const char *whose; /* for people */
    enum trust_result (*install)(const struct trust_anchor *anchor);
    enum trust_result (*remove)(const struct trust_anchor *anchor);
};

/* Ended by a row without a name. */
extern const struct trust_store trust_stores[];

#endif
