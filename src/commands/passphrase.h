/* Passphrases: from the terminal, without an echo, or from a file. */
#ifndef CROSSGATE_COMMANDS_PASSPHRASE_H
#define CROSSGATE_COMMANDS_PASSPHRASE_H

#include "crossgate/base/error.h"
#include "crossgate/base/span.h"

/* OpenSSL takes no longer ones from its own prompt. */
enum { PASSPHRASE_MAX = 1023 };

struct passphrase {
    char text[PASSPHRASE_MAX + 1];
    size_t len;
};

/* The first line of `file`, or without one (NULL) what is typed at the terminal after "Passphrase of WHAT: ", which is asked for `twice`
 * if it is a new one. False: *error says why; there is nothing to wipe. */
bool passphrase_get(struct passphrase *passphrase, const char *file, const char *what, bool twice, struct error *error)
    __attribute__((warn_unused_result));

void passphrase_wipe(struct passphrase *passphrase);

#endif
