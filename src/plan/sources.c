#include "sources_parts.h"

#include "crossgate/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Life. */

struct sources *sources_new(bool packed)
{
    struct sources *sources = calloc(1, sizeof *sources);

    if (!sources)
        return NULL;
    sources->packed = packed;
    list_init(&sources->namings);
    return sources;
}

struct sources *sources_settle(struct sources *sources, bool worked)
{
    if (!worked) {
        sources_free(sources);
        return NULL;
    }
    for (const struct answer *answer = sources->answers.first; answer; answer = answer->next) {
        if (answer->kind == ANSWER_CONFIG)
            sources->request.config = answer->name;
        else if (answer->kind == ANSWER_NODE_DIR)
            sources->request.node_dir = answer->name;
        else if (answer->kind == ANSWER_BACKEND)
            sources->request.backends = answer->name;
        else if (answer->kind == ANSWER_STRICT)
            sources->request.strict = true;
    }
    return sources;
}

/* What there is nothing more to say of than that it was asked for. */
static bool keep_name(struct sources *sources, enum answer_kind kind, const char *name)
{
    return answers_keep(&sources->answers, kind, span_string(name), NULL, 0) != NULL;
}

struct sources *sources_new_disk(const struct plan_request *request)
{
    struct sources *sources = sources_new(false);

    return sources_settle(sources, sources && keep_name(sources, ANSWER_CONFIG, request->config) &&
                                       keep_name(sources, ANSWER_NODE_DIR, request->node_dir) &&
                                       (!request->backends || keep_name(sources, ANSWER_BACKEND, request->backends)) &&
                                       (!request->strict || keep_name(sources, ANSWER_STRICT, "")));
}

void sources_free(struct sources *sources)
{
    if (!sources)
        return;
    answers_free(&sources->answers);
    sources_forget_places(sources);
    free(sources);
}

bool sources_are_packed(const struct sources *sources)
{
    return sources->packed;
}

const struct plan_request *sources_request(const struct sources *sources)
{
    return &sources->request;
}

/* Files. */

/* O_NONBLOCK: opening a FIFO or a device must not wait; what is no regular file is refused before it is read. */
static struct answer *read_file(struct sources *sources, const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct answer *answer = NULL;
    uint8_t *bytes;
    size_t length;
    struct stat facts;

    if (descriptor < 0 || fstat(descriptor, &facts) != 0) {
        error_set_errno(error, "%s cannot be read", path);
        goto out;
    }
    if (!S_ISREG(facts.st_mode)) {
        error_set(error, ERROR_INPUT, "%s is %s, not a file", path,
                  S_ISDIR(facts.st_mode) ? "a directory" : "something special");
        goto out;
    }
    if (facts.st_size > SOURCE_MAX) {
        error_set(error, ERROR_INPUT, "%s is larger than %d MiB", path, SOURCE_MAX / 1024 / 1024);
        goto out;
    }
    bytes = disk_read(descriptor, path, (size_t)facts.st_size, &length, error);
    if (!bytes)
        goto out;
    answer = answers_keep(&sources->answers, ANSWER_FILE, span_string(path), bytes, length);
    if (!answer) {
        error_set(error, ERROR_MEMORY, "out of memory while reading %s", path);
        goto out;
    }
    answer->mode = facts.st_mode & 07777;
    answer->owner = facts.st_uid;
out:
    if (descriptor >= 0)
        close(descriptor);
    return answer;
}

bool sources_file(struct sources *sources, const char *path, struct source_file *file, struct error *error)
{
    const struct answer *answer = answers_find(&sources->answers, ANSWER_FILE, path);

    if (!answer && sources->packed)
        error_set(error, ERROR_INPUT, "%s is not among the files that were handed over", path);
    else if (!answer)
        answer = read_file(sources, path, error);
    if (!answer)
        return false;
    *file = (struct source_file){span_of(answer->bytes, answer->length), answer->mode, answer->owner};
    return true;
}

static bool is_absent(const char *path)
{
    return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Asked twice, it is absent twice. What was not there in the master is not there in a worker. */
bool sources_file_if_any(struct sources *sources, const char *path, struct source_file *file, struct error *error)
{
    bool known = answers_find(&sources->answers, ANSWER_ABSENT, path) != NULL;

    if (answers_find(&sources->answers, ANSWER_FILE, path) || (!known && !sources->packed && !is_absent(path)))
        return sources_file(sources, path, file, error);
    if (!known && !sources->packed && !keep_name(sources, ANSWER_ABSENT, path)) {
        error_set(error, ERROR_MEMORY, "out of memory while reading %s", path);
        return false;
    }
    *file = (struct source_file){0};
    return true;
}

bool sources_read_again(struct sources *sources, const char *path)
{
    struct error error = {.class = ERROR_NONE};
    enum answer_kind none = ANSWER_UNREAD;

    if (is_absent(path))
        none = ANSWER_ABSENT;
    else if (read_file(sources, path, &error))
        return true;
    return error.class != ERROR_MEMORY && keep_name(sources, none, path);
}

/* What the master has made. */

bool sources_made(const struct sources *sources, const char *name, struct span *bytes)
{
    const struct answer *answer = answers_find(&sources->answers, ANSWER_MADE, name);

    if (answer)
        *bytes = span_of(answer->bytes, answer->length);
    return answer != NULL;
}

bool sources_keep_made(struct sources *sources, const char *name, struct span bytes)
{
    struct answer *before = answers_find(&sources->answers, ANSWER_MADE, name);

    return before ? answer_replace(before, bytes)
                  : answers_keep_copy(&sources->answers, ANSWER_MADE, span_string(name), bytes) != NULL;
}

/* Directories. */

int sources_directory(struct sources *sources, const char *path, struct error *error)
{
    const struct answer *answer = answers_find(&sources->answers, ANSWER_DIRECTORY, path);

    if (answer)
        return answer->descriptor;
    if (sources->packed) {
        error_set(error, ERROR_INPUT, "%s is not among the directories that were handed over", path);
        return -1;
    }
    int descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        error_set_errno(error, "%s cannot be opened as a directory", path);
        return -1;
    }
    if (!answers_keep_directory(&sources->answers, span_string(path), descriptor)) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return -1;
    }
    return descriptor;
}

size_t sources_directories(const struct sources *sources, const int **directories)
{
    *directories = sources->answers.directories;
    return sources->answers.directory_count;
}

const char *sources_directory_name(const struct sources *sources, size_t index)
{
    for (const struct answer *answer = sources->answers.first; answer; answer = answer->next) {
        if (answer->kind == ANSWER_DIRECTORY && index-- == 0)
            return answer->name;
    }
    return "";
}

/* Variables. */

/* When memory is out the variable is as good as not set: the plan fails, it is not made wrong. */
const char *sources_variable(struct sources *sources, const char *name)
{
    const struct answer *answer = answers_find(&sources->answers, ANSWER_VARIABLE, name);

    if (!answer && !sources->packed) {
        const char *value = getenv(name);
        if (value)
            answer = answers_keep_copy(&sources->answers, ANSWER_VARIABLE, span_string(name), span_string(value));
    }
    return answer ? (const char *)answer->bytes : NULL;
}
