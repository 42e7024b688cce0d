#include "execute.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 24 };

bool execute_can(const char *program)
{
    const char *path = getenv("PATH");
    char file[PATH_MAX];
    for (const char *at = path ? path : ""; *at; at += strcspn(at, ":"), at += *at == ':') {
        int length = (int)strcspn(at, ":");
        if (length > 0 && snprintf(file, sizeof file, "%.*s/%s", length, at, program) < (int)sizeof file &&
            access(file, X_OK) == 0)
            return true;
    }
    return false;
}

static bool wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool execute(const char *const words[], bool loud)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    bool worked = true;
    for (int i = STDIN_FILENO; worked && !loud && i <= STDERR_FILENO; i++)
        worked = posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0) == 0;
    /* The words are not written to; POSIX leaves `const` out for old callers. */
    worked = worked && posix_spawnp(&pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ) == 0 &&
             wait_for(pid);
    posix_spawn_file_actions_destroy(&actions);
    return worked;
}

bool execute_as_root(const char *const words[])
{
    const char *prefixed[WORDS_MAX] = {"sudo", "--"};
    size_t count = 2;
    if (geteuid() == 0)
        return execute(words, true);
    for (size_t i = 0; words[i]; i++) {
        if (count == WORDS_MAX - 1)
            return false;
        prefixed[count++] = words[i];
    }
    return execute(prefixed, true);
}
