/* How sources travel to a worker. Both sides are the same program on the same machine, so numbers are as the processor has them: magic,
 * then per answer a head followed by name and bytes. Descriptors of directories go beside it, in the order of their answers. */
#include "sources_parts.h"

#include "crossgate/base/disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "CGPLAN1";

struct packed_answer {
    uint32_t kind;
    uint32_t name_length;
    uint64_t length;
};

/* Room for some hundred certificates and key files of the largest size; a bound, not a budget. */
enum { PACKED_MAX = 1 << 30 };

/* Packing. */

static bool pack_answer(int packed, const struct answer *answer)
{
    struct packed_answer head = {
        .kind = (uint32_t)answer->kind,
        .name_length = (uint32_t)strlen(answer->name),
        .length = answer->length,
    };

    return disk_write(packed, span_of(&head, sizeof head)) && disk_write(packed, span_string(answer->name)) &&
           disk_write(packed, span_of(answer->bytes, answer->length));
}

int sources_pack(const struct sources *sources, struct error *error)
{
    int packed = memfd_create("crossgate-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool worked = packed >= 0 && disk_write(packed, span_of(magic, sizeof magic));

    for (const struct answer *answer = sources->answers.first; worked && answer; answer = answer->next)
        worked = pack_answer(packed, answer);
    if (worked && fcntl(packed, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
        return packed;
    error_set_errno(error, "the plan cannot be %s", worked ? "sealed" : "packed");
    if (packed >= 0)
        close(packed);
    return -1;
}

/* Unpacking. */

/* What is left. */
struct rest {
    struct span bytes;
    const int *directories;
    size_t directory_count;
};

static struct span cut(struct rest *rest, size_t length)
{
    struct span head = span_head(rest->bytes, length);

    rest->bytes = span_tail(rest->bytes, length);
    return head;
}

static int cut_directory(struct rest *rest)
{
    rest->directory_count--;
    return *rest->directories++;
}

static bool has_zero(struct span name)
{
    return name.len > 0 && memchr(name.at, 0, name.len);
}

/* Takes the next answer off `rest`. Names are strings, and so are the values of variables. */
static bool unpack_answer(struct answers *answers, struct rest *rest)
{
    struct packed_answer head;

    if (rest->bytes.len < sizeof head)
        return false;
    memcpy(&head, cut(rest, sizeof head).at, sizeof head);
    if (head.kind > ANSWER_MADE || head.name_length > rest->bytes.len ||
        head.length > rest->bytes.len - head.name_length)
        return false;
    enum answer_kind kind = (enum answer_kind)head.kind;
    struct span name = cut(rest, head.name_length), bytes = cut(rest, head.length);
    if (has_zero(name) || (kind == ANSWER_VARIABLE && has_zero(bytes)))
        return false;
    if (kind == ANSWER_DIRECTORY)
        return rest->directory_count > 0 && answers_keep_directory(answers, name, cut_directory(rest));
    return answers_keep_copy(answers, kind, name, bytes) != NULL;
}

/* All of it, and no directory is left. */
static bool unpack(struct answers *answers, struct rest *rest)
{
    if (!span_starts(rest->bytes, span_of(magic, sizeof magic)))
        return false;
    cut(rest, sizeof magic);
    while (rest->bytes.len > 0) {
        if (!unpack_answer(answers, rest))
            return false;
    }
    return rest->directory_count == 0;
}

static struct sources *sources_unpack(int packed, struct rest *rest, struct error *error)
{
    struct sources *sources = sources_new(true);
    struct stat facts;
    uint8_t *bytes;
    size_t length;

    if (!sources) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (fstat(packed, &facts) != 0 || facts.st_size < 0 || facts.st_size > PACKED_MAX) {
        error_set(error, ERROR_INPUT, "the packed plan cannot be read");
        return sources_settle(sources, false);
    }
    bytes = disk_read(packed, "the packed plan", (size_t)facts.st_size, &length, error);
    if (!bytes)
        return sources_settle(sources, false);
    rest->bytes = span_of(bytes, length);
    sources = sources_settle(sources, unpack(&sources->answers, rest));
    explicit_bzero(bytes, length);
    free(bytes);
    if (sources && sources->request.config && sources->request.node_dir)
        return sources;
    error_set(error, ERROR_INPUT, "the packed plan is damaged, or memory is out");
    return sources_settle(sources, false);
}

struct sources *sources_new_packed(int packed, const int *directories, size_t count, struct error *error)
{
    struct rest rest = {.directories = directories, .directory_count = count};
    struct sources *sources = sources_unpack(packed, &rest, error);

    while (rest.directory_count > 0)
        close(cut_directory(&rest));
    return sources;
}
