/* Static forwards: a range is one row, and an endpoint in it is shifted by its offset. */
#include "core.h"

static uint16_t last_internal(const struct nat_forward *f)
{
	return (uint16_t)(f->internal_first + (f->last - f->first));
}

const struct nat_forward *forward_by_external(const struct nat_config *c, uint8_t protocol,
					      struct endpoint e)
{
	uint16_t port = be16_host(e.port);

	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];

		if (f->protocol == protocol && be32_equal(f->external, e.address) &&
		    port >= f->first && port <= f->last)
			return f;
	}
	return NULL;
}

const struct nat_forward *forward_by_internal(const struct nat_config *c, uint8_t protocol,
					      struct endpoint e, struct endpoint *external)
{
	uint16_t port = be16_host(e.port);
	const struct nat_forward *best = NULL;

	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];
		uint16_t outside = (uint16_t)(f->first + (port - f->internal_first));

		if (f->protocol != protocol || !f->external.raw || !be32_equal(f->internal, e.address) ||
		    port < f->internal_first || port > last_internal(f))
			continue;
		if (!best || outside < be16_host(external->port)) {
			best = f;
			*external = (struct endpoint){ f->external, be16_from(outside) };
		}
	}
	return best;
}

struct endpoint forward_internal(const struct nat_forward *f, be16 external_port)
{
	uint16_t offset = (uint16_t)(be16_host(external_port) - f->first);

	return (struct endpoint){ f->internal,
				  be16_from((uint16_t)(f->internal_first + offset)) };
}

const struct nat_forward *forward_target(const struct nat *n, const struct nat_forward *f,
					 const struct tuple *t)
{
	uint64_t h = hash_words(&n->hash, t->remote.raw, f->sticky ? 0 : t->remote_port.raw);
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
