/* The development authority: made once for each user, it certifies names of this machine and of private networks only. */
#ifndef CROSSGATE_COMMANDS_DEV_AUTHORITY_H
#define CROSSGATE_COMMANDS_DEV_AUTHORITY_H

#include "crossgate/base/error.h"

#include <limits.h>
#include <stddef.h>

struct dev_authority {
    char certificate[PATH_MAX]; /* paths of its files, below the user's data (XDG Base Directory Specification) */
    char key[PATH_MAX];
    char name[64]; /* in stores of trusted authorities */
    bool fresh;    /* it was made by this call */
};

/* Finds it, or makes it: also anew, if it ends within 30 days. */
bool dev_authority_open(struct dev_authority *authority, struct error *error) __attribute__((warn_unused_result));

/* Whether the name, or address, is a private one. */
bool dev_authority_may_certify(const char *name);

/* Makes a key and a certificate for these names, both files in one directory: leaf.key, leaf.pem. False: *error says why; a name
 * that the authority must not certify is of class INPUT. */
bool dev_authority_certify(const struct dev_authority *authority, const char *const *names, size_t count,
                           const char *directory, struct error *error) __attribute__((warn_unused_result));

#endif
