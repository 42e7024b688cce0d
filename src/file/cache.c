#include "cache.h"

#include "open.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A copy has one place, by its path: who comes to a place that is taken has it. */
enum { PLACES = 512 };

struct file_cache {
    struct file_copy *places[PLACES];
    size_t bytes; /* of the copies that have places */
    size_t hand;  /* the place that is cleared next when room is short */
};

struct file_cache *file_cache_new(void)
{
    return calloc(1, sizeof(struct file_cache));
}

static void copy_free(struct counted *counted)
{
    free(CONTAINER_OF(counted, struct file_copy, counted));
}

static void clear(struct file_cache *cache, size_t place)
{
    struct file_copy *copy = cache->places[place];
    if (!copy)
        return;
    cache->bytes -= copy->size;
    cache->places[place] = NULL;
    file_copy_unref(copy);
}

void file_cache_free(struct file_cache *cache)
{
    for (size_t i = 0; cache && i < PLACES; i++)
        clear(cache, i);
    assert(!cache || cache->bytes == 0);
    free(cache);
}

/* FNV-1a. */
static size_t place_of(int directory, const char *path)
{
    uint32_t hash = 2166136261u ^ (uint32_t)directory;
    for (; *path; path++)
        hash = (hash ^ (uint8_t)*path) * 16777619u;
    return (hash ^ hash >> 16) % PLACES;
}

/* Whether the path still leads to what was read, and that is unchanged. A descriptor that has come to mean another directory
 * (after a reload) is found out here, too: there it is another file. */
static bool is_confirmed(struct file_copy *copy, const struct loop *loop)
{
    struct file_facts now;
    if (copy->confirmed == loop->turn)
        return true;
    if (loop->now - copy->made >= CACHE_LIFE || look_again(copy->directory, copy->path, &now) != FILE_OK ||
        !file_facts_equal(&now, &copy->facts))
        return false;
    copy->confirmed = loop->turn;
    return true;
}

struct file_copy *cache_find(struct loop *loop, int directory, const char *path)
{
    if (!loop->files)
        return NULL;
    size_t place = place_of(directory, path);
    struct file_copy *copy = loop->files->places[place];
    if (!copy || copy->directory != directory || strcmp(copy->path, path) != 0)
        return NULL;
    if (!is_confirmed(copy, loop)) {
        clear(loop->files, place);
        return NULL;
    }
    counted_ref(&copy->counted);
    return copy;
}

static bool may_be_kept(const struct file_facts *facts, int directory, int descriptor, struct span content)
{
    return content.len > 0 && content.len <= CACHE_FILE_MAX && content.len == facts->size &&
           facts->changed_seconds <= (int64_t)time(NULL) - CACHE_SETTLED && is_on_local_disk(descriptor) &&
           is_on_local_disk(directory);
}

void cache_keep(struct loop *loop, int directory, const char *path, int descriptor, const struct file_facts *facts,
                struct span content)
{
    struct file_cache *cache = loop->files;
    if (!cache || !may_be_kept(facts, directory, descriptor, content))
        return;
    size_t length = strlen(path) + 1, size = sizeof(struct file_copy) + length + content.len;
    struct file_copy *copy = malloc(size);
    if (!copy)
        return;
    *copy = (struct file_copy){
        .facts = *facts, .directory = directory, .made = loop->now, .confirmed = loop->turn, .size = size};
    counted_init(&copy->counted, copy_free);
    memcpy(copy->path, path, length);
    memcpy(copy->path + length, content.at, content.len);
    copy->content = (const uint8_t *)copy->path + length;
    size_t place = place_of(directory, path);
    clear(cache, place);
    while (cache->bytes + size > CACHE_BYTES)
        clear(cache, cache->hand++ % PLACES);
    cache->places[place] = copy;
    cache->bytes += size;
}
