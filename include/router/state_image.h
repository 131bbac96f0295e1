/*
 * What a gateway before this one has left: its sessions and resting ports, as a file says.
 *
 * Shape    The file is a header of one page, the places of each worker, and places for what could not
 *          go on yet. state_image_read() keeps what is in use of them; each worker then looks at all of
 *          it, before the first packet, and once more whenever it works by another configuration, for
 *          what had no place before.
 * Order    Numbers are in the machine's order; a file of another one is foreign.
 * Memory   state_image_new() to state_image_free(), which takes NULL.
 * Promise  A file may hold anything. Nothing goes on twice.
 * Errors   A negative errno with a static text that says why; -ENOMEM, and what read() says, too.
 */
#ifndef ROUTER_STATE_IMAGE_H
#define ROUTER_STATE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "nat/saved.h"

enum { STATE_PAGE = 4096, STATE_KEY = 16, STATE_BOOT = 40, STATE_LINE = 32 };

#define STATE_MAGIC "natstate"

/* Of this version of router: another one's magic, or version, is foreign. */
enum { STATE_VERSION = 1, STATE_ORDER = 0x01020304 };

struct state_header {
	char magic[8];
	uint32_t order, version, record_version, record_size;
	uint32_t workers;
	uint32_t places;  /* of each worker, a multiple of STATE_LINE, so that they are whole pages */
	uint32_t waiting; /* behind them: of sessions that could not go on yet */
	uint32_t unused;
	uint8_t key[STATE_KEY]; /* the first part of the seed */
	char boot[STATE_BOOT];	/* of the kernel under which the clock below runs; "": nobody knows */
	uint64_t sum;		/* of all above */

	/* These change: once a second, and at the end. */
	uint64_t now_ms;  /* the NAT's clock */
	uint64_t real_ms; /* the same moment by the real one */
	uint64_t clean;	  /* nothing has passed since the records were written last */
};

/* What sum is in a header that is whole. */
uint64_t state_sum(const struct state_header *h);

/* A moment, by all clocks. boot: as above. */
struct state_moment {
	nat_time now;
	uint64_t real_ms;
	char boot[STATE_BOOT];
};

/* What became of it. Read by others with relaxed loads. */
struct state_totals {
	uint64_t sessions, ports; /* that go on; ports and blocks that rest */
	uint64_t over;	  /* whose time was over */
	uint64_t damaged;
	uint64_t waiting; /* without a place in the configuration, so far */
	uint64_t refused; /* that have waited in vain */
	uint64_t down_ms; /* since the last sign of life */
	bool known;	  /* there was a file */
	bool clean;	  /* of a gateway that ended in order */
};

struct state_image;

/* Take in all that the file has, by way of an open descriptor. */
int state_image_read(struct state_image **image, int fd, const struct state_moment *now,
		     const char **why);
void state_image_free(struct state_image *image);

/* The header of the file, and what has become of its records so far. */
const struct state_header *state_image_header(const struct state_image *image);
struct state_totals state_image_totals(const struct state_image *image);

/* Let a worker's NAT have what is its own, of at most budget records from *at on, which begins with 0 and
 * goes on. False: that was all. image may be NULL: there is nothing left. */
bool state_image_restore(struct state_image *image, struct nat *n, nat_time now, size_t *at,
			 size_t budget);

/* Keep but what waits, by the clock of now. What became of it later is in its totals. */
void state_image_shrink(struct state_image *image);

/* What is kept, and one of these; NULL: it does not wait any more. */
size_t state_image_count(const struct state_image *image);
const struct nat_saved *state_image_waiting(const struct state_image *image, size_t i);

#endif
