/* What the sender of a datagram is told that could not be translated to the other family, or to another
 * prefix: about what he has sent, in the words of his family. */
#include "rig.h"

#define PREF64 "2001:db8:64::"
#define NAT64(more) "{ name = \"six\"; type = \"nat64\"; match = \"2001:db8:1::/64\";" \
	"  prefix = \"" PREF64 "/96\"; pool = [ \"198.51.100.2\" ]; " more " }"
#define NPT "{ name = \"npt\"; type = \"nptv6\"; match = \"fd01:203:405::/56\"; prefix = \"2001:db8:77::/56\"; }"

static const struct setting nat64[] = RIG_WIDTHS(.nat = NAT64(""));
static const struct setting narrow64[] = RIG_WIDTHS(.nat = NAT64(""), .mtu = { 1300, 1300, 1400 });
static const struct setting short64[] = RIG_WIDTHS(.nat = NAT64("ports = \"5000-5007\";"));
static const struct setting npt[] = RIG_WIDTHS(
	.nat = NPT, .lan0 = "\"fd01:203:405:1::1/64\", \"2001:db8:1::1/64\", \"10.0.0.1/24\"");

static uint32_t word_of(const struct packet *error)
{
	return load32(error->octets + packet_header(error->octets) + 4);
}

#define KIND(type, code) ((type) << 8 | (code))

static struct packet expect(struct rig *r, size_t in, const struct packet *p, enum reason reason,
			    uint16_t kind)
{
	struct packet error = rig_error(r, in, p, reason);

	assert_error(&error, (uint8_t)(kind >> 8), (uint8_t)kind, in == WAN0 ? "198.51.100.1 > 203.0.113.9"
						    : "2001:db8:1::1 > 2001:db8:1::9", p);
	return error;
}

/* Requirement 6146-P1, from both sides. */
static void other_protocols(void **state)
{
	struct packet p = packet_make("2001:db8:1::9 > " PREF64 "203.0.113.9", PROTO_GRE, 24);

	expect(*state, LAN0, &p, REASON_NO_TRANSPORT, KIND(1, 4));
	p = packet_make("203.0.113.9 > 198.51.100.2", PROTO_GRE, 24);
	expect(*state, WAN0, &p, REASON_NO_TRANSPORT, KIND(3, 2));
}

/* Requirement 6146-S5. */
static void no_port_is_left(void **state)
{
	struct rig *r = *state;
	struct packet p;
	unsigned told = 0;

	for (unsigned i = 0; i < 16; i++) {
		p = tcp(WAY("[2001:db8:1::%x]:5000 > [" PREF64 "203.0.113.9]:80", 0x10 + i), SYN, 1, 0, 0);
		rig_push(r, LAN0, &p);
	}
	rig_settle(r);
	assert_int_equal(rig_drain(r, WAN0), 8);
	for (; rig_pull(r, LAN0, &p); told++)
		assert_true(p.octets[40] == 1 && p.octets[41] == 3);
	assert_int_equal(told, 8);
	assert_int_equal(rig_reason(r, REASON_OUT_OF_PORTS), 8);
}

/* Requirement 7915-V64e. */
static void segments_are_left(void **state)
{
	struct packet p = packet_make("2001:db8:1::9 > " PREF64 "203.0.113.9", 43, 8 + 16);

	memcpy(p.octets + 40, (const uint8_t[8]){ 17, 0, 2, 1 }, 8);
	store16(p.octets + 52, 16);
	p = expect(*state, LAN0, &p, REASON_SOURCE_ROUTE, KIND(4, 0));
	assert_int_equal(word_of(&p), 43);
}

/* Requirements 7915-V46a and 8200-R1: about the datagram as it came. */
static void hops_are_used_up(void **state)
{
	struct packet p = udp("[2001:db8:1::9]:5000 > [" PREF64 "203.0.113.9]:53", 40), out;

	out = rig_pass(*state, LAN0, &p, WAN0);
	assert_way(&out, "198.51.100.2:5000 > 203.0.113.9:53");
	out = with_ttl(reply(&out), 1);
	expect(*state, WAN0, &out, REASON_TTL, KIND(11, 0));
	p = with_ttl(p, 1);
	expect(*state, LAN0, &p, REASON_TTL, KIND(3, 0));
}

/* Requirements 7915-V46c and 7915-V64d: what fits, as long as its sender counts. */
static void links_are_narrow(void **state)
{
	struct packet p = udp("[2001:db8:1::9]:5000 > [" PREF64 "203.0.113.9]:53", 1421 - 48), out;
	struct packet fits = udp("[2001:db8:1::9]:5000 > [" PREF64 "203.0.113.9]:53", 1420 - 48);

	out = rig_pass(*state, LAN0, &fits, WAN0);
	assert_int_equal(out.len, 1400);
	p = expect(*state, LAN0, &p, REASON_TOO_BIG, KIND(2, 0));
	assert_int_equal(word_of(&p), 1420);
	fits = with_fragment(udp("203.0.113.9:53 > 198.51.100.2:5000", 1280 - 28), 0x4000);
	out = rig_pass(*state, WAN0, &fits, LAN0);
	assert_int_equal(out.len, 1300);
	p = with_fragment(udp("203.0.113.9:53 > 198.51.100.2:5000", 1281 - 28), 0x4000);
	p = expect(*state, WAN0, &p, REASON_TOO_BIG, KIND(3, 4));
	assert_int_equal(word_of(&p), 1280);
}

/* Requirement 6296-N4: where the address is that has no word to adjust. */
static void no_word_is_left(void **state)
{
	struct packet p = udp("[fd01:203:405:1:ffff:ffff:ffff:ffff]:7 > [2001:db8:9::9]:7", 40);
	struct packet error = rig_error(*state, LAN0, &p, REASON_NPT_WORD);

	assert_error(&error, 4, 0, "fd01:203:405:1::1 > fd01:203:405:1:ffff:ffff:ffff:ffff", &p);
	assert_int_equal(word_of(&error), 8);
	p = udp("[2001:db8:9::9]:7 > [2001:db8:77:1:ffff:ffff:ffff:ffff]:7", 40);
	error = rig_error(*state, WAN0, &p, REASON_NPT_WORD);
	assert_error(&error, 4, 0, "2001:db8:f::1 > 2001:db8:9::9", &p);
	assert_int_equal(word_of(&error), 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(other_protocols, nat64),
		RIG_ROW(no_port_is_left, &short64[0], "1 worker"),
		RIG_ROWS(segments_are_left, nat64),
		RIG_ROWS(hops_are_used_up, nat64),
		RIG_ROWS(links_are_narrow, narrow64),
		RIG_ROWS(no_word_is_left, npt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
