#include "judge.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *remedy_print(struct remedy *remedy, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(remedy->text, sizeof remedy->text, format, arguments);
    va_end(arguments);
    return remedy->text;
}

void judge_add(struct probe_report *report, enum finding_severity severity, const char *id, const char *remedy,
               const char *format, ...)
{
    if (report->finding_count == PROBE_FINDINGS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    finding_set(&report->findings[report->finding_count++], severity, id, remedy, format, arguments);
    va_end(arguments);
}

/* ---- being there */

static void judge_addresses(const struct probe_settings *settings, struct probe_report *report)
{
    for (size_t i = 0; i < report->address_count && i < report->used; i++) {
        const struct probe_address *address = &report->addresses[i];
        if (address->was_late)
            judge_add(report, FINDING_WARNING, "address-silent",
                      "open the port in the firewall, listen there, or take the address out of DNS",
                      "%s does not answer: clients that try it first wait before they try the next address",
                      address->text);
        else if (report->used < report->address_count)
            judge_add(report, FINDING_NOTE, "address-refused", "listen there, too, or take the address out of DNS",
                      "%s, an address of %s, cannot be connected to: %s", address->text, settings->target.host,
                      address->failure);
    }
}

static void judge_unreachable(const struct probe_settings *settings, struct probe_report *report)
{
    const struct probe_target *target = &settings->target;
    struct remedy remedy;
    if (report->address_count == 0) {
        judge_add(report, FINDING_BAD, "unknown-host",
                  remedy_print(&remedy, "check the spelling, and the DNS:\n  getent ahosts %s", target->host),
                  "%s has no address: %s", target->host, report->tls.failure);
        return;
    }
    const struct probe_address *last = &report->addresses[report->address_count - 1];
    judge_add(report, FINDING_BAD, "unreachable",
              last->was_late
                  ? "look for a firewall on the way, and whether host and port are right"
                  : remedy_print(&remedy,
                                 "is the server running, and on that port? On its machine:\n  ss -ltnp 'sport = :%u'",
                                 target->port),
              "no connection to %s: %s", last->text, last->failure);
}

/* ---- no handshake */

static void judge_failure(struct probe_report *report)
{
    switch (report->failure) {
    case PROBE_PLAIN_HTTP:
        judge_add(
            report, FINDING_BAD, "plain-http",
            "give the transport's endpoint a `tls` object (key, certificate, chain_certificates), or probe the port "
            "that has one",
            "the port speaks HTTP without TLS");
        return;
    case PROBE_NOT_TLS:
        judge_add(report, FINDING_BAD, "no-tls",
                  "is this the right port? A protocol that begins in clear cannot be probed",
                  "the port speaks no TLS; it says: %s", report->excerpt);
        return;
    case PROBE_SILENT:
        judge_add(report, FINDING_BAD, "silent",
                  "is the process stuck? An endpoint with `proxy_protocol` waits for its balancer's header: probe the "
                  "balancer",
                  "the server accepts the connection and then says nothing: %s", report->tls.failure);
        return;
    case PROBE_ENDED:
        judge_add(report, FINDING_BAD, "cut",
                  "is this a TLS port? A server with no certificate, or a balancer without a server, does this, too",
                  "the connection ends in the middle of the handshake: %s", report->tls.failure);
        return;
    default:
        judge_add(report, FINDING_BAD, "handshake", "look into the server's log of this moment",
                  "the TLS handshake fails: %s", report->tls.failure);
    }
}

enum { ALERT_HANDSHAKE_FAILURE = 40, ALERT_UNRECOGNIZED_NAME = 112 };

/* The best version that was found when asked by hand; 0: none. */
static uint16_t best_version(const struct probe_survey *survey)
{
    for (size_t i = 0; i < PROBE_VERSIONS; i++)
        if (survey->versions[i].spoken == PROBE_YES)
            return survey->versions[i].version;
    return 0;
}

/* `version`: the best one that it speaks, as far as that is known. */
static void judge_refusal(struct probe_report *report, uint16_t version)
{
    struct remedy remedy;
    if (report->tls.alert == ALERT_UNRECOGNIZED_NAME)
        judge_add(report, FINDING_BAD, "unknown-name",
                  "ask for a name that it has: --sni NAME; or add a certificate for this one on the server",
                  "the server has no certificate for %s, and says so (unrecognized_name)", report->name);
    else if (version != 0 && version < 0x0303)
        judge_add(report, FINDING_BAD, "old-tls-only",
                  "bring the server's TLS library up to date, or put a front door before it: crossgate run",
                  "the server speaks nothing better than %s, which current clients refuse",
                  probe_version_name(version));
    else
        judge_add(report, FINDING_BAD, "refused",
                  remedy_print(
                      &remedy, "see what it speaks: crossgate probe --all; and the server's log of this moment%s",
                      report->tls.alert == ALERT_HANDSHAKE_FAILURE ? "; does `ciphers` fit the kind of its key?" : ""),
                  "the server refuses the handshake: %s (alert %u)", report->tls.failure, report->tls.alert);
}

static void judge_handshake(struct probe_report *report)
{
    if (report->tls.finished || report->client.refused || report->client.required == PROBE_YES)
        return;
    uint16_t version = best_version(&report->survey);
    if (report->failure == PROBE_REFUSED || (version != 0 && version < 0x0303))
        judge_refusal(report, version);
    else
        judge_failure(report);
}

/* ---- client certificates */

static void judge_client(const struct probe_settings *settings, struct probe_report *report)
{
    const struct probe_client_certificate *client = &report->client;
    if (client->refused)
        judge_add(report, FINDING_BAD, "client-certificate-refused",
                  "is it of an authority in the server's `ca_certificates`, for clientAuth, and within its dates?",
                  "the server refuses the client certificate of %s: %s", settings->client_certificate,
                  report->tls.failure);
    else if (client->required == PROBE_YES)
        judge_add(report, FINDING_NOTE, "client-certificate-required",
                  "with a client certificate more can be seen: --client-cert FILE --client-key FILE",
                  "clients must have a certificate%s%s; without one, nothing above TLS can be looked at",
                  client->count ? " of " : "", client->count ? client->authorities[0] : "");
    else if (client->requested && client->required == PROBE_UNKNOWN && !settings->client_certificate)
        judge_add(report, FINDING_NOTE, "client-certificate-asked", "show one: --client-cert FILE --client-key FILE",
                  "clients are asked for a certificate; without one, the server answers %u", report->http.status);
    else if (client->requested && client->required == PROBE_NO)
        judge_add(
            report, FINDING_NOTE, "client-certificate-asked",
            "if browsers need none, do not ask them: keep `ca_certificates` to an endpoint, or a name, of its own",
            "clients are asked for a certificate, and may do without; browsers fail WebSockets of scripts if "
            "the user has one to choose");
}

/* ---- all */

/* Stable: within a severity, in the order of the connection. */
static void sort(struct probe_report *report)
{
    struct finding sorted[PROBE_FINDINGS_MAX];
    size_t count = 0;
    for (int severity = FINDING_BAD; severity >= FINDING_NOTE; severity--)
        for (size_t i = 0; i < report->finding_count; i++)
            if ((int)report->findings[i].severity == severity)
                sorted[count++] = report->findings[i];
    assert(count == report->finding_count);
    memcpy(report->findings, sorted, count * sizeof sorted[0]);
}

static enum probe_verdict verdict_of(const struct probe_report *report)
{
    static const enum probe_verdict verdicts[] = {
        [FINDING_NOTE] = PROBE_FINE, [FINDING_WARNING] = PROBE_DOUBTFUL, [FINDING_BAD] = PROBE_FAILS};
    if (report->used == report->address_count)
        return PROBE_UNREACHABLE;
    return report->finding_count ? verdicts[report->findings[0].severity] : PROBE_FINE;
}

void judge(const struct probe_settings *settings, struct probe_report *report)
{
    judge_addresses(settings, report);
    if (report->used == report->address_count) {
        judge_unreachable(settings, report);
    } else {
        judge_handshake(report);
        judge_client(settings, report);
        judge_certificate(settings, report);
        judge_tls(report);
        judge_survey(report);
        judge_http(settings, report);
    }
    sort(report);
    report->verdict = verdict_of(report);
}
