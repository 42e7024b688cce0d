/* cmocka with the headers it wants, in the order it wants them. */
#ifndef CROSSGATE_TESTS_TEST_H
#define CROSSGATE_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
