/*
 * SYNs from outside that fit nothing (RFC 5382 REQ-4): nobody is told for six seconds, in which the
 * inside may open the same connection. If it does the SYN is forgotten, otherwise its sender gets
 * port unreachable. A ring in order of arrival is in order of time, as all wait equally long.
 */
#include "core.h"
#include "transport.h"

/* Words that no other number by chance is made of. */
enum { PLACES = 1 << 16 };

static uint32_t place(const struct unsolicited *u, uint32_t i)
{
	return wrap_at(u->first, i, u->most);
}

/* How many places from the first on, or count if it is not held. */
static uint32_t find(const struct unsolicited *u, uint64_t hash)
{
	uint32_t i = 0;

	while (i < u->count && u->hashes[place(u, i)] != hash)
		i++;
	return i;
}

/* Hashes that are kept are not zero. */
static uint64_t hash_of(const struct nat *n, const struct tuple *outside)
{
	struct tuple t = *outside;

	/* What an INIT has none of yet. */
	t.tag = (be16){ 0 };
	return hash_tuple(&n->hash, &t) | 1;
}

static bool has_port(struct port_range r, uint16_t port)
{
	return r.last && port >= r.first && port <= r.last;
}

static bool wants_answer(const struct nat *n, const struct tuple *t)
{
	const struct nat_policy *p;
	uint16_t port = be16_host(t->local_port), index;
	be32 inside;

	p = is_name(t->local) ? policy_of(n, t->local, t->remote) : NULL;
	if (p && p->type == NAT_FIREWALL)
		return p->unsolicited == NAT_UNSOLICITED_REJECT;
	p = n->one_to_one ? policy_of_outside(n, t->local, &inside) : NULL;
	if (p)
		return p->unsolicited == NAT_UNSOLICITED_REJECT;
	if (!pool_has(n, t->local, &index))
		return false;
	p = policy_of_pool(&n->config, index);
	return p && p->unsolicited == NAT_UNSOLICITED_REJECT &&
	       (has_port(p->ports, port) || has_port(p->low_ports, port));
}

/* Requirement ABU-8: whoever fills the places, some of them as others, must not learn from what is left for
 * himself whether one of the others' SYNs found an open port. So nobody knows how many there are: between
 * half of them and all, in each time that a SYN waits, of each worker. */
static uint32_t places_now(const struct nat *n)
{
	uint32_t most = n->unsolicited.most, wait = n->config.timeout_ms[TIMEOUT_UNSOLICITED];
	uint64_t by_chance = hash_words(&n->draw, n->now.ms / (wait ? wait : 1), PLACES + n->config.worker);

	return most - (uint32_t)(by_chance % (most / 2 + 1));
}

void unsolicited_hold(struct nat *n, const struct pkt *p, const struct tuple *outside)
{
	struct unsolicited *u = &n->unsolicited;
	uint64_t hash = hash_of(n, outside);
	bool cut = p->len > NAT_REJECTED_MOST;
	struct held_syn *h;
	uint32_t at;

	/* A checksum that the device would have completed cannot be, without all octets. */
	if ((cut && (p->flags & PKT_PARTIAL)) || !wants_answer(n, outside) || find(u, hash) < u->count ||
	    u->count >= places_now(n))
		return;
	at = place(u, u->count++);
	u->hashes[at] = hash;
	h = &u->syns[at];
	h->key = *outside;
	name_hold(n, outside->local);
	name_hold(n, outside->remote);
	h->due_ms = n->now.ms + n->config.timeout_ms[TIMEOUT_UNSOLICITED];
	h->view = *p;
	h->view.len = cut ? NAT_REJECTED_MOST : p->len;
	memcpy(h->octets, p->ip, h->view.len);
}

void unsolicited_forget(struct nat *n, const struct tuple *outside)
{
	struct unsolicited *u = &n->unsolicited;
	uint32_t i = u->count ? find(u, hash_of(n, outside)) : 0;

	if (i < u->count)
		u->hashes[place(u, i)] = 0;
}

bool nat_rejected_next(struct nat *n, nat_time now, struct pkt *p)
{
	struct unsolicited *u = &n->unsolicited;

	while (u->count && u->syns[u->first].due_ms <= now.ms) {
		struct held_syn *h = &u->syns[u->first];
		bool forgotten = !u->hashes[u->first];

		u->first = place(u, 1);
		u->count--;
		name_release(n, h->key.local);
		name_release(n, h->key.remote);
		if (forgotten)
			continue;
		*p = h->view;
		p->ip = h->octets;
		return true;
	}
	return false;
}

void mapping_unclaimed(struct nat *n, const struct tuple *t)
{
	uint64_t hold = n->config.timeout_ms[TIMEOUT_PORT_HOLD], since = n->now.ms - n->started.ms;
	enum nat_class class = nat_class_of(t->protocol);
	struct port_ref ref = { .protocol = (uint8_t)ports_protocol(t->protocol),
				.port = be16_host(t->local_port) };
	const struct nat_policy *p;

	if (!n->config.forgetful || since >= hold || class == NAT_CLASS_TCP ||
	    transport_is_paired(t->protocol) || !pool_has(n, t->local, &ref.address))
		return;
	p = policy_of_pool(&n->config, ref.address);
	if (!p || p->behaviour[class].filtering != NAT_ENDPOINT_INDEPENDENT ||
	    !ports_is_free(&n->ports, ref.address, ref.protocol, ref.port))
		return;
	ports_take(&n->ports, ref.address, ref.protocol, ref.port);
	save_port(n, ports_rest(&n->ports, ref, n->now.ms + hold));
}
