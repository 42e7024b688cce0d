/* A node directory with real keys and certificates, and plans loaded from it. */
#ifndef CROSSGATE_TESTS_PLAN_NODE_H
#define CROSSGATE_TESTS_PLAN_NODE_H

#include "crossgate/plan.h"

/* Holds server.key, server.pem, other.key, empty.pem, huge.pem, pipe, web/index.html and env. Made and removed by cmocka's
 * group functions. */
int node_make(void **state);
int node_remove(void **state);
const char *node_path(void);

struct loaded {
    struct sources *sources;
    struct diagnostics *diagnostics;
    struct plan *plan; /* NULL: refused */
};

/* Writes the text as config.json of the node, ' replaced by ", and loads it. */
void node_load(struct loaded *loaded, const char *text, const char *backend, bool strict);
void node_unload(struct loaded *loaded);

#endif
