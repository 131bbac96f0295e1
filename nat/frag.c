/*
 * Virtual reassembly (RFC 4787 REQ-14): fragments are not put together, only known by their first.
 *
 * Per datagram (source, destination, protocol, identification, side) it is noted which stretches
 * have come, so that none passes twice and overlapping ones kill the datagram, and what the ports
 * are once the first fragment has come. Later fragments that come before it are the caller's to
 * hold. A record ends when the datagram is complete or the timeout is over; all have the same
 * timeout, so that the list of a side in order of arrival is in order of deadline too.
 */
#include "seen6.h"
#include "six.h"
#include "stateless.h"

enum { PATIENCE_MS = 1000, V6_FRAGMENT_HEADER = 8, V6_IDENT = 4 };

/* RFC 8200 section 4.5: whatever the protocol, which later fragments need not tell. */
static struct tuple key_of_six(struct nat *n, const struct pkt *p, enum nat_side from)
{
	struct ip6 source = ip6_load(pkt_source(p)), destination = ip6_load(pkt_destination(p));
	const uint8_t *ident = p->ip + p->fragment + V6_IDENT;

	return (struct tuple){
		.local = name_take(n, &source),
		.remote = name_take(n, &destination),
		.local_port = be16_load(ident),
		.remote_port = be16_load(ident + 2),
		.protocol = PROTO_V6_FRAGMENT,
		.side = (uint8_t)from,
	};
}

static struct tuple key_of(struct nat *n, const struct pkt *p, enum nat_side from)
{
	if (p->version == 6)
		return key_of_six(n, p, from);
	return (struct tuple){
		.local = be32_load(p->ip + 12),
		.remote = be32_load(p->ip + 16),
		.local_port = be16_load(p->ip + 4),
		.protocol = p->protocol,
		.side = (uint8_t)from,
	};
}

static struct datagram *at(const struct fragments *f, uint32_t number)
{
	return &f->datagrams[number];
}

static void append(struct fragments *f, uint32_t number)
{
	struct datagram *d = at(f, number);
	struct arrivals *a = &f->from[d->key.side];

	d->older = a->newest;
	d->newer = SLAB_NONE;
	if (a->newest == SLAB_NONE)
		a->oldest = number;
	else
		at(f, a->newest)->newer = number;
	a->newest = number;
	a->count++;
}

static void end(struct nat *n, uint32_t number)
{
	struct fragments *f = &n->fragments;
	struct datagram *d = at(f, number);
	struct arrivals *a = &f->from[d->key.side];

	if (d->older == SLAB_NONE)
		a->oldest = d->newer;
	else
		at(f, d->older)->newer = d->newer;
	if (d->newer == SLAB_NONE)
		a->newest = d->older;
	else
		at(f, d->newer)->older = d->older;
	a->count--;
	table_remove(&f->by, hash_tuple(&n->hash, &d->key), number);
	name_release(n, d->key.local);
	name_release(n, d->key.remote);
	slab_give(&f->slab, number);
}

static bool oldest_is_of(const struct fragments *f, enum nat_side from, nat_time now, uint32_t age_ms)
{
	uint32_t oldest = f->from[from].oldest;

	return oldest != SLAB_NONE && now.ms - at(f, oldest)->begun_ms >= age_ms;
}

static void expire(struct nat *n, nat_time now)
{
	for (int from = 0; from < SIDE_COUNT; from++)
		while (oldest_is_of(&n->fragments, (enum nat_side)from, now,
				    n->config.timeout_ms[TIMEOUT_FRAGMENT]))
			end(n, n->fragments.from[from].oldest);
}

/* At the limit, who has been incomplete for a while gives way, so that a trickle of fragments does not
 * stop everybody else's (RFC 4787 REQ-14a); and at once whoever is of the side that has the most, so
 * that a flood from one side does not stop the other. */
static uint32_t take_record(struct nat *n, nat_time now, enum nat_side from)
{
	struct fragments *f = &n->fragments;
	enum nat_side other = side_other(from);
	bool crowded = f->from[other].count > f->from[from].count;
	uint32_t number = slab_take(&f->slab);

	if (number != SLAB_NONE || !oldest_is_of(f, crowded ? other : from, now, crowded ? 0 : PATIENCE_MS))
		return number;
	end(n, f->from[crowded ? other : from].oldest);
	return slab_take(&f->slab);
}

/* The datagram's record, made if there is none; SLAB_NONE if there is no room. */
static uint32_t find_or_make(struct nat *n, nat_time now, const struct tuple *key)
{
	struct fragments *f = &n->fragments;
	uint64_t hash = hash_tuple(&n->hash, key);
	uint32_t number = table_find(&f->by, hash, key);

	if (number != TABLE_NONE)
		return number;
	number = take_record(n, now, (enum nat_side)key->side);
	if (number == SLAB_NONE)
		return SLAB_NONE;
	*at(f, number) = (struct datagram){ .key = *key, .serial = ++f->serial,
					    .begun_ms = now.ms };
	if (!table_insert(&f->by, hash, number)) {
		slab_give(&f->slab, number);
		return SLAB_NONE;
	}
	name_hold(n, key->local);
	name_hold(n, key->remote);
	append(f, number);
	return number;
}

/* Join the stretch to what has come. It lies apart from all ranges, but may touch two. */
static enum reason join(struct datagram *d, uint16_t begin, uint16_t end_unit)
{
	int left = -1, right = -1;

	for (int i = 0; i < d->ranges; i++) {
		left = d->range[i].end == begin ? i : left;
		right = d->range[i].begin == end_unit ? i : right;
	}
	if (left >= 0 && right >= 0) {
		d->range[left].end = d->range[right].end;
		d->range[right] = d->range[--d->ranges];
	} else if (left >= 0) {
		d->range[left].end = end_unit;
	} else if (right >= 0) {
		d->range[right].begin = begin;
	} else if (d->ranges == FRAGMENT_RANGES) {
		return REASON_FRAGMENT_LIMIT;
	} else {
		d->range[d->ranges].begin = begin;
		d->range[d->ranges++].end = end_unit;
	}
	return REASON_NONE;
}

/* Whether the last fragment's end, or what lies behind it, contradicts the rest. */
static bool ends_twice(const struct datagram *d, uint16_t end_unit, bool last)
{
	if (d->end)
		return last || end_unit > d->end;
	for (int i = 0; last && i < d->ranges; i++)
		if (d->range[i].end > end_unit)
			return true;
	return false;
}

/* RFC 5722 section 4, for IPv4 as well (RFC 1858 section 4): overlap ends the datagram. What lies
 * wholly in a stretch that has come is a repetition, and only not passed again. */
static enum reason place(struct datagram *d, uint16_t begin, uint16_t end_unit, bool last)
{
	enum reason r;

	for (int i = 0; i < d->ranges; i++) {
		if (end_unit <= d->range[i].begin || begin >= d->range[i].end)
			continue;
		if (begin < d->range[i].begin || end_unit > d->range[i].end)
			d->dead = REASON_FRAGMENT_OVERLAP;
		return REASON_FRAGMENT_OVERLAP;
	}
	if (ends_twice(d, end_unit, last)) {
		d->dead = REASON_FRAGMENT_OVERLAP;
		return REASON_FRAGMENT_OVERLAP;
	}
	r = join(d, begin, end_unit);
	if (r == REASON_NONE && last)
		d->end = end_unit;
	return r;
}

static bool is_complete(const struct datagram *d)
{
	return d->end && d->ranges == 1 && d->range[0].begin == 0 && d->range[0].end == d->end;
}

static void keep_ports(struct datagram *d, const struct tuple *t, enum nat_side from)
{
	bool outward = from == SIDE_INSIDE;

	d->ports[0] = outward ? t->local_port : t->remote_port;
	d->ports[1] = outward ? t->remote_port : t->local_port;
	if (t->protocol == PROTO_ICMP)
		d->ports[0] = d->ports[1] = t->local_port;
}

/* What is of interest here. */
static enum reason read_six(const struct nat *n, const struct pkt *p, enum nat_side from,
			    struct tuple *t)
{
	struct seen6 s;
	enum reason r = seen6_of(n, &s, p, from);

	*t = (struct tuple){ .local_port = s.ports[0], .remote_port = s.ports[1],
			     .protocol = s.protocol };
	return r;
}

/* A query, perhaps, that a firewall lets by. */
static bool first_is_exempt(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	const struct nat_policy *own;
	struct ip6 local;

	if (p->version != 6 || six_joins(n, p, from))
		return false;
	local = ip6_load(from == SIDE_INSIDE ? pkt_source(p) : pkt_destination(p));
	own = policy_of6(&n->config, &local, false);
	return own && own->type == NAT_FIREWALL && six_is_exempt(own, p, from);
}

/* What the first fragment says. exempt: where nothing need be translated, what has no ports passes
 * as well. An error never does: whose it is, its checksum over all fragments would have to vouch
 * for. */
static enum reason read_first(const struct nat *n, const struct pkt *p, enum nat_side from,
			      struct datagram *d, bool exempt)
{
	struct tuple t;
	enum reason r = p->version == 6 ? read_six(n, p, from, &t) : tuple_of(&t, p, from);

	if (r == REASON_NOT_A_QUERY && n->one_to_one && p->version == 4)
		r = tuple_of_query(&t, p, from);
	if (p->flags & PKT_ICMP_ERROR)
		return REASON_ICMP_FRAGMENT;
	if (r != REASON_NONE && !exempt && !first_is_exempt(n, p, from))
		return REASON_FRAGMENT;
	d->known = true;
	d->protocol = p->protocol;
	d->portless = r != REASON_NONE;
	if (!d->portless)
		keep_ports(d, &t, from);
	if (p->protocol == PROTO_TCP)
		d->sequence = tcp_fragment_sequence(p);
	if (p->protocol == PROTO_SCTP)
		d->sequence = load32(pkt_transport(p) + 4);
	return REASON_NONE;
}

enum { UDP_HEADER = 8 };

/* RFC 6146 section 3.4: UDP without a checksum gets one, and that of ICMP covers the length or does
 * not; both need all fragments. */
static void weigh(struct datagram *d, const struct pkt *p, uint32_t payload, bool last)
{
	bool first = p->flags & PKT_FRAGMENT_FIRST;
	uint32_t at = payload + (first ? UDP_HEADER : 0);

	if (last)
		d->whole = p->fragment_offset + (p->len - payload);
	if (p->version == 6 || p->protocol == PROTO_ICMP)
		d->waits |= p->protocol == PROTO_ICMP || p->protocol == PROTO_ICMPV6;
	else if (p->protocol == PROTO_UDP && p->len >= at)
		d->sum = csum_add(d->sum, csum_of(p->ip + at, p->len - at));
	if (first && p->protocol == PROTO_UDP && p->version == 4 && !p->checksum)
		d->waits = true;
}

static enum reason take_in(const struct nat *n, struct datagram *d, const struct pkt *p,
			   enum nat_side from, bool exempt)
{
	uint16_t begin = p->fragment_offset / 8;
	/* Of IPv6 other headers may follow in the first. */
	uint32_t payload = p->version == 6 ? p->fragment + V6_FRAGMENT_HEADER : p->transport;
	uint16_t units = (uint16_t)((p->len - payload + 7) / 8);
	bool last = !pkt_has_more(p);
	enum reason r;

	if (d->dead)
		return d->dead;
	r = place(d, begin, (uint16_t)(begin + units), last);
	if (r == REASON_NONE && six_joins(n, p, from))
		weigh(d, p, payload, last);
	if (r != REASON_NONE || !(p->flags & PKT_FRAGMENT_FIRST))
		return r;
	d->dead = (uint8_t)read_first(n, p, from, d, exempt);
	return d->dead;
}

static void tell(const struct datagram *d, struct pkt *p)
{
	memcpy(p->ports, d->ports, sizeof(p->ports));
	p->ident = d->ident;
	p->sequence = d->sequence;
	p->protocol = d->protocol;
	if (d->waits) {
		p->whole = d->whole;
		p->sequence = d->sum.raw;
	}
	p->flags |= PKT_PORTS_KNOWN | (d->portless ? PKT_NO_PORTS : 0);
}

/* Addresses from 240.0.0.0 on are names. */
static bool is_of_v4(const struct pkt *p)
{
	return !is_name(be32_load(pkt_source(p))) && !is_name(be32_load(pkt_destination(p)));
}

enum nat_fragment nat_learn(struct nat *n, nat_time now, struct pkt *p, enum nat_side from,
			    struct nat_fragment_note *note)
{
	bool six = p->version == 6, exempt = six ? !six_covers(n, p, from)
						 : policy_passes(n, p, from);
	struct tuple key = key_of(n, p, from);
	struct datagram *d;
	uint32_t number;

	*note = (struct nat_fragment_note){ .reason = REASON_FRAGMENT_LIMIT };
	if (!six && !is_of_v4(p)) {
		note->reason = REASON_MARTIAN_SOURCE;
		return FRAGMENT_DROP;
	}
	if (n->stateless && stateless_policy(n, p, from, false)) {
		p->flags |= PKT_PORTS_KNOWN;
		return FRAGMENT_KNOWN;
	}
	/* Where nothing is or was translated the ports do not matter. Otherwise an untranslated host
	 * may have sessions: of a policy before a reload, or of a forward; and any worker's. */
	if (exempt && (six || !n->translates)) {
		p->flags |= PKT_PORTS_KNOWN;
		return FRAGMENT_KNOWN;
	}
	expire(n, now);
	if (six && (!key.local.raw || !key.remote.raw))
		return FRAGMENT_DROP;
	number = find_or_make(n, now, &key);
	if (number == SLAB_NONE)
		return FRAGMENT_DROP;
	d = at(&n->fragments, number);
	if (n->config.unique_idents && !d->ranges && !six)
		d->ident = ident_next(n, p);
	note->datagram = d->serial;
	note->reason = take_in(n, d, p, from, exempt);
	if (note->reason != REASON_NONE)
		return FRAGMENT_DROP;
	if (!d->known || (d->waits && !is_complete(d)))
		return FRAGMENT_HOLD;
	tell(d, p);
	note->release = (p->flags & PKT_FRAGMENT_FIRST) || d->waits;
	if (is_complete(d))
		end(n, number);
	return FRAGMENT_KNOWN;
}
