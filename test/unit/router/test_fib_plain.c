/* Lookups on a processor that has no instructions to count ones are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fib_rig.h"
#include "fib_trie.h"

enum { PREFIXES = 2000, ADDRESSES = 3000 };

/* Most octets are one of two, so that prefixes lie in one another. */
static struct address random_address(uint64_t *state, uint8_t version)
{
	struct address a = { .version = version };

	for (size_t i = 0; i < address_len(&a); i++) {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		a.octets[i] = (uint8_t)(*state >> 40) % 8 ? (uint8_t)(*state >> 63) :
							    (uint8_t)(*state >> 48);
	}
	return a;
}

static struct fib *random_fib(uint64_t *state)
{
	struct fib *f = fib_new();

	for (uint16_t i = 1; i <= PREFIXES; i++) {
		struct prefix p = { random_address(state, i % 2 ? 4 : 6), 0 };

		p.len = (uint8_t)(1 + (*state >> 33) % address_bits(&p.address));
		assert_int_equal(fib_set(f, &p, i), 0);
	}
	return f;
}

static void finds_the_same_for_ipv4(void **state)
{
	uint16_t one[ADDRESSES], fast[ADDRESSES], plain[ADDRESSES];
	be32 addresses[ADDRESSES];
	uint64_t seed = 41;
	struct fib *f = random_fib(&seed);

	(void)state;
	for (size_t i = 0; i < ADDRESSES; i++)
		addresses[i] = be32_load(random_address(&seed, 4).octets);
	fib_lookup4_batch(f, addresses, fast, ADDRESSES);
	f->fast = false;
	fib_lookup4_batch(f, addresses, plain, ADDRESSES);
	for (size_t i = 0; i < ADDRESSES; i++)
		one[i] = fib_lookup4(f, addresses[i]);
	assert_memory_equal(fast, plain, sizeof(fast));
	assert_memory_equal(fast, one, sizeof(fast));
	fib_free(f);
}

static void finds_the_same_for_ipv6(void **state)
{
	uint16_t one[ADDRESSES], fast[ADDRESSES], plain[ADDRESSES];
	uint8_t addresses[ADDRESSES][16];
	uint64_t seed = 61;
	struct fib *f = random_fib(&seed);

	(void)state;
	for (size_t i = 0; i < ADDRESSES; i++)
		memcpy(addresses[i], random_address(&seed, 6).octets, 16);
	fib_lookup6_batch(f, (const uint8_t (*)[16])addresses, fast, ADDRESSES);
	f->fast = false;
	fib_lookup6_batch(f, (const uint8_t (*)[16])addresses, plain, ADDRESSES);
	for (size_t i = 0; i < ADDRESSES; i++)
		one[i] = fib_lookup6(f, addresses[i]);
	assert_memory_equal(fast, plain, sizeof(fast));
	assert_memory_equal(fast, one, sizeof(fast));
	fib_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_same_for_ipv4),
		cmocka_unit_test(finds_the_same_for_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
