#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_clocks(struct master *master)
{
    master->crew.now = master->acme.now = clock_now();
    master->acme.time = (int64_t)time(NULL);
}

/* ---- saying where */

static const char *scheme_of(const struct plan_transport *transport)
{
    switch (transport->protocol) {
    case PLAN_HTTP:
    case PLAN_UNIVERSAL:
        return transport->tls ? "https://" : "http://";
    case PLAN_RAWSOCKET:
        return transport->tls ? "rss://" : "rs://";
    case PLAN_STREAM_TESTEE:
        break;
    }
    return transport->tls ? "tls://" : "tcp://";
}

static void door_print(const struct master *master, size_t index, const char *wildcard, char *text, size_t size)
{
    const struct door *door = &master->edition->doors[index];
    struct net_listen where = door->where;
    where.port = where.port_last = door->port;
    if (where.kind == NET_TCP && wildcard && (!where.interface || !*where.interface || !strcmp(where.interface, "::")))
        where.interface = wildcard;
    char address[160];
    net_listen_print(&where, address, sizeof address);
    const char *scheme = scheme_of(&master->edition->plan->transports[index]);
    snprintf(text, size, "%s%s", where.kind == NET_TCP ? scheme : "", address);
}

void master_log_doors(struct master *master, bool all)
{
    for (size_t i = 0; i < master->edition->door_count; i++) {
        char text[192];
        if (!all && master->edition->doors[i].predecessor)
            continue;
        door_print(master, i, NULL, text, sizeof text);
        log_write(&master->log, LOG_INFO, "listening on %s (%u worker%s)", text, master->edition->workers,
                  master->edition->workers == 1 ? "" : "s");
    }
}

static void print_doors(const struct master *master)
{
    printf("Crossgate serves:\n");
    for (size_t i = 0; i < master->edition->door_count; i++) {
        char text[192];
        door_print(master, i, "localhost", text, sizeof text);
        printf("  %s\n", text);
    }
}

static void print_banner(const struct master *master)
{
    if (*master->options->banner)
        fputs(master->options->banner, stdout);
    else
        print_doors(master);
    fflush(stdout);
}

static void announce(struct master *master)
{
    if (master->announced || crew_in_state(&master->crew, CHILD_SERVING) < master->crew.count)
        return;
    master->announced = true;
    master_log_doors(master, true);
    acme_adopt(&master->acme, master->edition->plan);
    if (master->options->banner)
        print_banner(master);
}

/* ---- events */

void master_stop(struct master *master, const char *word)
{
    if (master->crew.stopping) {
        log_write(&master->log, LOG_INFO, "%s: stopping at once", word);
        crew_kill(&master->crew);
        return;
    }
    log_write(&master->log, LOG_INFO,
              "%s: stopping when all connections are finished, after %u s at the latest; "
              "a second signal stops at once",
              word, (master->edition->plan->process.drain_timeout + 999) / 1000);
    reload_cancel(master);
    control_begin(&master->control);
    control_conclude(&master->control, "error it is stopping\n", master->crew.now);
    edition_close_doors(master->edition);
    errands_stop(&master->errands);
    watch_deinit(&master->watch);
    renewal_deinit(&master->renewal);
    expiry_deinit(&master->expiry);
    acme_deinit(&master->acme);
    crew_stop(&master->crew);
}

static void reap(struct master *master)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (!crew_bury(&master->crew, pid, status))
            errands_bury(&master->errands, pid, status);
    }
}

/* False when no signal waits. */
static bool on_signal(struct master *master)
{
    struct signalfd_siginfo info;
    if (read(master->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    switch (info.ssi_signo) {
    case SIGCHLD:
        reap(master);
        break;
    case SIGHUP:
        master->reload_wanted = !master->crew.stopping;
        break;
    case SIGINT:
        master_stop(master, "SIGINT");
        break;
    case SIGQUIT:
        master_stop(master, "SIGQUIT");
        break;
    case SIGTERM:
        master_stop(master, "SIGTERM");
        break;
    default:
        break;
    }
    return true;
}

/* All signals are heard before anybody acts: who stops a whole process group wants no successor for a worker that leaves. */
static void wait_for_event(struct master *master)
{
    const uint64_t wishes[] = {
        crew_next(&master->crew),       control_next(&master->control),      errands_next(&master->errands),
        watch_next(&master->watch),     renewal_next(&master->renewal),      master->expiry.check,
        staples_next(&master->staples), tickets_next(&master->crew.tickets), acme_next(&master->acme)};
    uint64_t next = UINT64_MAX, now = clock_now();
    int timeout = -1;
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++)
        next = wishes[i] < next ? wishes[i] : next;
    if (next != UINT64_MAX)
        timeout = next <= now ? 0 : next - now < 60000 ? (int)(next - now) : 60000;
    struct epoll_event event;
    int count = epoll_wait(master->events, &event, 1, timeout);
    set_clocks(master);
    if (count == 1 && event.data.ptr == &master->control)
        control_hear(&master->control, master->crew.now);
    else if (count == 1 && event.data.ptr == &master->errands)
        errands_hear(&master->errands);
    else if (count == 1 && event.data.ptr == &master->watch)
        watch_hear(&master->watch, master->crew.now);
    else if (count == 1 && event.data.ptr)
        crew_hear(&master->crew, event.data.ptr);
    while (on_signal(master)) {
    }
}

static void settle_expiry(struct master *master)
{
    if (master->crew.now < master->expiry.check)
        return;
    master->expiry.check = master->crew.now + EXPIRY_EVERY;
    expiry_tell(&master->expiry,
                master->edition->plan->process.watch ? "put a new one in its place: it comes into force by itself"
                                                     : "put a new one in its place, then: crossgate reload",
                time(NULL), &master->log);
}

static void settle_renewal(struct master *master)
{
    if (watch_settle(&master->watch, master->crew.now))
        reload_renew(master);
    renewal_settle(&master->renewal, master->crew.now);
    reload_settle(master);
    settle_expiry(master);
}

static int serve(struct master *master)
{
    for (;;) {
        crew_settle(&master->crew);
        control_settle(&master->control, master->crew.now);
        errands_settle(&master->errands, master->crew.now);
        if (tickets_settle(&master->crew.tickets, &master->log, master->crew.now))
            crew_tell_tickets(&master->crew);
        if (master->crew.stopping) {
            if (crew_is_gone(&master->crew)) {
                log_write(&master->log, LOG_INFO, "stopped");
                return 0;
            }
        } else if (crew_has_failed(&master->crew)) {
            log_write(&master->log, LOG_ERROR, "no worker could start, so nothing is served%s%s",
                      *master->crew.reason ? ": " : "", master->crew.reason);
            return 1;
        } else {
            announce(master);
            staples_settle(&master->staples, master->crew.now);
            settle_renewal(master);
            acme_settle(&master->acme);
        }
        wait_for_event(master);
    }
}

/* ---- start */

/* No socket of ours becomes somebody's stderr. */
static bool complete_stdio(void)
{
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDWR) != i)
            return false;
    }
    return true;
}

static void raise_descriptor_limit(struct log *log)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            log_write(log, LOG_WARNING, "the limit of open files stays as it is: %s", strerror(errno));
    }
}

/* Whatever our parent has ignored or blocked (nohup, a shell's background) is ours to hear. */
static int open_signals(void)
{
    static const int heard[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct sigaction standard = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof heard / sizeof heard[0]; i++) {
        sigaction(heard[i], &standard, NULL);
        sigaddset(&set, heard[i]);
    }
    sigaction(SIGPIPE, &ignore, NULL);
    sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool open_descriptors(struct master *master)
{
    struct epoll_event event = {.events = EPOLLIN};
    master->executable = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (master->executable < 0) {
        log_write(&master->log, LOG_ERROR, "/proc/self/exe cannot be opened: %s; is /proc mounted?", strerror(errno));
        return false;
    }
    master->events = epoll_create1(EPOLL_CLOEXEC);
    master->signals = open_signals();
    if (master->signals >= 0 && master->events >= 0 &&
        epoll_ctl(master->events, EPOLL_CTL_ADD, master->signals, &event) == 0)
        return true;
    log_write(&master->log, LOG_ERROR, "signals cannot be received: %s", strerror(errno));
    return false;
}

/* Who is not root cannot do what a configuration that is made for root says of users, and need not: all runs as that user
 * anyway. What the command line says is meant for this run. */
static bool resolve_account(struct master *master)
{
    const struct run_options *options = master->options;
    const struct plan_process *process = &master->edition->plan->process;
    const char *user = options->user ? options->user : process->user;
    const char *group = options->group ? options->group : process->group;
    if (geteuid() != 0 && (user || group) && !options->user && !options->group) {
        log_write(&master->log, LOG_WARNING, "not started as root: user and group of the configuration are ignored");
        user = group = NULL;
    }
    struct error error = {0};
    if (account_init(&master->account, user, group, &error))
        return true;
    log_write(&master->log, LOG_ERROR, "%s", error.text);
    return false;
}

/* What has an epoll of its own is one descriptor here. */
static bool wait_for(struct master *master, int events, void *whose)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = whose};
    if (epoll_ctl(master->events, EPOLL_CTL_ADD, events, &event) == 0)
        return true;
    log_write(&master->log, LOG_ERROR, "the master cannot wait for events: %s", strerror(errno));
    return false;
}

static void renew(void *master)
{
    reload_renew(master);
}

/* A responder may say again, byte for byte, what was not yet, or no longer, good by a clock that was wrong when the plan was made. */
static void renew_staples(void *user)
{
    struct master *master = user;
    master->renewal.anew = true;
    renew(master);
}

static bool open_others(struct master *master)
{
    master->control.answer = command_answer;
    master->control.user = master;
    master->acme.on_issued = renew;
    master->acme.user = master;
    master->errands.executable = master->executable;
    master->errands.account = &master->account;
    master->staples.renew = renew_staples;
    master->staples.user = master;
    return wait_for(master, master->control.events, &master->control) &&
           wait_for(master, master->errands.events, &master->errands) &&
           wait_for(master, master->watch.events, &master->watch);
}

static bool start(struct master *master)
{
    raise_descriptor_limit(&master->log);
    if (!open_descriptors(master) || !open_others(master))
        return false;
    master->edition = edition_new(master->options, ++master->editions, NULL, &master->log);
    if (!master->edition || !resolve_account(master))
        return false;
    struct crew *crew = &master->crew;
    crew->events = master->events;
    crew->executable = master->executable;
    set_clocks(master);
    if (!crew_adopt(crew, master->edition)) {
        log_write(&master->log, LOG_ERROR, "out of memory");
        return false;
    }
    tickets_adopt(&crew->tickets, &master->edition->plan->process, &master->log, crew->now);
    control_listen(&master->control, master->edition->plan->process.control);
    reload_watch(master);
    staples_follow(&master->staples, master->edition->plan, crew->now);
    return true;
}

static void finish(struct master *master)
{
    control_deinit(&master->control);
    staples_deinit(&master->staples);
    acme_deinit(&master->acme);
    errands_deinit(&master->errands);
    watch_deinit(&master->watch);
    renewal_deinit(&master->renewal);
    expiry_deinit(&master->expiry);
    crew_deinit(&master->crew);
    account_deinit(&master->account);
    edition_free(master->edition);
    const int descriptors[] = {master->executable, master->events, master->signals};
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    }
}

int master_run(const struct run_options *options)
{
    account_hide_memory();
    if (!complete_stdio())
        return 1;
    struct master master = {.options = options, .started = time(NULL), .events = -1, .signals = -1, .executable = -1};
    log_init(&master.log, STDERR_FILENO, options->level, "master");
    master.crew.log = &master.log;
    master.crew.account = &master.account;
    list_init(&master.crew.leavers);
    bool ready = control_init(&master.control, &master.log);
    ready &= errands_init(&master.errands, &master.log);
    ready &= watch_init(&master.watch, &master.log);
    renewal_init(&master.renewal, &master.log);
    staples_init(&master.staples, &master.log, &master.errands);
    acme_init(&master.acme, &master.log, &master.crew, &master.errands);
    if (!ready)
        log_write(&master.log, LOG_ERROR, "out of descriptors");
    int status = ready && start(&master) ? serve(&master) : 1;
    finish(&master);
    return status;
}
