/* The order of the questions. */
#include "ask.h"
#include "chain.h"
#include "judge.h"
#include "staple.h"
#include "survey.h"
#include "text.h"
#include "upgrade.h"

#include <openssl/err.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

/* Time for tickets or an alert to come, besides that of the way. */
enum { TICKETS_US = 300000 };

struct probing {
    const struct probe_settings *settings;
    struct probe_report *report;
    struct clock clock;
    struct client client;
    struct address addresses[PROBE_ADDRESSES_MAX];
    char host[ASK_HOST];
    SSL_SESSION *session; /* of the first connection */
};

const char *probe_version_name(uint16_t version)
{
    static const char *const names[] = {"SSL 3", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"};
    return version >= 0x0300 && version <= TLS_1_3 ? names[version - 0x0300] : "an unknown version";
}

static void tell(const struct probing *self, const char *what)
{
    if (self->settings->progress)
        self->settings->progress(self->settings->user, what);
}

/* ---- addresses */

static bool find_addresses(struct probing *self)
{
    struct probe_report *report = self->report;
    uint64_t begin = clock_now();
    tell(self, "resolving the name");
    report->address_count = resolve(&self->settings->target, self->settings->family, clock_step(&self->clock),
                                    self->addresses, report->tls.failure);
    report->tls.resolve_us = (uint32_t)(clock_now() - begin);
    for (size_t i = 0; i < report->address_count; i++)
        address_print(&self->addresses[i], report->addresses[i].text);
    return report->address_count > 0;
}

/* Tries them in order; the first that answers is the one all others connections go to. */
static bool connect_first(struct probing *self, struct link *link)
{
    struct probe_report *report = self->report;
    tell(self, "connecting");
    for (report->used = 0; report->used < report->address_count; report->used++) {
        struct probe_address *address = &report->addresses[report->used];
        uint64_t begin = clock_now();
        enum probe_failure failure = link_dial(link, &self->addresses[report->used], clock_step(&self->clock));
        report->tls.connect_us = (uint32_t)(clock_now() - begin);
        if (failure == PROBE_NO_FAILURE)
            return true;
        address->was_late = failure == PROBE_SILENT;
        TEXT_COPY(address->failure, span_string(link->failure));
    }
    return false;
}

/* Another connection to the same address, with TLS. The caller closes it, whatever comes of it. */
static enum probe_failure connect_again(struct probing *self, struct link *link, const struct client_wish *wish)
{
    uint64_t until = clock_step(&self->clock);
    enum probe_failure failure = link_dial(link, &self->addresses[self->report->used], until);
    if (failure != PROBE_NO_FAILURE)
        return failure;
    SSL *ssl = client_new_ssl(&self->client, wish);
    return ssl ? link_handshake(link, ssl, until) : PROBE_OTHER;
}

/* ---- what a handshake tells */

/* The names that people know. */
static const char *group_name(const char *name)
{
    static const char *const names[][2] = {
        {"secp256r1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}, {"x25519", "X25519"}, {"x448", "X448"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    return name;
}

static void describe_group(SSL *ssl, struct probe_tls *tls)
{
    EVP_PKEY *key = NULL;
    const char *name = NULL;
    bool has_key = SSL_get_peer_tmp_key(ssl, &key) == 1;
    bool is_dh = has_key && EVP_PKEY_is_a(key, "DH") && tls->version < TLS_1_3;
    int group = has_key && !is_dh ? (int)SSL_get_negotiated_group(ssl) : NID_undef;
    if (group != NID_undef)
        name = SSL_group_to_name(ssl, group);
    if (is_dh)
        snprintf(tls->group, sizeof tls->group, "DH %d", EVP_PKEY_get_bits(key));
    else if (name)
        snprintf(tls->group, sizeof tls->group, "%s", group_name(name));
    EVP_PKEY_free(key);
}

static void describe_signature(SSL *ssl, struct probe_tls *tls)
{
    int type = NID_undef, digest = NID_undef;
    if (SSL_get_peer_signature_type_nid(ssl, &type) != 1)
        return;
    const char *name = type == NID_X9_62_id_ecPublicKey ? "ECDSA"
                       : type == NID_rsassaPss          ? "RSA-PSS"
                       : type == NID_rsaEncryption      ? "RSA (PKCS #1)"
                                                        : OBJ_nid2sn(type);
    bool has_digest = SSL_get_peer_signature_nid(ssl, &digest) == 1 && digest != NID_undef;
    snprintf(tls->signature, sizeof tls->signature, "%s%s%s", name, has_digest ? " with " : "",
             has_digest ? OBJ_nid2sn(digest) : "");
}

static void describe_handshake(SSL *ssl, struct probe_tls *tls)
{
    const unsigned char *alpn = NULL;
    unsigned length = 0;
    const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);
    if (!suite)
        return;
    tls->version = (uint16_t)SSL_version(ssl);
    snprintf(tls->suite, sizeof tls->suite, "%s", SSL_CIPHER_get_name(suite));
    describe_group(ssl, tls);
    describe_signature(ssl, tls);
    SSL_get0_alpn_selected(ssl, &alpn, &length);
    TEXT_COPY(tls->alpn, span_of(alpn, length));
    if (tls->version < TLS_1_3)
        tls->secure_renegotiation = SSL_get_secure_renegotiation_support(ssl) == 1 ? PROBE_YES : PROBE_NO;
    ERR_clear_error();
}

static void describe_authorities(const SSL *ssl, struct probe_client_certificate *client)
{
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
    client->total = sk_X509_NAME_num(names) > 0 ? (size_t)sk_X509_NAME_num(names) : 0;
    for (; client->count < client->total && client->count < PROBE_AUTHORITIES_MAX; client->count++)
        chain_print_name(sk_X509_NAME_value(names, (int)client->count), client->authorities[client->count]);
}

/* Also of a handshake that the server has refused: what it said before is of use. */
static void describe_server(struct probing *self, struct link *link)
{
    struct probe_report *report = self->report;
    X509 *issuer = NULL;
    describe_handshake(link->ssl, &report->tls);
    chain_look(&self->client, link->ssl, report->name, &report->chain, &issuer);
    staple_look(link->ssl, issuer, &report->staple);
    X509_free(issuer);
    report->client.requested = link->asked_certificate;
    describe_authorities(link->ssl, &report->client);
}

/* What the server thinks of the certificate that it asked for, and that it got or not. `failure` is what became of the
 * connection. nginx lets a client without one in, and answers 400. */
static void conclude_client_certificate(struct probing *self, const struct link *link, enum probe_failure failure)
{
    struct probe_report *report = self->report;
    struct probe_client_certificate *client = &report->client;
    bool is_given = self->settings->client_certificate != NULL;
    bool is_refused = failure == PROBE_REFUSED || failure == PROBE_ENDED;
    if (!client->requested || !is_refused) {
        bool is_unknown = client->requested && (is_given || report->http.status == 400);
        client->required = is_unknown ? PROBE_UNKNOWN : PROBE_NO;
        return;
    }
    client->refused = is_given;
    client->required = is_given ? PROBE_UNKNOWN : PROBE_YES;
    report->tls.alert = link->alert;
    TEXT_COPY(report->tls.failure, span_string(link->failure));
}

/* ---- no TLS */

/* What is there instead: asked by hand, since a library only says that it failed. */
static bool diagnose(struct probing *self, const struct survey *survey)
{
    struct probe_report *report = self->report;
    static const uint16_t suites[] = {0x1301, 0xC02B, 0xC02F, 0x009E, 0x002F};
    struct hello hello = {.version = TLS_1_2, .suites = suites, .suite_count = sizeof suites / sizeof suites[0]};
    struct survey_answer answer;
    if (!survey_ask(survey, &hello, &answer))
        return false;
    if (answer.outcome == HELLO_NOT_TLS) {
        report->failure = strncmp(answer.excerpt, "HTTP/", 5) == 0 ? PROBE_PLAIN_HTTP : PROBE_NOT_TLS;
        memcpy(report->excerpt, answer.excerpt, sizeof report->excerpt);
        return true;
    }
    bool speaks = report->failure == PROBE_REFUSED || report->failure == PROBE_OTHER;
    return !speaks || survey_versions(survey, &report->survey);
}

/* ---- over the first connection */

static const char *page_path(const struct probe_target *target)
{
    return target->scheme == PROBE_HTTPS && target->path[0] ? target->path : "/";
}

/* Waits a little for what the server says unasked: tickets, or an alert. */
static enum probe_failure listen_a_little(struct probing *self, struct link *link)
{
    uint8_t byte;
    size_t length;
    uint64_t step = clock_step(&self->clock);
    uint64_t until = clock_now() + TICKETS_US + 2 * (uint64_t)self->report->tls.handshake_us;
    enum probe_failure failure = link_read(link, &byte, 1, &length, until < step ? until : step);
    return failure == PROBE_SILENT ? PROBE_NO_FAILURE : failure;
}

/* In TLS 1.3 a server that misses a certificate says so when the client has finished; if a request is on its way then, the
 * kernel may answer that with a reset, and the alert is lost. */
static enum probe_failure use_connection(struct probing *self, struct link *link)
{
    struct probe_report *report = self->report;
    bool asks = self->settings->target.scheme != PROBE_RAWSOCKET;
    if (!asks || (report->client.requested && report->tls.version >= TLS_1_3)) {
        enum probe_failure failure = listen_a_little(self, link);
        if (failure != PROBE_NO_FAILURE || !asks)
            return failure;
    }
    tell(self, "asking for a page");
    ask_page(link, self->host, page_path(&self->settings->target), clock_step(&self->clock), &report->http);
    return report->http.failure;
}

static void keep_session(struct probing *self, struct link *link)
{
    struct probe_tls *tls = &self->report->tls;
    struct probe_resumption *resumption = tls->version >= TLS_1_3 ? &tls->resumption13 : &tls->resumption12;
    resumption->tickets = link->sessions;
    self->session = link->session;
    link->session = NULL;
    if (self->session)
        tls->early_data = SSL_SESSION_get_max_early_data(self->session) > 0;
}

static void look_first(struct probing *self, struct link *link)
{
    struct probe_report *report = self->report;
    struct probe_tls *tls = &report->tls;
    SSL *ssl = client_new_ssl(&self->client, &(struct client_wish){.highest = 0});
    uint64_t begin = clock_now();
    tell(self, "TLS handshake");
    enum probe_failure failure = ssl ? link_handshake(link, ssl, clock_step(&self->clock)) : PROBE_OTHER;
    tls->handshake_us = (uint32_t)(clock_now() - begin);
    tls->finished = failure == PROBE_NO_FAILURE;
    report->failure = failure;
    tls->alert = link->alert;
    TEXT_COPY(tls->failure, span_string(link->failure));
    if (ssl)
        describe_server(self, link);
    if (tls->finished && !self->settings->brief)
        failure = use_connection(self, link);
    conclude_client_certificate(self, link, failure);
    if (tls->finished)
        keep_session(self, link);
    link_close(link);
}

/* ---- over others */

static void resume(struct probing *self, SSL_SESSION *session, int highest, struct probe_resumption *resumption)
{
    struct link link = {.socket = -1};
    struct client_wish wish = {.highest = highest, .session = session};
    if (!session || !SSL_SESSION_is_resumable(session)) {
        resumption->works = PROBE_NO;
        return;
    }
    tell(self, "resuming the session");
    resumption->ticket = SSL_SESSION_has_ticket(session) == 1;
    resumption->lifetime = (uint32_t)SSL_SESSION_get_ticket_lifetime_hint(session);
    if (connect_again(self, &link, &wish) == PROBE_NO_FAILURE)
        resumption->works = SSL_session_reused(link.ssl) ? PROBE_YES : PROBE_NO;
    link_close(&link);
}

/* A full handshake, for HTTP/2, which the first one did not offer. */
static void look_for_h2(struct probing *self)
{
    struct link link = {.socket = -1};
    const unsigned char *alpn = NULL;
    unsigned length = 0;
    tell(self, "asking for HTTP/2");
    if (connect_again(self, &link, &(struct client_wish){.h2 = true}) == PROBE_NO_FAILURE) {
        SSL_get0_alpn_selected(link.ssl, &alpn, &length);
        self->report->tls.h2 = span_equal(span_of(alpn, length), SPAN("h2")) ? PROBE_YES : PROBE_NO;
    }
    link_close(&link);
}

static void look_at_tls12(struct probing *self)
{
    struct probe_tls *tls = &self->report->tls;
    struct link link = {.socket = -1};
    tell(self, "TLS 1.2");
    enum probe_failure failure = connect_again(self, &link, &(struct client_wish){.highest = TLS1_2_VERSION});
    tls->tls12 = failure == PROBE_NO_FAILURE ? PROBE_YES : failure == PROBE_REFUSED ? PROBE_NO : PROBE_UNKNOWN;
    if (failure == PROBE_NO_FAILURE) {
        tls->secure_renegotiation = SSL_get_secure_renegotiation_support(link.ssl) == 1 ? PROBE_YES : PROBE_NO;
        resume(self, link.session, TLS1_2_VERSION, &tls->resumption12);
    }
    link_close(&link);
}

static void look_again(struct probing *self)
{
    struct probe_tls *tls = &self->report->tls;
    resume(self, self->session, 0, tls->version >= TLS_1_3 ? &tls->resumption13 : &tls->resumption12);
    look_for_h2(self);
    if (tls->version >= TLS_1_3)
        look_at_tls12(self);
    else
        tls->tls12 = tls->version == TLS_1_2 ? PROBE_YES : PROBE_NO;
}

static const char *websocket_path(const struct probe_settings *settings)
{
    if (settings->websocket)
        return settings->websocket;
    bool named = settings->target.scheme == PROBE_WSS;
    return !named ? NULL : settings->target.path[0] ? settings->target.path : "/";
}

static void look_at_websocket(struct probing *self)
{
    const struct probe_settings *settings = self->settings;
    struct probe_websocket *websocket = &self->report->websocket;
    struct link link = {.socket = -1};
    struct upgrade upgrade = {
        .host = self->host,
        .path = websocket_path(settings),
        .subprotocols = settings->subprotocols ? settings->subprotocols : "wamp.2.json, wamp.2.cbor, wamp.2.msgpack",
        .origin = settings->origin,
    };
    if (!upgrade.path)
        return;
    tell(self, "opening a WebSocket");
    websocket->asked = true;
    snprintf(websocket->path, sizeof websocket->path, "%s", upgrade.path);
    websocket->failure = connect_again(self, &link, &(struct client_wish){.highest = 0});
    if (websocket->failure == PROBE_NO_FAILURE)
        upgrade_try(&link, &upgrade, clock_step(&self->clock), websocket);
    link_close(&link);
}

/* ---- all */

/* The name that the certificate has to hold; a dot at the end is for the resolver only. */
static void take_name(struct probing *self)
{
    const struct probe_settings *settings = self->settings;
    struct span name = span_string(settings->name ? settings->name : settings->target.host);
    while (name.len > 1 && name.at[name.len - 1] == '.')
        name.len--;
    TEXT_COPY(self->report->name, name);
    ask_print_host(self->report->name, settings->target.port, self->host);
}

/* SNI names are never addresses (RFC 6066 section 3). */
static const char *sni_of(const struct probe_report *report)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool is_address = strchr(report->name, ':') || inet_pton(AF_INET, report->name, address) == 1;
    return is_address ? NULL : report->name;
}

/* What asks by hand needs no finished handshake. False: memory is out. */
static bool look_by_hand(struct probing *self, bool is_understood)
{
    const struct probe_settings *settings = self->settings;
    struct probe_report *report = self->report;
    struct survey survey = {.address = &self->addresses[report->used],
                            .name = sni_of(report),
                            .clock = &self->clock,
                            .progress = settings->progress,
                            .user = settings->user};
    if (!is_understood && !diagnose(self, &survey))
        return false;
    bool is_tls = is_understood || report->failure == PROBE_REFUSED || report->failure == PROBE_OTHER;
    return !settings->all || !is_tls || survey_make(&survey, &report->survey);
}

/* False: memory is out. */
static bool look(struct probing *self)
{
    struct probe_report *report = self->report;
    struct link link = {.socket = -1};
    if (!find_addresses(self) || !connect_first(self, &link))
        return true;
    look_first(self, &link);
    bool needs_certificate = report->client.required == PROBE_YES || report->client.refused;
    if (self->settings->brief)
        return true;
    if (report->tls.finished && !needs_certificate) {
        look_again(self);
        look_at_websocket(self);
    }
    return look_by_hand(self, report->tls.finished || needs_certificate);
}

struct probe_report *probe_run(const struct probe_settings *settings, struct error *error)
{
    uint64_t steps = settings->all ? PROBE_STEPS_ALL : PROBE_STEPS;
    struct probing self = {.settings = settings, .report = calloc(1, sizeof *self.report)};
    bool worked = false;
    self.clock = (struct clock){clock_now() + steps * settings->timeout * 1000, settings->timeout};
    if (!self.report) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    take_name(&self);
    if (client_init(&self.client, settings, sni_of(self.report), error)) {
        worked = look(&self);
        SSL_SESSION_free(self.session);
        client_deinit(&self.client);
    }
    if (worked) {
        judge(settings, self.report);
        return self.report;
    }
    error_set(error, ERROR_MEMORY, "out of memory");
    probe_report_free(self.report);
    return NULL;
}

void probe_report_free(struct probe_report *report)
{
    free(report);
}
