#include "shell.h"

#include <sys/wait.h>
#include <unistd.h>

bool shell_run(const char *directory, const char *command)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (chdir(directory) == 0)
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
