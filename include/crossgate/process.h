/* Master and workers: the only room that forks, and that holds the loop. */
#ifndef CROSSGATE_PROCESS_H
#define CROSSGATE_PROCESS_H

#include "crossgate/account.h"
#include "crossgate/base/error.h"
#include "crossgate/base/log.h"
#include "crossgate/relay.h"
#include "crossgate/sources.h"

#include <stdio.h>

enum { PROCESS_WORKERS_MAX = 512 };

/* The words of `crossgate run` that shape the processes; they win over the configuration's. */
struct run_options {
    struct plan_request request;
    unsigned workers;  /* 0: as configured */
    const char *user;  /* NULL: as configured */
    const char *group; /* NULL: as configured */
    enum log_level level;
    const char *banner; /* said on stdout once all workers serve; "": where to connect; NULL: nothing */
};

/* Loads the plan, opens the sockets, starts the workers and watches over them until SIGTERM or SIGINT (drain), a second
 * of these (stop at once). SIGHUP reloads. Returns the exit status: 0 after a stop, 1 if it could not start, all
 * reasons printed. */
int master_run(const struct run_options *options);

/* Asks the master whose control socket is at that path, as src/process/control.h has it: sends the line (without its
 * end) and waits for the answer, which becomes the caller's to free, without its first line "ok". `patience`: s for each step; 0: as
 * long as a reload may take. False: nobody listens (error.number is ENOENT or ECONNREFUSED), or
 * one who is neither root nor our user, or the answer was "error", with the reason; then *answer is NULL. */
bool control_ask(const char *path, const char *line, unsigned patience, char **answer, struct error *error)
    __attribute__((warn_unused_result));

/* A line of an answer: fields that are separated by tabs. */
enum { CONTROL_FIELDS_MAX = 16 };
struct control_fields {
    const char *at[CONTROL_FIELDS_MAX];
    size_t count;
};

/* Cuts a line off *rest, in place; fields beyond CONTROL_FIELDS_MAX are left out. False: there is none. */
bool control_cut_line(char **rest, struct control_fields *fields);

/* Work that is done by another user's rights, in a child; what it writes is heard. */
struct deputy;

/* Begins. `work` runs in a copy of this process that has the account's identity and no capability, and ends with it. Before any thread is
 * made. NULL: *error says why. */
struct deputy *deputy_new(const struct account *account, void (*work)(void *user, FILE *out), void *user,
                          struct error *error) __attribute__((warn_unused_result));

/* Waits until it is done, `within` ms at most, and ends it. *text receives what it has written so far, up to DEPUTY_TEXT_MAX bytes, the
 * caller's to free; NULL when memory is out. Frees the deputy. False: that is not all. */
enum { DEPUTY_TEXT_MAX = 1024 * 1024 };
bool deputy_end(struct deputy *deputy, uint32_t within, char **text);

/* Asks all of these backends at once, as workers do, in a loop of its own, and tells each verdict as it comes. `within` ms at most: who has
 * not answered by then is told to be late. What is still under way afterwards ends with the process, which therefore has to end soon.
 * False: memory or descriptors are out. */
bool backends_try(const struct backend *const *backends, size_t count, struct counted *owner, uint32_t within,
                  void (*on_verdict)(void *user, const struct backend *backend, const struct backend_verdict *verdict),
                  void *user) __attribute__((warn_unused_result));

/* How many connections a worker takes with so many open files, if the configuration does not say less. `opens_more`: of the plan. */
unsigned process_connections_of(uint64_t descriptors, bool opens_more);

/* How many notices the kernel keeps for files that are watched, at most. */
enum { PROCESS_NOTICES_MAX = 16384 };

/* What `crossgate worker` is: started by the master only, with the control socket as descriptor 3. Returns the exit
 * status. */
int worker_main(int argc, char **argv);

/* What `crossgate errand KIND` is: started by the master only, as src/process/errand.h has it, with the socket to it as
 * descriptor 3. Returns the exit status. */
int errand_main(int argc, char **argv);

#endif
