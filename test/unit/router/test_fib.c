/* The forwarding table against a linear search over the same prefixes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "fib_rig.h"

/* xorshift64: the same numbers in every run. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint16_t lookup(const struct fib *f, const char *text)
{
	struct address a = address(text);

	return lookup_address(f, &a);
}

/* The model: an array, searched from one end to the other. */
enum { MODEL_MOST = 400 };

struct model {
	struct { struct prefix prefix; uint16_t hop; } routes[MODEL_MOST];
	size_t count;
};

static size_t model_find(const struct model *m, const struct prefix *p)
{
	size_t i = 0;

	while (i < m->count && !prefix_equal(&m->routes[i].prefix, p))
		i++;
	return i;
}

static void model_set(struct model *m, const struct prefix *p, uint16_t hop)
{
	size_t i = model_find(m, p);

	m->routes[i].prefix = *p;
	m->routes[i].hop = hop;
	m->count += i == m->count;
}

static void model_remove(struct model *m, const struct prefix *p)
{
	size_t i = model_find(m, p);

	if (i < m->count)
		m->routes[i] = m->routes[--m->count];
}

static uint16_t model_lookup(const struct model *m, const struct address *a)
{
	uint16_t hop = FIB_NONE;
	int longest = -1;

	for (size_t i = 0; i < m->count; i++) {
		const struct prefix *p = &m->routes[i].prefix;

		if (p->len > longest && prefix_contains(p, a)) {
			longest = p->len;
			hop = m->routes[i].hop;
		}
	}
	return hop;
}

/* Addresses that crowd: half of them differ in the last octets only, the others are made of few
 * octets, so that prefixes nest, touch and fill nodes at all levels. */
static struct address random_address(uint64_t *state, uint8_t version)
{
	static const uint8_t octets[] = { 0x00, 0x01, 0x0a, 0x7f, 0x80, 0xfe, 0xff };
	struct address a = version == 4 ? address("10.1.1.0") : address("2001:db8:1:2::");
	uint64_t r = random_next(state);
	size_t len = address_len(&a), same = r % 2 ? len - 1 - r / 2 % 3 : 0;

	for (size_t i = same; i < len; i++) {
		r = random_next(state);
		a.octets[i] = same || r % 16 == 0 ? (uint8_t)(r >> 8) : octets[(r >> 8) % 7];
	}
	return a;
}

static struct prefix random_prefix(uint64_t *state, uint8_t version)
{
	struct prefix p = { .address = random_address(state, version) };

	if (random_next(state) % 2)
		p.len = (uint8_t)(random_next(state) % (address_bits(&p.address) + 1u));
	else
		p.len = (uint8_t)(address_bits(&p.address) - random_next(state) % 24);
	return prefix_masked(p);
}

/* The first or last address of a prefix, or one of its neighbours. */
static struct address edge_of(const struct prefix *p, uint64_t r)
{
	struct address a = p->address;

	for (unsigned bit = p->len; r % 2 && bit < address_bits(&a); bit++)
		a.octets[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (r % 8 < 2 && p->len)
		a.octets[(p->len - 1) / 8] ^= (uint8_t)(0x80 >> (p->len - 1) % 8);
	return a;
}

static void compare(const struct fib *f, const struct model *m, const struct address *a)
{
	char text[ADDRESS_TEXT];
	uint16_t is = lookup_address(f, a), ought = model_lookup(m, a);

	if (is != ought)
		fail_msg("%s: %u, not %u", address_format(a, text), is, ought);
}

/* Negative if a comes before b in a listing. */
static int prefix_order(const struct prefix *a, const struct prefix *b)
{
	int by_octets = memcmp(a->address.octets, b->address.octets, 16);

	if (a->address.version != b->address.version)
		return a->address.version - b->address.version;
	return by_octets ? by_octets : a->len - b->len;
}

/* Everything is listed once, in order. */
static void compare_listing(const struct fib *f, const struct model *m)
{
	struct fib_cursor cursor = { 0 };
	struct prefix p, before = { 0 };
	uint16_t hop;
	size_t count = 0;

	for (; fib_next(f, &cursor, &p, &hop); count++, before = p) {
		size_t i = model_find(m, &p);

		assert_true(i < m->count);
		assert_int_equal(m->routes[i].hop, hop);
		assert_true(!count || prefix_order(&before, &p) < 0);
	}
	assert_int_equal(count, m->count);
	assert_int_equal(fib_size(f).prefixes4 + fib_size(f).prefixes6, m->count);
}

/* One random change of both, then look around. */
static void step(struct fib *f, struct model *m, uint64_t *state, uint8_t version)
{
	uint64_t r = random_next(state);
	struct prefix p = random_prefix(state, version);
	uint16_t hop = (uint16_t)(1 + (r >> 8) % FIB_HOP_MOST);

	/* Half of the time a prefix that is there. */
	if (m->count && r % 2)
		p = m->routes[(r >> 32) % m->count].prefix;
	if (m->count == MODEL_MOST || r % 8 < 4) {
		assert_int_equal(fib_remove(f, &p), 0);
		model_remove(m, &p);
	} else {
		assert_int_equal(fib_set(f, &p, hop), 0);
		model_set(m, &p, hop);
	}
	for (int i = 0; i < 8; i++) {
		struct address near = edge_of(&p, random_next(state));
		struct address any = random_address(state, version);

		compare(f, m, &near);
		compare(f, m, &any);
	}
}

static void differential(uint8_t version, uint64_t seed)
{
	struct fib *f = fib_new();
	struct model m = { .count = 0 };

	assert_non_null(f);
	for (int i = 0; i < 12000; i++) {
		step(f, &m, &seed, version);
		if (i % 64 == 0)
			fib_reclaim(f);
		if (i % 1024 == 0)
			compare_listing(f, &m);
	}
	while (m.count) {
		struct prefix p = m.routes[m.count / 2].prefix;
		struct address a = edge_of(&p, random_next(&seed));

		assert_int_equal(fib_remove(f, &p), 0);
		model_remove(&m, &p);
		compare(f, &m, &a);
	}
	compare_listing(f, &m);
	fib_free(f);
}

static void agrees_with_linear_search_v4(void **state)
{
	(void)state;
	differential(4, 0x1234567);
}

static void agrees_with_linear_search_v6(void **state)
{
	(void)state;
	differential(6, 0x89abcdef);
}

/* RFC 1812 section 5.2.4.3: the longest that matches; taken away, the next longer one. */
static void finds_the_longest_v4(void **state)
{
	static const char *const nested[] = { "0.0.0.0/0",   "10.0.0.0/8",  "10.1.0.0/18",
					      "10.1.0.0/19", "10.1.1.0/24", "10.1.1.128/25",
					      "10.1.1.130/32" };
	enum { COUNT = sizeof(nested) / sizeof(nested[0]) };
	struct fib *f = fib_new();

	(void)state;
	assert_int_equal(lookup(f, "10.1.1.130"), FIB_NONE);
	for (uint16_t i = 0; i < COUNT; i++) {
		set(f, nested[i], (uint16_t)(i + 1));
		assert_int_equal(lookup(f, "10.1.1.130"), i + 1);
	}
	assert_int_equal(lookup(f, "10.1.1.131"), 6);
	assert_int_equal(lookup(f, "10.1.1.1"), 5);
	assert_int_equal(lookup(f, "10.1.0.1"), 4);
	assert_int_equal(lookup(f, "10.1.63.1"), 3);
	assert_int_equal(lookup(f, "10.1.64.1"), 2);
	assert_int_equal(lookup(f, "11.0.0.0"), 1);
	for (uint16_t i = COUNT; i > 0; i--) {
		assert_int_equal(lookup(f, "10.1.1.130"), i);
		drop(f, nested[i - 1]);
	}
	assert_int_equal(lookup(f, "10.1.1.130"), FIB_NONE);
	fib_free(f);
}

/* The same from the inside out, and IPv4's table stays out of it. */
static void finds_the_longest_v6(void **state)
{
	static const char *const nested[] = { "2001:db8:1:2::3/128", "2001:db8:1:2::/127",
					      "2001:db8:1:2::/64", "2001:db8:1::/48",
					      "2001:db8::/32", "2000::/3", "::/0" };
	enum { COUNT = sizeof(nested) / sizeof(nested[0]) };
	struct fib *f = fib_new();

	(void)state;
	for (uint16_t i = COUNT; i > 0; i--)
		set(f, nested[i - 1], i);
	assert_int_equal(lookup(f, "2001:db8:1:2::3"), 1);
	assert_int_equal(lookup(f, "2001:db8:1:2::1"), 2);
	assert_int_equal(lookup(f, "2001:db8:1:2::2"), 3);
	assert_int_equal(lookup(f, "2001:db8:1:3::"), 4);
	assert_int_equal(lookup(f, "2001:db8:2::"), 5);
	assert_int_equal(lookup(f, "3fff::"), 6);
	assert_int_equal(lookup(f, "4000::"), 7);
	for (uint16_t i = 1; i < COUNT; i++) {
		drop(f, nested[i - 1]);
		assert_int_equal(lookup(f, "2001:db8:1:2::3"), i == 1 ? 3 : i == 2 ? 3 : i + 1);
	}
	assert_int_equal(lookup(f, "32.1.13.184"), FIB_NONE);
	assert_int_equal(fib_size(f).prefixes4, 0);
	assert_int_equal(fib_size(f).prefixes6, 1);
	fib_free(f);
}

/* Bits behind len do not matter, and what is not there can be removed. */
static void ignores_bits_behind_the_length(void **state)
{
	struct fib *f = fib_new();

	(void)state;
	set(f, "192.168.7.1/24", 9);
	assert_int_equal(lookup(f, "192.168.7.255"), 9);
	assert_int_equal(lookup(f, "192.168.6.255"), FIB_NONE);
	drop(f, "192.168.7.0/25");
	drop(f, "192.168.0.0/16");
	drop(f, "0.0.0.0/0");
	drop(f, "fd00::/8");
	assert_int_equal(lookup(f, "192.168.7.0"), 9);
	drop(f, "192.168.7.77/24");
	assert_int_equal(lookup(f, "192.168.7.0"), FIB_NONE);
	fib_free(f);
}

static void lists_in_order(void **state)
{
	static const char *const sorted[] = { "0.0.0.0/0", "0.0.0.0/32", "10.0.0.0/8",
					      "10.0.0.0/24", "10.0.0.128/25", "10.0.1.0/24",
					      "10.128.0.0/9",
					      "255.255.255.255/32", "::/0", "::/128", "fd00::/8",
					      "fd00::1/128", "ffff::/16" };
	enum { COUNT = sizeof(sorted) / sizeof(sorted[0]) };
	struct fib *f = fib_new();
	struct fib_cursor cursor = { 0 };
	char text[PREFIX_TEXT];
	struct prefix p;
	uint16_t hop;

	(void)state;
	for (uint16_t i = 0; i < COUNT; i++)
		set(f, sorted[(i * 5 + 3) % COUNT], (uint16_t)((i * 5 + 3) % COUNT + 1));
	for (uint16_t i = 0; i < COUNT; i++) {
		assert_true(fib_next(f, &cursor, &p, &hop));
		assert_string_equal(prefix_format(&p, text), sorted[i]);
		assert_int_equal(hop, i + 1);
	}
	assert_false(fib_next(f, &cursor, &p, &hop));
	fib_free(f);
}

enum { QUESTIONS = 1000 };
static const size_t counts[] = { 0, 1, 63, 64, 65, QUESTIONS };

static struct fib *random_fib(uint64_t *seed, uint8_t version)
{
	struct fib *f = fib_new();

	for (uint16_t i = 0; i < 300; i++) {
		struct prefix p = random_prefix(seed, version);

		assert_int_equal(fib_set(f, &p, (uint16_t)(i + 1)), 0);
	}
	return f;
}

static void answers_batches_alike(void **state)
{
	be32 addresses[QUESTIONS];
	uint16_t hops[QUESTIONS + 1];
	uint64_t seed = 77;
	struct fib *f = random_fib(&seed, 4);

	(void)state;
	for (size_t i = 0; i < QUESTIONS; i++)
		addresses[i] = be32_load(random_address(&seed, 4).octets);
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		hops[counts[c]] = 4711;
		fib_lookup4_batch(f, addresses, hops, counts[c]);
		for (size_t i = 0; i < counts[c]; i++)
			assert_int_equal(hops[i], fib_lookup4(f, addresses[i]));
		assert_int_equal(hops[counts[c]], 4711);
	}
	fib_free(f);
}

static void answers_batches_of_ipv6_alike(void **state)
{
	uint8_t addresses[QUESTIONS][16];
	uint16_t hops[QUESTIONS + 1];
	uint64_t seed = 78;
	struct fib *f = random_fib(&seed, 6);

	(void)state;
	for (size_t i = 0; i < QUESTIONS; i++)
		memcpy(addresses[i], random_address(&seed, 6).octets, 16);
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		hops[counts[c]] = 4711;
		fib_lookup6_batch(f, (const uint8_t (*)[16])addresses, hops, counts[c]);
		for (size_t i = 0; i < counts[c]; i++)
			assert_int_equal(hops[i], fib_lookup6(f, addresses[i]));
		assert_int_equal(hops[counts[c]], 4711);
	}
	fib_free(f);
}

/* One after the other a few prefixes under each of many places come, change and go. */
static void come_and_go(struct fib *f, uint32_t place)
{
	struct prefix p4 = prefix("10.0.0.0/32"), p6 = prefix("2001:db8::/64");

	store32(p4.address.octets, 0x0a000000 + place * 4096);
	store32(p6.address.octets, 0x20010000 + place * 4096);
	for (uint16_t i = 0; i < 40; i++) {
		p4.address.octets[3] = (uint8_t)(i % 20);
		p6.address.octets[5] = (uint8_t)(i % 20);
		assert_int_equal(fib_set(f, &p4, (uint16_t)(i + 1)), 0);
		assert_int_equal(fib_set(f, &p6, (uint16_t)(i + 1)), 0);
	}
	for (uint8_t i = 0; i < 20; i++) {
		p4.address.octets[3] = p6.address.octets[5] = i;
		assert_int_equal(fib_remove(f, &p4), 0);
		assert_int_equal(fib_remove(f, &p6), 0);
	}
}

static void uses_memory_again(void **state)
{
	struct fib *f = fib_new();
	struct fib_size first = { 0 }, last;

	(void)state;
	assert_int_equal(fib_reclaim(f), 0);
	for (uint32_t place = 0; place < 2000; place++) {
		come_and_go(f, place);
		assert_true(fib_reclaim(f) > 0);
		assert_int_equal(fib_reclaim(f), 0);
		if (place == 0)
			first = fib_size(f);
	}
	last = fib_size(f);
	assert_int_equal(last.octets4, first.octets4);
	assert_int_equal(last.octets6, first.octets6);
	assert_int_equal(last.prefixes4 + last.prefixes6, 0);
	fib_free(f);
}

/* Without memory a change fails, and the table is as it was. */
static void fails_without_change(void **state)
{
	struct fib *f = fib_new();
	struct rlimit whole, none;
	struct prefix p = prefix("10.0.0.1/32");
	uint32_t count = 0;
	int result = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_DATA, &whole), 0);
	none = (struct rlimit){ 1, whole.rlim_max };
	set(f, "10.0.0.0/8", 7);
	assert_int_equal(setrlimit(RLIMIT_DATA, &none), 0);
	for (; count < 1 << 22 && !result; count += !result) {
		store32(p.address.octets, 0x0a000000 + count);
		result = fib_set(f, &p, (uint16_t)(count % 1000 + 10));
		fib_reclaim(f);
	}
	assert_int_equal(setrlimit(RLIMIT_DATA, &whole), 0);
	assert_int_equal(result, -ENOMEM);
	assert_true(count > 1000);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(fib_lookup4(f, be32_from(0x0a000000 + i)), i % 1000 + 10);
	assert_int_equal(fib_lookup4(f, be32_from(0x0a000000 + count)), 7);
	assert_int_equal(fib_size(f).prefixes4, count + 1);
	assert_int_equal(fib_set(f, &p, 8), 0);
	assert_int_equal(fib_lookup4(f, be32_from(0x0a000000 + count)), 8);
	fib_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_linear_search_v4),
		cmocka_unit_test(agrees_with_linear_search_v6),
		cmocka_unit_test(finds_the_longest_v4),
		cmocka_unit_test(finds_the_longest_v6),
		cmocka_unit_test(ignores_bits_behind_the_length),
		cmocka_unit_test(lists_in_order),
		cmocka_unit_test(answers_batches_alike),
		cmocka_unit_test(answers_batches_of_ipv6_alike),
		cmocka_unit_test(uses_memory_again),
		cmocka_unit_test(fails_without_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
