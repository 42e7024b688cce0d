#include "colour.h"
#include "findings.h"
#include "layout.h"
#include "probe_print.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { TIME_TEXT = 24, DATE_TEXT = 32, LIST_TEXT = 4096, INDENT = 16 };

/* ---- pieces */

static const char *print_time(uint32_t us, char text[TIME_TEXT])
{
    if (us < 10000)
        snprintf(text, TIME_TEXT, "%.1f ms", us / 1000.0);
    else if (us < 1000000)
        snprintf(text, TIME_TEXT, "%u ms", us / 1000);
    else
        snprintf(text, TIME_TEXT, "%.1f s", us / 1000000.0);
    return text;
}

static const char *print_day(int64_t seconds, char text[DATE_TEXT])
{
    time_t when = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&when, &parts) || strftime(text, DATE_TEXT, "%Y-%m-%d", &parts) == 0)
        snprintf(text, DATE_TEXT, "?");
    return text;
}

static const char *print_span(uint32_t seconds, char text[TIME_TEXT])
{
    static const struct {
        uint32_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (seconds % units[i].seconds == 0 && seconds >= units[i].seconds) {
            snprintf(text, TIME_TEXT, "%u %s", seconds / units[i].seconds, units[i].unit);
            return text;
        }
    snprintf(text, TIME_TEXT, "%u s", seconds);
    return text;
}

/* A list that grows; what does not fit is left out. */
struct list {
    char text[LIST_TEXT];
    size_t used;
};

static void append(struct list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct list *list, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(list->text + list->used, sizeof list->text - list->used, format, arguments);
    va_end(arguments);
    if (length > 0)
        list->used += (size_t)length;
    if (list->used >= sizeof list->text)
        list->used = sizeof list->text - 1;
}

static const char *or_none(const char *text, const char *none)
{
    return text[0] ? text : none;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- connection */

static void print_addresses(const struct layout *layout, const struct probe_report *report)
{
    char time[TIME_TEXT];
    for (size_t i = 0; i < report->address_count && i <= report->used; i++) {
        const struct probe_address *address = &report->addresses[i];
        if (i == report->used)
            layout_row(layout, "address", "%s, connected in %s", address->text,
                       print_time(report->tls.connect_us, time));
        else
            layout_row(layout, "address", "%s: %s", address->text, address->failure);
    }
}

static void append_resumption(struct list *list, const char *version, const struct probe_resumption *resumption)
{
    char lifetime[TIME_TEXT];
    if (resumption->works == PROBE_UNKNOWN)
        return;
    append(list, "%s%s: ", list->used ? "; " : "", version);
    append(list, resumption->works != PROBE_YES ? "no" : resumption->ticket ? "by ticket" : "by session id");
    if (resumption->works != PROBE_YES)
        return;
    if (resumption->tickets > 1)
        append(list, " (%u came)", resumption->tickets);
    if (resumption->lifetime > 0)
        append(list, " for %s", print_span(resumption->lifetime, lifetime));
}

static void print_resumption(const struct layout *layout, const struct probe_tls *tls)
{
    struct list list = {.used = 0};
    append_resumption(&list, "TLS 1.3", &tls->resumption13);
    append_resumption(&list, "TLS 1.2", &tls->resumption12);
    layout_row(layout, "resumption", "%s", or_none(list.text, "not tried"));
    if (tls->version == 0x0304)
        layout_row(layout, "0-RTT", tls->early_data ? "offered" : "not offered");
}

static void print_protocol(const struct layout *layout, const struct probe_tls *tls)
{
    static const char *const h2[] = {"", "; no HTTP/2", "; HTTP/2, too"};
    static const char *const tls12[] = {"", ", nothing below", ", and TLS 1.2"};
    char time[TIME_TEXT];
    if (tls->version == 0)
        return;
    layout_row(layout, "protocol", "%s%s, handshake in %s%s%s", probe_version_name(tls->version),
               tls->version == 0x0304 ? tls12[tls->tls12] : "", print_time(tls->handshake_us, time),
               tls->finished ? "" : ", not finished: ", tls->finished ? "" : tls->failure);
    layout_row(layout, "suite", "%s", tls->suite);
    layout_row(layout, "key exchange", "%s", or_none(tls->group, "RSA (no forward secrecy)"));
    if (tls->signature[0])
        layout_row(layout, "signature", "%s", tls->signature);
    layout_row(layout, "ALPN", "%s%s", or_none(tls->alpn, "nothing chosen"), h2[tls->h2]);
    print_resumption(layout, tls);
}

static void print_staple(const struct layout *layout, const struct probe_staple *staple)
{
    char produced[DATE_TEXT], end[DATE_TEXT];
    if (!staple->sent)
        layout_row(layout, "OCSP staple", "none");
    else if (!staple->readable)
        layout_row(layout, "OCSP staple", "not about this certificate, or damaged");
    else
        layout_row(layout, "OCSP staple", "%s, of %s%s%s, %s", staple->status, print_day(staple->produced, produced),
                   staple->end ? ", until " : "", staple->end ? print_day(staple->end, end) : "",
                   staple->verified       ? "signature verified"
                   : staple->unverifiable ? "signature not verified: the issuer is not known"
                                          : "signature WRONG");
}

static void print_client(const struct layout *layout, const struct probe_client_certificate *client)
{
    static const char *const needs[] = {"asked for", "asked for, optional", "required"};
    struct list list = {.used = 0};
    if (!client->requested) {
        layout_row(layout, "client cert", "not asked for");
        return;
    }
    for (size_t i = 0; i < client->count; i++)
        append(&list, "\n%s", client->authorities[i]);
    if (client->total > client->count)
        append(&list, "\nand %zu more", client->total - client->count);
    layout_row(layout, "client cert", "%s%s%s", client->refused ? "refused" : needs[client->required],
               client->count ? ", of one of these authorities:" : "", list.text);
}

static void print_connection(const struct layout *layout, const struct probe_report *report)
{
    layout_title(layout, "Connection");
    if (report->address_count == 0)
        layout_row(layout, "address", "none");
    print_addresses(layout, report);
    if (report->used == report->address_count)
        return;
    print_protocol(layout, &report->tls);
    if (report->chain.count == 0)
        return;
    print_staple(layout, &report->staple);
    print_client(layout, &report->client);
}

/* ---- certificate */

static void print_names(const struct layout *layout, const struct probe_chain *chain)
{
    struct list list = {.used = 0};
    for (size_t i = 0; i < chain->name_count && i < 20; i++)
        append(&list, "%s%s", i ? ", " : "", chain->names[i]);
    if (chain->name_total > 20)
        append(&list, " and %zu more", chain->name_total - 20);
    layout_row(layout, "names", "%s", or_none(list.text, "none (no subjectAltName)"));
}

static void append_dates(struct list *list, const struct probe_certificate *one)
{
    char begin[DATE_TEXT], end[DATE_TEXT];
    append(list, "%s to %s, ", print_day(one->begin, begin), print_day(one->end, end));
    if (one->days_left < 0)
        append(list, "expired");
    else
        append(list, "%d day%s left", one->days_left, plural((size_t)one->days_left));
}

static void print_sent(const struct layout *layout, const struct probe_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct probe_certificate *one = &chain->sent[i];
        struct list list = {.used = 0};
        append(&list, "%zu. %s\n%s, signed with %s\n", i + 1, one->subject, one->key, one->signature);
        append_dates(&list, one);
        if (i + 1 == chain->count && !one->self_signed)
            append(&list, "\nissued by %s", one->issuer);
        layout_row(layout, i == 0 ? "chain sent" : "", "%s%s", list.text, one->self_signed ? "\nself-signed" : "");
    }
    if (chain->total > chain->count)
        layout_row(layout, "", "and %zu more", chain->total - chain->count);
}

static void print_trust(const struct layout *layout, const struct probe_settings *settings,
                        const struct probe_chain *chain)
{
    const char *store = settings->authorities ? settings->authorities : "the system's store";
    const char *last = chain->verified_count ? chain->verified[chain->verified_count - 1] : "";
    if (chain->trusted)
        layout_row(layout, "verified", "up to %s, of %s", last, store);
    else if (chain->incomplete)
        layout_row(layout, "verified", "NO: %s is missing, here and in %s", chain->missing, store);
    else
        layout_row(layout, "verified", "NO: %s%s", chain->error[0] ? chain->error : "not in ",
                   chain->error[0] ? "" : store);
}

static void print_certificate(const struct layout *layout, const struct probe_settings *settings,
                              const struct probe_chain *chain)
{
    if (chain->count == 0)
        return;
    layout_title(layout, "Certificate");
    print_names(layout, chain);
    print_sent(layout, chain);
    layout_row(layout, "serial", "%s", chain->sent[0].serial);
    layout_row(layout, "SHA-256", "%s", chain->sent[0].fingerprint);
    print_trust(layout, settings, chain);
}

/* ---- HTTP and WebSocket */

static const char *failure_text(enum probe_failure failure)
{
    static const char *const texts[] = {
        [PROBE_SILENT] = "no answer in time", [PROBE_ENDED] = "the server closed the connection",
        [PROBE_REFUSED] = "refused by TLS",   [PROBE_PLAIN_HTTP] = "no TLS",
        [PROBE_NOT_TLS] = "no TLS",           [PROBE_OTHER] = "the answer is no HTTP/1.1",
    };
    return texts[failure];
}

static void print_page(const struct layout *layout, const struct probe_http *http)
{
    char time[TIME_TEXT];
    if (!http->asked)
        return;
    layout_title(layout, "HTTP");
    if (http->failure != PROBE_NO_FAILURE) {
        layout_row(layout, "GET", "%s: %s", http->path, failure_text(http->failure));
        return;
    }
    layout_row(layout, "GET", "%s: %u in %s", http->path, http->status, print_time(http->answer_us, time));
    if (http->location[0])
        layout_row(layout, "Location", "%s", http->location);
    layout_row(layout, "Server", "%s", or_none(http->server, "not said"));
    layout_row(layout, "HSTS", "%s", or_none(http->hsts, "not sent"));
}

static void print_session(const struct layout *layout, const struct probe_websocket *websocket)
{
    char time[TIME_TEXT];
    layout_row(layout, "subprotocol", "%s", or_none(websocket->subprotocol, "none chosen"));
    layout_row(layout, "extensions", "%s", or_none(websocket->extensions, "none"));
    layout_row(layout, "ping", "%s", websocket->ponged ? print_time(websocket->ping_us, time) : "not answered");
    if (websocket->close_code)
        layout_row(layout, "close", "%u %s", websocket->close_code, websocket->close_reason);
    else
        layout_row(layout, "close", "%s", websocket->closed ? "answered" : "not answered");
}

static void print_websocket(const struct layout *layout, const struct probe_websocket *websocket)
{
    char time[TIME_TEXT];
    if (!websocket->asked)
        return;
    layout_title(layout, "WebSocket");
    if (websocket->failure != PROBE_NO_FAILURE)
        layout_row(layout, "upgrade", "%s: %s", websocket->path, failure_text(websocket->failure));
    else
        layout_row(layout, "upgrade", "%s: %u in %s%s%s", websocket->path, websocket->status,
                   print_time(websocket->upgrade_us, time), websocket->location[0] ? ", to " : "", websocket->location);
    if (websocket->upgraded)
        print_session(layout, websocket);
}

/* ---- survey */

static void print_suites(const struct layout *layout, const struct probe_survey *survey, uint16_t version)
{
    static const struct {
        enum layout_colour colour;
        const char *mark;
    } marks[] = {{LAYOUT_GREEN, "good"}, {LAYOUT_YELLOW, "old"}, {LAYOUT_RED, "WEAK"}};
    for (size_t i = 0; i < survey->suite_count; i++) {
        const struct probe_suite *suite = &survey->suites[i];
        if (suite->version == version)
            layout_coloured_row(layout, marks[suite->grade].colour, marks[suite->grade].mark, "%s", suite->name);
    }
}

static void print_versions(const struct layout *layout, const struct probe_survey *survey)
{
    static const char *const orders[] = {"", ", the client's order counts", ", the server's order counts"};
    for (size_t i = 0; i < PROBE_VERSIONS; i++) {
        const struct probe_version *version = &survey->versions[i];
        const char *name = probe_version_name(version->version);
        bool is_old = version->version < 0x0303;
        if (version->spoken == PROBE_YES)
            layout_coloured_row(layout, is_old ? LAYOUT_YELLOW : LAYOUT_PLAIN, name, "spoken%s",
                                orders[version->server_prefers]);
        else
            layout_row(layout, name, "not spoken");
        print_suites(layout, survey, version->version);
    }
}

static void print_groups(const struct layout *layout, const struct probe_survey *survey)
{
    struct list list = {.used = 0};
    for (size_t i = 0; i < survey->group_count; i++)
        append(&list, "%s%s%s", i ? ", " : "", survey->groups[i].name,
               survey->groups[i].grade == PROBE_WEAK_GRADE ? " (WEAK)" : "");
    if (survey->groups_of != 0)
        layout_row(layout, "groups", "%s", or_none(list.text, "none"));
    if (survey->least_dh_bits > 0)
        layout_row(layout, "DHE", "%u bits", survey->least_dh_bits);
}

static void print_survey(const struct layout *layout, const struct probe_survey *survey)
{
    if (!survey->made)
        return;
    layout_title(layout, "Versions and suites, in the order of choice");
    print_versions(layout, survey);
    print_groups(layout, survey);
}

/* ---- the judgement */

static void print_verdict(const struct layout *layout, const struct probe_settings *settings,
                          const struct probe_report *report)
{
    static const struct {
        enum layout_colour colour;
        const char *word, *text;
    } verdicts[] = {
        [PROBE_FINE] = {LAYOUT_GREEN, "GOOD", "clients have no trouble with"},
        [PROBE_DOUBTFUL] = {LAYOUT_YELLOW, "DOUBTFUL", "clients can use, with warnings,"},
        [PROBE_FAILS] = {LAYOUT_RED, "BAD", "clients fail with"},
        [PROBE_UNREACHABLE] = {LAYOUT_RED, "UNREACHABLE", "there is no connection to"},
    };
    fputc('\n', layout->out);
    layout_word(layout, verdicts[report->verdict].colour, verdicts[report->verdict].word);
    fprintf(layout->out, ": %s %s:%u", verdicts[report->verdict].text, settings->target.host, settings->target.port);
    findings_print_counts(layout, findings_count(report->findings, report->finding_count));
}

void probe_print_words(const struct probe_settings *settings, const struct probe_report *report, FILE *out)
{
    const struct layout layout = {out, wants_colour(out), INDENT};
    fprintf(out, "crossgate probe %s:%u", settings->target.host, settings->target.port);
    if (strcmp(report->name, settings->target.host) != 0)
        fprintf(out, " as %s", report->name);
    fputc('\n', out);
    print_connection(&layout, report);
    print_certificate(&layout, settings, &report->chain);
    print_page(&layout, &report->http);
    print_websocket(&layout, &report->websocket);
    print_survey(&layout, &report->survey);
    if (report->finding_count > 0)
        layout_title(&layout, "Findings");
    for (size_t i = 0; i < report->finding_count; i++)
        finding_print(&layout, &report->findings[i]);
    print_verdict(&layout, settings, report);
}
