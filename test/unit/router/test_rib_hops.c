/* How hops are numbered and shared, and when a number is used again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rib_rig.h"

static void equal_hops_have_one_number(void **state)
{
	struct rib *r = rib_new();
	struct hop odd = via("192.0.2.1");

	(void)state;
	/* What does not belong to a kind makes no difference. */
	odd.group_count = 3;
	odd.group[1] = 17;
	add(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	add(r, "11.0.0.0/8", odd, 2, ORIGIN_KERNEL);
	add(r, "12.0.0.0/8", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "fd00::/8", via("192.0.2.1"), 3, ORIGIN_STATIC);
	assert_int_equal(number(r, "10.0.0.1"), number(r, "11.0.0.1"));
	assert_int_equal(number(r, "10.0.0.1"), number(r, "fd00::1"));
	assert_int_not_equal(number(r, "10.0.0.1"), number(r, "12.0.0.1"));
	/* So do groups, in whatever way they came to be. */
	add(r, "10.0.0.0/8", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "13.0.0.0/8", via("192.0.2.1"), 9, ORIGIN_STATIC);
	add(r, "13.0.0.0/8", via("192.0.2.2"), 9, ORIGIN_STATIC);
	assert_int_equal(number(r, "10.0.0.1"), number(r, "13.0.0.1"));
	rib_free(r);
}

/* A reader may still hold the number of a hop that is no longer used. */
static void numbers_are_used_again_after_reclaim(void **state)
{
	struct rib *r = rib_new();
	uint16_t alone, group;
	uint32_t seen = 0;

	(void)state;
	add(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	alone = number(r, "10.0.0.1");
	add(r, "10.0.0.0/8", via("192.0.2.2"), 1, ORIGIN_STATIC);
	group = number(r, "10.0.0.1");
	drop(r, "10.0.0.0/8", via("192.0.2.1"), 1, ORIGIN_STATIC);
	drop(r, "10.0.0.0/8", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "11.0.0.0/8", via("192.0.2.3"), 1, ORIGIN_STATIC);
	assert_int_not_equal(number(r, "11.0.0.1"), alone);
	assert_int_not_equal(number(r, "11.0.0.1"), group);
	assert_int_equal(rib_hop(r, alone, 0)->via.octets[3], 1);
	for (uint32_t i = 0; i < 64; i++)
		seen |= 1u << rib_hop(r, group, hash_of(i))->via.octets[3];
	assert_int_equal(seen, 1u << 1 | 1u << 2);
	/* The group is free now, and its members, which it held. */
	rib_reclaim(r);
	assert_int_equal(rib_hop(r, alone, 0)->kind, HOP_NONE);
	assert_int_equal(rib_hop(r, group, 0)->kind, HOP_NONE);
	for (uint8_t i = 0; i < 3; i++) {
		struct hop hop = via("192.0.2.0");

		hop.via.octets[3] = (uint8_t)(100 + i);
		add(r, "12.0.0.0/8", hop, i, ORIGIN_STATIC);
	}
	assert_true(number(r, "12.0.0.1") <= 4);
	leads_via(r, "11.0.0.1", "192.0.2.3");
	rib_free(r);
}

static void refuses_one_hop_too_many(void **state)
{
	struct rib *r = rib_new();
	struct route it = route("10.0.0.0/32", via("192.0.2.0"), 1, ORIGIN_STATIC);
	uint32_t i;

	(void)state;
	for (i = 0; i < FIB_HOP_MOST; i++) {
		store32(it.hop.via.octets, i);
		store32(it.prefix.address.octets, 0x0a000000 + i);
		assert_int_equal(rib_add(r, &it), 0);
	}
	store32(it.hop.via.octets, i);
	store32(it.prefix.address.octets, 0x0a000000 + i);
	assert_int_equal(rib_add(r, &it), -ENOSPC);
	assert_int_equal(route_count(r), FIB_HOP_MOST);
	assert_int_equal(number_of(r, &it.prefix.address), 0);
	/* A group needs a number too. */
	store32(it.hop.via.octets, 1);
	store32(it.prefix.address.octets, 0x0a000000);
	assert_int_equal(rib_add(r, &it), -ENOSPC);
	assert_int_equal(route_count(r), FIB_HOP_MOST);
	/* Room again, once nobody can hold a number that is free. */
	store32(it.prefix.address.octets, 0x0a000001);
	assert_int_equal(rib_remove(r, &it), 0);
	store32(it.hop.via.octets, i);
	assert_int_equal(rib_add(r, &it), -ENOSPC);
	rib_reclaim(r);
	assert_int_equal(rib_add(r, &it), 0);
	assert_int_equal(load32(rib_hop(r, number_of(r, &it.prefix.address), 0)->via.octets), i);
	rib_free(r);
}

/* To take one of three away needs a group of two, and that a number. */
static void fails_without_change(void **state)
{
	struct rib *r = rib_new();
	struct route it = route("10.0.0.0/32", via("192.0.2.0"), 1, ORIGIN_STATIC);
	unsigned shares[32];
	int error = 0;

	(void)state;
	add(r, "::/0", via("192.0.2.1"), 1, ORIGIN_STATIC);
	add(r, "::/0", via("192.0.2.2"), 1, ORIGIN_STATIC);
	add(r, "::/0", via("192.0.2.3"), 1, ORIGIN_STATIC);
	for (uint32_t i = 0; !error; i++) {
		store32(it.hop.via.octets, i);
		store32(it.prefix.address.octets, 0x0a000000 + i);
		error = rib_add(r, &it);
	}
	assert_int_equal(error, -ENOSPC);
	it = route("::/0", via("192.0.2.1"), 1, ORIGIN_STATIC);
	assert_int_equal(rib_remove(r, &it), -ENOSPC);
	count_shares(r, "2001:db8::1", shares);
	for (int i = 1; i <= 3; i++)
		is_share(shares[i], 3);
	rib_reclaim(r);
	assert_int_equal(rib_remove(r, &it), 0);
	count_shares(r, "2001:db8::1", shares);
	assert_int_equal(shares[1], 0);
	is_share(shares[2], 2);
	rib_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_hops_have_one_number),
		cmocka_unit_test(numbers_are_used_again_after_reclaim),
		cmocka_unit_test(refuses_one_hop_too_many),
		cmocka_unit_test(fails_without_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
