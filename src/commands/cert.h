/* What the verbs of `crossgate cert` share. */
#ifndef CROSSGATE_COMMANDS_CERT_H
#define CROSSGATE_COMMANDS_CERT_H

#include "options.h"
#include "output.h"

#include "crossgate/pki.h"

#include <stdio.h>

int cert_self_signed(int argc, char **argv);
int cert_key(int argc, char **argv);
int cert_csr(int argc, char **argv);
int cert_ca(int argc, char **argv);
int cert_sign(int argc, char **argv);
int cert_chain(int argc, char **argv);
int cert_dhparam(int argc, char **argv);
int cert_show(int argc, char **argv);
int cert_verify(int argc, char **argv);
int cert_decrypt(int argc, char **argv);

/* Names of files as the documentation of Crossbar has them. */
#define CERT_SERVER_KEY         "server_key.pem"
#define CERT_SERVER_REQUEST     "server_csr.pem"
#define CERT_SERVER_CERTIFICATE "server_cert.pem"
#define CERT_CA_KEY             "ca_key.pem"
#define CERT_CLIENT_KEY         "client_key.pem"
#define CERT_CLIENT_CERTIFICATE "client_cert.pem"
#define CERT_CA_CERTIFICATE     "ca_cert.pem"
#define CERT_DHPARAM            "dhparam.pem"

#define OPTION_CBDIR(words)                                                                                            \
    {                                                                                                                  \
        "--cbdir", "DIR", "node directory (default: $CROSSBAR_DIR, else .crossbar, else .)", &(words).cbdir, NULL      \
    }
#define OPTION_FORCE(words)                                                                                            \
    {                                                                                                                  \
        "--force", NULL, "replace what is there", NULL, &(words).force                                                 \
    }
#define OPTION_PASSPHRASE(words)                                                                                       \
    {                                                                                                                  \
        "--passphrase-file", "FILE", "take the passphrase from its first line, instead of asking",                     \
            &(words).passphrase_file, NULL                                                                             \
    }

/* The file that was named, or the one of that name in the node directory; only then is the directory looked for. */
bool cert_path(const char *named, const char *cbdir, const char *name, char path[PATH_MAX], struct error *error)
    __attribute__((warn_unused_result));

/* The error on stderr, with the verb before it. Returns EXIT_FAILURE. */
int cert_fail(const struct usage *usage, const struct error *error);

/* A number among the digits of an option, or EXIT_USAGE's message. */
bool cert_number(const struct usage *usage, const char *option, const char *text, unsigned least, unsigned most,
                 unsigned *number) __attribute__((warn_unused_result));

/* A private key from PEM bytes, opened with a passphrase if it has one. */
bool cert_open_key(const char *path, struct span pem, const char *passphrase_file, struct pki_text *key,
                   struct error *error) __attribute__((warn_unused_result));

/* Whole days until then; what is over is below 0. */
int64_t cert_days_left(int64_t seconds);

/* What rooms find wrong, on its way to people or programs. */
struct findings {
    struct problems problems;
    FILE *out; /* people: as lines; programs: as elements of an array that is open */
    bool json;
    bool colour;
    unsigned printed;          /* how many so far */
    const char *const *silent; /* keys of problems that are left out, ended by NULL; NULL: none are */
};

void findings_init(struct findings *findings, FILE *out, bool json);

/* Reads each file into a new bag; "-" is stdin. NULL: reported. */
struct pki_bag *cert_bag(char *const *paths, size_t count, struct findings *findings);

/* One more into the bag. False: reported. */
bool cert_bag_add(struct pki_bag *bag, const char *path, struct findings *findings) __attribute__((warn_unused_result));

#endif
