/* A reference count for what is configured once and used by many connections (plans, TLS contexts).
 * Not atomic: a counted object belongs to one loop. */
#ifndef CROSSGATE_BASE_COUNTED_H
#define CROSSGATE_BASE_COUNTED_H

#include <assert.h>
#include <stddef.h>

struct counted {
    unsigned count;
    void (*free)(struct counted *self); /* called when the last reference is given up */
};

/* The maker holds the first reference. */
static inline void counted_init(struct counted *self, void (*free)(struct counted *))
{
    self->count = 1;
    self->free = free;
}

/* Accepts NULL, for objects that nobody counts. */
static inline void counted_ref(struct counted *self)
{
    if (self)
        self->count++;
}

/* Accepts NULL. Whoever gives up the last reference runs free. */
static inline void counted_unref(struct counted *self)
{
    if (!self)
        return;
    assert(self->count > 0);
    if (--self->count == 0)
        self->free(self);
}

#endif
