/* The floors: what nothing that is built on this OpenSSL and this kernel can go below.
 *
 * Each file measures one kind of work, in memory or over loopback, in one thread: what the other side does is in between, and
 * not counted. */
#ifndef BENCH_FLOORS_H
#define BENCH_FLOORS_H

#include <stddef.h>

struct meter;

/* For how long each floor is measured, and who is told its result. */
struct floors {
    double seconds;
    void (*tell)(struct floors *floors, const char *name, struct meter *meter, size_t bytes);
};

void floors_of_handshakes(struct floors *floors);
void floors_of_records(struct floors *floors);
void floors_of_calls(struct floors *floors);

/* Ends the program where a floor cannot be measured; says what failed, with OpenSSL's reasons or errno. */
_Noreturn void give_up(const char *what);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            give_up(#condition);                                                                                       \
    } while (0)

#endif
