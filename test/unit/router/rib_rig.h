/* Routes in few words, and where they lead. */
#ifndef TEST_RIB_RIG_H
#define TEST_RIB_RIG_H

#include "route_rig.h"
#include "router/rib.h"

static inline struct hop via(const char *text)
{
	return (struct hop){ .kind = HOP_VIA, .interface = 1, .via = address(text) };
}

static inline struct hop kind(enum hop_kind k)
{
	return (struct hop){ .kind = k };
}

static inline struct route route(const char *text, struct hop hop, uint32_t metric,
				 enum route_origin origin)
{
	return (struct route){ prefix(text), hop, metric, origin, 0 };
}

static inline void add(struct rib *r, const char *text, struct hop hop, uint32_t metric,
		       enum route_origin origin)
{
	struct route it = route(text, hop, metric, origin);

	assert_int_equal(rib_add(r, &it), 0);
}

static inline void drop(struct rib *r, const char *text, struct hop hop, uint32_t metric,
			enum route_origin origin)
{
	struct route it = route(text, hop, metric, origin);

	assert_int_equal(rib_remove(r, &it), 0);
}

static inline uint16_t number_of(struct rib *r, const struct address *a)
{
	return a->version == 4 ? fib_lookup4(rib_fib(r), be32_load(a->octets)) :
				 fib_lookup6(rib_fib(r), a->octets);
}

static inline uint16_t number(struct rib *r, const char *text)
{
	struct address a = address(text);

	return number_of(r, &a);
}

static inline const struct hop *hop_to(struct rib *r, const char *text)
{
	return rib_hop(r, number(r, text), 0);
}

static inline void leads_via(struct rib *r, const char *to, const char *gateway)
{
	struct address a = address(gateway);
	const struct hop *hop = hop_to(r, to);

	assert_int_equal(hop->kind, HOP_VIA);
	assert_true(address_equal(&hop->via, &a));
}

static inline size_t route_count(const struct rib *r)
{
	struct route it;
	size_t cursor = 0, count = 0;
	bool best;

	while (rib_next(r, &cursor, &it, &best))
		count++;
	return count;
}

/* How often each of some gateways 192.0.2.0 … is chosen by so many hashes. */
enum { HASHES = 48000 };

static inline uint32_t hash_of(uint32_t i)
{
	return i * 0x9e3779b1u;
}

static inline void count_shares(struct rib *r, const char *to, unsigned shares[32])
{
	uint16_t n = number(r, to);

	memset(shares, 0, 32 * sizeof(shares[0]));
	for (uint32_t i = 0; i < HASHES; i++) {
		const struct hop *hop = rib_hop(r, n, hash_of(i));

		assert_int_equal(hop->kind, HOP_VIA);
		shares[hop->via.octets[3]]++;
	}
}

/* One of some, each with the same weight. */
static inline void is_share(unsigned share, unsigned of)
{
	assert_in_range(share, HASHES / of * 95 / 100, HASHES / of * 105 / 100);
}

#endif
