/* Crossbar's transport "universal": the first byte of a connection tells its protocol. It is looked at, not taken: the stream
 * keeps it for who serves the connection from there on. */
#include "crossgate/services.h"

#include <assert.h>
#include <stdlib.h>

/* CONNECT, with which every MQTT client begins. */
enum { MQTT_FIRST = 0x10 };

struct universal {
    struct loop *loop;
    struct stream *stream;
    const struct rawsocket_service *rawsocket;
    const struct http_site *site;
    struct peer peer;
    struct deadline deadline;
    struct guest guest;
    struct task pass_on;
    bool is_rawsocket;
    bool ended;
};

static void universal_free(struct universal *u)
{
    deadline_disarm(&u->deadline);
    task_cancel(&u->pass_on);
    list_remove(&u->guest.link);
    counted_unref(u->site->owner);
    free(u);
}

static void end(struct universal *u, enum ending why, const char *detail)
{
    assert(!u->ended);
    u->ended = true;
    deadline_disarm(&u->deadline);
    task_cancel(&u->pass_on);
    loop_report(u->loop, why, &u->peer, detail);
    stream_finish(u->stream);
}

/* From PHASE_SETTLE, when on_bytes has returned. Who comes hears that the stream is open, as we have, and then the bytes. */
static void pass_on(struct task *task)
{
    struct universal *u = CONTAINER_OF(task, struct universal, pass_on);
    struct stream *stream = u->stream;
    bool made = u->is_rawsocket ? rawsocket_visitor_new(u->loop, stream, u->rawsocket, u->site, &u->peer)
                                : http_connection_new(u->loop, stream, u->site, &u->peer) != NULL;
    if (made) {
        stream->on->on_open(stream->user);
        stream_pause(stream, false);
    } else {
        loop_report(u->loop, ENDING_MEMORY, &u->peer, NULL);
    }
    universal_free(u);
}

static void on_open(void *user)
{
    struct universal *u = user;
    if (!u->ended)
        deadline_arm(&u->loop->deadlines, &u->deadline, u->site->head_timeout, u->loop->now);
}

static size_t on_bytes(void *user, struct span bytes)
{
    struct universal *u = user;
    u->is_rawsocket = bytes.at[0] == RAWSOCKET_MAGIC;
    if (bytes.at[0] == MQTT_FIRST) {
        end(u, ENDING_NOT_SERVED, "MQTT");
        return bytes.len;
    }
    if (u->is_rawsocket && !u->rawsocket) {
        end(u, ENDING_NOT_SERVED, "RawSocket");
        return bytes.len;
    }
    stream_pause(u->stream, true);
    loop_defer(u->loop, PHASE_SETTLE, &u->pass_on);
    return 0;
}

static void on_room(void *user)
{
    (void)user;
}

static void on_eof(void *user)
{
    end(user, ENDING_PEER_LEFT, NULL);
}

static void on_end(void *user, enum ending why)
{
    struct universal *u = user;
    if (!u->ended)
        loop_report(u->loop, why, &u->peer, u->stream->detail);
    universal_free(u);
}

static const struct stream_user stream_user = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_room = on_room,
    .on_eof = on_eof,
    .on_end = on_end,
};

static void on_deadline(struct deadline *deadline)
{
    end(CONTAINER_OF(deadline, struct universal, deadline), ENDING_IDLE, NULL);
}

static void leave(struct guest *guest)
{
    struct universal *u = CONTAINER_OF(guest, struct universal, guest);
    if (!u->ended)
        end(u, ENDING_GOING_AWAY, NULL);
}

bool universal_visitor_new(struct loop *loop, struct stream *stream, const struct rawsocket_service *rawsocket,
                           const struct http_site *site, const struct peer *peer)
{
    struct universal *u = calloc(1, sizeof *u);
    if (!u) {
        stream_abandon(stream, ENDING_MEMORY);
        return false;
    }
    u->loop = loop;
    u->stream = stream;
    u->rawsocket = rawsocket;
    u->site = site;
    u->peer = *peer;
    deadline_init(&u->deadline, on_deadline);
    task_init(&u->pass_on, pass_on);
    u->guest.leave = leave;
    list_init(&u->guest.link);
    list_append(&loop->guests, &u->guest.link);
    counted_ref(site->owner);
    stream_attach(stream, &stream_user, u);
    return true;
}
