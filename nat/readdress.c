/*
 * Another configuration under sessions that are there: above all, other outside addresses.
 *
 * A place of the pool has ports and an address. When another address takes it, ports stay what they
 * are: what moves keeps its port and its worker, and nothing but names and sums changes. As there may
 * be a million sessions, they are gone through a few at a time (settle_some()), and one that somebody
 * needs before that is settled there and then. Meanwhile what is for the new address may belong to
 * something still known by the old one, and is looked for by that name as well.
 *
 * An address that is left (nat_policy.left) keeps what it has. A mapping of it or of one that is gone
 * retires as soon as its inside endpoint opens another session: then it is found from outside only,
 * and the inside endpoint gets a new one.
 */
#include "core.h"

enum fate { STAYS, KEPT, MOVES, LOST };

static uint16_t place_before(const struct nat *n, be32 address)
{
	uint16_t place = 0;

	while (place < n->config.pool_count && !be32_equal(n->pool.before[place], address))
		place++;
	return place < n->config.pool_count ? place : NO_ADDRESS;
}

/* The place that has the address of a mapping, or had it; NO_ADDRESS: none. */
static uint16_t place_of(const struct nat *n, const struct mapping *m)
{
	be32 outside = m->key[SIDE_OUTSIDE].local;
	uint16_t place;

	if (m->address != NO_ADDRESS)
		return m->address;
	if (pool_has(n, outside, &place))
		return place;
	return n->pool.changed && m->pooled && !m->one_to_one ? place_before(n, outside) : NO_ADDRESS;
}

static enum fate fate_of(const struct nat *n, const struct mapping *m)
{
	be32 outside = m->key[SIDE_OUTSIDE].local;
	uint16_t place = place_of(n, m);
	const struct nat_policy *p;

	if (place == NO_ADDRESS)
		return !m->pooled || is_outside_address(n, outside) ? STAYS : LOST;
	p = policy_of_pool(&n->config, place);
	if (be32_equal(n->pool.now[place], outside))
		return p && p->left == place + 1 ? KEPT : STAYS;
	return p && p->on_address_change == NAT_CHANGE_MOVE && n->pool.now[place].raw ? MOVES
											  : LOST;
}

static bool move(struct nat *n, uint32_t mapping)
{
	return mapping_move(n, mapping, n->pool.now[place_of(n, &n->mappings[mapping])]);
}

/* Otherwise all mappings stay. */
static bool is_restless(const struct nat *n)
{
	return n->sweep != UINT32_MAX || n->pool.left;
}

bool mapping_takes_more(const struct nat *n, const struct mapping *m)
{
	return !is_restless(n) || fate_of(n, m) == STAYS;
}

uint32_t mapping_settle(struct nat *n, uint32_t mapping)
{
	enum fate fate;

	if (mapping == SLAB_NONE || !is_restless(n))
		return mapping;
	fate = fate_of(n, &n->mappings[mapping]);
	if (fate == STAYS || (fate == MOVES && move(n, mapping)))
		return mapping;
	mapping_retire(n, mapping);
	return SLAB_NONE;
}

bool address_before(const struct nat *n, be32 now, be32 *before)
{
	uint16_t place;

	if (!n->pool.changed || !pool_has(n, now, &place) || !n->pool.before[place].raw)
		return false;
	*before = n->pool.before[place];
	return true;
}

uint32_t mapping_find_outside(struct nat *n, const struct tuple *key)
{
	uint32_t number = mapping_find(n, key);
	struct tuple old = *key;

	if (number != SLAB_NONE || !address_before(n, key->local, &old.local))
		return number;
	number = mapping_find(n, &old);
	if (number == SLAB_NONE || fate_of(n, &n->mappings[number]) != MOVES || !move(n, number))
		return SLAB_NONE;
	return number;
}

/* Both names of the session and its mapping are those of today. False: there is no place for them. */
static bool keeps_address(struct nat *n, uint32_t number)
{
	const struct session *s = session_at(n, number);
	const struct mapping *m = &n->mappings[s->mapping];
	enum fate fate = fate_of(n, m);

	if (fate == LOST || (fate == MOVES && !move(n, s->mapping)))
		return false;
	return be32_equal(s->key[SIDE_OUTSIDE].local, m->key[SIDE_OUTSIDE].local) ||
	       session_move(n, number);
}

/* Whoever was meant by an address that is not ours any more, it is nobody inside. */
static void forget_hairpin(const struct nat *n, struct session *s)
{
	be32 remote = s->key[SIDE_OUTSIDE].remote;

	if ((s->flags & SESSION_HAIRPIN) && n->pool.changed &&
	    place_before(n, remote) != NO_ADDRESS && !is_outside_address(n, remote))
		s->flags &= (uint8_t)~SESSION_HAIRPIN;
}

bool session_settle(struct nat *n, uint32_t number)
{
	bool keeps = keeps_address(n, number);

	if (keeps && !owner_is_other(n, session_at(n, number))) {
		forget_hairpin(n, session_at(n, number));
		return true;
	}
	n->lost += !keeps;
	wheel_take(&n->wheel, number);
	session_end(n, number);
	return false;
}

static void reconsider(struct nat *n, uint32_t number)
{
	struct session *s = session_at(n, number);

	if (!session_settle(n, number))
		return;
	wheel_take(&n->wheel, number);
	n->kept += fate_of(n, &n->mappings[s->mapping]) == KEPT;
	s->policy = policy_number(n, s->key[SIDE_INSIDE].local, s->key[SIDE_OUTSIDE].local);
	wheel_put(&n->wheel, number, session_deadline(n, s, n->now));
}

size_t settle_some(struct nat *n, size_t budget)
{
	size_t visited = 0;

	if (n->sweep == UINT32_MAX)
		return 0;
	for (; n->sweep < n->session_slab.high && visited < budget; n->sweep++, visited++)
		if (session_at(n, n->sweep)->key[SIDE_INSIDE].protocol)
			reconsider(n, n->sweep);
	if (n->sweep >= n->session_slab.high) {
		n->sweep = UINT32_MAX;
		pool_forget(n);
	}
	return visited;
}
