#include "settings.h"

/* One of `certificates`. */
struct more_tls {
    const char *key;
    const char *certificate;
    struct config_items chain_certificates;
    struct tls_clients_words clients;
    struct staple_words staple;
    struct acme_words *acme;            /* NULL: key and certificate are files */
    struct tls_server_certificate made; /* by finish, and the rest */
    struct config_problems problems;
    struct acme_problems of_pair; /* passed on to `problems` */
    bool complete;
};

/* Rows. */

#define DOC_CERTIFICATE                                                                                                \
    "PEM file of the certificate, with its intermediates if wanted: all certificates in it are used, so "              \
    "fullchain.pem "                                                                                                   \
    "works."

static const struct config_row file_row = {.kind = CONFIG_STRING, .fits = fits_path, .allowed = ALLOWED_PATH};

static bool fits_channel_binding(const char *text)
{
    return strcmp(text, "tls-exporter") == 0;
}

static const struct config_row word_row = {.kind = CONFIG_STRING, .fits = fits_text, .allowed = "a name"};

static bool fits_wanted(const char *text)
{
    return strcmp(text, "require") == 0 || strcmp(text, "optional") == 0 || strcmp(text, "none") == 0;
}

static bool fits_profile(const char *text)
{
    return strcmp(text, "modern") == 0 || strcmp(text, "intermediate") == 0;
}

static bool fits_version(const char *text)
{
    return strcmp(text, "1.2") == 0 || strcmp(text, "1.3") == 0;
}

/* What the documented pair and each of `certificates` have in common. */
#define ROWS_PAIR(T)                                                                                                   \
    {.key = "key",                                                                                                     \
     .kind = CONFIG_STRING,                                                                                            \
     .at = CONFIG_AT(T, key, const char *),                                                                            \
     .required = true,                                                                                                 \
     .unless = "acme",                                                                                                 \
     .fits = fits_path,                                                                                                \
     .allowed = ALLOWED_PATH,                                                                                          \
     .doc = "PEM file of the private key, without passphrase."},                                                       \
        {.key = "certificate",                                                                                         \
         .kind = CONFIG_STRING,                                                                                        \
         .at = CONFIG_AT(T, certificate, const char *),                                                                \
         .required = true,                                                                                             \
         .unless = "acme",                                                                                             \
         .fits = fits_path,                                                                                            \
         .allowed = ALLOWED_PATH,                                                                                      \
         .doc = DOC_CERTIFICATE},                                                                                      \
        {.key = "acme",                                                                                                \
         .kind = CONFIG_OBJECT,                                                                                        \
         .status = CONFIG_EXTENSION,                                                                                   \
         .at = CONFIG_AT(T, acme, struct acme_words *),                                                                \
         .object = &acme_object,                                                                                       \
         .doc = "In place of `key` and `certificate`: both are got, and renewed, from Let's Encrypt or another "       \
                "authority."},                                                                                         \
    {                                                                                                                  \
        .key = "chain_certificates", .kind = CONFIG_LIST, .at = CONFIG_AT(T, chain_certificates, struct config_items), \
        .item = &file_row, .remedy = "write a list: [\"intermediate.pem\"]",                                           \
        .doc = "PEM files of the intermediate certificates, in the order from the certificate to the root."            \
    }

#define ROWS_CLIENTS(T, ca_status, ca_doc, wanted_doc)                                                                 \
    {.key = "ca_certificates",                                                                                         \
     .kind = CONFIG_LIST,                                                                                              \
     .status = (ca_status),                                                                                            \
     .at = CONFIG_AT(T, clients.ca_certificates, struct config_items),                                                 \
     .item = &file_row,                                                                                                \
     .remedy = "write a list: [\"ca.pem\"]",                                                                           \
     .doc = (ca_doc)},                                                                                                 \
        {.key = "client_certificates",                                                                                 \
         .kind = CONFIG_STRING,                                                                                        \
         .status = CONFIG_EXTENSION,                                                                                   \
         .at = CONFIG_AT(T, clients.wanted, const char *),                                                             \
         .fits = fits_wanted,                                                                                          \
         .allowed = "\"require\", \"optional\" or \"none\"",                                                           \
         .doc = (wanted_doc)},                                                                                         \
    {                                                                                                                  \
        .key = "crl_files", .kind = CONFIG_LIST, .status = CONFIG_EXTENSION,                                           \
        .at = CONFIG_AT(T, clients.crl_files, struct config_items), .item = &file_row,                                 \
        .remedy = "write a list: [\"ca.crl.pem\"]",                                                                    \
        .doc = "PEM files with lists of revoked certificates (CRL), of each authority that issues client "             \
               "certificates: those that are listed are refused, and all of an authority whose list is missing or "    \
               "has expired."                                                                                          \
    }

static const struct config_row certificate_rows[] = {
    ROWS_PAIR(struct more_tls),
    ROWS_CLIENTS(struct more_tls, CONFIG_SERVED, "As in `tls`, for these names; absent: as there.",
                 "As in `tls`, for these names; absent: as there."),
    ROWS_STAPLE(struct more_tls),
};

static void finish_certificate(struct config_reader *reader, const struct config_place *place, void *settings);

static const struct config_object certificate_object = {
    .name = "one of the certificates of a listening endpoint",
    CONFIG_ROWS(certificate_rows),
    .size = sizeof(struct more_tls),
    .finish = finish_certificate,
    .doc = "Its names are those of the certificate (subjectAltName), exact ones and wildcards for one label.",
};

static const struct config_row certificate_row = {.kind = CONFIG_OBJECT, .object = &certificate_object};

#define LIST_ROW(name, its_doc, its_remedy)                                                                            \
    {                                                                                                                  \
        .key = #name, .kind = CONFIG_LIST, .status = CONFIG_EXTENSION,                                                 \
        .at = CONFIG_AT(struct server_tls, name, struct config_items), .item = &word_row, .min = 1,                    \
        .remedy = (its_remedy), .doc = (its_doc)                                                                       \
    }

#define VERSION_ROW(name, its_doc)                                                                                     \
    {                                                                                                                  \
        .key = #name, .kind = CONFIG_STRING, .status = CONFIG_EXTENSION,                                               \
        .at = CONFIG_AT(struct server_tls, name, const char *), .fits = fits_version, .allowed = "\"1.2\" or \"1.3\"", \
        .doc = (its_doc)                                                                                               \
    }

static const struct config_row server_rows[] = {
    ROWS_PAIR(struct server_tls),
    ROWS_CLIENTS(struct server_tls, CONFIG_SERVED,
                 "PEM files of authorities; if given, every client must present a certificate that one of them has "
                 "issued. The node behind learns of it by the fields Client-Cert (RFC 9440), X-TLS-Client-Verify, "
                 "-Subject, -Serial, -SHA1 and -SHA256; such fields of clients are removed.",
                 "Whether clients must present a certificate (`require`, as `ca_certificates` alone has it), may do so "
                 "(`optional`: X-TLS-Client-Verify is NONE without, SUCCESS with one), or are not asked (`none`): "
                 "browsers abort WebSockets of pages that would have to ask their user for one."),
    {.key = "certificates",
     .kind = CONFIG_LIST,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct server_tls, certificates, struct config_items),
     .item = &certificate_row,
     .remedy = "write a list: [{\"key\": …, \"certificate\": …}]",
     .doc =
         "More certificates, chosen by the server name that the client asks for (SNI). `key` and `certificate` above "
         "remain what clients without a name get, and with a name that no certificate is for. Certificates for one "
         "name with keys of different kinds (RSA, EC) are served side by side."},
    {.key = "strict_sni",
     .kind = CONFIG_BOOL,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct server_tls, strict_sni, bool),
     .doc = "Refuse clients without a server name, or with one that no certificate is for (alert unrecognized_name), "
            "instead of serving them the first certificate."},
    {.key = "profile",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct server_tls, profile, const char *),
     .fits = fits_profile,
     .allowed = "\"modern\" or \"intermediate\"",
     .doc =
         "Versions, suites and groups of Mozilla's guidelines, version 6.0: `modern` is TLS 1.3 only, `intermediate` "
         "also TLS 1.2 with ECDHE and AEAD. What the keys below say goes before it."},
    VERSION_ROW(min_version, "Lowest version of TLS; without it and without a profile 1.2."),
    VERSION_ROW(max_version, "Highest version of TLS; without it 1.3."),
    {.key = "dhparam",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct server_tls, dhparam, const char *),
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = "PEM file of Diffie-Hellman parameters for DHE suites, as `openssl dhparam -out FILE 2048` makes it; "
            "without it a standard group (RFC 7919) is used."},
    {.key = "ciphers",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct server_tls, ciphers, const char *),
     .fits = fits_text,
     .allowed = "an OpenSSL cipher list",
     .doc = "OpenSSL cipher list for TLS 1.2; TLS 1.3 has its own suites."},
    LIST_ROW(ciphersuites,
             "Suites of TLS 1.3, best first; without it TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384 and "
             "TLS_CHACHA20_POLY1305_SHA256.",
             "write a list: [\"TLS_AES_256_GCM_SHA384\"]"),
    LIST_ROW(groups,
             "Groups for the key exchange, best first; without it X25519MLKEM768 (if OpenSSL knows it), X25519, P-256, "
             "P-384, and without a profile ffdhe2048 and ffdhe3072.",
             "write a list: [\"X25519\", \"P-256\"]"),
    LIST_ROW(signature_algorithms,
             "Algorithms that handshakes may be signed by, ours and those of clients with a certificate, as TLS 1.3 "
             "names them; without it all that OpenSSL allows.",
             "write a list: [\"ecdsa_secp256r1_sha256\", \"rsa_pss_rsae_sha256\"]"),
    {.key = "channel_binding",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct server_tls, channel_binding, const char *),
     .fits = fits_channel_binding,
     .allowed = "\"tls-exporter\"",
     .doc = "Tell the node behind the channel binding of the visitor's TLS (RFC 9266), in the field X-TLS-Exporter, as "
            "`tls-unique` cannot be had behind a front door."},
    ROWS_STAPLE(struct server_tls),
    {.key = "hostname",
     .status = CONFIG_WRONG,
     .why = "it belongs to a connecting endpoint",
     .remedy = "remove it: the certificate holds the names of a server"},
};

static const struct config_row client_rows[] = {
    {.key = "hostname",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct client_tls, hostname, const char *),
     .required = true,
     .fits = fits_host,
     .allowed = "a host name",
     .doc = "Name that is sent (SNI) and that the certificate must hold."},
    {.key = "ca_certificates",
     .kind = CONFIG_LIST,
     .at = CONFIG_AT(struct client_tls, ca_certificates, struct config_items),
     .item = &file_row,
     .remedy = "write a list: [\"ca.pem\"]",
     .doc = "PEM files of the authorities to trust instead of the system's."},
    {.key = "certificate",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct client_tls, certificate, const char *),
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = "PEM file of a client certificate; wants `key`, too."},
    {.key = "key",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct client_tls, key, const char *),
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = "PEM file of the client certificate's private key."},
    {.key = "chain_certificates",
     .status = CONFIG_WRONG,
     .why = "it belongs to a listening endpoint",
     .remedy = "put the intermediates behind the certificate, in one file"},
    {.key = "ciphers", .status = CONFIG_WRONG, .why = "it belongs to a listening endpoint"},
    {.key = "dhparam", .status = CONFIG_WRONG, .why = "it belongs to a listening endpoint"},
};

/* Building. Every file is looked at, so that all that are missing are named at once. */

struct files {
    struct config_reader *reader;
    const struct config_place *place;
    bool complete;
};

static void load(struct files *files, const char *key, const char *path, struct pki_file *file)
{
    const struct config_place *place = config_place_key(files->reader, files->place, key);

    if (path && !builder_file(builder_of(files->reader), place, path, file))
        files->complete = false;
}

static void load_list(struct files *files, const struct config_items *paths, struct pki_files *list)
{
    struct builder *builder = builder_of(files->reader);
    struct pki_file *at = builder_alloc(builder, paths->count * sizeof *at + 1);

    for (size_t i = 0; at && i < paths->count; i++) {
        if (!builder_file(builder, paths->at[i].place, paths->at[i].string, &at[i]))
            files->complete = false;
    }
    *list = (struct pki_files){.at = at, .count = at ? paths->count : 0, .given = paths->given};
    if (!at)
        files->complete = false;
}

/* A context that is NULL without a problem has found memory out. */
static struct tls_context *keep(struct builder *builder, struct tls_context *context, unsigned errors)
{
    if (!context && errors == 0)
        diagnostics_add_memory(builder->reader.diagnostics);
    return builder_keep_tls(builder, context);
}

static void start_report(struct config_problems *problems, struct config_reader *reader,
                         const struct config_place *place)
{
    config_problems_init(problems, reader, place);
    problems->problems.vouched = sources_are_packed(builder_of(reader)->sources);
}

static enum tls_client_certificates wanted_of(const char *word)
{
    if (!word)
        return TLS_CLIENTS_UNSAID;
    return word[0] == 'r' ? TLS_CLIENTS_REQUIRE : word[0] == 'o' ? TLS_CLIENTS_OPTIONAL : TLS_CLIENTS_NONE;
}

static enum tls_version version_of(const char *word)
{
    if (!word)
        return TLS_VERSION_UNSAID;
    return strcmp(word, "1.2") == 0 ? TLS_VERSION_1_2 : TLS_VERSION_1_3;
}

static enum tls_profile profile_of(const char *word)
{
    if (!word)
        return TLS_PROFILE_NONE;
    return strcmp(word, "modern") == 0 ? TLS_PROFILE_MODERN : TLS_PROFILE_INTERMEDIATE;
}

static void load_clients(struct files *files, const struct tls_clients_words *words, struct tls_clients *clients)
{
    clients->wanted = wanted_of(words->wanted);
    load_list(files, &words->ca_certificates, &clients->authorities);
    load_list(files, &words->crl_files, &clients->crls);
}

static void load_words(struct files *files, const struct config_items *items, struct tls_words *words)
{
    const char **at = builder_alloc(builder_of(files->reader), items->count * sizeof *at + 1);

    for (size_t i = 0; at && i < items->count; i++)
        at[i] = items->at[i].string;
    *words = (struct tls_words){.at = at, .count = at ? items->count : 0, .given = items->given};
}

/* A key and its certificate: of files, or both in one that an authority has issued. */
struct pair_words {
    const char *key;
    const char *certificate;
    const struct config_items *chain;
    const struct acme_words *acme;
};

/* With both nobody could tell which of them is served. */
static void refuse_both(struct files *files, const struct pair_words *words)
{
    const char *both = words->key ? "key" : words->certificate ? "certificate" : "chain_certificates";

    files->complete = false;
    config_report(files->reader, PROBLEM_ERROR, config_place_key(files->reader, files->place, both),
                  "remove key, certificate and chain_certificates, or acme",
                  "%s is given, and `acme`, which gets key and certificates itself", both);
}

static void load_pair(struct files *files, const struct pair_words *words, struct pki_file *key,
                      struct pki_file *certificate)
{
    const struct acme_words *acme = words->acme;

    if (acme && (words->key || words->certificate || words->chain->given))
        refuse_both(files, words);
    else if (acme && acme->made)
        *key = *certificate = acme->made->pair;
    else if (acme)
        files->complete = false;
    load(files, "key", words->key, key);
    load(files, "certificate", words->certificate, certificate);
}

/* The files of one of `certificates`; it is built with the endpoint's context. */
static void finish_certificate(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct more_tls *more = settings;
    struct files files = {reader, place, true};
    const struct pair_words pair = {more->key, more->certificate, &more->chain_certificates, more->acme};

    load_pair(&files, &pair, &more->made.key, &more->made.certificate);
    load_list(&files, &more->chain_certificates, &more->made.chain);
    load_clients(&files, &more->clients, &more->made.clients);
    start_report(&more->problems, reader, place);
    acme_problems_init(&more->of_pair, &more->problems.problems, more->acme);
    more->made.problems = &more->of_pair.problems;
    more->complete = files.complete;
}

static void load_more(struct files *files, const struct config_items *certificates, struct tls_server_settings *server)
{
    struct tls_server_certificate *at = builder_alloc(builder_of(files->reader), certificates->count * sizeof *at + 1);

    for (size_t i = 0; at && i < certificates->count; i++) {
        struct more_tls *more = certificates->at[i].object;
        at[i] = more->made;
        files->complete = files->complete && more->complete;
    }
    server->more = at;
    server->more_count = at ? certificates->count : 0;
}

static unsigned errors_of(const struct problems *endpoint, const struct tls_server_settings *server)
{
    unsigned errors = endpoint->errors;

    for (size_t i = 0; i < server->more_count; i++)
        errors += server->more[i].problems->errors;
    return errors;
}

/* The endpoint's own certificate is number 0. */
static void staple_more(struct config_reader *reader, const struct config_items *certificates,
                        struct tls_context *context)
{
    for (size_t i = 0; i < certificates->count; i++) {
        const struct more_tls *more = certificates->at[i].object;
        staple_build(reader, certificates->at[i].place, &more->staple,
                     &(struct staple_files){&more->made.certificate, &more->made.chain}, context, i + 1);
    }
}

static void finish_server(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct server_tls *tls = settings;
    struct tls_server_settings server = {
        .ciphers = tls->ciphers,
        .strict_sni = tls->strict_sni,
        .profile = profile_of(tls->profile),
        .min_version = version_of(tls->min_version),
        .max_version = version_of(tls->max_version),
        .channel_binding = tls->channel_binding != NULL,
        .before = builder_of(reader)->before,
        .before_count = builder_of(reader)->before_count,
    };
    struct files files = {reader, place, true};
    const struct pair_words pair = {tls->key, tls->certificate, &tls->chain_certificates, tls->acme};
    struct config_problems whole;
    struct acme_problems problems;

    load_pair(&files, &pair, &server.key, &server.certificate);
    load(&files, "dhparam", tls->dhparam, &server.dhparam);
    load_list(&files, &tls->chain_certificates, &server.chain);
    load_clients(&files, &tls->clients, &server.clients);
    load_words(&files, &tls->ciphersuites, &server.ciphersuites);
    load_words(&files, &tls->groups, &server.groups);
    load_words(&files, &tls->signature_algorithms, &server.signature_algorithms);
    load_more(&files, &tls->certificates, &server);
    if (!files.complete)
        return;
    start_report(&whole, reader, place);
    acme_problems_init(&problems, &whole.problems, tls->acme);
    struct tls_context *context = tls_server_context_new(&server, &problems.problems);
    tls->context = keep(builder_of(reader), context, errors_of(&problems.problems, &server));
    if (tls->context)
        builder_of(reader)->plan->taken_over += tls_context_taken_over(tls->context);
    staple_build(reader, place, &tls->staple, &(struct staple_files){&server.certificate, &server.chain}, tls->context,
                 0);
    staple_more(reader, &tls->certificates, tls->context);
}

static void finish_client(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct client_tls *tls = settings;
    struct tls_client_settings client = {.hostname = tls->hostname};
    struct files files = {reader, place, true};
    struct config_problems problems;

    load(&files, "certificate", tls->certificate, &client.certificate);
    load(&files, "key", tls->key, &client.key);
    load_list(&files, &tls->ca_certificates, &client.authorities);
    if (!files.complete)
        return;
    start_report(&problems, reader, place);
    struct tls_context *context = tls_client_context_new(&client, &problems.problems);
    tls->context = keep(builder_of(reader), context, problems.problems.errors);
}

const struct config_object server_tls_object = {
    .name = "tls of a listening endpoint",
    CONFIG_ROWS(server_rows),
    .size = sizeof(struct server_tls),
    .finish = finish_server,
    .doc = "TLS 1.2 and 1.3. Paths are relative to the node directory; neither `~` nor variables are expanded.",
};

const struct config_object client_tls_object = {
    .name = "tls of a connecting endpoint",
    CONFIG_ROWS(client_rows),
    .size = sizeof(struct client_tls),
    .finish = finish_client,
    .doc = "The server's certificate is always verified.",
};
