/* What `crossgate probe` has found, for people and for programs. */
#ifndef CROSSGATE_COMMANDS_PROBE_PRINT_H
#define CROSSGATE_COMMANDS_PROBE_PRINT_H

#include "crossgate/probe.h"

#include <stdio.h>

/* Facts in sections, then findings, the verdict last. */
void probe_print_words(const struct probe_settings *settings, const struct probe_report *report, FILE *out);

/* One JSON object; every member is always there, null for what is not known. */
void probe_print_json(const struct probe_settings *settings, const struct probe_report *report, FILE *out);

#endif
