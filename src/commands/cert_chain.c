/* crossgate cert chain: the order in which servers send certificates. */
#include "cert.h"

#include "commands.h"

#include "crossgate/config.h"

#include <errno.h>
#include <stdlib.h>

struct chain_words {
    struct option_words files;
    const char *key;
    const char *out;
    bool force;
    bool json;
};

static void print_json(const struct pki_bag *bag, const struct pki_chain *chain, const struct pki_text *pem)
{
    struct pki_card card;
    struct arena *arena = arena_new();
    fputs("\n ],\n \"chain\": [", stdout);
    for (size_t i = 0; arena && i < chain->count && pki_bag_card(bag, chain->at[i], arena, &card); i++) {
        fputs(i > 0 ? ",\n  {\"file\": " : "\n  {\"file\": ", stdout);
        config_print_string(card.path, stdout);
        fputs(", \"subject\": ", stdout);
        config_print_string(card.subject, stdout);
        fputs(", \"sha256\": ", stdout);
        config_print_string(card.sha256 ? card.sha256 : "", stdout);
        putchar('}');
    }
    fputs("\n ],\n \"pem\": ", stdout);
    config_print_string(pem->at ? pem->at : "", stdout);
    printf(",\n \"ok\": %s}\n", chain->whole && pem->at ? "true" : "false");
    arena_free(arena);
}

/* What is sent, one line each, in order. */
static void print_order(const struct pki_bag *bag, const struct pki_chain *chain, FILE *out)
{
    struct pki_card card;
    struct arena *arena = arena_new();
    for (size_t i = 0; arena && i < chain->count && pki_bag_card(bag, chain->at[i], arena, &card); i++)
        fprintf(out, "%zu. %s (%s)\n", i + 1, card.subject, card.path);
    arena_free(arena);
}

static bool write_pem(const struct chain_words *words, const struct pki_text *pem, struct error *error)
{
    struct output file = {.path = words->out, .bytes = span_of(pem->at, pem->len), .mode = OUTPUT_PUBLIC};
    if (words->out)
        return outputs_write(&file, 1, words->force, error);
    if (words->json || (fwrite(pem->at, 1, pem->len, stdout) == pem->len && fflush(stdout) == 0))
        return true;
    error_set_errno(error, "stdout cannot be written");
    return false;
}

/* Nothing is written while something is missing. */
static bool put_in_order(const struct chain_words *words, const struct pki_bag *bag, struct pki_chain *chain,
                         struct pki_text *pem, struct findings *findings)
{
    struct error error = {0};
    if (!pki_bag_chain(bag, chain, &findings->problems))
        return false;
    if (!words->json)
        print_order(bag, chain, stderr);
    if (!chain->whole)
        return false;
    if (pki_chain_write(bag, chain, pem, &error) && write_pem(words, pem, &error))
        return true;
    problem_report(&findings->problems, PROBLEM_ERROR, "file", PROBLEM_WHOLE, NULL, "%s", error.text);
    return false;
}

static int run(const struct chain_words *words)
{
    struct findings findings;
    struct pki_chain chain = {.count = 0};
    struct pki_text pem = {0};
    findings_init(&findings, words->json ? stdout : stderr, words->json);
    if (words->json)
        fputs("{\"findings\": [", stdout);
    struct pki_bag *bag = cert_bag(words->files.at, words->files.count, &findings);
    bool worked = bag && (!words->key || cert_bag_add(bag, words->key, &findings)) &&
                  put_in_order(words, bag, &chain, &pem, &findings);
    if (words->json)
        print_json(bag, &chain, &pem);
    else if (worked && words->out)
        printf("made  %s: %zu certificate%s\n", words->out, chain.count, chain.count == 1 ? "" : "s");
    pki_text_free(&pem);
    pki_bag_free(bag);
    return worked && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cert_chain(int argc, char **argv)
{
    struct chain_words words = {.files = {.name = "FILE", .least = 1, .most = WORDS_MAX}};
    const struct option options[] = {
        {"--key", "FILE", "the server's private key: says which certificate is its own", &words.key, NULL},
        {"--out", "FILE", "default: stdout", &words.out, NULL},
        OPTION_FORCE(words),
        {"--json", NULL, "print one JSON document", NULL, &words.json},
    };
    const struct usage usage = {
        .command = "cert chain",
        .synopsis = "FILE... [OPTIONS]",
        .about =
            "Puts certificates in the order in which a server sends them: its own first, then each one's issuer; the\n"
            "root and duplicates are dropped, what does not belong is named, and what is missing is said, with the\n"
            "command to get it. FILEs are what the authority sent, in any order: PEM, DER or PKCS#7; - is stdin.\n\n"
            "Exit status: 0 if the chain is whole, 1 if not: then nothing is written.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &words.files,
        .examples = "  crossgate cert chain server.crt sub.class1.server.ca.pem --out .crossbar/server_cert.pem\n"
                    "  crossgate cert chain downloads/* --key .crossbar/server_key.pem > server_cert.pem\n"
                    "  curl -sS http://ca.example/issuer.der | crossgate cert chain server.crt - --out full.pem\n",
    };
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
    if (words.out && strcmp(words.out, "-") == 0)
        words.out = NULL;
    return run(&words);
}
