/* The node directory of one `crossgate dev`: certificate and configuration, made when it starts and removed when it ends. */
#ifndef CROSSGATE_COMMANDS_DEV_NODE_H
#define CROSSGATE_COMMANDS_DEV_NODE_H

#include "crossgate/base/error.h"

#include <limits.h>
#include <stdint.h>

/* What is served. */
struct dev_site {
    const char *directory; /* absolute; NULL: no files */
    const char *proxy;     /* a port, or an http or https URL; NULL: nobody is asked for the rest */
    uint16_t port;         /* 0: the first free one from 8443 on */
    bool everywhere;       /* on all addresses, not only those of this machine itself */
};

struct dev_node {
    char directory[PATH_MAX];
    char config[PATH_MAX];
    uint16_t port;
};

/* Makes an empty one. The caller calls dev_node_remove. */
bool dev_node_make(struct dev_node *node, struct error *error) __attribute__((warn_unused_result));

/* Finds a port, and writes the configuration for leaf.key and leaf.pem of its directory. */
bool dev_node_configure(struct dev_node *node, const struct dev_site *site, struct error *error)
    __attribute__((warn_unused_result));

void dev_node_remove(const struct dev_node *node);

#endif
