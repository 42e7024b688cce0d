/* crossgate cert verify: what clients would say of a server's certificate. */
#include "cert.h"

#include "colour.h"
#include "commands.h"

#include "crossgate/base/date.h"
#include "crossgate/config.h"

#include <stdlib.h>

struct verify_words {
    struct option_words files;
    const char *cbdir;
    const char *name;
    const char *key;
    const char *days;
    struct option_lines authorities;
    bool json;
};

/* The files of --ca in a bag. NULL: reported. */
static struct pki_bag *read_authorities(struct verify_words *words, struct findings *findings)
{
    char *rest = words->authorities.text;
    const char *path;
    struct pki_bag *bag = cert_bag(NULL, 0, findings);
    while (bag && option_next_line(&rest, &path)) {
        if (cert_bag_add(bag, path, findings))
            continue;
        pki_bag_free(bag);
        bag = NULL;
    }
    return bag;
}

/* Of the chain only what verifying does not say better itself. */
static bool find_chain(const struct pki_bag *bag, struct pki_chain *chain, struct findings *findings)
{
    findings->silent = (const char *const[]){"issuer", "missing", NULL};
    bool worked = pki_bag_chain(bag, chain, &findings->problems);
    findings->silent = NULL;
    return worked;
}

static bool verify(struct verify_words *words, const struct pki_bag *bag, struct pki_question *question,
                   struct pki_chain *chain, struct findings *findings)
{
    struct pki_bag *authorities = NULL;
    if (!find_chain(bag, chain, findings))
        return false;
    if (words->authorities.given)
        authorities = read_authorities(words, findings);
    question->authorities = authorities;
    bool worked =
        (!words->authorities.given || authorities) && pki_bag_verify(bag, chain, question, &findings->problems);
    pki_bag_free(authorities);
    return worked;
}

static void print_verdict(const struct pki_bag *bag, const struct pki_chain *chain, const struct verify_words *words,
                          bool good)
{
    struct pki_card card;
    char end[DATE_TEXT];
    bool colour = wants_colour(stdout);
    struct arena *arena = arena_new();
    if (chain->count == 0 || !arena || !pki_bag_card(bag, chain->at[0], arena, &card)) {
        arena_free(arena);
        return;
    }
    date_print(card.ends, end);
    printf("%s%s%s is %s", colour ? (good ? "\033[32m" : "\033[31m") : "", card.path, colour ? "\033[0m" : "",
           good ? "in order" : "not in order");
    printf(" for %s%s", words->name ? words->name : "", words->name ? "" : "its names");
    for (size_t i = 0; !words->name && i < card.names.count; i++)
        printf("%s%s", i > 0 ? ", " : ": ", card.names.at[i]);
    printf("; %s until %s\n", card.key ? card.key : "", end);
    arena_free(arena);
}

static int run(struct verify_words *words, struct pki_question *question, char *path)
{
    struct findings findings;
    struct pki_chain chain = {.count = 0};
    findings_init(&findings, stdout, words->json);
    if (words->json)
        fputs("{\"findings\": [", stdout);
    struct pki_bag *bag = words->files.count > 0 ? cert_bag(words->files.at, words->files.count, &findings)
                                                 : cert_bag(&path, 1, &findings);
    bool good = bag && (!words->key || cert_bag_add(bag, words->key, &findings)) &&
                verify(words, bag, question, &chain, &findings);
    if (words->json)
        printf("\n ],\n \"ok\": %s}\n", good ? "true" : "false");
    else
        print_verdict(bag, &chain, words, good);
    pki_bag_free(bag);
    return good && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cert_verify(int argc, char **argv)
{
    struct verify_words words = {.files = {.name = "FILE", .most = WORDS_MAX}};
    const struct option options[] = {
        OPTION_CBDIR(words),
        {"--name", "HOST", "what clients call the server: it must be among its names", &words.name, NULL},
        {"--key", "FILE", "the certificate must belong to this private key", &words.key, NULL},
        {"--ca", "FILE", "trust these authorities, not those of this system; may be\nrepeated", NULL,
         &words.authorities.given},
        {"--days", "N", "it must still be valid in N days", &words.days, NULL},
        {"--json", NULL, "print one JSON document", NULL, &words.json},
    };
    const struct usage usage = {
        .command = "cert verify",
        .synopsis = "[FILE...] [OPTIONS]",
        .about =
            "Says what a browser would say of a server that sends the certificates in FILEs "
            "(default: " CERT_SERVER_CERTIFICATE
            "\nof the node directory), and what to do about it: names, times, trust, strength, and what is missing.\n\n"
            "Exit status: 0 if it is in order, 1 if not.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &words.files,
        .examples = "  crossgate cert verify --name box1.example.com\n"
                    "  crossgate cert verify server_cert.pem --key server_key.pem --ca ca_cert.pem --name localhost\n"
                    "  crossgate cert verify --days 30 || echo renew          # for cron\n",
    };
    struct error error = {0};
    struct pki_question question = {0};
    char path[PATH_MAX] = "";
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    if (words.name && !pki_name_check(words.name, &error))
        return usage_refuse(&usage, "--name %s", error.text);
    if (words.days && !cert_number(&usage, "--days", words.days, 1, 36500, &question.days))
        return EXIT_USAGE;
    if (words.files.count == 0 && !cert_path(NULL, words.cbdir, CERT_SERVER_CERTIFICATE, path, &error))
        return cert_fail(&usage, &error);
    question.name = words.name;
    return run(&words, &question, path);
}
