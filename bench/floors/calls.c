/* System calls of a server on loopback, with what the kernel does within them. The clients live in the same thread, and have
 * done their part when the server's begins, so that no call waits. */
#include "floors.h"
#include "meter.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* So many at once, so that reading the clock costs nothing; fewer than fit the backlog. */
enum { PAIRS = 64, SMALL = 64, RECORD = 16384 + 22 /* as it is on the wire */ };

struct pairs {
    int listener, epoll;
    struct sockaddr_in address;
    int client[PAIRS], server[PAIRS];
    size_t size; /* of a message */
};

/* ---- clients; never counted */

static void connect_client(struct pairs *pairs, size_t i)
{
    const int on = 1;
    pairs->client[i] = socket(AF_INET, SOCK_STREAM, 0);
    MUST(pairs->client[i] >= 0 &&
         connect(pairs->client[i], (struct sockaddr *)&pairs->address, sizeof pairs->address) == 0 &&
         setsockopt(pairs->client[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
}

static void send_from_clients(struct pairs *pairs)
{
    static const char bytes[RECORD];
    for (size_t i = 0; i < PAIRS; i++)
        MUST(send(pairs->client[i], bytes, pairs->size, MSG_NOSIGNAL) == (ssize_t)pairs->size);
}

static void receive_at_clients(struct pairs *pairs)
{
    char bytes[RECORD];
    for (size_t i = 0; i < PAIRS; i++)
        MUST(recv(pairs->client[i], bytes, pairs->size, MSG_WAITALL) == (ssize_t)pairs->size);
}

static void close_clients(struct pairs *pairs)
{
    for (size_t i = 0; i < PAIRS; i++)
        close(pairs->client[i]);
}

/* ---- the server */

static void answer(int socket, size_t size)
{
    char bytes[RECORD];
    MUST(recv(socket, bytes, sizeof bytes, 0) == (ssize_t)size &&
         send(socket, bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static int accept_one(const struct pairs *pairs)
{
    int server = accept4(pairs->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    MUST(server >= 0);
    return server;
}

static void see_end(int socket)
{
    char byte;
    MUST(recv(socket, &byte, 1, 0) == 0 && close(socket) == 0);
}

/* accept4, recv, send; the client leaves; recv, close. */
static void serve_connections(struct pairs *pairs, struct meter *meter)
{
    for (size_t i = 0; i < PAIRS; i++)
        connect_client(pairs, i);
    send_from_clients(pairs);
    meter_begin(meter);
    for (size_t i = 0; i < PAIRS; i++) {
        pairs->server[i] = accept_one(pairs);
        answer(pairs->server[i], pairs->size);
    }
    meter_pause(meter);
    receive_at_clients(pairs);
    close_clients(pairs);
    meter_begin(meter);
    for (size_t i = 0; i < PAIRS; i++)
        see_end(pairs->server[i]);
    meter_pause(meter);
    meter_count(meter, PAIRS);
}

static void answer_messages(struct pairs *pairs, struct meter *meter)
{
    send_from_clients(pairs);
    meter_begin(meter);
    for (size_t i = 0; i < PAIRS; i++)
        answer(pairs->server[i], pairs->size);
    meter_pause(meter);
    receive_at_clients(pairs);
    meter_count(meter, PAIRS);
}

/* One socket is ready each time. */
static void wait_for_events(struct pairs *pairs, struct meter *meter)
{
    struct epoll_event events[PAIRS];
    meter_begin(meter);
    for (size_t i = 0; i < PAIRS; i++)
        MUST(epoll_wait(pairs->epoll, events, PAIRS, -1) == 1);
    meter_pause(meter);
    meter_count(meter, PAIRS);
}

/* ---- the whole */

static void pairs_init(struct pairs *pairs)
{
    socklen_t size = sizeof pairs->address;
    pairs->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pairs->size = SMALL;
    pairs->listener = socket(AF_INET, SOCK_STREAM, 0);
    pairs->epoll = epoll_create1(0);
    MUST(pairs->listener >= 0 && pairs->epoll >= 0 &&
         bind(pairs->listener, (struct sockaddr *)&pairs->address, sizeof pairs->address) == 0 &&
         listen(pairs->listener, 2 * PAIRS) == 0 &&
         getsockname(pairs->listener, (struct sockaddr *)&pairs->address, &size) == 0);
}

static void open_all(struct pairs *pairs)
{
    const int on = 1;
    for (size_t i = 0; i < PAIRS; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        connect_client(pairs, i);
        pairs->server[i] = accept_one(pairs);
        MUST(setsockopt(pairs->server[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
             epoll_ctl(pairs->epoll, EPOLL_CTL_ADD, pairs->server[i], &event) == 0);
    }
}

static void measure(struct floors *floors, const char *name, void (*run)(struct pairs *, struct meter *),
                    struct pairs *pairs, struct meter *meter)
{
    meter_start(meter, floors->seconds);
    while (meter_goes_on(meter))
        run(pairs, meter);
    floors->tell(floors, name, meter, 0);
}

void floors_of_calls(struct floors *floors)
{
    struct pairs pairs;
    const char byte = 0;
    struct meter *meter = malloc(sizeof *meter);
    MUST(meter);
    pairs_init(&pairs);
    measure(floors, "call/connection", serve_connections, &pairs, meter);
    open_all(&pairs);
    measure(floors, "call/message", answer_messages, &pairs, meter);
    pairs.size = RECORD;
    measure(floors, "call/record", answer_messages, &pairs, meter);
    MUST(send(pairs.client[0], &byte, 1, 0) == 1);
    measure(floors, "call/epoll_wait", wait_for_events, &pairs, meter);
    close_clients(&pairs);
    for (size_t i = 0; i < PAIRS; i++)
        close(pairs.server[i]);
    close(pairs.listener);
    close(pairs.epoll);
    free(meter);
}
