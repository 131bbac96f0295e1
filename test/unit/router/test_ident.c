/* Identifications of datagrams that are or may be fragmented (RFC 7857 section 10, RFC 6864): as if the
 * NAT had sent them. */
#include "pieces.h"

static const struct setting given[] = RIG_WIDTHS(.idents = true);
static const struct setting kept[] = RIG_WIDTHS();

static uint16_t ident(const struct packet *p)
{
	return load16(p->octets + 4);
}

/* Thirds of a datagram of each of two hosts, mixed, both with the same identification. */
static void fragments_of_two_hosts_do_not_mix(void **state)
{
	struct rig *r = *state;
	uint16_t of[2][3];

	for (unsigned round = 0; round < 20; round++) {
		const uint8_t *order = orders[round % ORDERS];
		struct packet whole[2] = {
			with_id(udp("10.0.0.10:5000 > 203.0.113.9:53", LEN), 0x1234),
			with_id(udp("10.0.0.20:5000 > 203.0.113.9:53", LEN), 0x1234),
		};
		size_t came[2] = { 0 };
		struct packet out;

		for (size_t i = 0; i < 6; i++) {
			struct packet p = third(&whole[i % 2], order[i / 2]);

			push(r, LAN0, &p);
		}
		while (rig_pull(r, WAN0, &out)) {
			size_t host = came[0] && ident(&out) != of[0][0];

			assert_true(came[host] < 3);
			of[host][came[host]++] = ident(&out);
		}
		assert_int_equal(came[0], 3);
		assert_int_equal(came[1], 3);
		for (size_t i = 1; i < 6; i++)
			assert_int_equal(of[i / 3][i % 3], of[i / 3][0]);
		assert_int_not_equal(of[0][0], of[1][0]);
	}
}

/* Within RFC 6864's two minutes none comes again: all of 3000 to one server differ. */
static void none_comes_again(void **state)
{
	static bool seen[65536];
	struct rig *r = *state;

	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 3000; i++) {
		struct packet sent = udp(WAY("10.0.0.%u:5000 > 203.0.113.9:53", 10 + i % 4), 8);
		struct packet out = rig_pass(r, LAN0, &sent, WAN0);

		assert_false(seen[ident(&out)]);
		seen[ident(&out)] = true;
	}
}

/* RFC 6864 section 4.1: what cannot be fragmented keeps what it came with, which means nothing. */
static void atomic_datagrams_keep_theirs(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_fragment(udp("10.0.0.10:5000 > 203.0.113.9:53", 8), 0x4000);
	struct packet out = rig_pass(r, LAN0, &sent, WAN0);

	assert_int_equal(ident(&out), ident(&sent));
}

static void answers_keep_theirs(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 8);
	struct packet out = rig_pass(r, LAN0, &sent, WAN0);
	struct packet answer = with_id(reply(&out), 77);

	out = rig_pass(r, WAN0, &answer, LAN0);
	assert_int_equal(ident(&out), 77);
}

/* RFC 1812 section 4.3.2.3: what the router refuses is quoted as it came. */
static void refused_ones_are_quoted_as_they_came(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_ttl(udp("10.0.0.10:5000 > 203.0.113.9:53", 8), 1);
	struct packet error;

	push(r, LAN0, &sent);
	error = rig_take(r, LAN0);
	assert_memory_equal(packet_transport(&error) + 8, sent.octets, sent.len);
}

static void switched_off_nothing_changes(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_id(udp("10.0.0.10:5000 > 203.0.113.9:53", 8), 0x1234);
	struct packet out = rig_pass(r, LAN0, &sent, WAN0);

	assert_int_equal(ident(&out), 0x1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(fragments_of_two_hosts_do_not_mix, given),
		RIG_ROWS(none_comes_again, given),
		RIG_ROWS(atomic_datagrams_keep_theirs, given),
		RIG_ROWS(answers_keep_theirs, given),
		RIG_ROWS(refused_ones_are_quoted_as_they_came, given),
		RIG_ROWS(switched_off_nothing_changes, kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
