#include "crossing_error.h"

/* The same every time (xorshift). */
struct dice { uint64_t state; };

static uint64_t roll(struct dice *d)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return d->state >> 16;
}

static uint32_t below(struct dice *d, uint32_t bound)
{
	return (uint32_t)(roll(d) % bound);
}

static void fill(struct dice *d, uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)roll(d);
}

/* A valid IPv4 datagram that is no fragment, with anything in the fields that cross. */
static struct built some(struct dice *d)
{
	static const char *const headers[] = {
		V4("11") "1388 0035 0000 0000", V4("06") "1388 0050 00000001 00000002 5018 ffff 0000 0000",
		V4("88") "1388 0035 0000 0000", V4("01") "0800 0000 1388 0001", V4("01") "0000 0000 1388 0001",
		V4("21") "1388 0035 0300 0000 0a000001",
	};
	struct built b = sized(headers[below(d, 6)], "", 0);
	size_t payload = below(d, 10) ? below(d, 40) : below(d, 1200);
	size_t ports = b.octets[9] == 1 ? 24 : 20;

	b.octets[1] = (uint8_t)roll(d);
	b.octets[8] = (uint8_t)roll(d);
	fill(d, b.octets + 12, 8);
	fill(d, b.octets + ports, 4);
	fill(d, b.octets + b.len, payload);
	b.len += payload;
	if (b.octets[9] == 17)
		store16(b.octets + 24, 0);
	put_lengths(&b);
	put_checksum(&b);
	return b;
}

static csum_t gain(const uint8_t *was, size_t was_len, const uint8_t *now, size_t now_len)
{
	uint8_t octets[2];
	csum_t sum;

	store16(octets, sum_both(octets_sum(now, now_len), (uint16_t)~octets_sum(was, was_len)));
	memcpy(&sum.raw, octets, 2);
	return sum;
}

/* Ends that the datagram does not have, and those that it has. */
static void random_ends(struct dice *d, const struct built *b, struct family_ends *there,
			struct family_ends *back)
{
	const uint8_t *v4 = b->octets + 12;
	uint8_t v6[32], ports[4];
	const uint8_t *has = b->octets + (b->octets[9] == 1 ? 24 : 20);
	size_t len = b->octets[9] == 1 ? 2 : 4;

	fill(d, v6, sizeof(v6));
	fill(d, ports, sizeof(ports));
	*there = (struct family_ends){ .has_ports = below(d, 2) };
	memcpy(&there->source6, v6, 16);
	memcpy(&there->destination6, v6 + 16, 16);
	there->addresses = gain(v4, 8, v6, 32);
	*back = (struct family_ends){ .has_ports = there->has_ports };
	memcpy(&back->source4, v4, 4);
	memcpy(&back->destination4, v4 + 4, 4);
	back->addresses = gain(v6, 32, v4, 8);
	if (!there->has_ports)
		return;
	memcpy(there->ports, ports, 4);
	memcpy(back->ports, has, 4);
	there->port_sum = gain(has, len, ports, len);
	back->port_sum = gain(ports, len, has, len);
}

enum { ROUNDS = 20000 };

/* There and back again nothing is lost, and what was right is right, and what was wrong is wrong. */
static void test_there_and_back(void **state)
{
	struct dice d = { 0x9e3779b97f4a7c15 };

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct built b = some(&d);
		bool wrong = below(&d, 4) == 0;
		struct family_ends back;
		struct crossing c;

		if (wrong)
			b.octets[b.len - 1] ^= (uint8_t)(1u << below(&d, 8));
		c = crossing(&b);
		random_ends(&d, &b, &c.e, &back);
		assert_int_equal(cross(&c), REASON_NONE);
		assert_view(&c.p, "there");
		assert_int_equal(pkt_checksum_valid(&c.p), !wrong);
		c.e = back;
		assert_int_equal(cross(&c), REASON_NONE);
		assert_octets(&c.p, &b, "back again");
		assert_view(&c.p, "back again");
		crossing_end(&c);
	}
}

/* An error about a datagram, cut off somewhere, and with something behind it that may be extensions. */
static struct built some_error(struct dice *d, bool v4)
{
	struct built quoted = v4 ? sized(QUOTED4("11"), "0035 1388 0000 0000", below(d, 700))
				 : sized(QUOTED6("06"), "0050 1388 00000001 00000002 5018 ffff 0000 0000",
					 below(d, 700));
	size_t least = v4 ? 28 : 48;
	struct quoting q = { .header = v4 ? HEADER4 : HEADER6,
			     .icmp = v4 ? "0b00 0000 00000000" : "0300 0000 00000000", .quoted = &quoted,
			     .octets = least + below(d, (uint32_t)(quoted.len - least + 1)),
			     .padded = below(d, 2) ? below(d, 300) : 0,
			     .rest = below(d, 2) ? "2000 dcf0 0008 0101 00d8e101" : NULL };
	struct built b = error(&q);

	b.octets[v4 ? 20 + 5 : 40 + 4] = (uint8_t)(below(d, 2) ? below(d, 64) : 0);
	put_checksum(&b);
	return b;
}

/* Lengths agree, the quote can be read, and no octet is touched that is not the error's. */
static void test_errors(void **state)
{
	struct dice d = { 0x2545f4914f6cdd1d };
	int crossed = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct built b = some_error(&d, below(&d, 2));
		struct crossing_error x = crossing_error(&b, below(&d, 64));
		uint32_t room = x.c.r.room + FAMILY_HEADROOM;
		enum reason r = cross_error(&x);

		assert_true(r == REASON_NONE || r == REASON_ICMP_QUOTE || r == REASON_TOO_BIG);
		if (r == REASON_NONE) {
			struct pkt again;

			crossed++;
			assert_true(x.c.p.len + (size_t)(x.c.p.ip - x.c.memory) <= room);
			assert_true(x.c.p.version == 4 || x.c.p.len <= 1280);
			assert_view(&x.c.p, "random error");
			assert_true(pkt_checksum_valid(&x.c.p));
			assert_int_equal(pkt_parse_quoted(&again, &x.c.p), REASON_NONE);
			assert_int_equal(again.protocol, x.quoted.protocol);
		}
		crossing_end(&x.c);
	}
	assert_true(crossed > ROUNDS / 2);
}

/* Whatever passes the parser: an answer, and what comes out passes it as well. */
static void test_anything(void **state)
{
	static const char *const seeds[] = {
		V6("00") "2c00010400000000" "11000001abcd4321" "1388003500000000", V6("2b") "3300000000000000"
		"0604000000000001 0000000200000000 0000000000000000" "1388 0050 00000001 00000002 5018",
		"4700 0000 4321 2000 4011 0000 " SOURCE4 DESTINATION4 "01830704cb007101" "1388003500000000",
	};
	struct dice d = { 0xd1342543de82ef95 };
	int crossed = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct built b = sized(seeds[below(&d, 3)], "", below(&d, 48));
		struct crossing c = { .memory = malloc(FAMILY_HEADROOM + b.len),
				      .r = { .unknown_drops = below(&d, 2) } };

		for (uint32_t n = below(&d, 4); n; n--)
			b.octets[below(&d, (uint32_t)b.len)] = (uint8_t)roll(&d);
		if (b.octets[0] >> 4 == 4 && (b.octets[0] & 15) >= 5 && (b.octets[0] & 15) * 4u <= b.len)
			octets_seal(b.octets);
		memcpy(c.memory + FAMILY_HEADROOM, b.octets, b.len);
		if (pkt_parse(&c.p, c.memory + FAMILY_HEADROOM, b.len, NULL) == REASON_NONE) {
			c.e = ends_from(c.p.version);
			c.e.whole = below(&d, 2) * 1000;
			if (cross(&c) == REASON_NONE) {
				struct pkt again;

				crossed++;
				assert_true(c.p.ip >= c.memory);
				assert_int_equal(pkt_parse(&again, c.p.ip, c.p.len, NULL), REASON_NONE);
				assert_int_equal(again.len, c.p.len);
			}
		}
		crossing_end(&c);
	}
	assert_true(crossed > ROUNDS / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
