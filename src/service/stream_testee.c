/* Crossbar's transport "stream.testee": each byte is sent back. Like a WebSocket session it may be idle for as long as the
 * visitor likes; who does not read what he is sent is given up. */
#include "crossgate/base/outlet.h"
#include "crossgate/services.h"

#include <stdlib.h>

struct testee {
    struct outlet outlet;
    const struct http_site *site;
    struct peer peer;
    struct guest guest;
    bool ended;
};

static void finish(struct testee *testee)
{
    if (testee->ended)
        return;
    testee->ended = true;
    deadline_disarm(&testee->outlet.deadline);
    stream_finish(testee->outlet.stream);
}

static void on_deadline(struct deadline *deadline)
{
    struct testee *testee = CONTAINER_OF(deadline, struct testee, outlet.deadline);
    if (outlet_is_stalled(&testee->outlet))
        stream_abort(testee->outlet.stream, ENDING_WRITE_STALLED);
}

static void on_open(void *user)
{
    (void)user;
}

static size_t on_bytes(void *user, struct span bytes)
{
    struct testee *testee = user;
    if (!outlet_write(&testee->outlet, bytes))
        stream_pause(testee->outlet.stream, true);
    return bytes.len;
}

static void on_room(void *user)
{
    struct testee *testee = user;
    testee->outlet.full = false;
    stream_pause(testee->outlet.stream, false);
}

static void on_eof(void *user)
{
    finish(user);
}

static void on_end(void *user, enum ending why)
{
    struct testee *testee = user;
    loop_report(testee->outlet.loop, why, &testee->peer, testee->outlet.stream->detail);
    deadline_disarm(&testee->outlet.deadline);
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
    outlet_init(&testee->outlet, loop, stream, site->send_timeout, on_deadline);
    testee->site = site;
    testee->peer = *peer;
    testee->guest.leave = leave;
    list_init(&testee->guest.link);
    list_append(&loop->guests, &testee->guest.link);
    counted_ref(site->owner);
    stream_attach(stream, &stream_user, testee);
    return true;
}
