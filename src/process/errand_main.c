/* What `crossgate errand KIND` is: started by the master only, with the socket to it as descriptor 3. */
#include "spawn.h"
#include "word.h"

#include "crossgate/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* Does the job; the exit status. `buffer` of WORD_BYTES is free to receive more words in. */
struct kind {
    const char *name;
    int (*run)(int socket, const struct word *job, uint8_t *buffer);
};

static const struct kind kinds[] = {
    {0},
};

static const struct kind *find(const char *name)
{
    for (const struct kind *kind = kinds; kind->name; kind++) {
        if (strcmp(kind->name, name) == 0)
            return kind;
    }
    return NULL;
}

static int run(const struct kind *kind)
{
    uint8_t *first = malloc(WORD_BYTES), *further = malloc(WORD_BYTES);
    struct word job;
    int status = 1;
    if (first && further && word_receive(SPAWN_FIRST, first, &job) == WORD_OK)
        status = kind->run(SPAWN_FIRST, &job, further);
    if (first)
        explicit_bzero(first, WORD_BYTES);
    free(first);
    free(further);
    return status;
}

int errand_main(int argc, char **argv)
{
    const struct kind *kind = argc == 2 && fcntl(SPAWN_FIRST, F_GETFD) >= 0 ? find(argv[1]) : NULL;
    account_hide_memory();
    if (!kind) {
        fprintf(stderr, "crossgate errand: this command is started by crossgate run\n");
        return 1;
    }
    return run(kind);
}
