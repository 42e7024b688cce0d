/* Any bytes where a packed plan is expected: refused, or sources that a plan is loaded from. */
#include "crossgate/plan.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    struct error error = {.class = ERROR_NONE};

    if (descriptor < 0 || write(descriptor, data, size) != (ssize_t)size)
        abort();
    struct sources *sources = sources_new_packed(descriptor, NULL, 0, &error);
    struct diagnostics *diagnostics = diagnostics_new();
    if (!diagnostics || (!sources && error.class == ERROR_NONE))
        abort();
    struct plan *plan = sources ? plan_load(sources, NULL, diagnostics) : NULL;
    if (plan)
        counted_unref(&plan->counted);
    diagnostics_free(diagnostics);
    sources_free(sources);
    close(descriptor);
    return 0;
}
