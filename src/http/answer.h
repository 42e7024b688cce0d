/* The head of an answer as bytes. */
#ifndef CROSSGATE_HTTP_ANSWER_H
#define CROSSGATE_HTTP_ANSWER_H

#include "connection.h"

/* Head of `answer`, framed as exchange->framing and ->length say, with `body` behind it. In the exchange's arena; empty when
 * memory is out. `last`: the connection ends with it. */
struct span answer_compose(struct exchange *exchange, const struct http_answer *answer, struct span body, bool last);

#endif
