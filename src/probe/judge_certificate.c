#include "judge.h"

#include "crossgate/base/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char renew[] = "renew it, put the file in place of the old one, and reload: crossgate reload";

/* Renewal is due when two thirds of the lifetime are over; with less than a tenth left, at most ten days, it has failed. */
static void judge_dates(struct probe_report *report, const struct probe_certificate *leaf)
{
    char date[DATE_TEXT];
    int soon = leaf->lifetime / 10 < 10 ? leaf->lifetime / 10 : 10;
    if (leaf->begin > (int64_t)time(NULL))
        judge_add(report, FINDING_BAD, "not-yet-valid", "compare the clocks of both machines: date -u",
                  "the certificate is not valid before %s: clients refuse it", date_print(leaf->begin, date));
    if (leaf->days_left < 0)
        judge_add(report, FINDING_BAD, "expired", renew, "the certificate has expired on %s: clients refuse it",
                  date_print(leaf->end, date));
    else if (leaf->days_left < soon)
        judge_add(report, FINDING_WARNING, "expires-soon", renew, "the certificate ends on %s, in %d day%s",
                  date_print(leaf->end, date), leaf->days_left, leaf->days_left == 1 ? "" : "s");
}

/* The first few, for a message. */
static const char *print_names(const struct probe_chain *chain, char *text, size_t size)
{
    size_t used = 0, shown = chain->name_count < 5 ? chain->name_count : 5;
    text[0] = '\0';
    for (size_t i = 0; i < shown && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.80s", i ? ", " : "", chain->names[i]);
    if (chain->name_total > shown && used < size)
        snprintf(text + used, size - used, " and %zu more", chain->name_total - shown);
    return text;
}

static void judge_names(struct probe_report *report)
{
    const struct probe_chain *chain = &report->chain;
    char names[460];
    struct remedy remedy;
    if (chain->name_matches)
        return;
    if (chain->name_total == 0)
        judge_add(report, FINDING_BAD, "no-names",
                  remedy_print(&remedy, "have it made again with the name: crossgate cert csr %s", report->name),
                  "the certificate has no subjectAltName: current clients look for %s only there, and refuse it",
                  report->name);
    else
        judge_add(report, FINDING_BAD, "wrong-name",
                  "connect by a name that it holds, or have it made for this one; is it the right server (--sni)?",
                  "the certificate is not for %s but for %s: clients refuse it", report->name,
                  print_names(chain, names, sizeof names));
}

/* ---- trust */

static void judge_missing(const struct probe_settings *settings, struct probe_report *report)
{
    const struct probe_chain *chain = &report->chain;
    struct remedy remedy;
    if (chain->missing_url[0])
        judge_add(
            report, FINDING_BAD, "intermediate-missing",
            remedy_print(&remedy,
                         "get it, name chain.pem in the endpoint's `chain_certificates`, and reload; files that you "
                         "have already are put in order by crossgate cert chain:\n"
                         "  curl -s %s | openssl x509 -out chain.pem\n"
                         "  crossgate cert chain FILE…",
                         chain->missing_url),
            "the chain is broken: the certificate of %s was not sent. Browsers may have it, AutobahnPython, curl "
            "and others refuse the server",
            chain->missing);
    else
        judge_add(
            report, FINDING_BAD, "authority-missing",
            "an intermediate belongs in the endpoint's `chain_certificates`; an authority of your own must be known "
            "to all clients (here: --ca FILE)",
            "the certificate of %s, who has issued the last one of the chain, was not sent and is not in %s: "
            "clients refuse the server",
            chain->missing, settings->authorities ? settings->authorities : "this system's store");
}

static void judge_unknown(const struct probe_settings *settings, struct probe_report *report)
{
    const struct probe_chain *chain = &report->chain;
    const char *where = settings->authorities ? settings->authorities : "this system's store";
    if (chain->total == 1 && chain->sent[0].self_signed)
        judge_add(
            report, FINDING_BAD, "self-signed",
            "for development, give clients the certificate (here: --ca FILE); for all others have it signed, e.g. by "
            "Let's Encrypt",
            "the certificate is self-signed, and not in %s: clients refuse it", where);
    else
        judge_add(report, FINDING_BAD, "unknown-authority",
                  "if it is your own, give its certificate to all clients (here: --ca FILE)",
                  "the chain ends in %s, which is not in %s: clients refuse it",
                  chain->verified_count ? chain->verified[chain->verified_count - 1] : "an authority", where);
}

static void judge_trust(const struct probe_settings *settings, struct probe_report *report)
{
    const struct probe_chain *chain = &report->chain;
    if (chain->incomplete && !(chain->total == 1 && chain->sent[0].self_signed))
        judge_missing(settings, report);
    else if (chain->incomplete || chain->authority_unknown)
        judge_unknown(settings, report);
    if (chain->error[0])
        judge_add(report, FINDING_BAD, "chain-invalid", "see each of them above; have the certificate made again",
                  "the chain does not hold: %s", chain->error);
    if (chain->expired[0])
        judge_add(report, FINDING_BAD, "issuer-expired",
                  "get the current intermediate from the authority, and name it in `chain_certificates`",
                  "the certificate of %s, in the chain, is not valid today: clients refuse it", chain->expired);
}

/* ---- what is sent */

static void judge_order(struct probe_report *report)
{
    static const char repair[] = "crossgate cert chain FILE… writes them in order, without the root";
    const struct probe_chain *chain = &report->chain;
    if (chain->disordered)
        judge_add(report, FINDING_WARNING, "wrong-order", repair,
                  "the certificates are sent in the wrong order: strict clients (TLS 1.2) refuse that");
    if (chain->root_sent)
        judge_add(
            report, FINDING_NOTE, "root-sent", repair,
            "the root is sent, too: clients have it or do not trust it, and each handshake is longer for nothing");
    if (chain->surplus[0] && !chain->root_sent)
        judge_add(report, FINDING_WARNING, "surplus", repair,
                  chain->surplus_again ? "the certificate of %s is sent twice"
                                       : "the certificate of %s is sent, and does not belong to the chain",
                  chain->surplus);
}

static void judge_strength(struct probe_report *report)
{
    for (size_t i = 0; i < report->chain.count; i++) {
        const struct probe_certificate *one = &report->chain.sent[i];
        if (one->weak_key)
            judge_add(report, FINDING_BAD, "weak-key",
                      "crossgate cert key makes a better one; have a certificate made for it",
                      "the key of %s is too short (%s): current clients refuse it", one->subject, one->key);
        if (one->weak_signature)
            judge_add(report, FINDING_BAD, "weak-signature", "have it made again, signed with SHA-256",
                      "the certificate of %s is signed with %s: current clients refuse it", one->subject,
                      one->signature);
    }
}

/* ---- OCSP */

static void judge_staple(struct probe_report *report)
{
    const struct probe_staple *staple = &report->staple;
    const char *text = NULL;
    if (strcmp(staple->status, "revoked") == 0)
        judge_add(report, FINDING_BAD, "revoked", "have a new one made, for a new key",
                  "the certificate is revoked, says its authority by OCSP");
    if (!staple->sent && report->chain.must_staple)
        judge_add(report, FINDING_BAD, "staple-missing",
                  "switch stapling on, or have the certificate made without must-staple",
                  "the certificate wants a stapled OCSP response with each handshake (must-staple), and none was sent");
    if (!staple->sent)
        return;
    if (!staple->readable)
        text = "it is no answer about this certificate";
    else if (staple->end != 0 && staple->end < (int64_t)time(NULL))
        text = "it is out of date";
    else if (!staple->verified && !staple->unverifiable)
        text = "it is not signed by the certificate's issuer";
    if (text)
        judge_add(report, report->chain.must_staple ? FINDING_BAD : FINDING_WARNING, "staple-bad",
                  "have the server fetch a new one; is its clock right, and can it reach the responder?",
                  "the stapled OCSP response is of no use: %s. Some clients refuse the handshake", text);
}

void judge_certificate(const struct probe_settings *settings, struct probe_report *report)
{
    struct probe_chain *chain = &report->chain;
    if (chain->count == 0)
        return;
    judge_dates(report, &chain->sent[0]);
    judge_names(report);
    if (!chain->serves)
        judge_add(report, FINDING_BAD, "wrong-use", "have it made for servers (extendedKeyUsage serverAuth)",
                  "the certificate is not made for TLS servers: clients refuse it");
    judge_trust(settings, report);
    judge_order(report);
    judge_strength(report);
    judge_staple(report);
}
