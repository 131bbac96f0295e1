/* What is joined to nothing: because it differs, or is wrong, or of no run. */
#include "coalesce_rig.h"

static void what_differs_stays_alone(void **state)
{
	static const struct change cases[] = {
		{ "gap", v4, 107, 1, false, false },
		{ "again", v4, 106, 255, false, false },
		{ "acknowledgement", v4, 111, 1, false, false },
		{ "window", v4, 114, 1, false, false },
		{ "window's low octet", v6, 115, 1, false, false },
		{ "urgent pointer", v4, 119, 1, false, false },
		{ "option", v4, 120, 1, false, false },
		{ "last option", v6, 131, 1, false, false },
		{ "accurate ECN", v4, 112, 1, false, false },
		{ "without ACK", v4, 113, (uint8_t)-ACK, false, false },
		{ "SYN", v4, 113, SYN, false, false },
		{ "RST", v4, 113, RST, false, false },
		{ "URG", v4, 113, URG, false, false },
		{ "ECE", v6, 113, ECE, false, false },
		{ "CWR", v6, 113, CWR, false, false },
		{ "first PSH", v4, 113, PSH, true, false },
		{ "first FIN", v4, 113, FIN, true, false },
		{ "first SYN", v4, 113, SYN, true, false },
		{ "first ECE", v4, 113, ECE, true, false },
		{ "marked", v4, 1, 3, false, false },
		{ "marked, IPv6", v6, 1, 0x30, false, false },
		{ "class", v6, 0, 1, false, false },
		{ "flow label", v6, 3, 1, false, false },
		{ "TTL", v4, 8, 1, false, false },
		{ "hop limit", v6, 7, 1, false, false },
		{ "identification", v4, 5, 1, false, false },
		{ "reserved bit", v4, 6, 0x80, false, false },
		{ "DF", v4, 6, 0x40, false, false },
		{ "source", v4, 15, 1, false, false },
		{ "destination", v6, 39, 1, false, false },
		{ "network of the destination", v6, 25, 1, false, false },
		{ "network of the source", v6, 9, 1, false, false },
		{ "source port", v4, 101, 1, false, false },
		{ "destination port", v4, 103, 1, false, false },
		{ "wrong checksum", v4, 117, 1, false, true },
		{ "wrong payload", v6, 150, 1, false, true },
		{ "first wrong", v4, 117, 1, true, true },
		{ "first payload wrong", v6, 150, 1, true, true },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct change *c = &cases[i];
		struct packet p[2] = { segment(c->way, 0, ACK, SIZE), segment(c->way, 1, ACK, SIZE) };

		change(&p[!c->of_first], c);
		clear(b);
		put(b, &p[0]);
		put(b, &p[1]);
		if (joined(b, EVERYTHING) != 2)
			fail_msg("%s: joined", c->name);
		for (size_t n = 0; n < 2; n++) {
			assert_ptr_equal(b->frames[n], &b->frame[n]);
			assert_memory_equal(frame_ip(b->frames[n]), p[n].octets, p[n].len);
			assert_int_equal(b->frames[n]->offload.flags, 0);
		}
	}
}

/* Alike, but of no run. */
static void what_stays_alone_though_alike(void **state)
{
	static const uint8_t flags[] = { ACK | SYN, ACK | RST, ACK | URG, 0 };
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(flags); i++) {
		clear(b);
		for (unsigned n = 0; n < 2; n++) {
			struct packet p = segment(v4, n, flags[i], SIZE);

			put(b, &p);
		}
		assert_int_equal(joined(b, EVERYTHING), 2);
	}
}

/* The field that is there makes the sum over so many octets right, or is left out. */
static struct packet with_udp_len(struct packet p, uint16_t len)
{
	store16(packet_transport(&p) + 4, len);
	packet_seal(&p);
	return p;
}

/* Octets that sum up to what needs no checksum, and there is none. */
static struct packet without_checksum(struct packet p)
{
	uint8_t *t = packet_transport(&p);

	memcpy(t + 8, t + 6, 2);
	store16(t + 6, 0);
	return p;
}

static void udp_that_stays_alone(void **state)
{
	struct packet empty = datagram(v4, 0, 10);
	struct bench *b = *state;

	memset(packet_transport(&empty) + 8, 0, 2);
	packet_seal(&empty);
	const struct { struct packet p; const char *name; } cases[] = {
		{ datagram(v4, 1, 11), "longer" },
		{ datagram(v4, 1, 0), "empty" },
		{ with_udp_len(datagram(v4, 1, 10), 17), "shorter than IP says" },
		{ with_ident(without_checksum(empty), 0xffff), "no checksum" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet first = datagram(v4, 0, 10);

		assert_int_equal(packet_transport_sum(cases[i].p.octets, cases[i].p.len), 0xffff);
		clear(b);
		put(b, &first);
		put(b, &cases[i].p);
		if (joined(b, EVERYTHING) != 2)
			fail_msg("%s: joined", cases[i].name);
	}
}

/* Two hosts whose addresses have the same sum, so that no checksum tells. */
static void hosts_that_are_alike(void **state)
{
	struct packet p[2] = {
		segment("[2001:db8:0:1::1]:5000 > [2001:db8::2]:80", 0, ACK, SIZE),
		segment("[2001:db8:1:0::1]:5000 > [2001:db8::2]:80", 1, ACK, SIZE),
	};
	struct bench *b = *state;

	clear(b);
	put(b, &p[0]);
	put(b, &p[1]);
	assert_int_equal(joined(b, EVERYTHING), 2);
}

/* Frames of our own making were never received, and have no length of that kind. */
static void what_was_never_received(void **state)
{
	struct packet p[3] = { segment(v4, 0, ACK, SIZE), segment(v4, 1, ACK, SIZE),
			       datagram("10.0.0.11:5000 > 203.0.113.9:53", 0, SIZE) };
	struct bench *b = *state;

	clear(b);
	for (size_t i = 0; i < 3; i++)
		put(b, &p[i]);
	b->frames[2]->len = 0;
	assert_int_equal(joined(b, EVERYTHING), 2);
	assert_int_equal(b->frames[1]->offload.flags, 0);
	assert_memory_equal(frame_ip(b->frames[1]), p[2].octets, p[2].len);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ROW(what_differs_stays_alone),
		ROW(what_stays_alone_though_alike),
		ROW(udp_that_stays_alone),
		ROW(hosts_that_are_alike),
		ROW(what_was_never_received),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
