#include "commands.h"
#include "options.h"

#include "crossgate/tls.h"

static const struct usage usage = {
    .command = "version",
    .synopsis = "",
    .about = "Prints the version, and that of the TLS library in use.\n",
};

int command_version(int argc, char **argv)
{
    enum options_result result = options_read(&usage, argc, argv);
    if (result != OPTIONS_READ)
        return result == OPTIONS_HELP ? 0 : EXIT_USAGE;
    printf("crossgate %s\n%s\n", CROSSGATE_VERSION, tls_library_version());
    return 0;
}
