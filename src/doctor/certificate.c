/* Certificates: as they are on the disk, and as visitors get them. */
#include "doctor.h"

#include "crossgate/probe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY = 86400, PATIENCE = 1500, SERVED_MAX = 64 };

/* ---- dates */

static const char renew[] = "renew it; who watches over it otherwise? Let's Encrypt's clients do so by a timer";

/* With less than a tenth left, at most ten days, a renewal that is made in time has failed. False: nothing is wrong. */
static bool judge_dates(struct doctor *doctor, const char *what, int64_t begins, int64_t ends)
{
    int64_t now = (int64_t)time(NULL), left = ends - now, soon = (ends - begins) / 10;
    char date[DATE_TEXT];
    soon = soon < 10 * (int64_t)DAY ? soon : 10 * (int64_t)DAY;
    if (left <= 0)
        doctor_add(doctor, DOCTOR_CERTIFICATES, what, FINDING_BAD, "expired", renew,
                   "%s has expired on %s: clients refuse it", what, date_print(ends, date));
    else if (begins > now)
        doctor_add(doctor, DOCTOR_CERTIFICATES, what, FINDING_BAD, "not-yet-valid",
                   "is the clock of this machine right?\n  date -u", "%s is not valid before %s: clients refuse it",
                   what, date_print(begins, date));
    else if (left < soon)
        doctor_add(doctor, DOCTOR_CERTIFICATES, what, FINDING_WARNING, "expires-soon", renew,
                   "%s ends in %lld day%s, on %s", what, (long long)(left / DAY), doctor_plural((size_t)(left / DAY)),
                   date_print(ends, date));
    else
        return false;
    return true;
}

/* ---- on the disk */

/* A placeholder is made anew with each plan, and has a path that is none. */
static const struct plan_acme *find_placeholder(const struct plan *plan, const struct tls_certificate *certificate)
{
    const struct plan_acme *acme = plan->acmes;
    while (acme && !(acme->placeholder && strcmp(acme->pair.path, certificate->path) == 0))
        acme = acme->next;
    return acme;
}

static void examine_file(struct doctor *doctor, const struct tls_certificate *certificate)
{
    char text[DOCTOR_SUBJECT];
    const struct plan_acme *acme = find_placeholder(doctor->plan, certificate);
    if (acme) {
        doctor_add(doctor, DOCTOR_CERTIFICATES, acme->path, FINDING_NOTE, "not-issued", NULL,
                   "%s: there is none yet; it is ordered as soon as crossgate run serves", acme->path);
        return;
    }
    if (judge_dates(doctor, certificate->path, certificate->begins, certificate->ends))
        return;
    tls_certificate_print(certificate, text, sizeof text);
    doctor_add(doctor, DOCTOR_CERTIFICATES, certificate->path, FINDING_GOOD, "certificate", NULL, "%s: %s",
               certificate->path, text);
}

/* ---- as it is served */

struct visit {
    struct doctor *doctor;
    const struct plan_transport *transport;
    const struct tls_certificate *list; /* of the transport, as on the disk */
    size_t count;
    const struct tls_certificate *wanted; /* whose name is asked for */
    char name[TLS_NAMES];
    char where[DOCTOR_SUBJECT]; /* "127.0.0.1:8443" */
};

static void print_digest(const struct tls_certificate *certificate, char text[2 * sizeof certificate->digest + 1])
{
    for (size_t i = 0; i < sizeof certificate->digest; i++)
        snprintf(text + 2 * i, 3, "%02x", certificate->digest[i]);
}

/* RSA and ECDSA may stand side by side for a name: any of them is right. NULL: it is none of them. */
static const struct tls_certificate *find_served(const struct visit *visit, const struct probe_report *report)
{
    char digest[2 * sizeof visit->list->digest + 1];
    for (size_t i = 0; i < visit->count; i++) {
        print_digest(&visit->list[i], digest);
        if (strcasecmp(digest, report->chain.sent[0].fingerprint) == 0)
            return &visit->list[i];
    }
    return NULL;
}

static const struct plan_staple *find_staple(const struct plan *plan, const struct tls_certificate *certificate)
{
    const struct plan_staple *staple = plan->staples;
    while (staple && staple->certificate != certificate)
        staple = staple->next;
    return staple;
}

static void judge_staple(const struct visit *visit, const struct tls_certificate *served,
                         const struct probe_report *report)
{
    const struct plan_staple *staple = find_staple(visit->doctor->plan, served);
    if (!staple || report->staple.sent || !(staple->is_fetched || staple->is_sent))
        return;
    doctor_add(visit->doctor, DOCTOR_CERTIFICATES, visit->where,
               staple->wish.must_staple ? FINDING_BAD : FINDING_WARNING, "staple-missing",
               "it is fetched soon after the start: look again in a minute. Then the log says why it cannot be had",
               "%s shows %s without an OCSP response%s", visit->where, served->path,
               staple->wish.must_staple ? ", which it must have (must-staple): clients that heed it refuse it" : "");
}

static void judge_equal(const struct visit *visit, const struct tls_certificate *served,
                        const struct probe_report *report)
{
    char text[DOCTOR_SUBJECT];
    judge_staple(visit, served, report);
    if (judge_dates(visit->doctor, served->path, served->begins, served->ends))
        return;
    tls_certificate_print(served, text, sizeof text);
    doctor_add(visit->doctor, DOCTOR_CERTIFICATES, visit->where, FINDING_GOOD, "served", NULL,
               "%s shows %s%s%s, as it is on the disk%s; %s", visit->where, served->path,
               visit->name[0] ? " to who asks for " : "", visit->name,
               report->staple.sent ? ", with an OCSP response" : "", text);
}

static void judge_other(const struct visit *visit, const struct probe_certificate *shown)
{
    struct doctor *doctor = visit->doctor;
    char until[DATE_TEXT], disk[DATE_TEXT];
    struct doctor_text remedy;
    bool is_over = shown->end <= (int64_t)time(NULL);
    doctor_add(doctor, DOCTOR_CERTIFICATES, visit->where, is_over ? FINDING_BAD : FINDING_WARNING, "other-certificate",
               doctor_print(&remedy, "put the files on the disk in force:\n  crossgate reload --config %s",
                            doctor->request->config),
               "%s shows another certificate than %s on the disk%s%s: the one %s on %s, the one on the disk ends on %s",
               visit->where, visit->wanted->path, visit->name[0] ? " to who asks for " : "", visit->name,
               is_over ? "has ended" : "ends", date_print(shown->end, until), date_print(visit->wanted->ends, disk));
}

static void judge_visit(const struct visit *visit, const struct probe_report *report)
{
    const char *why = report->tls.failure;
    if (report->chain.count > 0) {
        const struct tls_certificate *served = find_served(visit, report);
        if (served)
            judge_equal(visit, served, report);
        else if (!find_placeholder(visit->doctor->plan, visit->wanted))
            judge_other(visit, &report->chain.sent[0]);
        return;
    }
    if (report->used == report->address_count && report->address_count > 0)
        why = report->addresses[report->address_count - 1].failure;
    doctor_add(visit->doctor, DOCTOR_CERTIFICATES, visit->where, FINDING_BAD, "no-certificate",
               "crossgate probe looks closer; the log may say more", "%s shows no certificate: %s", visit->where, why);
}

/* The first name of "a, b"; of a wildcard one that it covers. An address is no name to ask for. */
static void take_name(const struct tls_certificate *certificate, char name[TLS_NAMES])
{
    unsigned char address[sizeof(struct in6_addr)];
    int length = (int)strcspn(certificate->names, ",");
    bool is_wild = certificate->names[0] == '*';
    snprintf(name, TLS_NAMES, "%s%.*s", is_wild ? "any" : "", length - is_wild, certificate->names + is_wild);
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
        name[0] = '\0';
}

/* ---- where to connect */

static bool is_wildcard(const char *interface)
{
    return !interface || !*interface || strcmp(interface, "0.0.0.0") == 0 || strcmp(interface, "::") == 0;
}

/* Of a range, the port that is listened on. 0: it is not known. */
static uint16_t port_of(const struct doctor *doctor, const struct net_listen *where)
{
    if (where->port == where->port_last)
        return where->port;
    for (size_t i = 0; i < doctor->holders.count; i++) {
        const struct holder *holder = &doctor->holders.at[i];
        if (holder_is_at(holder, where) && running_has(&doctor->running, holder->pid))
            return holder->address.port;
    }
    return 0;
}

static void take_target(const struct doctor *doctor, const struct net_listen *where, struct probe_target *target)
{
    unsigned char address[sizeof(struct in6_addr)];
    const char *host = where->interface;
    if (is_wildcard(host))
        host = where->version == 6 || (host && strcmp(host, "::") == 0) ? "::1" : "127.0.0.1";
    *target = (struct probe_target){.scheme = PROBE_RAWSOCKET, .port = port_of(doctor, where)};
    snprintf(target->host, sizeof target->host, "%s", host);
    target->is_address = strchr(host, ':') || inet_pton(AF_INET, host, address) == 1;
}

/* Why it is not visited; NULL: it is. */
static const char *find_obstacle(const struct net_listen *where, const struct probe_target *target)
{
    struct peer self = {.family = strchr(target->host, ':') ? PEER_IPV6 : PEER_IPV4};
    inet_pton(self.family == PEER_IPV6 ? AF_INET6 : AF_INET, target->host, self.ip);
    if (where->kind == NET_UNIX)
        return "visitors come by a Unix socket";
    if (target->port == 0)
        return "which port of the range it has is not known";
    return net_listen_is_balancer(where, &self) ? "who comes from here has to begin with a PROXY header" : NULL;
}

static bool was_asked(const struct visit *visit, size_t index)
{
    char other[TLS_NAMES];
    for (size_t i = 0; i < index; i++) {
        take_name(&visit->list[i], other);
        if (strcmp(other, visit->name) == 0)
            return true;
    }
    return false;
}

static void visit_one(struct visit *visit, const struct probe_target *target)
{
    struct error error = {0};
    struct probe_settings settings = {
        .target = *target,
        .name = visit->name[0] ? visit->name : NULL,
        .timeout = doctor_left(visit->doctor, PATIENCE),
        .brief = true,
    };
    struct probe_report *report = settings.timeout > 0 ? probe_run(&settings, &error) : NULL;
    if (report)
        judge_visit(visit, report);
    else
        doctor_add(visit->doctor, DOCTOR_CERTIFICATES, visit->where, FINDING_NOTE, "not-looked", NULL,
                   "%s was not asked for %s: %s", visit->where, visit->wanted->path,
                   error.class != ERROR_NONE ? error.text : "there was no time left");
    probe_report_free(report);
}

static void visit_all(struct visit *visit)
{
    const struct net_listen *where = &visit->transport->where;
    struct probe_target target = {.scheme = PROBE_RAWSOCKET};
    net_listen_print(where, visit->where, sizeof visit->where);
    if (where->kind == NET_TCP)
        take_target(visit->doctor, where, &target);
    const char *obstacle = find_obstacle(where, &target);
    if (obstacle) {
        doctor_add(visit->doctor, DOCTOR_CERTIFICATES, visit->where, FINDING_NOTE, "not-looked", NULL,
                   "%s was not asked for its certificate: %s", visit->where, obstacle);
        return;
    }
    for (size_t i = 0; i < visit->count && i < SERVED_MAX; i++) {
        visit->wanted = &visit->list[i];
        take_name(visit->wanted, visit->name);
        if (!was_asked(visit, i))
            visit_one(visit, &target);
    }
}

/* ---- got from an authority */

static enum finding_severity severity_of(const struct running_order *order)
{
    bool serves = strcmp(order->state, "valid") == 0 || strcmp(order->state, "incomplete") == 0;
    if (strcmp(order->state, "valid") == 0 && !order->trouble[0])
        return FINDING_GOOD;
    return serves || !order->trouble[0] ? FINDING_WARNING : FINDING_BAD;
}

static void examine_order(struct doctor *doctor, const struct running_order *order)
{
    enum finding_severity severity = severity_of(order);
    char ends[DATE_TEXT], next[DATE_TEXT];
    const char *remedy =
        "does the authority reach this machine by that name, on port 80 or 443? If what was wrong is put right:\n"
        "  crossgate reload";
    date_print(order->ends, ends);
    date_print(order->next, next);
    if (order->ends == 0)
        doctor_add(doctor, DOCTOR_CERTIFICATES, order->domains, severity, "not-issued",
                   order->trouble[0] ? remedy : "look again in a minute",
                   "the certificate for %s is not issued yet, a self-signed one is shown%s%s", order->domains,
                   order->trouble[0] ? "; the last order failed: " : "", order->trouble);
    else
        doctor_add(
            doctor, DOCTOR_CERTIFICATES, order->domains, severity, "issued", severity == FINDING_GOOD ? NULL : remedy,
            "the certificate for %s, got from an authority, is %s, until %s%s%s; %s%s", order->domains, order->state,
            ends, order->trouble[0] ? "; the last order failed: " : "", order->trouble,
            order->next ? "the next order is at " : "it is not ordered before a reload", order->next ? next : "");
}

void examine_certificates(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->plan->transport_count; i++) {
        struct visit visit = {.doctor = doctor, .transport = &doctor->plan->transports[i]};
        if (!visit.transport->tls)
            continue;
        visit.count = tls_context_certificates(visit.transport->tls, &visit.list);
        for (size_t j = 0; j < visit.count && !doctor->running.runs; j++)
            examine_file(doctor, &visit.list[j]);
        if (doctor->running.runs)
            visit_all(&visit);
    }
    for (size_t i = 0; i < doctor->running.order_count; i++)
        examine_order(doctor, &doctor->running.orders[i]);
}
