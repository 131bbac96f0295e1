#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/l2.h"

#define TO 2, 0, 0, 0, 0, 1
#define FROM 2, 0, 0, 0, 0, 2

/* len: of the header; 0: it is none. */
static const struct {
	const char *what;
	size_t given, len;
	uint8_t octets[24];
	uint16_t type;
	struct l2_tags tags;
} rows[] = {
	{ "plain", 14, 14, { TO, FROM, 8, 0 }, ETH_P_IP, { 0 } },
	{ "one tag", 18, 18, { TO, FROM, 0x81, 0, 0x60, 100, 0x86, 0xdd }, ETH_P_IPV6,
	  { 1, 3, { { ETH_P_8021Q, 100 } } } },
	{ "drop eligible", 18, 18, { TO, FROM, 0x81, 0, 0xff, 0xff, 8, 6 }, ETH_P_ARP,
	  { 1, 7, { { ETH_P_8021Q, 4095 } } } },
	{ "two tags", 22, 22, { TO, FROM, 0x88, 0xa8, 0x20, 200, 0x81, 0, 0xe0, 100, 8, 0 }, ETH_P_IP,
	  { 2, 1, { { ETH_P_8021AD, 200 }, { ETH_P_8021Q, 100 } } } },
	{ "three tags", 24, 0, { TO, FROM, 0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3 }, 0, { 0 } },
	{ "an octet short", 13, 0, { TO, FROM, 8 }, 0, { 0 } },
	{ "an octet of a tag short", 17, 0, { TO, FROM, 0x81, 0, 0, 100, 8 }, 0, { 0 } },
	{ "an octet of the second tag short", 21, 0,
	  { TO, FROM, 0x88, 0xa8, 0, 200, 0x81, 0, 0, 100, 8 }, 0, { 0 } },
};

static void reads_headers(void **state)
{
	static const uint8_t to[] = { TO }, from[] = { FROM };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct l2 h;

		print_message("%s\n", rows[i].what);
		assert_int_equal(l2_parse(&h, rows[i].octets, rows[i].given), rows[i].len != 0);
		if (!rows[i].len)
			continue;
		assert_int_equal(h.len, rows[i].len);
		assert_int_equal(h.type, rows[i].type);
		assert_true(l2_same(h.to, to) && l2_same(h.from, from));
		assert_int_equal(h.tags.priority, rows[i].tags.priority);
		assert_true(l2_same_vlan(&h.tags, &rows[i].tags));
		assert_int_equal(l2_len(&h.tags), rows[i].len);
	}
}

static void writes_what_it_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t octets[L2_LEN_MOST];
		struct l2 h, again;

		if (!l2_parse(&h, rows[i].octets, rows[i].given))
			continue;
		assert_int_equal(l2_write(&h, octets), rows[i].len);
		assert_true(l2_parse(&again, octets, rows[i].len));
		assert_true(l2_same_vlan(&h.tags, &again.tags));
		assert_int_equal(again.tags.priority, h.tags.priority);
		assert_memory_equal(octets, rows[i].octets, 2 * ETH_ALEN);
		assert_int_equal(again.type, h.type);
	}
}

/* IEEE 802.1Q table 9-2: VLAN 0 says that there is a priority only. */
static void tells_vlans_apart(void **state)
{
	const struct l2_tags none = { 0 }, priority = { 1, 5, { { ETH_P_8021Q, 0 } } },
			     one = { 1, 0, { { ETH_P_8021Q, 1 } } },
			     service = { 1, 0, { { ETH_P_8021AD, 1 } } },
			     both = { 2, 0, { { ETH_P_8021AD, 1 }, { ETH_P_8021Q, 1 } } },
			     other = { 2, 0, { { ETH_P_8021AD, 1 }, { ETH_P_8021Q, 2 } } };

	(void)state;
	assert_true(l2_is_untagged(&none) && l2_is_untagged(&priority));
	assert_false(l2_is_untagged(&one) || l2_is_untagged(&both));
	assert_true(l2_same_vlan(&one, &(struct l2_tags){ 1, 7, { { ETH_P_8021Q, 1 } } }));
	assert_false(l2_same_vlan(&one, &service));
	assert_false(l2_same_vlan(&service, &both));
	assert_false(l2_same_vlan(&both, &other));
	assert_false(l2_same_vlan(&none, &one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_headers),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(tells_vlans_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
