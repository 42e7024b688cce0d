/* Words, the table for people, and JSON. */
#include "floors.h"
#include "meter.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: bench/floor [--seconds S] [--json]\n"
    "\n"
    "Measures what nothing that is built on this OpenSSL and this kernel can go below: CPU time of the server's thread "
    "per\n"
    "operation, the median over batches. In one thread, in memory or over loopback; the clients' part is not counted. "
    "The\n"
    "settings of TLS are Crossgate's: X25519, released buffers. Each of 24 floors takes S seconds (default "
    "0.3).\n"
    "\n"
    "--json prints one object instead of the table:\n"
    "  {\"openssl\": TEXT, \"seconds\": S, \"floors\": {NAME: {\"ns\": CPU ns per operation, \"operations\": how many "
    "were measured,\n"
    "   \"bytes_per_second\": plaintext that one core both opens and seals; null where it means nothing}, ...}}\n"
    "with these names:\n"
    "  handshake/tls1.3-ecdsa  -rsa  -resumed                   P-256, RSA-2048, psk_dhe_ke with P-256; AES-128-GCM\n"
    "  handshake/tls1.3-ecdsa-ticket                            gives a ticket, as -resumed does; the others give "
    "none\n"
    "  handshake/tls1.2-ecdhe-ecdsa  -ecdhe-rsa  -dhe-rsa  -resumed      DHE with ffdhe2048; resumed by a ticket\n"
    "  record/aes128gcm/64  /1024  /16384, record/aes256gcm/…   SSL_read of a record and SSL_write of one\n"
    "  cipher/aes128gcm/64  /1024  /16384, cipher/aes256gcm/…   the same by EVP alone\n"
    "  call/connection                                          accept4, recv, send, recv, close\n"
    "  call/message, call/record                                recv, send of 64 bytes, of a record of 16 KiB\n"
    "  call/epoll_wait                                          with one socket that is ready\n";

struct report {
    struct floors floors;
    bool json, begun;
};

void give_up(const char *what)
{
    fprintf(stderr, "floor: failed: %s (%s)\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void tell_json(struct report *report, const char *name, double ns, uint64_t operations, size_t bytes)
{
    printf("%s\n  \"%s\": {\"ns\": %.1f, \"operations\": %llu, \"bytes_per_second\": ", report->begun ? "," : "", name,
           ns, (unsigned long long)operations);
    if (bytes > 0)
        printf("%.0f}", (double)bytes * 1e9 / ns);
    else
        printf("null}");
}

static void tell_people(const char *name, double ns, size_t bytes)
{
    printf("%-30s %12.0f ns %12.0f per second", name, ns, 1e9 / ns);
    if (bytes > 0)
        printf(" %10.1f MB/s", (double)bytes * 1e3 / ns);
    printf("\n");
}

static void tell(struct floors *floors, const char *name, struct meter *meter, size_t bytes)
{
    struct report *report = (struct report *)floors;
    double ns = meter_median(meter);
    if (report->json)
        tell_json(report, name, ns, meter->operations, bytes);
    else
        tell_people(name, ns, bytes);
    report->begun = true;
    fflush(stdout);
}

static bool read_words(struct report *report, int argc, char **argv)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    char *end = NULL;
    for (int word; (word = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (word == 'j') {
            report->json = true;
        } else if (word == 's') {
            report->floors.seconds = strtod(optarg, &end);
            if (*end || !(report->floors.seconds > 0 && report->floors.seconds <= 60))
                return false;
        } else if (word == 'h') {
            fputs(help, stdout);
            exit(0);
        } else {
            return false;
        }
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct report report = {.floors = {.seconds = 0.3, .tell = tell}};
    if (!read_words(&report, argc, argv)) {
        fputs(help, stderr);
        return 2;
    }
    if (report.json)
        printf("{\"openssl\": \"%s\", \"seconds\": %g, \"floors\": {", OpenSSL_version(OPENSSL_VERSION),
               report.floors.seconds);
    else
        printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
    floors_of_handshakes(&report.floors);
    floors_of_records(&report.floors);
    floors_of_calls(&report.floors);
    if (report.json)
        printf("\n}}\n");
    return 0;
}
