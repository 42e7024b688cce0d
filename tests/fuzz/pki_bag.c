/* Arbitrary bytes as a file of `crossgate cert show`, `chain` and `verify`. */
#include "crossgate/pki.h"

#include <assert.h>

/* What people read must not lead their terminal astray. */
static void assert_printable(const char *text)
{
    for (; text && *text; text++)
        assert((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f);
}

static void hear(struct problems *problems, const struct problem *problem)
{
    (void)problems;
    assert_printable(problem->text);
    assert_printable(problem->remedy);
}

static void assert_words(const struct pki_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        assert_printable(words->at[i]);
}

static void look(const struct pki_bag *bag, struct arena *arena)
{
    struct pki_card card;
    for (size_t i = 0; i < pki_bag_count(bag); i++) {
        assert(pki_bag_card(bag, i, arena, &card));
        const char *const texts[] = {card.subject, card.issuer, card.serial, card.key, card.key_digest, card.signature};
        const struct pki_words *const words[] = {&card.names,       &card.uses,     &card.responders,
                                                 &card.issuer_urls, &card.crl_urls, &card.constraints};
        for (size_t n = 0; n < sizeof texts / sizeof texts[0]; n++)
            assert_printable(texts[n]);
        for (size_t n = 0; n < sizeof words / sizeof words[0]; n++)
            assert_words(words[n]);
    }
}

/* One list may not turn the fuzzer into a benchmark of signatures. */
enum { VERIFIED_MAX = 16 };

static void judge(const struct pki_bag *bag, struct problems *problems)
{
    struct pki_chain chain;
    struct pki_text text = {0};
    struct error error = {0};
    if (pki_bag_count(bag) > VERIFIED_MAX || !pki_bag_chain(bag, &chain, problems))
        return;
    assert(chain.count > 0 && chain.count <= pki_bag_count(bag));
    assert(pki_chain_write(bag, &chain, &text, &error));
    struct pki_question question = {.name = "localhost", .authorities = bag, .days = 30};
    unsigned before = problems->errors;
    assert(pki_bag_verify(bag, &chain, &question, problems) == (problems->errors == before));
    pki_text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problems problems = {.report = hear};
    struct pki_bag *bag = pki_bag_new();
    struct arena *arena = arena_new();
    struct pki_file file = {.path = "file", .bytes = span_of(data, size)};
    bool read = pki_bag_add(bag, &file, &problems);
    assert(read == (problems.errors == 0));
    look(bag, arena);
    judge(bag, &problems);
    arena_free(arena);
    pki_bag_free(bag);
    return 0;
}
