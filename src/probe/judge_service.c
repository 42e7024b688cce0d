#include "judge.h"

#include <string.h>

enum { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

void judge_tls(struct probe_report *report)
{
    const struct probe_tls *tls = &report->tls;
    if (tls->version != 0 && tls->version < TLS_1_2)
        judge_add(report, FINDING_BAD, "old-tls-only",
                  "bring the server's TLS library up to date, or put a front door before it: crossgate run",
                  "the server speaks nothing better than %s: current clients refuse it",
                  probe_version_name(tls->version));
    else if (tls->finished && tls->version == TLS_1_2)
        judge_add(report, FINDING_NOTE, "no-tls13", NULL,
                  "the server does not speak TLS 1.3, which would save a round trip with each connection");
    if (tls->secure_renegotiation == PROBE_NO)
        judge_add(report, FINDING_WARNING, "no-secure-renegotiation", "bring the server's TLS library up to date",
                  "the server does not know secure renegotiation (RFC 5746): OpenSSL 3 clients refuse it");
    if (tls->early_data)
        judge_add(report, FINDING_WARNING, "early-data", "switch 0-RTT off, unless every request may come twice",
                  "the server takes 0-RTT data, which an attacker can send again (RFC 8446 section 8)");
    if (tls->resumption13.works == PROBE_NO || (tls->version == TLS_1_2 && tls->resumption12.works == PROBE_NO))
        judge_add(report, FINDING_NOTE, "no-resumption",
                  "do all processes and machines behind the name share the ticket keys?",
                  "sessions are not resumed: clients that come back make a full handshake each time");
}

/* ---- the survey */

static void judge_versions(struct probe_report *report)
{
    for (size_t i = 0; i < PROBE_VERSIONS; i++) {
        const struct probe_version *version = &report->survey.versions[i];
        if (version->version < TLS_1_2 && version->spoken == PROBE_YES && report->tls.version >= TLS_1_2)
            judge_add(report, FINDING_WARNING, "old-tls", "allow TLS 1.2 and 1.3 only, as Crossgate does",
                      "%s is still spoken, which must not be used any more (RFC %s)",
                      probe_version_name(version->version), version->version == 0x0300 ? "7568" : "8996");
    }
}

/* How many suites are of that grade, each once, whatever versions it is spoken in; *example is the first of them. */
static size_t count_suites(const struct probe_survey *survey, enum probe_grade grade, const char **example)
{
    size_t count = 0;
    for (size_t i = 0; i < survey->suite_count; i++) {
        bool is_new = survey->suites[i].grade == grade;
        for (size_t j = 0; j < i; j++)
            is_new &= survey->suites[j].id != survey->suites[i].id;
        if (is_new && count++ == 0)
            *example = survey->suites[i].name;
    }
    return count;
}

static void judge_suites(struct probe_report *report)
{
    const char *example = "";
    size_t weak = count_suites(&report->survey, PROBE_WEAK_GRADE, &example);
    if (weak > 0)
        judge_add(report, FINDING_WARNING, "weak-suites",
                  "take them out of `ciphers`; without that key, Crossgate offers none of them",
                  "%zu suite%s with known attacks, e.g. %s", weak, weak == 1 ? "" : "s", example);
    size_t old = count_suites(&report->survey, PROBE_OLD_GRADE, &example);
    if (old > 0)
        judge_add(report, FINDING_NOTE, "old-suites", "if no old client needs them, leave them out of `ciphers`",
                  "%zu suite%s of the past (CBC, or no forward secrecy), e.g. %s", old, old == 1 ? "" : "s", example);
}

void judge_survey(struct probe_report *report)
{
    const struct probe_survey *survey = &report->survey;
    if (!survey->made)
        return;
    judge_versions(report);
    judge_suites(report);
    if (survey->least_dh_bits > 0 && survey->least_dh_bits < 2048)
        judge_add(report, FINDING_WARNING, "weak-dh",
                  "crossgate cert dhparam makes a better one; without `dhparam`, a standard group is used",
                  "a Diffie-Hellman group of %u bits is used: at least 2048 are needed", survey->least_dh_bits);
    if (survey->cut_short)
        judge_add(report, FINDING_NOTE, "cut-short", "try again with a longer --timeout, or from another address",
                  "the server did not answer all questions in time; it may speak more than is listed");
}

/* ---- HTTP */

/* Strict-Transport-Security is for names only (RFC 6797 section 8.1.1). */
static void judge_hsts(const struct probe_settings *settings, struct probe_report *report)
{
    const struct probe_http *http = &report->http;
    if (settings->target.is_address && !settings->name)
        return;
    if (!http->hsts[0])
        judge_add(report, FINDING_NOTE, "no-hsts", "\"hsts\": true in the transport's `options`",
                  "no Strict-Transport-Security: browsers that are sent to http:// go there first");
    else if (http->hsts_max_age == 0)
        judge_add(report, FINDING_WARNING, "hsts-off", "set `hsts_max_age` to 31536000, a year",
                  "Strict-Transport-Security says max-age=0, or no time at all: browsers forget it");
}

static void judge_page(const struct probe_settings *settings, struct probe_report *report)
{
    const struct probe_http *http = &report->http;
    if (http->failure == PROBE_SILENT)
        judge_add(report, FINDING_WARNING, "http-silent", "is what answers there stuck?",
                  "no answer to GET %.100s in time", http->path);
    else if (http->failure != PROBE_NO_FAILURE)
        judge_add(report, FINDING_NOTE, "no-http",
                  "for WAMP over RawSocket write rss://HOST:PORT: then nothing is asked",
                  "GET %.100s was not answered as HTTP/1.1 asks for", http->path);
    else if (http->status >= 500)
        judge_add(report, FINDING_WARNING, "http-error", "is the backend up? crossgate backend list",
                  "GET %.100s: the server answers %u", http->path, http->status);
    else
        judge_hsts(settings, report);
}

struct advice {
    unsigned status;
    const char *text;
    const char *remedy;
};

static const struct advice advices[] = {
    {200, "a page is there, no WebSocket",
     "is the path right? It is a key of `paths`; its service must be one of WebSockets"},
    {400, "the server does not like the request",
     "does it want another subprotocol (--subprotocol), or a Host that it knows?"},
    {401, "somebody has to log in first", "the service wants credentials that probe does not have"},
    {403, "the origin is not allowed",
     "say one that is (--origin https://…), or add it to the service's `allowed_origins`"},
    {404, "there is nothing at this path", "is the path right? It is a key of `paths` of the transport"},
    {426, "the server wants another version or protocol", NULL},
    {429, "there are too many connections", "try again later"},
    {500, "the server has failed", "look into its log of this moment"},
    {502, "the node behind the door cannot be had", "is it up? crossgate backend list"},
    {503, "the node behind the door cannot be had", "is it up? crossgate backend list"},
    {504, "the node behind the door does not answer", "is it up? crossgate backend list"},
};

static void judge_refusal(struct probe_report *report)
{
    const struct probe_websocket *websocket = &report->websocket;
    struct advice advice = {websocket->status, "that is no upgrade", NULL};
    struct remedy remedy;
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (advices[i].status == websocket->status)
            advice = advices[i];
    if (websocket->status == 101)
        advice =
            (struct advice){101, "the 101 breaks RFC 6455: Upgrade, Sec-WebSocket-Accept or the subprotocol are wrong",
                            "something on the way that knows no WebSockets? Probe the server itself"};
    if (websocket->status >= 300 && websocket->status < 400)
        advice = (struct advice){websocket->status, "clients of WebSockets do not follow redirects",
                                 remedy_print(&remedy, "give them the URL itself: %s", websocket->location)};
    judge_add(report, FINDING_BAD, "no-websocket", advice.remedy, "no WebSocket at %.100s (status %u): %s",
              websocket->path, advice.status, advice.text);
}

static void judge_session(struct probe_report *report)
{
    const struct probe_websocket *websocket = &report->websocket;
    if (!websocket->ponged)
        judge_add(report, FINDING_WARNING, "no-pong",
                  "the server must answer pings (RFC 6455 section 5.5.2); is the node behind it stuck?",
                  "the WebSocket at %.100s opens, and then does not answer a ping%s%.100s", websocket->path,
                  websocket->close_reason[0] ? "; it closes: " : "", websocket->close_reason);
    else if (!websocket->closed)
        judge_add(report, FINDING_NOTE, "no-close", NULL,
                  "the WebSocket at %.100s does not answer a Close (RFC 6455 section 5.5.1)", websocket->path);
}

void judge_http(const struct probe_settings *settings, struct probe_report *report)
{
    const struct probe_websocket *websocket = &report->websocket;
    bool needs_certificate = report->client.required == PROBE_YES || report->client.refused;
    if (report->http.asked && !needs_certificate)
        judge_page(settings, report);
    if (!websocket->asked || needs_certificate)
        return;
    if (websocket->failure != PROBE_NO_FAILURE)
        judge_add(report, FINDING_BAD, "no-websocket", "is what answers there stuck, or no HTTP server?",
                  "the request for a WebSocket at %.100s was not answered", websocket->path);
    else if (websocket->upgraded)
        judge_session(report);
    else
        judge_refusal(report);
}
