/* Other programs, run without a shell and waited for. */
#ifndef CROSSGATE_COMMANDS_EXECUTE_H
#define CROSSGATE_COMMANDS_EXECUTE_H

#include <stdbool.h>

/* Whether PATH has such a program. */
bool execute_can(const char *program);

/* Runs words[0], looked up in PATH, with the words behind it, ended by NULL; on our stdin and stdout if `loud`, else with neither, and
 * what it says on stderr is not heard. True: it ended with status 0. */
bool execute(const char *const words[], bool loud) __attribute__((warn_unused_result));

/* Likewise as root: by sudo, which may ask, unless we are. */
bool execute_as_root(const char *const words[]) __attribute__((warn_unused_result));

#endif
