#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* One byte of room more than is wanted shows that there is more. */
static bool fill(int file, size_t most, struct input *input)
{
    ssize_t got = 1;
    while (got != 0 && input->len <= most) {
        got = read(file, input->at + input->len, most + 1 - input->len);
        if (got < 0 && errno != EINTR)
            return false;
        input->len += got > 0 ? (size_t)got : 0;
    }
    return true;
}

bool input_read(const char *path, size_t most, struct input *input, struct error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int file = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    *input = (struct input){.at = malloc(most + 1)};
    if (file < 0)
        error_set_errno(error, "%s cannot be opened", path);
    else if (!input->at)
        error_set(error, ERROR_MEMORY, "out of memory");
    else if (!fill(file, most, input))
        error_set_errno(error, "%s cannot be read", is_stdin ? "stdin" : path);
    else if (input->len > most)
        error_set(error, ERROR_INPUT, "%s is too long: more than %zu bytes", is_stdin ? "stdin" : path, most);
    if (file >= 0 && !is_stdin)
        close(file);
    if (error->class == ERROR_NONE)
        return true;
    input_free(input);
    return false;
}

void input_free(struct input *input)
{
    if (input->at)
        explicit_bzero(input->at, input->len);
    free(input->at);
    *input = (struct input){0};
}
