/* The service types: what each is told, and how it is made. Settings are read by the rows in src/plan/service.c; a
 * service copies nothing: strings and values live in the arena it is made in. NULL when memory is out. */
#ifndef CROSSGATE_SERVICES_H
#define CROSSGATE_SERVICES_H

#include "crossgate/base/arena.h"
#include "crossgate/relay.h"
#include "crossgate/service.h"
#include "crossgate/wamp.h"

/* Crossbar's service type "path": passes on by the longest path that the (decoded) tail begins with, whole segments only;
 * what none matches goes to "/" if there is one, else 404. The root of each web transport is one, too. The entries are
 * copied, their paths are not. */
struct path_entry {
    struct span path; /* "a", "a/b"; without slashes around; empty: "/" */
    const struct service *service;
};
struct path_settings {
    const struct path_entry *entries;
    size_t count;
};
const struct service *path_service_new(struct arena *arena, const struct path_settings *settings);

struct static_mime_type {
    const char *extension; /* ".wasm" */
    const char *type;
};

/* Crossbar's service type "static". */
struct static_settings {
    int directory;            /* descriptor, owned by the arena */
    bool directory_listing;   /* Crossbar key enable_directory_listing */
    bool precompressed;       /* extension: send NAME.br or NAME.gz for NAME to who accepts it */
    int64_t cache_timeout;    /* s for Cache-Control max-age; negative: none (null) */
    const char *default_file; /* answered with 200 where nothing is found, for single-page applications; or NULL */
    const struct static_mime_type *mime_types;
    size_t mime_type_count;
    const struct service *fallback; /* extension: asked for all that no file answers; or NULL: 404, 405 */
};
const struct service *static_service_new(struct arena *arena, const struct static_settings *settings);

/* Crossbar's service type "redirect": 302 to a fixed URL for GET and HEAD. 303, 307 and 308 are meant for other methods,
 * too, so with these all are redirected. */
struct redirect_settings {
    const char *url;
    unsigned status; /* 301, 302, 303, 307 or 308 */
    bool keep_path;  /* extension: what follows the service's own path, and the query, is put behind the URL */
};
const struct service *redirect_service_new(struct arena *arena, const struct redirect_settings *settings);

/* Crossbar's service type "json": the value was made bytes when the plan was made. */
struct json_settings {
    struct span body;
    bool allow_cross_origin;
    bool discourage_caching;
};
const struct service *json_service_new(struct arena *arena, const struct json_settings *settings);

/* In front of `next`, which serves all else: answers to the challenges that loop->challenges holds. */
const struct service *challenge_service_new(struct arena *arena, const struct service *next);

/* Crossbar's service type "nodeinfo": a page on this node. */
const struct service *nodeinfo_service_new(struct arena *arena);

/* Who gets in at a WebSocket service. All zero: who comes with an opening handshake. */
struct websocket_gate {
    struct origin_policy origins;
    uint16_t external_port; /* what a port in the field Host must be (Crossbar: external_port); 0: any */
    bool webstatus;         /* GET without a handshake gets a page (Crossbar: enable_webstatus), else 426 */
};

/* Crossbar's service types "websocket", "websocket-reverseproxy" (upstream) and "websocket-testee", and the bare transports
 * "websocket" and "websocket.testee" (echo). */
struct websocket_service_settings {
    struct upstream *upstream;   /* NULL: by realm, or echo */
    const struct routes *routes; /* by realm; NULL: echo */
    struct websocket_settings front;
    struct websocket_gate gate;
    uint32_t open_timeout; /* ms that a visitor waits for the backend's yes; 0: as long as the backend may take */
    bool show_version;     /* in the field Server of all answers (Crossbar: show_server_version) */
};
const struct service *websocket_service_new(struct arena *arena, const struct websocket_service_settings *settings);

/* Crossbar's service type "reverseproxy", and those that only the node has: HTTP, passed to one of its backends. */
struct reverseproxy_settings {
    struct upstream *upstream;
    const struct service *websocket; /* asked for WebSocket upgrades; NULL: they are passed as ordinary requests */
    uint32_t answer_timeout;         /* ms for which the backend may neither read nor answer */
};
const struct service *reverseproxy_service_new(struct arena *arena, const struct reverseproxy_settings *settings);

/* What serves whole connections and not requests: transports without HTTP. Each takes the stream over, which may not be open
 * yet, frees itself when it ends, is a guest of the loop, and holds a reference on the site's owner. Of the site they need
 * owner, port, security and time limits. False when memory is out: then the stream has been aborted. */

/* Crossbar's transport type "rawsocket". Part of a plan. */
struct rawsocket_service {
    struct upstream *upstream;   /* NULL: by realm */
    const struct routes *routes; /* by realm; its serializers hold besides those of `front` */
    struct rawsocket_settings front;
};
bool rawsocket_visitor_new(struct loop *loop, struct stream *stream, const struct rawsocket_service *service,
                           const struct http_site *site, const struct peer *peer);

/* Crossbar's transport type "universal": RawSocket (NULL: refused) or HTTP, by the first byte. */
bool universal_visitor_new(struct loop *loop, struct stream *stream, const struct rawsocket_service *rawsocket,
                           const struct http_site *site, const struct peer *peer);

/* Crossbar's transport type "stream.testee". */
bool stream_testee_new(struct loop *loop, struct stream *stream, const struct http_site *site, const struct peer *peer);

#endif
