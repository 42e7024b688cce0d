#include "records.h"

#include "layer.h"
#include "library.h"
#include "tickets.h"

const char records_too_many_key_updates[] = "too many key updates";

struct records *records_new(SSL *ssl, const struct tls_secrets *secrets, struct pipe *pipe, enum tls_role role)
{
    const struct records common = {
        .pipe = pipe, .role = role, .gives_ticket = role == TLS_SERVER && tickets_are_given(ssl)};
    if (layer_serves(ssl, secrets, pipe->loop))
        return layer_new(&common, ssl, secrets);
    return library_new(&common, ssl);
}
