#include "suites.h"

#include <string.h>

enum { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

static const struct suite {
    uint16_t id;
    const char *name;
} suites[] = {
    {0x1302, "TLS_AES_256_GCM_SHA384"},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
    {0x1301, "TLS_AES_128_GCM_SHA256"},
    {0x1304, "TLS_AES_128_CCM_SHA256"},
    {0x1305, "TLS_AES_128_CCM_8_SHA256"},
    {0xC02C, "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {0xC030, "ECDHE-RSA-AES256-GCM-SHA384"},
    {0x009F, "DHE-RSA-AES256-GCM-SHA384"},
    {0xCCA9, "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {0xCCA8, "ECDHE-RSA-CHACHA20-POLY1305"},
    {0xCCAA, "DHE-RSA-CHACHA20-POLY1305"},
    {0xC0AF, "ECDHE-ECDSA-AES256-CCM8"},
    {0xC0AD, "ECDHE-ECDSA-AES256-CCM"},
    {0xC0A3, "DHE-RSA-AES256-CCM8"},
    {0xC09F, "DHE-RSA-AES256-CCM"},
    {0xC05D, "ECDHE-ECDSA-ARIA256-GCM-SHA384"},
    {0xC061, "ECDHE-ARIA256-GCM-SHA384"},
    {0xC053, "DHE-RSA-ARIA256-GCM-SHA384"},
    {0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {0xC02F, "ECDHE-RSA-AES128-GCM-SHA256"},
    {0x009E, "DHE-RSA-AES128-GCM-SHA256"},
    {0xC0AE, "ECDHE-ECDSA-AES128-CCM8"},
    {0xC0AC, "ECDHE-ECDSA-AES128-CCM"},
    {0xC0A2, "DHE-RSA-AES128-CCM8"},
    {0xC09E, "DHE-RSA-AES128-CCM"},
    {0xC05C, "ECDHE-ECDSA-ARIA128-GCM-SHA256"},
    {0xC060, "ECDHE-ARIA128-GCM-SHA256"},
    {0xC052, "DHE-RSA-ARIA128-GCM-SHA256"},
    {0x00A3, "DHE-DSS-AES256-GCM-SHA384"},
    {0xC057, "DHE-DSS-ARIA256-GCM-SHA384"},
    {0x00A2, "DHE-DSS-AES128-GCM-SHA256"},
    {0xC056, "DHE-DSS-ARIA128-GCM-SHA256"},
    {0xC024, "ECDHE-ECDSA-AES256-SHA384"},
    {0xC028, "ECDHE-RSA-AES256-SHA384"},
    {0x006B, "DHE-RSA-AES256-SHA256"},
    {0x006A, "DHE-DSS-AES256-SHA256"},
    {0xC073, "ECDHE-ECDSA-CAMELLIA256-SHA384"},
    {0xC077, "ECDHE-RSA-CAMELLIA256-SHA384"},
    {0x00C4, "DHE-RSA-CAMELLIA256-SHA256"},
    {0x00C3, "DHE-DSS-CAMELLIA256-SHA256"},
    {0xC023, "ECDHE-ECDSA-AES128-SHA256"},
    {0xC027, "ECDHE-RSA-AES128-SHA256"},
    {0x0067, "DHE-RSA-AES128-SHA256"},
    {0x0040, "DHE-DSS-AES128-SHA256"},
    {0xC072, "ECDHE-ECDSA-CAMELLIA128-SHA256"},
    {0xC076, "ECDHE-RSA-CAMELLIA128-SHA256"},
    {0x00BE, "DHE-RSA-CAMELLIA128-SHA256"},
    {0x00BD, "DHE-DSS-CAMELLIA128-SHA256"},
    {0xC00A, "ECDHE-ECDSA-AES256-SHA"},
    {0xC014, "ECDHE-RSA-AES256-SHA"},
    {0x0039, "DHE-RSA-AES256-SHA"},
    {0x0038, "DHE-DSS-AES256-SHA"},
    {0x0088, "DHE-RSA-CAMELLIA256-SHA"},
    {0x0087, "DHE-DSS-CAMELLIA256-SHA"},
    {0xC009, "ECDHE-ECDSA-AES128-SHA"},
    {0xC013, "ECDHE-RSA-AES128-SHA"},
    {0x0033, "DHE-RSA-AES128-SHA"},
    {0x0032, "DHE-DSS-AES128-SHA"},
    {0x0045, "DHE-RSA-CAMELLIA128-SHA"},
    {0x0044, "DHE-DSS-CAMELLIA128-SHA"},
    {0x009D, "AES256-GCM-SHA384"},
    {0xC0A1, "AES256-CCM8"},
    {0xC09D, "AES256-CCM"},
    {0xC051, "ARIA256-GCM-SHA384"},
    {0x009C, "AES128-GCM-SHA256"},
    {0xC0A0, "AES128-CCM8"},
    {0xC09C, "AES128-CCM"},
    {0xC050, "ARIA128-GCM-SHA256"},
    {0x003D, "AES256-SHA256"},
    {0x00C0, "CAMELLIA256-SHA256"},
    {0x003C, "AES128-SHA256"},
    {0x00BA, "CAMELLIA128-SHA256"},
    {0x0035, "AES256-SHA"},
    {0x0084, "CAMELLIA256-SHA"},
    {0x002F, "AES128-SHA"},
    {0x0041, "CAMELLIA128-SHA"},
    {0x00A7, "ADH-AES256-GCM-SHA384"},
    {0x00A6, "ADH-AES128-GCM-SHA256"},
    {0x006D, "ADH-AES256-SHA256"},
    {0x00C5, "ADH-CAMELLIA256-SHA256"},
    {0x006C, "ADH-AES128-SHA256"},
    {0x00BF, "ADH-CAMELLIA128-SHA256"},
    {0xC019, "AECDH-AES256-SHA"},
    {0x003A, "ADH-AES256-SHA"},
    {0x0089, "ADH-CAMELLIA256-SHA"},
    {0xC018, "AECDH-AES128-SHA"},
    {0x0034, "ADH-AES128-SHA"},
    {0x0046, "ADH-CAMELLIA128-SHA"},
    {0xC006, "ECDHE-ECDSA-NULL-SHA"},
    {0xC010, "ECDHE-RSA-NULL-SHA"},
    {0xC015, "AECDH-NULL-SHA"},
    {0x003B, "NULL-SHA256"},
    {0x0002, "NULL-SHA"},
    {0x0001, "NULL-MD5"},
    {0x0003, "EXP-RC4-MD5"},
    {0x0004, "RC4-MD5"},
    {0x0005, "RC4-SHA"},
    {0x0006, "EXP-RC2-CBC-MD5"},
    {0x0007, "IDEA-CBC-SHA"},
    {0x0008, "EXP-DES-CBC-SHA"},
    {0x0009, "DES-CBC-SHA"},
    {0x000A, "DES-CBC3-SHA"},
    {0x0011, "EXP-EDH-DSS-DES-CBC-SHA"},
    {0x0012, "EDH-DSS-DES-CBC-SHA"},
    {0x0013, "EDH-DSS-DES-CBC3-SHA"},
    {0x0014, "EXP-EDH-RSA-DES-CBC-SHA"},
    {0x0015, "EDH-RSA-DES-CBC-SHA"},
    {0x0016, "EDH-RSA-DES-CBC3-SHA"},
    {0x0017, "EXP-ADH-RC4-MD5"},
    {0x0018, "ADH-RC4-MD5"},
    {0x0019, "EXP-ADH-DES-CBC-SHA"},
    {0x001A, "ADH-DES-CBC-SHA"},
    {0x001B, "ADH-DES-CBC3-SHA"},
    {0x0096, "SEED-SHA"},
    {0x0099, "DHE-DSS-SEED-SHA"},
    {0x009A, "DHE-RSA-SEED-SHA"},
    {0x009B, "ADH-SEED-SHA"},
    {0xC007, "ECDHE-ECDSA-RC4-SHA"},
    {0xC008, "ECDHE-ECDSA-DES-CBC3-SHA"},
    {0xC011, "ECDHE-RSA-RC4-SHA"},
    {0xC012, "ECDHE-RSA-DES-CBC3-SHA"},
    {0xC016, "AECDH-RC4-SHA"},
    {0xC017, "AECDH-DES-CBC3-SHA"},
};

enum { SUITES = sizeof suites / sizeof suites[0] };

_Static_assert((int)SUITES <= (int)PROBE_SUITES_MAX, "a report has room for all of them");

static const struct suite *find(uint16_t id)
{
    for (size_t i = 0; i < SUITES; i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static enum suite_exchange exchange_of(const char *name)
{
    name += starts(name, "EXP-") ? 4 : 0;
    if (starts(name, "ECDHE-") || starts(name, "AECDH-"))
        return EXCHANGE_ECDHE;
    if (starts(name, "DHE-") || starts(name, "EDH-") || starts(name, "ADH-"))
        return EXCHANGE_DHE;
    return EXCHANGE_NONE;
}

enum suite_exchange suite_exchange(uint16_t id)
{
    const struct suite *suite = find(id);
    return suite ? exchange_of(suite->name) : EXCHANGE_NONE;
}

static bool holds_any(const char *name, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(name, parts[i]))
            return true;
    return false;
}

static bool is_tls13(const char *name)
{
    return starts(name, "TLS_");
}

static bool is_aead(const char *name)
{
    static const char *const modes[] = {"GCM", "CCM", "CHACHA20"};
    return holds_any(name, modes, sizeof modes / sizeof modes[0]);
}

/* No encryption, no authentication, or ciphers that can be attacked (RFC 7465, RFC 9325 section 4.1). */
static bool is_weak(const char *name)
{
    static const char *const parts[] = {"NULL", "EXP-", "ADH-",    "AECDH-", "RC4",
                                        "RC2",  "MD5",  "DES-CBC", "IDEA",   "SEED"};
    return holds_any(name, parts, sizeof parts / sizeof parts[0]);
}

static enum probe_grade grade_of(const char *name)
{
    if (is_weak(name))
        return PROBE_WEAK_GRADE;
    if (is_tls13(name))
        return PROBE_GOOD_GRADE;
    bool is_current = is_aead(name) && exchange_of(name) != EXCHANGE_NONE && !strstr(name, "DSS");
    return is_current ? PROBE_GOOD_GRADE : PROBE_OLD_GRADE;
}

/* AEAD and SHA-2 came with TLS 1.2. */
static bool fits(const char *name, uint16_t version)
{
    if (version >= TLS_1_3 || is_tls13(name))
        return version >= TLS_1_3 && is_tls13(name);
    return version >= TLS_1_2 || !(is_aead(name) || strstr(name, "SHA256") || strstr(name, "SHA384"));
}

size_t suites_of(uint16_t version, uint16_t ids[PROBE_SUITES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < SUITES; i++)
        if (fits(suites[i].name, version))
            ids[count++] = suites[i].id;
    return count;
}

size_t suites_with_groups(uint16_t ids[PROBE_SUITES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < SUITES; i++)
        if (exchange_of(suites[i].name) == EXCHANGE_ECDHE)
            ids[count++] = suites[i].id;
    return count;
}

struct probe_suite suite_describe(uint16_t id, uint16_t version)
{
    const struct suite *suite = find(id);
    return (struct probe_suite){.id = id,
                                .version = version,
                                .name = suite ? suite->name : "(unknown)",
                                .grade = suite ? grade_of(suite->name) : PROBE_OLD_GRADE};
}

/* ---- groups: IANA's registry of TLS supported groups */

enum { BELOW_1_3 = 1, IN_1_3 = 2, ANY = BELOW_1_3 | IN_1_3 };

static const struct group {
    uint16_t id;
    unsigned versions;
    const char *name;
    enum probe_grade grade;
} groups[] = {
    {0x11EC, IN_1_3, "X25519MLKEM768", PROBE_GOOD_GRADE},
    {0x11EB, IN_1_3, "SecP256r1MLKEM768", PROBE_GOOD_GRADE},
    {0x11ED, IN_1_3, "SecP384r1MLKEM1024", PROBE_GOOD_GRADE},
    {0x6399, IN_1_3, "X25519Kyber768Draft00", PROBE_OLD_GRADE},
    {29, ANY, "X25519", PROBE_GOOD_GRADE},
    {23, ANY, "P-256", PROBE_GOOD_GRADE},
    {30, ANY, "X448", PROBE_GOOD_GRADE},
    {24, ANY, "P-384", PROBE_GOOD_GRADE},
    {25, ANY, "P-521", PROBE_GOOD_GRADE},
    {256, IN_1_3, "ffdhe2048", PROBE_GOOD_GRADE},
    {257, IN_1_3, "ffdhe3072", PROBE_GOOD_GRADE},
    {258, IN_1_3, "ffdhe4096", PROBE_GOOD_GRADE},
    {259, IN_1_3, "ffdhe6144", PROBE_GOOD_GRADE},
    {260, IN_1_3, "ffdhe8192", PROBE_GOOD_GRADE},
    {31, IN_1_3, "brainpoolP256r1tls13", PROBE_GOOD_GRADE},
    {32, IN_1_3, "brainpoolP384r1tls13", PROBE_GOOD_GRADE},
    {33, IN_1_3, "brainpoolP512r1tls13", PROBE_GOOD_GRADE},
    {26, BELOW_1_3, "brainpoolP256r1", PROBE_GOOD_GRADE},
    {27, BELOW_1_3, "brainpoolP384r1", PROBE_GOOD_GRADE},
    {28, BELOW_1_3, "brainpoolP512r1", PROBE_GOOD_GRADE},
    {22, BELOW_1_3, "secp256k1", PROBE_OLD_GRADE},
    {21, BELOW_1_3, "P-224", PROBE_OLD_GRADE},
    {19, BELOW_1_3, "P-192", PROBE_WEAK_GRADE},
    {16, BELOW_1_3, "secp160r1", PROBE_WEAK_GRADE},
};

enum { GROUPS = sizeof groups / sizeof groups[0] };

_Static_assert((int)GROUPS <= (int)PROBE_GROUPS_MAX, "a report has room for all of them");

size_t groups_of(uint16_t version, uint16_t ids[PROBE_GROUPS_MAX])
{
    unsigned wanted = version >= TLS_1_3 ? IN_1_3 : BELOW_1_3;
    size_t count = 0;
    for (size_t i = 0; i < GROUPS; i++)
        if (groups[i].versions & wanted)
            ids[count++] = groups[i].id;
    return count;
}

struct probe_group group_describe(uint16_t id)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (groups[i].id == id)
            return (struct probe_group){id, groups[i].name, groups[i].grade};
    return (struct probe_group){id, "(unknown)", PROBE_OLD_GRADE};
}
