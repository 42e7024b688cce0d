/* What the master and an errand "ocsp" tell each other. */
#ifndef CROSSGATE_PROCESS_STAPLE_WORD_H
#define CROSSGATE_PROCESS_STAPLE_WORD_H

enum {
    STAPLE_JOB = 1,      /* fields as below */
    STAPLE_RESPONSE = 2, /* one field: the OCSP response */
};

/* Fields of the job; from STAPLE_URLS on all are URLs. */
enum { STAPLE_LEAF, STAPLE_ISSUER, STAPLE_URLS };

#endif
