/*
 * A NAT with a network inside, to be shown fragments one by one.
 *
 * Shape    10.0.0.0/16 is translated to 198.51.100.2, 10.9.0.0/16 is not. A struct piece is a
 *          stretch of a datagram's payload, [at, end) in octets.
 * Memory   The arena has exactly the size that nat_size() asks for; what lies behind it is watched.
 */
#ifndef FRAGMENTS_H
#define FRAGMENTS_H

#include "octets.h"

#include "nat/nat.h"

enum { GUARD = 64, HEADER = 20, DATAGRAM_MOST = 65535, FRAGMENT_MS = 30000, TCP_SYN = 2 };

struct net {
	struct nat *nat;
	uint8_t *arena;
	size_t size;
	nat_time now;
	struct nat_config config;
	struct nat_policy policies[2];
	be32 pool[1];
};

static inline be32 be32_of(uint32_t host)
{
	uint8_t octets[4];

	store32(octets, host);
	return be32_load(octets);
}

/* NOTHING_TRANSLATED: there is no other policy than that of 10.9.0.0/16. */
enum { NOTHING_TRANSLATED = 1, SOME_TRANSLATED = 2 };

static inline struct net *net_new_of(size_t policies, uint32_t fragments, uint16_t workers)
{
	struct net *t = calloc(1, sizeof(*t));
	const uint8_t seed[32] = { 7 };

	assert_non_null(t);
	t->now.ms = 1000000;
	t->pool[0] = be32_of(0xc6336402);
	t->policies[0] = (struct nat_policy){ .prefix = be32_of(0x0a090000), .prefix_len = 16 };
	t->policies[1] = (struct nat_policy){ .prefix = be32_of(0x0a000000), .prefix_len = 16,
					      .type = NAT_NAPT44, .pool_count = 1,
					      .ports = { 1024, 65535 } };
	t->config = nat_config_default();
	t->config.sessions = t->config.sessions_per_host = 4096;
	t->config.fragments = fragments;
	t->config.workers = workers;
	t->config.policies = t->policies;
	t->config.policy_count = policies;
	t->config.pool = t->pool;
	t->config.pool_count = 1;
	assert_null(nat_config_fault(&t->config));
	t->size = nat_size(&t->config);
	t->arena = aligned_alloc(64, (t->size + GUARD + 63) / 64 * 64);
	assert_non_null(t->arena);
	memset(t->arena + t->size, 0xa5, GUARD);
	t->nat = nat_init(t->arena, &t->config, seed);
	return t;
}

static inline struct net *net_new(uint32_t fragments, uint16_t workers)
{
	return net_new_of(SOME_TRANSLATED, fragments, workers);
}

static inline void net_free(struct net *t)
{
	const char *fault = nat_check(t->nat);

	if (fault)
		fail_msg("%s", fault);
	for (size_t i = 0; i < GUARD; i++)
		assert_int_equal(t->arena[t->size + i], 0xa5);
	free(t->arena);
	free(t);
}

static inline void later(struct net *t, uint64_t ms)
{
	t->now.ms += ms;
	nat_expire(t->nat, t->now, SIZE_MAX);
}

/* Who speaks to whom, in which datagram. type: of ICMP. */
struct ends {
	uint32_t source, destination;
	uint16_t ports[2];
	uint8_t protocol, type;
	uint16_t id;
	enum nat_side from;
};

struct piece {
	uint32_t at, end;
	bool last;
};

/* A piece as octets; those of the transport header, as far as they are in it, are those of ends.
 * Returns how many. */
static inline size_t piece_write(uint8_t *ip, const struct ends *e, struct piece x)
{
	size_t payload = x.end - x.at, len = HEADER + payload;
	uint8_t head[HEADER] = { 0 };

	memset(ip, 0, HEADER);
	ip[0] = 0x45;
	store16(ip + 2, (uint16_t)len);
	store16(ip + 4, e->id);
	store16(ip + 6, (uint16_t)(x.at / 8 | (x.last ? 0 : 0x2000)));
	ip[8] = 64;
	ip[9] = e->protocol;
	store32(ip + 12, e->source);
	store32(ip + 16, e->destination);
	octets_seal(ip);
	if (e->protocol == PROTO_ICMP) {
		head[0] = e->type;
		store16(head + 4, e->ports[0]);
	} else {
		store16(head, e->ports[0]);
		store16(head + 2, e->ports[1]);
	}
	if (e->protocol == PROTO_UDP)
		store16(head + 4, 4000);
	if (e->protocol == PROTO_TCP)
		store16(head + 12, 5 << 12 | TCP_SYN);
	if (!x.at)
		memcpy(ip + HEADER, head, payload < sizeof(head) ? payload : sizeof(head));
	return len;
}

/* What becomes of a piece. The view is of octets that are gone when the next one is shown. */
struct shown {
	enum nat_fragment is;
	struct nat_fragment_note note;
	struct pkt p;
};

static inline struct shown show(struct net *t, const struct ends *e, struct piece x)
{
	static uint8_t octets[DATAGRAM_MOST];
	struct shown s;

	memset(octets, 0, HEADER + x.end - x.at);
	assert_int_equal(pkt_parse(&s.p, octets, piece_write(octets, e, x), NULL), REASON_NONE);
	s.is = nat_learn(t->nat, t->now, &s.p, e->from, &s.note);
	return s;
}

#endif
