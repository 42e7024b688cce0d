/* From server names to what is served, and by whom clients are let in. */
#include "forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "hello.h"

enum { ENTRIES_MAX = 8, TEXT_MAX = 2048 };

struct recorder {
    struct problems problems;
    char text[TEXT_MAX]; /* all that was reported, a line each */
};

static struct {
    struct arena *arena;
    EVP_PKEY *rsa, *ec, *authority_key;
    X509 *authority;
    struct pki_file authority_file, other_file;
    struct tls_server_certificate entries[ENTRIES_MAX];
    struct recorder recorders[ENTRIES_MAX];
    size_t count;
} world;

static void record(struct problems *problems, const struct problem *problem)
{
    struct recorder *recorder = CONTAINER_OF(problems, struct recorder, problems);
    size_t used = strlen(recorder->text);
    if (problem->severity != PROBLEM_NOTE)
        snprintf(recorder->text + used, TEXT_MAX - used, "%s: %s\n", problem->key ? problem->key : "", problem->text);
}

static int set_up_all(void **state)
{
    (void)state;
    world.arena = arena_new();
    world.rsa = forge_keep(world.arena, EVP_RSA_gen(2048));
    world.ec = forge_keep(world.arena, EVP_EC_gen("P-256"));
    world.authority_key = forge_keep(world.arena, EVP_EC_gen("P-256"));
    world.authority = forge_certificate(
        world.arena, &(struct forge){.subject = "Clients", .key = world.authority_key, .authority = true});
    world.authority_file = forge_chain(world.arena, "clients.pem", world.authority, NULL, NULL);
    world.other_file = forge_chain(
        world.arena, "others.pem",
        forge_certificate(world.arena, &(struct forge){.subject = "Others", .key = world.ec, .authority = true}), NULL,
        NULL);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    arena_free(world.arena);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    world.count = 0;
    memset(world.recorders, 0, sizeof world.recorders);
    return 0;
}

/* One more certificate, the first of which is the documented pair. `names` NULL: only `subject`. */
static struct tls_server_certificate *add(const char *path, EVP_PKEY *key, const char *subject, const char *names)
{
    struct tls_server_certificate *entry = &world.entries[world.count];
    struct recorder *recorder = &world.recorders[world.count++];
    const struct forge how = {.subject = subject, .key = key, .names = names};
    recorder->problems.report = record;
    *entry = (struct tls_server_certificate){
        .key = forge_key(world.arena, "key.pem", key),
        .certificate = forge_chain(world.arena, path, forge_certificate(world.arena, &how), NULL, NULL),
        .problems = &recorder->problems};
    return entry;
}

static struct tls_context *build(bool strict)
{
    const struct tls_server_certificate *pair = &world.entries[0];
    const struct tls_server_settings settings = {.key = pair->key,
                                                 .certificate = pair->certificate,
                                                 .clients = pair->clients,
                                                 .more = world.entries + 1,
                                                 .more_count = world.count - 1,
                                                 .strict_sni = strict};
    return tls_server_context_new(&settings, pair->problems);
}

static const struct choice *find(const struct tls_context *context, const char *name)
{
    return names_find(context->names, span_string(name));
}

static const char *path_of(const struct tls_context *context, const char *name, enum key_kind kind)
{
    const struct choice *choice = find(context, name);
    return choice && choice->credentials[kind] ? choice->credentials[kind]->path : NULL;
}

static void expect_path(const struct tls_context *context, const char *name, enum key_kind kind, const char *path)
{
    const char *found = path_of(context, name, kind);
    if (!path)
        assert_null(found);
    else
        assert_string_equal(found ? found : "(none)", path);
}

static void names_are_found_whatever_their_case_and_final_dot(void **state)
{
    (void)state;
    add("pair.pem", world.ec, "pair", "DNS:pair.example");
    add("a.pem", world.ec, "a", "DNS:A.Example,IP:127.0.0.1,DNS:*.w.Example");
    struct tls_context *context = build(false);
    assert_non_null(context);
    expect_path(context, "a.example", KEY_EC, "a.pem");
    expect_path(context, "A.EXAMPLE.", KEY_EC, "a.pem");
    expect_path(context, "pair.example", KEY_EC, "pair.pem");
    expect_path(context, "x.w.example", KEY_EC, "a.pem");
    static const char *const nobodys[] = {"",
                                          ".",
                                          "example",
                                          "w.example",
                                          "x.y.w.example",
                                          "*.w.example",
                                          ".w.example",
                                          "..w.example",
                                          "127.0.0.1",
                                          "a.example..",
                                          "xa.example",
                                          "a.examplex",
                                          "*",
                                          "\xff.w.example."};
    for (size_t i = 0; i + 1 < sizeof nobodys / sizeof nobodys[0]; i++)
        assert_null(find(context, nobodys[i]));
    assert_null(names_find(context->names, SPAN("a\0.example")));
    char longest[300];
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 240, ".w.example", 11);
    assert_non_null(find(context, longest)); /* 250 bytes */
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 280, ".w.example", 11);
    assert_null(find(context, longest));
    tls_context_unref(context);
}

static void exact_names_go_before_wildcards_which_complete_them(void **state)
{
    (void)state;
    add("pair.pem", world.ec, "pair", "DNS:pair.example");
    add("wild.pem", world.rsa, "wild", "DNS:*.w.example");
    add("exact.pem", world.ec, "exact", "DNS:a.w.example");
    struct tls_context *context = build(false);
    assert_non_null(context);
    expect_path(context, "a.w.example", KEY_EC, "exact.pem");
    expect_path(context, "a.w.example", KEY_RSA, "wild.pem");
    expect_path(context, "b.w.example", KEY_RSA, "wild.pem");
    expect_path(context, "b.w.example", KEY_EC, NULL);
    tls_context_unref(context);
}

static void wildcard_of_another_policy_completes_nothing(void **state)
{
    (void)state;
    add("pair.pem", world.ec, "pair", "DNS:pair.example");
    add("wild.pem", world.rsa, "wild", "DNS:*.w.example");
    add("exact.pem", world.ec, "exact", "DNS:a.w.example")->clients.authorities =
        (struct pki_files){&world.authority_file, 1, true};
    struct tls_context *context = build(false);
    assert_non_null(context);
    expect_path(context, "a.w.example", KEY_RSA, NULL);
    tls_context_unref(context);
}

static void same_names_and_policy_are_one_choice(void **state)
{
    (void)state;
    add("pair.pem", world.ec, "pair", "DNS:pair.example");
    add("a.pem", world.ec, "a", "DNS:a.example,DNS:b.example,DNS:*.a.example");
    add("rsa.pem", world.rsa, "a", "DNS:b.example");
    struct tls_context *context = build(false);
    assert_non_null(context);
    assert_ptr_equal(find(context, "a.example"), find(context, "x.a.example"));
    assert_ptr_not_equal(find(context, "a.example"), find(context, "b.example"));
    assert_ptr_equal(find(context, "pair.example"), names_default(context->names));
    assert_memory_not_equal(find(context, "a.example")->identity, find(context, "b.example")->identity,
                            CHOICE_IDENTITY);
    tls_context_unref(context);
}

/* Tickets outlive a renewal, and no change of who is let in. */
static void identity_is_that_of_names_and_policy(void **state)
{
    (void)state;
    uint8_t before[CHOICE_IDENTITY];
    for (int round = 0; round < 4; round++) {
        set_up(NULL);
        add("pair.pem", round == 1 ? world.rsa : world.ec, "pair", "DNS:pair.example");
        if (round >= 2)
            world.entries[0].clients.authorities = (struct pki_files){&world.authority_file, 1, true};
        if (round == 3)
            world.entries[0].clients.wanted = TLS_CLIENTS_OPTIONAL;
        struct tls_context *context = build(false);
        assert_non_null(context);
        const uint8_t *now = names_default(context->names)->identity;
        if (round == 1)
            assert_memory_equal(now, before, sizeof before);
        else if (round > 1)
            assert_memory_not_equal(now, before, sizeof before);
        memcpy(before, now, sizeof before);
        tls_context_unref(context);
    }
}

static void second_certificate_with_the_same_kind_of_key_is_warned_of(void **state)
{
    (void)state;
    add("pair.pem", world.ec, "pair", "DNS:pair.example");
    add("one.pem", world.ec, "one", "DNS:a.example,DNS:b.example,DNS:c.example");
    add("two.pem", world.ec, "two", "DNS:a.example,DNS:b.example,DNS:d.example");
    struct tls_context *context = build(false);
    assert_non_null(context);
    expect_path(context, "a.example", KEY_EC, "one.pem");
    expect_path(context, "d.example", KEY_EC, "two.pem");
    assert_string_equal(world.recorders[1].text, "");
    assert_non_null(strstr(world.recorders[2].text, "two.pem is not used for a.example and 1 more of its "
                                                    "names: one.pem comes first, and has a key of the same kind"));
    tls_context_unref(context);
}

static void names_nobody_can_ask_for_are_warned_of(void **state)
{
    (void)state;
    add("pair.pem", world.ec, "pair", "DNS:pair.example");
    add("odd.pem", world.ec, "odd", "DNS:a*.example,DNS:*,DNS:b..example,DNS:good.example,DNS:x.*.example");
    add("none.pem", world.ec, "none", "IP:127.0.0.1");
    struct tls_context *context = build(false);
    assert_non_null(context);
    for (size_t i = 0; i < 4; i++) {
        static const char *const odd[] = {"\"a*.example\"", "\"*\"", "\"b..example\"", "\"x.*.example\""};
        assert_non_null(strstr(world.recorders[1].text, odd[i]));
    }
    assert_null(strstr(world.recorders[1].text, "good.example"));
    assert_null(find(context, "ab.example"));
    expect_path(context, "good.example", KEY_EC, "odd.pem");
    assert_non_null(strstr(world.recorders[2].text, "none.pem: its certificate has no host name, and is never chosen"));
    assert_string_equal(world.recorders[0].text, "");
    tls_context_unref(context);
}

static void common_name_counts_if_there_is_nothing_else(void **state)
{
    (void)state;
    add("pair.pem", world.ec, "pair", "DNS:pair.example");
    add("old.pem", world.ec, "old.example", NULL);
    add("new.pem", world.ec, "common.example", "DNS:new.example");
    struct tls_context *context = build(false);
    assert_non_null(context);
    expect_path(context, "old.example", KEY_EC, "old.pem");
    assert_null(find(context, "common.example"));
    assert_non_null(strstr(world.recorders[1].text, "its only name, old.example, is the common name"));
    assert_string_equal(world.recorders[2].text, "");
    tls_context_unref(context);
}

static void two_policies_for_one_name_are_refused(void **state)
{
    (void)state;
    add("pair.pem", world.ec, "pair", "DNS:a.example");
    add("rsa.pem", world.rsa, "rsa", "DNS:a.example")->clients.authorities =
        (struct pki_files){&world.authority_file, 1, true};
    assert_null(build(false));
    assert_non_null(strstr(world.recorders[1].text, "pair.pem and rsa.pem are both for a.example"));
}

static void policies_are_inherited_part_by_part(void **state)
{
    (void)state;
    const struct pki_files one = {&world.authority_file, 1, true}, other = {&world.other_file, 1, true};
    const struct tls_clients endpoint = {TLS_CLIENTS_OPTIONAL, one, one};
    struct tls_clients made = policy_inherit(&(struct tls_clients){0}, &endpoint);
    assert_int_equal(made.wanted, TLS_CLIENTS_OPTIONAL);
    assert_ptr_equal(made.authorities.at, one.at);
    assert_ptr_equal(made.crls.at, one.at);
    /* Lists belong to authorities. */
    made = policy_inherit(&(struct tls_clients){.authorities = other}, &endpoint);
    assert_int_equal(made.wanted, TLS_CLIENTS_OPTIONAL);
    assert_ptr_equal(made.authorities.at, other.at);
    assert_false(made.crls.given);
    made = policy_inherit(&(struct tls_clients){.wanted = TLS_CLIENTS_NONE}, &endpoint);
    assert_int_equal(made.wanted, TLS_CLIENTS_NONE);
    made = policy_inherit(&(struct tls_clients){.authorities = other}, &(struct tls_clients){0});
    assert_int_equal(made.wanted, TLS_CLIENTS_REQUIRE);
    made = policy_inherit(&(struct tls_clients){0}, &(struct tls_clients){0});
    assert_int_equal(made.wanted, TLS_CLIENTS_NONE);
}

static void hosts_are_told_apart_by_policy(void **state)
{
    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        set_up(NULL);
        add("pair.pem", world.ec, "pair", "DNS:pair.example");
        add("a.pem", world.ec, "a", "DNS:a.example")->clients.authorities =
            (struct pki_files){&world.authority_file, 1, true};
        add("b.pem", world.ec, "b", "DNS:b.example")->clients.authorities =
            (struct pki_files){&world.authority_file, 1, true};
        struct tls_context *context = build(strict == 1);
        assert_non_null(context);
        const struct choice *a = find(context, "a.example"), *pair = names_default(context->names);
        assert_true(hello_is_for(context, a, SPAN("a.example")));
        assert_true(hello_is_for(context, a, SPAN("B.example")));
        assert_false(hello_is_for(context, a, SPAN("pair.example")));
        assert_false(hello_is_for(context, a, SPAN("unknown.example")));
        assert_false(hello_is_for(context, a, SPAN("")));
        assert_false(hello_is_for(context, pair, SPAN("a.example")));
        assert_int_equal(hello_is_for(context, pair, SPAN("unknown.example")), !strict);
        assert_int_equal(hello_is_for(context, pair, SPAN("")), !strict);
        tls_context_unref(context);
    }
}

static void server_name_is_read_as_one_host_name(void **state)
{
    (void)state;
    const struct {
        struct span extension;
        const char *name; /* NULL: malformed */
    } cases[] = {
        {SPAN("\0\4\0\0\1x"), "x"},
        {SPAN("\0\14\0\0\11x.example"), "x.example"},
        {SPAN("\0\3\0\0\0"), NULL},
        {SPAN("\0\0"), NULL},
        {SPAN(""), NULL},
        {SPAN("\0"), NULL},
        {SPAN("\0\4\1\0\1x"), NULL},
        {SPAN("\0\5\0\0\1x"), NULL},
        {SPAN("\0\4\0\0\2x"), NULL},
        {SPAN("\0\10\0\0\1x\0\0\1y"), NULL},
        {SPAN("\0\5\0\0\1xy"), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct span name;
        assert_int_equal(hello_read_name(cases[i].extension, &name), cases[i].name != NULL);
        if (cases[i].name)
            assert_true(span_equal(name, span_string(cases[i].name)));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(names_are_found_whatever_their_case_and_final_dot),
        TEST(exact_names_go_before_wildcards_which_complete_them),
        TEST(wildcard_of_another_policy_completes_nothing),
        TEST(same_names_and_policy_are_one_choice),
        TEST(identity_is_that_of_names_and_policy),
        TEST(second_certificate_with_the_same_kind_of_key_is_warned_of),
        TEST(names_nobody_can_ask_for_are_warned_of),
        TEST(common_name_counts_if_there_is_nothing_else),
        TEST(two_policies_for_one_name_are_refused),
        TEST(policies_are_inherited_part_by_part),
        TEST(hosts_are_told_apart_by_policy),
        TEST(server_name_is_read_as_one_host_name),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
