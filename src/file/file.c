#include "cache.h"
#include "list.h"
#include "open.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* Cached reads in a row; the next one goes to the pool, so that a file whose reader is always ready cannot keep the loop in
 * one turn. */
enum { CACHED_READS_MAX = 32 };

enum file_job { JOB_NONE, JOB_OPEN, JOB_READ, JOB_LIST };

/* While the pool works on it the file is a guest of the loop and belongs to the pool: the loop's side touches nothing but
 * `closed`. */
struct file {
    struct loop *loop;
    const struct file_user *on;
    void *user;
    uv_work_t work;
    struct guest guest;  /* in the list while the pool works, so that the worker waits for it */
    struct task settled; /* tells the result of opening */
    struct task burial;
    enum file_job job; /* what the pool is doing */
    bool closed;
    bool listed;  /* counted in loop->listings */
    bool telling; /* on_read is on the stack */
    bool wanted;  /* a read is asked for and not begun */
    int directory;
    int descriptor;         /* -1: not open */
    struct file_copy *copy; /* instead of a descriptor; NULL: none is at hand */
    enum file_result result;
    struct file_facts facts;
    uint64_t offset;
    size_t length;
    size_t got;
    struct pool_block *block; /* where the read goes to */
    struct arena *arena;      /* of the listing; NULL: none was asked for */
    struct file_listing listing;
    char path[];
};

static void put_block(struct file *file)
{
    if (file->block)
        pool_put(&file->loop->pool, file->block);
    file->block = NULL;
}

/* The descriptor goes at once, the memory when nobody is on the stack. */
static void discard(struct file *file)
{
    put_block(file);
    if (file->descriptor >= 0)
        close(file->descriptor);
    file->descriptor = -1;
    file_copy_unref(file->copy);
    file->copy = NULL;
    arena_free(file->arena);
    file->arena = NULL;
    file->loop->listings -= file->listed;
    file->listed = false;
    task_cancel(&file->settled);
    loop_defer(file->loop, PHASE_BURY, &file->burial);
}

static void bury(struct task *task)
{
    free(CONTAINER_OF(task, struct file, burial));
}

void file_close(struct file *file)
{
    if (file->closed)
        return;
    file->closed = true;
    if (file->job == JOB_NONE)
        discard(file);
    else
        (void)uv_cancel((uv_req_t *)&file->work); /* if it has begun already, it is waited for */
}

/* When on_open has asked for more, file->result is the pool's already. */
static void tell_open(struct file *file)
{
    enum file_result result = file->result;
    file->on->on_open(file->user, result, &file->facts);
    if (result != FILE_OK)
        file_close(file);
}

static void settle(struct task *task)
{
    tell_open(CONTAINER_OF(task, struct file, settled));
}

static void tell_list(struct file *file)
{
    file->on->on_list(file->user, file->result, file->result == FILE_OK ? &file->listing : NULL);
}

static void tell(struct file *file, enum file_result result, struct span bytes)
{
    file->telling = true;
    file->on->on_read(file->user, result, bytes);
    file->telling = false;
}

static void tell_read(struct file *file, enum file_result result, size_t got)
{
    struct pool_block *block = file->block;
    file->block = NULL;
    tell(file, result, span_of(block ? block->bytes : NULL, got));
    if (block)
        pool_put(&file->loop->pool, block);
}

static enum file_result list(struct file *file)
{
    file->arena = arena_new();
    if (!file->arena)
        return FILE_RESOURCES;
    return list_directory(file->directory, file->descriptor, file->path, FILE_LISTING_MAX, file->arena, &file->listing);
}

/* In a thread of the pool. */
static void work(uv_work_t *request)
{
    struct file *file = request->data;
    bool waits;
    if (file->job == JOB_OPEN)
        file->result = open_beneath(file->directory, file->path, false, &waits, &file->descriptor, &file->facts);
    else if (file->job == JOB_LIST)
        file->result = list(file);
    else
        file->result =
            read_at(file->descriptor, file->offset, file->block->bytes, file->length, false, &waits, &file->got);
}

static void serve_reads(struct file *file);

/* In the loop again. */
static void after_work(uv_work_t *request, int status)
{
    struct file *file = request->data;
    struct loop *loop = file->loop;
    enum file_job job = file->job;
    (void)status; /* UV_ECANCELED only after file_close */
    loop_tick(loop);
    list_remove(&file->guest.link);
    file->job = JOB_NONE;
    if (file->closed) {
        discard(file);
    } else if (job == JOB_OPEN) {
        tell_open(file);
    } else if (job == JOB_LIST) {
        tell_list(file);
    } else {
        tell_read(file, file->result, file->result == FILE_OK ? file->got : 0);
        serve_reads(file);
    }
    loop_settle(loop);
}

static void give_to_pool(struct file *file, enum file_job job)
{
    file->job = job;
    file->work.data = file;
    list_append(&file->loop->guests, &file->guest.link);
    int queued = uv_queue_work(file->loop->uv, &file->work, work, after_work);
    assert(queued == 0); /* it fails without a work function only */
}

/* on_read may close the file. */
static void tell_from_copy(struct file *file)
{
    struct file_copy *copy = file->copy;
    struct span content = span_of(copy->content, (size_t)copy->facts.size);
    counted_ref(&copy->counted);
    file->wanted = false;
    size_t offset = file->offset < content.len ? (size_t)file->offset : content.len;
    tell(file, FILE_OK, span_head(span_tail(content, offset), file->length));
    file_copy_unref(copy);
}

static void keep_copy(struct file *file, struct span content)
{
    if (file->offset == 0)
        cache_keep(file->loop, file->directory, file->path, file->descriptor, &file->facts, content);
}

/* False: it would have to wait for a disk. What is at hand is passed from the loop's buffer, so that nothing is borrowed. */
static bool read_at_once(struct file *file)
{
    uint8_t *to = file->loop->message;
    size_t got = 0;
    bool waits;
    enum file_result result = read_at(file->descriptor, file->offset, to, file->length, true, &waits, &got);
    if (waits)
        return false;
    if (result == FILE_OK)
        keep_copy(file, span_of(to, got));
    tell(file, result, span_of(to, got));
    return true;
}

static void read_later(struct file *file)
{
    file->length = file->length < POOL_BLOCK_BYTES ? file->length : POOL_BLOCK_BYTES;
    file->block = pool_get(&file->loop->pool);
    if (file->block)
        give_to_pool(file, JOB_READ);
    else
        tell(file, FILE_RESOURCES, (struct span){0});
}

/* A loop in place of a recursion: on_read may ask for more while it is on the stack. */
static void serve_reads(struct file *file)
{
    while (file->copy && file->wanted)
        tell_from_copy(file);
    for (int reads = 0; file->wanted && !file->closed; reads++) {
        file->wanted = false;
        if (reads == CACHED_READS_MAX || !read_at_once(file))
            read_later(file);
    }
}

void file_read(struct file *file, uint64_t offset, size_t length)
{
    if (file->closed)
        return;
    assert(file->job == JOB_NONE && !file->wanted && (file->descriptor >= 0 || file->copy));
    file->wanted = true;
    file->offset = offset;
    file->length = length < FILE_READ_MAX ? length : FILE_READ_MAX;
    if (!file->telling)
        serve_reads(file);
}

bool file_list(struct file *file)
{
    assert(!file->closed && file->job == JOB_NONE && file->descriptor >= 0 && file->facts.is_directory &&
           !file->listed);
    if (file->loop->listings >= FILE_LISTINGS_MAX)
        return false;
    file->loop->listings++;
    file->listed = true;
    give_to_pool(file, JOB_LIST);
    return true;
}

/* Work that is under way ends by itself. */
static void leave(struct guest *guest)
{
    (void)guest;
}

/* False: it would have to wait for a disk. */
static bool open_at_once(struct file *file)
{
    bool waits = false;
    file->copy = cache_find(file->loop, file->directory, file->path);
    if (file->copy)
        file->facts = file->copy->facts;
    else
        file->result = open_beneath(file->directory, file->path, true, &waits, &file->descriptor, &file->facts);
    return !waits;
}

struct file *file_open(struct loop *loop, int directory, const char *path, const struct file_user *on, void *user)
{
    size_t length = strlen(path);
    struct file *file = calloc(1, sizeof *file + length + 1);
    if (!file)
        return NULL;
    file->loop = loop;
    file->on = on;
    file->user = user;
    file->directory = directory;
    file->descriptor = -1;
    memcpy(file->path, path, length);
    list_init(&file->guest.link);
    file->guest.leave = leave;
    task_init(&file->settled, settle);
    task_init(&file->burial, bury);
    if (!open_at_once(file))
        give_to_pool(file, JOB_OPEN);
    else
        loop_defer(loop, PHASE_SETTLE, &file->settled);
    return file;
}
