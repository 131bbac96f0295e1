/* The snapshot that workers go by, and how another one takes its place. */
#include <errno.h>
#include <stdlib.h>
#include <urcu-qsbr.h>

#include "gateway_core.h"
#include "io_backend.h"

int gateway_no_memory(struct io_error *error)
{
	snprintf(error->text, sizeof(error->text),
		 "not enough memory; lower limits.sessions or workers");
	return -ENOMEM;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	rib_free(s->rib);
	conf_free(s->conf_owned);
	free(s);
}

struct snapshot *snapshot_make(struct conf *c, uint32_t generation)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->conf = c;
	s->generation = generation;
	s->rib = rib_new();
	if (s->rib && rib_fill(s->rib, c) == 0)
		return s;
	rib_free(s->rib);
	free(s);
	return NULL;
}

/* What the kernel is told by a configuration. */
static int instruct(struct gateway *g, const struct conf *c, struct io_error *error)
{
	int r = g->guard ? guard_update(g->guard, c, error) : 0;

	for (size_t i = 0; !r && i < c->interface_count; i++)
		r = io_follow(g->ios[i], c, i, error);
	return r;
}

/* The least MTU of the links on a side; 0: none is known. */
static uint16_t mtu_of(const struct gateway *g, const struct conf *c, enum nat_side side)
{
	uint32_t least = 0;

	for (size_t i = 0; i < c->interface_count; i++) {
		uint32_t mtu = io_is_absent(g->ios[i]) ? 0 : io_mtu(g->ios[i]);

		if (c->interfaces[i].side == side && mtu && (!least || mtu < least))
			least = mtu;
	}
	return (uint16_t)(least < UINT16_MAX ? least : UINT16_MAX);
}

void gateway_note_mtus(const struct gateway *g, struct conf *c)
{
	for (enum nat_side side = 0; side < SIDE_COUNT; side++)
		c->nat.mtu[side] = mtu_of(g, c, side);
}

static bool needs_mtus(const struct conf *c)
{
	for (size_t i = 0; i < c->nat_count; i++)
		if (c->policies[i].type == NAT_NAT64 || c->policies[i].type == NAT_SIIT)
			return true;
	return false;
}

void gateway_follow_mtus(struct gateway *g)
{
	const struct conf *was = g->snapshot->conf;
	struct io_error error;
	struct conf *now;

	if (!needs_mtus(was) || (mtu_of(g, was, SIDE_INSIDE) == was->nat.mtu[SIDE_INSIDE] &&
				 mtu_of(g, was, SIDE_OUTSIDE) == was->nat.mtu[SIDE_OUTSIDE]))
		return;
	now = conf_clone(was);
	/* Without memory, there will be another time. */
	if (now && gateway_replace(g, now, &error))
		return;
}

int gateway_replace(struct gateway *g, struct conf *c, struct io_error *error)
{
	struct snapshot *was = g->snapshot, *now = snapshot_make(c, was->generation + 1);
	struct log_outlet *outlet = NULL;
	int r;

	if (!now) {
		conf_free(c);
		return gateway_no_memory(error);
	}
	now->conf_owned = c;
	gateway_note_mtus(g, c);
	r = rib_inherit(now->rib, was->rib);
	if (r)
		io_refuse(error, r, "more than %d tables of routes, or no memory for them; import fewer, "
			  "or give routes fewer different from", RIB_TABLES);
	if (!r)
		r = log_outlet_new(&outlet, c, error);
	if (!r) {
		struct io_error lost;

		r = instruct(g, c, error);
		if (r)
			instruct(g, was->conf, &lost);
	}
	if (r) {
		log_outlet_free(outlet);
		snapshot_free(now);
		return r;
	}
	__atomic_store_n(&g->snapshot, now, __ATOMIC_RELEASE);
	/* Every worker looks at the new one before it does anything else. */
	synchronize_rcu();
	gateway_kernel_adopt(g);
	gateway_steer(g, c);
	log_adopt(g->log, outlet);
	snapshot_free(was);
	return 0;
}

int gateway_reload(struct gateway *g, struct conf *conf, struct io_error *error)
{
	int r = gateway_learn(conf, error);

	if (!r)
		r = gateway_same_shape(g->snapshot->conf, conf, error);
	/* Once more: addresses that are in use are preferred. */
	if (!r)
		r = gateway_settle(conf, error);
	if (!r)
		return gateway_replace(g, conf, error);
	conf_free(conf);
	return r;
}
