/* What the parts of a plan share while it is made. */
#ifndef CROSSGATE_PLAN_BUILDER_H
#define CROSSGATE_PLAN_BUILDER_H

#include "crossgate/plan.h"
#include "crossgate/relay.h"
#include "crossgate/services.h"

/* All in milliseconds; see limits.h and the extension object "crossgate.limits". */
struct limits {
    int64_t handshake_timeout;
    int64_t head_timeout;
    int64_t idle_timeout;
    int64_t body_timeout;
    int64_t send_timeout;
    int64_t close_timeout;
    int64_t answer_timeout;
};

/* A certificate from an authority, with the place of the first `acme` that asks for it. */
struct acme_entry {
    struct acme_entry *next;
    const struct config_place *place;
    struct plan_acme *acme;
};

struct builder {
    struct config_reader reader; /* reader.user is the builder */
    struct plan *plan;
    struct sources *sources;
    struct limits limits;
    const struct balance *balance; /* of --backend; NULL: as usual */
    struct upstream *upstream;     /* of --backend; NULL: not given, or wrong */
    struct upstream *by_source;    /* the same for the node's services; NULL: not asked for, or there is none */
    bool backend_used;
    struct acme_entry *acmes;
    struct tls_context **before; /* of the plan before */
    size_t before_count;
    struct worker *proxy; /* the proxy worker that is being read, else NULL */
};

static inline struct builder *builder_of(const struct config_reader *reader)
{
    return reader->user;
}

/* Memory of the plan, zeroed. NULL: it is out, and the plan fails. */
static inline void *builder_alloc(struct builder *builder, size_t size)
{
    return config_alloc(&builder->reader, size);
}

/* Makes the arena own a TLS context; NULL stays NULL. */
struct tls_context *builder_keep_tls(struct builder *builder, struct tls_context *context);

/* Notes that memory was out when `made` is NULL, and passes it on. */
const struct service *builder_keep_service(struct builder *builder, const struct service *made);

/* A path of the configuration as the system is to see it: relative ones begin at the node directory. */
const char *builder_path(struct builder *builder, const char *path);

/* What to do about a path of the configuration that could not be opened; NULL: nobody knows. */
const char *builder_path_remedy(struct builder *builder, const char *path, const struct error *error);

/* Replaces $NAME and ${NAME}. NULL if one is not set, which is reported at the place. */
const char *builder_expand(struct builder *builder, const struct config_place *place, const char *text);

/* The bytes of a file named at the place; a failure is reported there. Valid while the plan is made. */
bool builder_file(struct builder *builder, const struct config_place *place, const char *path, struct pki_file *file)
    __attribute__((warn_unused_result));

/* Reads the URLs of --backend, one a line, into builder->upstream. */
void builder_read_backends(struct builder *builder, const char *urls);

#endif
