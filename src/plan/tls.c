#include "settings.h"

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

static const struct config_row server_rows[] = {
    {.key = "key",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct server_tls, key, const char *),
     .required = true,
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = "PEM file of the private key, without passphrase."},
    {.key = "certificate",
     .kind = CONFIG_STRING,
     .at = CONFIG_AT(struct server_tls, certificate, const char *),
     .required = true,
     .fits = fits_path,
     .allowed = ALLOWED_PATH,
     .doc = DOC_CERTIFICATE},
    {.key = "chain_certificates",
     .kind = CONFIG_LIST,
     .at = CONFIG_AT(struct server_tls, chain_certificates, struct config_items),
     .item = &file_row,
     .remedy = "write a list: [\"intermediate.pem\"]",
     .doc = "PEM files of the intermediate certificates, in the order from the certificate to the root."},
    {.key = "ca_certificates",
     .kind = CONFIG_LIST,
     .at = CONFIG_AT(struct server_tls, ca_certificates, struct config_items),
     .item = &file_row,
     .remedy = "write a list: [\"ca.pem\"]",
     .doc =
         "PEM files of authorities; if given, every client must present a certificate that one of them has issued. "
         "The node behind learns of it by the fields Client-Cert (RFC 9440), X-TLS-Client-Verify, -Subject, -Serial, "
         "-SHA1 and -SHA256; such fields of clients are removed."},
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
static struct tls_context *keep(struct builder *builder, struct tls_context *context, const struct problems *problems)
{
    if (!context && problems->errors == 0)
        diagnostics_add_memory(builder->reader.diagnostics);
    return builder_keep_tls(builder, context);
}

static void start_report(struct config_problems *problems, struct config_reader *reader,
                         const struct config_place *place)
{
    config_problems_init(problems, reader, place);
    problems->problems.vouched = sources_are_packed(builder_of(reader)->sources);
}

static void finish_server(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct server_tls *tls = settings;
    struct tls_server_settings server = {.ciphers = tls->ciphers, .channel_binding = tls->channel_binding != NULL};
    struct files files = {reader, place, true};
    struct config_problems problems;

    load(&files, "key", tls->key, &server.key);
    load(&files, "certificate", tls->certificate, &server.certificate);
    load(&files, "dhparam", tls->dhparam, &server.dhparam);
    load_list(&files, &tls->chain_certificates, &server.chain);
    load_list(&files, &tls->ca_certificates, &server.authorities);
    if (!files.complete)
        return;
    start_report(&problems, reader, place);
    tls->context = keep(builder_of(reader), tls_server_context_new(&server, &problems.problems), &problems.problems);
    staple_build(reader, place, &tls->staple, &(struct staple_files){&server.certificate, &server.chain}, tls->context,
                 0);
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
    tls->context = keep(builder_of(reader), tls_client_context_new(&client, &problems.problems), &problems.problems);
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
