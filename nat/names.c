#include "core.h"

_Static_assert(sizeof(struct ip6) == sizeof(struct tuple), "an address lies where tables want a key");

static struct tuple key_of(const struct ip6 *address)
{
	struct tuple key;

	memcpy(&key, address, sizeof(key));
	return key;
}

static be32 name_of(uint32_t number)
{
	return be32_from(NAME_FIRST + number);
}

uint64_t name_hash(const struct nat *n, const struct ip6 *address)
{
	struct tuple key = key_of(address);

	return hash_tuple(&n->hash, &key);
}

be32 name_find_by(const struct nat *n, uint64_t hash, const struct ip6 *address)
{
	struct tuple key = key_of(address);
	uint32_t number = table_find(&n->names.by, hash, &key);

	return number == TABLE_NONE ? (be32){ 0 } : name_of(number);
}

be32 name_find(const struct nat *n, const struct ip6 *address)
{
	return name_find_by(n, name_hash(n, address), address);
}

static void note_unheld(struct names *s, uint32_t number)
{
	s->all[number].next = s->unheld;
	s->all[number].listed = true;
	s->unheld = number;
}

be32 name_take(struct nat *n, const struct ip6 *address)
{
	struct names *s = &n->names;
	struct tuple key = key_of(address);
	uint64_t hash = hash_tuple(&n->hash, &key);
	uint32_t number = table_find(&s->by, hash, &key);

	if (number != TABLE_NONE)
		return name_of(number);
	number = slab_take(&s->slab);
	if (number == SLAB_NONE)
		return (be32){ 0 };
	s->all[number] = (struct name){ .key = key };
	if (!table_insert(&s->by, hash, number)) {
		slab_give(&s->slab, number);
		return (be32){ 0 };
	}
	note_unheld(s, number);
	return name_of(number);
}

void name_hold(struct nat *n, be32 name)
{
	if (is_name(name))
		n->names.all[name_number(name)].holders++;
}

/* On the list of those that nobody holds there may be one that somebody holds again; but none is on it
 * twice. */
void name_release(struct nat *n, be32 name)
{
	struct name *a;

	if (!is_name(name))
		return;
	a = &n->names.all[name_number(name)];
	if (--a->holders == 0 && !a->listed)
		note_unheld(&n->names, name_number(name));
}

void names_sweep(struct nat *n)
{
	struct names *s = &n->names;

	while (s->unheld != SLAB_NONE) {
		uint32_t number = s->unheld;
		struct name *a = &s->all[number];

		s->unheld = a->next;
		a->listed = false;
		if (a->holders)
			continue;
		table_remove(&s->by, hash_tuple(&n->hash, &a->key), number);
		slab_give(&s->slab, number);
	}
}

struct nat_endpoint name_endpoint(const struct nat *n, struct endpoint e)
{
	struct nat_endpoint out = { .address = e.address, .port = e.port };

	if (is_name(e.address)) {
		out.address = (be32){ 0 };
		out.is_v6 = true;
		out.address6 = *name_address(n, e.address);
	}
	return out;
}

uint64_t ip6_word(const struct nat *n, const struct ip6 *address)
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return hash_words(&n->hash, words[0], words[1]);
}

uint64_t name_word(const struct nat *n, be32 address)
{
	return is_name(address) ? ip6_word(n, name_address(n, address)) : address.raw;
}

static uint64_t holds_of(be32 a, be32 b)
{
	return (uint64_t)is_name(a) + is_name(b);
}

static uint64_t count_holds(const struct nat *n)
{
	const struct fragments *f = &n->fragments;
	const struct unsolicited *u = &n->unsolicited;
	uint64_t holds = 0;

	for (uint32_t i = 0; i < n->session_slab.high; i++)
		for (int side = 0; session_at(n, i)->key[0].protocol && side < SIDE_COUNT; side++)
			holds += holds_of(session_at(n, i)->key[side].local,
					  session_at(n, i)->key[side].remote);
	for (uint32_t i = 0; i < n->mapping_slab.high; i++)
		if (n->mappings[i].key[SIDE_INSIDE].protocol)
			holds += holds_of(n->mappings[i].key[SIDE_INSIDE].remote,
					  n->mappings[i].key[SIDE_OUTSIDE].remote);
	for (int side = 0; side < SIDE_COUNT; side++)
		for (uint32_t i = f->from[side].oldest; i != SLAB_NONE; i = f->datagrams[i].newer)
			if (f->datagrams[i].key.protocol == PROTO_V6_FRAGMENT)
				holds += 2;
	for (uint32_t i = 0; i < u->count; i++) {
		const struct tuple *t = &u->syns[wrap_at(u->first, i, u->most)].key;

		holds += holds_of(t->local, t->remote);
	}
	for (uint32_t i = 0; i < n->blocks.slab.high; i++)
		holds += n->blocks.all[i].live && is_name(n->blocks.all[i].key.local);
	for (size_t i = 0; i < n->config.pool_count; i++)
		holds += holds_of(n->pool.now[i], n->pool.before[i]);
	return holds;
}

const char *names_check(const struct nat *n)
{
	const struct names *s = &n->names;
	uint64_t holds = 0, held = 0, unheld = 0;

	for (uint32_t i = s->unheld; i != SLAB_NONE; i = s->all[i].next)
		unheld += !s->all[i].holders;
	for (uint32_t i = 0; i < s->by.bucket_count; i++)
		for (int k = 0; k < TABLE_SLOTS; k++) {
			const struct bucket *b = &s->by.buckets[i];
			const struct name *a = &s->all[b->values[k] & ~TABLE_DISPLACED];

			if (!b->tags[k])
				continue;
			holds += a->holders;
			held += a->holders != 0;
		}
	if (holds != count_holds(n))
		return "names are not held as often as counted";
	return held + unheld == slab_used(&s->slab) ? NULL : "names that nobody holds are lost";
}
