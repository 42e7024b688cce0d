#include "answers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void wipe(uint8_t *bytes, size_t length)
{
    if (bytes)
        explicit_bzero(bytes, length);
    free(bytes);
}

static void answer_free(struct answer *answer)
{
    wipe(answer->bytes, answer->length);
    free(answer->name);
    free(answer);
}

static uint8_t *copy_of(struct span bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);

    if (!copy)
        return NULL;
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    copy[bytes.len] = '\0';
    return copy;
}

/* FNV-1a. */
static uint32_t key_of(struct span name)
{
    uint32_t key = 0x811c9dc5;

    for (size_t i = 0; i < name.len; i++)
        key = (key ^ name.at[i]) * 0x01000193;
    return key;
}

struct answer *answers_find(const struct answers *answers, enum answer_kind kind, const char *name)
{
    uint32_t key = key_of(span_string(name));

    for (struct answer *answer = answers->buckets[key % ANSWER_BUCKETS]; answer; answer = answer->alike) {
        if (answer->key == key && answer->kind == kind && strcmp(answer->name, name) == 0)
            return answer;
    }
    return NULL;
}

static void append(struct answers *answers, struct answer *answer)
{
    struct answer **bucket = &answers->buckets[answer->key % ANSWER_BUCKETS];

    answer->alike = *bucket;
    *bucket = answer;
    *(answers->last ? &answers->last->next : &answers->first) = answer;
    answers->last = answer;
}

struct answer *answers_keep(struct answers *answers, enum answer_kind kind, struct span name, uint8_t *bytes,
                            size_t length)
{
    struct answer *answer = calloc(1, sizeof *answer);

    if (!answer) {
        wipe(bytes, length);
        return NULL;
    }
    *answer = (struct answer){.kind = kind, .key = key_of(name), .bytes = bytes, .length = length};
    answer->name = strndup(name.len > 0 ? (const char *)name.at : "", name.len);
    if (!answer->name) {
        answer_free(answer);
        return NULL;
    }
    append(answers, answer);
    return answer;
}

struct answer *answers_keep_copy(struct answers *answers, enum answer_kind kind, struct span name, struct span bytes)
{
    uint8_t *copy = bytes.at ? copy_of(bytes) : NULL;

    return bytes.at && !copy ? NULL : answers_keep(answers, kind, name, copy, bytes.len);
}

bool answers_keep_directory(struct answers *answers, struct span name, int descriptor)
{
    int *directories = realloc(answers->directories, (answers->directory_count + 1) * sizeof *directories);
    struct answer *answer = NULL;

    if (directories) {
        answers->directories = directories;
        answer = answers_keep(answers, ANSWER_DIRECTORY, name, NULL, 0);
    }
    if (!answer) {
        close(descriptor);
        return false;
    }
    answer->descriptor = directories[answers->directory_count++] = descriptor;
    return true;
}

bool answers_keep_same(struct answers *answers, const struct answer *other)
{
    struct span name = span_string(other->name);

    if (other->kind == ANSWER_DIRECTORY) {
        int descriptor = fcntl(other->descriptor, F_DUPFD_CLOEXEC, 0);
        return descriptor >= 0 && answers_keep_directory(answers, name, descriptor);
    }
    struct answer *answer = answers_keep_copy(answers, other->kind, name, span_of(other->bytes, other->length));
    if (!answer)
        return false;
    answer->mode = other->mode;
    answer->owner = other->owner;
    return true;
}

bool answer_replace(struct answer *answer, struct span bytes)
{
    uint8_t *copy = copy_of(bytes);

    if (!copy)
        return false;
    wipe(answer->bytes, answer->length);
    answer->bytes = copy;
    answer->length = bytes.len;
    return true;
}

void answers_free(struct answers *answers)
{
    for (struct answer *answer = answers->first, *next; answer; answer = next) {
        next = answer->next;
        answer_free(answer);
    }
    for (size_t i = 0; i < answers->directory_count; i++)
        close(answers->directories[i]);
    free(answers->directories);
}
