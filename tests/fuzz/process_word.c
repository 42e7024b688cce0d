/* Arbitrary bytes as a packet of an errand: what is taken for a word lies in the packet, and says the same when it is said again. */
#include "word.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct word word;
    int pair[2];
    if (size > 65536 || !word_parse(span_of(data, size), &word))
        return 0;
    for (uint32_t i = 0; i < word.count; i++)
        assert(word.fields[i].at >= data && word.fields[i].at + word.fields[i].len <= data + size);
    uint8_t *again = malloc(WORD_BYTES);
    assert(again && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 && word_send(pair[0], &word));
    assert(recv(pair[1], again, WORD_BYTES, 0) == (ssize_t)size && memcmp(again, data, size) == 0);
    close(pair[0]);
    close(pair[1]);
    free(again);
    return 0;
}
