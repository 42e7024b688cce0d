/* Can it be listened there, and who does? */
#include "doctor.h"
#include "proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct place {
    const struct net_listen *where;
    char text[DOCTOR_SUBJECT];
};

static void add(struct doctor *doctor, const struct place *place, enum finding_severity severity, const char *id,
                const char *remedy, const char *text)
{
    doctor_add(doctor, DOCTOR_ENDPOINTS, place->text, severity, id, remedy, "%.240s: %.340s", place->text, text);
}

/* ---- who is there */

/* Of a master that cannot be dumped only root sees what it has open: then its user has to do. */
static bool is_ours(const struct doctor *doctor, const struct holder *holder)
{
    return holder->pid > 0 ? running_has(&doctor->running, holder->pid)
                           : doctor->running.runs && !holder->path[0] && holder->user == doctor->running.user;
}

/* One of ours before all others; NULL: none is known. */
static const struct holder *find_holder(const struct doctor *doctor, const struct net_listen *where, bool ours)
{
    for (size_t i = 0; i < doctor->holders.count; i++) {
        const struct holder *holder = &doctor->holders.at[i];
        if (holder_is_at(holder, where) && is_ours(doctor, holder) == ours)
            return holder;
    }
    return NULL;
}

static void judge_hidden(struct doctor *doctor, const struct place *place, const struct holder *holder)
{
    struct doctor_text text;
    char user[DOCTOR_USER];
    const char *remedy = geteuid() == 0 ? "is it held outside of this container?\n  ss -ltnp"
                                        : "look again as root: then the program is named";
    if (doctor->running.unknown)
        add(doctor, place, FINDING_NOTE, "held", remedy, "held, perhaps by the crossgate that cannot be asked");
    else if (holder && !holder->path[0])
        add(doctor, place, FINDING_BAD, "port-held", remedy,
            doctor_print(&text, "held by a program of the user %s", doctor_print_user(holder->user, user)));
    else
        add(doctor, place, FINDING_BAD, "port-held", remedy, "held by another program, which is not seen from here");
}

static void judge_held(struct doctor *doctor, const struct place *place)
{
    const struct holder *holder = find_holder(doctor, place->where, false);
    struct doctor_text text, remedy;
    char name[PROC_NAME];
    if (!holder || holder->pid == 0) {
        judge_hidden(doctor, place, holder);
        return;
    }
    proc_name(holder->pid, name);
    doctor_print(&remedy, "stop that program, or have one of both listen elsewhere; what it is:\n  ps -fp %d",
                 (int)holder->pid);
    if (doctor->running.unknown && strcmp(name, "crossgate") == 0)
        add(doctor, place, FINDING_NOTE, "held", remedy.at,
            doctor_print(&text, "held by a crossgate (pid %d), which cannot be asked", (int)holder->pid));
    else
        add(doctor, place, FINDING_BAD, "port-held", remedy.at,
            doctor_print(&text, "held by another program: %s (pid %d)", name, (int)holder->pid));
}

/* ---- why not */

static void judge_denied(struct doctor *doctor, const struct place *place, const struct error *error)
{
    uint64_t first = 1024;
    struct doctor_text text, remedy;
    char user[DOCTOR_USER];
    if (place->where->kind == NET_UNIX) {
        add(doctor, place, FINDING_BAD, "not-allowed", "let this user write there, or name another path", error->text);
        return;
    }
    proc_read_number("/proc/sys/net/ipv4/ip_unprivileged_port_start", &first);
    add(doctor, place, FINDING_BAD, "not-allowed",
        doctor_print(&remedy,
                     "start it as root (its workers run as nobody then), or give its unit "
                     "AmbientCapabilities=CAP_NET_BIND_SERVICE, or let everybody:\n"
                     "  sysctl -w net.ipv4.ip_unprivileged_port_start=%u",
                     place->where->port),
        doctor_print(&text, "the user %s may not listen below port %llu", doctor_print_user(geteuid(), user),
                     (unsigned long long)first));
}

static void judge_refusal(struct doctor *doctor, const struct place *place, int number, const struct error *error)
{
    switch (number) {
    case EADDRINUSE:
        judge_held(doctor, place);
        break;
    case EACCES:
    case EPERM:
        judge_denied(doctor, place, error);
        break;
    case EADDRNOTAVAIL:
        add(doctor, place, FINDING_BAD, "no-address",
            "name one that it has, or leave `interface` out:\n  ip -brief address", "this machine has no such address");
        break;
    case EAFNOSUPPORT:
        add(doctor, place, FINDING_BAD, "no-ipv6",
            "leave the endpoint out, or switch IPv6 on:\n  sysctl net.ipv6.conf.all.disable_ipv6",
            "this machine has no IPv6");
        break;
    default:
        add(doctor, place, FINDING_BAD, "not-usable", NULL, error->text);
    }
}

/* ---- */

static void judge_free(struct doctor *doctor, const struct place *place)
{
    struct doctor_text remedy;
    if (doctor->running.runs)
        add(doctor, place, FINDING_WARNING, "not-listening",
            doctor_print(&remedy, "was it added, or moved, since the last reload?\n  crossgate reload --config %s",
                         doctor->request->config),
            "the running crossgate does not listen there");
    else
        add(doctor, place, FINDING_GOOD, "free", NULL, "free, and may be listened on");
}

static void examine_one(struct doctor *doctor, const struct net_listen *where)
{
    struct place place = {.where = where};
    struct error error = {0};
    net_listen_print(where, place.text, sizeof place.text);
    if (find_holder(doctor, where, true)) {
        add(doctor, &place, FINDING_GOOD, "listens", NULL, "this crossgate listens");
        return;
    }
    int number = net_listen_try(where, &error);
    if (number == 0)
        judge_free(doctor, &place);
    else if (number == EADDRINUSE && doctor->running.runs && where->kind == NET_UNIX &&
             !find_holder(doctor, where, false))
        add(doctor, &place, FINDING_GOOD, "listens", NULL, "somebody listens, as this crossgate should");
    else
        judge_refusal(doctor, &place, number, &error);
}

void examine_endpoints(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->plan->transport_count; i++)
        examine_one(doctor, &doctor->plan->transports[i].where);
}
