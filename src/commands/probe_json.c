#include "findings.h"
#include "probe_print.h"

#include "crossgate/base/date.h"

static void number_if(struct json *json, const char *name, int64_t value)
{
    if (value != 0)
        json_number(json, name, value);
    else
        json_word(json, name, "null");
}

static void answer(struct json *json, const char *name, enum probe_answer value)
{
    json_word(json, name, value == PROBE_UNKNOWN ? "null" : value == PROBE_YES ? "true" : "false");
}

static void milliseconds(struct json *json, const char *name, uint32_t us)
{
    char thousandths[32];
    snprintf(thousandths, sizeof thousandths, "%u.%03u", us / 1000, us % 1000);
    json_word(json, name, thousandths);
}

static void date(struct json *json, const char *name, int64_t seconds)
{
    char iso[DATE_TEXT] = "";
    json_text(json, name, seconds != 0 ? date_print_rfc3339(seconds, iso) : iso);
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
    json_open(json, "findings", '[');
    for (size_t i = 0; i < report->finding_count; i++) {
        json_open(json, NULL, '{');
        finding_print_json(json, &report->findings[i]);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void print_addresses(struct json *json, const struct probe_report *report)
{
    json_open(json, "addresses", '[');
    for (size_t i = 0; i < report->address_count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "address", report->addresses[i].text);
        json_truth(json, "used", i == report->used);
        json_text(json, "failure", report->addresses[i].failure);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void print_resumption(struct json *json, const char *name, const struct probe_resumption *resumption)
{
    json_open(json, name, '{');
    answer(json, "works", resumption->works);
    json_truth(json, "ticket", resumption->ticket);
    json_number(json, "tickets", resumption->tickets);
    number_if(json, "lifetime_s", resumption->lifetime);
    json_close(json, '}');
}

static void print_tls(struct json *json, const struct probe_report *report)
{
    const struct probe_tls *tls = &report->tls;
    json_open(json, "tls", '{');
    json_truth(json, "finished", tls->finished);
    json_text(json, "version", tls->version ? probe_version_name(tls->version) : "");
    json_text(json, "suite", tls->suite);
    json_text(json, "group", tls->group);
    json_text(json, "signature", tls->signature);
    json_text(json, "alpn", tls->alpn);
    answer(json, "h2", tls->h2);
    answer(json, "tls12", tls->tls12);
    answer(json, "secure_renegotiation", tls->secure_renegotiation);
    json_truth(json, "early_data", tls->early_data);
    print_resumption(json, "resumption_tls13", &tls->resumption13);
    print_resumption(json, "resumption_tls12", &tls->resumption12);
    milliseconds(json, "resolve_ms", tls->resolve_us);
    milliseconds(json, "connect_ms", tls->connect_us);
    milliseconds(json, "handshake_ms", tls->handshake_us);
    json_text(json, "failure", failure_word(report->failure));
    json_text(json, "failure_text", tls->failure);
    number_if(json, "alert", tls->alert);
    json_text(json, "excerpt", report->excerpt);
    json_close(json, '}');
}

static void print_certificate(struct json *json, const struct probe_certificate *one)
{
    json_open(json, NULL, '{');
    json_text(json, "subject", one->subject);
    json_text(json, "issuer", one->issuer);
    json_text(json, "serial", one->serial);
    json_text(json, "sha256", one->fingerprint);
    json_text(json, "key", one->key);
    json_text(json, "signature", one->signature);
    json_text(json, "issuer_url", one->issuer_url);
    date(json, "not_before", one->begin);
    date(json, "not_after", one->end);
    json_number(json, "days_left", one->days_left);
    json_truth(json, "self_signed", one->self_signed);
    json_truth(json, "weak_key", one->weak_key);
    json_truth(json, "weak_signature", one->weak_signature);
    json_close(json, '}');
}

static void print_list(struct json *json, const char *name, const char (*texts)[PROBE_TEXT], size_t count)
{
    json_open(json, name, '[');
    for (size_t i = 0; i < count; i++)
        json_text(json, NULL, texts[i]);
    json_close(json, ']');
}

static void print_chain(struct json *json, const struct probe_chain *chain)
{
    if (chain->count == 0) {
        json_word(json, "chain", "null");
        return;
    }
    json_open(json, "chain", '{');
    print_list(json, "names", chain->names, chain->name_count);
    json_truth(json, "name_matches", chain->name_matches);
    json_open(json, "sent", '[');
    for (size_t i = 0; i < chain->count; i++)
        print_certificate(json, &chain->sent[i]);
    json_close(json, ']');
    json_truth(json, "disordered", chain->disordered);
    json_truth(json, "root_sent", chain->root_sent);
    json_text(json, "surplus", chain->surplus);
    json_truth(json, "trusted", chain->trusted);
    print_list(json, "verified", chain->verified, chain->verified_count);
    json_text(json, "missing", chain->missing);
    json_text(json, "missing_url", chain->missing_url);
    json_text(json, "error", chain->error);
    json_truth(json, "must_staple", chain->must_staple);
    json_close(json, '}');
}

static void print_staple(struct json *json, const struct probe_staple *staple)
{
    if (!staple->sent) {
        json_word(json, "staple", "null");
        return;
    }
    json_open(json, "staple", '{');
    json_text(json, "status", staple->status);
    json_truth(json, "verified", staple->verified);
    date(json, "produced", staple->produced);
    date(json, "this_update", staple->begin);
    date(json, "next_update", staple->end);
    json_close(json, '}');
}

static void print_client(struct json *json, const struct probe_client_certificate *client)
{
    json_open(json, "client_certificate", '{');
    json_truth(json, "requested", client->requested);
    answer(json, "required", client->required);
    json_truth(json, "refused", client->refused);
    print_list(json, "authorities", client->authorities, client->count);
    json_close(json, '}');
}

static void print_http(struct json *json, const struct probe_http *http)
{
    if (!http->asked) {
        json_word(json, "http", "null");
        return;
    }
    json_open(json, "http", '{');
    json_text(json, "path", http->path);
    json_text(json, "failure", failure_word(http->failure));
    number_if(json, "status", http->status);
    json_text(json, "server", http->server);
    json_text(json, "location", http->location);
    json_text(json, "hsts", http->hsts);
    milliseconds(json, "answer_ms", http->answer_us);
    json_close(json, '}');
}

static void print_websocket(struct json *json, const struct probe_websocket *websocket)
{
    if (!websocket->asked) {
        json_word(json, "websocket", "null");
        return;
    }
    json_open(json, "websocket", '{');
    json_text(json, "path", websocket->path);
    json_text(json, "failure", failure_word(websocket->failure));
    number_if(json, "status", websocket->status);
    json_truth(json, "upgraded", websocket->upgraded);
    json_text(json, "subprotocol", websocket->subprotocol);
    json_text(json, "extensions", websocket->extensions);
    json_text(json, "location", websocket->location);
    milliseconds(json, "upgrade_ms", websocket->upgrade_us);
    if (websocket->ponged)
        milliseconds(json, "ping_ms", websocket->ping_us);
    else
        json_word(json, "ping_ms", "null");
    json_truth(json, "closed", websocket->closed);
    number_if(json, "close_code", websocket->close_code);
    json_text(json, "close_reason", websocket->close_reason);
    json_close(json, '}');
}

static const char *grade_word(enum probe_grade grade)
{
    static const char *const words[] = {"good", "old", "weak"};
    return words[grade];
}

static void print_version(struct json *json, const struct probe_survey *survey, const struct probe_version *version)
{
    json_open(json, NULL, '{');
    json_text(json, "version", probe_version_name(version->version));
    answer(json, "spoken", version->spoken);
    answer(json, "server_prefers", version->server_prefers);
    json_open(json, "suites", '[');
    for (size_t i = 0; i < survey->suite_count; i++) {
        const struct probe_suite *suite = &survey->suites[i];
        if (suite->version != version->version)
            continue;
        json_open(json, NULL, '{');
        json_text(json, "name", suite->name);
        json_number(json, "id", suite->id);
        json_text(json, "grade", grade_word(suite->grade));
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void print_survey(struct json *json, const struct probe_survey *survey)
{
    if (!survey->made) {
        json_word(json, "survey", "null");
        return;
    }
    json_open(json, "survey", '{');
    json_open(json, "versions", '[');
    for (size_t i = 0; i < PROBE_VERSIONS; i++)
        print_version(json, survey, &survey->versions[i]);
    json_close(json, ']');
    json_open(json, "groups", '[');
    for (size_t i = 0; i < survey->group_count; i++)
        json_text(json, NULL, survey->groups[i].name);
    json_close(json, ']');
    number_if(json, "dh_bits", survey->least_dh_bits);
    json_number(json, "handshakes", survey->handshakes);
    json_truth(json, "complete", !survey->cut_short);
    json_close(json, '}');
}

void probe_print_json(const struct probe_settings *settings, const struct probe_report *report, FILE *out)
{
    static const char *const verdicts[] = {"good", "doubtful", "bad", "unreachable"};
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_text(&json, "host", settings->target.host);
    json_number(&json, "port", settings->target.port);
    json_text(&json, "name", report->name);
    json_text(&json, "verdict", verdicts[report->verdict]);
    print_findings(&json, report);
    print_addresses(&json, report);
    print_tls(&json, report);
    print_chain(&json, &report->chain);
    print_staple(&json, &report->staple);
    print_client(&json, &report->client);
    print_http(&json, &report->http);
    print_websocket(&json, &report->websocket);
    print_survey(&json, &report->survey);
    json_close(&json, '}');
    fputc('\n', out);
}
