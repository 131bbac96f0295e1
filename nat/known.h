/*
 * Hashes that are known already, so that nothing need be hashed twice.
 *
 * Shape    Beside a hash stands what it is of, and whoever wants one compares: a wrong guess costs
 *          the hash, and nothing else. struct hashes is about one session, with the keys of its
 *          mapping, peer and host.
 * Errors   None.
 */
#ifndef NAT_KNOWN_H
#define NAT_KNOWN_H

#include "hash.h"

struct known {
	struct tuple key;
	uint64_t hash;
};

struct known_words { uint64_t a, b, hash; };

struct hashes {
	struct known session[SIDE_COUNT], mapping[SIDE_COUNT], peer, host;
	struct known_words pooling; /* what its outside address follows from */
};

static inline uint64_t hash_known(const struct hash_key *key, const struct known *k,
				  const struct tuple *t)
{
	return tuple_equal(&k->key, t) ? k->hash : hash_tuple(key, t);
}

static inline uint64_t hash_known_words(const struct hash_key *key, const struct known_words *k,
					uint64_t a, uint64_t b)
{
	return k->a == a && k->b == b ? k->hash : hash_words(key, a, b);
}

/* Nothing is known but the hashes of nothing. */
static inline struct hashes hashes_none(const struct hash_key *key)
{
	const struct tuple empty = { .protocol = 0 };
	const struct known k = { empty, hash_tuple(key, &empty) };

	return (struct hashes){ { k, k }, { k, k }, k, k, { 0, 0, hash_words(key, 0, 0) } };
}

#endif
