#include "around.h"

#include "explore.h"
#include "nat/owner.h"
#include "router/pace.h"
#include "router/ring.h"

enum { CAPACITY = 2 };

struct conf *around_conf(void)
{
	struct conf *c = explore_alloc(sizeof(*c));

	c->workers = 2;
	c->interfaces = explore_alloc(sizeof(*c->interfaces)); /* inside: its frames may fill a ring */
	return c;
}

static struct worker *make_worker(struct gateway *g, uint16_t id)
{
	struct worker *w = explore_alloc(sizeof(*w));

	w->setup = (struct worker_setup){
		.id = id, .links = &g->links, .ios = g->ios, .swaps = &g->swaps,
		.snapshot = &g->snapshot,
	};
	w->id = id;
	w->workers = 2;
	w->snapshot = g->snapshot;
	w->generation = g->snapshot->generation;
	w->hands = explore_alloc(2 * sizeof(*w->hands));
	w->returns = explore_alloc(2 * sizeof(*w->returns));
	return w;
}

static void make_links(struct worker_links *l)
{
	static int wakeups[2] = { 0, 1 };

	l->workers = 2;
	l->wakeups = wakeups;
	l->sleeping = explore_alloc(2 * sizeof(*l->sleeping));
	l->rings = explore_alloc(4 * sizeof(struct ring *));
	l->returns = explore_alloc(4 * sizeof(struct ring *));
	for (size_t i = 1; i <= 2; i++) {
		l->rings[i] = ring_new(CAPACITY);
		l->returns[i] = ring_new(CAPACITY);
	}
}

struct gateway *around_make(struct worker *workers[2])
{
	struct gateway *g = explore_alloc(sizeof(*g));
	struct conf *c = around_conf();

	kernel_begin();
	g->snapshot = snapshot_make(c, 1);
	g->snapshot->conf_owned = c;
	g->swaps = 1;
	make_links(&g->links);
	for (uint16_t i = 0; i < 2; i++)
		workers[i] = make_worker(g, i);
	return g;
}

/* Routes: none, but they have a version. */
struct rib *rib_new(void)
{
	struct rib *r = explore_alloc(sizeof(*r));

	r->version = 1;
	return r;
}

int rib_fill(struct rib *r, const struct conf *c)
{
	(void)r, (void)c;
	return 0;
}

int rib_inherit(struct rib *r, const struct rib *was)
{
	(void)r, (void)was;
	return 0;
}

void rib_free(struct rib *r)
{
	explore_free(r);
}

void conf_free(struct conf *c)
{
	explore_free(c);
}

int log_outlet_new(struct log_outlet **out, const struct conf *c, struct io_error *error)
{
	(void)c, (void)error;
	*out = NULL;
	return 0;
}

void log_outlet_free(struct log_outlet *o)
{
	(void)o;
}

void log_adopt(struct log *l, struct log_outlet *o)
{
	(void)l, (void)o;
}

void gateway_kernel_adopt(struct gateway *g)
{
	(void)g;
}

int gateway_steer(const struct gateway *g, const struct conf *c)
{
	(void)g, (void)c;
	return 0;
}

/* The NAT of a worker looks at its configuration in every turn. */
bool nat_has_six(const struct nat_config *c)
{
	return c->policy_count > 1;
}

void nat_configure(struct nat *n, const struct nat_config *c)
{
	(void)n;
	must(c->policy_count == 0, "a configuration is whole");
}

size_t nat_expire(struct nat *n, nat_time now, size_t budget)
{
	(void)n, (void)now, (void)budget;
	return 0;
}

bool nat_event_next(struct nat *n, struct nat_event *out)
{
	(void)n, (void)out;
	return false;
}

struct nat_gauges nat_gauges(const struct nat *n)
{
	(void)n;
	return (struct nat_gauges){ .sessions = AROUND_SESSIONS };
}

void local_reject(struct worker *w)
{
	(void)w;
}

size_t stage_gather(struct worker *w, struct frame **frames, size_t count)
{
	(void)w;
	for (size_t i = 0; i < count; i++)
		around_receive(frames[i]);
	return 0;
}

size_t stage_recall(struct worker *w, struct frame **frames, size_t count)
{
	(void)w, (void)frames;
	return count;
}

size_t stage_steer(struct worker *w, struct frame **frames, size_t count)
{
	(void)w, (void)frames;
	return count;
}

size_t stage_translate(struct worker *w, struct frame **frames, size_t count)
{
	(void)w, (void)frames;
	return count;
}

void stage_forward(struct worker *w, struct frame **frames, size_t count)
{
	(void)w, (void)frames, (void)count;
}

/* A worker that has nothing to do sleeps at once. */
bool pace_keep(struct pace *p, bool worked, uint64_t now_us, uint32_t poll_us)
{
	(void)p, (void)worked, (void)now_us, (void)poll_us;
	return false;
}
