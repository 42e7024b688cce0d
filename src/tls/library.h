/* Records as OpenSSL has them: suites without authenticated encryption, CCM, and whatever layer.c was not told the keys of. */
#ifndef CROSSGATE_TLS_LIBRARY_H
#define CROSSGATE_TLS_LIBRARY_H

#include "records.h"

/* As records_new. */
struct records *library_new(const struct records *common, SSL *ssl);

#endif
