#include "bio.h"

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

static int pipe_write(BIO *bio, const char *from, size_t size, size_t *taken)
{
    struct pipe *pipe = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    loop_defer(pipe->loop, PHASE_FLUSH, pipe->flush);
    if (!stream_write(pipe->below, span_of(from, size)))
        pipe->full = true;
    *taken = size;
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
