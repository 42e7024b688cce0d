/* A socket pair like that of master and worker, and packets as they travel. */
#ifndef CROSSGATE_TESTS_PROCESS_PACKETS_H
#define CROSSGATE_TESTS_PROCESS_PACKETS_H

#include "test.h"

#include "handover.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    int master, worker;
    unsigned descriptors; /* open before the test */
};

static unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static int pair_setup(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    int both[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both), 0);
    *pair = (struct pair){both[0], both[1], 0};
    pair->descriptors = open_descriptors();
    *state = pair;
    return 0;
}

/* No test leaves a descriptor open. */
static int pair_teardown(void **state)
{
    struct pair *pair = *state;
    assert_int_equal(open_descriptors(), pair->descriptors);
    close(pair->master);
    if (pair->worker >= 0)
        close(pair->worker);
    free(pair);
    return 0;
}

static int some_descriptor(void)
{
    int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    return descriptor;
}

#endif
