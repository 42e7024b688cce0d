/* The plan: Crossbar's configuration resolved into what a worker runs. Immutable, counted, whole or not at all. */
#ifndef CROSSGATE_PLAN_H
#define CROSSGATE_PLAN_H

#include "crossgate/base/arena.h"
#include "crossgate/base/counted.h"
#include "crossgate/config.h"
#include "crossgate/http.h"
#include "crossgate/net.h"
#include "crossgate/services.h"
#include "crossgate/sources.h"
#include "crossgate/tls.h"

/* What is spoken on a transport, above TLS. */
enum plan_protocol {
    PLAN_HTTP,
    PLAN_RAWSOCKET,
    PLAN_UNIVERSAL, /* both */
    PLAN_STREAM_TESTEE,
};

/* One transport that listens. */
struct plan_transport {
    const char *id; /* Crossbar's id, or "workers[0].transports[1]" */
    struct net_listen where;
    struct tls_context *tls;    /* NULL: plain */
    uint32_t handshake_timeout; /* ms */
    enum plan_protocol protocol;
    struct http_site site;                     /* site.owner is the plan, site.superseded points to plan->superseded */
    const struct rawsocket_service *rawsocket; /* NULL: RawSocket is not spoken */
};

/* Name of the control socket in the node directory, if the configuration has no other. */
#define PROCESS_CONTROL "crossgate.sock"

/* Likewise of the directory for what the master remembers (process/state.h). */
#define PROCESS_STATE "crossgate-state"

/* Extension: the top-level object "crossgate". */
struct plan_process {
    unsigned workers;                          /* 0: one per processor that the master may use */
    const char *user;                          /* NULL: nobody, if started as root */
    const char *group;                         /* NULL: the user's own */
    uint32_t drain_timeout;                    /* ms a stopping worker waits for its connections */
    unsigned max_connections;                  /* per worker; 0: as many as descriptors allow */
    const char *control;                       /* absolute path of the master's control socket; NULL: none */
    const char *state;                         /* absolute path of the directory for what we have to remember */
    bool watch;                                /* files that the configuration names come into force when they change */
    bool session_tickets;                      /* TLS sessions can be resumed */
    const struct tls_ticket_ring *ticket_keys; /* of the key file; NULL: there is none, or the plan is a worker's */
};

/* Names travel to the workers in a message, and their counts are on a page; see process/handover.h and base/counters.h. */
enum { PLAN_BACKENDS_MAX = COUNTERS_BACKENDS / 2, PLAN_BACKEND_NAME_MAX = 200 };

/* The OCSP response of a certificate that is served (a staple). */
struct plan_staple {
    struct plan_staple *next;
    const struct tls_certificate *certificate;
    struct span issuer; /* DER; empty: nobody knows it */
    struct pki_ocsp_wish wish;
    bool is_fetched;       /* in the background, from one of the responders that the certificate names */
    const char *path;      /* of a response that is fetched, among what we remember; absolute */
    bool is_sent;          /* there was one when the plan was made */
    struct pki_ocsp facts; /* of one that is sent */
};

/* Extension: endpoint.tls.acme. A certificate that the master is to get from an authority (ACME, RFC 8555), for one endpoint or
 * several. */
struct plan_acme {
    struct plan_acme *next;
    const char *directory;      /* URL */
    struct span authorities;    /* PEM, to verify the directory's server with; empty: the system's */
    const char *email;          /* NULL: none */
    const char *const *domains; /* DNS names in lower case */
    size_t domain_count;
    bool http_01, tls_alpn_01; /* challenges that may be used */
    bool chosen;               /* by the configuration, not by what listens */
    const char *account;       /* absolute path of the account's key */
    const char *path;     /* absolute path of the file with the certificate's key and chain; tells one from another */
    struct pki_file pair; /* what is served: that file, or the placeholder; valid while the plan is made */
    bool placeholder;     /* there is none: a self-signed one is served, and the following is not known */
    bool fits;            /* it holds all domains */
    int64_t begins, ends; /* s since 1970 */
    const char *leaf;     /* PEM of the certificate */
};

struct plan {
    struct counted counted;
    struct arena *arena; /* owns everything here, contexts and descriptors by destructors */
    bool superseded;     /* set by the worker when the next plan is in force */
    struct plan_process process;
    struct plan_transport *transports;
    size_t transport_count;
    struct upstream *upstreams; /* all, linked by `next` */
    size_t backend_count;       /* different names in them */
    bool opens_more; /* a connection, of an earlier plan, too, may open a second descriptor: a backend, a file */
    struct plan_staple *staples; /* of certificates that have to do with OCSP, linked by `next` */
    struct plan_acme *acmes;     /* linked by `next` */
    size_t taken_over;           /* certificates with their keys, from the plan before */
};

/* Reads, checks and builds. `before`, in a worker: the plan in force, from which keys and certificates are taken over whose files have
 * not changed, since reading many of them takes long; may be NULL. Every problem goes to the diagnostics; NULL if any was an error. The caller holds the first
 * reference (counted_unref(&plan->counted)). */
struct plan *plan_load(struct sources *sources, const struct plan *before, struct diagnostics *diagnostics)
    __attribute__((warn_unused_result));

/* The configuration of a plan that plan_load has made of the same sources, as JSON that can be read again: with
 * defaults, without what is the node's own, secrets hidden. False: memory is out, or `out` takes no more. */
bool plan_print(struct sources *sources, FILE *out) __attribute__((warn_unused_result));

/* JSON Schema of a configuration (strict: without extensions). False: memory is out, or `out` takes no more. */
bool plan_schema_print(bool strict, FILE *out) __attribute__((warn_unused_result));

/* docs/configuration.md: all keys, from the tables that plan_load reads by. */
void plan_reference_print(FILE *out);

#endif
