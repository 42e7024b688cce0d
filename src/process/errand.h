/* Errands: what has to be asked of the network on the master's behalf, each in a process of its own.
 *
 * The master reads no network. Who runs an errand is this program again (`crossgate errand KIND`), as the workers' user, with one
 * socket to the master and nothing else of it; it may wait for the network as long as it likes, until its time is over. A crash, or a
 * server that lies or hangs, costs that errand only.
 *
 *   master                 errand
 *   word (the job)      ->
 *                       <- words, as the kind has them
 *                       <- WORD_FAILED, if it has come to nothing: why, as a sentence
 *                       <- END of the socket: done
 */
#ifndef CROSSGATE_PROCESS_ERRAND_H
#define CROSSGATE_PROCESS_ERRAND_H

#include "crossgate/account.h"
#include "word.h"

#include "crossgate/base/list.h"
#include "crossgate/base/log.h"

/* What an errand may say in all, words; one that has been taken over would keep the master busy. */
enum { ERRAND_WORDS_MAX = 2000 };

/* Member of whoever wants something done. Zeroed by errand_init. */
struct errand {
    struct list link;
    pid_t pid; /* 0: none is under way */
    int socket;
    uint64_t due;      /* ms */
    unsigned words;    /* heard so far */
    const char *kind;  /* "ocsp", "acme" */
    const char *fault; /* NULL: nothing is wrong with it; else why it is killed, behind "it " */
    char reason[240];  /* in on_end, if it did not end well: why, for an operator. Never empty then */
    /* The errand says something; the fields are valid for the call. Its owner may cancel it from within, and begin another one, but must
     * not free it. */
    void (*on_word)(struct errand *self, const struct word *word);
    /* The process is gone; called once, last. `well`: it ended with status 0, in time, without WORD_FAILED, and nothing it said was
     * broken. What only a defect or an attack explains (a crash, broken words) has been logged; of what it said itself nothing has: that
     * is in `reason`. Another one may be begun from within. */
    void (*on_end)(struct errand *self, bool well);
};

struct errands {
    struct log *log;
    int executable;
    const struct account *account;
    int events; /* epoll over their sockets */
    uint8_t *buffer;
    struct list list; /* under way */
};

/* False: no descriptors or memory; then there is nothing to deinit, but it may be. */
bool errands_init(struct errands *errands, struct log *log) __attribute__((warn_unused_result));

void errand_init(struct errand *errand, const char *kind);

/* Starts the process and tells it the job. `within`: ms it may take. False: it is logged, and nothing is called. */
bool errand_begin(struct errands *errands, struct errand *errand, const struct word *job, uint32_t within, uint64_t now)
    __attribute__((warn_unused_result));

/* Says something more to one that is under way. One that does not listen is killed, and so is one that cannot be told so much. */
void errand_tell(struct errand *errand, const struct word *word);

/* Kills it, if it is under way, without on_end: its owner may be freed afterwards, but not from within its on_word. */
void errand_cancel(struct errands *errands, struct errand *errand);

/* Reads what they have to say. */
void errands_hear(struct errands *errands);

/* Notes the death of one. Deaths of strangers are nobody's. */
void errands_bury(struct errands *errands, pid_t pid, int status);

/* Kills those that are late. */
void errands_settle(struct errands *errands, uint64_t now);

/* When errands_settle wants to be called next, ms; UINT64_MAX: not before an event. */
uint64_t errands_next(const struct errands *errands);

/* All are killed, without on_end, and gone afterwards; none can be begun any more. */
void errands_stop(struct errands *errands);
void errands_deinit(struct errands *errands);

#endif
