/* Moments of the calendar as text, UTC. */
#ifndef CROSSGATE_BASE_DATE_H
#define CROSSGATE_BASE_DATE_H

#include <stdint.h>

enum { DATE_TEXT = 32 };

/* For people: "2026-12-01 10:00 UTC"; "an unknown time" for what no calendar has. `seconds` since 1970. Returns the text. */
const char *date_print(int64_t seconds, char text[DATE_TEXT]);

/* For programs and logs, as RFC 3339 has them: "2026-12-01T10:00:00Z"; "" for what no calendar has. Returns the text. */
const char *date_print_rfc3339(int64_t seconds, char text[DATE_TEXT]);

#endif
