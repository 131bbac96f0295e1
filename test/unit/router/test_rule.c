/* Rewrite rules: what is lowered, set and left alone, and that every checksum follows. */
#include "rig.h"

static const struct setting clamping[] = RIG_WIDTHS(.mtu = { 1500, 1500, 1400 }, .rewrite =
	"{ match = \"out wan0 tcp syn\"; mss = \"clamp\"; },"
	"{ match = \"in wan0 tcp syn\"; mss = \"clamp\"; }");
static const struct setting fixed[] = RIG_WIDTHS(.rewrite =
	"{ match = \"out wan0 tcp syn\"; mss = 1000; }");
static const struct setting marking[] = RIG_WIDTHS(.rewrite =
	"{ match = \"in lan0\"; dscp = 46; }, { match = \"out wan0 udp\"; ttl = 128; },"
	"{ match = \"in wan0 icmp\"; ttl = 5; dscp = 0; }");

/* A SYN with this MSS behind so many NOPs; 0: without the option. */
static struct packet syn(const char *way, uint8_t flags, uint32_t ack, uint16_t mss, size_t nops)
{
	struct packet p = tcp(way, flags, 1000, ack, 8);
	uint8_t *t = packet_transport(&p);

	t[12] = 7 << 4;
	memset(t + 20, 1, 8);
	if (mss) {
		t[20 + nops] = 2;
		t[21 + nops] = 4;
		store16(t + 22 + nops, mss);
	}
	packet_seal(&p);
	return p;
}

static uint16_t mss_of(struct packet *p, size_t nops)
{
	return load16(packet_transport(p) + 22 + nops);
}

/* RFC 9293 section 3.7.1: what fits both links, only ever less, at every alignment. */
static void mss_is_lowered_both_ways(void **state)
{
	struct rig *r = *state;

	for (size_t nops = 0; nops <= 4; nops++) {
		const char *out_way = WAY("10.0.0.10:%zu > 203.0.113.9:80", 5000 + nops);
		const char *in_way = WAY("203.0.113.9:80 > 198.51.100.2:%zu", 5000 + nops);
		struct packet sent = syn(out_way, SYN, 0, 1460, nops), out;

		out = rig_pass(r, LAN0, &sent, WAN0);
		assert_int_equal(mss_of(&out, nops), 1360);
		sent = syn(in_way, SYN | ACK, 1001, 8960, nops);
		out = rig_pass(r, WAN0, &sent, LAN0);
		assert_int_equal(mss_of(&out, nops), 1360);
	}
}

static void mss_is_never_raised_nor_added(void **state)
{
	struct rig *r = *state;
	struct packet sent = syn("10.0.0.10:5000 > 203.0.113.9:80", SYN, 0, 536, 1), out;

	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(mss_of(&out, 1), 536);
	sent = syn("10.0.0.10:5000 > 203.0.113.9:80", SYN, 0, 1360, 1);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(mss_of(&out, 1), 1360);
	sent = syn("10.0.0.10:5000 > 203.0.113.9:80", SYN, 0, 0, 0);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_memory_equal(packet_transport(&out) + 20, packet_transport(&sent) + 20, 8);
}

/* Only connections that begin, and only on the interface that the rule names. */
static void mss_of_others_is_left_alone(void **state)
{
	struct rig *r = *state;
	struct packet sent = syn("10.0.0.10:5000 > 203.0.113.9:80", SYN, 0, 1460, 0), out;

	rig_pass(r, LAN0, &sent, WAN0);
	sent = syn("10.0.0.10:5000 > 203.0.113.9:80", ACK, 1, 1460, 0);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(mss_of(&out, 0), 1460);
	sent = syn("10.0.0.10:5000 > 10.0.1.9:80", SYN, 0, 1460, 0);
	out = rig_pass(r, LAN0, &sent, LAN1);
	assert_int_equal(mss_of(&out, 0), 1460);
}

static void mss_in_ipv6_leaves_more_for_headers(void **state)
{
	struct rig *r = *state;
	struct packet sent = syn("[2001:db8:1::9]:5000 > [2001:db8:9::9]:80", SYN, 0, 1440, 2), out;

	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(mss_of(&out, 2), 1340);
	sent = syn("[2001:db8:9::9]:80 > [2001:db8:1::9]:5000", SYN | ACK, 1, 1440, 3);
	out = rig_pass(r, WAN0, &sent, LAN0);
	assert_int_equal(mss_of(&out, 3), 1340);
}

static void mss_may_be_a_number(void **state)
{
	struct rig *r = *state;
	struct packet sent = syn("10.0.0.10:5000 > 203.0.113.9:80", SYN, 0, 1460, 1), out;

	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(mss_of(&out, 1), 1000);
}

/* RFC 2474 section 3: six bits of eight; ECN is not ours. */
static void dscp_and_ttl_are_set(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10), out;

	for (unsigned tos = 0; tos < 256; tos += 15) {
		sent.octets[1] = (uint8_t)tos;
		sent = with_ttl(sent, (uint8_t)(2 + tos / 2));
		out = rig_pass(r, LAN0, &sent, WAN0);
		assert_int_equal(out.octets[1], 46 << 2 | (tos & 3));
		assert_int_equal(*packet_ttl(&out), 128);
	}
	sent = tcp("10.0.0.10:5000 > 203.0.113.9:53", SYN, 1, 0, 0);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(out.octets[1], 46 << 2);
	assert_int_equal(*packet_ttl(&out), 63);
	sent = udp("10.0.1.10:5000 > 203.0.113.9:53", 10);
	out = rig_pass(r, LAN1, &sent, WAN0);
	assert_int_equal(out.octets[1], 0);
}

static void dscp_and_hop_limit_are_set_in_ipv6(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("[2001:db8:1::9]:5000 > [2001:db8:9::9]:53", 10), out;

	store32(sent.octets, 0x645abcde);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(load32(out.octets), 0x6b9abcde);
	assert_int_equal(*packet_ttl(&out), 128);
}

static void a_rule_may_do_both(void **state)
{
	struct rig *r = *state;
	struct packet sent = echo("10.0.1.10 > 203.0.113.9", 3, 10), out;

	out = rig_pass(r, LAN1, &sent, WAN0);
	sent = reply(&out);
	sent.octets[1] = 0xff;
	sent = with_ttl(sent, 77);
	out = rig_pass(r, WAN0, &sent, LAN1);
	assert_int_equal(out.octets[1], 3);
	assert_int_equal(*packet_ttl(&out), 5);
}

/* A rule is no way around the time to live. */
static void ttl_rules_do_not_save_what_is_over(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_ttl(udp("10.0.0.10:5000 > 203.0.113.9:53", 10), 1), error;

	error = rig_error(r, LAN0, &sent, REASON_TTL);
	assert_error(&error, 11, 0, "10.0.0.1 > 10.0.0.10", &sent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(mss_is_lowered_both_ways, clamping),
		RIG_ROWS(mss_is_never_raised_nor_added, clamping),
		RIG_ROWS(mss_of_others_is_left_alone, clamping),
		RIG_ROWS(mss_in_ipv6_leaves_more_for_headers, clamping),
		RIG_ROWS(mss_may_be_a_number, fixed),
		RIG_ROWS(dscp_and_ttl_are_set, marking),
		RIG_ROWS(dscp_and_hop_limit_are_set_in_ipv6, marking),
		RIG_ROWS(a_rule_may_do_both, marking),
		RIG_ROWS(ttl_rules_do_not_save_what_is_over, marking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
