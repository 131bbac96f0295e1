/*
 * A port in a range.
 *
 * A planned policy needs no bits: which ports of its addresses are taken is what the mappings say,
 * so that a range can be anywhere, and any worker's. A new block is chosen in a map of the blocks of
 * its address, in which whatever lies there is marked: blocks of another size too, from before a
 * reload.
 */
#include "core.h"

enum { BLOCKS_MOST = 65536 / NAT_BLOCK_LEAST, WORD_BITS = 64, TRIES = 64 };

/* Only blocks that the policy of today would make give ports. */
static bool is_block(const struct nat_policy *p, const struct block *b)
{
	struct port_range all = nat_block_ports(p);

	return b->address >= p->pool_first && b->address - p->pool_first < p->pool_count &&
	       b->ports.first >= all.first && b->ports.last <= all.last &&
	       b->ports.first % p->block_size == 0 &&
	       b->ports.last - b->ports.first + 1 == p->block_size;
}

/* What a port is wanted for. */
struct wish {
	const struct tuple *t;
	uint16_t address;
	int parity; /* -1: either */
};

/* Ports may be in use from before the policy was what it is. */
static bool is_free(const struct nat *n, const struct wish *w, uint16_t port)
{
	struct tuple key = {
		.local = n->pool.now[w->address],
		.local_port = be16_from(port),
		.protocol = w->t->protocol,
		.side = SIDE_OUTSIDE,
	};

	if ((w->parity >= 0 && (port & 1) != w->parity) || mapping_find(n, &key) != SLAB_NONE)
		return false;
	if (ports_is_own(&n->ports, port) &&
	    ports_is_taken(&n->ports, w->address, ports_protocol(w->t->protocol), port))
		return false;
	return !forward_by_external(n, w->t->protocol,
				    (struct endpoint){ key.local, key.local_port });
}

/* RFC 6888 REQ-15: at random as long as that finds one soon. */
static int find_in(struct nat *n, const struct wish *w, struct port_range r)
{
	uint32_t width = r.last - r.first + 1u;
	uint32_t start = 0;

	for (int i = 0; i < TRIES; i++) {
		start = nat_draw(n, width);
		if (is_free(n, w, (uint16_t)(r.first + start)))
			return (int)(r.first + start);
	}
	for (uint32_t i = 1; i < width; i++) {
		uint16_t port = (uint16_t)(r.first + (start + i) % width);

		if (is_free(n, w, port))
			return port;
	}
	return PORT_NONE;
}

static bool is_full(const struct block *b, uint8_t protocol)
{
	return b->used[ports_protocol(protocol)] > (uint32_t)(b->ports.last - b->ports.first);
}

static int find_in_share(struct nat *n, const struct nat_policy *p, const struct wish *w)
{
	struct port_range share;
	uint16_t address;
	uint32_t number;

	if (!nat_policy_share_of(p, w->t->local, &address, &share) || address != w->address)
		return PORT_NONE;
	number = block_with(n, w->t->local, address, share);
	if (number != BLOCK_NONE && is_full(block_at(n, number), w->t->protocol))
		return PORT_NONE;
	return find_in(n, w, share);
}

/* In the blocks that the host has; *blocks: how many these are, on all addresses. */
static int find_in_blocks(struct nat *n, const struct nat_policy *p, const struct wish *w,
			  uint32_t *blocks)
{
	int port = PORT_NONE;

	*blocks = 0;
	for (uint32_t i = block_first(n, w->t->local); i != BLOCK_NONE; i = block_at(n, i)->next) {
		const struct block *b = block_at(n, i);

		if (b->by_plan || !is_block(p, b))
			continue;
		++*blocks;
		if (port == PORT_NONE && b->address == w->address && !is_full(b, w->t->protocol))
			port = find_in(n, w, b->ports);
	}
	return port;
}

static void mark(uint64_t *busy, uint16_t size, uint16_t first, uint16_t last)
{
	for (uint32_t i = first / size; i <= last / size; i++)
		busy[i / WORD_BITS] |= 1ull << i % WORD_BITS;
}

static void mark_all(const struct nat *n, const struct nat_policy *p, uint16_t address,
		     uint64_t *busy)
{
	const struct nat_config *c = &n->config;

	for (uint32_t i = n->blocks.at[address]; i != BLOCK_NONE; i = block_at(n, i)->right)
		mark(busy, p->block_size, block_at(n, i)->ports.first, block_at(n, i)->ports.last);
	for (size_t i = 0; i < c->forward_count; i++)
		if (be32_equal(c->forwards[i].external, c->pool[address]))
			mark(busy, p->block_size, c->forwards[i].first, c->forwards[i].last);
}

/* In a new block: one of this worker's that nobody has, wherever the search begins. */
static int find_in_new(struct nat *n, const struct nat_policy *p, const struct wish *w)
{
	struct port_range all = nat_block_ports(p);
	uint64_t busy[BLOCKS_MOST / WORD_BITS] = { 0 };
	uint32_t first, count, start;

	if (!all.last)
		return PORT_NONE;
	mark_all(n, p, w->address, busy);
	first = all.first / p->block_size;
	count = all.last / p->block_size - first + 1;
	start = nat_draw(n, count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t block = first + (start + i) % count;
		uint16_t begins = (uint16_t)(block * p->block_size);
		struct port_range r = { begins, (uint16_t)(begins + p->block_size - 1) };
		int port;

		if (block % n->config.workers != n->config.worker ||
		    busy[block / WORD_BITS] >> block % WORD_BITS & 1)
			continue;
		port = find_in(n, w, r);
		if (port != PORT_NONE)
			return port;
	}
	return PORT_NONE;
}

int block_find_port(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		    uint16_t address)
{
	bool kept = p->parity && t->protocol == PROTO_UDP;
	struct wish w = { t, address, kept ? be16_host(t->local_port) & 1 : -1 };
	int port = find_in_share(n, p, &w);
	uint32_t blocks;

	if (port == PORT_NONE)
		port = find_in_blocks(n, p, &w, &blocks);
	if (port == PORT_NONE && blocks < p->blocks_per_host)
		port = find_in_new(n, p, &w);
	return port;
}
