#ifndef CROSSGATE_PROCESS_SLICE_H
#define CROSSGATE_PROCESS_SLICE_H

/* Asks that the calling thread need not wait for the end of others' slices when it wakes, for which its own are the shortest that
 * the kernel knows (Linux 6.12; before, nothing comes of it). Threads it starts do not inherit that. */
void slice_ask_short(void);

#endif
