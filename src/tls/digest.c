#include "crossgate/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <assert.h>

bool tls_sha1_base64(struct span first, struct span second, char text[TLS_SHA1_BASE64])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool worked = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
                  EVP_DigestUpdate(context, first.at, first.len) == 1 &&
                  EVP_DigestUpdate(context, second.at, second.len) == 1 &&
                  EVP_DigestFinal_ex(context, digest, &length) == 1;
    EVP_MD_CTX_free(context);
    if (worked)
        tls_base64(span_of(digest, length), text);
    else
        ERR_clear_error();
    return worked;
}

void tls_base64(struct span bytes, char *text)
{
    assert(bytes.len <= 64);
    EVP_EncodeBlock((unsigned char *)text, bytes.at, (int)bytes.len);
}
