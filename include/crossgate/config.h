/* Configuration files: JSON with positions, diagnostics, declarative tables. Knows no Crossbar: the tables of the keys live
 * beside the code that uses them (src/<room>/settings.c), and plan/ composes them. The only room that includes jansson.h
 * besides plan/. */
#ifndef CROSSGATE_CONFIG_H
#define CROSSGATE_CONFIG_H

#include "crossgate/base/arena.h"
#include "crossgate/base/problem.h"
#include "crossgate/base/span.h"

#include <stdio.h>

struct diagnostics;

struct diagnostic {
    enum problem_severity severity;
    const char *file;
    unsigned line;    /* from 1; 0: the file as a whole */
    unsigned column;  /* from 1, in characters */
    const char *path; /* JSON path: "$.workers[0].transports[1].endpoint.tls.key" */
    const char *text;
    const char *remedy; /* or NULL */
};

struct diagnostics *diagnostics_new(void);
void diagnostics_free(struct diagnostics *diagnostics);
unsigned diagnostics_count(const struct diagnostics *diagnostics, enum problem_severity severity);

/* Ordered by position. For people (colour: escapes), or one JSON array for programs. */
void diagnostics_print(const struct diagnostics *diagnostics, FILE *out, bool colour);
void diagnostics_print_json(const struct diagnostics *diagnostics, FILE *out);

#endif
