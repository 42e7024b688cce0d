/* Sources that come after others: which files are read again, which of these are trusted, what is another by then. */
#include "sources_parts.h"

#include <stdlib.h>

/* Where the configuration names a file. */
struct naming {
    struct list link;
    char *path;
    char *place;
};

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

/* Taking over. */

struct sources *sources_new_renewed(const struct sources *previous, const char *beneath)
{
    struct sources *sources = sources_new(false);
    bool worked = sources != NULL;

    for (const struct answer *answer = previous->answers.first; worked && answer; answer = answer->next) {
        if (!is_renewable(previous, answer, beneath))
            worked = answers_keep_same(&sources->answers, answer);
        else if (!answers_find(&sources->answers, ANSWER_FILE, answer->name)) /* it may have been unread at first */
            worked = sources_read_again(sources, answer->name);
    }
    return sources_settle(sources, worked);
}

/* What has been read again of it and is trusted; NULL: nothing. */
static const struct answer *trusted(const struct sources *renewed, const char *name)
{
    const struct answer *answer = answers_find(&renewed->answers, ANSWER_FILE, name);

    if (!answer)
        answer = answers_find(&renewed->answers, ANSWER_ABSENT, name);
    return answer && !answer->distrusted ? answer : NULL;
}

struct sources *sources_new_trusted(const struct sources *previous, const struct sources *renewed)
{
    struct sources *sources = sources_new(false);
    bool worked = sources != NULL;

    for (const struct answer *answer = previous->answers.first; worked && answer; answer = answer->next) {
        const struct answer *other = is_renewable(previous, answer, NULL) ? trusted(renewed, answer->name) : NULL;
        worked = answers_keep_same(&sources->answers, other ? other : answer);
    }
    return sources_settle(sources, worked);
}

bool sources_inherit_made(struct sources *sources, const struct sources *previous)
{
    bool worked = true;

    for (const struct answer *answer = previous->answers.first; worked && answer; answer = answer->next)
        worked = answer->kind != ANSWER_MADE || answers_keep_same(&sources->answers, answer);
    return worked;
}

/* Trust. */

static void naming_free(struct naming *naming)
{
    free(naming->path);
    free(naming->place);
    free(naming);
}

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

void sources_forget_places(struct sources *sources)
{
    while (!list_is_empty(&sources->namings)) {
        struct naming *naming = CONTAINER_OF(sources->namings.next, struct naming, link);
        list_remove(&naming->link);
        naming_free(naming);
    }
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
            struct answer *answer = answers_find(&sources->answers, kinds[i], naming->path);
            if (answer)
                answer->distrusted = true;
        }
    }
}

/* Comparing. */

static struct span bytes_of(const struct sources *sources, const char *name)
{
    const struct answer *answer = answers_find(&sources->answers, ANSWER_FILE, name);

    return answer ? span_of(answer->bytes, answer->length) : (struct span){0};
}

size_t sources_differ(const struct sources *a, const struct sources *b, const char **first)
{
    size_t count = 0;

    *first = NULL;
    for (const struct answer *answer = a->answers.first; answer; answer = answer->next) {
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

    for (const struct answer *answer = sources->answers.first; answer; answer = answer->next)
        room++;
    *names = calloc(room, sizeof **names);
    *count = 0;
    for (const struct answer *answer = sources->answers.first; *names && answer; answer = answer->next) {
        if (is_renewable(sources, answer, NULL))
            (*names)[(*count)++] = answer->name;
    }
    return *names != NULL;
}
