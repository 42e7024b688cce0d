/* What may be a name in a certificate, told to people who wrote something else. */
#include "crossgate/pki.h"

#include <arpa/inet.h>
#include <ctype.h>

/* RFC 1035 section 2.3.4. */
enum { NAME_MAX_LENGTH = 253, LABEL_MAX_LENGTH = 63 };

static bool is_address(const char *name)
{
    struct in6_addr address;
    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static bool refuse(struct error *error, const char *name, const char *why)
{
    error_set(error, ERROR_INPUT, "\"%.100s\" cannot be a name in a certificate: %s", name, why);
    return false;
}

/* The host in "https://host:443/path", for messages. */
static struct span host_within(const char *name)
{
    const char *scheme = strstr(name, "://");
    const char *host = scheme ? scheme + 3 : name;
    size_t len = *host == '[' ? strcspn(++host, "]") : strcspn(host, ":/");
    return span_of(host, len);
}

/* What names a service and not a host: schemes, ports, paths. */
static bool refuse_service(const char *name, struct error *error)
{
    struct span host = host_within(name);
    const char *what = strstr(name, "://") ? "scheme" : strchr(name, '/') ? "path" : *name == '[' ? "bracket" : "port";
    error_set(error, ERROR_INPUT,
              "\"%.60s\" cannot be a name in a certificate, which is for a host: leave the %s out, as in \"%.*s\"",
              name, what, host.len < 60 ? (int)host.len : 60, (const char *)host.at);
    return false;
}

static bool is_ascii(const char *name)
{
    while (*name && (unsigned char)*name < 0x80)
        name++;
    return *name == '\0';
}

/* RFC 5890 section 2.3.1. */
static bool is_label(struct span label)
{
    if (label.len == 0 || label.len > LABEL_MAX_LENGTH || label.at[0] == '-' || label.at[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!isalnum(label.at[i]) && label.at[i] != '-')
            return false;
    }
    return true;
}

static bool is_number(struct span label)
{
    uint64_t number;
    return span_to_uint(label, UINT64_MAX, &number);
}

/* Labels with dots between them; *last is the last one. False: something between the dots is no label. */
static bool has_labels(struct span name, size_t *count, struct span *last)
{
    for (*count = 1;; ++*count) {
        const uint8_t *dot = memchr(name.at, '.', name.len);
        *last = dot ? span_of(name.at, (size_t)(dot - name.at)) : name;
        if (!is_label(*last))
            return false;
        if (!dot)
            return true;
        name = span_tail(name, last->len + 1);
    }
}

static bool check_labels(const char *name, const char *below, struct error *error)
{
    size_t count;
    struct span last;
    size_t len = strlen(name);
    if (len > NAME_MAX_LENGTH)
        return refuse(error, name, "it has more than 253 characters");
    if (len > 0 && name[len - 1] == '.')
        return refuse(error, name, "leave the dot at its end out");
    if (strchr(name, '_'))
        return refuse(error, name, "a host's name has no underscore, and authorities refuse it");
    if (!has_labels(span_string(below), &count, &last))
        return refuse(error, name, "between its dots stand letters, digits and inner hyphens, at most 63");
    if (is_number(last))
        return refuse(error, name, "it is no IP address, and a host's name does not end in a number");
    if (below != name && count < 2)
        return refuse(error, name, "clients take a * only in front of two labels or more, as in *.example.com");
    return true;
}

bool pki_name_check(const char *name, struct error *error)
{
    if (is_address(name))
        return true;
    if (!*name)
        return refuse(error, name, "it is empty");
    if (!is_ascii(name))
        return refuse(error, name, "write the form that is looked up, which begins with xn-- (idn2 NAME prints it)");
    if (strchr(name, '%'))
        return refuse(error, name, "leave the zone behind the % out");
    if (strpbrk(name, ":/["))
        return refuse_service(name, error);
    if (strchr(name, '@'))
        return refuse(error, name, "it is a mail address, and a server's certificate is for a host");
    return check_labels(name, strncmp(name, "*.", 2) == 0 ? name + 2 : name, error);
}

/* "10.0.0.0/8": the address and the length of the prefix. */
static bool split_network(const char *name, char address[INET6_ADDRSTRLEN], uint64_t *prefix)
{
    const char *slash = strchr(name, '/');
    if (!slash || slash - name >= INET6_ADDRSTRLEN)
        return false;
    memcpy(address, name, (size_t)(slash - name));
    address[slash - name] = '\0';
    return span_to_uint(span_string(slash + 1), 128, prefix);
}

bool pki_network_read(const char *name, struct pki_network *network)
{
    char address[INET6_ADDRSTRLEN];
    uint64_t prefix = UINT64_MAX;
    bool whole = !strchr(name, '/');
    if (!whole && !split_network(name, address, &prefix))
        return false;
    *network = (struct pki_network){.length = 4};
    if (inet_pton(AF_INET, whole ? name : address, network->bytes) != 1) {
        network->length = 16;
        if (inet_pton(AF_INET6, whole ? name : address, network->bytes) != 1)
            return false;
    }
    if (whole)
        prefix = network->length * 8;
    for (uint64_t bit = 0; bit < prefix && prefix <= network->length * 8; bit++)
        network->bytes[network->length + bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    for (size_t i = 0; i < network->length; i++)
        network->bytes[i] &= network->bytes[network->length + i];
    return prefix <= network->length * 8;
}

bool pki_constraint_check(const char *name, struct error *error)
{
    struct pki_network network;
    if (pki_network_read(name, &network))
        return true;
    if (strncmp(name, "*.", 2) == 0)
        return refuse(error, name, "a domain stands for all below it: leave the * out");
    return pki_name_check(name, error);
}
