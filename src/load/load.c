#include "crossgate/load.h"

bool load_run(const struct load_settings *settings, struct load_result *result, struct error *error)
{
    (void)settings, (void)result;
    error_set(error, ERROR_SYSTEM, "nothing is loaded yet");
    return false;
}
