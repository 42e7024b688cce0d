/* HTTP/1.1 messages and the visitor's connection. The only room that includes llhttp.h. */
#ifndef CROSSGATE_HTTP_H
#define CROSSGATE_HTTP_H

#include "crossgate/base/arena.h"
#include "crossgate/base/counted.h"
#include "crossgate/base/loop.h"
#include "crossgate/stream.h"

struct http_header {
    struct span name;
    struct span value;
};

struct http_headers {
    struct http_header *at;
    size_t count;
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER_METHOD };

/* A request head that has been understood (RFC 9112). All spans point into `arena`. What is ambiguous never
 * becomes one: it is answered with its status and the connection is closed. */
struct http_request {
    struct arena *arena;
    enum http_method method;
    struct span method_name;
    struct span target;   /* as sent, origin form: path and query */
    struct span path;     /* percent-decoded, begins with "/", free of "." and ".." segments, "//" and NUL */
    struct span raw_path; /* as sent, without query */
    struct span query;    /* as sent, without "?" */
    struct span host;     /* of the Host field; empty only for HTTP/1.0 */
    bool http_1_0;
    bool keep_alive;
    bool has_body;
    bool upgrade; /* Connection: upgrade with an Upgrade field */
    struct http_headers headers;
};

struct http_response {
    struct arena *arena;
    unsigned status;
    bool keep_alive; /* HTTP/1.1, and not told otherwise */
    struct http_headers headers;
};

/* Length of a body that is not known beforehand. */
#define HTTP_LENGTH_UNKNOWN UINT64_MAX

/* The first field of that name (case ignored). False if there is none. */
bool http_header_find(const struct http_headers *headers, struct span name, struct span *value);

/* How many fields of that name there are. */
size_t http_header_count(const struct http_headers *headers, struct span name);

/* Whether the comma-separated lists of all fields of that name hold the token (case ignored). */
bool http_header_has_token(const struct http_headers *headers, struct span name, struct span token);

/* Whether each field is named by Connection, and so of this hop only (RFC 9110 section 7.6.1). In one go, since empty items and
 * white space make Connection long at no price. `named` has HTTP_FIELDS_MAX elements. */
void http_headers_named_by_connection(const struct http_headers *headers, bool *named);

/* Whether a field value may be sent: no control character in it that would end the line (RFC 9110 section 5.5). */
bool http_value_is_valid(struct span value);

/* Reads answers, for backends: heads, then bodies. Engine without I/O. */
struct http_response_reader;
enum http_progress { HTTP_MORE, HTTP_HEAD_DONE, HTTP_BROKEN };
enum http_body_progress { HTTP_BODY_MORE, HTTP_BODY_DONE, HTTP_BODY_BROKEN };

/* `store`: where the response's arena takes its chunks from, which must outlive the reader; NULL: from the system. NULL when
 * memory is out. */
struct http_response_reader *http_response_reader_new(struct arena_store *store);

/* Accepts NULL; frees the response, too. */
void http_response_reader_free(struct http_response_reader *reader);

/* Feeds bytes; *taken is how many belong to the head. After HTTP_HEAD_DONE the response is complete and bytes
 * that follow the head are not taken. Interim answers (1xx but 101) are passed over. HTTP_BROKEN: not HTTP/1.x, or all heads together are over
 * HTTP_HEAD_MAX, or memory is out. */
enum http_progress http_response_read(struct http_response_reader *reader, struct span in, size_t *taken);

/* After HTTP_HEAD_DONE; the reader's. */
const struct http_response *http_response_of(const struct http_response_reader *reader);

/* After HTTP_HEAD_DONE: how the body is framed (RFC 9112 section 6.3). `to_head`: the request was HEAD. *length is that of the
 * body a GET would have, or HTTP_LENGTH_UNKNOWN. False: two readers could find two bodies in it, or it is no final answer.
 * keep_alive of the response is true afterwards only if the end of the body is sure to be the end of the answer. */
bool http_response_frame(struct http_response_reader *reader, bool to_head, uint64_t *length);

/* Takes bytes up to the end of the next piece of payload; *piece is within `in`, or empty. After HTTP_BODY_DONE bytes that
 * follow are not taken; an answer without body is done at once, with no byte. Trailers are dropped. */
enum http_body_progress http_response_read_body(struct http_response_reader *reader, struct span in, size_t *taken,
                                                struct span *piece);

/* Whether the end of the connection completes the body. */
bool http_response_ends_with_connection(const struct http_response_reader *reader);

/* The reason phrase of a status (RFC 9110 section 15); "Unknown" for others. */
const char *http_reason(unsigned status);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), zero-terminated; of the years 0 to 9999 the nearest moment. */
enum { HTTP_DATE = 30 };
void http_date_print(int64_t seconds, char text[HTTP_DATE]);

/* False if it is not a date in that form. */
bool http_date_parse(struct span text, int64_t *seconds);

struct service;

/* Options of a web transport (Crossbar: `options`) and what a connection needs of its listener. Part of a plan. */
struct http_site {
    const struct service *root; /* answers every request */
    struct counted *owner;      /* the plan; each connection holds a reference */
    const bool *superseded;     /* the plan is no longer in force: answer with Connection: close */
    bool secure;                /* TLS: for X-Forwarded-Proto */
    uint16_t port;              /* for X-Forwarded-Port; 0 on unix sockets */
    bool access_log;            /* Crossbar key access_log */
    bool hsts;                  /* Crossbar key hsts; sent over TLS only (RFC 6797 section 7.2) */
    uint32_t hsts_max_age;      /* Crossbar key hsts_max_age, s */
    uint32_t idle_timeout;      /* ms between requests; Crossbar key client_timeout */
    uint32_t head_timeout;      /* ms for a whole request head */
    uint32_t body_timeout;      /* ms for each HTTP_BODY_PROGRESS bytes of a request body */
    uint32_t send_timeout;      /* ms without progress of an answer */
};

/* Bounds on a request. */
enum {
    HTTP_HEAD_MAX = 16384,  /* bytes of request line and fields together */
    HTTP_TARGET_MAX = 8192, /* bytes of the request target */
    HTTP_FIELDS_MAX = 100,
    HTTP_BODY_DRAIN_MAX = 65536, /* bytes of an unwanted body that are read to keep the connection */
    HTTP_BODY_PROGRESS = 1024,   /* bytes of a body that must come within body_timeout, until its end */
};

/* Serves requests on a stream until it ends; frees itself. On NULL (memory) the stream has been aborted. */
struct http_connection *http_connection_new(struct loop *loop, struct stream *stream, const struct http_site *site,
                                            const struct peer *peer);

#endif
