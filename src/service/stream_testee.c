/* Crossbar's transport "stream.testee": each byte is sent back. Like a WebSocket session it may be idle for as long as the
 * visitor likes; who does not read what he is sent is given up. */
#include "crossgate/services.h"

#include <stdlib.h>

struct testee {
    struct loop *loop;
    struct stream *stream;
    const struct http_site *site;
    struct peer peer;
    struct deadline deadline;
    struct guest guest;
    uint64_t written;
    uint64_t accepted; /* written less queued when the deadline was last looked at */
    bool full;         /* the stream wants no more bytes until on_room */
    bool ended;
};

static void finish(struct testee *testee)
{
    if (testee->ended)
        return;
    testee->ended = true;
    deadline_disarm(&testee->deadline);
    stream_finish(testee->stream);
}

static void watch_progress(struct testee *testee)
{
    deadline_arm(&testee->loop->deadlines, &testee->deadline, testee->site->send_timeout, testee->loop->now);
}

static void on_deadline(struct deadline *deadline)
{
    struct testee *testee = CONTAINER_OF(deadline, struct testee, deadline);
    size_t queued = stream_queued(testee->stream);
    uint64_t accepted = testee->written - queued;
    bool moved = accepted != testee->accepted;
    testee->accepted = accepted;
    if (queued == 0 && !testee->full)
        return;
    if (moved)
        watch_progress(testee);
    else
        stream_abort(testee->stream, ENDING_WRITE_STALLED);
}

static void on_open(void *user)
{
    (void)user;
}

static size_t on_bytes(void *user, struct span bytes)
{
    struct testee *testee = user;
    testee->written += bytes.len;
    testee->full = !stream_write(testee->stream, bytes);
    if (testee->full)
        stream_pause(testee->stream, true);
    if (!deadline_is_armed(&testee->deadline))
        watch_progress(testee);
    return bytes.len;
}

static void on_room(void *user)
{
    struct testee *testee = user;
    testee->full = false;
    stream_pause(testee->stream, false);
}

static void on_eof(void *user)
{
    finish(user);
}

static void on_end(void *user, enum ending why)
{
    struct testee *testee = user;
    loop_report(testee->loop, why, &testee->peer, testee->stream->detail);
    deadline_disarm(&testee->deadline);
    list_remove(&testee->guest.link);
    counted_unref(testee->site->owner);
    free(testee);
}

static const struct stream_user stream_user = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_room = on_room,
    .on_eof = on_eof,
    .on_end = on_end,
};

static void leave(struct guest *guest)
{
    finish(CONTAINER_OF(guest, struct testee, guest));
}

bool stream_testee_new(struct loop *loop, struct stream *stream, const struct http_site *site, const struct peer *peer)
{
    struct testee *testee = calloc(1, sizeof *testee);
    if (!testee) {
        stream_abandon(stream, ENDING_MEMORY);
        return false;
    }
    testee->loop = loop;
    testee->stream = stream;
    testee->site = site;
    testee->peer = *peer;
    deadline_init(&testee->deadline, on_deadline);
    testee->guest.leave = leave;
    list_init(&testee->guest.link);
    list_append(&loop->guests, &testee->guest.link);
    counted_ref(site->owner);
    stream_attach(stream, &stream_user, testee);
    return true;
}
