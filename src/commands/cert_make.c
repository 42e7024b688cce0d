#include "cert_make.h"

#include "commands.h"
#include "input.h"
#include "passphrase.h"

#include "crossgate/base/date.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAYS_MAX = 36500 };

static void make_deinit(struct make *make)
{
    pki_text_free(&make->open_key);
    pki_text_free(&make->stored_key);
    pki_text_free(&make->product);
}

struct span make_span(const struct pki_text *text)
{
    return span_of(text->at, text->len);
}

bool make_is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
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

/* Somebody's file where a host is wanted: "server.csr" could be the name of one. */
static bool is_file(const char *name)
{
    struct stat facts;
    return stat(name, &facts) == 0 && S_ISREG(facts.st_mode);
}

static bool read_names(struct make *make)
{
    for (size_t i = 0; i < make->names.count; i++) {
        const char *name = make->names.at[i];
        struct error error = {0};
        if (is_file(name))
            usage_refuse(make->usage, "%s is a file here, and words are names of hosts; a file is named by an option",
                         name);
        else if (!pki_name_check(name, &error))
            usage_refuse(make->usage, "%s", error.text);
        else
            continue;
        return false;
    }
    return true;
}

bool make_read(struct make *make, const struct usage *usage, int argc, char **argv, const char *days, int *status)
{
    enum options_result result = options_read(usage, argc, argv);
    make->usage = usage;
    *status = result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    return result == OPTIONS_READ && read_kind(make) && (!make->hosts || make->client || read_names(make)) &&
           (!days || cert_number(usage, "--days", make->days ? make->days : days, 1, DAYS_MAX, &make->valid));
}

/* ---- keys */

bool make_key(struct make *make)
{
    struct passphrase passphrase;
    if (!pki_make_key(make->kind, &make->open_key, &make->error))
        return false;
    if (!make->encrypt)
        return true;
    if (!passphrase_get(&passphrase, make->passphrase_file, make->key_path, true, &make->error))
        return false;
    bool worked = pki_lock_key(make_span(&make->open_key), span_of(passphrase.text, passphrase.len), &make->stored_key,
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

void make_add_file(struct make *make, const char *path, mode_t mode)
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
        make_add_file(make, make->key_path, OUTPUT_PRIVATE);
    if (!make_is_stdout(make->out)) {
        if (!cert_path(make->out, make->cbdir, out, make->out_path, &make->error))
            return false;
        make_add_file(make, make->out_path, OUTPUT_PUBLIC);
    }
    return outputs_check(make->files, make->file_count, make->force, &make->error);
}

bool make_prepare(struct make *make, const char *key, const char *out)
{
    return plan_files(make, key, out) && (make->new_key ? make_key(make) : use_key(make));
}

static bool print_product(struct make *make)
{
    if (!make_is_stdout(make->out))
        return true;
    if (fwrite(make->product.at, 1, make->product.len, stdout) == make->product.len && fflush(stdout) == 0)
        return true;
    error_set_errno(&make->error, "stdout cannot be written");
    return false;
}

bool make_write(struct make *make)
{
    const struct pki_text *key = make->stored_key.at ? &make->stored_key : &make->open_key;
    for (size_t i = 0; i < make->file_count; i++)
        make->files[i].bytes = make_span(make->files[i].path == make->key_path ? key : &make->product);
    return print_product(make) && outputs_write(make->files, make->file_count, make->force, &make->error);
}

/* ---- what is said in the end */

FILE *make_voice(const struct make *make)
{
    return make_is_stdout(make->out) ? stderr : stdout;
}

static void print_names(const struct pki_card *card, FILE *out)
{
    for (size_t i = 0; i < card->names.count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : " for ", card->names.at[i]);
}

/* "made  PATH: certificate for localhost until 2027-12-28 18:55 UTC" */
static void announce(const struct make *make, const char *verb, const char *path, const struct pki_text *text)
{
    FILE *out = make_voice(make);
    char end[DATE_TEXT];
    struct findings findings;
    struct pki_card card;
    struct pki_bag *bag = pki_bag_new();
    struct arena *arena = arena_new();
    findings_init(&findings, stderr, false);
    if (bag && arena &&
        pki_bag_add(bag, &(struct pki_file){.path = path, .bytes = make_span(text)}, &findings.problems) &&
        pki_bag_card(bag, 0, arena, &card)) {
        fprintf(out, "%s  %s: %s", verb, make_is_stdout(path) ? "stdout" : path,
                card.sort == PKI_KEY       ? "private key, "
                : card.sort == PKI_REQUEST ? "signing request"
                : card.authority           ? "authority's certificate"
                                           : "certificate");
        fputs(card.sort == PKI_KEY ? card.key : "", out);
        print_names(&card, out);
        if (card.sort == PKI_CERTIFICATE) {
            date_print(card.ends, end);
            fprintf(out, " until %s", end);
        }
        fputs(card.sort == PKI_KEY && make->stored_key.at ? ", with a passphrase\n" : "\n", out);
    }
    arena_free(arena);
    pki_bag_free(bag);
}

void make_announce(const struct make *make)
{
    if (make->open_key.at)
        announce(make, make->new_key ? "made" : "used", make->key_path, &make->open_key);
    if (make->product.at)
        announce(make, "made", make_is_stdout(make->out) ? "-" : make->out_path, &make->product);
}

/* As the configuration names it: within the node directory by its name alone. */
static const char *in_configuration(const char *named, const char *name, char path[PATH_MAX])
{
    if (!named)
        return name;
    return realpath(named, path) ? path : named;
}

void make_print_configuration(const struct make *make)
{
    char key[PATH_MAX], certificate[PATH_MAX];
    if (make_is_stdout(make->out))
        return;
    printf("\nIn the configuration:  \"tls\": {\"key\": \"%s\", \"certificate\": \"%s\"}\n",
           in_configuration(make->key, CERT_SERVER_KEY, key),
           in_configuration(make->out, CERT_SERVER_CERTIFICATE, certificate));
}

int make_conclude(struct make *make, bool worked)
{
    int status = worked ? EXIT_SUCCESS : cert_fail(make->usage, &make->error);
    make_deinit(make);
    return status;
}

struct pki_order make_server_order(const struct make *make, const char *names[WORDS_MAX])
{
    for (size_t i = 0; i < make->names.count; i++)
        names[i] = make->names.at[i];
    return (struct pki_order){
        .use = PKI_USE_SERVER,
        .organization = make->organization,
        .names = names,
        .name_count = make->names.count,
        .days = make->valid,
    };
}
