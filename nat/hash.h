/*
 * Keyed hashes of tuples, so that nobody outside can choose tuples that collide.
 *
 * Sources  Aumasson, Bernstein: SipHash, a fast short-input PRF (2012); one compression round and
 *          three of finalization. FIPS 197: four rounds of AES, where the processor has them.
 * Shape    hash_words() is SipHash on every machine, for what decides how packets look.
 *          hash_tuple() only finds places in tables and may differ from machine to machine.
 * Errors   None.
 */
#ifndef NAT_HASH_H
#define NAT_HASH_H

#include "nat/tuple.h"

struct hash_key {
	uint64_t k[2];
	bool aes; /* the processor can */
};

/* Whether hash_aes() may be called; the hash of two words by it. */
bool hash_has_aes(void);
uint64_t hash_aes(const struct hash_key *key, uint64_t a, uint64_t b);

static inline uint64_t hash_rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void hash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = hash_rotate(v[1], 13) ^ v[0];
	v[3] = hash_rotate(v[3], 16) ^ v[2];
	v[0] = hash_rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = hash_rotate(v[1], 17) ^ v[2];
	v[3] = hash_rotate(v[3], 21) ^ v[0];
	v[2] = hash_rotate(v[2], 32);
}

/* Hash of two words, as a message of 16 octets. */
static inline uint64_t hash_words(const struct hash_key *key, uint64_t a, uint64_t b)
{
	const uint64_t m[3] = { a, b, (uint64_t)16 << 56 };
	uint64_t v[4] = {
		key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d,
		key->k[0] ^ 0x6c7967656e657261, key->k[1] ^ 0x7465646279746573,
	};

	for (int i = 0; i < 3; i++) {
		v[3] ^= m[i];
		hash_round(v);
		v[0] ^= m[i];
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		hash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t hash_tuple(const struct hash_key *key, const struct tuple *t)
{
	uint64_t words[2];

	memcpy(words, t, sizeof(words));
	return key->aes ? hash_aes(key, words[0], words[1]) : hash_words(key, words[0], words[1]);
}

#endif
