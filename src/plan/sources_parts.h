/* What sources consist of, for the files that make them: of the disk (sources.c), after others (sources_renewed.c), from what was
 * packed (sources_packed.c). */
#ifndef CROSSGATE_PLAN_SOURCES_PARTS_H
#define CROSSGATE_PLAN_SOURCES_PARTS_H

#include "answers.h"

#include "crossgate/base/list.h"
#include "crossgate/sources.h"

struct sources {
    struct plan_request request; /* strings belong to the answers */
    bool packed;                 /* in a worker: what is not among the answers is not there */
    struct answers answers;
    struct list namings; /* where the configuration names files (sources_renewed.c) */
};

/* Without answers. NULL when memory is out. */
struct sources *sources_new(bool packed);

/* When all of the request is among the answers, or making them has not worked: the sources with it, or NULL, and they are freed.
 * Accepts NULL. */
struct sources *sources_settle(struct sources *sources, bool worked);

/* Keeps the file as it is on the disk now, or that it is absent or cannot be read. False when memory is out. */
bool sources_read_again(struct sources *sources, const char *path) __attribute__((warn_unused_result));

/* Frees what sources_note_place has noted. */
void sources_forget_places(struct sources *sources);

#endif
