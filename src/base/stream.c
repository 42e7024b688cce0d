#include "crossgate/stream.h"

static void ignore_end(void *user, enum ending why)
{
    (void)user;
    (void)why;
}

/* After an abort nothing but on_end is called. */
static const struct stream_user nobody = {.on_end = ignore_end};

void stream_abandon(struct stream *stream, enum ending why)
{
    stream_attach(stream, &nobody, NULL);
    stream_abort(stream, why);
}
