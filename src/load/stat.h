/* The kernel's line about a process (/proc/PID/stat), and its page counts. Texts are judged, since a process chooses its name. */
#ifndef CROSSGATE_LOAD_STAT_H
#define CROSSGATE_LOAD_STAT_H

#include <stdbool.h>
#include <stdint.h>

struct stat_line {
    uint64_t children_ticks; /* CPU time of the children that ended and were waited for */
    uint64_t began;          /* ticks since the machine's start */
};

bool stat_parse(const char *text, struct stat_line *line) __attribute__((warn_unused_result));

/* Of /proc/PID/smaps_rollup: the bytes behind a label as "\nPss:". */
bool stat_parse_bytes(const char *text, const char *label, uint64_t *bytes) __attribute__((warn_unused_result));

#endif
