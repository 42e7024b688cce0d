#include "crossgate/base/challenge.h"

#include <stdio.h>
#include <stdlib.h>

#define DIGITS     "0123456789"
#define LOWER      "abcdefghijklmnopqrstuvwxyz"
#define UPPER      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define BASE64_URL UPPER LOWER DIGITS "-_"

static const char *const names[] = {[CHALLENGE_HTTP_01] = "http-01", [CHALLENGE_TLS_ALPN_01] = "tls-alpn-01"};

void challenge_print(const struct challenge *challenge, char text[CHALLENGE_TEXT])
{
    snprintf(text, CHALLENGE_TEXT, "%s %s %s %s", names[challenge->kind], challenge->name, challenge->token,
             challenge->proof);
}

/* Cuts a word off *rest and copies it. False: it is empty, does not fit, or has other characters than `allowed`. */
static bool take_word(struct span *rest, const char *allowed, char *word, size_t size)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->at, ' ', rest->len) : NULL;
    size_t length = end ? (size_t)(end - rest->at) : rest->len;
    if (length == 0 || length >= size)
        return false;
    memcpy(word, rest->at, length);
    word[length] = '\0';
    *rest = span_tail(*rest, length + 1);
    return strspn(word, allowed) == length;
}

static bool find_kind(const char *word, enum challenge_kind *kind)
{
    for (*kind = 0; *kind < CHALLENGE_KINDS; (*kind)++) {
        if (strcmp(word, names[*kind]) == 0)
            return true;
    }
    return false;
}

bool challenge_parse(struct span text, struct challenge *challenge)
{
    char kind[16];
    *challenge = (struct challenge){0};
    return text.len < CHALLENGE_TEXT && text.len > 0 && text.at[text.len - 1] != ' ' &&
           take_word(&text, LOWER DIGITS "-", kind, sizeof kind) && find_kind(kind, &challenge->kind) &&
           take_word(&text, LOWER DIGITS "-.", challenge->name, sizeof challenge->name) &&
           take_word(&text, BASE64_URL, challenge->token, sizeof challenge->token) &&
           take_word(&text, BASE64_URL ".", challenge->proof, sizeof challenge->proof) && text.len == 0;
}

/* ---- the table */

static bool is_same(const struct challenge *a, const struct challenge *b)
{
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 && strcmp(a->token, b->token) == 0 &&
           strcmp(a->proof, b->proof) == 0;
}

static size_t find(const struct challenges *table, const struct challenge *challenge)
{
    size_t i = 0;
    while (i < table->count && !is_same(&table->at[i], challenge))
        i++;
    return i;
}

bool challenges_add(struct challenges **table, const struct challenge *challenge)
{
    struct challenges *known = *table ? *table : calloc(1, sizeof *known);
    if (!known)
        return false;
    *table = known;
    if (find(known, challenge) < known->count)
        return true;
    if (known->count == CHALLENGES_MAX)
        return false;
    known->at[known->count++] = *challenge;
    return true;
}

void challenges_remove(struct challenges **table, const struct challenge *challenge)
{
    size_t index = *table ? find(*table, challenge) : 0;
    if (!*table || index == (*table)->count)
        return;
    (*table)->count--;
    memmove(&(*table)->at[index], &(*table)->at[index + 1], ((*table)->count - index) * sizeof(*table)->at[0]);
    if ((*table)->count == 0)
        challenges_deinit(table);
}

void challenges_deinit(struct challenges **table)
{
    free(*table);
    *table = NULL;
}

const struct challenge *challenges_by_token(const struct challenges *table, struct span token)
{
    for (size_t i = 0; table && i < table->count; i++) {
        const struct challenge *challenge = &table->at[i];
        if (challenge->kind == CHALLENGE_HTTP_01 && span_equal(span_string(challenge->token), token))
            return challenge;
    }
    return NULL;
}

const struct challenge *challenges_by_name(const struct challenges *table, struct span name)
{
    for (size_t i = table ? table->count : 0; i > 0; i--) {
        const struct challenge *challenge = &table->at[i - 1];
        if (challenge->kind == CHALLENGE_TLS_ALPN_01 && span_equal_nocase(span_string(challenge->name), name))
            return challenge;
    }
    return NULL;
}
