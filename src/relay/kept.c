#include "kept.h"

#include "crossgate/limits.h"

#include <stdlib.h>

struct kept {
    struct list link; /* in loop->kept, the newest first; in no list: it ends */
    struct loop *loop;
    struct stream *stream;
    const struct backend *backend;
    struct counted *owner;
    struct deadline deadline;
    struct guest guest;
};

static void leave_list(struct kept *kept)
{
    if (list_is_empty(&kept->link))
        return;
    list_remove(&kept->link);
    kept->loop->kept_count--;
}

/* Everything but the stream. */
static void kept_free(struct kept *kept)
{
    leave_list(kept);
    list_remove(&kept->guest.link);
    deadline_disarm(&kept->deadline);
    counted_unref(kept->owner);
    free(kept);
}

static void dismiss(struct kept *kept)
{
    if (list_is_empty(&kept->link))
        return;
    leave_list(kept);
    deadline_disarm(&kept->deadline);
    stream_finish(kept->stream);
}

static void expire(struct deadline *deadline)
{
    dismiss(CONTAINER_OF(deadline, struct kept, deadline));
}

static void leave(struct guest *guest)
{
    dismiss(CONTAINER_OF(guest, struct kept, guest));
}

/* ---- what the stream tells */

static void ignore(void *user)
{
    (void)user;
}

/* An answer to nothing would become the answer to the next request. */
static size_t on_bytes(void *user, struct span bytes)
{
    dismiss(user);
    return bytes.len;
}

static void on_eof(void *user)
{
    dismiss(user);
}

static void on_end(void *user, enum ending why)
{
    (void)why;
    kept_free(user);
}

static const struct stream_user stream_user = {
    .on_open = ignore,
    .on_bytes = on_bytes,
    .on_room = ignore,
    .on_eof = on_eof,
    .on_end = on_end,
};

/* ---- putting and taking */

static struct kept *kept_of(struct list *link)
{
    return CONTAINER_OF(link, struct kept, link);
}

bool kept_put(struct loop *loop, const struct backend *backend, struct counted *owner, struct stream *stream)
{
    struct kept *kept = calloc(1, sizeof *kept);
    if (!kept)
        return false;
    if (loop->kept_count >= KEPT_MAX)
        dismiss(kept_of(loop->kept.previous));
    kept->loop = loop;
    kept->stream = stream;
    kept->backend = backend;
    kept->owner = owner;
    counted_ref(owner);
    kept->guest.leave = leave;
    list_append(&loop->guests, &kept->guest.link);
    list_insert_before(loop->kept.next, &kept->link);
    loop->kept_count++;
    deadline_init(&kept->deadline, expire);
    deadline_arm(&loop->deadlines, &kept->deadline, LIMIT_KEPT, loop->now);
    stream_attach(stream, &stream_user, kept);
    return true;
}

struct stream *kept_take(struct loop *loop, const struct backend *backend)
{
    for (struct list *at = loop->kept.next; at != &loop->kept; at = at->next) {
        struct kept *kept = kept_of(at);
        if (kept->backend != backend)
            continue;
        struct stream *stream = kept->stream;
        kept_free(kept);
        return stream;
    }
    return NULL;
}
