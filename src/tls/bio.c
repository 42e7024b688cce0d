#include "bio.h"

#include "tickets.h"

#include <stdlib.h>

static int pipe_read(BIO *bio, char *to, size_t size, size_t *taken)
{
    struct pipe *pipe = BIO_get_data(bio);
    struct span part = span_head(pipe->in, size);
    BIO_clear_retry_flags(bio);
    *taken = part.len;
    if (part.len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(to, part.at, part.len);
    pipe->in = span_tail(pipe->in, part.len);
    return 1;
}

/* False when memory is out. */
static bool keep(struct away *away, struct span bytes)
{
    uint8_t *written = realloc(away->written, away->length + bytes.len);
    away->lacks_memory |= !written;
    if (!written)
        return false;
    memcpy(written + away->length, bytes.at, bytes.len);
    away->written = written;
    away->length += bytes.len;
    return true;
}

void pipe_send(struct pipe *pipe, struct span bytes)
{
    loop_defer(pipe->loop, PHASE_FLUSH, pipe->flush);
    if (!stream_write(pipe->below, bytes))
        pipe->full = true;
}

void pipe_commit(struct pipe *pipe, size_t length)
{
    loop_defer(pipe->loop, PHASE_FLUSH, pipe->flush);
    if (!stream_commit(pipe->below, length))
        pipe->full = true;
}

static int pipe_write(BIO *bio, const char *from, size_t size, size_t *taken)
{
    struct pipe *pipe = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *taken = size;
    if (pipe->away)
        return keep(pipe->away, span_of(from, size));
    pipe_send(pipe, span_of(from, size));
    return 1;
}

/* OpenSSL flushes after each flight; sending is the business of the stream below. */
static long pipe_control(BIO *bio, int command, long number, void *argument)
{
    (void)bio;
    (void)number;
    (void)argument;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *pipe_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");
    if (method && BIO_meth_set_read_ex(method, pipe_read) == 1 && BIO_meth_set_write_ex(method, pipe_write) == 1 &&
        BIO_meth_set_ctrl(method, pipe_control) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

BIO *pipe_bio_new(const BIO_METHOD *method, struct pipe *pipe)
{
    BIO *bio = BIO_new(method);
    if (!bio)
        return NULL;
    BIO_set_data(bio, pipe);
    BIO_set_init(bio, 1);
    return bio;
}

struct pipe *pipe_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}

void pipe_take_over(struct pipe *pipe, SSL *ssl)
{
    BIO_set_data(SSL_get_rbio(ssl), pipe);
}

void pipe_leave(struct pipe *pipe, struct away *away)
{
    pipe->away = away;
    away->ring = tickets_hold(pipe->loop->tickets);
}

void pipe_return(struct pipe *pipe)
{
    struct away *away = pipe->away;
    pipe->away = NULL;
    tickets_release(away->ring);
    away->ring = NULL;
    counter_add(&pipe->loop->counters->tickets_unknown, away->unknown_tickets);
    away->unknown_tickets = 0;
}

void pipe_flush(struct pipe *pipe, struct away *away)
{
    if (away->length > 0)
        pipe_send(pipe, span_of(away->written, away->length));
    away_forget(away);
}

void away_forget(struct away *away)
{
    free(away->written);
    away->written = NULL;
    away->length = 0;
}
