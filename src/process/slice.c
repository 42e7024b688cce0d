#include "slice.h"

/* The kernel's own header of this does not go with <sched.h>. */
#include <linux/sched.h>
#include <linux/sched/types.h>

#include <sys/syscall.h>
#include <unistd.h>

enum { SHORTEST = 100000 }; /* ns */

/* A class that an operator has chosen is left alone. */
void slice_ask_short(void)
{
    struct sched_attr attributes = {.size = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 ||
        attributes.sched_policy != SCHED_NORMAL)
        return;
    attributes.sched_runtime = SHORTEST;
    attributes.sched_flags = SCHED_FLAG_RESET_ON_FORK;
    (void)!syscall(SYS_sched_setattr, 0, &attributes, 0);
}
