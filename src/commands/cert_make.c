/* crossgate cert self-signed, key, csr, ca, sign: what makes keys and what is made for keys.
 *
 * One rule for all: a private key that is there is used, one that is not is made; only `cert key --force` replaces one. */
#include "cert.h"

#include "commands.h"
#include "input.h"
#include "passphrase.h"

#include <stdlib.h>
#include <unistd.h>

/* Browsers take no longer ones from public authorities; 398 is the bound, and a certificate begins an hour before it is made. */
#define SERVER_DAYS "397"
#define CA_DAYS     "3650"

enum { DAYS_MAX = 36500 };

struct make {
    const struct usage *usage;
    struct option_words names;

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
    struct pki_text stored_key; /* of a new one: as the file has it */
    struct pki_text product;
    struct error error;
};

static void make_deinit(struct make *make)
{
    pki_text_free(&make->open_key);
    pki_text_free(&make->stored_key);
    pki_text_free(&make->product);
}

static struct span text_span(const struct pki_text *text)
{
    return span_of(text->at, text->len);
}

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

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

/* ---- words */

/* False: the mistake is printed. */
static bool read_kind(struct make *make)
{
    if (make->rsa && make->p384) {
        usage_refuse(make->usage, "--rsa and --p384 are different kinds of key: take one");
        return false;
    }
    make->kind = make->p384 ? PKI_KEY_P384 : PKI_KEY_P256;
    if (!make->rsa)
        return true;
    make->kind = strcmp(make->rsa, "4096") == 0 ? PKI_KEY_RSA_4096 : PKI_KEY_RSA_2048;
    if (make->kind == PKI_KEY_RSA_4096 || strcmp(make->rsa, "2048") == 0)
        return true;
    option_refuse(make->usage, "--rsa", make->rsa, "2048 or 4096");
    return false;
}

/* Somebody's file where a name is wanted. */
static const char *hint_of_file(const struct make *make, const char *name)
{
    bool is_sign = strcmp(make->usage->command, "cert sign") == 0;
    return is_sign && access(name, F_OK) == 0 ? "; if the file is meant: --csr FILE" : "";
}

static bool read_names(struct make *make)
{
    for (size_t i = 0; i < make->names.count; i++) {
        struct error error = {0};
        if (pki_name_check(make->names.at[i], &error))
            continue;
        usage_refuse(make->usage, "%s%s", error.text, hint_of_file(make, make->names.at[i]));
        return false;
    }
    return true;
}

static bool read_days(struct make *make, const char *by_default)
{
    return cert_number(make->usage, "--days", make->days ? make->days : by_default, 1, DAYS_MAX, &make->valid);
}

/* ---- keys */

static bool make_key(struct make *make)
{
    struct passphrase passphrase;
    if (!pki_make_key(make->kind, &make->open_key, &make->error))
        return false;
    if (!make->encrypt)
        return true;
    if (!passphrase_get(&passphrase, make->passphrase_file, make->key_path, true, &make->error))
        return false;
    bool worked = pki_lock_key(text_span(&make->open_key), span_of(passphrase.text, passphrase.len), &make->stored_key,
                               &make->error);
    passphrase_wipe(&passphrase);
    return worked;
}

static bool use_key(struct make *make)
{
    struct input input;
    if (make->rsa || make->p384 || make->encrypt) {
        error_set(&make->error, ERROR_INPUT,
                  "%.120s is there already, and is used as it is: leave %s out, or make another: crossgate cert key",
                  make->key_path,
                  make->encrypt ? "--encrypt"
                  : make->rsa   ? "--rsa"
                                : "--p384");
        return false;
    }
    if (!input_read(make->key_path, PKI_FILE_MAX, &input, &make->error))
        return false;
    bool worked = cert_open_key(make->key_path, span_of(input.at, input.len), make->passphrase_file, &make->open_key,
                                &make->error);
    input_free(&input);
    return worked;
}

/* ---- files */

static void add_file(struct make *make, const char *path, mode_t mode)
{
    make->files[make->file_count++] = (struct output){.path = path, .mode = mode};
}

/* Which files there will be: said before a passphrase is asked for and a key is made. */
static bool plan_files(struct make *make, const char *key, const char *out)
{
    if (!cert_path(make->key, make->cbdir, key, make->key_path, &make->error))
        return false;
    make->new_key = access(make->key_path, F_OK) < 0;
    if (make->new_key)
        add_file(make, make->key_path, OUTPUT_PRIVATE);
    if (!is_stdout(make->out)) {
        if (!cert_path(make->out, make->cbdir, out, make->out_path, &make->error))
            return false;
        add_file(make, make->out_path, OUTPUT_PUBLIC);
    }
    return outputs_check(make->files, make->file_count, make->force, &make->error);
}

static bool prepare(struct make *make, const char *key, const char *out)
{
    return plan_files(make, key, out) && (make->new_key ? make_key(make) : use_key(make));
}

static bool print_product(struct make *make)
{
    if (!is_stdout(make->out))
        return true;
    if (fwrite(make->product.at, 1, make->product.len, stdout) == make->product.len && fflush(stdout) == 0)
        return true;
    error_set_errno(&make->error, "stdout cannot be written");
    return false;
}

/* The key is put in place first: a certificate without a key is of no use, and is not left behind. */
static bool write_files(struct make *make)
{
    const struct pki_text *key = make->stored_key.at ? &make->stored_key : &make->open_key;
    for (size_t i = 0; i < make->file_count; i++)
        make->files[i].bytes = text_span(make->files[i].path == make->key_path ? key : &make->product);
    return print_product(make) && outputs_write(make->files, make->file_count, make->force, &make->error);
}

/* ---- what is said in the end */

static FILE *voice(const struct make *make)
{
    return is_stdout(make->out) ? stderr : stdout;
}

static void print_names(const struct pki_card *card, FILE *out)
{
    for (size_t i = 0; i < card->names.count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : " for ", card->names.at[i]);
}

/* "made  PATH: certificate for localhost until 2027-12-28 18:55 UTC" */
static void announce(const struct make *make, const char *verb, const char *path, const struct pki_text *text)
{
    FILE *out = voice(make);
    char end[CERT_TIME];
    struct findings findings;
    struct pki_card card;
    struct pki_bag *bag = pki_bag_new();
    struct arena *arena = arena_new();
    findings_init(&findings, stderr, false);
    if (bag && arena &&
        pki_bag_add(bag, &(struct pki_file){.path = path, .bytes = text_span(text)}, &findings.problems) &&
        pki_bag_card(bag, 0, arena, &card)) {
        fprintf(out, "%s  %s: %s", verb, is_stdout(path) ? "stdout" : path,
                card.sort == PKI_KEY       ? "private key, "
                : card.sort == PKI_REQUEST ? "signing request"
                : card.authority           ? "authority's certificate"
                                           : "certificate");
        fputs(card.sort == PKI_KEY ? card.key : "", out);
        print_names(&card, out);
        if (card.sort == PKI_CERTIFICATE) {
            cert_print_time(card.ends, end);
            fprintf(out, " until %s", end);
        }
        fputs(card.sort == PKI_KEY && make->stored_key.at ? ", with a passphrase\n" : "\n", out);
    }
    arena_free(arena);
    pki_bag_free(bag);
}

static void announce_all(const struct make *make)
{
    if (make->open_key.at)
        announce(make, make->new_key ? "made" : "used", make->key_path, &make->open_key);
    if (make->product.at)
        announce(make, "made", is_stdout(make->out) ? "-" : make->out_path, &make->product);
}

/* As the configuration names it: within the node directory by its name alone. */
static const char *in_configuration(const char *named, const char *name, char path[PATH_MAX])
{
    if (!named)
        return name;
    return realpath(named, path) ? path : named;
}

static void print_configuration(const struct make *make)
{
    char key[PATH_MAX], certificate[PATH_MAX];
    if (is_stdout(make->out))
        return;
    printf("\nIn the configuration:  \"tls\": {\"key\": \"%s\", \"certificate\": \"%s\"}\n",
           in_configuration(make->key, CERT_SERVER_KEY, key),
           in_configuration(make->out, CERT_SERVER_CERTIFICATE, certificate));
}

static int conclude(struct make *make, bool worked)
{
    int status = worked ? EXIT_SUCCESS : cert_fail(make->usage, &make->error);
    make_deinit(make);
    return status;
}

static int status_of(enum options_result result)
{
    return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
}

/* ---- key */

static bool run_key(struct make *make)
{
    if (!cert_path(make->key, make->cbdir, CERT_SERVER_KEY, make->key_path, &make->error))
        return false;
    make->new_key = true;
    add_file(make, make->key_path, OUTPUT_PRIVATE);
    if (!outputs_check(make->files, make->file_count, make->force, &make->error) || !make_key(make) ||
        !write_files(make))
        return false;
    announce_all(make);
    return true;
}

int cert_key(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME"}};
    const struct option options[] = {
        OPTION_CBDIR(make),
        {"--out", "FILE", "default: " CERT_SERVER_KEY " of the node directory", &make.key, NULL},
        OPTIONS_KEY_KIND(make),
        {"--encrypt", NULL, "with a passphrase, which is asked for; not for servers, which\nstart unattended", NULL,
         &make.encrypt},
        OPTION_PASSPHRASE(make),
        OPTION_FORCE(make),
    };
    const struct usage usage = {
        .command = "cert key",
        .synopsis = "[OPTIONS]",
        .about = "Makes a private key that you alone can read (mode 600 from its first byte).\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .examples = "  crossgate cert key                                    # instead of openssl genrsa and chmod\n"
                    "  crossgate cert key --rsa 2048 --out server_key.pem\n"
                    "  crossgate cert key --rsa 4096 --encrypt --out ca_key.pem\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return status_of(result);
    make.usage = &usage;
    if (is_stdout(make.key))
        return option_refuse(&usage, "--out", "-", "a file, and private keys are not printed");
    return read_kind(&make) ? conclude(&make, run_key(&make)) : EXIT_USAGE;
}

/* ---- self-signed */

static struct pki_order server_order(struct make *make, const char *const *names)
{
    return (struct pki_order){
        .use = PKI_USE_SERVER,
        .organization = make->organization,
        .names = names,
        .name_count = make->names.count,
        .days = make->valid,
    };
}

/* The words as an order wants them. */
static void copy_names(const struct option_words *words, const char *names[WORDS_MAX])
{
    for (size_t i = 0; i < words->count; i++)
        names[i] = words->at[i];
}

static bool run_self_signed(struct make *make)
{
    const char *names[WORDS_MAX];
    copy_names(&make->names, names);
    struct pki_order order = server_order(make, names);
    if (!prepare(make, CERT_SERVER_KEY, CERT_SERVER_CERTIFICATE) ||
        !pki_make_certificate(&order, text_span(&make->open_key), &(struct pki_signer){0}, &make->product,
                              &make->error) ||
        !write_files(make))
        return false;
    announce_all(make);
    print_configuration(make);
    if (!is_stdout(make->out))
        printf("Clients have to be told to trust it:  curl --cacert %s https://%s/\n", make->out_path, names[0]);
    return true;
}

int cert_self_signed(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME", .least = 1, .most = WORDS_MAX}};
    const struct option options[] = {
        OPTION_CBDIR(make),
        OPTION_KEY(make, CERT_SERVER_KEY " of the\nnode directory"),
        {"--out", "FILE", "certificate (default: " CERT_SERVER_CERTIFICATE " of the node directory);\n- is stdout",
         &make.out, NULL},
        OPTIONS_KEY_KIND(make),
        OPTION_DAYS(make, SERVER_DAYS, ",\nthe most that all browsers take"),
        OPTION_ORGANIZATION(make),
        OPTION_PASSPHRASE(make),
        OPTION_FORCE(make),
    };
    const struct usage usage = {
        .command = "cert self-signed",
        .synopsis = "NAME... [OPTIONS]",
        .about = "Makes a certificate for a server that signs for itself, and its private key. NAME is what clients\n"
                 "call the server: host names, *.example.com, IP addresses; no ports. For development, intranets and\n"
                 "controlled deployments: browsers warn of it until they are told to trust it.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &make.names,
        .examples = "  crossgate cert self-signed localhost 127.0.0.1 ::1\n"
                    "  crossgate cert self-signed server23.example.com --rsa 2048 --days 365\n"
                    "  crossgate cert self-signed localhost --force          # again, with the key that is there\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return status_of(result);
    make.usage = &usage;
    if (!read_kind(&make) || !read_names(&make) || !read_days(&make, SERVER_DAYS))
        return EXIT_USAGE;
    return conclude(&make, run_self_signed(&make));
}

/* ---- csr */

static bool run_csr(struct make *make)
{
    const char *names[WORDS_MAX];
    char certificate[PATH_MAX];
    copy_names(&make->names, names);
    struct pki_order order = server_order(make, names);
    if (!prepare(make, CERT_SERVER_KEY, CERT_SERVER_REQUEST) ||
        !pki_make_request(&order, text_span(&make->open_key), &make->product, &make->error) || !write_files(make))
        return false;
    announce_all(make);
    if (!cert_path(NULL, make->cbdir, CERT_SERVER_CERTIFICATE, certificate, &make->error))
        return false;
    fprintf(voice(make),
            "\nSend the request to an authority, and keep the key. What comes back, in whichever pieces:\n"
            "  crossgate cert chain FILE... --key %s --out %s\n",
            make->key_path, certificate);
    return true;
}

int cert_csr(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME", .least = 1, .most = WORDS_MAX}};
    const struct option options[] = {
        OPTION_CBDIR(make),
        OPTION_KEY(make, CERT_SERVER_KEY " of the\nnode directory"),
        {"--out", "FILE", "request (default: " CERT_SERVER_REQUEST " of the node directory);\n- is stdout", &make.out,
         NULL},
        OPTIONS_KEY_KIND(make),
        OPTION_ORGANIZATION(make),
        OPTION_PASSPHRASE(make),
        OPTION_FORCE(make),
    };
    const struct usage usage = {
        .command = "cert csr",
        .synopsis = "NAME... [OPTIONS]",
        .about =
            "Makes a certificate signing request (PKCS#10) for a server's private key, to be sent to an authority.\n"
            "NAME is what clients call the server: host names, *.example.com, IP addresses; no ports.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &make.names,
        .examples = "  crossgate cert csr box1.example.com www.example.com\n"
                    "  crossgate cert csr box1.example.com --key server_key.pem --out server_csr.pem\n"
                    "  crossgate cert csr box1.example.com --out - | crossgate cert show -\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return status_of(result);
    make.usage = &usage;
    return read_kind(&make) && read_names(&make) ? conclude(&make, run_csr(&make)) : EXIT_USAGE;
}

/* ---- ca */

/* Two authorities of one name, but with different keys, confuse whoever looks for an issuer: each gets a name of its own. */
static void name_authority(char name[64])
{
    char host[24] = "this machine";
    unsigned char salt[4] = {0};
    if (gethostname(host, sizeof host) == 0)
        host[sizeof host - 1] = '\0';
    if (getentropy(salt, sizeof salt) < 0)
        salt[0] = (unsigned char)getpid();
    snprintf(name, 64, "Authority of %s %02x%02x%02x%02x", host, salt[0], salt[1], salt[2], salt[3]);
}

/* False: the mistake is printed. `only` gets the names, which live in make->only. */
static bool read_only(struct make *make, const char *only[WORDS_MAX], size_t *count)
{
    char *rest = make->only.text;
    for (*count = 0; *count < WORDS_MAX && option_next_line(&rest, &only[*count]); ++*count) {
        struct error error = {0};
        if (pki_constraint_check(only[*count], &error))
            continue;
        usage_refuse(make->usage, "--only %s", error.text);
        return false;
    }
    return true;
}

static bool run_ca(struct make *make, const char *const *only, size_t only_count)
{
    char name[64];
    name_authority(name);
    struct pki_order order = {
        .use = PKI_USE_AUTHORITY,
        .common_name = make->names.count > 0 ? make->names.at[0] : name,
        .organization = make->organization,
        .days = make->valid,
        .path_length = 0,
        .only = only,
        .only_count = only_count,
    };
    if (!prepare(make, CERT_CA_KEY, CERT_CA_CERTIFICATE) ||
        !pki_make_certificate(&order, text_span(&make->open_key), &(struct pki_signer){0}, &make->product,
                              &make->error) ||
        !write_files(make))
        return false;
    announce_all(make);
    fprintf(voice(make),
            "\nKeep the key to yourself, and off the servers. Have clients trust the certificate.\n"
            "Servers get theirs by:  crossgate cert sign HOST --ca %s --ca-key %s\n",
            make->out, make->key);
    return true;
}

int cert_ca(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME", .most = 1}};
    const char *only[WORDS_MAX];
    size_t only_count;
    const struct option options[] = {
        OPTION_KEY(make, "./" CERT_CA_KEY),
        {"--out", "FILE", "certificate (default: ./" CERT_CA_CERTIFICATE "); - is stdout", &make.out, NULL},
        OPTIONS_KEY_KIND(make),
        OPTION_DAYS(make, CA_DAYS, ""),
        OPTION_ORGANIZATION(make),
        {"--only", "NAME",
         "it can certify this host, domain, address or network only\n(name constraints), whoever gets hold of its key; "
         "may be repeated",
         NULL, &make.only.given},
        {"--encrypt", NULL, "the key gets a passphrase, which is asked for here, and each\ntime it signs", NULL,
         &make.encrypt},
        OPTION_PASSPHRASE(make),
        OPTION_FORCE(make),
    };
    const struct usage usage = {
        .command = "cert ca",
        .synopsis = "[NAME] [OPTIONS]",
        .about =
            "Makes an authority of your own: a private key, and a certificate that can sign those of servers (path\n"
            "length 0: no authorities below it). NAME is for people to read. Its files are made in the current\n"
            "directory, since an authority's key does not belong on a server.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &make.names,
        .examples = "  crossgate cert ca \"Tavendo Certificate Authority\" --encrypt\n"
                    "  crossgate cert ca \"Tavendo Certificate Authority\" --rsa 4096 --days 3650\n"
                    "  crossgate cert ca --only localhost --only 127.0.0.1 --only ::1    # for development\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return status_of(result);
    make.usage = &usage;
    if (!read_kind(&make) || !read_days(&make, CA_DAYS) || !read_only(&make, only, &only_count))
        return EXIT_USAGE;
    make.key = make.key ? make.key : CERT_CA_KEY;
    make.out = make.out ? make.out : CERT_CA_CERTIFICATE;
    return conclude(&make, run_ca(&make, only, only_count));
}

/* ---- sign */

/* The authority's files, read. */
struct signer {
    struct input certificate;
    struct pki_text key;
};

/* "DIR/ca_key.pem" beside the certificate. */
static bool key_beside(const char *certificate, char path[PATH_MAX], struct error *error)
{
    const char *slash = strrchr(certificate, '/');
    int length =
        snprintf(path, PATH_MAX, "%.*s%s", slash ? (int)(slash - certificate) + 1 : 0, certificate, CERT_CA_KEY);
    if (length < PATH_MAX)
        return true;
    error_set(error, ERROR_INPUT, "the path of the authority's key is too long");
    return false;
}

static bool read_signer(struct make *make, struct signer *signer)
{
    char path[PATH_MAX];
    struct input key;
    const char *certificate = make->ca ? make->ca : CERT_CA_CERTIFICATE;
    if (!make->ca && access(certificate, F_OK) < 0) {
        error_set(&make->error, ERROR_INPUT,
                  "there is no authority's certificate here, %s: --ca FILE names one, crossgate cert ca makes one",
                  certificate);
        return false;
    }
    if (!input_read(certificate, PKI_FILE_MAX, &signer->certificate, &make->error) ||
        (!make->ca_key && !key_beside(certificate, path, &make->error)))
        return false;
    if (!input_read(make->ca_key ? make->ca_key : path, PKI_FILE_MAX, &key, &make->error))
        return false;
    bool worked = cert_open_key(make->ca_key ? make->ca_key : path, span_of(key.at, key.len), make->passphrase_file,
                                &signer->key, &make->error);
    input_free(&key);
    return worked;
}

/* An authority that is none of the roots is sent along (RFC 8446 section 4.4.2). */
static bool append_issuers(struct make *make, const struct signer *signer)
{
    struct findings findings;
    struct pki_chain chain;
    struct pki_text whole = {0};
    struct pki_bag *bag = pki_bag_new();
    findings_init(&findings, stderr, false);
    findings.silent = (const char *const[]){"root", "issuer", "missing", "surplus", NULL};
    const struct pki_file leaf = {.path = "certificate", .bytes = text_span(&make->product)};
    const struct pki_file issuers = {.path = "authority",
                                     .bytes = span_of(signer->certificate.at, signer->certificate.len)};
    bool worked = bag && pki_bag_add(bag, &leaf, &findings.problems) &&
                  pki_bag_add(bag, &issuers, &findings.problems) && pki_bag_chain(bag, &chain, &findings.problems) &&
                  pki_chain_write(bag, &chain, &whole, &make->error);
    pki_bag_free(bag);
    if (worked) {
        pki_text_free(&make->product);
        make->product = whole;
    }
    if (!worked)
        error_set(&make->error, ERROR_INPUT, "the certificate cannot be joined with its issuers");
    return worked;
}

static bool sign(struct make *make, struct span subject, const char *const *names)
{
    struct signer signer = {0};
    struct pki_order order = server_order(make, names);
    bool worked = read_signer(make, &signer);
    if (worked) {
        struct pki_signer who = {span_of(signer.certificate.at, signer.certificate.len), text_span(&signer.key)};
        worked = pki_make_certificate(&order, subject, &who, &make->product, &make->error) &&
                 append_issuers(make, &signer) && write_files(make);
    }
    input_free(&signer.certificate);
    pki_text_free(&signer.key);
    return worked;
}

/* For a request; its key is elsewhere. */
static bool sign_request(struct make *make, const char *const *names)
{
    char path[PATH_MAX];
    struct input request;
    if (!cert_path(make->csr, make->cbdir, CERT_SERVER_REQUEST, path, &make->error))
        return false;
    if (!make->csr && access(path, F_OK) < 0) {
        error_set(&make->error, ERROR_INPUT,
                  "there is no signing request %.100s: name the hosts: crossgate cert sign HOST", path);
        return false;
    }
    if (!is_stdout(make->out)) {
        if (!cert_path(make->out, make->cbdir, CERT_SERVER_CERTIFICATE, make->out_path, &make->error))
            return false;
        add_file(make, make->out_path, OUTPUT_PUBLIC);
    }
    if (!outputs_check(make->files, make->file_count, make->force, &make->error) ||
        !input_read(path, PKI_FILE_MAX, &request, &make->error))
        return false;
    bool worked = sign(make, span_of(request.at, request.len), names);
    input_free(&request);
    return worked;
}

static bool run_sign(struct make *make)
{
    const char *names[WORDS_MAX];
    copy_names(&make->names, names);
    bool worked = make->csr || make->names.count == 0 ? sign_request(make, names)
                                                      : prepare(make, CERT_SERVER_KEY, CERT_SERVER_CERTIFICATE) &&
                                                            sign(make, text_span(&make->open_key), names);
    if (!worked)
        return false;
    announce_all(make);
    print_configuration(make);
    return true;
}

int cert_sign(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME", .most = WORDS_MAX}};
    const struct option options[] = {
        OPTION_CBDIR(make),
        {"--csr", "FILE", "signing request (default, without names: " CERT_SERVER_REQUEST " of the\nnode directory)",
         &make.csr, NULL},
        OPTION_KEY(make, CERT_SERVER_KEY " of the\nnode directory"),
        {"--out", "FILE", "certificate (default: " CERT_SERVER_CERTIFICATE " of the node directory);\n- is stdout",
         &make.out, NULL},
        {"--ca", "FILE", "the authority's certificate (default: ./" CERT_CA_CERTIFICATE ")", &make.ca, NULL},
        {"--ca-key", "FILE", "its private key (default: " CERT_CA_KEY " beside the certificate)", &make.ca_key, NULL},
        OPTIONS_KEY_KIND(make),
        OPTION_DAYS(make, SERVER_DAYS, ",\nthe most that all browsers take"),
        OPTION_ORGANIZATION(make),
        OPTION_PASSPHRASE(make),
        OPTION_FORCE(make),
    };
    const struct usage usage = {
        .command = "cert sign",
        .synopsis = "[NAME...] [OPTIONS]",
        .about =
            "Has an authority of your own sign a server's certificate. With names: for the server's private key,\n"
            "which is made if it is not there. Without: for a signing request and the names in it; with --csr and\n"
            "names, these replace those of the request.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &make.names,
        .examples = "  crossgate cert sign localhost 127.0.0.1 ::1       # key and certificate in one go\n"
                    "  crossgate cert sign --csr server_csr.pem --days 365\n"
                    "  crossgate cert sign box1.example.com --ca ca/ca_cert.pem --force    # renewed, same key\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return status_of(result);
    make.usage = &usage;
    if (make.csr && (make.rsa || make.p384 || make.key))
        return usage_refuse(&usage, "a signing request has its key already: leave %s out",
                            make.key   ? "--key"
                            : make.rsa ? "--rsa"
                                       : "--p384");
    if (!read_kind(&make) || !read_names(&make) || !read_days(&make, SERVER_DAYS))
        return EXIT_USAGE;
    return conclude(&make, run_sign(&make));
}
