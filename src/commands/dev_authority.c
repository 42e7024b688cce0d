#include "dev_authority.h"
#include "input.h"
#include "output.h"

#include "crossgate/base/disk.h"
#include "crossgate/pki.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Names that nobody can have on the Internet (RFC 6761, 6762, 8375, and ICANN's "internal"), and networks that are not routed there: whoever
 * steals the authority's key can stand in for these, and for nothing else. */
static const char *const private_names[] = {
    "localhost",  "test",          "local",          "internal",       "home.arpa", "lan",      "127.0.0.0/8",
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128",   "fc00::/7", "fe80::/10",
};
enum { PRIVATE_NAMES = sizeof private_names / sizeof private_names[0] };

/* An authority that ends sooner is made anew. Clients refuse leaves that are valid for longer than 397 days; one for a run needs less. */
enum { DAYS_AUTHORITY = 3650, DAYS_LEAF = 90, DAYS_LEFT = 30 };

enum { FILE_MAX = 65536 };

static const char *user_name(void)
{
    const struct passwd *user = getpwuid(geteuid());
    return user && *user->pw_name ? user->pw_name : "user";
}

/* Specification of 2021: a variable that is empty or relative is as good as not set. */
static bool find_files(struct dev_authority *authority, struct error *error)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char directory[PATH_MAX - 64];
    if (data && data[0] == '/')
        snprintf(directory, sizeof directory, "%s/crossgate/dev", data);
    else if (home && home[0] == '/')
        snprintf(directory, sizeof directory, "%s/.local/share/crossgate/dev", home);
    else {
        error_set(error, ERROR_INPUT,
                  "neither HOME nor XDG_DATA_HOME says where the development authority is to be kept");
        return false;
    }
    snprintf(authority->certificate, sizeof authority->certificate, "%s/ca.pem", directory);
    snprintf(authority->key, sizeof authority->key, "%s/ca.key", directory);
    snprintf(authority->name, sizeof authority->name, "crossgate-dev-%.32s", user_name());
    for (char *at = authority->name; *at; at++) {
        if (!isalnum((unsigned char)*at))
            *at = '-';
    }
    return true;
}

static int64_t end_of(struct span certificate)
{
    const struct pki_file file = {.path = "ca.pem", .bytes = certificate};
    struct problems nobody = {.report = NULL};
    struct pki_bag *bag = pki_bag_new();
    struct arena *arena = arena_new();
    struct pki_card card = {0};
    bool read = bag && arena && pki_bag_add(bag, &file, &nobody) && pki_bag_count(bag) == 1 &&
                pki_bag_card(bag, 0, arena, &card);
    int64_t ends = read ? card.ends : 0;
    arena_free(arena);
    pki_bag_free(bag);
    return ends;
}

/* Both files are there, and good for a while. */
static bool is_good(const struct dev_authority *authority)
{
    struct error error = {0};
    struct input certificate;
    if (access(authority->key, R_OK) != 0 || !input_read(authority->certificate, FILE_MAX, &certificate, &error))
        return false;
    int64_t ends = end_of(span_of(certificate.at, certificate.len));
    input_free(&certificate);
    return ends > (int64_t)time(NULL) + DAYS_LEFT * 86400;
}

/* Every authority has a name of its own: one that was made anew is no other's. */
static void print_common_name(char *text, size_t size)
{
    char host[64] = "this machine";
    gethostname(host, sizeof host - 1);
    snprintf(text, size, "Crossgate dev %.16s@%.16s %llx", user_name(), host, (unsigned long long)time(NULL));
}

/* The key first: a certificate is only there if its key is. */
static bool write_pair(const char *key_path, const struct pki_text *key, const char *certificate_path,
                       const struct pki_text *certificate, struct error *error)
{
    struct output files[] = {
        {.path = key_path, .bytes = span_of(key->at, key->len), .mode = OUTPUT_PRIVATE},
        {.path = certificate_path, .bytes = span_of(certificate->at, certificate->len), .mode = OUTPUT_PUBLIC},
    };
    return outputs_write(files, 2, true, error);
}

static bool make(const struct dev_authority *authority, struct error *error)
{
    char common_name[64];
    print_common_name(common_name, sizeof common_name);
    const struct pki_order order = {.use = PKI_USE_AUTHORITY,
                                    .common_name = common_name,
                                    .organization = "Crossgate development",
                                    .days = DAYS_AUTHORITY,
                                    .only = private_names,
                                    .only_count = PRIVATE_NAMES};
    const struct pki_signer itself = {0};
    struct pki_text key = {0}, certificate = {0};
    bool worked = pki_make_key(PKI_KEY_P256, &key, error) &&
                  pki_make_certificate(&order, span_of(key.at, key.len), &itself, &certificate, error) &&
                  disk_make_directories(authority->key, error) &&
                  write_pair(authority->key, &key, authority->certificate, &certificate, error);
    pki_text_free(&certificate);
    pki_text_free(&key);
    return worked;
}

bool dev_authority_open(struct dev_authority *authority, struct error *error)
{
    *authority = (struct dev_authority){0};
    if (!find_files(authority, error))
        return false;
    authority->fresh = !is_good(authority);
    return !authority->fresh || make(authority, error);
}

/* ---- leaves */

static bool is_below(const char *name, const char *domain)
{
    size_t longer = strlen(name), shorter = strlen(domain);
    if (longer < shorter || strcasecmp(name + longer - shorter, domain) != 0)
        return false;
    return longer == shorter || name[longer - shorter - 1] == '.';
}

static bool is_within(const struct pki_network *address, const struct pki_network *network)
{
    bool within = address->length == network->length;
    for (size_t i = 0; within && i < network->length; i++)
        within = (address->bytes[i] & network->bytes[network->length + i]) == network->bytes[i];
    return within;
}

bool dev_authority_may_certify(const char *name)
{
    struct pki_network address, network;
    bool literal = pki_network_read(name, &address);
    for (size_t i = 0; i < PRIVATE_NAMES; i++) {
        bool is_network = pki_network_read(private_names[i], &network);
        if (is_network == literal && (literal ? is_within(&address, &network) : is_below(name, private_names[i])))
            return true;
    }
    return false;
}

static bool check_names(const char *const *names, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!pki_name_check(names[i], error))
            return false;
        if (dev_authority_may_certify(names[i]))
            continue;
        error_set(error, ERROR_INPUT,
                  "\"%.80s\" is not for development: names end in .localhost, .test, .local, .internal, .lan or "
                  ".home.arpa, addresses are private; for others see crossgate cert and tls.acme",
                  names[i]);
        return false;
    }
    return true;
}

static bool write_leaf(const char *directory, const struct pki_text *key, const struct pki_text *certificate,
                       struct error *error)
{
    char key_path[PATH_MAX], certificate_path[PATH_MAX];
    snprintf(key_path, sizeof key_path, "%s/leaf.key", directory);
    snprintf(certificate_path, sizeof certificate_path, "%s/leaf.pem", directory);
    return write_pair(key_path, key, certificate_path, certificate, error);
}

bool dev_authority_certify(const struct dev_authority *authority, const char *const *names, size_t count,
                           const char *directory, struct error *error)
{
    const struct pki_order order = {.use = PKI_USE_SERVER, .names = names, .name_count = count, .days = DAYS_LEAF};
    struct pki_text key = {0}, certificate = {0};
    struct input authority_key = {0}, authority_certificate = {0};
    bool worked = check_names(names, count, error) && input_read(authority->key, FILE_MAX, &authority_key, error) &&
                  input_read(authority->certificate, FILE_MAX, &authority_certificate, error);
    const struct pki_signer signer = {span_of(authority_certificate.at, authority_certificate.len),
                                      span_of(authority_key.at, authority_key.len)};
    worked = worked && pki_make_key(PKI_KEY_P256, &key, error) &&
             pki_make_certificate(&order, span_of(key.at, key.len), &signer, &certificate, error) &&
             write_leaf(directory, &key, &certificate, error);
    input_free(&authority_key);
    input_free(&authority_certificate);
    pki_text_free(&certificate);
    pki_text_free(&key);
    return worked;
}
