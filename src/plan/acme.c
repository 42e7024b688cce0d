/* Certificates that an authority issues to us (ACME, RFC 8555): what is asked for, and what there is already. */
#include "settings.h"

#include "crossgate/pki.h"

#include <ctype.h>
#include <stdlib.h>
#include <time.h>

/* As an order of Let's Encrypt has at most; all of them, and the authorities, travel to an errand in one packet. */
enum { DOMAINS_MAX = 100, AUTHORITIES_MAX = 65536 };

/* Of a self-signed certificate that is served until there is another. */
enum { PLACEHOLDER_DAYS = 90 };

/* Rows. */

static const struct {
    const char *name;
    const char *url;
} directories[] = {
    {"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"},
    {"letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"},
};

static const char *url_of(const char *directory)
{
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        if (!directory || strcmp(directory, directories[i].name) == 0)
            return directories[i].url;
    }
    return directory;
}

/* "ca.example.com:14000" */
static struct span host_of(const char *url)
{
    struct span rest = span_tail(span_string(url), strlen("https://"));

    return span_head(rest, strcspn((const char *)rest.at, "/"));
}

static bool fits_directory(const char *text)
{
    return strncmp(url_of(text), "https://", 8) == 0 && fits_https_url(url_of(text));
}

static const struct config_row domain_row = {
    .kind = CONFIG_STRING,
    .fits = fits_domain,
    .allowed = "a DNS name such as \"www.example.com\"; neither a wildcard nor an address can be proved by http-01 or "
               "tls-alpn-01",
    .remedy =
        "name each domain; for a wildcard let certbot or lego get the certificate by dns-01, and name it as `key` "
        "and `certificate`"};

static const struct config_row authority_row = {.kind = CONFIG_STRING, .fits = fits_path, .allowed = ALLOWED_PATH};

static bool fits_challenge(const char *text)
{
    return strcmp(text, "http-01") == 0 || strcmp(text, "tls-alpn-01") == 0;
}

static const struct config_row challenge_row = {
    .kind = CONFIG_STRING, .fits = fits_challenge, .allowed = "\"http-01\" or \"tls-alpn-01\""};

static const struct config_row rows[] = {
    {.key = "domains",
     .kind = CONFIG_LIST,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct acme_words, domains, struct config_items),
     .required = true,
     .single_too = true,
     .item = &domain_row,
     .min = 1,
     .max = DOMAINS_MAX,
     .remedy = "write a list: [\"www.example.com\"]",
     .doc = "DNS names that the certificate is for. The first one names its file."},
    {.key = "email",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct acme_words, email, const char *),
     .fits = fits_email,
     .allowed = "an address such as \"admin@example.com\"",
     .doc = "Where the authority may write to; there is one account for each authority."},
    {.key = "directory",
     .kind = CONFIG_STRING,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct acme_words, directory, const char *),
     .fits = fits_directory,
     .allowed = "\"letsencrypt\", \"letsencrypt-staging\" or the https:// URL of an ACME directory",
     .doc = "The authority; if absent, Let's Encrypt. Try `letsencrypt-staging` first: its certificates are trusted by "
            "nobody, but its limits are high."},
    {.key = "agree_tos",
     .kind = CONFIG_BOOL,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct acme_words, agree_tos, bool),
     .doc = "Whether you agree to the terms of service of the authority; must be true."},
    {.key = "ca_certificates",
     .kind = CONFIG_LIST,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct acme_words, ca_certificates, struct config_items),
     .item = &authority_row,
     .remedy = "write a list: [\"ca.pem\"]",
     .doc = "PEM files, to verify the directory's own server with instead of what the system trusts: for an authority "
            "of your own."},
    {.key = "challenges",
     .kind = CONFIG_LIST,
     .status = CONFIG_EXTENSION,
     .at = CONFIG_AT(struct acme_words, challenges, struct config_items),
     .item = &challenge_row,
     .min = 1,
     .remedy = "write a list: [\"http-01\"]",
     .doc =
         "How the domains may be proved: `http-01` (the authority asks port 80) or `tls-alpn-01` (it asks port 443). "
         "If absent, both, as far as a transport serves them."},
};

/* What is asked for. */

static bool check_terms(struct config_reader *reader, const struct config_place *place, const struct acme_words *words)
{
    if (words->agree_tos)
        return true;
    config_report(
        reader, PROBLEM_ERROR, config_place_key(reader, place, "agree_tos"),
        "read the terms, for Let's Encrypt at https://letsencrypt.org/repository/, and write \"agree_tos\": "
        "true",
        "agree_tos must be true: an authority issues certificates only to who agrees to its terms of service");
    return false;
}

/* In lower case, each once. False: memory is out. */
static bool set_domains(struct config_reader *reader, const struct config_items *domains, struct plan_acme *acme)
{
    const char **names = config_alloc(reader, domains->count * sizeof *names);

    for (size_t i = 0; names && i < domains->count; i++) {
        char *name = config_alloc(reader, strlen(domains->at[i].string) + 1);
        bool known = false;
        if (!name)
            return false;
        for (size_t j = 0; domains->at[i].string[j]; j++)
            name[j] = (char)tolower((unsigned char)domains->at[i].string[j]);
        for (size_t j = 0; j < acme->domain_count; j++)
            known |= strcmp(names[j], name) == 0;
        if (!known)
            names[acme->domain_count++] = name;
    }
    acme->domains = names;
    return names != NULL;
}

/* All files in one text. False: reported. */
static bool set_authorities(struct config_reader *reader, const struct config_place *place,
                            const struct config_items *files, struct plan_acme *acme)
{
    uint8_t *text = files->count > 0 ? config_alloc(reader, AUTHORITIES_MAX) : NULL;
    size_t used = 0;

    for (size_t i = 0; text && i < files->count; i++) {
        struct pki_file file = {0};
        if (!builder_file(builder_of(reader), files->at[i].place, files->at[i].string, &file))
            return false;
        if (file.bytes.len >= AUTHORITIES_MAX - used) {
            config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "ca_certificates"),
                          "name only the root that has issued the directory's own certificate",
                          "the ca_certificates have more than %d bytes together", AUTHORITIES_MAX);
            return false;
        }
        memcpy(text + used, file.bytes.at, file.bytes.len);
        used += file.bytes.len;
        text[used++] = '\n';
    }
    acme->authorities = span_of(text, used);
    return text || files->count == 0;
}

static void set_challenges(const struct config_items *challenges, struct plan_acme *acme)
{
    acme->chosen = challenges->given;
    for (size_t i = 0; i < challenges->count; i++) {
        bool http = strcmp(challenges->at[i].string, "http-01") == 0;
        acme->http_01 |= http;
        acme->tls_alpn_01 |= !http;
    }
}

static void set_paths(struct config_reader *reader, struct plan_acme *acme)
{
    const char *state = builder_of(reader)->plan->process.state;
    struct span host = host_of(acme->directory);

    acme->account = config_format(reader, "%s/acme/%.*s/account.key", state, SPAN_ARGS(host));
    acme->path = config_format(reader, "%s/acme/%.*s/%s.pem", state, SPAN_ARGS(host), acme->domains[0]);
}

/* What there is. */

static bool is_pair(struct span bytes, struct plan_acme *acme, struct config_reader *reader, struct error *error)
{
    struct pki_pair pair;

    if (!pki_pair_read(bytes, &pair, error))
        return false;
    acme->begins = pair.begins;
    acme->ends = pair.ends;
    acme->fits = pki_pair_covers(&pair, acme->domains, acme->domain_count);
    acme->leaf = config_format(reader, "%s", pair.leaf.at);
    pki_text_free(&pair.leaf);
    return true;
}

static bool make_placeholder(const struct plan_acme *acme, struct pki_text *key, struct pki_text *certificate,
                             struct error *error)
{
    const struct pki_order order = {
        .use = PKI_USE_SERVER, .names = acme->domains, .name_count = acme->domain_count, .days = PLACEHOLDER_DAYS};

    return pki_make_key(PKI_KEY_P256, key, error) &&
           pki_make_certificate(&order, span_of(key->at, key->len), &(struct pki_signer){0}, certificate, error);
}

static bool keep_placeholder(struct sources *sources, const char *name, const struct pki_text *key,
                             const struct pki_text *certificate)
{
    size_t length = key->len + certificate->len;
    char *both = malloc(length);
    bool kept = false;

    if (both) {
        memcpy(both, key->at, key->len);
        memcpy(both + key->len, certificate->at, certificate->len);
        kept = sources_keep_made(sources, name, span_of(both, length));
        explicit_bzero(both, length);
    }
    free(both);
    return kept;
}

/* Whether the one that there is will do: in a worker always. In the master it comes from the plan before, so that a reload shows
 * nobody who has agreed to it another one; it may be for other domains, or have ended. */
static bool have_placeholder(const struct sources *sources, const char *name, struct plan_acme *acme)
{
    struct error error = {.class = ERROR_NONE};
    struct pki_pair pair;

    if (!sources_made(sources, name, &acme->pair.bytes))
        return false;
    if (sources_are_packed(sources))
        return true;
    bool fits = pki_pair_read(acme->pair.bytes, &pair, &error) && pair.ends > (int64_t)time(NULL) &&
                pki_pair_covers(&pair, acme->domains, acme->domain_count);
    pki_text_free(&pair.leaf);
    return fits;
}

/* Self-signed, in memory only; the workers get the one that the master has made. */
static bool use_placeholder(struct builder *builder, struct plan_acme *acme, struct error *error)
{
    const char *name = config_format(&builder->reader, "the placeholder for %s", acme->path);
    struct pki_text key = {0}, certificate = {0};
    bool worked = false;

    acme->placeholder = true;
    acme->pair.path = name;
    if (have_placeholder(builder->sources, name, acme))
        return true;
    if (make_placeholder(acme, &key, &certificate, error))
        worked = keep_placeholder(builder->sources, name, &key, &certificate) &&
                 sources_made(builder->sources, name, &acme->pair.bytes);
    pki_text_free(&key);
    pki_text_free(&certificate);
    return worked;
}

/* The pair that was issued, even if it is for other domains or has expired: of more use than one that nobody trusts. */
static bool read_state(struct config_reader *reader, const struct config_place *place, struct plan_acme *acme)
{
    struct error error = {.class = ERROR_NONE}, damage = {.class = ERROR_NONE};
    struct builder *builder = builder_of(reader);
    struct source_file file;

    if (!sources_file_if_any(builder->sources, acme->path, &file, &error)) {
        config_report(reader, PROBLEM_ERROR, place, builder_path_remedy(builder, acme->path, &error), "%s", error.text);
        return false;
    }
    if (file.bytes.at && is_pair(file.bytes, acme, reader, &damage)) {
        acme->pair = (struct pki_file){acme->path, file.bytes, file.mode, file.owner};
        return true;
    }
    if (file.bytes.at)
        config_report(reader, PROBLEM_WARNING, place, "it will be replaced by one that the authority issues",
                      "%s is not used: %s", acme->path, damage.text);
    if (use_placeholder(builder, acme, &error))
        return true;
    config_report(reader, PROBLEM_ERROR, place, NULL, "no placeholder can be made: %s",
                  error.class == ERROR_NONE ? "out of memory" : error.text);
    return false;
}

/* One for each file. */

static bool same_domains(const struct plan_acme *a, const struct plan_acme *b)
{
    if (a->domain_count != b->domain_count)
        return false;
    for (size_t i = 0; i < a->domain_count; i++) {
        if (strcmp(a->domains[i], b->domains[i]) != 0)
            return false;
    }
    return true;
}

static bool check_account(struct config_reader *reader, const struct config_place *place, const struct plan_acme *acme,
                          const struct plan_acme *other)
{
    const char *ours = acme->email ? acme->email : "", *theirs = other->email ? other->email : "";

    if (strcmp(acme->account, other->account) != 0 || strcmp(ours, theirs) == 0)
        return true;
    config_report(reader, PROBLEM_ERROR, config_place_key(reader, place, "email"),
                  "write the same email in each `acme` with this directory",
                  "there is one account at %.*s for all, and another `acme` has %s%s for it",
                  SPAN_ARGS(host_of(acme->directory)), other->email ? "the email " : "no email", theirs);
    return false;
}

static bool same_means(const struct plan_acme *a, const struct plan_acme *b)
{
    return span_equal(a->authorities, b->authorities) && a->chosen == b->chosen && a->http_01 == b->http_01 &&
           a->tls_alpn_01 == b->tls_alpn_01;
}

/* What keeps both from being one, or NULL. */
static const char *differing(const struct plan_acme *a, const struct plan_acme *b)
{
    if (!same_domains(a, b))
        return "other domains";
    if (strcmp(a->directory, b->directory) != 0)
        return "another directory of that host";
    return same_means(a, b) ? NULL : "other challenges or ca_certificates";
}

/* The same certificate asked for by another endpoint; NULL: there is none, or it is reported why that cannot be. */
static struct plan_acme *find_shared(struct config_reader *reader, const struct config_place *place,
                                     const struct plan_acme *acme, bool *wrong)
{
    for (struct acme_entry *entry = builder_of(reader)->acmes; entry; entry = entry->next) {
        struct plan_acme *other = entry->acme;
        *wrong |= !check_account(reader, place, acme, other);
        if (strcmp(acme->path, other->path) != 0)
            continue;
        const char *but = differing(acme, other);
        if (!but)
            return other;
        config_report(reader, PROBLEM_ERROR, place,
                      "write the same in both, then they share the certificate, or begin with different domains",
                      "another `acme` has the first domain %s, but %s", acme->domains[0], but);
        *wrong = true;
    }
    return NULL;
}

static struct plan_acme *add(struct config_reader *reader, const struct config_place *place, struct plan_acme *acme)
{
    struct builder *builder = builder_of(reader);
    struct acme_entry *entry = config_alloc(reader, sizeof *entry);

    if (!entry || !read_state(reader, place, acme))
        return NULL;
    *entry = (struct acme_entry){.next = builder->acmes, .place = place, .acme = acme};
    builder->acmes = entry;
    acme->next = builder->plan->acmes;
    builder->plan->acmes = acme;
    return acme;
}

static void finish(struct config_reader *reader, const struct config_place *place, void *settings)
{
    struct acme_words *words = settings;
    struct plan_acme *acme = config_alloc(reader, sizeof *acme);
    bool wrong = false;

    if (!check_terms(reader, place, words) || !acme || !set_domains(reader, &words->domains, acme) ||
        !set_authorities(reader, place, &words->ca_certificates, acme))
        return;
    acme->email = words->email;
    acme->directory = url_of(words->directory);
    set_challenges(&words->challenges, acme);
    set_paths(reader, acme);
    struct plan_acme *shared = find_shared(reader, place, acme, &wrong);
    if (!wrong)
        words->made = shared ? shared : add(reader, place, acme);
}

const struct config_object acme_object = {
    .name = "tls.acme",
    CONFIG_ROWS(rows),
    .size = sizeof(struct acme_words),
    .finish = finish,
    .doc = "A certificate that is got, and renewed, from Let's Encrypt or another authority that speaks ACME (RFC "
           "8555). A "
           "self-signed one is served until the first is issued. What the authority asks for to verify the domains is "
           "answered on every transport, before its paths are looked at. Key and certificates are kept together in one "
           "file, `acme/HOST OF THE DIRECTORY/FIRST DOMAIN.pem` below `crossgate.state`, so that they always belong to "
           "each other; beside it is the key of the account, `account.key`. Extension.",
};

static void report(struct problems *self, const struct problem *problem)
{
    const struct acme_problems *problems = CONTAINER_OF(self, struct acme_problems, problems);
    struct problem ours = *problem;

    if (problems->issued && problem->key &&
        (strcmp(problem->key, "key") == 0 || strcmp(problem->key, "certificate") == 0)) {
        if (problems->placeholder && problem->severity == PROBLEM_NOTE)
            return;
        ours.key = "acme";
        if (strcmp(problem->key, "certificate") == 0)
            ours.remedy =
                "it is got again by itself; what keeps it from that is in the log, and told by: crossgate status";
    }
    problems->whole->report(problems->whole, &ours);
}

void acme_problems_init(struct acme_problems *problems, struct problems *whole, const struct acme_words *words)
{
    *problems = (struct acme_problems){
        .problems = {.report = report, .vouched = whole->vouched},
        .whole = whole,
        .issued = words != NULL,
        .placeholder = words && words->made && words->made->placeholder,
    };
}

/* What will become of it: known when all transports are. */

static const struct plan_transport *find_plain(const struct plan *plan, uint16_t port)
{
    for (size_t i = 0; i < plan->transport_count; i++) {
        const struct plan_transport *transport = &plan->transports[i];
        if (!transport->tls && transport->site.root && transport->where.kind == NET_TCP &&
            (port == 0 || transport->where.port == port))
            return transport;
    }
    return NULL;
}

static bool has_secure(const struct plan *plan, uint16_t port)
{
    for (size_t i = 0; i < plan->transport_count; i++) {
        if (plan->transports[i].tls && plan->transports[i].where.port == port)
            return true;
    }
    return false;
}

static const char *describe_pair(struct config_reader *reader, const struct plan_acme *acme)
{
    time_t ends = (time_t)acme->ends;
    struct tm utc;
    char date[32] = "";

    if (acme->placeholder)
        return "a self-signed certificate is served until the authority has issued one";
    if (!acme->fits)
        return "the certificate that there is does not hold all domains: another one will be ordered";
    if (gmtime_r(&ends, &utc))
        strftime(date, sizeof date, "%Y-%m-%d", &utc);
    return config_format(reader, "the certificate that there is ends at %s, and is renewed before", date);
}

static const char *describe_challenges(struct config_reader *reader, const struct plan *plan,
                                       const struct plan_acme *acme)
{
    const char *http = find_plain(plan, 80) ? "" : ", which has to lead to a plain transport here";
    const char *tls = has_secure(plan, 443) ? "" : ", which has to lead to a TLS transport here";

    return config_format(reader, "%s%s%s%s%s", acme->http_01 ? "by http-01 on port 80" : "", acme->http_01 ? http : "",
                         acme->http_01 && acme->tls_alpn_01 ? ", or " : "",
                         acme->tls_alpn_01 ? "by tls-alpn-01 on port 443" : "", acme->tls_alpn_01 ? tls : "");
}

void acme_finish(struct builder *builder)
{
    struct config_reader *reader = &builder->reader;
    struct plan *plan = builder->plan;

    for (struct acme_entry *entry = builder->acmes; entry; entry = entry->next) {
        struct plan_acme *acme = entry->acme;
        bool plain = find_plain(plan, 0) != NULL;
        if (!acme->chosen) {
            acme->http_01 = plain;
            acme->tls_alpn_01 = true;
        }
        config_report(reader, PROBLEM_NOTE, entry->place, NULL, "%s; %.*s verifies the domains %s",
                      describe_pair(reader, acme), SPAN_ARGS(host_of(acme->directory)),
                      describe_challenges(reader, plan, acme));
        if (acme->http_01 && !acme->tls_alpn_01 && !plain)
            config_report(
                reader, PROBLEM_WARNING, config_place_key(reader, entry->place, "challenges"),
                "add a transport of type web without tls on port 80, or allow tls-alpn-01",
                "http-01 is asked for in plain, and no transport is plain: it is answered only if who has port "
                "80 redirects to here");
    }
    for (size_t i = 0; plan->acmes && i < plan->transport_count; i++) {
        struct http_site *site = &plan->transports[i].site;
        if (site->root)
            site->root = builder_keep_service(builder, challenge_service_new(plan->arena, site->root));
    }
}
