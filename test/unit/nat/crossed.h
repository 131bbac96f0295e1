/*
 * A NAT without sessions, and datagrams of both families on their way through it.
 */
#ifndef UNIT_CROSSED_H
#define UNIT_CROSSED_H

#include "addresses.h"
#include "crossing.h"

#include "nat/eam.h"
#include "nat/nat.h"

enum { EAMS_MOST = 4, ROOM = NAT_HEADROOM + OCTETS_ROOM };

/* With entries and addresses of the test's. */
struct world {
	struct nat_policy policies[3];
	struct nat_eam eams[EAMS_MOST], eams_by6[EAMS_MOST];
	be32 pool[2];
	struct ip6 pool6[2];
	struct nat_config config;
	void *memory;
	struct nat *nat;
};

static inline void world_has_eam(struct world *w, const char *v4, uint8_t len4, const char *v6)
{
	struct nat_policy6 *p = &w->policies[0].v6;

	w->eams[p->eam_count++] = (struct nat_eam){ v4_of(v4), len4, prefix6_of(v6) };
	memcpy(w->eams_by6, w->eams, sizeof(w->eams));
	eam_sort4(w->eams, p->eam_count);
	eam_sort6(w->eams_by6, p->eam_count);
	p->eams = w->eams;
	p->eams_by6 = w->eams_by6;
}

/* What w->config lacks, and the NAT. */
static inline void world_begin(struct world *w, size_t policy_count)
{
	static const uint8_t seed[32] = "any";
	struct nat_config c = nat_config_default();
	const char *fault;

	c.worker = w->config.worker;
	c.workers = w->config.workers ? w->config.workers : 1;
	c.sessions = 64;
	c.policies = w->policies;
	c.policy_count = policy_count;
	memcpy(c.mtu, w->config.mtu, sizeof(c.mtu));
	c.pool = w->pool;
	c.pool6 = w->pool6;
	c.pool_count = 2;
	w->config = c;
	fault = nat_config_fault(&w->config);
	if (fault)
		fail_msg("%s", fault);
	w->memory = aligned_alloc(64, (nat_size(&c) + 63) / 64 * 64);
	assert_non_null(w->memory);
	w->nat = nat_init(w->memory, &w->config, seed);
}

static inline void world_end(struct world *w)
{
	assert_null(nat_check(w->nat));
	free(w->memory);
}

/* Headers from the text of addresses: TTL 64, no traffic class, no identification. */
static inline struct built v4_with(const char *source, const char *destination, uint8_t protocol,
				   const struct built *rest)
{
	struct built b = { .octets = { 0x45, [6] = 0x40, [8] = 64, [9] = protocol }, .len = 20 };
	be32 a = v4_of(source), z = v4_of(destination);

	memcpy(b.octets + 12, &a, 4);
	memcpy(b.octets + 16, &z, 4);
	memcpy(b.octets + b.len, rest->octets, rest->len);
	b.len += rest->len;
	put_lengths(&b);
	put_checksum(&b);
	return b;
}

static inline struct built v6_with(const char *source, const char *destination, uint8_t protocol,
				   const struct built *rest)
{
	struct built b = { .octets = { 0x60, [6] = protocol, [7] = 64 }, .len = 40 };
	struct ip6 a = v6_of(source), z = v6_of(destination);

	memcpy(b.octets + 8, &a, 16);
	memcpy(b.octets + 24, &z, 16);
	memcpy(b.octets + b.len, rest->octets, rest->len);
	b.len += rest->len;
	put_lengths(&b);
	put_checksum(&b);
	return b;
}

static inline struct built text_built(const char *text)
{
	struct built b;

	b.len = octets_read(b.octets, text);
	return b;
}

static inline struct built v4(const char *source, const char *destination, uint8_t protocol,
			      const char *rest)
{
	struct built b = text_built(rest);

	return v4_with(source, destination, protocol, &b);
}

static inline struct built v6(const char *source, const char *destination, uint8_t protocol,
			      const char *rest)
{
	struct built b = text_built(rest);

	return v6_with(source, destination, protocol, &b);
}

/* An ICMP message of four octets of type, code and checksum, four more, and a quote. */
static inline struct built message(const char *first, const struct built *quoted)
{
	struct built b = text_built(first);

	memcpy(b.octets + b.len, quoted->octets, quoted->len);
	b.len += quoted->len;
	return b;
}

struct crossed {
	uint8_t memory[ROOM];
	struct pkt p;
	struct nat_job job;
};

static inline void crossed_take(struct crossed *c, const struct built *b, enum nat_side from)
{
	memcpy(c->memory + NAT_HEADROOM, b->octets, b->len);
	assert_int_equal(pkt_parse(&c->p, c->memory + NAT_HEADROOM, b->len, NULL), REASON_NONE);
	c->job = (struct nat_job){ .p = &c->p, .from = from, .room = OCTETS_ROOM };
}

static inline void crossed_go(struct world *w, struct crossed *c)
{
	nat_process(w->nat, (nat_time){ 1000 }, &c->job);
}

static inline void crossed_through(struct world *w, struct crossed *c, const struct built *b,
				   enum nat_side from)
{
	crossed_take(c, b, from);
	crossed_go(w, c);
}

static inline void assert_verdict(const struct crossed *c, enum nat_verdict verdict, enum reason reason)
{
	if (c->job.reason != reason)
		fail_msg("%s, not %s", reason_name(c->job.reason), reason_name(reason));
	assert_int_equal(c->job.verdict, verdict);
}

/* The identification is the NAT's own, in the datagram and in no quote. */
static inline void assert_came_out(struct crossed *c, enum nat_verdict verdict,
				   const struct built *expected, const char *what)
{
	struct built e = *expected;

	assert_verdict(c, verdict, REASON_NONE);
	if (c->p.version == 4 && e.octets[0] >> 4 == 4) {
		memcpy(e.octets + 4, c->p.ip + 4, 2);
		octets_seal(e.octets);
	}
	assert_octets(&c->p, &e, what);
	assert_view(&c->p, what);
}

static inline void assert_crossed(struct world *w, enum nat_side from, const struct built *b,
				  const struct built *expected, const char *what)
{
	struct crossed c;

	crossed_through(w, &c, b, from);
	assert_came_out(&c, NAT_FORWARD, expected, what);
}

/* Not let through, or not for the NAT; and unchanged. */
static inline void assert_stays(struct world *w, enum nat_side from, const struct built *b,
				enum nat_verdict verdict, enum reason reason)
{
	struct crossed c;

	crossed_through(w, &c, b, from);
	assert_verdict(&c, verdict, reason);
	assert_octets(&c.p, b, "unchanged");
	assert_ptr_equal(c.p.ip, c.memory + NAT_HEADROOM);
}

#endif
