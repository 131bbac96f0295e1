/* Mixed traffic through all workers: every ending counted once, the same octets for the same seed,
 * the same verdicts for any number of workers. */
#include "rig.h"

enum { MIXED = 20000, JUDGED = 6000 };

#define RANDOM_PORTS .nat = RIG_NAT("\"198.51.100.2-198.51.100.3\"", "port_selection = \"random\";")

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting drawing[] = RIG_WIDTHS(RANDOM_PORTS);
static const struct setting scarce[] = RIG_WIDTHS(
	.limits = "sessions = 1024; sessions_per_host = 1024;");

/* xorshift32 (Marsaglia): traffic has a seed of its own. */
static uint32_t chance(uint32_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % below;
}

/* Ends of a conversation: hosts have ports of their own, so that preserved ones never collide. */
static void make_ends(uint32_t *s, char *out, char *in, char *hairpin)
{
	unsigned host = chance(s, 6), port = 5000 + 100 * host + chance(s, 40);
	unsigned peer = 5000 + 100 * chance(s, 6) + chance(s, 40), remote = 53 + chance(s, 4);

	snprintf(out, WAY_TEXT, "10.0.0.%u:%u > 203.0.113.%u:%u", 10 + host, port, remote, remote);
	snprintf(in, WAY_TEXT, "203.0.113.%u:%u > 198.51.100.2:%u", remote, remote, peer);
	snprintf(hairpin, WAY_TEXT, "10.0.0.%u:%u > 198.51.100.2:%u", 10 + host, port, peer);
}

static struct packet tcp_of(uint32_t *s, const char *way)
{
	static const uint8_t flags[] = { SYN, SYN, SYN | ACK, ACK, ACK, FIN | ACK, RST, 0,
					 SYN | FIN };

	return tcp(way, flags[chance(s, sizeof(flags))], 1000 + chance(s, 3), 1001, chance(s, 300));
}

static struct packet one_out(uint32_t *s, const char *out, const char *hairpin)
{
	switch (chance(s, 12)) {
	case 0: return echo("10.0.0.10 > 203.0.113.53", (uint16_t)(800 + chance(s, 30)), 30);
	case 1: return udp(hairpin, chance(s, 100));
	case 2: return tcp_of(s, hairpin);
	case 3: return with_ttl(udp(out, 20), (uint8_t)chance(s, 2));
	case 4: return echo("10.0.0.11 > 10.0.0.1", 1, 10);
	case 5: return udp("10.0.0.11:7 > 10.0.1.1:53", 10);
	case 6: return udp("10.0.1.77:7 > 203.0.113.9:53", 10);
	case 7: return udp("172.16.0.9:7 > 203.0.113.9:53", 10);
	case 8: return with_fragment(udp(out, 40), (uint16_t)(chance(s, 6) | chance(s, 2) << 13));
	case 9: return udp("[2001:db8:1::9]:9 > [2001:db8:9::9]:10", chance(s, 900));
	default: return chance(s, 2) ? udp(out, chance(s, 1200)) : tcp_of(s, out);
	}
}

static struct packet one_in(uint32_t *s, const char *out, const char *in)
{
	struct packet cause;

	switch (chance(s, 8)) {
	case 0: return echo("203.0.113.9 > 198.51.100.1", 9, 9);
	case 1: return with_ttl(udp(in, 20), (uint8_t)chance(s, 2));
	case 2: return udp("203.0.113.9:1 > 192.0.2.1:2", 1);
	case 3: return udp("10.0.0.9:1 > 198.51.100.2:2", 1);
	case 4:
		cause = udp(out, 8);
		memcpy(cause.octets + 12, (const uint8_t[]){ 198, 51, 100, 2 }, 4);
		packet_seal(&cause);
		return icmp_about("203.0.113.1 > 198.51.100.2", chance(s, 2) ? 3 : 11, 1, &cause,
				  36);
	default: return chance(s, 2) ? udp(in, chance(s, 1200)) : tcp_of(s, in);
	}
}

/* Any datagram, now and then with an octet changed or the end cut off. */
static struct packet any(uint32_t *s, size_t *interface)
{
	char out[WAY_TEXT], in[WAY_TEXT], hairpin[WAY_TEXT];
	struct packet p;

	make_ends(s, out, in, hairpin);
	*interface = chance(s, 2) ? LAN0 : WAN0;
	p = *interface == LAN0 ? one_out(s, out, hairpin) : one_in(s, out, in);
	if (!chance(s, 10))
		p.octets[chance(s, (uint32_t)p.len)] ^= (uint8_t)(1 + chance(s, 255));
	if (!chance(s, 10) && packet_is_v4(p.octets))
		packet_seal_header(p.octets);
	if (!chance(s, 20))
		p.len = chance(s, (uint32_t)p.len);
	return p;
}

/* Garbled datagrams may leave with the checksums they came with: they are counted, not judged. */
static void pull_unjudged(struct rig *r, uint64_t digest[static INTERFACES])
{
	uint8_t octets[PACKET_ROOM];

	for (size_t i = 0; i < INTERFACES * r->workers; i++) {
		struct io *io = r->gateway->ios[i / r->workers];
		uint16_t worker = (uint16_t)(i % r->workers);
		size_t len;

		while ((len = io_mem_pull(io, worker, octets, sizeof(octets)))) {
			uint64_t *d = &digest[i / r->workers];

			for (size_t k = 0; k < len; k++)
				*d = (*d ^ octets[k]) * 0x100000001b3u;
			r->pulled++;
			r->pulled_octets += len;
		}
	}
}

static void run_mixed(struct rig *r, uint64_t digest[static INTERFACES])
{
	uint32_t s = 2463534242;
	size_t interface;

	for (unsigned i = 0; i < MIXED; i++) {
		struct packet p = any(&s, &interface);

		rig_push(r, interface, &p);
		if (i % 50 == 49) {
			r->now.ms += 300;
			rig_settle(r);
			pull_unjudged(r, digest);
		}
	}
	rig_later(r, 60000);
	pull_unjudged(r, digest);
}

/* rig_free() balances: in, out, answered and each ending. */
static void everything_is_counted_once(void **state)
{
	struct rig *r = *state;
	uint64_t digest[INTERFACES] = { 0 };
	struct counters c;
	unsigned kinds = 0;

	run_mixed(r, digest);
	c = rig_counters(r);
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		kinds += c.reasons[i] > 0;
	assert_true(kinds >= 20);
	assert_true(c.local > 0 && c.errors_sent > 0 && c.hairpinned > 0);
	assert_true(r->workers == 1 ? !c.handed_off : c.handed_off > 0);
}

static void the_same_seed_gives_the_same_octets(void **state)
{
	struct rig *r = *state;
	struct setting again = drawing[r->workers / 2], other = again;
	uint64_t digests[3][INTERFACES] = { { 0 } };
	struct rig *second = rig_new(&again), *third;

	other.seed = 8;
	third = rig_new(&other);
	run_mixed(r, digests[0]);
	run_mixed(second, digests[1]);
	run_mixed(third, digests[2]);
	assert_memory_equal(digests[0], digests[1], sizeof(digests[0]));
	assert_true(digests[0][WAN0] != digests[2][WAN0]);
	rig_free(second);
	rig_free(third);
}

/* What became of one datagram. */
struct fate { uint64_t reasons[REASON_COUNT], out[INTERFACES], local, errors, hairpinned; };

static struct fate fates_until_now(const struct rig *r)
{
	struct counters c = rig_counters(r);
	struct fate f = { .local = c.local, .errors = c.errors_sent, .hairpinned = c.hairpinned };

	memcpy(f.reasons, c.reasons, sizeof(f.reasons));
	for (size_t i = 0; i < INTERFACES; i++)
		f.out[i] = c.links[i].packets_out;
	return f;
}

static void any_number_of_workers_judges_alike(void **state)
{
	struct rig *one = rig_new(&plain[0]), *r = *state;
	uint64_t digest[INTERFACES] = { 0 };
	uint32_t s = 2463534242;
	size_t interface;

	for (unsigned i = 0; i < JUDGED; i++) {
		struct packet p = any(&s, &interface);
		struct fate expected, found;

		/* So slowly that no worker's limit of ICMP errors is reached. */
		rig_later(one, 200);
		rig_later(r, 200);
		rig_push(one, interface, &p);
		rig_push(r, interface, &p);
		rig_settle(one);
		rig_settle(r);
		expected = fates_until_now(one);
		found = fates_until_now(r);
		assert_memory_equal(&expected, &found, sizeof(found));
	}
	pull_unjudged(one, digest);
	pull_unjudged(r, digest);
	rig_free(one);
}

/* However many are over at once. */
static void all_sessions_end(void **state)
{
	struct rig *r = *state;

	rig_push_sessions(r, 3000);
	assert_int_equal(rig_drain(r, WAN0), 3000);
	rig_later(r, 301000);
	for (unsigned i = 0; i < 3000; i++) {
		struct packet p = udp(WAY("203.0.113.9:53 > 198.51.100.2:%u", 5000 + i), 1);

		rig_push(r, WAN0, &p);
		if (i % RIG_BURST == 0)
			rig_settle(r);
	}
	rig_settle(r);
	assert_int_equal(rig_reason(r, REASON_NO_MAPPING), 3000);
}

/* A worker's share is counted as its own: the sum is what was configured. */
static void session_limits_hold(void **state)
{
	struct rig *r = *state;
	size_t refused, told;

	rig_push_sessions(r, 2000);
	assert_int_equal(rig_drain(r, WAN0), 1024);
	refused = rig_reason(r, REASON_SESSION_LIMIT);
	told = rig_drain(r, LAN0);
	assert_int_equal(refused, 2000 - 1024);
	assert_int_equal(told, rig_counters(r).errors_sent);
	assert_int_equal(told + rig_reason(r, REASON_ERROR_LIMIT), refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(everything_is_counted_once, plain),
		RIG_ROWS(the_same_seed_gives_the_same_octets, drawing),
		RIG_ROWS(any_number_of_workers_judges_alike, plain),
		RIG_ROWS(all_sessions_end, plain),
		RIG_ROWS(session_limits_hold, scarce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
