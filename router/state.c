/*
 * The file of this gateway: its lock, its making, its header.
 *
 * What a worker writes goes by its own place in pages that the kernel has, too: they reach the disk when
 * the kernel likes, and need no help to outlive the process. Only what outlives the machine can be torn:
 * records by their sums, numbers of the header by being one word each.
 */
#include "router/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "clock.h"
#include "io_backend.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum { PATIENCE_MS = 600000, PATH_ROOM = CONF_STATE_FILE_MOST + 1, BESIDE_ROOM = PATH_ROOM + 16, MIB = 1 << 20 };

struct state {
	const struct conf *conf; /* until state_keep(), for errors */
	char path[PATH_ROOM], fresh[BESIDE_ROOM];
	int lock, fd;
	struct state_header *header;	 /* the file, in memory, and then */
	struct nat_saved *waiting;	 /* what is still to be resolved, or NULL */
	size_t len, waiting_len;
	struct state_image *image;	 /* NULL: nothing waits; published to workers */
	struct state_totals totals;	 /* of what does not wait */
	struct state_moment opened;
	uint64_t told;			 /* sessions and ports that go on, as it was said last */
	bool kept;
};

static int refuse(const struct state *s, struct io_error *error, int r, const char *what,
		  const char *remedy)
{
	return io_refuse(error, r, "%s:%d: state_file \"%s\": %s; %s", s->conf->file,
			 s->conf->state_line, s->path, what, remedy);
}

/* With what the kernel says. */
static int fail(const struct state *s, struct io_error *error, int r, const char *what,
		const char *remedy)
{
	char both[128];

	snprintf(both, sizeof(both), "%s: %s", what, strerror(-r));
	return refuse(s, error, r, both, remedy);
}

static uint64_t real_ms(void)
{
	uint64_t ms = clock_ms(CLOCK_REALTIME);

	return (int64_t)ms < 0 ? 0 : ms;
}

static struct state_moment moment(nat_time now)
{
	struct state_moment m = { .now = now, .real_ms = real_ms() };
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, m.boot, sizeof(m.boot) - 1) < 0)
		*m.boot = '\0';
	if (fd >= 0)
		close(fd);
	return m;
}

static int lock(struct state *s, struct io_error *error)
{
	char path[BESIDE_ROOM];

	snprintf(path, sizeof(path), "%s.lock", s->path);
	s->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return fail(s, error, -errno, "cannot make its lock",
			    "name a file in a directory where the gateway may make files");
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return refuse(s, error, -errno, "another gateway has it", "each needs a file of its own");
	return 0;
}

/* Not lost, but not in the way. */
static int put_aside(struct state *s, const char *why, struct io_error *error)
{
	char path[BESIDE_ROOM];

	snprintf(path, sizeof(path), "%s.unreadable", s->path);
	if (rename(s->path, path) < 0)
		return fail(s, error, -errno, why, "remove it");
	fprintf(stderr, "router: state_file \"%s\": %s; it is \"%s\" now, and no session goes on\n",
		s->path, why, path);
	return 0;
}

/* What somebody else has written may open doors. */
static bool is_ours(const struct stat *file)
{
	return (file->st_uid == geteuid() || file->st_uid == 0) &&
	       !(file->st_mode & (S_IWGRP | S_IWOTH));
}

static int read_old(struct state *s, int fd, struct io_error *error)
{
	const char *why = "others may have written it";
	struct stat file;
	int r;

	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
		return refuse(s, error, -EINVAL, "it is no file", "name a file, or what is to become one");
	if (!is_ours(&file))
		return put_aside(s, why, error);
	r = state_image_read(&s->image, fd, &s->opened, &why);
	if (r == -ENOMEM)
		return fail(s, error, r, "cannot be read", "lower limits.sessions");
	return r < 0 ? put_aside(s, why, error) : 0;
}

static int take_old(struct state *s, struct io_error *error)
{
	int fd = open(s->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail(s, error, -errno, "cannot be read",
						  "name a file that the gateway may read");
	r = read_old(s, fd, error);
	close(fd);
	return r;
}

/* Room that will not be missing later. */
static int reserve(int fd, size_t from, size_t len)
{
	int r;

	do
		r = posix_fallocate(fd, (off_t)from, (off_t)len);
	while (r == EINTR);
	return -r;
}

static int map(struct state *s, struct io_error *error)
{
	void *at;
	int r = reserve(s->fd, 0, s->len);
	char what[64];

	snprintf(what, sizeof(what), "cannot take %zu MiB for it", s->len / MIB + 1);
	if (r < 0)
		return fail(s, error, r, what, "free some, lower limits.sessions, or name a file "
			    "elsewhere");
	at = mmap(NULL, s->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->fd, 0);
	if (at == MAP_FAILED)
		return fail(s, error, -errno, "cannot be mapped", "name a file elsewhere");
	s->header = at;
	return 0;
}

/* Places of a worker: the same for all, and whole pages. */
static uint32_t places_of(const struct conf *c)
{
	struct nat_config n = c->nat;
	size_t most = 0;

	for (n.worker = 0; n.worker < c->workers; n.worker++) {
		size_t count = nat_saved_count(&n);

		most = count > most ? count : most;
	}
	return (uint32_t)((most + STATE_LINE - 1) / STATE_LINE * STATE_LINE);
}

static void write_header(struct state *s)
{
	*s->header = (struct state_header){
		.magic = STATE_MAGIC,
		.order = STATE_ORDER,
		.version = STATE_VERSION,
		.record_version = NAT_SAVED_VERSION,
		.record_size = sizeof(struct nat_saved),
		.workers = s->conf->workers,
		.places = places_of(s->conf),
		.now_ms = s->opened.now.ms,
		.real_ms = s->opened.real_ms,
	};
	memcpy(s->header->boot, s->opened.boot, sizeof(s->header->boot));
}

static int make_new(struct state *s, struct io_error *error)
{
	const struct conf *c = s->conf;
	size_t places = (size_t)places_of(c) * c->workers;
	int r;

	s->len = STATE_PAGE + places * sizeof(struct nat_saved);
	unlink(s->fresh);
	s->fd = open(s->fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return fail(s, error, -errno, "cannot be made",
			    "name a file in a directory where the gateway may make files");
	r = map(s, error);
	if (!r)
		write_header(s);
	return r;
}

int state_open(struct state **out, const struct conf *c, nat_time now, struct io_error *error)
{
	struct state *s;
	int r;

	*out = NULL;
	if (!c->state_file)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return io_refuse(error, -ENOMEM, "not enough memory");
	s->conf = c;
	s->lock = s->fd = -1;
	snprintf(s->path, sizeof(s->path), "%s", c->state_file);
	snprintf(s->fresh, sizeof(s->fresh), "%s.new", s->path);
	s->opened = moment(now);
	r = lock(s, error);
	if (!r)
		r = take_old(s, error);
	if (!r)
		r = make_new(s, error);
	if (r)
		state_close(s, false);
	else
		*out = s;
	return r;
}

bool state_key(const struct state *s, uint8_t key[static STATE_KEY])
{
	if (!s || !s->image)
		return false;
	memcpy(key, state_image_header(s->image)->key, STATE_KEY);
	return true;
}

void state_set_key(struct state *s, const uint8_t key[static STATE_KEY])
{
	if (s)
		memcpy(s->header->key, key, STATE_KEY);
}

struct nat_saved *state_records(const struct state *s, uint16_t worker)
{
	uint8_t *first = s ? (uint8_t *)s->header + STATE_PAGE : NULL;

	return s ? (struct nat_saved *)(void *)first + (size_t)worker * s->header->places : NULL;
}

struct state_image *const *state_image(const struct state *s)
{
	return s ? &s->image : NULL;
}

/* Behind the places of workers, whole pages: what waits would be lost otherwise if this gateway ended
 * soon. */
static int map_waiting(struct state *s)
{
	size_t count = state_image_count(s->image);
	void *at;
	int r;

	s->waiting_len = count * sizeof(struct nat_saved);
	r = reserve(s->fd, s->len, s->waiting_len);
	if (r < 0)
		return r;
	at = mmap(NULL, s->waiting_len, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, (off_t)s->len);
	if (at == MAP_FAILED)
		return -errno;
	s->waiting = at;
	s->header->waiting = (uint32_t)count;
	for (size_t i = 0; i < count; i++)
		s->waiting[i] = *state_image_waiting(s->image, i);
	return 0;
}

/* All of what was, together with what still waits or waited. */
static struct state_totals totals_of(const struct state *s)
{
	struct state_totals sum = s->totals, late;

	if (!s->image)
		return sum;
	late = state_image_totals(s->image);
	sum.sessions += late.sessions;
	sum.ports += late.ports;
	sum.over += late.over;
	sum.damaged += late.damaged;
	sum.refused += late.refused;
	sum.waiting = late.waiting;
	return sum;
}

static void tell(struct state *s, const struct state_totals *t)
{
	s->told = t->sessions + t->ports;
	fprintf(stderr, "router: state_file \"%s\": %llu sessions go on, %llu ports and blocks rest, "
		"%llu were over, %llu damaged, %llu refused, %llu wait for a place; it was down for "
		"%llu.%03llu s%s\n", s->path, (unsigned long long)t->sessions,
		(unsigned long long)t->ports, (unsigned long long)t->over,
		(unsigned long long)t->damaged, (unsigned long long)t->refused,
		(unsigned long long)t->waiting, (unsigned long long)t->down_ms / 1000,
		(unsigned long long)t->down_ms % 1000, t->clean ? "" : ", after an end out of order");
}

/* After the first time through everything; what waits is counted on its own from now on. */
static void take_stock(struct state *s)
{
	s->totals = state_image_totals(s->image);
	tell(s, &s->totals);
	s->totals.waiting = 0;
}

/* Workers may be reading it. */
static void drop_image(struct state *s)
{
	struct state_image *image = s->image;

	s->totals = totals_of(s);
	s->totals.refused += s->totals.waiting;
	s->totals.waiting = 0;
	__atomic_store_n(&s->image, NULL, __ATOMIC_RELEASE);
	synchronize_rcu();
	state_image_free(image);
	if (s->waiting)
		memset(s->waiting, 0, s->waiting_len);
}

/* What has been restored is not restored again from this file. */
static void forget_resolved(struct state *s)
{
	for (size_t i = 0; s->waiting && i < state_image_count(s->image); i++)
		if (!state_image_waiting(s->image, i) && s->waiting[i].kind != NAT_SAVED_NOTHING)
			s->waiting[i] = (struct nat_saved){ 0 };
}

static void settle_image(struct state *s)
{
	struct state_totals t = totals_of(s);

	if (!s->image)
		return;
	forget_resolved(s);
	if (!t.waiting || s->header->now_ms > s->opened.now.ms + PATIENCE_MS)
		drop_image(s);
	if (!s->image || s->told != t.sessions + t.ports) {
		t = totals_of(s);
		tell(s, &t);
	}
}

/* On their way to the disk, too, so that there is never a file with nothing in it. */
static int replace(struct state *s)
{
	s->header->sum = state_sum(s->header);
	return fsync(s->fd) < 0 || rename(s->fresh, s->path) < 0 ? -errno : 0;
}

int state_keep(struct state *s, struct io_error *error)
{
	int r = 0;

	if (!s)
		return 0;
	if (s->image) {
		take_stock(s);
		state_image_shrink(s->image);
	}
	if (s->image && state_image_count(s->image))
		r = map_waiting(s);
	else if (s->image)
		drop_image(s);
	if (!r)
		r = replace(s);
	if (r < 0)
		return fail(s, error, r, "cannot be replaced", "free some of its disk, or name a file "
			    "elsewhere");
	close(s->fd);
	s->fd = -1;
	s->conf = NULL;
	s->kept = true;
	return 0;
}

static void store(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

void state_tick(struct state *s, nat_time now)
{
	if (!s)
		return;
	store(&s->header->now_ms, now.ms);
	store(&s->header->real_ms, real_ms());
	settle_image(s);
}

bool state_totals(const struct state *s, struct state_totals *totals)
{
	if (s)
		*totals = totals_of(s);
	return s;
}

/* Where it was unclear how those that wait ended, it still is. */
static void end(struct state *s, bool clean)
{
	bool doubt;

	if (s->kept)
		settle_image(s);
	doubt = s->image && !s->totals.clean;
	store(&s->header->clean, clean && s->kept && !doubt);
}

void state_close(struct state *s, bool clean)
{
	if (!s)
		return;
	if (s->header)
		end(s, clean);
	if (s->fd >= 0) {
		unlink(s->fresh);
		close(s->fd);
	}
	if (s->header)
		munmap(s->header, s->len);
	if (s->waiting)
		munmap(s->waiting, s->waiting_len);
	if (s->lock >= 0)
		close(s->lock);
	state_image_free(s->image);
	free(s);
}
