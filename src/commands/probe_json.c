#include "probe_print.h"

#include "crossgate/base/date.h"
#include "crossgate/config.h"

/* Members and elements, indented, with their commas. */
struct json {
    FILE *out;
    int depth;
    bool is_first;
};

static void next(struct json *json, const char *name)
{
    fprintf(json->out, "%s\n%*s", json->is_first ? "" : ",", 1 * json->depth, "");
    json->is_first = false;
    if (!name)
        return;
    config_print_string(name, json->out);
    fputs(": ", json->out);
}

static void open_part(struct json *json, const char *name, char bracket)
{
    if (json->depth > 0)
        next(json, name);
    fputc(bracket, json->out);
    json->depth++;
    json->is_first = true;
}

static void close_part(struct json *json, char bracket)
{
    fputc(bracket, json->out);
    json->depth--;
    json->is_first = false;
}

static void word(struct json *json, const char *name, const char *value)
{
    next(json, name);
    fputs(value, json->out);
}

/* "" is null. */
static void text(struct json *json, const char *name, const char *value)
{
    next(json, name);
    if (value && value[0])
        config_print_string(value, json->out);
    else
        fputs("null", json->out);
}

static void number(struct json *json, const char *name, int64_t value)
{
    next(json, name);
    fprintf(json->out, "%lld", (long long)value);
}

static void number_if(struct json *json, const char *name, int64_t value)
{
    if (value != 0)
        number(json, name, value);
    else
        word(json, name, "null");
}

static void truth(struct json *json, const char *name, bool value)
{
    word(json, name, value ? "true" : "false");
}

static void answer(struct json *json, const char *name, enum probe_answer value)
{
    word(json, name, value == PROBE_UNKNOWN ? "null" : value == PROBE_YES ? "true" : "false");
}

static void milliseconds(struct json *json, const char *name, uint32_t us)
{
    next(json, name);
    fprintf(json->out, "%u.%03u", us / 1000, us % 1000);
}

static void date(struct json *json, const char *name, int64_t seconds)
{
    char iso[DATE_TEXT] = "";
    text(json, name, seconds != 0 ? date_print_rfc3339(seconds, iso) : iso);
}

static const char *failure_word(enum probe_failure failure)
{
    static const char *const words[] = {
        [PROBE_NO_FAILURE] = "",         [PROBE_SILENT] = "silent",   [PROBE_ENDED] = "ended",
        [PROBE_REFUSED] = "alert",       [PROBE_PLAIN_HTTP] = "http", [PROBE_NOT_TLS] = "not-tls",
        [PROBE_OTHER] = "not-understood"};
    return words[failure];
}

/* ---- parts, in the order of the document */

static void print_findings(struct json *json, const struct probe_report *report)
{
    static const char *const severities[] = {"note", "warning", "bad"};
    open_part(json, "findings", '[');
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct probe_finding *finding = &report->findings[i];
        open_part(json, NULL, '{');
        text(json, "severity", severities[finding->severity]);
        text(json, "id", finding->id);
        text(json, "text", finding->text);
        text(json, "remedy", finding->remedy);
        close_part(json, '}');
    }
    close_part(json, ']');
}

static void print_addresses(struct json *json, const struct probe_report *report)
{
    open_part(json, "addresses", '[');
    for (size_t i = 0; i < report->address_count; i++) {
        open_part(json, NULL, '{');
        text(json, "address", report->addresses[i].text);
        truth(json, "used", i == report->used);
        text(json, "failure", report->addresses[i].failure);
        close_part(json, '}');
    }
    close_part(json, ']');
}

static void print_resumption(struct json *json, const char *name, const struct probe_resumption *resumption)
{
    open_part(json, name, '{');
    answer(json, "works", resumption->works);
    truth(json, "ticket", resumption->ticket);
    number(json, "tickets", resumption->tickets);
    number_if(json, "lifetime_s", resumption->lifetime);
    close_part(json, '}');
}

static void print_tls(struct json *json, const struct probe_report *report)
{
    const struct probe_tls *tls = &report->tls;
    open_part(json, "tls", '{');
    truth(json, "finished", tls->finished);
    text(json, "version", tls->version ? probe_version_name(tls->version) : "");
    text(json, "suite", tls->suite);
    text(json, "group", tls->group);
    text(json, "signature", tls->signature);
    text(json, "alpn", tls->alpn);
    answer(json, "h2", tls->h2);
    answer(json, "tls12", tls->tls12);
    answer(json, "secure_renegotiation", tls->secure_renegotiation);
    truth(json, "early_data", tls->early_data);
    print_resumption(json, "resumption_tls13", &tls->resumption13);
    print_resumption(json, "resumption_tls12", &tls->resumption12);
    milliseconds(json, "resolve_ms", tls->resolve_us);
    milliseconds(json, "connect_ms", tls->connect_us);
    milliseconds(json, "handshake_ms", tls->handshake_us);
    text(json, "failure", failure_word(report->failure));
    text(json, "failure_text", tls->failure);
    number_if(json, "alert", tls->alert);
    text(json, "excerpt", report->excerpt);
    close_part(json, '}');
}

static void print_certificate(struct json *json, const struct probe_certificate *one)
{
    open_part(json, NULL, '{');
    text(json, "subject", one->subject);
    text(json, "issuer", one->issuer);
    text(json, "serial", one->serial);
    text(json, "sha256", one->fingerprint);
    text(json, "key", one->key);
    text(json, "signature", one->signature);
    text(json, "issuer_url", one->issuer_url);
    date(json, "not_before", one->begin);
    date(json, "not_after", one->end);
    number(json, "days_left", one->days_left);
    truth(json, "self_signed", one->self_signed);
    truth(json, "weak_key", one->weak_key);
    truth(json, "weak_signature", one->weak_signature);
    close_part(json, '}');
}

static void print_list(struct json *json, const char *name, const char (*texts)[PROBE_TEXT], size_t count)
{
    open_part(json, name, '[');
    for (size_t i = 0; i < count; i++)
        text(json, NULL, texts[i]);
    close_part(json, ']');
}

static void print_chain(struct json *json, const struct probe_chain *chain)
{
    if (chain->count == 0) {
        word(json, "chain", "null");
        return;
    }
    open_part(json, "chain", '{');
    print_list(json, "names", chain->names, chain->name_count);
    truth(json, "name_matches", chain->name_matches);
    open_part(json, "sent", '[');
    for (size_t i = 0; i < chain->count; i++)
        print_certificate(json, &chain->sent[i]);
    close_part(json, ']');
    truth(json, "disordered", chain->disordered);
    truth(json, "root_sent", chain->root_sent);
    text(json, "surplus", chain->surplus);
    truth(json, "trusted", chain->trusted);
    print_list(json, "verified", chain->verified, chain->verified_count);
    text(json, "missing", chain->missing);
    text(json, "missing_url", chain->missing_url);
    text(json, "error", chain->error);
    truth(json, "must_staple", chain->must_staple);
    close_part(json, '}');
}

static void print_staple(struct json *json, const struct probe_staple *staple)
{
    if (!staple->sent) {
        word(json, "staple", "null");
        return;
    }
    open_part(json, "staple", '{');
    text(json, "status", staple->status);
    truth(json, "verified", staple->verified);
    date(json, "produced", staple->produced);
    date(json, "this_update", staple->begin);
    date(json, "next_update", staple->end);
    close_part(json, '}');
}

static void print_client(struct json *json, const struct probe_client_certificate *client)
{
    open_part(json, "client_certificate", '{');
    truth(json, "requested", client->requested);
    answer(json, "required", client->required);
    truth(json, "refused", client->refused);
    print_list(json, "authorities", client->authorities, client->count);
    close_part(json, '}');
}

static void print_http(struct json *json, const struct probe_http *http)
{
    if (!http->asked) {
        word(json, "http", "null");
        return;
    }
    open_part(json, "http", '{');
    text(json, "path", http->path);
    text(json, "failure", failure_word(http->failure));
    number_if(json, "status", http->status);
    text(json, "server", http->server);
    text(json, "location", http->location);
    text(json, "hsts", http->hsts);
    milliseconds(json, "answer_ms", http->answer_us);
    close_part(json, '}');
}

static void print_websocket(struct json *json, const struct probe_websocket *websocket)
{
    if (!websocket->asked) {
        word(json, "websocket", "null");
        return;
    }
    open_part(json, "websocket", '{');
    text(json, "path", websocket->path);
    text(json, "failure", failure_word(websocket->failure));
    number_if(json, "status", websocket->status);
    truth(json, "upgraded", websocket->upgraded);
    text(json, "subprotocol", websocket->subprotocol);
    text(json, "extensions", websocket->extensions);
    text(json, "location", websocket->location);
    milliseconds(json, "upgrade_ms", websocket->upgrade_us);
    if (websocket->ponged)
        milliseconds(json, "ping_ms", websocket->ping_us);
    else
        word(json, "ping_ms", "null");
    truth(json, "closed", websocket->closed);
    number_if(json, "close_code", websocket->close_code);
    text(json, "close_reason", websocket->close_reason);
    close_part(json, '}');
}

static const char *grade_word(enum probe_grade grade)
{
    static const char *const words[] = {"good", "old", "weak"};
    return words[grade];
}

static void print_version(struct json *json, const struct probe_survey *survey, const struct probe_version *version)
{
    open_part(json, NULL, '{');
    text(json, "version", probe_version_name(version->version));
    answer(json, "spoken", version->spoken);
    answer(json, "server_prefers", version->server_prefers);
    open_part(json, "suites", '[');
    for (size_t i = 0; i < survey->suite_count; i++) {
        const struct probe_suite *suite = &survey->suites[i];
        if (suite->version != version->version)
            continue;
        open_part(json, NULL, '{');
        text(json, "name", suite->name);
        number(json, "id", suite->id);
        text(json, "grade", grade_word(suite->grade));
        close_part(json, '}');
    }
    close_part(json, ']');
    close_part(json, '}');
}

static void print_survey(struct json *json, const struct probe_survey *survey)
{
    if (!survey->made) {
        word(json, "survey", "null");
        return;
    }
    open_part(json, "survey", '{');
    open_part(json, "versions", '[');
    for (size_t i = 0; i < PROBE_VERSIONS; i++)
        print_version(json, survey, &survey->versions[i]);
    close_part(json, ']');
    open_part(json, "groups", '[');
    for (size_t i = 0; i < survey->group_count; i++)
        text(json, NULL, survey->groups[i].name);
    close_part(json, ']');
    number_if(json, "dh_bits", survey->least_dh_bits);
    number(json, "handshakes", survey->handshakes);
    truth(json, "complete", !survey->cut_short);
    close_part(json, '}');
}

void probe_print_json(const struct probe_settings *settings, const struct probe_report *report, FILE *out)
{
    static const char *const verdicts[] = {"good", "doubtful", "bad", "unreachable"};
    struct json json = {.out = out};
    open_part(&json, NULL, '{');
    text(&json, "host", settings->target.host);
    number(&json, "port", settings->target.port);
    text(&json, "name", report->name);
    text(&json, "verdict", verdicts[report->verdict]);
    print_findings(&json, report);
    print_addresses(&json, report);
    print_tls(&json, report);
    print_chain(&json, &report->chain);
    print_staple(&json, &report->staple);
    print_client(&json, &report->client);
    print_http(&json, &report->http);
    print_websocket(&json, &report->websocket);
    print_survey(&json, &report->survey);
    close_part(&json, '}');
    fputc('\n', out);
}
