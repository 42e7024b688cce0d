/* The endpoint that answers itself: Crossbar's websocket.testee, and the target of load tests. It keeps nothing: what
 * is sent to it is passed back within the call, so its writer has room exactly as long as its reader is not paused. */
#include "crossgate/relay.h"

struct echo {
    struct endpoint endpoint;
    struct loop *loop;
    bool paused;
    bool room_owed; /* a send was answered with false */
    bool ended;
    enum ending why;
    struct task room;
    struct task bury;
};

static struct echo *echo_of(struct endpoint *endpoint)
{
    return CONTAINER_OF(endpoint, struct echo, endpoint);
}

static bool echo_send(struct endpoint *endpoint, enum message_kind kind, struct span piece, bool last)
{
    struct echo *echo = echo_of(endpoint);
    if (echo->ended)
        return true;
    endpoint->on->on_message(endpoint->user, kind, piece, last);
    echo->room_owed = echo->paused;
    return !echo->paused;
}

/* Room is told from PHASE_SETTLE, so that nobody is called back from within his own call. */
static void echo_pause(struct endpoint *endpoint, bool paused)
{
    struct echo *echo = echo_of(endpoint);
    echo->paused = paused;
    if (!paused && echo->room_owed && !echo->ended)
        loop_defer(echo->loop, PHASE_SETTLE, &echo->room);
}

static void tell_room(struct task *task)
{
    struct echo *echo = CONTAINER_OF(task, struct echo, room);
    if (echo->paused || !echo->room_owed)
        return;
    echo->room_owed = false;
    echo->endpoint.on->on_room(echo->endpoint.user);
}

static void end(struct echo *echo, enum ending why)
{
    if (echo->ended)
        return;
    echo->ended = true;
    echo->why = why;
    task_cancel(&echo->room);
    loop_defer(echo->loop, PHASE_BURY, &echo->bury);
}

static void bury(struct task *task)
{
    struct echo *echo = CONTAINER_OF(task, struct echo, bury);
    if (echo->endpoint.on) /* else it was aborted before it had a user */
        echo->endpoint.on->on_end(echo->endpoint.user, echo->why);
    slab_give(echo);
}

static void echo_close(struct endpoint *endpoint, uint16_t code, struct span reason)
{
    (void)code;
    (void)reason;
    end(echo_of(endpoint), ENDING_DONE);
}

static void echo_abort(struct endpoint *endpoint, enum ending why)
{
    end(echo_of(endpoint), why);
}

static const struct endpoint_ops endpoint_ops = {
    .send = echo_send,
    .pause = echo_pause,
    .close = echo_close,
    .abort = echo_abort,
};

struct endpoint *echo_new(struct loop *loop)
{
    struct echo *echo = slab_take(&loop->slabs, sizeof *echo);
    if (!echo)
        return NULL;
    echo->endpoint.ops = &endpoint_ops;
    echo->loop = loop;
    task_init(&echo->room, tell_room);
    task_init(&echo->bury, bury);
    return &echo->endpoint;
}
