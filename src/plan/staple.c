/* OCSP responses: from a file that the configuration names, or from what the master has fetched. */
#include "settings.h"

#include "crossgate/base/date.h"

#include <time.h>

struct staple {
    struct config_reader *reader;
    const struct config_place *place;
    const struct staple_words *words;
    struct tls_context *context;
    size_t index;
    struct plan_staple *made;
};

static void warn(const struct staple *staple, const char *key, const char *remedy, const char *text)
{
    config_report(staple->reader, PROBLEM_WARNING, config_place_key(staple->reader, staple->place, key), remedy, "%s",
                  text);
}

/* ---- a file that is named */

/* A response that the configuration names is the operator's to renew. */
static const char *remedy_file(const struct staple *staple, const char *path)
{
    const struct pki_ocsp_wish *wish = &staple->made->wish;
    if (wish->url_count == 0)
        return "fetch a new one: openssl ocsp -issuer ISSUER.pem -cert CERTIFICATE -url URL -no_nonce -respout FILE";
    return config_format(staple->reader,
                         "fetch a new one: openssl ocsp -issuer ISSUER.pem -cert %s -url %s -no_nonce -respout %s; or "
                         "leave ocsp_response out, and it is fetched",
                         staple->made->certificate->path, wish->urls[0], path);
}

static const char *print_time(const struct staple *staple, int64_t when)
{
    char text[DATE_TEXT];
    return config_format(staple->reader, "%s", date_print(when, text));
}

/* Why it is not sent; NULL: it is. */
static const char *judge(const struct staple *staple, const struct pki_ocsp *facts)
{
    if (facts->ends <= (int64_t)time(NULL))
        return config_format(staple->reader, "it has ended on %s", print_time(staple, facts->ends));
    return facts->status == PKI_OCSP_UNKNOWN ? "the responder does not know the certificate" : NULL;
}

static void attach(const struct staple *staple, struct span response, const struct pki_ocsp *facts)
{
    if (!tls_context_staple(staple->context, staple->index, response, facts->ends)) {
        diagnostics_add_memory(staple->reader->diagnostics);
        return;
    }
    staple->made->facts = *facts;
    staple->made->is_sent = true;
}

/* Only what can never have worked is an error: a front door that stays shut since a response has ended helps nobody. */
static void use_file(const struct staple *staple, const struct pki_file *file)
{
    struct config_reader *reader = staple->reader;
    const struct config_place *place = config_place_key(reader, staple->place, "ocsp_response");
    const struct tls_certificate *certificate = staple->made->certificate;
    struct error error = {.class = ERROR_NONE};
    struct pki_ocsp facts;
    if (span_starts(file->bytes, SPAN("-----BEGIN"))) {
        config_report(
            reader, PROBLEM_ERROR, place,
            config_format(reader, "sed '/^-----/d' %s | openssl base64 -d -out %s.der", file->path, file->path),
            "%s is in PEM form; an OCSP response is binary (DER)", file->path);
        return;
    }
    bool good = pki_ocsp_read(file->bytes, certificate->leaf, staple->made->issuer, &facts, &error);
    const char *why = good ? judge(staple, &facts) : error.text;
    if (why)
        config_report(reader, PROBLEM_WARNING, place, remedy_file(staple, file->path), "%s is not sent: %s", file->path,
                      why);
    else
        attach(staple, file->bytes, &facts);
    if (!why && facts.status == PKI_OCSP_REVOKED)
        config_report(reader, PROBLEM_WARNING, place, "get another certificate, with another key",
                      "%s HAS BEEN REVOKED on %s, as the response says, which is sent: clients will refuse it",
                      certificate->path, print_time(staple, facts.revoked));
}

/* ---- one that the master has fetched */

static const char *state_path(struct builder *builder, const struct tls_certificate *certificate)
{
    char name[2 * sizeof certificate->digest + 1];
    for (size_t i = 0; i < sizeof certificate->digest; i++)
        snprintf(name + 2 * i, 3, "%02x", certificate->digest[i]);
    return config_format(&builder->reader, "%s/ocsp/%s.der", builder->plan->process.state, name);
}

/* What is wrong with it is for the master to put right, by fetching it again. */
static void use_fetched(const struct staple *staple)
{
    const struct tls_certificate *certificate = staple->made->certificate;
    struct error error = {.class = ERROR_NONE};
    struct source_file source;
    struct pki_ocsp facts;
    if (sources_file_if_any(builder_of(staple->reader)->sources, staple->made->path, &source, &error) &&
        source.bytes.at && pki_ocsp_read(source.bytes, certificate->leaf, staple->made->issuer, &facts, &error) &&
        !judge(staple, &facts))
        attach(staple, source.bytes, &facts);
}

/* ---- */

static void warn_of_must_staple(const struct staple *staple)
{
    const struct plan_staple *made = staple->made;
    static const char text[] = "the certificate is to be shown with an OCSP response only (must-staple), and there is "
                               "none: clients that heed it refuse the certificate";
    if (made->is_fetched)
        warn(staple, "certificate",
             config_format(staple->reader,
                           "one is fetched as soon as crossgate run serves; can this machine reach %s ?",
                           made->wish.urls[0]),
             text);
    else if (!staple->words->response && !staple->words->fetches)
        warn(staple, "ocsp_stapling", "leave ocsp_stapling out, or name a response: ocsp_response", text);
    else if (made->wish.url_count > 0 && made->issuer.len == 0)
        warn(staple, "certificate", "put the issuer's certificate into chain_certificates: it is needed to ask", text);
    else if (!staple->words->response)
        warn(staple, "certificate", "it names no responder that could be asked: name a response, ocsp_response", text);
}

/* The root is not sent, and so is not among what the context knows. */
static struct span find_issuer(struct builder *builder, const struct tls_certificate *certificate,
                               const struct staple_files *files)
{
    struct span issuer = certificate->issuer;
    struct arena *arena = builder->plan->arena;
    if (issuer.len == 0)
        issuer = pki_find_issuer(certificate->leaf, files->file, 1, arena);
    if (issuer.len == 0)
        issuer = pki_find_issuer(certificate->leaf, files->chain->at, files->chain->count, arena);
    return issuer;
}

/* A worker has no use for what it cannot send, and looking at each of many certificates takes it long. */
static bool has_use(struct builder *builder, const struct staple_words *words,
                    const struct tls_certificate *certificate)
{
    const char *path = state_path(builder, certificate);
    struct error error = {.class = ERROR_NONE};
    struct source_file source;
    return !sources_are_packed(builder->sources) || words->response ||
           (path && sources_file_if_any(builder->sources, path, &source, &error) && source.bytes.at);
}

void staple_build(struct config_reader *reader, const struct config_place *place, const struct staple_words *words,
                  const struct staple_files *files, struct tls_context *context, size_t index)
{
    struct builder *builder = builder_of(reader);
    const struct tls_certificate *certificates;
    struct pki_file file = {0};
    if (!context || index >= tls_context_certificates(context, &certificates) ||
        !has_use(builder, words, &certificates[index]))
        return;
    struct plan_staple *made = builder_alloc(builder, sizeof *made);
    if (!made)
        return;
    struct staple staple = {reader, place, words, context, index, made};
    made->certificate = &certificates[index];
    made->issuer = find_issuer(builder, made->certificate, files);
    pki_ocsp_look(made->certificate->leaf, &made->wish);
    made->is_fetched = words->fetches && !words->response && made->wish.url_count > 0 && made->issuer.len > 0;
    made->path = state_path(builder, made->certificate);
    if (made->is_fetched)
        use_fetched(&staple);
    else if (words->response &&
             builder_file(builder, config_place_key(reader, place, "ocsp_response"), words->response, &file))
        use_file(&staple, &file);
    if (made->wish.must_staple && !made->is_sent)
        warn_of_must_staple(&staple);
    if (made->is_fetched || made->is_sent || made->wish.must_staple) {
        made->next = builder->plan->staples;
        builder->plan->staples = made;
    }
}
