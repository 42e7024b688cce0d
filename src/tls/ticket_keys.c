/* Ticket keys as values: made, read from a file, wiped. */
#include "crossgate/tls.h"

#include "crossgate/pki/key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <assert.h>

/* Of a key in base64, with its last "=". */
enum { LINE_CHARACTERS = 108 };
static_assert(TLS_TICKET_KEYS_MAX == 8 && LINE_CHARACTERS == 108, "messages say so");

/* A file that is something else is not listed whole. */
enum { BAD_LINES_MAX = 3 };

static const char how_to_make[] = "openssl rand -base64 80 | tr -d '\\n'  # makes a key, which is one line";

bool tls_ticket_key_make(uint8_t key[TLS_TICKET_KEY])
{
    return RAND_priv_bytes(key, TLS_TICKET_KEY) == 1;
}

void tls_ticket_ring_wipe(struct tls_ticket_ring *ring)
{
    OPENSSL_cleanse(ring, sizeof *ring);
}

/* Of LINE_CHARACTERS. EVP_DecodeBlock would take padding anywhere, and skip blanks. */
static bool decode(struct span text, uint8_t key[TLS_TICKET_KEY])
{
    uint8_t bytes[TLS_TICKET_KEY + 1];
    bool padded = memchr(text.at, '=', text.len) == text.at + text.len - 1;
    bool decoded = padded && EVP_DecodeBlock(bytes, text.at, LINE_CHARACTERS) == (int)sizeof bytes;
    if (decoded)
        memcpy(key, bytes, TLS_TICKET_KEY);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return decoded;
}

/* Cuts a line off *rest: what is between blanks, before a comment. */
static struct span cut_line(struct span *rest)
{
    const uint8_t *end = memchr(rest->at, '\n', rest->len);
    struct span line = end ? span_of(rest->at, (size_t)(end - rest->at)) : *rest;
    *rest = span_tail(*rest, line.len + (end ? 1 : 0));
    const uint8_t *comment = line.len > 0 ? memchr(line.at, '#', line.len) : NULL;
    if (comment)
        line = span_head(line, (size_t)(comment - line.at));
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return span_trim(line);
}

/* By its name, which is what a ticket's key is found by. */
static bool is_known(const struct tls_ticket_ring *ring, const uint8_t *key)
{
    for (uint32_t i = 0; i < ring->count; i++) {
        if (memcmp(ring->keys[i], key, TLS_TICKET_KEY_NAME) == 0)
            return true;
    }
    return false;
}

/* What is wrong with a line; NULL: its key is `key`, which the ring has room for. */
static const char *refuse(const struct tls_ticket_ring *ring, struct span line, uint8_t key[TLS_TICKET_KEY],
                          const char **what_to_do)
{
    *what_to_do = how_to_make;
    if (line.len != LINE_CHARACTERS)
        return "a key has 108 characters, this line has not";
    if (!decode(line, key))
        return "this is not 80 bytes in base64";
    *what_to_do = "remove one of both";
    return is_known(ring, key) ? "this key is in the file twice" : NULL;
}

static bool add_line(struct tls_ticket_ring *ring, struct span line, unsigned number, const struct pki_place *place)
{
    const char *what_to_do = "remove the oldest: a key is of no use 12 hours after it was the first one",
               *wrong = "more keys than the 8 that can be used";
    if (ring->count < TLS_TICKET_KEYS_MAX)
        wrong = refuse(ring, line, ring->keys[ring->count], &what_to_do);
    if (wrong)
        pki_report(place, PROBLEM_ERROR, what_to_do, "%s:%u: %s", place->path, number, wrong);
    else
        ring->count++;
    return !wrong;
}

/* As nginx's ssl_session_ticket_key wants it. */
static bool is_raw_key(struct span bytes)
{
    bool binary = false;
    for (size_t i = 0; i < bytes.len && bytes.len == TLS_TICKET_KEY; i++)
        binary |= bytes.at[i] >= 0x80;
    return binary;
}

static bool add_lines(struct tls_ticket_ring *ring, struct span rest, const struct pki_place *place)
{
    unsigned bad = 0;
    for (unsigned number = 1; rest.len > 0 && bad < BAD_LINES_MAX; number++) {
        struct span line = cut_line(&rest);
        if (line.len > 0 && !add_line(ring, line, number, place))
            bad++;
    }
    return bad == 0;
}

static bool add_file(struct tls_ticket_ring *ring, const struct pki_file *file, const struct pki_place *place)
{
    char text[PKI_REMEDY_TEXT];
    if (is_raw_key(file->bytes)) {
        pki_report(place, PROBLEM_ERROR, pki_remedy(text, "base64 -w 0 %s > %s.base64", file->path, file->path),
                   "%s is a key in binary form: here it has to be in base64", file->path);
        return false;
    }
    if (!add_lines(ring, file->bytes, place))
        return false;
    if (ring->count == 0)
        pki_report(place, PROBLEM_ERROR, pki_remedy(text, "openssl rand -base64 80 | tr -d '\\n' > %s", file->path),
                   "%s has no key in it", file->path);
    return ring->count > 0;
}

bool tls_ticket_ring_read(struct tls_ticket_ring *ring, const struct pki_file *file, struct problems *problems)
{
    const struct pki_place place = {problems, "ticket_keys", PROBLEM_WHOLE, file->path};
    key_check_permissions(file, &place, "the keys of session tickets are");
    tls_ticket_ring_wipe(ring);
    if (add_file(ring, file, &place))
        return true;
    tls_ticket_ring_wipe(ring);
    return false;
}
