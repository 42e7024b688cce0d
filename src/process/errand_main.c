/* What `crossgate errand KIND` is: started by the master only, with the socket to it as descriptor 3. */
#include "acme_word.h"
#include "spawn.h"
#include "staples.h"

#include "crossgate/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Does the job; the exit status. `buffer` of WORD_BYTES is free to receive more words in. */
struct kind {
    const char *name;
    int (*run)(int socket, const struct word *job, uint8_t *buffer);
};

static const struct kind kinds[] = {
    {"ocsp", staples_run_errand},
    {"acme", acme_errand},
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

/* With a socket like the master's in place; a descriptor of that number alone may be anybody's. */
static bool was_started_by_master(int argc)
{
    int domain = 0, type = 0;
    socklen_t size = sizeof domain;
    return argc == 2 && getsockopt(SPAWN_FIRST, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
           getsockopt(SPAWN_FIRST, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* Nobody is left behind to wait for a network when the master dies; if it is dead already, its socket tells. */
int errand_main(int argc, char **argv)
{
    const struct kind *kind = was_started_by_master(argc) ? find(argv[1]) : NULL;
    if (!kind) {
        fprintf(stderr, "crossgate errand: is started by `crossgate run` only\n");
        return 2;
    }
    if (!account_adopt())
        return 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return run(kind);
}
