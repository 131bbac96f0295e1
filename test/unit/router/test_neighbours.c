/* A neighbour from the first question to the last, in time of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/neighbours.h"

enum { WAN = 1, LAN = 0, SECOND = 1000, FRESH = 30 * SECOND, IDLE = 600 * SECOND };

static const uint8_t key[8] = { 1, 2, 3 }, first[] = { 2, 0, 0, 0, 0, 1 }, second[] = { 2, 0, 0, 0, 0, 2 };
static const struct l2_tags untagged, tagged = { 1, 0, { { ETH_P_8021Q, 100 } } };

struct place {
	struct neighbours *n;
	nat_time now;
	struct address a;
};

static int make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	p->n = neighbours_new(key);
	p->now.ms = 1;
	*state = p;
	return p->n && address_parse(&p->a, "10.1.0.2") ? 0 : -1;
}

static int end(void **state)
{
	struct place *p = *state;

	neighbours_free(p->n);
	free(p);
	return 0;
}

/* Questions that are due now; the last of them. */
static size_t ask_all(struct place *p, struct neighbours_question *q)
{
	size_t cursor = 0, count = 0;

	while (neighbours_ask(p->n, &cursor, p->now, q))
		count++;
	neighbours_reclaim(p->n);
	return count;
}

static bool asks(struct place *p, bool alone)
{
	struct neighbours_question q;

	if (!ask_all(p, &q))
		return false;
	assert_true(address_equal(&q.about, &p->a));
	assert_int_equal(q.interface, WAN);
	assert_int_equal(q.known, alone);
	return true;
}

static void later(struct place *p, uint64_t ms)
{
	p->now.ms += ms;
}

static void want(struct place *p)
{
	neighbours_want(p->n, WAN, &p->a, p->now);
}

static const struct neighbour *find(const struct place *p)
{
	const struct neighbour *n = neighbours_find(p->n, WAN, &p->a);

	return n && n->known ? n : NULL;
}

/* It has mac: says it of itself, unasked for or not, or by the way. */
enum way { ANSWER, CLAIM, TIMID, QUESTION, QUESTION_FOR_US };

static void hear(struct place *p, enum way way, const uint8_t *mac, const struct l2_tags *tags)
{
	struct discovery d = { .answer = way <= TIMID, .solicited = way == ANSWER,
			       .override = way != TIMID, .has_mac = mac };
	struct heard h = { .interface = WAN, .ours = way == QUESTION_FOR_US, .message = &d,
			   .tags = tags };

	if (mac)
		memcpy(d.mac, mac, sizeof(d.mac));
	*(d.answer ? &d.about : &d.peer) = p->a;
	neighbours_hear(p->n, &h, p->now);
	neighbours_reclaim(p->n);
}

/* Whether those who use it shall say so. */
static bool is_old(const struct place *p)
{
	return find(p)->until_ms <= p->now.ms;
}

static void become_known(struct place *p)
{
	want(p);
	assert_true(asks(p, false));
	hear(p, ANSWER, first, &untagged);
	assert_true(l2_same(find(p)->mac, first) && !is_old(p));
}

static void asks_three_times(void **state)
{
	struct place *p = *state;

	want(p);
	for (int i = 0; i < 3; i++) {
		assert_true(neighbours_are_asked(p->n));
		assert_true(asks(p, false));
		later(p, SECOND - 1);
		want(p);
		assert_false(asks(p, false));
		assert_null(find(p));
		later(p, 1);
	}
	assert_false(asks(p, false));
	assert_false(neighbours_are_asked(p->n));
	want(p);
	assert_true(asks(p, false));
}

static void is_confirmed_after_use(void **state)
{
	struct place *p = *state;

	become_known(p);
	later(p, FRESH - 1);
	want(p);
	assert_false(asks(p, true));
	later(p, 1);
	assert_true(is_old(p));
	assert_false(asks(p, true));
	want(p);
	assert_true(asks(p, true));
	assert_true(find(p) && !is_old(p));
	hear(p, ANSWER, first, &untagged);
	assert_false(neighbours_are_asked(p->n));
	later(p, FRESH - 1);
	assert_false(is_old(p));
}

static void is_forgotten_when_it_does_not_confirm(void **state)
{
	struct place *p = *state;

	become_known(p);
	later(p, FRESH);
	want(p);
	for (int i = 0; i < 3; i++, later(p, SECOND)) {
		assert_true(asks(p, true));
		assert_non_null(find(p));
	}
	assert_false(asks(p, true));
	assert_null(find(p));
	want(p);
	assert_true(asks(p, false));
}

static void is_forgotten_without_use(void **state)
{
	struct place *p = *state;

	become_known(p);
	later(p, IDLE - 1);
	asks(p, true);
	assert_non_null(find(p));
	later(p, 1);
	assert_false(asks(p, true));
	assert_null(find(p));
}

/* RFC 4861 section 7.2.5, appendix C. */
static void follows_what_it_hears(void **state)
{
	static const struct {
		const char *what;
		enum way way;
		bool learns, old;
	} rows[] = {
		{ "an answer", ANSWER, true, false },
		{ "a claim that nobody asked for", CLAIM, true, true },
		{ "one that must not override", TIMID, false, false },
		{ "a question of its own", QUESTION, true, true },
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].what);
		neighbours_forget(p->n, WAN);
		become_known(p);
		later(p, SECOND);
		hear(p, rows[i].way, second, &untagged);
		assert_true(l2_same(find(p)->mac, rows[i].learns ? second : first));
		assert_int_equal(is_old(p), rows[i].old);
		/* What must not override makes one ask. */
		assert_int_equal(asks(p, true), rows[i].way == TIMID);
	}
}

static void hears_no_more_than_is_said(void **state)
{
	struct place *p = *state;

	hear(p, ANSWER, first, &untagged);
	hear(p, QUESTION, first, &untagged);
	assert_null(find(p));
	want(p);
	hear(p, ANSWER, NULL, &untagged);
	assert_null(find(p));
	hear(p, CLAIM, first, &untagged);
	assert_true(find(p) && is_old(p));
	hear(p, ANSWER, NULL, &untagged);
	assert_true(l2_same(find(p)->mac, first) && !is_old(p));
}

static void remembers_who_asks_for_us(void **state)
{
	struct place *p = *state;

	hear(p, QUESTION_FOR_US, first, &tagged);
	assert_true(l2_same(find(p)->mac, first) && is_old(p));
	assert_true(l2_same_vlan(&find(p)->tags, &tagged));
	assert_null(neighbours_find(p->n, LAN, &p->a));
	hear(p, QUESTION, first, &untagged);
	assert_true(l2_same_vlan(&find(p)->tags, &untagged));
}

static struct address number(unsigned i)
{
	return address_v4((uint8_t[]){ 10, 2, (uint8_t)(i >> 8), (uint8_t)i });
}

/* RFC 6583: who is known stays so. */
static void a_scan_takes_no_more_than_its_places(void **state)
{
	struct neighbours_question q;
	struct place *p = *state;

	become_known(p);
	for (unsigned i = 0; i < 60000; i++) {
		struct address a = number(i);

		neighbours_want(p->n, WAN, &a, p->now);
	}
	assert_int_equal(ask_all(p, &q), 256);
	assert_non_null(find(p));
	for (int i = 0; i < 3; i++)
		later(p, SECOND), ask_all(p, &q);
	assert_false(neighbours_are_asked(p->n));
}

/* Two thousand addresses a second that nobody has; and one that somebody wants, now and then. */
static void a_scan_leaves_places_for_others(void **state)
{
	struct neighbours_question q;
	struct place *p = *state;
	unsigned asked = 0;

	for (unsigned i = 0; i < 20000; i += 8, later(p, 4)) {
		for (unsigned k = 0; k < 8; k++) {
			struct address a = number(i + k);

			neighbours_want(p->n, WAN, &a, p->now);
		}
		if (i % 4000 == 0)
			want(p);
		for (size_t cursor = 0; neighbours_ask(p->n, &cursor, p->now, &q);)
			asked += address_equal(&q.about, &p->a);
		neighbours_reclaim(p->n);
	}
	assert_int_equal(asked, 5);
}

static void introduce(struct place *p, unsigned i)
{
	struct discovery d = { .has_mac = true, .peer = number(i), .about = p->a,
			       .mac = { 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i } };

	neighbours_hear(p->n, &(struct heard){ WAN, true, &d, &untagged }, p->now);
	neighbours_reclaim(p->n);
}

static void a_full_table_forgets_who_was_longest_unused(void **state)
{
	struct place *p = *state;

	become_known(p);
	for (unsigned i = 0; i < 60000; i++, later(p, 1)) {
		struct address a = number(i);

		introduce(p, i);
		assert_non_null(neighbours_find(p->n, WAN, &a));
		if (i % SECOND == 0)
			hear(p, ANSWER, first, &untagged);
	}
	assert_non_null(find(p));
	for (unsigned i = 0; i < 60000; i++) {
		struct address a = number(i);

		assert_int_equal(neighbours_find(p->n, WAN, &a) != NULL, i > 60000 - 4096);
	}
}

static struct address numbered_at(unsigned octet, unsigned i)
{
	struct address a = { .version = 6, .octets = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } };

	a.octets[octet] = (uint8_t)(i >> 8);
	a.octets[octet + 1] = (uint8_t)i;
	return a;
}

/* Nodes that readers pass by to find each of so many addresses, which are in the table. */
static size_t passed_by(struct place *p, unsigned octet, unsigned count)
{
	size_t passed = 0;

	for (unsigned i = 0; i < count; i++) {
		struct address a = numbered_at(octet, i);
		const struct neighbour *n = neighbours_find(p->n, WAN, &a);

		assert_non_null(n);
		for (; n; n = n->next)
			passed++;
	}
	return passed;
}

/* ABU-2: whoever is on the link chooses addresses, and knows this code. Those that differ in sixteen bits,
 * wherever these are, are spread, or every datagram would pass by all of them. */
static void nobody_chooses_addresses_that_meet(void **state)
{
	enum { COUNT = 2048 };
	struct place *p = *state;

	for (unsigned octet = 0; octet < 15; octet++) {
		for (unsigned i = 0; i < COUNT; i++) {
			struct discovery d = { .has_mac = true, .peer = numbered_at(octet, i),
					       .about = p->a, .mac = { 2, 0, 0, 0, 0, 1 } };

			neighbours_hear(p->n, &(struct heard){ WAN, true, &d, &untagged }, p->now);
		}
		assert_in_range(passed_by(p, octet, COUNT), COUNT, 2 * COUNT);
		neighbours_forget(p->n, WAN);
		neighbours_reclaim(p->n);
	}
}

/* Readers may still look at it. */
static void what_was_replaced_stays_until_it_is_reclaimed(void **state)
{
	struct place *p = *state;
	const struct neighbour *was;

	become_known(p);
	was = find(p);
	for (unsigned i = 0; i < 10000; i++) {
		struct discovery d = { .answer = true, .override = true, .has_mac = true,
				       .about = p->a, .mac = { 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i } };

		neighbours_hear(p->n, &(struct heard){ WAN, false, &d, &untagged }, p->now);
		assert_true(l2_same(was->mac, first));
	}
	assert_true(neighbours_have_left(p->n));
	neighbours_reclaim(p->n);
	assert_false(neighbours_have_left(p->n));
	hear(p, CLAIM, second, &untagged);
	assert_true(l2_same(find(p)->mac, second));
}

static void forgets_an_interface(void **state)
{
	struct place *p = *state;

	become_known(p);
	neighbours_want(p->n, LAN, &p->a, p->now);
	neighbours_forget(p->n, WAN);
	assert_null(find(p));
	assert_non_null(neighbours_find(p->n, LAN, &p->a));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asks_three_times),
		TEST(is_confirmed_after_use),
		TEST(is_forgotten_when_it_does_not_confirm),
		TEST(is_forgotten_without_use),
		TEST(follows_what_it_hears),
		TEST(hears_no_more_than_is_said),
		TEST(remembers_who_asks_for_us),
		TEST(a_scan_takes_no_more_than_its_places),
		TEST(a_scan_leaves_places_for_others),
		TEST(a_full_table_forgets_who_was_longest_unused),
		TEST(nobody_chooses_addresses_that_meet),
		TEST(what_was_replaced_stays_until_it_is_reclaimed),
		TEST(forgets_an_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
