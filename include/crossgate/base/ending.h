/* The ways to end, as data: see ending.def for the rows and what the columns mean. */
#ifndef CROSSGATE_BASE_ENDING_H
#define CROSSGATE_BASE_ENDING_H

#include "crossgate/base/log.h"

#include <stdint.h>

enum ending {
#define X(name, fault, log, http, ws, text) ENDING_##name,
#include "crossgate/base/ending.def"
#undef X
    ENDING_COUNT
};

enum ending_fault { FAULT_NOBODY, FAULT_CLIENT, FAULT_BACKEND, FAULT_US };

struct ending_row {
    const char *name; /* as in ending.def */
    enum ending_fault fault;
    enum log_level log; /* LOG_QUIET: logged at LOG_DEBUG only, see loop_report */
    uint16_t http;      /* status, or 0 */
    uint16_t ws;        /* close code, or 0 */
    const char *text;
};

/* The row of an ending, valid for ever; asserts that `why` is one. */
const struct ending_row *ending_row(enum ending why);

#endif
