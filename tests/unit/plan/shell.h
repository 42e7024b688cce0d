/* A shell command of the test's own words, in a directory. */
#ifndef CROSSGATE_TESTS_PLAN_SHELL_H
#define CROSSGATE_TESTS_PLAN_SHELL_H

#include <stdbool.h>

bool shell_run(const char *directory, const char *command);

#endif
