#include "resolve.h"

#include "clock.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A question that may outlive its asker: getaddrinfo itself knows no time limit. */
struct question {
    struct gaicb ask;
    struct addrinfo hints;
    char host[PROBE_TEXT];
    char port[8];
};

static int family_of(unsigned family)
{
    return family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
}

static struct question *question_new(const struct probe_target *target, unsigned family)
{
    struct question *question = calloc(1, sizeof *question);
    if (!question)
        return NULL;
    memcpy(question->host, target->host, sizeof question->host);
    snprintf(question->port, sizeof question->port, "%u", target->port);
    question->hints.ai_family = family_of(family);
    question->hints.ai_socktype = SOCK_STREAM;
    question->hints.ai_flags = target->is_address ? AI_NUMERICHOST : 0;
    question->ask.ar_name = question->host;
    question->ask.ar_service = question->port;
    question->ask.ar_request = &question->hints;
    return question;
}

/* EAI_INPROGRESS: time is up, and the resolver still holds the question. */
static int wait_for(struct question *question, uint64_t until)
{
    struct gaicb *list[] = {&question->ask};
    const struct gaicb *const waiting[] = {&question->ask};
    int result = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (result != 0)
        return result;
    while ((result = gai_error(&question->ask)) == EAI_INPROGRESS) {
        int left = clock_left(until);
        struct timespec pause = {left / 1000, (left % 1000) * 1000000L};
        if (left == 0)
            break;
        gai_suspend(waiting, 1, &pause);
    }
    return result;
}

static size_t take(const struct addrinfo *list, struct address found[PROBE_ADDRESSES_MAX])
{
    size_t count = 0;
    for (; list && count < PROBE_ADDRESSES_MAX; list = list->ai_next) {
        if (list->ai_addrlen > sizeof found[count].at)
            continue;
        memcpy(&found[count].at, list->ai_addr, list->ai_addrlen);
        found[count++].size = list->ai_addrlen;
    }
    return count;
}

size_t resolve(const struct probe_target *target, unsigned family, uint64_t until,
               struct address found[PROBE_ADDRESSES_MAX], char why[PROBE_TEXT])
{
    struct question *question = question_new(target, family);
    int result = question ? wait_for(question, until) : EAI_MEMORY;
    size_t count = 0;
    if (result == 0) {
        count = take(question->ask.ar_result, found);
        freeaddrinfo(question->ask.ar_result);
    }
    if (result == EAI_INPROGRESS) {
        snprintf(why, PROBE_TEXT, "the name was not resolved in time");
        if (gai_cancel(&question->ask) != EAI_CANCELED)
            return 0; /* its thread still reads the question */
    } else if (count == 0) {
        snprintf(why, PROBE_TEXT, "%s", result ? gai_strerror(result) : "no address");
    }
    free(question);
    return count;
}

void address_print(const struct address *address, char text[PROBE_WORD])
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    bool is_v6 = address->at.ss_family == AF_INET6;
    if (getnameinfo((const struct sockaddr *)&address->at, address->size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(host, sizeof host, "?");
    snprintf(text, PROBE_WORD, is_v6 ? "[%.60s]:%.6s" : "%.60s:%.6s", host, port);
}
