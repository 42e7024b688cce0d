/* What `crossgate cert` has in common where keys are made, and what is made for keys.
 *
 * One rule for all: a private key that is there is used, one that is not is made; only `cert key --force` replaces one. */
#ifndef CROSSGATE_COMMANDS_CERT_MAKE_H
#define CROSSGATE_COMMANDS_CERT_MAKE_H

#include "cert.h"

/* Browsers take no longer ones from public authorities; 398 is the bound, and a certificate begins an hour before it is made. */
#define SERVER_DAYS "397"
#define CA_DAYS     "3650"

struct make {
    const struct usage *usage;
    struct option_words names;
    bool hosts; /* the names are those of hosts, unless `client` */
    bool client;

    const char *cbdir;
    const char *key;
    const char *out;
    const char *days;
    const char *organization;
    const char *rsa;
    const char *passphrase_file;
    const char *csr;
    const char *ca;
    const char *ca_key;
    struct option_lines only;
    bool p384;
    bool encrypt;
    bool force;

    char key_path[PATH_MAX];
    char out_path[PATH_MAX];
    enum pki_key_kind kind;
    bool new_key;
    unsigned valid; /* days */
    struct output files[OUTPUT_MAX];
    size_t file_count;
    struct pki_text open_key;
    struct pki_text stored_key; /* of a new one with a passphrase: as the file has it */
    struct pki_text product;
    struct error error;
};

#define OPTIONS_KEY_KIND(make)                                                                                         \
    {"--rsa", "BITS", "a new key is RSA, 2048 or 4096 (default: EC P-256, smaller and faster)", &(make).rsa, NULL},    \
    {                                                                                                                  \
        "--p384", NULL, "a new key is EC P-384", NULL, &(make).p384                                                    \
    }

#define OPTION_KEY(make, by_default)                                                                                   \
    {                                                                                                                  \
        "--key", "FILE", "private key; made if it is not there (default: " by_default ")", &(make).key, NULL           \
    }

#define OPTION_DAYS(make, by_default, why)                                                                             \
    {                                                                                                                  \
        "--days", "N", "how long it is valid (default: " by_default why ")", &(make).days, NULL                        \
    }

#define OPTION_ORGANIZATION(make)                                                                                      \
    {                                                                                                                  \
        "--organization", "NAME", "stands in the subject, for people to read", &(make).organization, NULL              \
    }

/* Reads the words of the command line. False: *status is what to exit with; what is wrong is printed. `days` is the default, NULL where
 * there are none. */
bool make_read(struct make *make, const struct usage *usage, int argc, char **argv, const char *days, int *status)
    __attribute__((warn_unused_result));

/* The functions below: false: make->error says why. */

/* A file that will be written. */
void make_add_file(struct make *make, const char *path, mode_t mode);

/* Finds the places of key and product (by default of these names in the node directory), refuses what is in the way, and then makes or
 * opens the key. */
bool make_prepare(struct make *make, const char *key, const char *out) __attribute__((warn_unused_result));

/* A new private key, with a passphrase if one is wanted. */
bool make_key(struct make *make) __attribute__((warn_unused_result));

/* Puts all files in place, the key first: a certificate without a key is of no use, and is not left behind. */
bool make_write(struct make *make) __attribute__((warn_unused_result));

/* Says what was made; the names for the configuration. */
void make_announce(const struct make *make);
void make_print_configuration(const struct make *make);

/* Where people are spoken to: stdout, unless that is where the product goes. */
FILE *make_voice(const struct make *make);

/* Frees all, and returns the exit status. */
int make_conclude(struct make *make, bool worked);

bool make_is_stdout(const char *path);
struct span make_span(const struct pki_text *text);

/* An order for a server's certificate; `names` has room for the words. */
struct pki_order make_server_order(const struct make *make, const char *names[WORDS_MAX]);

#endif
