/* Intrusive doubly linked ring. A node that is in no ring points to itself, so removal is always safe. */
#ifndef CROSSGATE_BASE_LIST_H
#define CROSSGATE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct list {
    struct list *next;
    struct list *previous;
};

/* The struct of which `node` is the member `member`. For a const node write `const struct x` as type. */
#define CONTAINER_OF(node, type, member) ((type *)((uintptr_t)(node)-offsetof(type, member)))

/* An empty ring, or a node in no ring. */
static inline void list_init(struct list *node)
{
    node->next = node->previous = node;
}

/* Of a ring's head: nothing queued. Of a node: in no ring. */
static inline bool list_is_empty(const struct list *node)
{
    return node->next == node;
}

/* Safe on a node that is in no ring. */
static inline void list_remove(struct list *node)
{
    node->next->previous = node->previous;
    node->previous->next = node->next;
    list_init(node);
}

/* Inserts a node that is in no ring before `place`; with a ring's head as place, at the end of the ring. */
static inline void list_insert_before(struct list *place, struct list *node)
{
    node->next = place;
    node->previous = place->previous;
    place->previous->next = node;
    place->previous = node;
}

/* At the end of the ring; the node is in none by then. */
static inline void list_append(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

/* Moves all nodes of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#endif
