/* Contexts for the listening side. */
#include "ciphers.h"
#include "context.h"
#include "credential.h"
#include "dhparam.h"
#include "hello.h"
#include "offer.h"
#include "staple.h"
#include "tickets.h"

#include "crossgate/pki/report.h"

#include <openssl/err.h>

#include <stdlib.h>

/* RFC 7301 section 3.2: a client that offers protocols, but none of ours, is told so with no_application_protocol; one
 * that offers none speaks HTTP/1.1. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                           unsigned offered_length, void *unused)
{
    (void)ssl;
    (void)unused;
    struct span http = SPAN("http/1.1");
    struct span rest = span_of(offered, offered_length);
    while (rest.len > 0) {
        struct span name = span_head(span_tail(rest, 1), rest.at[0]);
        if (span_equal(name, http)) {
            *chosen = name.at;
            *length = (unsigned char)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
        rest = span_tail(rest, 1 + (size_t)rest.at[0]);
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* -- certificates -- */

/* Gives the credential to the context. False when memory is out. */
static bool keep(struct tls_context *context, struct credential *credential)
{
    struct credential **list = realloc(context->credentials, (context->credential_count + 1) * sizeof(*list));
    if (!list) {
        credential_free(credential);
        return false;
    }
    context->credentials = list;
    list[context->credential_count++] = credential;
    return context_record(context, credential);
}

/* Policy and credential are looked at each for itself, so that all problems are reported in one go. */
static bool add_certificate(struct tls_context *context, const struct tls_server_certificate *certificate,
                            const struct tls_clients *endpoint, struct credential_memory *memory)
{
    struct problems *problems = certificate->problems;
    const struct credential_files files = {&certificate->key, &certificate->certificate, &certificate->chain};
    const struct tls_clients clients = policy_inherit(&certificate->clients, endpoint);
    const struct policy *policy = policy_get(&context->policies, &clients, problems);
    struct credential *credential =
        credential_read(&files, PKI_FOR_SERVER, credential_strength(context->ssl), memory, problems);
    return credential && keep(context, credential) && policy && names_add(context->names, credential, policy, problems);
}

/* Of the endpoint they may be there for the names below it. */
static void check_authorities(const struct tls_server_certificate *certificate, const struct tls_clients *endpoint)
{
    const struct pki_place place = {certificate->problems, "ca_certificates", PROBLEM_WHOLE, NULL};
    if (certificate->clients.authorities.given &&
        policy_inherit(&certificate->clients, endpoint).wanted == TLS_CLIENTS_NONE)
        pki_report(&place, PROBLEM_WARNING, "ask for client certificates: \"client_certificates\": \"require\"",
                   "ca_certificates have no use where clients are not asked for a certificate");
}

static bool add_more(struct tls_context *context, const struct tls_server_settings *settings,
                     struct credential_memory *memory)
{
    bool worked = true;
    for (size_t i = 0; i < settings->more_count; i++) {
        check_authorities(&settings->more[i], &settings->clients);
        worked &= add_certificate(context, &settings->more[i], &settings->clients, memory);
    }
    return worked;
}

/* All credentials of contexts before, in their order; the caller's. NULL: there are none, or memory is out, and all is read. */
static const struct credential **list_known(const struct tls_server_settings *settings, size_t *count)
{
    size_t room = 0;
    for (size_t i = 0; i < settings->before_count; i++)
        room += settings->before[i]->credential_count;
    const struct credential **known = room > 0 ? calloc(room, sizeof *known) : NULL;
    *count = 0;
    for (size_t i = 0; known && i < settings->before_count; i++)
        for (size_t j = 0; j < settings->before[i]->credential_count; j++)
            known[(*count)++] = settings->before[i]->credentials[j];
    return known;
}

static bool add_all(struct tls_context *context, const struct tls_server_settings *settings, struct problems *problems)
{
    const struct tls_server_certificate first = {.key = settings->key,
                                                 .certificate = settings->certificate,
                                                 .chain = settings->chain,
                                                 .clients = settings->clients,
                                                 .problems = problems};
    struct credential_memory memory = {.last = NULL};
    context->arena = arena_new();
    context->names = context->arena ? names_new(context->arena, context->ssl) : NULL;
    if (!context->names)
        return false;
    if (settings->more_count == 0)
        check_authorities(&first, &settings->clients);
    const struct credential **known = list_known(settings, &memory.known_count);
    memory.known = known;
    bool pair = add_certificate(context, &first, &settings->clients, &memory);
    bool more = add_more(context, settings, &memory);
    chain_memory_deinit(&memory.chains);
    free(known);
    return pair && more && names_settle(context->names);
}

/* Each certificate must be of use; what is said of a kind of key is said once. */
static bool check_keys(const struct tls_context *context, const struct tls_server_settings *settings,
                       struct problems *problems)
{
    bool seen[KEY_KINDS] = {false};
    bool worked = true;
    for (size_t i = 0; i < context->credential_count; i++) {
        const struct credential *credential = context->credentials[i];
        worked &= offer_check_key(settings, credential, problems);
        if (!seen[credential->kind])
            offer_check_kind(context->ssl, settings, credential, problems);
        seen[credential->kind] = true;
    }
    return worked;
}

/* What a connection starts with, and keeps if no name chooses anything else. */
static bool use_default(struct tls_context *context, struct problems *problems)
{
    const struct choice *choice = names_default(context->names);
    return credential_use(context->ssl, context->credentials[0], problems) && policy_use(context->ssl, choice->policy);
}

/* -- the whole -- */

static bool use_dhparam(SSL_CTX *ssl, const struct tls_server_settings *settings, struct problems *problems)
{
    const struct pki_place place = {problems, "dhparam", PROBLEM_WHOLE, settings->dhparam.path};
    if (settings->dhparam.path && !ciphers_have_dhe(ssl))
        pki_report(&place, PROBLEM_NOTE, "leave it out", "no suite with DHE is offered, so that %s is not used",
                   place.path);
    return dhparam_use(ssl, &settings->dhparam, problems);
}

/* All is looked at, so that all problems are reported in one go. The offer comes first: its cipher list may set the
 * security level that keys and groups are measured by. */
static bool configure(struct tls_context *context, const struct tls_server_settings *settings,
                      struct problems *problems)
{
    bool offer = offer_use(context->ssl, settings, problems);
    bool certificates = add_all(context, settings, problems);
    bool dhparam = use_dhparam(context->ssl, settings, problems);
    bool keys = !offer || check_keys(context, settings, problems);
    return offer && certificates && dhparam && keys && use_default(context, problems);
}

size_t tls_context_taken_over(const struct tls_context *context)
{
    size_t count = 0;
    for (size_t i = 0; i < context->credential_count; i++)
        count += context->credentials[i]->taken_over;
    return count;
}

struct tls_context *tls_server_context_new(const struct tls_server_settings *settings, struct problems *problems)
{
    struct tls_context *context = tls_context_new(TLS_SERVER, problems);
    if (!context)
        return NULL;
    context->gives_exporter = settings->channel_binding;
    context->strict = settings->strict_sni;
    context->light = weight_light_groups(&settings->groups);
    SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, NULL);
    staples_serve(context, context->ssl);
    hello_watch(context);
    if (!configure(context, settings, problems) || !tickets_use(context->ssl)) {
        tls_context_unref(context);
        context = NULL;
    }
    ERR_clear_error();
    return context;
}
