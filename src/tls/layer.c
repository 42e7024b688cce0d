#include "layer.h"

#include "message.h"
#include "protection.h"
#include "tickets.h"

#include <openssl/err.h>

#include <stdlib.h>

/* Messages of the handshake that may come behind it (RFC 8446 section 4, RFC 5246 section 7.4). */
enum { HELLO_REQUEST = 0, CLIENT_HELLO = 1, NEW_SESSION_TICKET = 4, KEY_UPDATE = 24 };

/* A ticket of 64 KiB, and as many extensions. */
enum { MESSAGE_MAX = 1 << 18 };

/* Records in a row that bring nothing: empty ones, warnings, wishes to begin anew. Each costs as much as one with content. */
enum { IN_VAIN_MAX = 32 };

/* With one key of AES-GCM (RFC 8446 section 5.5). */
enum { RECORDS_OF_A_KEY = 1 << 24 };

enum { WARNING = 1, FATAL = 2, ALERT_BYTES = 2 };

struct layer {
    struct records records;
    struct protection in, out;
    SSL *ssl;                /* NULL: no ticket is owed */
    uint8_t *partial;        /* a record that has not come whole; NULL: none */
    uint16_t partial_length; /* as far as it has come */
    uint16_t content_max;    /* of a record, either way */
    uint8_t in_vain;         /* records in a row that brought nothing */
    bool owes_key_update;    /* ours is to be said before the next content */
    struct message message;  /* of the handshake */
};

static struct layer *layer_of(struct records *records)
{
    return CONTAINER_OF(records, struct layer, records);
}

static struct tls_sealer *sealer_of(const struct layer *self)
{
    return self->records.pipe->loop->sealer;
}

static bool is_tls13(const struct layer *self)
{
    return self->in.digest != NULL;
}

/* -- failing -- */

/* What OpenSSL has to say of it is not for the next who asks (error.h). */
static bool lack_memory(struct tls_fault *fault)
{
    ERR_clear_error();
    *fault = (struct tls_fault){ENDING_MEMORY, NULL};
    return false;
}

/* -- sending -- */

/* Made where it is queued. Where there is no room it is made aside: the stream below is ending, or ends for want of memory. */
static bool send_record(struct layer *self, enum content_type type, struct span content, struct tls_fault *fault)
{
    struct pipe *pipe = self->records.pipe;
    struct tls_sealer *sealer = sealer_of(self);
    uint8_t *room = stream_reserve(pipe->below, content.len + RECORD_EXPANSION_MAX);
    uint8_t *aside = sealer_room_to_seal(sealer);
    size_t length = protection_seal(&self->out, sealer, type, content, room ? room : aside);
    if (room)
        pipe_commit(pipe, length);
    else
        pipe_send(pipe, span_of(aside, length));
    return length > 0 || lack_memory(fault);
}

/* Without the memory for it the peer is not told. */
static void send_alert(struct layer *self, uint8_t level, uint8_t description)
{
    const uint8_t alert[ALERT_BYTES] = {level, description};
    struct tls_fault untold;
    (void)send_record(self, CONTENT_ALERT, span_of(alert, sizeof alert), &untold);
}

static enum tls_outcome refuse(struct layer *self, uint8_t alert, const char *detail, struct tls_fault *fault)
{
    send_alert(self, FATAL, alert);
    *fault = records_broken(&self->records, detail);
    return TLS_FAILED;
}

/* RFC 8446 section 4.6.3. */
static bool send_key_update(struct layer *self, struct tls_fault *fault)
{
    static const uint8_t message[] = {KEY_UPDATE, 0, 0, 1, SSL_KEY_UPDATE_NOT_REQUESTED};
    self->owes_key_update = false;
    return send_record(self, CONTENT_HANDSHAKE, span_of(message, sizeof message), fault) &&
           (protection_renew(&self->out, sealer_of(self)) || lack_memory(fault));
}

static bool layer_write(struct records *records, struct span content, struct tls_fault *fault)
{
    struct layer *self = layer_of(records);
    while (content.len > 0) {
        bool is_worn = is_tls13(self) && self->out.sequence >= RECORDS_OF_A_KEY;
        if ((self->owes_key_update || is_worn) && !send_key_update(self, fault))
            return false;
        const struct span part = span_head(content, self->content_max);
        if (!send_record(self, CONTENT_APPLICATION_DATA, part, fault))
            return false;
        content = span_tail(content, part.len);
    }
    return true;
}

static void layer_close(struct records *records)
{
    send_alert(layer_of(records), WARNING, SSL_AD_CLOSE_NOTIFY);
}

/* -- the ticket -- */

static void forget_ssl(struct layer *self)
{
    SSL_free(self->ssl);
    self->ssl = NULL;
}

/* How many records these are, which are whole. */
static uint64_t count_records(struct span bytes)
{
    uint64_t count = 0;
    for (; bytes.len >= RECORD_HEAD; count++)
        bytes = span_tail(bytes, RECORD_HEAD + ((size_t)bytes.at[3] << 8 | bytes.at[4]));
    return count;
}

/* What OpenSSL writes is taken from it: the sequence goes on behind it. */
static bool layer_give_ticket(struct records *records, struct tls_fault *fault)
{
    struct layer *self = layer_of(records);
    BIO *written = BIO_new(BIO_s_mem());
    char *at = NULL;
    if (!written)
        return lack_memory(fault);
    SSL_set0_wbio(self->ssl, written);
    tls_outcome_prepare();
    tickets_give(self->ssl);
    bool worked = tls_outcome_of(self->ssl, SSL_do_handshake(self->ssl), records->role, true, fault) == TLS_DONE;
    long length = BIO_get_mem_data(written, &at);
    const struct span ticket = span_of(at, length > 0 ? (size_t)length : 0);
    self->out.sequence += count_records(ticket);
    pipe_send(records->pipe, ticket);
    forget_ssl(self);
    return worked;
}

/* -- receiving: alerts -- */

/* As OpenSSL words it. */
static const char *text_of_alert(uint8_t description)
{
    return ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + description));
}

/* RFC 8446 section 6: no alert but these two leaves a connection of TLS 1.3 in being, whatever its level. */
static bool is_harmless(const struct layer *self, struct span alert)
{
    return is_tls13(self) ? alert.at[1] == SSL_AD_USER_CANCELLED : alert.at[0] == WARNING;
}

static enum tls_outcome hear_alert(struct layer *self, struct span alert, struct tls_fault *fault)
{
    if (alert.len == 0)
        return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "an empty record", fault);
    if (alert.len != ALERT_BYTES)
        return refuse(self, SSL_AD_DECODE_ERROR, "an alert of another length than it has", fault);
    if (alert.at[1] == SSL_AD_CLOSE_NOTIFY)
        return TLS_CLOSED;
    if (is_harmless(self, alert))
        return TLS_NEEDS_BYTES;
    *fault = records_broken(&self->records, text_of_alert(alert.at[1]));
    return TLS_FAILED;
}

/* -- receiving: messages of the handshake -- */

/* Ours is not said at once: whoever asks again and again gets one answer. */
static enum tls_outcome follow_key_update(struct layer *self, bool is_last, struct tls_fault *fault)
{
    const uint8_t request = self->message.last;
    if (!is_last)
        return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "bytes behind a key update", fault);
    if (request != SSL_KEY_UPDATE_NOT_REQUESTED && request != SSL_KEY_UPDATE_REQUESTED)
        return refuse(self, SSL_AD_ILLEGAL_PARAMETER, "a key update of another kind than there is", fault);
    self->records.key_updates++;
    if (records_have_too_many_key_updates(&self->records))
        return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, records_too_many_key_updates, fault);
    self->owes_key_update |= request == SSL_KEY_UPDATE_REQUESTED;
    if (protection_renew(&self->in, sealer_of(self)))
        return TLS_NEEDS_BYTES;
    lack_memory(fault);
    return TLS_FAILED;
}

static enum tls_outcome expect_message(struct layer *self, struct tls_fault *fault)
{
    const uint8_t type = self->message.type;
    const bool is_client = self->records.role == TLS_CLIENT;
    bool is_expected = is_tls13(self) ? type == KEY_UPDATE || (is_client && type == NEW_SESSION_TICKET)
                                      : type == (is_client ? HELLO_REQUEST : CLIENT_HELLO);
    if (!is_expected)
        return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "a message that belongs to the handshake", fault);
    if (self->message.left > MESSAGE_MAX || (type == KEY_UPDATE && self->message.left != 1))
        return refuse(self, SSL_AD_DECODE_ERROR, "a message of another length than it has", fault);
    return TLS_NEEDS_BYTES;
}

/* We renegotiate with nobody (RFC 5246 section 7.2.2). A record has one answer, however many wishes are in it. */
static enum tls_outcome refuse_renegotiation(struct layer *self, struct span *rest)
{
    send_alert(self, WARNING, SSL_AD_NO_RENEGOTIATION);
    self->in_vain++;
    *rest = (struct span){0};
    return TLS_NEEDS_BYTES;
}

/* `rest` is behind the message in its record. As a client we resume no session. */
static enum tls_outcome follow_message(struct layer *self, struct span *rest, struct tls_fault *fault)
{
    if (!is_tls13(self))
        return refuse_renegotiation(self, rest);
    return self->message.type == KEY_UPDATE ? follow_key_update(self, rest->len == 0, fault) : TLS_NEEDS_BYTES;
}

/* An empty record is none of these (RFC 8446 section 5.1). */
static enum tls_outcome hear_handshake(struct layer *self, struct span bytes, struct tls_fault *fault)
{
    enum tls_outcome came_to = TLS_NEEDS_BYTES;
    enum message_step step;
    if (bytes.len == 0)
        return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "an empty record", fault);
    while (came_to == TLS_NEEDS_BYTES && (step = message_take(&self->message, &bytes)) != MESSAGE_NEEDS_BYTES)
        came_to = step == MESSAGE_BEGUN ? expect_message(self, fault) : follow_message(self, &bytes, fault);
    return came_to;
}

/* -- receiving: records -- */

/* What is there of a record, until it is whole. */
static bool keep(struct layer *self, struct span part, struct tls_fault *fault)
{
    uint8_t *partial = realloc(self->partial, self->partial_length + part.len);
    if (!partial)
        return lack_memory(fault);
    memcpy(partial + self->partial_length, part.at, part.len);
    self->partial = partial;
    self->partial_length = (uint16_t)(self->partial_length + part.len);
    return true;
}

/* What is of another type was never protected. */
static bool has_type(const struct layer *self, const uint8_t *head)
{
    return is_tls13(self) ? head[0] == CONTENT_APPLICATION_DATA
                          : head[0] >= CONTENT_CHANGE_CIPHER_SPEC && head[0] <= CONTENT_APPLICATION_DATA;
}

/* Of the record that begins there; *whole is 0 while the head has not come. False: it is refused. */
static bool measure(struct layer *self, struct span bytes, size_t *whole, struct tls_fault *fault)
{
    *whole = 0;
    if (bytes.len < RECORD_HEAD)
        return true;
    *whole = protection_record_length(&self->in, bytes.at);
    if (!has_type(self, bytes.at))
        refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "a record that is not protected", fault);
    else if (*whole == 0)
        refuse(self, SSL_AD_RECORD_OVERFLOW, "a record that is too long", fault);
    else
        return true;
    return false;
}

/* The next record: where it lies, or put together in `partial`. */
static enum tls_outcome next_record(struct layer *self, struct span *record, struct tls_fault *fault)
{
    struct span *in = &self->records.pipe->in;
    for (;;) {
        const struct span begun = self->partial ? span_of(self->partial, self->partial_length) : *in;
        size_t whole;
        if (!measure(self, begun, &whole, fault))
            return TLS_FAILED;
        *record = span_head(begun, whole);
        if (whole > 0 && begun.len >= whole)
            break;
        if (in->len == 0)
            return TLS_NEEDS_BYTES;
        const struct span part = span_head(*in, (whole > 0 ? whole : RECORD_HEAD) - self->partial_length);
        if (!keep(self, part, fault))
            return TLS_FAILED;
        *in = span_tail(*in, part.len);
    }
    if (!self->partial)
        *in = span_tail(*in, record->len);
    return TLS_DONE;
}

static void drop_partial(struct layer *self)
{
    free(self->partial);
    self->partial = NULL;
    self->partial_length = 0;
}

static enum tls_outcome open_record(struct layer *self, struct span record, struct content *content,
                                    struct tls_fault *fault)
{
    struct tls_sealer *sealer = sealer_of(self);
    enum opening came_to = protection_open(&self->in, sealer, record, sealer_room_to_open(sealer), content);
    drop_partial(self);
    switch (came_to) {
    case OPENING_DONE:
        return TLS_DONE;
    case OPENING_BAD_MAC:
        return refuse(self, SSL_AD_BAD_RECORD_MAC, "decryption failed or bad record mac", fault);
    case OPENING_OVERFLOW:
        return refuse(self, SSL_AD_RECORD_OVERFLOW, "a record that is too long", fault);
    case OPENING_MALFORMED:
        return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "a record of padding only", fault);
    case OPENING_FAILED:
        break;
    }
    lack_memory(fault);
    return TLS_FAILED;
}

/* TLS_NEEDS_BYTES: there was nothing in it for the user. */
static enum tls_outcome hear(struct layer *self, const struct content *content, struct tls_fault *fault)
{
    if (content->bytes.len > self->content_max)
        return refuse(self, SSL_AD_RECORD_OVERFLOW, "a record that is too long", fault);
    if (self->message.head > 0 && content->type != CONTENT_HANDSHAKE)
        return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "another record within a message of the handshake", fault);
    switch (content->type) {
    case CONTENT_APPLICATION_DATA:
        self->records.received += content->bytes.len;
        self->in_vain = content->bytes.len > 0 ? 0 : (uint8_t)(self->in_vain + 1);
        return content->bytes.len > 0 ? TLS_DONE : TLS_NEEDS_BYTES;
    case CONTENT_HANDSHAKE:
        return hear_handshake(self, content->bytes, fault);
    case CONTENT_ALERT:
        self->in_vain++;
        return hear_alert(self, content->bytes, fault);
    default:
        return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "a record of a type that there is not", fault);
    }
}

static enum tls_outcome layer_read(struct records *records, struct span *bytes, struct tls_fault *fault)
{
    struct layer *self = layer_of(records);
    struct span record;
    struct content content = {0};
    enum tls_outcome came_to;
    while ((came_to = next_record(self, &record, fault)) == TLS_DONE) {
        came_to = open_record(self, record, &content, fault);
        if (came_to == TLS_DONE)
            came_to = hear(self, &content, fault);
        if (came_to == TLS_NEEDS_BYTES && self->in_vain > IN_VAIN_MAX)
            return refuse(self, SSL_AD_UNEXPECTED_MESSAGE, "too many records without content", fault);
        if (came_to != TLS_NEEDS_BYTES)
            break;
    }
    *bytes = content.bytes;
    return came_to;
}

static bool layer_has_pending(const struct records *records)
{
    (void)records;
    return false;
}

/* -- beginning and end -- */

static void layer_free(struct records *records)
{
    struct layer *self = layer_of(records);
    protection_wipe(&self->in, sealer_of(self));
    protection_wipe(&self->out, sealer_of(self));
    drop_partial(self);
    forget_ssl(self);
    slab_give(self);
}

static const struct records_ops layer_ops = {
    .read = layer_read,
    .write = layer_write,
    .give_ticket = layer_give_ticket,
    .close = layer_close,
    .has_pending = layer_has_pending,
    .free = layer_free,
};

static bool find_aead(const SSL *ssl, enum aead *aead)
{
    static const struct {
        int id;
        enum aead aead;
    } rows[] = {{NID_aes_128_gcm, AEAD_AES_128_GCM},
                {NID_aes_256_gcm, AEAD_AES_256_GCM},
                {NID_chacha20_poly1305, AEAD_CHACHA20_POLY1305}};
    const int id = SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        *aead = rows[i].aead;
        if (rows[i].id == id)
            return true;
    }
    return false;
}

/* Of TLS 1.2 the count must be there, too: with sequence numbers of OpenSSL's own Finished a nonce would come twice. */
static bool are_heard(const struct tls_secrets *secrets, int version)
{
    return version == TLS1_3_VERSION ? secrets->has_client && secrets->has_server
                                     : secrets->block_length > 0 && secrets->received > 0 && secrets->sent > 0;
}

bool layer_serves(const SSL *ssl, const struct tls_secrets *secrets, const struct loop *loop)
{
    enum aead aead;
    return loop->sealer && are_heard(secrets, SSL_version(ssl)) && find_aead(ssl, &aead) &&
           sealer_has(loop->sealer, aead) && !SSL_has_pending(ssl);
}

static bool begin(struct layer *self, const SSL *ssl, const struct tls_secrets *secrets)
{
    struct tls_sealer *sealer = sealer_of(self);
    const bool is_client = self->records.role == TLS_CLIENT;
    struct protection *client = is_client ? &self->out : &self->in, *server = is_client ? &self->in : &self->out;
    enum aead aead;
    if (!find_aead(ssl, &aead))
        return false;
    if (SSL_version(ssl) == TLS1_3_VERSION)
        return protection_init_tls13(client, sealer, aead, secrets->digest, secrets->client) &&
               protection_init_tls13(server, sealer, aead, secrets->digest, secrets->server);
    self->in.sequence = secrets->received;
    self->out.sequence = secrets->sent;
    return protection_init_tls12(client, server, aead, span_of(secrets->block, secrets->block_length));
}

/* As the client has asked for, who may have little room, and is held to it himself (RFC 6066 section 4). */
static uint16_t content_max(const SSL *ssl)
{
    const uint8_t code = SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl));
    return (uint16_t)(code == TLSEXT_max_fragment_length_DISABLED ? RECORD_CONTENT_MAX : 256 << code);
}

struct records *layer_new(const struct records *common, SSL *ssl, const struct tls_secrets *secrets)
{
    struct layer *self = slab_take(&common->pipe->loop->slabs, sizeof *self);
    if (!self) {
        SSL_free(ssl);
        return NULL;
    }
    self->records = *common;
    self->records.ops = &layer_ops;
    self->content_max = content_max(ssl);
    self->ssl = ssl;
    if (!begin(self, ssl, secrets)) {
        layer_free(&self->records);
        return NULL;
    }
    SSL_set_msg_callback(ssl, NULL);
    if (!common->gives_ticket)
        forget_ssl(self);
    return &self->records;
}
