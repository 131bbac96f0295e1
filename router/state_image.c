/* The file of a gateway that was before: reading it, and going on with what is in it. */
#include "router/state_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mix.h"
#include "nat/config.h"

enum { AT_ONCE = 512, PLACES_MOST = 1 << 30 };

/* Beyond this no clock has been; sums of such numbers are numbers. */
static const uint64_t ms_most = UINT64_C(1) << 52;

/* What has become of a record: ENDED is a session that was over and whose port has not been thought of. */
enum fate { WAITS, GOES_ON, RESTS, ENDED, OVER, DAMAGED, REFUSED, FATES };

struct state_image {
	struct state_header header;
	uint64_t down_ms;
	struct nat_outage outage;
	size_t count, room;
	struct nat_saved *records;
	uint8_t *fates; /* of enum fate; atomic: each is its owner's to write */
};

_Static_assert(sizeof(struct state_header) <= STATE_PAGE, "a header is a page");
_Static_assert(STATE_LINE * sizeof(struct nat_saved) == STATE_PAGE, "places are whole pages");

uint64_t state_sum(const struct state_header *h)
{
	return fnv1a(FNV1A_BEGIN, h, offsetof(struct state_header, sum));
}

static uint64_t length_of(const struct state_header *h)
{
	uint64_t places = (uint64_t)h->workers * h->places + h->waiting;

	return STATE_PAGE + places * sizeof(struct nat_saved);
}

/* NULL, or what is wrong with a header, in order: what comes first explains the rest. */
static const char *fault_of(const struct state_header *h, uint64_t length)
{
	if (memcmp(h->magic, STATE_MAGIC, sizeof(h->magic)) != 0)
		return "it is no state file";
	if (h->order != STATE_ORDER)
		return "it comes from a machine with another order of octets";
	if (h->version != STATE_VERSION || h->record_version != NAT_SAVED_VERSION ||
	    h->record_size != sizeof(struct nat_saved))
		return "it comes from another version of router";
	if (h->sum != state_sum(h))
		return "its header is damaged";
	if (h->workers < 1 || h->workers > NAT_WORKERS_MOST || h->places > PLACES_MOST ||
	    h->places % STATE_LINE || h->waiting > PLACES_MOST || h->now_ms > ms_most ||
	    h->real_ms > ms_most)
		return "its header is impossible";
	return length == length_of(h) ? NULL : "it is shorter or longer than its header says";
}

static bool is_same_clock(const struct state_header *h, const struct state_moment *now)
{
	return *h->boot && strncmp(h->boot, now->boot, sizeof(h->boot)) == 0 &&
	       now->now.ms >= h->now_ms;
}

/* A real clock that was put back tells nothing: then no time has gone by. */
static uint64_t down_ms(const struct state_header *h, const struct state_moment *now)
{
	if (is_same_clock(h, now))
		return now->now.ms - h->now_ms;
	return now->real_ms > h->real_ms ? now->real_ms - h->real_ms : 0;
}

static void measure(struct state_image *image, const struct state_moment *now)
{
	const struct state_header *h = &image->header;

	image->down_ms = down_ms(h, now);
	/* After a power failure a page may be older than another. */
	image->outage.clean = h->clean == 1 && is_same_clock(h, now);
	if (!is_same_clock(h, now))
		image->outage.later_ms = (int64_t)now->now.ms - (int64_t)(h->now_ms + image->down_ms);
}

static bool make_room(struct state_image *image, size_t more)
{
	size_t room = image->room ? image->room : AT_ONCE;
	void *records;

	while (room < image->count + more)
		room *= 2;
	if (room == image->room)
		return true;
	records = realloc(image->records, room * sizeof(*image->records));
	if (!records)
		return false;
	image->records = records;
	image->room = room;
	return true;
}

/* All of it, or what there is up to the end of the file. */
static ssize_t read_at(int fd, void *to, size_t len, off_t at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (uint8_t *)to + got, len - got, at + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Those of the next places that hold something. Returns how many octets there were. */
static ssize_t read_places(struct state_image *image, int fd, off_t at)
{
	struct nat_saved *records;
	ssize_t len;

	if (!make_room(image, AT_ONCE))
		return -ENOMEM;
	records = image->records + image->count;
	len = read_at(fd, records, AT_ONCE * sizeof(*records), at);
	for (ssize_t i = 0; i < len / (ssize_t)sizeof(*records); i++)
		if (records[i].kind != NAT_SAVED_NOTHING)
			image->records[image->count++] = records[i];
	return len;
}

static int read_all(struct state_image *image, int fd)
{
	off_t at = STATE_PAGE;
	ssize_t len = 1;

	while (len > 0) {
		len = read_places(image, fd, at);
		at += len;
	}
	if (len < 0)
		return (int)len;
	image->fates = calloc(image->count + 1, sizeof(*image->fates));
	if (!image->fates)
		return -ENOMEM;
	for (size_t i = 0; i < image->count; i++)
		if (image->records[i].sum != nat_saved_sum(&image->records[i]))
			image->fates[i] = DAMAGED;
	return 0;
}

static int read_header(struct state_image *image, int fd, const char **why)
{
	ssize_t len = read_at(fd, &image->header, sizeof(image->header), 0);
	struct stat file;

	if (len < 0 || fstat(fd, &file) < 0)
		return len < 0 ? (int)len : -errno;
	*why = (size_t)len < sizeof(image->header) ? "it is too short"
						   : fault_of(&image->header, (uint64_t)file.st_size);
	return *why ? -EINVAL : 0;
}

int state_image_read(struct state_image **out, int fd, const struct state_moment *now,
		     const char **why)
{
	struct state_image *image = calloc(1, sizeof(*image));
	int r = image ? 0 : -ENOMEM;

	*why = NULL;
	if (!r)
		r = read_header(image, fd, why);
	if (!r)
		r = read_all(image, fd);
	if (r < 0) {
		if (!*why)
			*why = strerror(-r);
		state_image_free(image);
		return r;
	}
	measure(image, now);
	*out = image;
	return 0;
}

void state_image_free(struct state_image *image)
{
	if (!image)
		return;
	free(image->records);
	free(image->fates);
	free(image);
}

const struct state_header *state_image_header(const struct state_image *image)
{
	return &image->header;
}

static enum fate fate_of(const struct state_image *image, size_t i)
{
	return __atomic_load_n(&image->fates[i], __ATOMIC_RELAXED);
}

static void set_fate(struct state_image *image, size_t i, enum fate fate)
{
	__atomic_store_n(&image->fates[i], (uint8_t)fate, __ATOMIC_RELAXED);
}

/* A session itself; what another worker owns, and what has no place, waits. */
static void restore_session(struct state_image *image, size_t i, struct nat *n, nat_time now)
{
	enum nat_restored r = nat_restore(n, now, &image->records[i], &image->outage);

	if (r == NAT_RESTORED)
		set_fate(image, i, GOES_ON);
	else if (r == NAT_RESTORED_OVER)
		set_fate(image, i, ENDED);
}

/* What rests: a port, a block, or the port of a session that does not go on. A port that somebody has
 * again need not. */
static void restore_rest(struct state_image *image, size_t i, struct nat *n, nat_time now)
{
	bool session = image->records[i].kind == NAT_SAVED_SESSION;
	enum nat_restored r = nat_restore_rest(n, now, &image->records[i], &image->outage);

	if (r == NAT_RESTORED_ANOTHER)
		return;
	if (fate_of(image, i) == ENDED)
		set_fate(image, i, OVER);
	else if (r != NAT_RESTORED_NOT)
		set_fate(image, i, session ? REFUSED : r == NAT_RESTORED ? RESTS : OVER);
}

static void restore_one(struct state_image *image, size_t i, bool rests, struct nat *n, nat_time now)
{
	enum fate fate = fate_of(image, i);

	if (rests && (fate == WAITS || fate == ENDED))
		restore_rest(image, i, n, now);
	else if (!rests && fate == WAITS && image->records[i].kind == NAT_SAVED_SESSION)
		restore_session(image, i, n, now);
}

bool state_image_restore(struct state_image *image, struct nat *n, nat_time now, size_t *at,
			 size_t budget)
{
	size_t all = image ? 2 * image->count : 0;

	for (; *at < all && budget; ++*at, budget--)
		restore_one(image, *at % image->count, *at >= image->count, n, now);
	return *at < all;
}

struct state_totals state_image_totals(const struct state_image *image)
{
	uint64_t sums[FATES] = { 0 };

	for (size_t i = 0; i < image->count; i++)
		sums[fate_of(image, i)]++;
	return (struct state_totals){
		.sessions = sums[GOES_ON],
		.ports = sums[RESTS],
		.over = sums[OVER] + sums[ENDED],
		.damaged = sums[DAMAGED],
		.waiting = sums[WAITS],
		.refused = sums[REFUSED],
		.down_ms = image->down_ms,
		.known = true,
		.clean = image->outage.clean,
	};
}

void state_image_shrink(struct state_image *image)
{
	size_t kept = 0;

	for (size_t i = 0; i < image->count; i++) {
		struct nat_saved record = image->records[i];

		if (fate_of(image, i) != WAITS)
			continue;
		/* It may be anything; nat_restore() judges it. */
		record.at_ms = (int64_t)((uint64_t)record.at_ms + (uint64_t)image->outage.later_ms);
		record.sum = nat_saved_sum(&record);
		image->records[kept++] = record;
	}
	for (size_t i = 0; i < kept; i++)
		set_fate(image, i, WAITS);
	image->count = kept;
	image->outage.later_ms = 0;
}

size_t state_image_count(const struct state_image *image)
{
	return image->count;
}

const struct nat_saved *state_image_waiting(const struct state_image *image, size_t i)
{
	return fate_of(image, i) == WAITS ? &image->records[i] : NULL;
}
