#include "crossgate/sources.h"

#include "crossgate/base/disk.h"
#include "crossgate/base/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* One answer: what was asked for, by kind and name, and what was found. */
enum answer_kind {
    ANSWER_CONFIG,
    ANSWER_NODE_DIR,
    ANSWER_BACKEND,
    ANSWER_STRICT,
    ANSWER_FILE,
    ANSWER_ABSENT, /* a file that need not be there, and is not */
    ANSWER_UNREAD, /* a file that could not be read again; who asks for it is told why */
    ANSWER_DIRECTORY,
    ANSWER_VARIABLE,
    ANSWER_MADE
};

struct answer {
    struct list link;
    struct answer *alike; /* the next one in the same bucket */
    enum answer_kind kind;
    uint32_t key; /* of the name: names are long, and alike */
    char *name;
    uint8_t *bytes; /* file, variable (zero-terminated), made: what was found; owned, wiped */
    size_t length;  /* without the zero */
    uint32_t mode;
    uint32_t owner;
    bool distrusted;
};

/* Where the configuration names a file. */
struct naming {
    struct list link;
    char *path;
    char *place;
};

/* Ten thousand certificates are twenty thousand files, and more questions. */
enum { BUCKETS = 1024 };

struct sources {
    struct plan_request request; /* strings belong to the answers */
    bool packed;                 /* in a worker: what is not among the answers is not there */
    struct list answers;
    struct answer *buckets[BUCKETS]; /* the same, by their keys */
    struct list namings;
    int *directories; /* in the order of the answers of that kind */
    size_t directory_count;
};

/* Answers. */

static void forget_bytes(struct answer *answer)
{
    if (answer->bytes)
        explicit_bzero(answer->bytes, answer->length);
    free(answer->bytes);
}

static void answer_free(struct answer *answer)
{
    if (!answer)
        return;
    forget_bytes(answer);
    free(answer->name);
    free(answer);
}

/* FNV-1a. */
static uint32_t key_of(struct span name)
{
    uint32_t key = 0x811c9dc5;

    for (size_t i = 0; i < name.len; i++)
        key = (key ^ name.at[i]) * 0x01000193;
    return key;
}

static struct answer *find(const struct sources *sources, enum answer_kind kind, const char *name)
{
    uint32_t key = key_of(span_string(name));

    for (struct answer *answer = sources->buckets[key % BUCKETS]; answer; answer = answer->alike) {
        if (answer->key == key && answer->kind == kind && strcmp(answer->name, name) == 0)
            return answer;
    }
    return NULL;
}

/* Takes `bytes` over, also on failure. NULL when memory is out. */
static struct answer *remember(struct sources *sources, enum answer_kind kind, struct span name, uint8_t *bytes,
                               size_t length)
{
    struct answer *answer = calloc(1, sizeof *answer);

    if (!answer) {
        if (bytes)
            explicit_bzero(bytes, length);
        free(bytes);
        return NULL;
    }
    answer->kind = kind;
    answer->key = key_of(name);
    answer->bytes = bytes;
    answer->length = length;
    answer->name = strndup(name.len > 0 ? (const char *)name.at : "", name.len);
    if (!answer->name) {
        answer_free(answer);
        return NULL;
    }
    list_append(&sources->answers, &answer->link);
    struct answer **bucket = &sources->buckets[answer->key % BUCKETS];
    answer->alike = *bucket;
    *bucket = answer;
    return answer;
}

/* Takes the descriptor over, also on failure. */
static bool remember_directory(struct sources *sources, const char *path, int descriptor)
{
    int *directories = realloc(sources->directories, (sources->directory_count + 1) * sizeof *directories);

    if (directories)
        sources->directories = directories;
    if (!directories || !remember(sources, ANSWER_DIRECTORY, span_string(path), NULL, 0)) {
        close(descriptor);
        return false;
    }
    directories[sources->directory_count++] = descriptor;
    return true;
}

/* The request points to the answers of its own kinds. */
static void settle_request(struct sources *sources)
{
    for (struct list *at = sources->answers.next; at != &sources->answers; at = at->next) {
        struct answer *answer = CONTAINER_OF(at, struct answer, link);
        if (answer->kind == ANSWER_CONFIG)
            sources->request.config = answer->name;
        else if (answer->kind == ANSWER_NODE_DIR)
            sources->request.node_dir = answer->name;
        else if (answer->kind == ANSWER_BACKEND)
            sources->request.backends = answer->name;
        else if (answer->kind == ANSWER_STRICT)
            sources->request.strict = true;
    }
}

/* Life. */

bool sources_are_packed(const struct sources *sources)
{
    return sources->packed;
}

static struct sources *sources_new(bool packed)
{
    struct sources *sources = calloc(1, sizeof *sources);

    if (!sources)
        return NULL;
    sources->packed = packed;
    list_init(&sources->answers);
    list_init(&sources->namings);
    return sources;
}

struct sources *sources_new_disk(const struct plan_request *request)
{
    struct sources *sources = sources_new(false);

    if (!sources)
        return NULL;
    if (!remember(sources, ANSWER_CONFIG, span_string(request->config), NULL, 0) ||
        !remember(sources, ANSWER_NODE_DIR, span_string(request->node_dir), NULL, 0) ||
        (request->backends && !remember(sources, ANSWER_BACKEND, span_string(request->backends), NULL, 0)) ||
        (request->strict && !remember(sources, ANSWER_STRICT, SPAN(""), NULL, 0))) {
        sources_free(sources);
        return NULL;
    }
    settle_request(sources);
    return sources;
}

static void naming_free(struct naming *naming)
{
    if (!naming)
        return;
    free(naming->path);
    free(naming->place);
    free(naming);
}

void sources_free(struct sources *sources)
{
    if (!sources)
        return;
    while (!list_is_empty(&sources->answers)) {
        struct answer *answer = CONTAINER_OF(sources->answers.next, struct answer, link);
        list_remove(&answer->link);
        answer_free(answer);
    }
    while (!list_is_empty(&sources->namings)) {
        struct naming *naming = CONTAINER_OF(sources->namings.next, struct naming, link);
        list_remove(&naming->link);
        naming_free(naming);
    }
    for (size_t i = 0; i < sources->directory_count; i++)
        close(sources->directories[i]);
    free(sources->directories);
    free(sources);
}

const struct plan_request *sources_request(const struct sources *sources)
{
    return &sources->request;
}

/* Asking. */

/* The whole of an open file, which may shrink meanwhile. Without the file's own offset: the packed plan is one open file
 * that several workers read at the same time. */
static uint8_t *read_all(int descriptor, const char *path, size_t size, size_t *length, struct error *error)
{
    uint8_t *bytes = malloc(size + 1);

    if (!bytes) {
        error_set(error, ERROR_MEMORY, "out of memory while reading %s", path);
        return NULL;
    }
    for (*length = 0; *length < size;) {
        ssize_t n = pread(descriptor, bytes + *length, size - *length, (off_t)*length);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            error_set_errno(error, "%s cannot be read", path);
            explicit_bzero(bytes, *length);
            free(bytes);
            return NULL;
        }
        *length += (size_t)n;
    }
    bytes[*length] = '\0';
    return bytes;
}

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
    bytes = read_all(descriptor, path, (size_t)facts.st_size, &length, error);
    if (!bytes)
        goto out;
    answer = remember(sources, ANSWER_FILE, span_string(path), bytes, length);
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
    struct answer *answer = find(sources, ANSWER_FILE, path);

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
    bool known = find(sources, ANSWER_ABSENT, path) != NULL;

    if (find(sources, ANSWER_FILE, path) || (!known && !sources->packed && !is_absent(path)))
        return sources_file(sources, path, file, error);
    if (!known && !sources->packed && !remember(sources, ANSWER_ABSENT, span_string(path), NULL, 0)) {
        error_set(error, ERROR_MEMORY, "out of memory while reading %s", path);
        return false;
    }
    *file = (struct source_file){0};
    return true;
}

bool sources_made(const struct sources *sources, const char *name, struct span *bytes)
{
    const struct answer *answer = find(sources, ANSWER_MADE, name);

    if (answer)
        *bytes = span_of(answer->bytes, answer->length);
    return answer != NULL;
}

bool sources_keep_made(struct sources *sources, const char *name, struct span bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);

    if (!copy)
        return false;
    memcpy(copy, bytes.at, bytes.len);
    copy[bytes.len] = '\0';
    struct answer *before = find(sources, ANSWER_MADE, name);
    if (!before)
        return remember(sources, ANSWER_MADE, span_string(name), copy, bytes.len) != NULL;
    forget_bytes(before);
    before->bytes = copy;
    before->length = bytes.len;
    return true;
}

static int known_directory(const struct sources *sources, const char *path)
{
    size_t index = 0;

    for (struct list *at = sources->answers.next; at != &sources->answers; at = at->next) {
        struct answer *answer = CONTAINER_OF(at, struct answer, link);
        if (answer->kind != ANSWER_DIRECTORY)
            continue;
        if (strcmp(answer->name, path) == 0)
            return sources->directories[index];
        index++;
    }
    return -1;
}

int sources_directory(struct sources *sources, const char *path, struct error *error)
{
    int descriptor = known_directory(sources, path);

    if (descriptor >= 0)
        return descriptor;
    if (sources->packed) {
        error_set(error, ERROR_INPUT, "%s is not among the directories that were handed over", path);
        return -1;
    }
    descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        error_set_errno(error, "%s cannot be opened as a directory", path);
        return -1;
    }
    if (!remember_directory(sources, path, descriptor)) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return -1;
    }
    return descriptor;
}

/* When memory is out the variable is as good as not set: the plan fails, it is not made wrong. */
const char *sources_variable(struct sources *sources, const char *name)
{
    struct answer *answer = find(sources, ANSWER_VARIABLE, name);

    if (!answer && !sources->packed) {
        const char *value = getenv(name);
        char *copy = value ? strdup(value) : NULL;
        if (copy)
            answer = remember(sources, ANSWER_VARIABLE, span_string(name), (uint8_t *)copy, strlen(copy));
    }
    return answer ? (const char *)answer->bytes : NULL;
}

size_t sources_directories(const struct sources *sources, const int **directories)
{
    *directories = sources->directories;
    return sources->directory_count;
}

const char *sources_directory_name(const struct sources *sources, size_t index)
{
    for (struct list *at = sources->answers.next; at != &sources->answers; at = at->next) {
        struct answer *answer = CONTAINER_OF(at, struct answer, link);
        if (answer->kind == ANSWER_DIRECTORY && index-- == 0)
            return answer->name;
    }
    return "";
}

/* Reading again. */

static bool is_file(const struct answer *answer)
{
    return answer->kind == ANSWER_FILE || answer->kind == ANSWER_ABSENT || answer->kind == ANSWER_UNREAD;
}

/* Whether a renewal reads it again. */
static bool is_renewable(const struct sources *sources, const struct answer *answer, const char *beneath)
{
    size_t length = beneath ? strlen(beneath) : 0;

    if (!is_file(answer) || strcmp(answer->name, sources->request.config) == 0)
        return false;
    return !beneath || (strncmp(answer->name, beneath, length) == 0 && answer->name[length] == '/');
}

static bool read_again(struct sources *sources, const char *path)
{
    struct error error = {.class = ERROR_NONE};
    enum answer_kind none = ANSWER_UNREAD;

    if (is_absent(path))
        none = ANSWER_ABSENT;
    else if (read_file(sources, path, &error))
        return true;
    return error.class != ERROR_MEMORY && remember(sources, none, span_string(path), NULL, 0);
}

static bool copy_directory(struct sources *sources, const char *path, int descriptor)
{
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);

    return copy >= 0 && remember_directory(sources, path, copy);
}

static bool copy_answer(struct sources *sources, const struct answer *answer)
{
    uint8_t *bytes = answer->bytes ? malloc(answer->length + 1) : NULL;
    struct answer *copy;

    if (answer->bytes && !bytes)
        return false;
    if (bytes)
        memcpy(bytes, answer->bytes, answer->length + 1);
    copy = remember(sources, answer->kind, span_string(answer->name), bytes, answer->length);
    if (!copy)
        return false;
    copy->mode = answer->mode;
    copy->owner = answer->owner;
    return true;
}

struct sources *sources_new_renewed(const struct sources *previous, const char *beneath)
{
    struct sources *sources = sources_new(false);
    bool worked = sources != NULL;
    size_t directories = 0;

    for (const struct list *at = previous->answers.next; worked && at != &previous->answers; at = at->next) {
        const struct answer *answer = CONTAINER_OF(at, const struct answer, link);
        if (answer->kind == ANSWER_DIRECTORY)
            worked = copy_directory(sources, answer->name, previous->directories[directories++]);
        else if (!is_renewable(previous, answer, beneath))
            worked = copy_answer(sources, answer);
        else if (!find(sources, ANSWER_FILE, answer->name)) /* it may have been unread at first */
            worked = read_again(sources, answer->name);
    }
    if (worked) {
        settle_request(sources);
        return sources;
    }
    sources_free(sources);
    return NULL;
}

bool sources_inherit_made(struct sources *sources, const struct sources *previous)
{
    bool worked = true;

    for (const struct list *at = previous->answers.next; worked && at != &previous->answers; at = at->next) {
        const struct answer *answer = CONTAINER_OF(at, const struct answer, link);
        worked = answer->kind != ANSWER_MADE || copy_answer(sources, answer);
    }
    return worked;
}

/* Trust. */

bool sources_note_place(struct sources *sources, const char *path, const char *place)
{
    struct naming *naming;

    if (sources->packed)
        return true;
    naming = calloc(1, sizeof *naming);
    if (!naming)
        return false;
    naming->path = strdup(path);
    naming->place = strdup(place);
    if (!naming->path || !naming->place) {
        naming_free(naming);
        return false;
    }
    list_append(&sources->namings, &naming->link);
    return true;
}

static bool is_below(const char *place, const char *above)
{
    size_t length = strlen(above);

    return strncmp(place, above, length) == 0 && (place[length] == '\0' || strchr(".[", place[length]));
}

void sources_distrust(struct sources *sources, const char *place)
{
    static const enum answer_kind kinds[] = {ANSWER_FILE, ANSWER_ABSENT, ANSWER_UNREAD};

    for (struct list *at = sources->namings.next; at != &sources->namings; at = at->next) {
        const struct naming *naming = CONTAINER_OF(at, const struct naming, link);
        if (!is_below(naming->place, place))
            continue;
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            struct answer *answer = find(sources, kinds[i], naming->path);
            if (answer)
                answer->distrusted = true;
        }
    }
}

/* What has been read again of it and is trusted; NULL: nothing. */
static const struct answer *trusted(const struct sources *renewed, const char *name)
{
    const struct answer *answer = find(renewed, ANSWER_FILE, name);

    if (!answer)
        answer = find(renewed, ANSWER_ABSENT, name);
    return answer && !answer->distrusted ? answer : NULL;
}

struct sources *sources_new_trusted(const struct sources *previous, const struct sources *renewed)
{
    struct sources *sources = sources_new(false);
    bool worked = sources != NULL;
    size_t directories = 0;

    for (const struct list *at = previous->answers.next; worked && at != &previous->answers; at = at->next) {
        const struct answer *answer = CONTAINER_OF(at, const struct answer, link), *other = NULL;
        if (answer->kind == ANSWER_DIRECTORY) {
            worked = copy_directory(sources, answer->name, previous->directories[directories++]);
            continue;
        }
        if (is_renewable(previous, answer, NULL))
            other = trusted(renewed, answer->name);
        worked = copy_answer(sources, other ? other : answer);
    }
    if (worked) {
        settle_request(sources);
        return sources;
    }
    sources_free(sources);
    return NULL;
}

/* Comparing. */

static struct span bytes_of(const struct sources *sources, const char *name)
{
    const struct answer *answer = find(sources, ANSWER_FILE, name);

    return answer ? span_of(answer->bytes, answer->length) : (struct span){0};
}

size_t sources_differ(const struct sources *a, const struct sources *b, const char **first)
{
    size_t count = 0;

    *first = NULL;
    for (const struct list *at = a->answers.next; at != &a->answers; at = at->next) {
        const struct answer *answer = CONTAINER_OF(at, const struct answer, link);
        if (!is_file(answer))
            continue;
        struct span mine = bytes_of(a, answer->name), other = bytes_of(b, answer->name);
        if ((mine.at == NULL) == (other.at == NULL) && span_equal(mine, other))
            continue;
        if (count++ == 0)
            *first = answer->name;
    }
    return count;
}

bool sources_names(const struct sources *sources, const char ***names, size_t *count)
{
    size_t room = 1;

    for (const struct list *at = sources->answers.next; at != &sources->answers; at = at->next)
        room++;
    *names = calloc(room, sizeof **names);
    *count = 0;
    for (const struct list *at = sources->answers.next; *names && at != &sources->answers; at = at->next) {
        const struct answer *answer = CONTAINER_OF(at, const struct answer, link);
        if (is_renewable(sources, answer, NULL))
            (*names)[(*count)++] = answer->name;
    }
    return *names != NULL;
}

/* Packing. Both sides are the same program on the same machine, so numbers are as the processor has them:
 * magic, then per answer a head followed by name and bytes. */

static const char magic[8] = "CGPLAN1";

struct packed_answer {
    uint32_t kind;
    uint32_t name_length;
    uint64_t length;
};

/* Room for some hundred certificates and key files of the largest size; a bound, not a budget. */
enum { PACKED_MAX = 1 << 30 };

static bool write_all(int packed, const void *bytes, size_t length, struct error *error)
{
    if (disk_write(packed, span_of(bytes, length)))
        return true;
    error_set_errno(error, "the plan cannot be packed");
    return false;
}

static bool pack_answer(int packed, const struct answer *answer, struct error *error)
{
    struct packed_answer head = {
        .kind = (uint32_t)answer->kind,
        .name_length = (uint32_t)strlen(answer->name),
        .length = answer->length,
    };

    return write_all(packed, &head, sizeof head, error) && write_all(packed, answer->name, head.name_length, error) &&
           write_all(packed, answer->bytes, answer->length, error);
}

int sources_pack(const struct sources *sources, struct error *error)
{
    int packed = memfd_create("crossgate-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (packed < 0) {
        error_set_errno(error, "the plan cannot be packed");
        return -1;
    }
    if (!write_all(packed, magic, sizeof magic, error))
        goto fail;
    for (struct list *at = sources->answers.next; at != &sources->answers; at = at->next) {
        if (!pack_answer(packed, CONTAINER_OF(at, struct answer, link), error))
            goto fail;
    }
    if (fcntl(packed, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
        error_set_errno(error, "the packed plan cannot be sealed");
        goto fail;
    }
    return packed;
fail:
    close(packed);
    return -1;
}

/* Unpacking. */

static struct span cut(struct span *rest, size_t length)
{
    struct span head = span_head(*rest, length);

    *rest = span_tail(*rest, length);
    return head;
}

static bool has_zero(struct span name)
{
    return name.len > 0 && memchr(name.at, 0, name.len);
}

/* Takes the next answer off `rest`. Names are strings, and so are the values of variables. */
static bool unpack_answer(struct sources *sources, struct span *rest)
{
    struct packed_answer head;

    if (rest->len < sizeof head)
        return false;
    memcpy(&head, cut(rest, sizeof head).at, sizeof head);
    if (head.kind > ANSWER_MADE || head.name_length > rest->len || head.length > rest->len - head.name_length)
        return false;
    enum answer_kind kind = (enum answer_kind)head.kind;
    struct span name = cut(rest, head.name_length), bytes = cut(rest, head.length);
    if (has_zero(name) || (kind == ANSWER_VARIABLE && has_zero(bytes)))
        return false;
    uint8_t *copy = malloc(bytes.len + 1);
    if (!copy)
        return false;
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    copy[bytes.len] = '\0';
    return remember(sources, kind, name, copy, bytes.len) != NULL;
}

static bool unpack(struct sources *sources, struct span rest)
{
    size_t directories = 0;

    if (!span_starts(rest, span_of(magic, sizeof magic)))
        return false;
    rest = span_tail(rest, sizeof magic);
    while (rest.len > 0) {
        if (!unpack_answer(sources, &rest))
            return false;
    }
    for (struct list *at = sources->answers.next; at != &sources->answers; at = at->next)
        directories += CONTAINER_OF(at, struct answer, link)->kind == ANSWER_DIRECTORY;
    settle_request(sources);
    return directories == sources->directory_count && sources->request.config && sources->request.node_dir;
}

/* Adopts the descriptors, so that sources_free closes them whatever happens next. */
static bool adopt(struct sources *sources, const int *directories, size_t count)
{
    sources->directories = count > 0 ? calloc(count, sizeof *directories) : NULL;
    if (count > 0 && !sources->directories)
        return false;
    for (size_t i = 0; i < count; i++)
        sources->directories[i] = directories[i];
    sources->directory_count = count;
    return true;
}

static void close_all(const int *directories, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(directories[i]);
}

struct sources *sources_new_packed(int packed, const int *directories, size_t count, struct error *error)
{
    struct sources *sources = sources_new(true);
    struct stat facts;
    uint8_t *bytes = NULL;
    size_t length = 0;

    if (!sources || !adopt(sources, directories, count)) {
        close_all(directories, count);
        error_set(error, ERROR_MEMORY, "out of memory");
        goto fail;
    }
    if (fstat(packed, &facts) != 0 || facts.st_size < 0 || facts.st_size > PACKED_MAX) {
        error_set(error, ERROR_INPUT, "the packed plan cannot be read");
        goto fail;
    }
    bytes = read_all(packed, "the packed plan", (size_t)facts.st_size, &length, error);
    if (!bytes)
        goto fail;
    bool worked = unpack(sources, span_of(bytes, length));
    explicit_bzero(bytes, length);
    free(bytes);
    if (worked)
        return sources;
    error_set(error, ERROR_INPUT, "the packed plan is damaged, or memory is out");
fail:
    sources_free(sources);
    return NULL;
}
