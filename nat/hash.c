/* A tuple is one block of AES: different tuples never agree in all of it, and in which part of it
 * they agree cannot be told without the key. */
#include "hash.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

bool hash_has_aes(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES);
}

__attribute__((target("aes"))) uint64_t hash_aes(const struct hash_key *key, uint64_t a, uint64_t b)
{
	const __m128i k = _mm_loadu_si128((const __m128i *)(const void *)key->k);
	__m128i x = _mm_xor_si128(_mm_set_epi64x((int64_t)b, (int64_t)a), k);

	for (int i = 0; i < 4; i++)
		x = _mm_aesenc_si128(x, k);
	return (uint64_t)_mm_cvtsi128_si64(x);
}

#else

bool hash_has_aes(void)
{
	return false;
}

uint64_t hash_aes(const struct hash_key *key, uint64_t a, uint64_t b)
{
	return hash_words(key, a, b);
}

#endif
