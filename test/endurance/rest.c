/* What no gauge shows: records of every kind, counted where they are. */
#include "site.h"

#include "helper.h"

/* Names of the pool's own addresses stay. */
static uint32_t names_of_others(const struct nat *n)
{
	uint32_t own = 0;

	for (size_t i = 0; i < n->config.pool_count; i++)
		own += is_name(n->pool.now[i]);
	return slab_used(&n->names.slab) - own;
}

const char *nat_at_rest(const struct nat *n)
{
	const struct { const char *what; uint32_t used; } left[] = {
		{ "sessions", slab_used(&n->session_slab) },
		{ "mappings", slab_used(&n->mapping_slab) },
		{ "peers", slab_used(&n->peer_slab) },
		{ "hosts", slab_used(&n->host_slab) },
		{ "names", names_of_others(n) },
		{ "blocks", slab_used(&n->blocks.slab) },
		{ "helpers", slab_used(&n->helper_slab) },
		{ "expectations", n->expectations + n->helped_outside },
		{ "half-open sessions", n->half_open.count },
		{ "SYNs that are held", n->unsolicited.count },
		{ "ports at rest", n->ports.rests_count },
		{ "events", n->events.count },
	};

	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		if (left[i].used)
			return left[i].what;
	return NULL;
}
