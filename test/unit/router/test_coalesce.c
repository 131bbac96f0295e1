/* Runs of datagrams become one that a device can cut again, in their order. */
#include "coalesce_rig.h"

static void a_run_becomes_one(void **state)
{
	static const struct { const char *way; uint8_t type; } cases[] = {
		{ v4, VIRTIO_NET_HDR_GSO_TCPV4 }, { v6, VIRTIO_NET_HDR_GSO_TCPV6 },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < 2; i++) {
		struct packet p[5];

		clear(b);
		for (unsigned n = 0; n < 5; n++) {
			p[n] = segment(cases[i].way, n, n == 4 ? ACK | PSH : ACK, n == 4 ? 33 : SIZE);
			put(b, &p[n]);
		}
		assert_int_equal(joined(b, EVERYTHING), 1);
		assert_ptr_equal(b->frames[0], &b->frame[0]);
		assert_super(b->frames[0], cases[i].type, SIZE);
		assert_cut(b->frames[0], p, 5, true);
		/* Frames of their own are left, and what was not moved is counted there. */
		for (size_t n = 1; n < 5; n++) {
			assert_ptr_equal(b->frames[n], &b->frame[n]);
			assert_int_equal(b->into[n], 0);
			assert_int_equal(b->frames[n]->p.len, (i ? 40 : 20) + 32);
		}
	}
}

static void datagrams_of_udp(void **state)
{
	static const char *const ways[] = { v4, v6 };
	struct bench *b = *state;

	for (size_t i = 0; i < 2; i++) {
		struct packet p[4];

		clear(b);
		for (unsigned n = 0; n < 4; n++) {
			p[n] = datagram(ways[i], n, n == 3 ? 1 : 17);
			put(b, &p[n]);
		}
		assert_int_equal(joined(b, EVERYTHING), 1);
		assert_super(b->frames[0], 5, 17);
		assert_cut(b->frames[0], p, 4, true);
	}
}

/* What may differ: where it stands says it, or it means nothing. */
static void what_belongs_together_in_spite(void **state)
{
	static const struct change cases[] = {
		{ "PSH", v4, 113, PSH, false, false },
		{ "FIN", v6, 113, FIN, false, false },
		{ "PSH and FIN", v4, 113, PSH | FIN, false, false },
		{ "first CWR", v4, 113, CWR, true, false },
		{ "first CWR", v6, 113, CWR, true, false },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct change *c = &cases[i];
		struct packet p[2] = { segment(c->way, 0, ACK, SIZE), segment(c->way, 1, ACK, SIZE) };
		uint8_t type = c->way == v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;

		change(&p[!c->of_first], c);
		clear(b);
		put(b, &p[0]);
		put(b, &p[1]);
		if (joined(b, EVERYTHING) != 1)
			fail_msg("%s: not joined", c->name);
		assert_super(b->frames[0], c->by == CWR ? type | VIRTIO_NET_HDR_GSO_ECN : type, SIZE);
		assert_cut(b->frames[0], p, 2, true);
	}
}

/* RFC 6864 section 4.1. */
static void identifications_of_atomic_datagrams(void **state)
{
	struct bench *b = *state;
	struct packet p[3];

	clear(b);
	for (unsigned n = 0; n < 3; n++) {
		p[n] = with_fragment(with_ident(segment(v4, n, ACK, SIZE), 0), 0x4000);
		put(b, &p[n]);
	}
	assert_int_equal(joined(b, EVERYTHING), 1);
	assert_cut(b->frames[0], p, 3, false);
}

/* No more goes behind one that is shorter, ends, or is empty; a longer one does not go behind. */
static void the_last_is_the_last(void **state)
{
	static const struct { uint8_t flags[3]; size_t len[3]; size_t kept; } cases[] = {
		{ { ACK, ACK, ACK }, { SIZE, SIZE, SIZE }, 1 },
		{ { ACK, ACK, ACK }, { SIZE, SIZE - 1, SIZE }, 2 },
		{ { ACK, ACK, ACK }, { SIZE, SIZE - 1, 1 }, 2 },
		{ { ACK, ACK | PSH, ACK }, { SIZE, SIZE, SIZE }, 2 },
		{ { ACK, ACK | FIN, ACK }, { SIZE, SIZE, SIZE }, 2 },
		{ { ACK, ACK, ACK }, { SIZE - 1, SIZE, SIZE }, 2 },
		{ { ACK, ACK, ACK }, { SIZE, 0, SIZE }, 3 },
		{ { ACK, ACK, ACK }, { 0, SIZE, SIZE }, 2 },
		{ { ACK, ACK, ACK }, { 0, 0, 0 }, 3 },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t at = SEQUENCE;

		clear(b);
		for (unsigned n = 0; n < 3; n++) {
			struct packet p = tcp(v6, cases[i].flags[n], at, 77, cases[i].len[n]);

			at += (uint32_t)cases[i].len[n];
			put(b, &p);
		}
		assert_int_equal(joined(b, EVERYTHING), cases[i].kept);
		if (b->frame[0].p.len > 60 + cases[i].len[0])
			assert_int_equal(b->frame[0].offload.gso_size, SIZE);
	}
}

static void only_what_the_device_takes(void **state)
{
	struct bench *b = *state;
	struct packet t[2] = { segment(v4, 0, ACK, SIZE), segment(v4, 1, ACK, SIZE) };
	struct packet u[2] = { datagram(v6, 0, SIZE), datagram(v6, 1, SIZE) };

	for (unsigned takes = 0; takes <= EVERYTHING; takes++) {
		clear(b);
		for (size_t i = 0; i < 2; i++) {
			put(b, &t[i]);
			put(b, &u[i]);
		}
		assert_int_equal(joined(b, takes), 4 - !!(takes & IO_TSO) - !!(takes & IO_USO));
	}
}

/* Each run by itself, however they are mixed; runs keep the places of their first. */
static void runs_that_are_interleaved(void **state)
{
	struct bench *b = *state;

	clear(b);
	for (unsigned n = 0; n < 8; n++)
		for (unsigned host = 0; host < 8; host++) {
			struct packet p = segment(WAY("10.0.0.%u:5000 > 203.0.113.9:80", host), n, ACK,
						  SIZE);

			put(b, &p);
		}
	assert_int_equal(joined(b, EVERYTHING), 8);
	for (unsigned host = 0; host < 8; host++) {
		struct packet p[8];

		for (unsigned n = 0; n < 8; n++)
			p[n] = segment(WAY("10.0.0.%u:5000 > 203.0.113.9:80", host), n, ACK, SIZE);
		assert_ptr_equal(b->frames[host], &b->frame[host]);
		assert_cut(b->frames[host], p, 8, true);
	}
	for (size_t i = 8; i < 64; i++) {
		assert_ptr_equal(b->frames[i], &b->frame[i]);
		assert_int_equal(b->into[i], i % 8);
	}
}

static void runs_in_a_row(void **state)
{
	struct bench *b = *state;

	clear(b);
	put_run(b, v4, 0, 2);
	put_run(b, v6, 0, 2);
	assert_int_equal(joined(b, EVERYTHING), 2);
	assert_ptr_equal(b->frames[1], &b->frame[2]);
	assert_int_equal(b->into[2], 0);
	assert_int_equal(b->into[3], 1);
}

static void out_of_order_stays_out_of_order(void **state)
{
	static const unsigned order[] = { 0, 2, 1, 3, 4, 5 };
	static const size_t heads[] = { 0, 1, 2, 3 };
	struct bench *b = *state;

	clear(b);
	for (size_t i = 0; i < 6; i++) {
		struct packet p = segment(v4, order[i], ACK, SIZE);

		put(b, &p);
	}
	assert_int_equal(joined(b, EVERYTHING), 4);
	for (size_t i = 0; i < 4; i++)
		assert_ptr_equal(b->frames[i], &b->frame[heads[i]]);
	assert_int_equal(b->frames[3]->p.gso_size, SIZE);
	assert_int_equal(b->into[4], 3);
	assert_int_equal(b->into[5], 3);
}

/* Nothing overtakes what goes the same way, nor what may do so. */
static void nothing_is_overtaken(void **state)
{
	struct packet between[] = {
		tcp(v4, ACK, 2u * SEQUENCE + SIZE, 99, 0),
		with_options(segment(v4, 7, ACK, SIZE), (const uint8_t[4]){ 1, 1, 1, 0 }, 4),
		with_fragment(packet_make("10.0.0.10 > 203.0.113.9", PROTO_TCP, 64), 0x0010),
		with_fragment(segment(v4, 7, ACK, 96), 0x2000),
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
		clear(b);
		put_run(b, v4, 0, 2);
		put(b, &between[i]);
		put_run(b, v4, 2, 2);
		assert_int_equal(joined(b, EVERYTHING), 3);
		assert_ptr_equal(b->frames[0], &b->frame[0]);
		assert_ptr_equal(b->frames[1], &b->frame[2]);
		assert_ptr_equal(b->frames[2], &b->frame[3]);
	}
	clear(b);
	put_run(b, v4, 0, 2);
	between[0] = tcp("10.0.0.10:5000 > 203.0.113.9:81", ACK, 1, 1, 0);
	put(b, &between[0]);
	put_run(b, v4, 2, 2);
	assert_int_equal(joined(b, EVERYTHING), 2);
}

static void at_most_64_segments_and_64_kib(void **state)
{
	struct bench *b = *state;

	clear(b);
	put_run(b, v6, 0, FRAME_BATCH);
	assert_int_equal(joined(b, EVERYTHING), 1);
	assert_int_equal(b->frames[0]->p.len, 72 + FRAME_BATCH * SIZE);
	clear(b);
	for (unsigned n = 0; n < FRAME_BATCH; n++) {
		struct packet p = datagram(v6, n, 1400);

		put(b, &p);
	}
	assert_int_equal(joined(b, EVERYTHING), 2);
	assert_int_equal(b->frames[0]->p.len, 48 + 46 * 1400);
	assert_int_equal(b->frames[1]->p.len, 48 + 18 * 1400);
}

/* What a device brought already joined, or unfinished, goes on. */
static void supers_go_on(void **state)
{
	struct bench *b = *state;
	struct packet p[7];
	struct frame *first;

	for (unsigned n = 0; n < 7; n++)
		p[n] = segment(v4, n, ACK, SIZE);
	clear(b);
	for (unsigned n = 0; n < 3; n++)
		put(b, &p[n]);
	assert_int_equal(joined(b, EVERYTHING), 1);
	first = b->frames[0];
	b->frame[0] = *first;
	b->count = 1;
	for (unsigned n = 3; n < 7; n++)
		put(b, &p[n]);
	assert_int_equal(joined(b, EVERYTHING), 1);
	assert_cut(b->frames[0], p, 7, true);
	/* Behind one that ends short, or whose partial checksum is not what it should be, nothing. */
	for (int way = 0; way < 2; way++) {
		clear(b);
		put(b, &p[0]);
		p[1] = segment(v4, 1, ACK, way ? SIZE : SIZE - 1);
		put(b, &p[1]);
		assert_int_equal(joined(b, EVERYTHING), 1);
		if (way)
			frame_ip(b->frames[0])[20 + 16] ^= 1;
		b->count = 1;
		p[2] = tcp(v4, ACK, 2u * SEQUENCE + 2 * SIZE - (way ? 0 : 1), 77, SIZE);
		p[2] = with_ident(with_tcp_options(p[2], 1), 0);
		put(b, &p[2]);
		assert_int_equal(joined(b, EVERYTHING), 2);
	}
}

/* One datagram that stands for so many, as a device brings it. */
static void put_super(struct bench *b, uint32_t sequence, uint16_t size, unsigned count)
{
	struct packet p = tcp(v6, ACK, sequence, 77, (size_t)size * count);
	struct frame *f;

	store16(packet_transport(&p) + 16, 0);
	csum_patch_partial(packet_transport(&p) + 16,
			   csum_pseudo(p.octets + 8, p.octets + 24, 16, PROTO_TCP,
				       (uint32_t)p.len - 40));
	f = put(b, &p);
	f->offload = (struct virtio_net_hdr){ VIRTIO_NET_HDR_F_NEEDS_CSUM,
					      VIRTIO_NET_HDR_GSO_TCPV6, 60, size, 40, 16 };
	parse(f);
}

static void supers_of_one_size(void **state)
{
	static const struct { uint16_t sizes[2]; unsigned counts[2]; size_t kept; } cases[] = {
		{ { 100, 100 }, { 32, 32 }, 1 },
		{ { 100, 100 }, { 32, 33 }, 2 },
		{ { 100, 50 }, { 4, 4 }, 2 },
		{ { 100, 200 }, { 4, 4 }, 2 },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clear(b);
		put_super(b, 1, cases[i].sizes[0], cases[i].counts[0]);
		put_super(b, 1 + cases[i].sizes[0] * cases[i].counts[0], cases[i].sizes[1],
			  cases[i].counts[1]);
		assert_int_equal(joined(b, EVERYTHING), cases[i].kept);
	}
}

/* A large one would cost more to be copied than to be sent. */
static void large_supers_stay_alone(void **state)
{
	struct bench *b = *state;

	for (unsigned count = 9; count <= 10; count++) {
		struct packet first = segment(v6, 0, ACK, SIZE);

		clear(b);
		put_run(b, v6, 1, count);
		assert_int_equal(joined(b, EVERYTHING), 1);
		b->frames[1] = b->frames[0];
		put(b, &first);
		b->frames[0] = &b->frame[count];
		b->count = 2;
		assert_int_equal(joined(b, EVERYTHING), count == 9 ? 1 : 2);
	}
}

static uint32_t random_below(uint64_t *state, uint32_t below)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(*state >> 33) % below;
}

/* Hosts that have the same ports, or differ in little, are still told apart. */
static void put_some(struct bench *b, uint64_t *chance, unsigned next[32])
{
	for (size_t i = 0; i < FRAME_BATCH; i++) {
		unsigned host = random_below(chance, 32);
		const char *way = WAY("10.%u.0.%u:443 > 203.0.113.9:%u", host % 2, host / 4,
				      80 + host / 2 % 2);
		struct packet p = tcp(way, ACK, 100 * next[host], 7, 100);

		p = with_ident(p, (uint16_t)next[host]++);
		put(b, &p);
	}
}

static void many_ends(void **state)
{
	struct bench *b = *state;
	uint64_t chance = 1;

	for (unsigned round = 0; round < 100; round++) {
		unsigned next[32] = { 0 }, seen[32] = { 0 };

		clear(b);
		put_some(b, &chance, next);
		joined(b, EVERYTHING);
		for (size_t i = 0; i < b->kept; i++) {
			const uint8_t *ip = b->frames[i]->p.ip, *t = ip + 20;
			unsigned host = ip[15] * 4u + (t[3] - 80u) * 2u + ip[13];

			assert_int_equal(seen[host], 0);
			assert_int_equal(load32(t + 4), 0);
			seen[host] = (b->frames[i]->p.len - 40) / 100;
		}
		assert_memory_equal(seen, next, sizeof(seen));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ROW(a_run_becomes_one),
		ROW(datagrams_of_udp),
		ROW(what_belongs_together_in_spite),
		ROW(identifications_of_atomic_datagrams),
		ROW(the_last_is_the_last),
		ROW(only_what_the_device_takes),
		ROW(runs_that_are_interleaved),
		ROW(runs_in_a_row),
		ROW(out_of_order_stays_out_of_order),
		ROW(nothing_is_overtaken),
		ROW(at_most_64_segments_and_64_kib),
		ROW(supers_go_on),
		ROW(supers_of_one_size),
		ROW(large_supers_stay_alone),
		ROW(many_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
