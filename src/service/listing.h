/* The page that lists a directory, made piece by piece, so that its size never is a size in memory. Pure. */
#ifndef CROSSGATE_SERVICE_LISTING_H
#define CROSSGATE_SERVICE_LISTING_H

#include "crossgate/file.h"

enum listing_part { LISTING_TOP, LISTING_ENTRIES, LISTING_BOTTOM, LISTING_DONE };

/* Begins as {.listing, .path, .has_parent}. */
struct listing_page {
    const struct file_listing *listing;
    struct span path; /* of the directory, decoded, for the heading */
    bool has_parent;  /* there is a link upwards */
    enum listing_part part;
    size_t next; /* the entry that is printed next */
};

/* At least this much room makes a piece. */
enum { LISTING_PIECE_MIN = 8192 };

/* The next piece of the page; empty when it is complete. `to` has LISTING_PIECE_MIN bytes or more. Left out is what cannot
 * be asked for: names with a leading dot, and those with control characters. */
struct span listing_print(struct listing_page *page, char *to, size_t room);

#endif
