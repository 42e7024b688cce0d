/* Packets of a master that is not one: records of length, number of descriptors and bytes, each sent as one packet. No
 * descriptor may be left over. */
#include "parcel.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool send_packet(int socket, const uint8_t *bytes, size_t length, size_t count, int descriptor)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 253)];
    } control = {0};
    int descriptors[253];
    struct iovec part = {(void *)(uintptr_t)bytes, length};
    struct msghdr envelope = {.msg_iov = &part, .msg_iovlen = 1};
    for (size_t i = 0; i < count; i++)
        descriptors[i] = descriptor;
    if (count > 0) {
        envelope.msg_control = &control;
        envelope.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(&control.header), descriptors, sizeof(int) * count);
    }
    return sendmsg(socket, &envelope, MSG_DONTWAIT) == (ssize_t)length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2], descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct parcel parcel;
    struct handover message;
    parcel_init(&parcel);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return 0;
    while (size >= 3) {
        size_t length = data[0] | (size_t)data[1] << 8, count = data[2];
        data += 3;
        size -= 3;
        length = length < size ? length : size;
        if (!send_packet(pair[0], data, length, count > 253 ? 253 : count, descriptor))
            break;
        data += length;
        size -= length;
        if (handover_receive(pair[1], &message) == HANDOVER_OK)
            parcel_take(&parcel, &message);
    }
    parcel_deinit(&parcel);
    close(pair[0]);
    close(pair[1]);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert(next == pair[0]);
    close(next);
    close(descriptor);
    return 0;
}
