/*
 * Configurations, and datagrams of every kind, on which the program in the kernel and nat_owner() must
 * agree.
 */
#ifndef UNIT_STEERING_H
#define UNIT_STEERING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <unistd.h>

#include "nat/checksum.h"
#include "nat/nat.h"
#include "nat/owner.h"
#include "router/steer.h"

enum { INSIDE = 0x0a000000, POOL = 0xcb007105, OWN = 0xc6336400, REMOTE = 0xc0000200,
       ROOM = 256, ETHERNET = 14, EACH = 4000, FORWARDS_MOST = 2000 };
static const uint8_t seed[32] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2 };

/* Configurations: 10.0.0.0/24 is translated to 203.0.113.5 and on. */
struct setting {
	struct nat_policy policies[6];
	struct nat_forward forwards[FORWARDS_MOST];
	be32 pool[4];
	struct ip6 pool6[4];
	struct nat_config c;
};

static uint32_t pick(uint32_t most)
{
	return (uint32_t)random() % most;
}

static struct nat_policy napt(uint32_t prefix, uint8_t len, uint16_t first, uint16_t count)
{
	return (struct nat_policy){
		.prefix = be32_from(prefix), .prefix_len = len, .type = NAT_NAPT44,
		.pool_first = first, .pool_count = count, .ports = { 1024, 65535 },
	};
}

static struct setting *setting(uint16_t workers)
{
	struct setting *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->c = nat_config_default();
	s->c.sessions = 64;
	s->c.held_ports = s->c.fragments = 64;
	s->c.workers = workers;
	s->c.policies = s->policies;
	s->c.policy_count = 1;
	s->c.forwards = s->forwards;
	s->c.pool = s->pool;
	s->c.pool_count = 4;
	for (uint32_t i = 0; i < 4; i++)
		s->pool[i] = be32_from(POOL + i);
	s->policies[0] = napt(INSIDE, 24, 0, 4);
	return s;
}

struct row { uint8_t protocol; uint32_t external, first, last, internal, internal_first; };

static inline void add(struct setting *s, struct row r)
{
	s->forwards[s->c.forward_count++] = (struct nat_forward){
		.protocol = r.protocol, .external = be32_from(r.external),
		.first = (uint16_t)r.first, .last = (uint16_t)r.last,
		.internal = be32_from(r.internal), .internal_first = (uint16_t)r.internal_first,
	};
}

/* Ports that stay and that change, ranges, and inside endpoints that several forwards share. */
static inline void forwards(struct setting *s)
{
	static const struct row rows[] = {
		{ PROTO_TCP, POOL, 80, 80, INSIDE + 2, 8080 },
		{ PROTO_TCP, POOL, 5003, 5003, INSIDE + 2, 8080 },
		{ PROTO_UDP, POOL, 50000, 65535, INSIDE + 3, 50000 },
		{ PROTO_UDP, POOL + 1, 4, 40, INSIDE + 3, 50010 },
		{ PROTO_TCP, POOL, 1, 40, INSIDE + 2, 20 },
		{ PROTO_GRE, POOL, 0, 65535, INSIDE + 2, 0 },
		{ PROTO_TCP, POOL + 2, 443, 446, INSIDE + 1, 445 },
		{ PROTO_TCP, POOL + 2, 443, 446, INSIDE + 3, 21 },
	};
	struct nat_forward *group = &s->forwards[6];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add(s, rows[i]);
	group[0].grouped = group[1].grouped = true;
	group[0].weight = group[1].weight = 1;
	group[0].targets = 2;
}

/* 2001:db8:which::last */
static inline struct ip6 six(uint8_t which, uint8_t last)
{
	return (struct ip6){ { 0x20, 0x01, 0x0d, 0xb8, 0, which, [15] = last } };
}

/* An address that a side has, often one that some row is about. */
static uint32_t local_address(enum nat_side side)
{
	if (side == SIDE_INSIDE)
		return INSIDE + pick(pick(4) ? 16 : 600);
	return pick(3) ? POOL + pick(5) : OWN + pick(16);
}

static uint16_t some_port(void)
{
	static const uint16_t often[] = { 1, 4, 20, 21, 39, 40, 41, 59, 60, 80, 443, 445, 446, 448, 1023,
					  1024, 5003, 8080, 50000, 50010, 50046, 50047, 65535 };

	return pick(3) ? (uint16_t)random() : often[pick(sizeof(often) / sizeof(often[0]))];
}

static uint8_t some_protocol(void)
{
	static const uint8_t all[] = { PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_UDP, PROTO_ICMP, PROTO_ICMP,
		PROTO_ICMP, PROTO_UDPLITE, PROTO_DCCP, PROTO_SCTP, PROTO_GRE, PROTO_ESP, PROTO_AH, 99 };

	return all[pick(sizeof(all))];
}

static size_t put_v4(uint8_t *at, uint32_t source, uint32_t destination, uint8_t protocol, size_t len)
{
	size_t header = 20 + (pick(4) ? 0 : 4 * pick(11));

	at[0] = (uint8_t)(0x40 | header / 4);
	memset(at + 20, 1, header - 20); /* no operation */
	store16(at + 2, (uint16_t)(header + len));
	at[8] = 64;
	at[9] = protocol;
	store32(at + 12, source);
	store32(at + 16, destination);
	if (pick(12) == 0)
		store16(at + 6, (uint16_t)(pick(2) ? 0x2000 : pick(100)));
	return header;
}

static void seal(uint8_t *at, size_t header)
{
	uint16_t sum;

	store16(at + 10, 0);
	sum = (uint16_t)~csum_of(at, header).raw;
	memcpy(at + 10, &sum, sizeof(sum));
}

/* The header of a protocol that has ports, and what else must be right in it. */
static void put_ports(uint8_t *at, uint8_t protocol, uint16_t source, uint16_t destination, size_t len)
{
	store16(at, source);
	store16(at + 2, destination);
	if (protocol == PROTO_TCP)
		at[12] = 0x50;
	else if (protocol == PROTO_DCCP)
		at[4] = 4, at[8] = 1;
	else if (protocol != PROTO_GRE && protocol != PROTO_ESP)
		store16(at + 4, (uint16_t)len);
	if (protocol == PROTO_SCTP)
		store16(at + 14, 4);
}

static void put_icmp(uint8_t *at, enum nat_side from, int quotes);

/* A datagram that a side sent, or, if it is quoted, got; returns its length. */
static size_t put_datagram(uint8_t *at, enum nat_side from, bool quoted)
{
	uint8_t protocol = some_protocol();
	size_t len = protocol == PROTO_ICMP && !quoted ? 8 + 60 + 24 : 24, header;
	uint32_t local = local_address(from), remote = REMOTE + pick(3);
	uint16_t local_port = some_port(), remote_port = some_port();
	bool outward = (from == SIDE_INSIDE) != quoted;

	if (outward)
		header = put_v4(at, local, remote, protocol, len);
	else
		header = put_v4(at, remote, local, protocol, len);
	put_ports(at + header, protocol, outward ? local_port : remote_port,
		  outward ? remote_port : local_port, len);
	if (protocol == PROTO_ICMP)
		put_icmp(at + header, from, !quoted);
	seal(at, header);
	return header + len;
}

static void put_icmp(uint8_t *at, enum nat_side from, int quotes)
{
	static const uint8_t types[] = { 0, 8, 13, 14, 3, 11, 12, 5 };

	at[0] = types[pick(sizeof(types))];
	store16(at + 4, some_port());
	if (quotes)
		put_datagram(at + 8, from, true);
}

static struct ip6 some_address6(enum nat_side of)
{
	static const uint8_t all[] = { 1, 1, 1, 2, 3, 4, 9, 0x64 };
	struct ip6 a = six(all[pick(sizeof(all))], (uint8_t)pick(3));

	if (of == SIDE_OUTSIDE && pick(3)) {
		a = six(0x64, (uint8_t)pick(4));
		store32(a.octets + 12, REMOTE + pick(3));
	}
	return a;
}

static void put_echo(uint8_t *at)
{
	at[0] = (uint8_t)(128 + pick(pick(4) ? 2 : 4));
	store16(at + 4, some_port());
}

/* Whoever it is for and from, and of whatever protocol, but for errors. */
static size_t put_v6(uint8_t *at, enum nat_side from)
{
	uint8_t protocol = pick(6) ? some_protocol() : PROTO_ICMPV6;
	struct ip6 local = some_address6(SIDE_INSIDE), remote = some_address6(SIDE_OUTSIDE);

	at[0] = 0x60;
	store16(at + 4, 24);
	at[6] = protocol == PROTO_AH ? PROTO_ICMPV6 : protocol;
	memcpy(at + 8, from == SIDE_INSIDE ? &local : &remote, 16);
	memcpy(at + 24, from == SIDE_INSIDE ? &remote : &local, 16);
	put_ports(at + 40, at[6], some_port(), some_port(), 24);
	if (at[6] == PROTO_ICMPV6)
		put_echo(at + 40);
	return 64;
}

static uint16_t run(int program, const uint8_t *frame, size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = (uint32_t)len);

	assert_int_equal(bpf_prog_test_run_opts(program, &o), 0);
	return (uint16_t)o.retval;
}

/* As a TAP device shows it, behind none to two tags. What the test of programs takes for an Ethernet
 * header stands in front of all. */
static uint16_t run_framed(int program, const uint8_t *frame, size_t len)
{
	static const uint8_t tags[] = { 0x88, 0xa8, 0, 200, 0x81, 0, 0, 100 };
	uint8_t framed[ROOM + 2 * ETHERNET] = { 0 }, *at = framed + ETHERNET;
	size_t tags_len = 4 * pick(3);

	memcpy(framed, frame, ETHERNET);
	memcpy(at, frame, 12);
	memcpy(at + 12, tags + sizeof(tags) - tags_len, tags_len);
	memcpy(at + 12 + tags_len, frame + 12, len - 12);
	return run(program, framed, ETHERNET + tags_len + len);
}

/* One datagram; returns whether it was one. */
static bool agree(const struct nat_config *c, const struct nat *n, int program, int framed,
		  enum nat_side from)
{
	uint8_t frame[ROOM] = { [12] = 8 };
	bool v6 = pick(nat_has_six(c) ? 2 : 20) == 0;
	size_t len = v6 ? put_v6(frame + ETHERNET, from) : put_datagram(frame + ETHERNET, from, false);
	struct pkt p;

	if (v6)
		store16(frame + 12, 0x86dd);
	if (pkt_parse(&p, frame + ETHERNET, len, NULL) != REASON_NONE)
		return false;
	if (run(program, frame, len + ETHERNET) == nat_owner(n, &p, from) &&
	    run_framed(framed, frame, len + ETHERNET) == nat_owner(n, &p, from))
		return true;
	print_error("protocol %u, from %u\n", p.protocol, from);
	for (size_t i = 0; i < p.len; i++)
		print_error("%02x%s", p.ip[i], i % 4 == 3 ? " " : "");
	print_error("\n");
	assert_int_equal(run(program, frame, len + ETHERNET), nat_owner(n, &p, from));
	fail_msg("behind an Ethernet header");
	return false;
}

static void compare(const struct setting *s, enum nat_side from)
{
	void *arena = calloc(1, nat_size(&s->c));
	struct nat *n = nat_init(arena, &s->c, seed);
	int program = steer_load(&s->c, seed, from), framed = steer_load_ethernet(&s->c, seed, from);
	size_t compared = 0;

	assert_true(program >= 0 && framed >= 0);
	for (int i = 0; i < EACH; i++)
		compared += agree(&s->c, n, program, framed, from);
	assert_true(compared > EACH / 2);
	close(program);
	close(framed);
	free(arena);
}

static inline void judge_from(void (*make)(struct setting *), unsigned sides)
{
	static const uint16_t workers[] = { 1, 2, 3, 4, 8 };

	if (steer_probe() < 0) {
		print_message("SKIP: the kernel takes no program from us\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		struct setting *s = setting(workers[i]);

		make(s);
		assert_null(nat_config_fault(&s->c));
		for (unsigned side = 0; side < SIDE_COUNT; side++)
			if (sides & 1u << side)
				compare(s, (enum nat_side)side);
		free(s);
	}
}

static inline void judge(void (*make)(struct setting *))
{
	judge_from(make, 1u << SIDE_INSIDE | 1u << SIDE_OUTSIDE);
}

#endif
