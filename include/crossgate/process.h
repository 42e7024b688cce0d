/* Master and workers: the only room that forks, and that holds the loop. */
#ifndef CROSSGATE_PROCESS_H
#define CROSSGATE_PROCESS_H

#include "crossgate/base/error.h"
#include "crossgate/base/log.h"
#include "crossgate/sources.h"

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
 * end) and waits for the answer, which becomes the caller's to free, without its first line "ok". False: nobody listens, or the
 * answer was "error", with the reason. */
bool control_ask(const char *path, const char *line, char **answer, struct error *error)
    __attribute__((warn_unused_result));

/* What `crossgate worker` is: started by the master only, with the control socket as descriptor 3. Returns the exit
 * status. */
int worker_main(int argc, char **argv);

/* What `crossgate errand KIND` is: started by the master only, as src/process/errand.h has it, with the socket to it as
 * descriptor 3. Returns the exit status. */
int errand_main(int argc, char **argv);

#endif
