#include "library.h"

#include "tickets.h"

#include <assert.h>
#include <stdlib.h>

struct library {
    struct records records;
    SSL *ssl;
};

static struct library *library_of(struct records *records)
{
    return CONTAINER_OF(records, struct library, records);
}

static enum tls_outcome outcome(struct library *self, int result, struct tls_fault *fault)
{
    return tls_outcome_of(self->ssl, result, self->records.role, true, fault);
}

/* OpenSSL works on all it can get before it returns; when it has seen enough it gets no more. */
static void on_protocol_message(int sent, int version, int type, const void *bytes, size_t length, SSL *ssl, void *user)
{
    struct library *self = user;
    (void)version;
    (void)ssl;
    if (sent || type != SSL3_RT_HANDSHAKE || length == 0 || *(const uint8_t *)bytes != SSL3_MT_KEY_UPDATE)
        return;
    self->records.key_updates++;
    if (records_have_too_many_key_updates(&self->records))
        self->records.pipe->in.len = 0;
}

static enum tls_outcome library_read(struct records *records, struct span *content, struct tls_fault *fault)
{
    struct library *self = library_of(records);
    uint8_t *plaintext = records->pipe->loop->plaintext;
    size_t length = 0;
    int result = SSL_read_ex(self->ssl, plaintext, LOOP_PLAINTEXT_BYTES, &length);
    records->received += length;
    *content = span_of(plaintext, length);
    if (!records_have_too_many_key_updates(records))
        return outcome(self, result, fault);
    *fault = records_broken(records, records_too_many_key_updates);
    return TLS_FAILED;
}

/* The BIO takes all there is, so that nothing is left to be tried again. */
static bool library_write(struct records *records, struct span content, struct tls_fault *fault)
{
    struct library *self = library_of(records);
    size_t written = 0;
    int result = SSL_write_ex(self->ssl, content.at, content.len, &written);
    if (outcome(self, result, fault) != TLS_DONE)
        return false;
    assert(written == content.len);
    return true;
}

/* What OpenSSL has to say by itself. */
static bool say(struct library *self, struct tls_fault *fault)
{
    tls_outcome_prepare();
    return outcome(self, SSL_do_handshake(self->ssl), fault) == TLS_DONE;
}

/* The answer to a key update waits for our next bytes, too, and OpenSSL would let it go in the ticket's place. */
static bool library_give_ticket(struct records *records, struct tls_fault *fault)
{
    struct library *self = library_of(records);
    bool answers = SSL_get_key_update_type(self->ssl) != SSL_KEY_UPDATE_NONE &&
                   SSL_key_update(self->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1;
    if (answers && !say(self, fault))
        return false;
    tickets_give(self->ssl);
    return say(self, fault);
}

static void library_close(struct records *records)
{
    tls_outcome_prepare();
    SSL_shutdown(library_of(records)->ssl);
    tls_outcome_prepare();
}

static bool library_has_pending(const struct records *records)
{
    return SSL_has_pending(((const struct library *)(const void *)records)->ssl); /* its first member */
}

static void library_free(struct records *records)
{
    struct library *self = library_of(records);
    SSL_free(self->ssl);
    free(self);
}

static const struct records_ops library_ops = {
    .read = library_read,
    .write = library_write,
    .give_ticket = library_give_ticket,
    .close = library_close,
    .has_pending = library_has_pending,
    .free = library_free,
};

struct records *library_new(const struct records *common, SSL *ssl)
{
    struct library *self = calloc(1, sizeof *self);
    if (!self) {
        SSL_free(ssl);
        return NULL;
    }
    self->records = *common;
    self->records.ops = &library_ops;
    self->ssl = ssl;
    SSL_set_msg_callback(ssl, on_protocol_message);
    SSL_set_msg_callback_arg(ssl, self);
    return &self->records;
}
