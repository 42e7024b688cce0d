/* crossgate cert ca, sign: an authority of one's own. */
#include "cert_make.h"

#include "commands.h"
#include "input.h"

#include <stdlib.h>
#include <unistd.h>

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
    if (!make_prepare(make, CERT_CA_KEY, CERT_CA_CERTIFICATE) ||
        !pki_make_certificate(&order, make_span(&make->open_key), &(struct pki_signer){0}, &make->product,
                              &make->error) ||
        !make_write(make))
        return false;
    make_announce(make);
    fprintf(make_voice(make),
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
    int status;
    if (!make_read(&make, &usage, argc, argv, CA_DAYS, &status))
        return status;
    if (!read_only(&make, only, &only_count))
        return EXIT_USAGE;
    make.key = make.key ? make.key : CERT_CA_KEY;
    make.out = make.out ? make.out : CERT_CA_CERTIFICATE;
    return make_conclude(&make, run_ca(&make, only, only_count));
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
    const struct pki_file leaf = {.path = "certificate", .bytes = make_span(&make->product)};
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

/* A client is known by its subject: names of hosts would say nothing of it. */
static struct pki_order client_order(const struct make *make)
{
    return (struct pki_order){
        .use = PKI_USE_CLIENT,
        .common_name = make->names.count > 0 ? make->names.at[0] : NULL,
        .organization = make->organization,
        .days = make->valid,
    };
}

static bool sign(struct make *make, struct span subject)
{
    struct signer signer = {0};
    const char *names[WORDS_MAX];
    struct pki_order order = make->client ? client_order(make) : make_server_order(make, names);
    bool worked = read_signer(make, &signer);
    if (worked) {
        struct pki_signer who = {span_of(signer.certificate.at, signer.certificate.len), make_span(&signer.key)};
        worked = pki_make_certificate(&order, subject, &who, &make->product, &make->error) &&
                 append_issuers(make, &signer) && make_write(make);
    }
    input_free(&signer.certificate);
    pki_text_free(&signer.key);
    return worked;
}

/* For a request; its key is elsewhere. */
static bool sign_request(struct make *make)
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
    if (!make_is_stdout(make->out)) {
        if (!cert_path(make->out, make->cbdir, CERT_SERVER_CERTIFICATE, make->out_path, &make->error))
            return false;
        make_add_file(make, make->out_path, OUTPUT_PUBLIC);
    }
    if (!outputs_check(make->files, make->file_count, make->force, &make->error) ||
        !input_read(path, PKI_FILE_MAX, &request, &make->error))
        return false;
    bool worked = sign(make, span_of(request.at, request.len));
    input_free(&request);
    return worked;
}

static void print_use_of_client(const struct make *make)
{
    char path[PATH_MAX];
    const char *authority = make->ca ? make->ca : CERT_CA_CERTIFICATE;
    const char *certificate = make_is_stdout(make->out) ? "FILE" : make->out;
    fprintf(make_voice(make),
            "\nServers ask for it by:  \"tls\": {..., \"ca_certificates\": [\"%s\"]}\n"
            "The client shows it:  curl --cert %s --key %s https://HOST/\n",
            realpath(authority, path) ? path : authority, certificate, make->csr ? "KEY" : make->key);
}

static bool run_sign(struct make *make)
{
    bool worked = make->csr || make->names.count == 0 ? sign_request(make)
                                                      : make_prepare(make, CERT_SERVER_KEY, CERT_SERVER_CERTIFICATE) &&
                                                            sign(make, make_span(&make->open_key));
    if (!worked)
        return false;
    make_announce(make);
    if (make->client)
        print_use_of_client(make);
    else
        make_print_configuration(make);
    return true;
}

/* A client's files are no server's: by default they are here. False: the mistake is printed. */
static bool read_client(struct make *make)
{
    if (make->names.count > 1 || (make->names.count == 0 && !make->csr)) {
        usage_refuse(make->usage, "--client wants one NAME, or a signing request: --csr FILE");
        return false;
    }
    make->key = make->key ? make->key : CERT_CLIENT_KEY;
    make->out = make->out ? make->out : CERT_CLIENT_CERTIFICATE;
    return true;
}

int cert_sign(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME", .most = WORDS_MAX}, .hosts = true};
    const struct option options[] = {
        OPTION_CBDIR(make),
        {"--csr", "FILE", "signing request (default, without names: " CERT_SERVER_REQUEST " of the\nnode directory)",
         &make.csr, NULL},
        OPTION_KEY(make, CERT_SERVER_KEY " of the\nnode directory"),
        {"--out", "FILE", "certificate (default: " CERT_SERVER_CERTIFICATE " of the node directory);\n- is stdout",
         &make.out, NULL},
        {"--client", NULL,
         "for a client, to be shown to servers that ask for one: NAME is a\nuser or a device; by default to "
         "./" CERT_CLIENT_KEY " and\n./" CERT_CLIENT_CERTIFICATE,
         NULL, &make.client},
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
            "Has an authority of your own sign a server's certificate, or a client's. With names: for the private "
            "key,\n"
            "which is made if it is not there. Without: for a signing request and the names in it; with --csr and\n"
            "names, these replace those of the request.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &make.names,
        .examples = "  crossgate cert sign localhost 127.0.0.1 ::1       # key and certificate in one go\n"
                    "  crossgate cert sign --csr server_csr.pem --days 365\n"
                    "  crossgate cert sign box1.example.com --ca ca/ca_cert.pem --force    # renewed, same key\n"
                    "  crossgate cert sign --client meter17 --key meter17.key --out meter17.pem\n",
    };
    int status;
    if (!make_read(&make, &usage, argc, argv, SERVER_DAYS, &status))
        return status;
    if (make.csr && (make.rsa || make.p384 || make.key))
        return usage_refuse(&usage, "a signing request has its key already: leave %s out",
                            make.key   ? "--key"
                            : make.rsa ? "--rsa"
                                       : "--p384");
    if (make.client && !read_client(&make))
        return EXIT_USAGE;
    return make_conclude(&make, run_sign(&make));
}
