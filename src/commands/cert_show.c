/* crossgate cert show: what people look for in `openssl x509 -text` and its kin. */
#include "cert.h"

#include "colour.h"
#include "commands.h"

#include "crossgate/base/date.h"
#include "crossgate/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct show_words {
    struct option_words files;
    bool json;
};

/* All cards of a bag. */
struct cards {
    struct arena *arena;
    struct pki_card *at;
    size_t count;
};

static bool cards_init(struct cards *cards, const struct pki_bag *bag)
{
    *cards = (struct cards){.arena = arena_new()};
    if (!cards->arena)
        return false;
    cards->count = pki_bag_count(bag);
    cards->at = arena_alloc(cards->arena, cards->count * sizeof *cards->at);
    for (size_t i = 0; cards->at && i < cards->count; i++) {
        if (!pki_bag_card(bag, i, cards->arena, &cards->at[i]))
            return false;
    }
    return cards->at != NULL;
}

static const char *sort_name(enum pki_sort sort)
{
    static const char *const names[PKI_SORT_COUNT] = {
        [PKI_CERTIFICATE] = "certificate", [PKI_REQUEST] = "signing request",
        [PKI_KEY] = "private key",         [PKI_LOCKED_KEY] = "private key with a passphrase",
        [PKI_CRL] = "revocation list",     [PKI_GROUP] = "DH parameters",
    };
    return names[sort];
}

/* ---- for people */

static void print_row(const char *label, const char *text)
{
    if (text && *text)
        printf("  %-12s%s\n", label, text);
}

static void print_words(const char *label, const struct pki_words *words)
{
    if (words->count == 0)
        return;
    printf("  %-12s", label);
    for (size_t i = 0; i < words->count; i++)
        printf("%s%s", i > 0 ? ", " : "", words->at[i]);
    putchar('\n');
}

/* Fingerprints are compared by eye: two digits at a time. */
static void print_digest(const char *label, const char *hex)
{
    if (!hex)
        return;
    printf("  %-12s", label);
    for (size_t i = 0; hex[i]; i++)
        printf("%s%c", i > 0 && i % 2 == 0 ? ":" : "", hex[i]);
    putchar('\n');
}

/* What is over, and what is soon, in colour. */
static void print_validity(const struct pki_card *card)
{
    char begin[DATE_TEXT], end[DATE_TEXT];
    int64_t left = cert_days_left(card->ends);
    bool colour = wants_colour(stdout);
    date_print(card->begins, begin);
    date_print(card->ends, end);
    printf("  %-12s%s to %s: ", "valid", begin, end);
    printf("%s", !colour || left >= 30 ? "" : left < 0 ? "\033[1;31m" : "\033[1;33m");
    if (card->begins > (int64_t)time(NULL))
        printf("not yet");
    else if (left < 0)
        printf("EXPIRED %" PRId64 " days ago", -left - 1);
    else
        printf("%" PRId64 " days left", left);
    printf("%s\n", colour && left < 30 ? "\033[0m" : "");
}

/* "EC P-256, the one of server_key.pem": another file of the same key belongs to it. */
static void print_key(const struct cards *cards, const struct pki_card *card)
{
    if (!card->key)
        return;
    printf("  %-12s%s", "key", card->key);
    for (size_t i = 0; card->key_digest && i < cards->count; i++) {
        const struct pki_card *other = &cards->at[i];
        if (other != card && other->sort != card->sort && other->key_digest &&
            strcmp(other->key_digest, card->key_digest) == 0)
            printf(", that of the %s in %s", sort_name(other->sort), other->path);
    }
    putchar('\n');
}

static void print_authority(const struct pki_card *card)
{
    if (!card->authority)
        return;
    printf("  %-12syes", "authority");
    if (card->path_length >= 0)
        printf(", path length %d", card->path_length);
    putchar('\n');
}

static void print_card(const struct cards *cards, const struct pki_card *card)
{
    printf("%s: %s\n", card->path, sort_name(card->sort));
    print_words("names", &card->names);
    print_row("subject", card->subject);
    print_row("issuer", card->self_signed ? "itself: self-signed" : card->issuer);
    if (card->ends != 0)
        print_validity(card);
    print_key(cards, card);
    print_authority(card);
    print_words("bound to", &card->constraints);
    print_words("uses", &card->uses);
    print_row("staple", card->must_staple ? "must be sent (OCSP must-staple)" : NULL);
    print_words("OCSP", &card->responders);
    print_words("issuer at", &card->issuer_urls);
    print_words("CRL at", &card->crl_urls);
    print_row("signature", card->signature);
    if (card->sort == PKI_REQUEST)
        print_row("signed", card->good_signature ? "by its own key" : "NOT by its own key: it is damaged or forged");
    if (card->sort == PKI_CRL)
        printf("  %-12s%zu\n", "revoked", card->revoked);
    print_digest("serial", card->serial);
    print_digest("key SHA-256", card->key_digest);
    print_digest("SHA-256", card->sha256);
    print_digest("SHA-1", card->sha1);
    if (card->sort == PKI_LOCKED_KEY)
        print_row("to open it", "crossgate cert decrypt FILE");
}

static void print_cards(const struct cards *cards)
{
    for (size_t i = 0; i < cards->count; i++) {
        if (i > 0)
            putchar('\n');
        print_card(cards, &cards->at[i]);
    }
}

/* ---- for programs */

static void json_text(const char *name, const char *text)
{
    if (!text)
        return;
    printf(",\n  \"%s\": ", name);
    config_print_string(text, stdout);
}

static void json_words(const char *name, const struct pki_words *words)
{
    printf(",\n  \"%s\": [", name);
    for (size_t i = 0; i < words->count; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        config_print_string(words->at[i], stdout);
    }
    putchar(']');
}

static void json_bool(const char *name, bool value)
{
    printf(",\n  \"%s\": %s", name, value ? "true" : "false");
}

static void json_times(const struct pki_card *card)
{
    if (card->ends == 0)
        return;
    printf(",\n  \"begins\": %" PRId64 ",\n  \"ends\": %" PRId64 ",\n  \"days_left\": %" PRId64, card->begins,
           card->ends, cert_days_left(card->ends));
}

/* Members that every certificate and request has. */
static void json_extensions(const struct pki_card *card)
{
    json_words("names", &card->names);
    json_words("uses", &card->uses);
    json_words("constraints", &card->constraints);
    json_words("ocsp", &card->responders);
    json_words("issuer_urls", &card->issuer_urls);
    json_words("crl_urls", &card->crl_urls);
    json_bool("authority", card->authority);
    json_bool("must_staple", card->must_staple);
    if (card->path_length >= 0)
        printf(",\n  \"path_length\": %d", card->path_length);
}

static void json_card(const struct pki_card *card)
{
    fputs("{\"file\": ", stdout);
    config_print_string(card->path, stdout);
    json_text("sort", sort_name(card->sort));
    json_text("subject", card->subject);
    json_text("issuer", card->issuer);
    json_text("serial", card->serial);
    json_text("key", card->key);
    json_text("key_sha256", card->key_digest);
    json_text("signature", card->signature);
    json_text("sha256", card->sha256);
    json_text("sha1", card->sha1);
    json_times(card);
    if (card->sort == PKI_CERTIFICATE || card->sort == PKI_REQUEST)
        json_extensions(card);
    if (card->sort == PKI_CERTIFICATE)
        json_bool("self_signed", card->self_signed);
    if (card->sort == PKI_REQUEST)
        json_bool("good_signature", card->good_signature);
    if (card->sort == PKI_CRL)
        printf(",\n  \"revoked\": %zu", card->revoked);
    putchar('}');
}

static void json_cards(const struct cards *cards)
{
    putchar('[');
    for (size_t i = 0; i < cards->count; i++) {
        fputs(i > 0 ? ",\n " : "\n ", stdout);
        json_card(&cards->at[i]);
    }
    fputs("\n]\n", stdout);
}

static int run(const struct usage *usage, const struct show_words *words)
{
    struct findings findings;
    struct cards cards = {0};
    findings_init(&findings, stderr, false);
    struct pki_bag *bag = cert_bag(words->files.at, words->files.count, &findings);
    bool worked = bag && cards_init(&cards, bag);
    if (worked && words->json)
        json_cards(&cards);
    else if (worked)
        print_cards(&cards);
    else if (bag)
        fprintf(stderr, "crossgate %s: out of memory\n", usage->command);
    arena_free(cards.arena);
    pki_bag_free(bag);
    return worked && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cert_show(int argc, char **argv)
{
    struct show_words words = {.files = {.name = "FILE", .least = 1, .most = WORDS_MAX}};
    const struct option options[] = {{"--json", NULL, "print one JSON document", NULL, &words.json}};
    const struct usage usage = {
        .command = "cert show",
        .synopsis = "FILE... [OPTIONS]",
        .about =
            "Shows what is in certificates, signing requests, private keys (their public part), revocation lists and\n"
            "DH parameters: names, days left, key, issuer, uses, fingerprints. PEM, DER and PKCS#7; - is stdin. What\n"
            "has the same key, and so belongs together, is named.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &words.files,
        .examples =
            "  crossgate cert show .crossbar/server_cert.pem    # instead of openssl x509 -text -noout -in\n"
            "  crossgate cert show .crossbar/server_csr.pem     # instead of openssl req -text -noout -verify -in\n"
            "  crossgate cert show server_key.pem server_cert.pem --json\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    return run(&usage, &words);
}
