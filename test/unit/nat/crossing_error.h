/*
 * ICMP errors on their way, from a router, 203.0.113.1 or 64:ff9b::203.0.113.1, to who sent what they
 * quote: 198.51.100.7 to 192.0.2.33, or the same in IPv6.
 */
#ifndef UNIT_CROSSING_ERROR_H
#define UNIT_CROSSING_ERROR_H

#include "crossing.h"

#define QUOTED4_AS(ident, field, ttl, proto) \
	"4500 0000 " ident " " field " " ttl proto " 0000 " DESTINATION4 " " SOURCE4 " "
#define QUOTED6_AS(next, hops) "60000000 0000 " next hops " " DESTINATION6 " " SOURCE6 " "
#define QUOTED4(proto) QUOTED4_AS("0000", "0000", "01", proto)
#define QUOTED6(next) QUOTED6_AS(next, "01")

#define ROUTER4 "cb007101"
#define ROUTER6 "0064ff9b0000000000000000cb007101"

/* The same header in both. */
#define HEADER4 "4500 0000 4321 0000 4001 0000 " ROUTER4 DESTINATION4
#define HEADER6 "60000000 0000 3a40 " ROUTER6 DESTINATION6

/* An error whose quote is the first octets of a datagram (0: all), padded with zeros to so many (0: not
 * at all), and then what follows. */
struct quoting {
	const char *header, *icmp;
	const struct built *quoted;
	size_t octets, padded;
	const char *rest;
};

static inline struct built error(const struct quoting *q)
{
	struct built b = { .len = octets_read(b.octets, q->header) };
	size_t octets = q->octets ? q->octets : q->quoted->len, begin;

	b.len += octets_read(b.octets + b.len, q->icmp);
	begin = b.len;
	assert_true(octets <= q->quoted->len && b.len + octets <= OCTETS_ROOM);
	memcpy(b.octets + b.len, q->quoted->octets, octets);
	for (b.len += octets; b.len < begin + q->padded; b.len++)
		b.octets[b.len] = 0;
	if (q->rest)
		b.len += octets_read(b.octets + b.len, q->rest);
	put_lengths(&b);
	put_checksum(&b);
	return b;
}

/* What is quoted, in both families. */
#define UDP "0035 1388 0000 0000"
#define TCP "0050 1388 00000001 00000002 5018 ffff 0000 0000"
#define EXPIRED4 "0b00 0000 00000000"
#define EXPIRED6 "0300 0000 00000000"

static const struct kind { const char *what, *v4, *v6, *proto4, *proto6; } kinds[] = {
	{ "UDP", UDP, UDP, "11", "11" },
	{ "TCP", TCP, TCP, "06", "06" },
	{ "echo request", "0800 0000 1388 0001", "8000 0000 1388 0001", "01", "3a" },
	{ "echo reply", "0000 0000 1388 0001", "8100 0000 1388 0001", "01", "3a" },
	{ "ESP", "0000000700000001", "0000000700000001", "32", "32" },
	{ "GRE", "00000800 00000000", "00000800 00000000", "2f", "2f" },
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

/* What was sent, and is quoted. */
static inline struct built sent(const struct kind *k, int version, size_t payload)
{
	char header[160];

	snprintf(header, sizeof(header), version == 4 ? QUOTED4("%s") : QUOTED6("%s"),
		 version == 4 ? k->proto4 : k->proto6);
	return sized(header, version == 4 ? k->v4 : k->v6, payload);
}

static inline struct built expired(const struct built *quoted, size_t octets)
{
	bool v4 = quoted->octets[0] >> 4 == 4;
	struct quoting q = { .header = v4 ? HEADER4 : HEADER6, .icmp = v4 ? EXPIRED4 : EXPIRED6,
			     .quoted = quoted, .octets = octets };

	return error(&q);
}

struct crossing_error {
	struct crossing c;
	struct pkt quoted;
	struct family_ends inner;
};

static inline void address(void *at, const char *text)
{
	uint8_t octets[OCTETS_ROOM];

	memcpy(at, octets, octets_read(octets, text));
}

static inline struct crossing_error crossing_error(const struct built *b, size_t more)
{
	struct crossing_error x = { .c = crossing_roomy(b, NULL, more) };

	x.c.r.room = (uint32_t)(b->len + more);
	x.inner = ends_from(x.c.p.version);
	if (x.c.p.version == 4) {
		address(&x.c.e.source6, ROUTER6);
		address(&x.c.e.destination6, DESTINATION6);
		address(&x.inner.source6, DESTINATION6);
		address(&x.inner.destination6, SOURCE6);
	} else {
		address(&x.c.e.source4, ROUTER4);
		address(&x.c.e.destination4, DESTINATION4);
		address(&x.inner.source4, DESTINATION4);
		address(&x.inner.destination4, SOURCE4);
	}
	assert_int_equal(pkt_parse_quoted(&x.quoted, &x.c.p), REASON_NONE);
	return x;
}

static inline enum reason cross_error(struct crossing_error *x)
{
	return family_error(&x->c.p, &x->quoted, &x->c.e, &x->inner, &x->c.r);
}

static inline void assert_error_as(struct crossing_error *x, const struct built *expected,
				   const char *what)
{
	enum reason r = cross_error(x);

	if (r != REASON_NONE)
		fail_msg("%s: %s", what, reason_name(r));
	assert_octets(&x->c.p, expected, what);
	assert_view(&x->c.p, what);
	assert_true(pkt_checksum_valid(&x->c.p));
	crossing_end(&x->c);
}

/* With as much room as there may be. */
static inline void assert_error(const struct built *b, const struct built *expected, const char *what)
{
	struct crossing_error x = crossing_error(b, 1500);

	assert_error_as(&x, expected, what);
}

static inline void assert_error_refused(struct crossing_error *x, enum reason reason, const char *what)
{
	struct pkt was = x->c.p;
	struct built b = { .len = x->c.p.len };
	enum reason r;

	memcpy(b.octets, x->c.p.ip, b.len);
	r = cross_error(x);
	if (r != reason)
		fail_msg("%s: %s, not %s", what, reason_name(r), reason_name(reason));
	assert_memory_equal(&was, &x->c.p, sizeof(was));
	assert_memory_equal(b.octets, x->c.p.ip, b.len);
	crossing_end(&x->c);
}

#endif
