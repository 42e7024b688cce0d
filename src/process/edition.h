/* What the master hands out: one reading of the configuration with all that belongs to it. Made whole or not at all. */
#ifndef CROSSGATE_PROCESS_EDITION_H
#define CROSSGATE_PROCESS_EDITION_H

#include "door.h"

#include "crossgate/plan.h"
#include "crossgate/process.h"

struct edition {
    uint64_t number;
    int64_t read; /* when the configuration itself was, s since 1970 */
    unsigned workers;
    struct sources *sources; /* owns the directories */
    struct plan *plan;
    unsigned notes;     /* how many there are on the configuration */
    unsigned warnings;  /* likewise */
    int packed;         /* what the sources hold, sealed; -1 */
    struct door *doors; /* one per transport */
    size_t door_count;
};

/* Reads the configuration, prints all that is to be said about it (notes only if they are others than those of
 * `previous`), opens the sockets that `previous` (or NULL) does not have.
 * NULL if anything is wrong; it is printed or logged then, and `previous` is as it was. */
struct edition *edition_new(const struct run_options *options, uint64_t number, struct edition *previous,
                            struct log *log);

/* Why an edition could not be made, or not with all files. */
struct edition_fault {
    bool lasts;      /* as long as the files are as they are */
    char text[1024]; /* "": there is no fault */
};

/* The same configuration as `previous`, with its files as these sources have them. What is wrong with some of them does not keep the
 * others out: all that the object that names them names stays as it was. Warnings are printed if there are more of them than before.
 * The sources become the edition's if there is no fault, otherwise they stay the caller's. NULL: nothing can be put in force; nothing
 * but the fault is said then. */
struct edition *edition_renew(struct edition *previous, uint64_t number, struct sources *sources,
                              struct edition_fault *fault, struct log *log);

/* It is in force: it removes what is to be removed of the previous one's sockets. */
void edition_succeed(struct edition *edition);

/* Nobody can connect any more, as far as the master is concerned. */
void edition_close_doors(struct edition *edition);

/* Closes all and wipes the keys. Accepts NULL. */
void edition_free(struct edition *edition);

/* Sends it to worker `index`. False with errno. */
bool edition_send(const struct edition *edition, unsigned index, enum log_level level, int socket)
    __attribute__((warn_unused_result));

#endif
