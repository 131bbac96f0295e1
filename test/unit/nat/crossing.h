/*
 * Datagrams in both families, written from first principles, and one of them on its way into the other,
 * in memory of exactly its size and the room in front.
 */
#ifndef UNIT_CROSSING_H
#define UNIT_CROSSING_H

#include "octets.h"

#include "nat/family.h"

/* 192.0.2.33 to 198.51.100.7, 2001:db8:1::21 to 64:ff9b::198.51.100.7. */
#define SOURCE4 "c0000221"
#define DESTINATION4 "c6336407"
#define SOURCE6 "20010db8000100000000000000000021"
#define DESTINATION6 "0064ff9b0000000000000000c6336407"

/* Lengths and checksums are filled in. */
#define V4_AS(tos, ident, field, ttl, proto) \
	"45" tos " 0000 " ident " " field " " ttl proto " 0000 " SOURCE4 " " DESTINATION4 " "
#define V6_AS(first, next, hops) first " 0000 " next hops " " SOURCE6 " " DESTINATION6 " "
#define V4(proto) V4_AS("00", "4321", "0000", "40", proto)
#define V4_DF(proto) V4_AS("00", "4321", "4000", "40", proto)
#define V6(next) V6_AS("60000000", next, "40")

struct built {
	uint8_t octets[OCTETS_ROOM];
	size_t len;
};

/* Where the transport header is, and which; 0: in no fragment but the first. */
struct place {
	size_t at, payload; /* payload: what the IP header in front of it is followed by */
	uint8_t protocol;
};

static inline struct place place_v4(const uint8_t *ip)
{
	size_t header = (size_t)(ip[0] & 15) * 4;

	return (struct place){ load16(ip + 6) & 0x1fff ? 0 : header, header, ip[9] };
}

static inline struct place place_v6(const uint8_t *ip)
{
	size_t at = 40;
	uint8_t next = ip[6];

	while (next == 0 || next == 43 || next == 60 || next == 44) {
		size_t len = next == 44 ? 8 : (ip[at + 1] + 1u) * 8;

		if (next == 44 && load16(ip + at + 2) & 0xfff8)
			return (struct place){ 0, at + 8, ip[at] };
		next = ip[at];
		at += len;
	}
	return (struct place){ at, at, next };
}

static inline struct place place_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? place_v4(ip) : place_v6(ip);
}

/* The checksum field of the protocols that have one over all their octets; 0: none. */
static inline size_t field_of(uint8_t protocol)
{
	switch (protocol) {
	case 6:
		return 16;
	case 17: case 33: case 136:
		return 6;
	case 1: case 58:
		return 2;
	default:
		return 0;
	}
}

static inline uint16_t pseudo_sum(const uint8_t *ip, uint8_t protocol, size_t len)
{
	uint8_t pseudo[40] = { 0 };
	size_t addresses = ip[0] >> 4 == 4 ? 8 : 32;

	if (protocol == 1)
		return 0;
	memcpy(pseudo, ip + (addresses == 8 ? 12 : 8), addresses);
	store32(pseudo + addresses, (uint32_t)len);
	pseudo[addresses + 7] = protocol;
	return octets_sum(pseudo, sizeof(pseudo));
}

static inline uint16_t sum_both(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Of a datagram that is no fragment: 0xffff if the transport's checksum is right. */
static inline uint16_t transport_sum(const struct built *b)
{
	struct place at = place_of(b->octets);
	size_t len = b->len - at.at;

	return sum_both(pseudo_sum(b->octets, at.protocol, len), octets_sum(b->octets + at.at, len));
}

static inline void put_lengths(struct built *b)
{
	struct place at = place_of(b->octets);

	if (b->octets[0] >> 4 == 6) {
		store16(b->octets + 4, (uint16_t)(b->len - 40));
	} else {
		store16(b->octets + 2, (uint16_t)b->len);
		octets_seal(b->octets);
	}
	if (at.protocol == 17 && at.at && b->len >= at.at + 8u && !load16(b->octets + at.at + 4))
		store16(b->octets + at.at + 4, (uint16_t)(b->len - at.at));
}

static inline void put_checksum(struct built *b)
{
	struct place at = place_of(b->octets);
	size_t field = field_of(at.protocol);
	uint16_t sum;

	if (!field || !at.at)
		return;
	store16(b->octets + at.at + field, 0);
	sum = (uint16_t)~transport_sum(b);
	store16(b->octets + at.at + field, at.protocol == 17 && !sum ? 0xffff : sum);
}

/* Headers and what follows them, as text; lengths and checksums are right. */
static inline struct built built(const char *header, const char *rest)
{
	struct built b;

	b.len = octets_read(b.octets, header);
	b.len += octets_read(b.octets + b.len, rest);
	put_lengths(&b);
	put_checksum(&b);
	return b;
}

/* A header and len octets of a payload behind the transport's. */
static inline struct built sized(const char *header, const char *transport, size_t len)
{
	struct built b;

	b.len = octets_read(b.octets, header);
	b.len += octets_read(b.octets + b.len, transport);
	for (size_t i = 0; i < len; i++)
		b.octets[b.len++] = (uint8_t)(i * 7 + 3);
	put_lengths(&b);
	put_checksum(&b);
	return b;
}

/* A header, and the octets [begin, end) of what the whole datagram carries. */
static inline struct built piece(const char *header, const struct built *whole, size_t begin, size_t end)
{
	struct built b;

	b.len = octets_read(b.octets, header);
	memcpy(b.octets + b.len, whole->octets + place_of(whole->octets).payload + begin, end - begin);
	b.len += end - begin;
	put_lengths(&b);
	return b;
}

/* Both ends as they will be in the family that is not the version's; what sums gain is summed up here. */
static inline struct family_ends ends_from(uint8_t version)
{
	struct family_ends e = { .has_ports = false };
	uint8_t both[OCTETS_ROOM], gained[2];
	uint16_t v4, v6;

	octets_read(both, SOURCE4 DESTINATION4);
	v4 = octets_sum(both, 8);
	if (version == 6) {
		memcpy(&e.source4, both, 4);
		memcpy(&e.destination4, both + 4, 4);
	}
	octets_read(both, SOURCE6 DESTINATION6);
	v6 = octets_sum(both, 32);
	if (version == 4) {
		memcpy(&e.source6, both, 16);
		memcpy(&e.destination6, both + 16, 16);
	}
	store16(gained, version == 4 ? sum_both(v6, (uint16_t)~v4) : sum_both(v4, (uint16_t)~v6));
	memcpy(&e.addresses.raw, gained, 2);
	return e;
}

/* Ports, or an identifier twice, that become others. */
static inline void ends_change(struct family_ends *e, const uint16_t was[2], const uint16_t now[2],
			       bool identifier)
{
	uint16_t gained = sum_both(now[0], (uint16_t)~was[0]);
	uint8_t octets[2];

	if (!identifier)
		gained = sum_both(gained, sum_both(now[1], (uint16_t)~was[1]));
	store16(octets, gained);
	memcpy(&e->port_sum.raw, octets, 2);
	e->has_ports = true;
	e->ports[0] = be16_from(now[0]);
	e->ports[1] = be16_from(identifier ? now[0] : now[1]);
}

struct crossing {
	uint8_t *memory;
	struct pkt p;
	struct family_ends e;
	struct family_rules r;
};

/* To be freed with crossing_end(). more: octets of room behind it. */
static inline struct crossing crossing_roomy(const struct built *b, const struct pkt_offload *o,
					     size_t more)
{
	struct crossing c = { .memory = malloc(FAMILY_HEADROOM + b->len + more),
			      .r = { .ident = be16_from(0x4321), .piece = 1280 } };

	assert_non_null(c.memory);
	memcpy(c.memory + FAMILY_HEADROOM, b->octets, b->len);
	assert_int_equal(pkt_parse(&c.p, c.memory + FAMILY_HEADROOM, b->len, o), REASON_NONE);
	c.e = ends_from(c.p.version);
	return c;
}

static inline struct crossing crossing(const struct built *b)
{
	return crossing_roomy(b, NULL, 0);
}

static inline enum reason cross(struct crossing *c)
{
	return c->p.version == 4 ? family_to_v6(&c->p, &c->e, &c->r) : family_to_v4(&c->p, &c->e, &c->r);
}

static inline void crossing_end(struct crossing *c)
{
	free(c->memory);
}

static inline void assert_octets(const struct pkt *p, const struct built *expected, const char *what)
{
	if (p->len != expected->len)
		fail_msg("%s: %u octets, not %zu", what, p->len, expected->len);
	for (size_t i = 0; i < expected->len; i++)
		if (p->ip[i] != expected->octets[i])
			fail_msg("%s: octet %zu is %02x, not %02x", what, i, p->ip[i],
				 expected->octets[i]);
}

/* The view is what the parser makes of the same octets, but for what only the datagram before knew:
 * the identification, and whether IPv6 may be cut into pieces. */
static inline void assert_view(const struct pkt *p, const char *what)
{
	struct pkt fresh;
	uint16_t known = PKT_PARTIAL | (p->version == 6 ? PKT_DONT_FRAGMENT : 0);

	if (pkt_parse(&fresh, p->ip, p->len, NULL) != REASON_NONE)
		fail_msg("%s: what came out cannot be parsed", what);
	if (fresh.transport != p->transport || fresh.version != p->version || fresh.len != p->len ||
	    fresh.protocol != p->protocol || (fresh.flags | known) != (p->flags | known) ||
	    fresh.fragment != p->fragment || fresh.fragment_offset != p->fragment_offset ||
	    fresh.routing != p->routing)
		fail_msg("%s: the view is of something else", what);
	if (fresh.checksum != p->checksum && !(p->flags & PKT_PARTIAL))
		fail_msg("%s: checksum at %u, not %u", what, p->checksum, fresh.checksum);
}

/* b becomes expected, with what the crossing has been told. */
static inline void assert_crosses_as(struct crossing *c, const struct built *expected, const char *what)
{
	enum reason r = cross(c);

	if (r != REASON_NONE)
		fail_msg("%s: %s", what, reason_name(r));
	assert_octets(&c->p, expected, what);
	assert_view(&c->p, what);
	crossing_end(c);
}

static inline void assert_crosses(const struct built *b, const struct built *expected, const char *what)
{
	struct crossing c = crossing(b);

	assert_crosses_as(&c, expected, what);
}

/* Refused for the reason, and nothing has changed. */
static inline void assert_refused_as(struct crossing *c, enum reason reason, const char *what)
{
	struct pkt was = c->p;
	struct built b = { .len = c->p.len };
	enum reason r;

	memcpy(b.octets, c->p.ip, c->p.len < OCTETS_ROOM ? c->p.len : OCTETS_ROOM);
	r = cross(c);
	if (r != reason)
		fail_msg("%s: %s, not %s", what, reason_name(r), reason_name(reason));
	assert_memory_equal(&was, &c->p, sizeof(was));
	assert_memory_equal(b.octets, c->p.ip, was.len < OCTETS_ROOM ? was.len : OCTETS_ROOM);
	crossing_end(c);
}

static inline void assert_refused(const struct built *b, enum reason reason, const char *what)
{
	struct crossing c = crossing(b);

	assert_refused_as(&c, reason, what);
}

#endif
