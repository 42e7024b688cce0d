/* Plain scalars of YAML 1.1: which type a word without quotes has, as the safe loader of PyYAML, hence Crossbar, sees
 * it. */
#ifndef CROSSGATE_CONFIG_SCALAR_H
#define CROSSGATE_CONFIG_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

enum scalar_kind {
    SCALAR_STRING,
    SCALAR_NULL,
    SCALAR_BOOL,
    SCALAR_INTEGER,
    SCALAR_REAL,
    SCALAR_DATE,    /* or a time: has no place in a configuration */
    SCALAR_MERGE,   /* "<<" */
    SCALAR_DEFAULT, /* "=" */
    SCALAR_BEYOND,  /* a number that no integer or float holds, infinite ones included */
};

struct scalar {
    enum scalar_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
    };
};

struct scalar scalar_resolve(const char *text);

/* For messages: "a boolean". */
const char *scalar_kind_name(enum scalar_kind kind);

#endif
