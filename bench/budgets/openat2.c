/* Valgrind 3.19 does not know openat2, and answers ENOSYS: under it no file would be served. Preloaded for measurements only, this
 * opens without the bounds that openat2 sets, which cost no instruction of ours. */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <sys/syscall.h>

typedef long call(long, long, long, long, long, long, long);

__attribute__((visibility("default"))) long syscall(long number, ...);

static long pass_on(long number, const long *words)
{
    call *next;
    *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    return next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

long syscall(long number, ...)
{
    long words[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(list, long);
    va_end(list);
    if (number != SYS_openat2)
        return pass_on(number, words);
    const struct open_how *how = (const struct open_how *)words[2];
    return openat((int)words[0], (const char *)words[1], (int)how->flags, (mode_t)how->mode);
}
