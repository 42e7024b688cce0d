#include "crossgate/base/outlet.h"

void outlet_init(struct outlet *outlet, struct loop *loop, struct stream *stream, uint32_t limit,
                 void (*expire)(struct deadline *))
{
    *outlet = (struct outlet){.loop = loop, .stream = stream, .limit = limit};
    deadline_init(&outlet->deadline, expire);
}

size_t outlet_look(struct outlet *outlet)
{
    size_t queue = stream_queued(outlet->stream);
    if (queue < outlet->expected)
        outlet->moved = outlet->drained = true;
    outlet->expected = queue;
    return queue;
}

void outlet_watch(struct outlet *outlet)
{
    outlet->moved = false;
    deadline_arm(&outlet->loop->deadlines, &outlet->deadline, outlet->limit, outlet->loop->now);
}

/* The kernel may have taken the last byte of the queue and no more: then nothing is queued, and still there is no room. */
bool outlet_is_stalled(struct outlet *outlet)
{
    if (outlet_look(outlet) == 0 && !outlet->full)
        return false;
    if (!outlet->moved)
        return true;
    outlet_watch(outlet);
    return false;
}
