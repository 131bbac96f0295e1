/* Ranges of ports: how they begin and end. */
#include "core.h"

#include <assert.h>

static struct tuple key_of(be32 inside)
{
	return (struct tuple){ .local = inside };
}

uint32_t block_first(const struct nat *n, be32 inside)
{
	struct tuple key = key_of(inside);

	return table_find(&n->blocks.by, hash_tuple(&n->hash, &key), &key);
}

void blocks_init(struct nat *n, uint32_t *at)
{
	n->blocks.at = at;
	n->blocks.oldest = n->blocks.newest = BLOCK_NONE;
	for (size_t i = 0; i < n->config.pool_count; i++)
		at[i] = BLOCK_NONE;
}

static bool has_port(const struct block *b, uint16_t address, uint16_t port)
{
	return b->address == address && port >= b->ports.first && port <= b->ports.last;
}

static bool same_range(struct port_range a, struct port_range b)
{
	return a.first == b.first && a.last == b.last;
}

uint32_t block_with(const struct nat *n, be32 inside, uint16_t address, struct port_range ports)
{
	uint32_t number = block_first(n, inside);

	while (number != BLOCK_NONE && (block_at(n, number)->address != address ||
					!same_range(block_at(n, number)->ports, ports)))
		number = block_at(n, number)->next;
	return number;
}

bool block_covers(const struct nat *n, uint16_t address, uint16_t port, uint16_t *beyond)
{
	uint32_t number = n->blocks.at[address];

	while (number != BLOCK_NONE && !has_port(block_at(n, number), address, port))
		number = block_at(n, number)->right;
	if (number != BLOCK_NONE)
		*beyond = block_at(n, number)->ports.last;
	return number != BLOCK_NONE;
}

/* By the plan of today. */
static bool is_share(const struct nat_policy *p, const struct block *b)
{
	struct port_range share;
	uint16_t address;

	return nat_policy_share_of(p, b->key.local, &address, &share) && address == b->address &&
	       same_range(share, b->ports);
}

static void note(struct nat *n, const struct block *b, enum nat_event_kind kind)
{
	if (!b->logged)
		return;
	event_note(n, (struct nat_event){
		.kind = (uint8_t)kind,
		.inside = name_endpoint(n, (struct endpoint){ .address = b->key.local }),
		.outside = { .address = b->outside },
		.block = b->ports,
	});
}

/* The list of those that rest is in order of time. */
static void rest(struct nat *n, uint32_t number, uint64_t until_ms)
{
	struct block *b = block_at(n, number);

	b->rests = true;
	b->until_ms = until_ms;
	b->older = n->blocks.newest;
	b->newer = BLOCK_NONE;
	if (b->older != BLOCK_NONE)
		block_at(n, b->older)->newer = number;
	else
		n->blocks.oldest = number;
	n->blocks.newest = number;
	save_block(n, number);
}

static void stir(struct nat *n, uint32_t number)
{
	struct block *b = block_at(n, number);

	b->rests = false;
	if (b->older != BLOCK_NONE)
		block_at(n, b->older)->newer = b->newer;
	else
		n->blocks.oldest = b->newer;
	if (b->newer != BLOCK_NONE)
		block_at(n, b->newer)->older = b->older;
	else
		n->blocks.newest = b->older;
	save_block(n, number);
}

/* In the index there is always the first of a host's ranges: the place it leaves is the next one's. */
static void leave_host(struct nat *n, uint32_t number)
{
	struct block *b = block_at(n, number);
	uint64_t hash = hash_tuple(&n->hash, &b->key);
	uint32_t before = block_first(n, b->key.local);
	bool found;

	if (before == number) {
		table_remove(&n->blocks.by, hash, number);
		found = b->next == BLOCK_NONE || table_insert(&n->blocks.by, hash, b->next);
		assert(found);
		return;
	}
	while (block_at(n, before)->next != number)
		before = block_at(n, before)->next;
	block_at(n, before)->next = b->next;
}

static bool join_host(struct nat *n, uint32_t number)
{
	struct block *b = block_at(n, number);
	uint32_t first = block_first(n, b->key.local);

	b->next = BLOCK_NONE;
	if (first == BLOCK_NONE)
		return table_insert(&n->blocks.by, hash_tuple(&n->hash, &b->key), number);
	b->next = block_at(n, first)->next;
	block_at(n, first)->next = number;
	return true;
}

static void leave_address(struct nat *n, uint32_t number)
{
	const struct block *b = block_at(n, number);

	if (b->left != BLOCK_NONE)
		block_at(n, b->left)->right = b->right;
	else
		n->blocks.at[b->address] = b->right;
	if (b->right != BLOCK_NONE)
		block_at(n, b->right)->left = b->left;
}

static void join_address(struct nat *n, uint32_t number)
{
	struct block *b = block_at(n, number);

	b->left = BLOCK_NONE;
	b->right = n->blocks.at[b->address];
	if (b->right != BLOCK_NONE)
		block_at(n, b->right)->left = number;
	n->blocks.at[b->address] = number;
}

static void end(struct nat *n, uint32_t number)
{
	struct block *b = block_at(n, number);

	note(n, b, EVENT_BLOCK_RELEASED);
	if (b->rests)
		stir(n, number);
	leave_host(n, number);
	leave_address(n, number);
	name_release(n, b->key.local);
	b->live = false;
	slab_give(&n->blocks.slab, number);
}

void blocks_wake(struct nat *n, uint64_t now_ms)
{
	while (n->blocks.oldest != BLOCK_NONE &&
	       block_at(n, n->blocks.oldest)->until_ms <= now_ms)
		end(n, n->blocks.oldest);
}

/* Ports stay their host's when another address takes the place; in the log they are others. */
static void readdress(struct nat *n, struct block *b)
{
	be32 now = n->pool.now[b->address];

	if (!now.raw || be32_equal(now, b->outside))
		return;
	note(n, b, EVENT_BLOCK_RELEASED);
	b->outside = now;
	note(n, b, EVENT_BLOCK_ASSIGNED);
}

/* A share that the plan of today does not give is not found by the plan: the log must tell. */
void blocks_reconsider(struct nat *n)
{
	for (uint32_t i = 0; i < n->blocks.slab.high; i++) {
		struct block *b = block_at(n, i);
		const struct nat_policy *p;

		if (b->live)
			readdress(n, b);
		if (!b->live || b->logged)
			continue;
		p = policy_of(n, b->key.local, n->pool.now[b->address]);
		b->logged = !p || !nat_policy_is_planned(p) || !is_share(p, b);
		note(n, b, EVENT_BLOCK_ASSIGNED);
	}
}

/* The range of a planned policy that a port lies in. */
static struct block range_of(const struct nat_policy *p, be32 inside, uint16_t at, uint16_t port)
{
	struct block b = { .key = key_of(inside), .address = at, .live = true, .by_plan = true };
	uint16_t address, size;

	if (nat_policy_share_of(p, inside, &address, &b.ports) && address == at &&
	    has_port(&b, at, port))
		return b;
	size = p->block_size ? p->block_size : 1;
	b.by_plan = false;
	b.logged = true;
	b.ports.first = (uint16_t)(port - port % size);
	b.ports.last = (uint16_t)(b.ports.first + size - 1);
	return b;
}

static uint32_t begin(struct nat *n, const struct block *b)
{
	uint32_t number = slab_take(&n->blocks.slab);

	if (number == SLAB_NONE && n->blocks.oldest != BLOCK_NONE) {
		end(n, n->blocks.oldest);
		number = slab_take(&n->blocks.slab);
	}
	if (number == SLAB_NONE)
		return BLOCK_NONE;
	*block_at(n, number) = *b;
	if (!join_host(n, number)) {
		block_at(n, number)->live = false;
		slab_give(&n->blocks.slab, number);
		return BLOCK_NONE;
	}
	join_address(n, number);
	name_hold(n, b->key.local);
	note(n, b, EVENT_BLOCK_ASSIGNED);
	return number;
}

bool block_take(struct nat *n, struct mapping *m)
{
	const struct tuple *inside = &m->key[SIDE_INSIDE], *outside = &m->key[SIDE_OUTSIDE];
	struct block b = range_of(policy_of(n, inside->local, m->key[SIDE_OUTSIDE].local), inside->local, m->address,
				  be16_host(outside->local_port));
	enum ports_protocol o = ports_protocol(outside->protocol);

	b.outside = outside->local;
	m->block = block_with(n, inside->local, m->address, b.ports);
	if (m->block == BLOCK_NONE)
		m->block = begin(n, &b);
	if (m->block == BLOCK_NONE)
		return false;
	if (block_at(n, m->block)->rests)
		stir(n, m->block);
	block_at(n, m->block)->used[o]++;
	n->blocks.used[o]++;
	return true;
}

static bool overlaps(const struct nat *n, const struct block *b)
{
	for (uint32_t i = n->blocks.at[b->address]; i != BLOCK_NONE; i = block_at(n, i)->right)
		if (b->ports.first <= block_at(n, i)->ports.last &&
		    block_at(n, i)->ports.first <= b->ports.last)
			return true;
	return false;
}

void block_tell(struct nat *n, uint32_t block)
{
	note(n, block_at(n, block), EVENT_BLOCK_ASSIGNED);
}

bool block_admits(const struct nat *n, const struct nat_policy *p, const struct block_claim *c)
{
	struct port_range all = nat_block_ports(p);
	struct block b = range_of(p, c->inside, c->address, c->port);

	if (!b.by_plan && (!all.last || c->port < all.first || c->port > all.last))
		return false;
	return block_with(n, c->inside, c->address, b.ports) != BLOCK_NONE || !overlaps(n, &b);
}

bool block_rest(struct nat *n, const struct nat_policy *p, const struct block_claim *c,
		uint64_t until_ms)
{
	struct block b = range_of(p, c->inside, c->address, c->port);
	uint32_t number;

	if (!block_admits(n, p, c) || (c->last && !same_range(b.ports, (struct port_range){ c->port, c->last })))
		return false;
	/* What is in use rests later, and what is assigned for good need not. */
	if (b.by_plan || block_with(n, c->inside, c->address, b.ports) != BLOCK_NONE)
		return true;
	b.outside = n->pool.now[c->address];
	number = begin(n, &b);
	if (number != BLOCK_NONE)
		rest(n, number, until_ms);
	return number != BLOCK_NONE;
}

static bool is_unused(const struct block *b)
{
	for (int o = 0; o < PORTS_PROTOCOLS; o++)
		if (b->used[o])
			return false;
	return true;
}

/* RFC 6888 REQ-8: what is assigned for good needs no rest. */
void block_give(struct nat *n, const struct mapping *m)
{
	enum ports_protocol o = ports_protocol(m->key[SIDE_OUTSIDE].protocol);
	struct block *b = block_at(n, m->block);

	b->used[o]--;
	n->blocks.used[o]--;
	if (!is_unused(b))
		return;
	if (b->logged)
		rest(n, m->block, hold_until(n));
	else
		end(n, m->block);
}

const char *block_check_mapping(const struct nat *n, const struct mapping *m)
{
	const struct block *b = block_at(n, m->block);

	if (m->block >= n->blocks.slab.high || !b->live ||
	    !be32_equal(b->key.local, m->key[SIDE_INSIDE].local) ||
	    !has_port(b, m->address, be16_host(m->key[SIDE_OUTSIDE].local_port)))
		return "mapping with a port that is not in a range of its host";
	return NULL;
}

static const char *check_one(const struct nat *n, uint32_t number)
{
	const struct block *b = block_at(n, number);

	if (block_with(n, b->key.local, b->address, b->ports) != number)
		return "range of ports is not found by its host";
	if (b->rests != is_unused(b))
		return "range of ports is unused and does not rest, or the reverse";
	for (uint32_t i = b->right; i != BLOCK_NONE; i = block_at(n, i)->right) {
		const struct block *other = block_at(n, i);

		if (b->address != other->address)
			return "ranges of two addresses in one list";
		if (!b->by_plan && !other->by_plan && b->ports.first <= other->ports.last &&
		    other->ports.first <= b->ports.last && !be32_equal(b->key.local, other->key.local))
			return "ranges of two hosts overlap";
	}
	return NULL;
}

const char *blocks_check(const struct nat *n)
{
	uint32_t count = 0, used[PORTS_PROTOCOLS] = { 0 };
	const char *fault = NULL;

	for (uint32_t i = 0; !fault && i < n->blocks.slab.high; i++) {
		if (!block_at(n, i)->live)
			continue;
		fault = check_one(n, i);
		count++;
		for (int o = 0; o < PORTS_PROTOCOLS; o++)
			used[o] += block_at(n, i)->used[o];
	}
	if (!fault && count != slab_used(&n->blocks.slab))
		fault = "ranges of ports are not as many as counted";
	if (!fault && memcmp(used, n->blocks.used, sizeof(used)) != 0)
		fault = "ports of ranges do not add up";
	return fault;
}
