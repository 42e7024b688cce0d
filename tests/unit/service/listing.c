#include "test.h"

#include "listing.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAGE_BYTES = 1 << 20 };

/* The whole page, zero-terminated, made in pieces of that room. */
static const char *print(struct listing_page page, size_t room)
{
    static char whole[PAGE_BYTES];
    char *piece = malloc(room);
    size_t length = 0;
    for (;;) {
        struct span bytes = listing_print(&page, piece, room);
        if (bytes.len == 0)
            break;
        assert_true(length + bytes.len < sizeof whole);
        memcpy(whole + length, bytes.at, bytes.len);
        length += bytes.len;
    }
    assert_int_equal(page.part, LISTING_DONE);
    whole[length] = '\0';
    free(piece);
    return whole;
}

static const struct file_entry entries[] = {
    {"sub", true, 4096, 0},
    {"..hidden", true, 1, 1},
    {"../x", true, 1, 1},
    {".dot", false, 1, 1},
    {"<b>&\"'.txt", false, 12, 951782400},
    {"a b%?#:\\.txt", false, 18446744073709551615u, INT64_MAX},
    {"line\nfeed", false, 1, 1},
    {"\x7f", false, 1, 1},
    {"\xc3\xa4-._~", false, 0, -1},
};
static const struct file_listing listing = {entries, sizeof entries / sizeof *entries, false};

static void names_can_do_no_harm(void **state)
{
    (void)state;
    const char *page =
        print((struct listing_page){.listing = &listing, .path = SPAN("/<i>/"), .has_parent = true}, LISTING_PIECE_MIN);
    static const char *const says[] = {
        "<title>Index of /&lt;i&gt;/</title>",
        "<h1>Index of /&lt;i&gt;/</h1>",
        "<a href=\"../\">../</a>",
        "<a href=\"sub/\">sub/</a></td><td></td><td>1970-01-01 00:00</td>",
        "<a href=\"%3Cb%3E%26%22%27.txt\">&lt;b&gt;&amp;&#34;&#39;.txt</a></td><td>12</td><td>2000-02-29 00:00</td>",
        "<a href=\"a%20b%25%3F%23%3A%5C.txt\">a b%?#:\\.txt</a></td><td>18446744073709551615</td><td></td>",
        "<a href=\"%C3%A4-._~\">\xc3\xa4-._~</a></td><td>0</td><td>1969-12-31 23:59</td>",
    };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        if (!strstr(page, says[i]))
            fail_msg("%s\n%s", says[i], page);
    }
    assert_null(strstr(page, "dot"));
    assert_null(strstr(page, "hidden"));
    assert_null(strstr(page, "feed"));
    assert_null(strstr(page, "\x7f"));
    assert_null(strstr(page, "There are more"));
    assert_null(strstr(print((struct listing_page){.listing = &listing, .path = SPAN("/")}, 9000), "../"));
}

/* However small the pieces are, and however long the names and the heading. */
static void pieces_make_one_page(void **state)
{
    static char names[300][256], path[9000];
    static struct file_entry many[300];
    const struct file_listing long_ones = {many, 300, true};
    (void)state;
    for (size_t i = 0; i < 300; i++) {
        memset(names[i], "\"&x"[i % 3], 255);
        many[i] = (struct file_entry){names[i], false, i, 0};
    }
    memset(path, '&', sizeof path);
    const struct listing_page page = {.listing = &long_ones, .path = span_of(path, sizeof path)};
    char *whole = strdup(print(page, 1 << 18));
    assert_int_equal(strlen(whole), strlen(print(page, LISTING_PIECE_MIN)));
    assert_string_equal(whole, print(page, LISTING_PIECE_MIN + 1));
    assert_non_null(strstr(whole, "There are more than these 10000."));
    assert_non_null(strstr(whole, "</body></html>\n"));
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_can_do_no_harm),
        cmocka_unit_test(pieces_make_one_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
