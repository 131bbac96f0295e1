/*
 * Datagrams of one family into the other and back, straight through nat/family.h: without sessions or
 * policies in between, in memory of exactly the octets and the room in front.
 *
 * Input    How (below); ports, an identification, how long whole datagrams are; the ends in the other
 *          family; then recipes (traffic.h).
 * Demands  The header is the one of RFC 7915, octet by octet, and what it carries is as it was but for
 *          ports, names of ICMP and checksums; each checksum is as wrong as it was, and those of UDP and
 *          UDP-Lite do not become zero; the view is the one that the parser has; back again it is what
 *          it was, but for what the other family cannot say; what is refused is left alone.
 */
#include "nat/family.h"

#include "datagram.h"
#include "six.h"
#include "traffic.h"

enum { HOW_PORTS = 1 << 0, HOW_FIXED_TOS = 1 << 1, HOW_SUM_DROPS = 1 << 2, HOW_UNKNOWN_DROPS = 1 << 3 };
enum { V4_HEADER = 20, V6_HEADER = 40, FRAGMENT_HEADER = 8, RECIPES_MOST = 12 };
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60, MORE = 0x2000, DONT = 0x4000 };
enum { KEPT = PKT_PARTIAL | PKT_DONT_FRAGMENT | PKT_FRAGMENT_FIRST | PKT_FRAGMENT_LATER | PKT_ICMP_ERROR |
	      PKT_ICMP_QUERY | PKT_IPSEC };

struct knobs {
	uint8_t how;
	uint8_t ports[4];
	uint16_t whole;
	struct family_rules rules;
	uint8_t six[32], four[8]; /* source and destination, as they will be in that family */
};

/* A datagram between two families, or on its way back. */
struct crossing {
	uint8_t was[DATAGRAM_MOST + FAMILY_HEADROOM];
	size_t was_len;
	struct anatomy a; /* of that */
	size_t at;	  /* where what is carried begins */
	struct pkt p;
	struct family_ends e;
	const struct family_rules *rules;
};

static struct knobs read_knobs(struct input *in)
{
	struct knobs k = { .how = input_u8(in) };

	for (size_t i = 0; i < sizeof(k.ports); i++)
		k.ports[i] = input_u8(in);
	k.rules = (struct family_rules){
		.ident = be16_from(input_u16(in)), .fixed_tos = k.how & HOW_FIXED_TOS,
		.no_checksum_drops = k.how & HOW_SUM_DROPS, .unknown_drops = k.how & HOW_UNKNOWN_DROPS,
	};
	k.whole = input_u16(in);
	for (size_t i = 0; i < 2; i++) {
		memcpy(k.six + 16 * i, six_hosts[input_below(in, SIX_HOSTS)], 16);
		store32(k.four + 4 * i, input_u32(in));
		store16(k.six + 16 * i + 10, input_u16(in));
	}
	return k;
}

/* Headers that have no counterpart in IPv4; what else stands in the chain is carried on. */
static size_t carried_at(const uint8_t *octets, const struct anatomy *a, uint8_t *next)
{
	size_t at = V6_HEADER;

	*next = octets[a->version == 4 ? 9 : 6];
	if (a->version == 4)
		return a->header;
	while (at < a->header && (*next == HOP_BY_HOP || *next == ROUTING || *next == FRAGMENT ||
				  *next == DESTINATION)) {
		size_t len = *next == FRAGMENT ? FRAGMENT_HEADER : (octets[at + 1] + 1u) * 8;

		*next = octets[at];
		at += len;
	}
	return at;
}

/* As its own family would write it, if it had come from the other. */
static size_t put_v4(uint8_t *out, const struct crossing *c, bool back, const uint8_t ends[static 8])
{
	const uint8_t *fragment = c->was + c->a.fragment_at;
	bool six = c->a.version == 6, has = c->a.fragment_at;
	uint16_t ident = six && has ? load16(fragment + 6) : be16_host(c->rules->ident);
	uint16_t place = six && has ? (uint16_t)(load16(fragment + 2) >> 3 | (fragment[3] & 1) << 13) : 0;
	size_t len = V4_HEADER + c->was_len - c->at;
	uint8_t next;

	carried_at(c->was, &c->a, &next);
	if (back) {
		ident = load16(c->was + 4);
		place = load16(c->was + 6) & 0x3fff;
		has = place;
	}
	if (!has && len > FAMILY_ALONE_MOST)
		place |= DONT;
	memset(out, 0, V4_HEADER);
	out[0] = 0x45;
	out[1] = c->rules->fixed_tos ? 0 : six ? (uint8_t)(load16(c->was) >> 4) : c->was[1];
	store16(out + 2, (uint16_t)len);
	store16(out + 4, ident);
	store16(out + 6, place);
	out[8] = c->was[six ? 7 : 8];
	out[9] = next == PROTO_ICMPV6 ? PROTO_ICMP : next;
	memcpy(out + 12, ends, 8);
	return V4_HEADER;
}

static size_t put_v6(uint8_t *out, const struct crossing *c, const uint8_t ends[static 32])
{
	bool four = c->a.version == 4;
	const uint8_t *fragment = c->was + c->a.fragment_at;
	uint16_t field = four ? load16(c->was + 6) : load16(fragment + 2);
	uint32_t tos = c->rules->fixed_tos ? 0 : four ? c->was[1] : (load16(c->was) >> 4) & 255u;
	bool in_pieces = c->a.fragment;
	uint8_t next;

	carried_at(c->was, &c->a, &next);
	next = next == PROTO_ICMP ? PROTO_ICMPV6 : next;
	store32(out, 6u << 28 | tos << 20);
	store16(out + 4, (uint16_t)(c->was_len - c->at + (in_pieces ? FRAGMENT_HEADER : 0)));
	out[6] = in_pieces ? FRAGMENT : next;
	out[7] = c->was[four ? 8 : 7];
	memcpy(out + 8, ends, 32);
	if (!in_pieces)
		return V6_HEADER;
	out[40] = next;
	out[41] = 0;
		store16(out + 42, (uint16_t)(four ? field << 3 | (field & MORE ? 1 : 0) : field & 0xfff9));
	store16(out + 44, 0);
	store16(out + 46, load16(four ? c->was + 4 : fragment + 6));
	return V6_HEADER + FRAGMENT_HEADER;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_UDPLITE ||
	       protocol == PROTO_DCCP;
}

/* What both families carry, and IPv6 takes for a header of its own: AH, mobility, HIP, shim6. */
static bool extends(uint8_t protocol)
{
	return protocol == PROTO_AH || protocol == 135 || protocol == 139 || protocol == 140;
}

static bool is_icmp(const struct anatomy *a)
{
	return a->protocol == (a->version == 4 ? PROTO_ICMP : PROTO_ICMPV6);
}

/* Its ports or its identifier, NULL: what is carried has none. */
static uint8_t *ports_of(const struct crossing *c, uint8_t *carried, size_t *len)
{
	*len = is_icmp(&c->a) ? 2 : 4;
	if (c->a.later || c->at != c->a.header || !(is_icmp(&c->a) || has_ports(c->a.protocol)))
		return NULL;
	return carried + (is_icmp(&c->a) ? 4 : 0);
}

static uint8_t icmp_name(uint8_t type)
{
	return type == 8 ? 128 : type == 0 ? 129 : type == 128 ? 8 : 0;
}

/* What is carried, as the other side must see it but for checksums. */
static void expect_carried(const struct crossing *c, uint8_t *carried)
{
	size_t len;
	uint8_t *ports = ports_of(c, carried, &len);

	memcpy(carried, c->was + c->at, c->was_len - c->at);
	if (!ports)
		return;
	if (is_icmp(&c->a))
		carried[0] = icmp_name(carried[0]);
	if (c->e.has_ports)
		memcpy(ports, c->e.ports, len);
}

/* By how much a checksum is wrong, over what is there. */
static uint32_t wrongness(const uint8_t *octets, const struct anatomy *a, uint32_t whole)
{
	size_t len = a->len - a->header;
	uint32_t sum = transport_sum(octets, a, octets + a->header, len);

	/* Of a fragment the pseudo-header says how long all is. */
	if (a->fragment && whole && a->protocol == PROTO_ICMPV6)
		sum += whole + 0xffffu - (uint32_t)len % 0xffff;
	return sum % 0xffff;
}

static bool never_zero(uint8_t protocol)
{
	return protocol == PROTO_UDP || protocol == PROTO_UDPLITE;
}

static void judge_sum(const struct crossing *c, const struct anatomy *now, const uint8_t *out)
{
	uint16_t was_field, field;

	if (c->at != c->a.header || !c->a.checksum || !now->checksum)
		return;
	was_field = load16(c->was + c->a.checksum);
	field = load16(out + now->checksum);
	if (c->p.flags & PKT_PARTIAL) {
		assert((field + 0xffffu - pseudo_sum(out, now, now->len - now->header)) % 0xffff ==
		       (was_field + 0xffffu - pseudo_sum(c->was, &c->a, c->a.len - c->a.header)) % 0xffff);
		return;
	}
	if (never_zero(c->a.protocol) && !was_field) {
		assert(c->a.version == 6 || c->a.protocol != PROTO_UDP || c->a.fragment ||
		       transport_is_right(out, now));
		return;
	}
	assert(!never_zero(c->a.protocol) || field);
	assert(wrongness(out, now, c->e.whole) == wrongness(c->was, &c->a, c->e.whole));
	/* Of nothing but zeros the sum is as good as right, but not right. */
	assert(c->a.fragment || !transport_is_right(c->was, &c->a) || transport_is_right(out, now));
}

/* Those of both are judged by themselves. */
static void leave_sums(uint8_t *expected, const uint8_t *out, const struct anatomy *now)
{
	if (now->version == 4)
		memcpy(expected + 10, out + 10, 2);
	if (now->checksum)
		memcpy(expected + now->checksum, out + now->checksum, 2);
}

static void judge_view(const struct crossing *c, const struct anatomy *now)
{
	struct pkt_offload o = { .partial = c->p.flags & PKT_PARTIAL, .gso_size = c->p.gso_size };
	uint8_t *octets;
	struct pkt again;

	o.checksum_start = (uint16_t)now->header;
	o.checksum_offset = (uint16_t)(now->checksum - now->header);
	assert(c->p.len == now->len && (now->header == c->p.transport || extends(c->p.protocol)));
	/* Of headers that extend another the parser wants to see more. */
	if (extends(c->p.protocol) || c->at != c->a.header)
		return;
	octets = copy_exactly(c->p.ip, c->p.len);
	assert(pkt_parse(&again, octets, c->p.len, &o) == REASON_NONE);
	assert(again.len == c->p.len && again.transport == c->p.transport &&
	       again.checksum == c->p.checksum && again.protocol == c->p.protocol &&
	       again.fragment == c->p.fragment && again.fragment_offset == c->p.fragment_offset);
	/* Made of IPv4 that may be cut, IPv6 may as well. */
	assert(((again.flags ^ c->p.flags) & KEPT & ~(c->p.version == 6 ? PKT_DONT_FRAGMENT : 0)) == 0);
	free(octets);
}

static void judge(const struct crossing *c, const uint8_t *ends)
{
	uint8_t expected[DATAGRAM_MOST + 2 * FAMILY_HEADROOM];
	const uint8_t *out = c->p.ip;
	struct anatomy now;
	size_t header = c->p.version == 4 ? put_v4(expected, c, false, ends) : put_v6(expected, c, ends);

	/* Put together again it must be one that IPv4 can have. */
	assert(c->p.version == 6 || (load16(expected + 6) & 0x1fffu) * 8 + load16(expected + 2) <= UINT16_MAX);
	assert(c->p.version != c->a.version && c->p.len == header + c->was_len - c->at);
	assert(anatomy_of(&now, out, c->p.len) && header_is_right(out, &now));
	expect_carried(c, expected + header);
	leave_sums(expected, out, &now);
	/* A device makes shorter ones of it. */
	if (c->p.gso_size && c->p.version == 4)
		memcpy(expected + 6, out + 6, 2);
	assert(!memcmp(out, expected, c->p.len));
	judge_sum(c, &now, out);
	judge_view(c, &now);
}

/* What the ends gain; ports as the input has them, or as they were. */
static void set_ends(struct crossing *c, const struct knobs *k, const uint8_t *ends, const uint8_t *ports)
{
	size_t len, there = c->a.version == 4 ? 32 : 8;
	uint8_t *own = ports_of(c, c->was + c->at, &len);

	c->e = (struct family_ends){ .has_ports = k->how & HOW_PORTS, .whole = k->whole };
	if (c->a.version == 4) {
		c->e.source6 = ip6_load(ends);
		c->e.destination6 = ip6_load(ends + 16);
	} else {
		c->e.source4 = be32_load(ends);
		c->e.destination4 = be32_load(ends + 4);
	}
	c->e.addresses = csum_sub(csum_of(ends, there), csum_of(pkt_source(&c->p), 40 - there));
	memcpy(c->e.ports, ports, 4);
	if (own && k->how & HOW_PORTS)
		c->e.port_sum = csum_diff(own, ports, len);
}

static enum reason cross(struct crossing *c)
{
	return c->p.version == 4 ? family_to_v6(&c->p, &c->e, c->rules) : family_to_v4(&c->p, &c->e, c->rules);
}

static void begin(struct crossing *c, const struct pkt *p, const struct family_rules *rules)
{
	uint8_t next;

	memset(c, 0, sizeof(*c));
	c->p = *p;
	c->was_len = p->len;
	c->rules = rules;
	memcpy(c->was, p->ip, p->len);
	assert(anatomy_of(&c->a, c->was, c->was_len));
	c->at = carried_at(c->was, &c->a, &next);
}

/* UDP that had no checksum may have one; and what in IPv6 is a header that extends another, in no fragment
 * (RFC 7915 section 5.1.1), may be followed by anything. */
static bool is_lost(const struct crossing *there)
{
	if (extends(there->p.protocol))
		return true;
	return there->a.checksum && there->a.protocol == PROTO_UDP &&
	       !load16(there->was + there->a.checksum);
}

static void judge_return(const struct crossing *there, const struct crossing *back)
{
	uint8_t expected[DATAGRAM_MOST + 2 * FAMILY_HEADROOM];
	const uint8_t *ends = there->was + (there->a.version == 4 ? 12 : 8);
	struct anatomy now;
	size_t header = there->a.version == 4 ? put_v4(expected, there, true, ends)
					      : put_v6(expected, there, ends);

	assert(back->p.len == header + there->was_len - there->at);
	memcpy(expected + header, there->was + there->at, there->was_len - there->at);
	assert(anatomy_of(&now, back->p.ip, back->p.len));
	leave_sums(expected, back->p.ip, &now);
	if (back->p.gso_size && back->p.version == 4)
		memcpy(expected + 6, back->p.ip + 6, 2);
	assert(!memcmp(back->p.ip, expected, back->p.len));
}

static void come_back(const struct crossing *there, const struct knobs *k)
{
	struct family_rules rules = { .ident = be16_load(there->was + 4), .fixed_tos = k->rules.fixed_tos };
	struct crossing back;
	uint8_t ends[32], ports[4] = { 0 };
	size_t len;
	const uint8_t *own = ports_of(there, (uint8_t *)(uintptr_t)there->was + there->at, &len);

	begin(&back, &there->p, &rules);
	memcpy(ends, there->was + (there->a.version == 4 ? 12 : 8), there->a.version == 4 ? 8 : 32);
	if (own)
		memcpy(ports, own, len);
	set_ends(&back, k, ends, ports);
	assert(cross(&back) == REASON_NONE);
	judge(&back, ends);
	judge_return(there, &back);
}

static void carry(const struct datagram *d, const struct knobs *k)
{
	uint8_t *buffer = malloc(FAMILY_HEADROOM + d->len), *octets = buffer + FAMILY_HEADROOM;
	struct crossing c;
	struct pkt p;
	const uint8_t *ends;
	enum reason r;

	assert(buffer);
	memcpy(octets, d->octets, d->len);
	if (pkt_parse(&p, octets, d->len, &d->offload) == REASON_NONE) {
		begin(&c, &p, &k->rules);
		ends = p.version == 4 ? k->six : k->four;
		set_ends(&c, k, ends, k->ports);
		r = family_refuses(&c.p, &c.e, &k->rules);
		assert(cross(&c) == r);
		if (r != REASON_NONE)
			assert(c.p.ip == octets && !memcmp(octets, d->octets, d->len) &&
			       !memcmp(&c.p, &p, sizeof(p)));
		else
			judge(&c, ends);
		if (r == REASON_NONE && !is_lost(&c))
			come_back(&c, k);
	}
	free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	struct knobs k = read_knobs(&in);
	struct datagram pieces[PIECES_MOST];
	struct past past = { 0 };

	for (int i = 0; i < RECIPES_MOST && input_left(&in); i++) {
		size_t count = traffic_next(&past, &in, pieces);

		for (size_t j = 0; j < count; j++)
			carry(&pieces[j], &k);
	}
	return 0;
}
