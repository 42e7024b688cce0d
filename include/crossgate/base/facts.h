/* What the layers of a connection know of it beyond its bytes. Asked for when somebody wants to pass it on, so that an idle
 * connection keeps none of it. */
#ifndef CROSSGATE_BASE_FACTS_H
#define CROSSGATE_BASE_FACTS_H

#include "crossgate/base/arena.h"
#include "crossgate/base/peer.h"

/* RFC 9266: bytes of keying material under the label EXPORTER-Channel-Binding. */
enum { FACTS_EXPORTER_BYTES = 32 };

/* Of a connection with TLS. All spans are empty where there is nothing to tell. */
struct tls_facts {
    bool used;
    struct span version;     /* "TLSv1.3" */
    struct span cipher;      /* "TLS_AES_256_GCM_SHA384" */
    struct span server_name; /* as the client sent it (SNI) */
    struct span protocol;    /* chosen by ALPN */
    bool asks_certificate;   /* the client was asked for one */
    bool has_certificate;    /* the client has presented one, and it was verified */
    struct span certificate; /* DER */
    struct span subject;     /* RFC 4514: "CN=meter-17,O=Example" */
    struct span common_name;
    struct span serial; /* hexadecimal */
    struct span sha1;   /* of the DER, as Crossbar's auth.tls has it: "AA:BB:…" */
    struct span sha256;
    struct span exporter; /* FACTS_EXPORTER_BYTES; only if the context gives it away */
};

struct connection_facts {
    struct arena *arena; /* owns what the spans point to, save what is the connection's own */
    bool skips_local;    /* set by who asks: nobody wants to know `local`, which is a call of the system */
    struct peer local;   /* the address that was connected to; PEER_UNIX: not known */
    struct tls_facts tls;
};

#endif
