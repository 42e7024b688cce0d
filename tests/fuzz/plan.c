/* Any configuration: a plan, or errors. The length chooses the command line. */
#include "crossgate/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    char path[64];
    const struct plan_request request = {path, "/nonexistent", size & 1 ? "ws://127.0.0.1:1" : NULL, (size & 2) != 0};

    if (descriptor < 0 || write(descriptor, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    struct sources *sources = sources_new_disk(&request);
    struct diagnostics *diagnostics = diagnostics_new();
    if (!sources || !diagnostics)
        abort();
    struct plan *plan = plan_load(sources, NULL, diagnostics);
    assert((plan == NULL) == (diagnostics_count(diagnostics, PROBLEM_ERROR) > 0));
    if (plan) {
        FILE *out = fopen("/dev/null", "w");
        if (!out)
            abort();
        assert(plan_print(sources, out));
        fclose(out);
        counted_unref(&plan->counted);
    }
    diagnostics_free(diagnostics);
    sources_free(sources);
    close(descriptor);
    return 0;
}
