/* Static forwards: a range is one row, and an endpoint in it is shifted by its offset. */
#include "core.h"
#include "transport.h"

static uint16_t last_internal(const struct nat_forward *f)
{
	return (uint16_t)(f->internal_first + (f->last - f->first));
}

static bool is_at(be32 v4, const struct ip6 *v6, const struct place *at)
{
	return at->v6 ? nat_is_v6_beside(v4) && ip6_equal(v6, at->v6) : be32_equal(v4, at->v4);
}

const struct nat_forward *forward_at_external(const struct nat_config *c, uint8_t protocol,
					      const struct place *at)
{
	uint16_t port = be16_host(at->port);

	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];

		if (f->protocol == protocol && is_at(f->external, &f->external6, at) &&
		    port >= f->first && port <= f->last)
			return f;
	}
	return NULL;
}

static bool fits_family(const struct nat_forward *f, const struct place *inside)
{
	return !inside->v6 || nat_is_v6_beside(f->external) != inside->to_v4;
}

const struct nat_forward *forward_at_internal(const struct nat_config *c, uint8_t protocol,
					      const struct place *at, be16 *external)
{
	uint16_t port = be16_host(at->port);
	const struct nat_forward *best = NULL;

	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];
		uint16_t outside = (uint16_t)(f->first + (port - f->internal_first));

		if (f->protocol != protocol || !f->external.raw || !fits_family(f, at) ||
		    !is_at(f->internal, &f->internal6, at) || port < f->internal_first ||
		    port > last_internal(f))
			continue;
		if (!best || outside < be16_host(*external)) {
			best = f;
			*external = be16_from(outside);
		}
	}
	return best;
}

be16 forward_internal_port(const struct nat_forward *f, be16 external_port)
{
	return be16_from((uint16_t)(f->internal_first + (be16_host(external_port) - f->first)));
}

static struct place place_of(const struct nat *n, struct endpoint e)
{
	return (struct place){ .v4 = e.address,
			       .v6 = is_name(e.address) ? name_address(n, e.address) : NULL,
			       .port = e.port };
}

static be32 address_of(const struct nat *n, be32 v4, const struct ip6 *v6)
{
	return nat_is_v6_beside(v4) ? name_find(n, v6) : v4;
}

const struct nat_forward *forward_by_external(const struct nat *n, uint8_t protocol,
					      struct endpoint e)
{
	struct place at = place_of(n, e);

	return forward_at_external(&n->config, protocol, &at);
}

const struct nat_forward *forward_by_internal(const struct nat *n, uint8_t protocol,
					      struct endpoint e, be32 far,
					      struct endpoint *external)
{
	struct place at = place_of(n, e);
	const struct nat_forward *f;

	at.to_v4 = !is_name(far);
	f = forward_at_internal(&n->config, protocol, &at, &external->port);
	if (f)
		external->address = address_of(n, f->external, &f->external6);
	return f;
}

struct endpoint forward_internal(const struct nat *n, const struct nat_forward *f,
				 be16 external_port)
{
	return (struct endpoint){ address_of(n, f->internal, &f->internal6),
				  forward_internal_port(f, external_port) };
}

bool forward_take_names(struct nat *n, const struct nat_forward *f)
{
	return (!nat_is_v6_beside(f->external) || name_take(n, &f->external6).raw) &&
	       (!nat_is_v6_beside(f->internal) || name_take(n, &f->internal6).raw);
}

static bool leads_to(const struct nat *n, const struct nat_forward *f, const struct tuple *key)
{
	const struct tuple *outside = &key[SIDE_OUTSIDE], *inside = &key[SIDE_INSIDE];
	struct endpoint e = forward_internal(n, f, outside->local_port);

	return be32_equal(e.address, inside->local) &&
	       (be16_equal(e.port, inside->local_port) || transport_is_paired(inside->protocol));
}

bool forward_has_target(const struct nat *n, const struct nat_forward *f, const struct tuple *key)
{
	uint16_t targets = f->grouped ? f->targets : 1;

	for (uint16_t i = 0; i < targets; i++)
		if (leads_to(n, &f[i], key))
			return true;
	return false;
}

const struct nat_forward *forward_target(const struct nat *n, const struct nat_forward *f,
					 const struct tuple *t)
{
	uint64_t h = hash_words(&n->hash, name_word(n, t->remote), f->sticky ? 0 : t->remote_port.raw);
	uint32_t all = 0, at;

	if (!f->grouped)
		return f;
	for (uint16_t i = 0; i < f->targets; i++)
		all += f[i].weight;
	at = (uint32_t)(((h >> 32) * all) >> 32);
	while (at >= f->weight)
		at -= f++->weight;
	return f;
}

/* Whether the forwarded port is one of ours to take: of a pool, not shared by several targets, and not
 * resting. */
static bool may_take(const struct nat *n, struct mapping *m)
{
	const struct tuple *outside = &m->key[SIDE_OUTSIDE];

	return !outside->remote.raw && pool_has(n, outside->local, &m->address) &&
	       ports_is_free(&n->ports, m->address, ports_protocol(outside->protocol),
			     be16_host(outside->local_port));
}

void forward_plan(const struct nat *n, struct mapping *m)
{
	if (!may_take(n, m))
		m->address = NO_ADDRESS;
	m->forward = true;
	m->filtering = NAT_ENDPOINT_INDEPENDENT;
}
