#include "crossgate/base/ending.h"

#include <assert.h>
#include <stddef.h>

static const struct ending_row rows[ENDING_COUNT] = {
#define X(name, fault, log, http, ws, text) [ENDING_##name] = {#name, FAULT_##fault, LOG_##log, http, ws, text},
#include "crossgate/base/ending.def"
#undef X
};

const struct ending_row *ending_row(enum ending why)
{
    assert((size_t)why < ENDING_COUNT);
    return &rows[why];
}
