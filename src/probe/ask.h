/* Requests over a link, and the heads of their answers. */
#ifndef CROSSGATE_PROBE_ASK_H
#define CROSSGATE_PROBE_ASK_H

#include "link.h"

#include "crossgate/http.h"

/* An answer while it comes. Zeroed at first; ask_deinit frees. */
struct ask {
    struct http_response_reader *reader;
    uint8_t bytes[4096]; /* what came last */
    size_t length, used; /* of `bytes`: behind the head are the first bytes of what follows it */
};

/* Sends `request` and reads the head of the final answer. PROBE_OTHER: it is not HTTP, or longer than HTTP_HEAD_MAX. */
enum probe_failure ask(struct link *link, struct ask *ask, struct span request, uint64_t until);
void ask_deinit(struct ask *ask);

const struct http_response *ask_answer(const struct ask *ask);

/* The first field of that name, "" if there is none. */
void ask_field(const struct ask *ask, struct span name, char text[PROBE_TEXT]);

/* HOST, HOST:PORT or [ADDRESS]:PORT as in the Host field. */
enum { ASK_HOST = PROBE_TEXT + 16 };
void ask_print_host(const char *name, uint16_t port, char text[ASK_HOST]);

/* GET, and what the answer tells of the server. */
void ask_page(struct link *link, const char *host, const char *path, uint64_t until, struct probe_http *http);

#endif
