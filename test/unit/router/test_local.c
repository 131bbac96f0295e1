/* The router as a host: what it answers, what it says about datagrams it refused, what it keeps to
 * itself. */
#include "rig.h"

static const struct setting plain[] = RIG_WIDTHS();
static const struct setting believing[] = RIG_WIDTHS(.reverse_path = { [LAN0] = "off" });
static const struct setting shared[] = RIG_WIDTHS(.nat = RIG_NAT("\"interface:wan0\"", ""));
static const struct setting bare[] = RIG_WIDTHS(
	.lan1 = "", .routes = "{ prefix = \"172.30.0.0/24\"; interface = \"lan1\"; }");
static const struct setting mute_outside[] = RIG_WIDTHS(.mute = { [WAN0] = true });
static const struct setting mute_inside[] = RIG_WIDTHS(.mute = { [LAN0] = true });

static void assert_answers(struct rig *r, size_t interface, const char *way, const char *back)
{
	struct packet sent = echo(way, 600, 56);
	struct packet out = rig_pass(r, interface, &sent, interface);
	bool v4 = packet_is_v4(out.octets);

	assert_way(&out, back);
	assert_int_equal(packet_transport(&out)[0], v4 ? 0 : 129);
	assert_int_equal(load16(packet_transport(&out) + 4), 600);
	assert_same_payload(&out, &sent);
}

static void pings_are_answered(void **state)
{
	struct rig *r = *state;

	assert_answers(r, LAN0, "10.0.0.10 > 10.0.0.1", "10.0.0.1 > 10.0.0.10");
	assert_answers(r, LAN0, "10.0.0.10 > 10.0.1.1", "10.0.1.1 > 10.0.0.10");
	assert_answers(r, LAN1, "10.0.1.10 > 10.0.1.1", "10.0.1.1 > 10.0.1.10");
	assert_answers(r, LAN0, "172.16.7.7 > 10.0.0.1", "10.0.0.1 > 172.16.7.7");
	assert_answers(r, LAN0, "10.0.0.10 > 198.51.100.1", "198.51.100.1 > 10.0.0.10");
	assert_answers(r, WAN0, "203.0.113.9 > 198.51.100.1", "198.51.100.1 > 203.0.113.9");
	assert_answers(r, WAN0, "198.51.100.77 > 198.51.100.1", "198.51.100.1 > 198.51.100.77");
	assert_int_equal(rig_counters(r).local, 7);
}

static void pings_are_answered_in_ipv6(void **state)
{
	struct rig *r = *state;

	assert_answers(r, LAN0, "2001:db8:1::10 > 2001:db8:1::1", "2001:db8:1::1 > 2001:db8:1::10");
	assert_answers(r, LAN0, "2001:db8:1::10 > 2001:db8:f::1", "2001:db8:f::1 > 2001:db8:1::10");
	assert_answers(r, WAN0, "2001:db8:9::9 > 2001:db8:f::1", "2001:db8:f::1 > 2001:db8:9::9");
}

/* RFC 1812 section 5.3.1: what is for the router itself may use up its time to live. */
static void pings_need_no_hop(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_ttl(echo("10.0.0.10 > 10.0.0.1", 1, 8), 1);
	struct packet out = rig_pass(r, LAN0, &sent, LAN0);

	assert_int_equal(*packet_ttl(&out), 64);
	sent = with_ttl(echo("10.0.0.10 > 198.51.100.1", 1, 8), 1);
	rig_pass(r, LAN0, &sent, LAN0);
}

static void a_pool_address_of_its_own_answers(void **state)
{
	struct rig *r = *state;
	struct packet sent, out;

	assert_answers(r, WAN0, "203.0.113.9 > 198.51.100.1", "198.51.100.1 > 203.0.113.9");
	assert_answers(r, LAN0, "10.0.0.10 > 198.51.100.1", "198.51.100.1 > 10.0.0.10");
	assert_answers(r, LAN1, "10.0.1.10 > 198.51.100.1", "198.51.100.1 > 10.0.1.10");
	sent = with_ttl(echo("10.0.0.10 > 198.51.100.1", 5, 8), 1);
	out = rig_pass(r, LAN0, &sent, LAN0);
	assert_int_equal(load16(packet_transport(&out) + 4), 5);
}

static void a_pool_address_of_nobody_is_silent(void **state)
{
	struct rig *r = *state;
	struct packet sent = echo("203.0.113.9 > 198.51.100.2", 1, 8);

	rig_refuse(r, WAN0, &sent, REASON_NO_MAPPING);
	sent = echo("10.0.0.10 > 198.51.100.2", 1, 8);
	rig_refuse(r, LAN0, &sent, REASON_NO_MAPPING);
}

/* Nothing of the inside shows outside, not even that it is there (requirement 2827-V21). */
static void inside_addresses_are_silent_outside(void **state)
{
	struct rig *r = *state;
	static const char *const to[] = { "10.0.0.1", "10.0.1.1" };

	for (size_t i = 0; i < 2; i++) {
		struct packet sent = echo(WAY("198.51.100.77 > %s", to[i]), 1, 8);
		rig_push(r, WAN0, &sent);
		rig_settle(r);
		rig_expect_silence(r);
	}
}

/* Nor to who claims to be outside, where sources are believed. */
static void inside_addresses_answer_nobody_outside(void **state)
{
	struct packet sent = echo("203.0.113.50 > 10.0.0.1", 1, 8);

	rig_refuse(*state, LAN0, &sent, REASON_SPOOFED);
	sent = echo("203.0.113.50 > 198.51.100.1", 1, 8);
	rig_pass(*state, LAN0, &sent, WAN0);
}

static void inside_is_told_that_there_is_no_service(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 10.0.0.1:53", 40);
	struct packet error = rig_error(r, LAN0, &sent, REASON_LOCAL_SERVICE);

	assert_error(&error, 3, 3, "10.0.0.1 > 10.0.0.10", &sent);
	sent = udp("10.0.0.10:5000 > 198.51.100.1:53", 40);
	error = rig_error(r, LAN0, &sent, REASON_LOCAL_SERVICE);
	assert_error(&error, 3, 3, "10.0.0.1 > 10.0.0.10", &sent);
	sent = tcp("10.0.1.10:5000 > 10.0.1.1:80", SYN, 1, 0, 0);
	error = rig_error(r, LAN1, &sent, REASON_LOCAL_SERVICE);
	assert_error(&error, 3, 3, "10.0.1.1 > 10.0.1.10", &sent);
	sent = udp("[2001:db8:1::10]:5000 > [2001:db8:1::1]:53", 40);
	error = rig_error(r, LAN0, &sent, REASON_LOCAL_SERVICE);
	assert_error(&error, 1, 4, "2001:db8:1::1 > 2001:db8:1::10", &sent);
}

/* RFC 5382 REQ-4 and alike. */
static void outside_is_told_nothing(void **state)
{
	struct rig *r = *state;
	struct packet tries[] = {
		udp("203.0.113.9:53 > 198.51.100.1:53", 40),
		tcp("203.0.113.9:1000 > 198.51.100.1:22", SYN, 1, 0, 0),
		tcp("203.0.113.9:1000 > 198.51.100.1:22", ACK, 1, 1, 0),
		icmp("203.0.113.9 > 198.51.100.1", 13, 0, 12),
		udp("[2001:db8:9::9]:53 > [2001:db8:f::1]:53", 40),
	};

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		rig_refuse(r, WAN0, &tries[i], REASON_LOCAL_SERVICE);
}

/* RFC 1122 section 3.2.2: unknown messages, replies that nobody asked for, and what was damaged on
 * its way are dropped in silence. */
static void other_icmp_is_dropped_in_silence(void **state)
{
	struct rig *r = *state;
	struct packet tries[] = {
		icmp("10.0.0.10 > 10.0.0.1", 0, 0, 8), icmp("10.0.0.10 > 10.0.0.1", 13, 0, 12),
		icmp("10.0.0.10 > 10.0.0.1", 40, 0, 8), echo("10.0.0.10 > 10.0.0.1", 1, 8),
		icmp("2001:db8:1::10 > 2001:db8:1::1", 129, 0, 8),
	};

	packet_transport(&tries[3])[9] ^= 1;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		rig_refuse(r, LAN0, &tries[i], REASON_LOCAL_SERVICE);
}

/* RFC 1812 section 5.2.7.1: code 2 where it is the protocol that nobody speaks; RFC 4443 section
 * 3.4: the pointer shows where that is said. */
static void other_protocols_are_refused_as_such(void **state)
{
	struct rig *r = *state;
	struct packet sent = packet_make("10.0.0.10 > 10.0.0.1", 47, 20), error;

	error = rig_error(r, LAN0, &sent, REASON_LOCAL_SERVICE);
	assert_error(&error, 3, 2, "10.0.0.1 > 10.0.0.10", &sent);
	sent = packet_make("2001:db8:1::10 > 2001:db8:1::1", 47, 20);
	error = rig_error(r, LAN0, &sent, REASON_LOCAL_SERVICE);
	assert_error(&error, 4, 1, "2001:db8:1::1 > 2001:db8:1::10", &sent);
	assert_int_equal(load32(packet_transport(&error) + 4), 6);
}

static const uint8_t alert[] = { 148, 4, 0, 0 };

/* The original, octet by octet, although it was translated before its time was up. */
static void ttl_from_inside_quotes_the_original(void **state)
{
	struct rig *r = *state;
	struct packet sent[] = {
		udp("10.0.0.10:5002 > 203.0.113.9:53", 40),
		udp("10.0.0.10:5000 > 203.0.113.9:53", 1400),
		tcp("10.0.0.10:5002 > 203.0.113.9:80", SYN, 7, 0, 0),
		echo("10.0.0.10 > 203.0.113.9", 902, 56),
		with_options(udp("10.0.0.10:5004 > 203.0.113.9:53", 30), alert, 4),
		udp("10.0.0.10:5000 > 10.0.1.9:53", 5), udp("10.9.0.9:5000 > 203.0.113.9:53", 5),
	};

	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		struct packet error;

		sent[i] = with_ttl(sent[i], (uint8_t)(i & 1));
		error = rig_error(r, LAN0, &sent[i], REASON_TTL);
		assert_error(&error, 11, 0, i == 6 ? "10.0.0.1 > 10.9.0.9" : "10.0.0.1 > 10.0.0.10",
			     &sent[i]);
		assert_int_equal(*packet_ttl(&error), 64);
	}
}

/* RFC 1624 section 3: undoing a translation finds every checksum again, those at the ends of the
 * range too. */
static void quotes_keep_every_checksum(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 0x10000; i += i < 4 || i >= 0xfffa ? 1 : 997) {
		struct packet sent = tcp("10.0.0.10:5000 > 203.0.113.9:80", SYN, 0, 0, 2);
		struct packet error;
		uint16_t sum;

		store16(sent.octets + 40, 0);
		packet_seal(&sent);
		/* Payload that makes the checksum come out as wanted. */
		sum = load16(sent.octets + 36);
		store16(sent.octets + 40, packet_sum((uint16_t)~i, (uint8_t[]){ (uint8_t)(sum >> 8),
								(uint8_t)sum }, 2));
		packet_seal(&sent);
		sent = with_ttl(sent, 1);
		rig_later(r, 200);
		error = rig_error(r, LAN0, &sent, REASON_TTL);
		assert_error(&error, 11, 0, "10.0.0.1 > 10.0.0.10", &sent);
	}
}

static void ttl_from_outside_quotes_what_came_in(void **state)
{
	struct rig *r = *state;
	static const char *const ways[] = {
		"10.0.0.10:5002 > 203.0.113.9:53", "10.0.0.10:5000 > 203.0.113.9:53",
		"10.0.0.10:5004 > 203.0.113.9:53",
	};

	for (size_t i = 0; i < 3; i++) {
		struct packet sent = udp(ways[i], 40), out = rig_pass(r, LAN0, &sent, WAN0);
		struct packet answer = reply(&out), error;

		answer = with_ttl(i == 2 ? with_options(answer, alert, 4) : answer, 1);
		error = rig_error(r, WAN0, &answer, REASON_TTL);
		assert_error(&error, 11, 0, "198.51.100.1 > 203.0.113.9", &answer);
	}
}

/* Whoever hairpins is told by the inside address about the endpoint it knows. */
static void ttl_of_a_hairpin_finds_the_sender(void **state)
{
	struct rig *r = *state;
	struct packet opener = udp("10.0.1.12:5002 > 203.0.113.9:53", 1);
	struct packet sent = with_ttl(udp("10.0.0.11:5000 > 198.51.100.2:5002", 77), 1), error;

	rig_pass(r, LAN1, &opener, WAN0);
	error = rig_error(r, LAN0, &sent, REASON_TTL);
	assert_error(&error, 11, 0, "10.0.0.1 > 10.0.0.11", &sent);
}

static void an_interface_without_address_borrows_of_its_side(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_ttl(udp("172.30.0.5:1 > 10.0.0.9:53", 5), 1);
	struct packet error = rig_error(r, LAN1, &sent, REASON_TTL);

	assert_error(&error, 11, 0, "10.0.0.1 > 172.30.0.5", &sent);
}

/* RFC 5508 REQ-10d. */
static void errors_carry_the_dscp_of_their_cause(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5002 > 203.0.113.9:53", 40), error;

	sent.octets[1] = 46 << 2 | 1;
	sent = with_ttl(sent, 1);
	error = rig_error(r, LAN0, &sent, REASON_TTL);
	assert_int_equal(error.octets[1], 46 << 2);
}

/* RFC 1812 section 4.3.2.7. */
static void no_error_about_these(void **state)
{
	struct rig *r = *state;
	struct packet cause = udp("10.0.1.9:5002 > 10.0.0.10:53", 40);
	struct packet error = with_ttl(icmp_about("10.0.0.10 > 10.0.1.9", 3, 3, &cause, 60), 1);
	struct packet later = with_fragment(udp("10.0.0.10:1 > 10.0.1.9:53", 40), 0x2002);
	struct packet group = with_ttl(udp("10.0.0.10:5000 > 224.0.0.5:53", 4), 1);
	struct packet query = with_ttl(echo("10.0.0.10 > 10.0.1.9", 1, 8), 1);

	later = with_ttl(later, 1);
	rig_refuse(r, LAN0, &error, REASON_TTL);
	rig_refuse(r, LAN0, &later, REASON_TTL);
	rig_refuse(r, LAN0, &group, REASON_MULTICAST);
	rig_error(r, LAN0, &query, REASON_TTL);
}

static void hop_limit_in_ipv6(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_ttl(udp("[2001:db8:1::10]:5000 > [2001:db8:9::9]:53", 1400), 1);
	struct packet error = rig_error(r, LAN0, &sent, REASON_TTL);

	assert_error(&error, 3, 0, "2001:db8:1::1 > 2001:db8:1::10", &sent);
	sent = with_ttl(udp("[2001:db8:9::9]:53 > [2001:db8:1::10]:5000", 10), 0);
	error = rig_error(r, WAN0, &sent, REASON_TTL);
	assert_error(&error, 3, 0, "2001:db8:f::1 > 2001:db8:9::9", &sent);
}

/* RFC 5508 REQ-9: no error leaves by an interface that is to be silent; pings are none. */
static void outside_may_be_silent(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 40), out, answer;
	struct packet syn = tcp("203.0.113.9:4000 > 198.51.100.2:5001", SYN, 77, 0, 0);

	out = rig_pass(r, LAN0, &sent, WAN0);
	answer = with_ttl(reply(&out), 1);
	rig_refuse(r, WAN0, &answer, REASON_TTL);
	rig_refuse(r, WAN0, &syn, REASON_NO_MAPPING);
	rig_later(r, 10000);
	rig_expect_silence(r);
	assert_int_equal(rig_counters(r).errors_sent, 0);
	assert_answers(r, WAN0, "203.0.113.9 > 198.51.100.1", "198.51.100.1 > 203.0.113.9");
	sent = with_ttl(sent, 1);
	rig_error(r, LAN0, &sent, REASON_TTL);
}

static void inside_may_be_silent(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_ttl(udp("10.0.0.10:5000 > 203.0.113.9:53", 40), 1);
	struct packet service = udp("10.0.0.10:5000 > 10.0.0.1:53", 40);
	struct packet other = with_ttl(udp("10.0.1.10:5000 > 203.0.113.9:53", 40), 1);

	rig_refuse(r, LAN0, &sent, REASON_TTL);
	rig_refuse(r, LAN0, &service, REASON_LOCAL_SERVICE);
	assert_answers(r, LAN0, "10.0.0.10 > 10.0.0.1", "10.0.0.1 > 10.0.0.10");
	rig_error(r, LAN1, &other, REASON_TTL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(pings_are_answered, plain),
		RIG_ROWS(pings_are_answered_in_ipv6, plain),
		RIG_ROWS(pings_need_no_hop, plain),
		RIG_ROWS(a_pool_address_of_its_own_answers, shared),
		RIG_ROWS(a_pool_address_of_nobody_is_silent, plain),
		RIG_ROWS(inside_addresses_are_silent_outside, plain),
		RIG_ROWS(inside_addresses_answer_nobody_outside, believing),
		RIG_ROWS(inside_is_told_that_there_is_no_service, plain),
		RIG_ROWS(outside_is_told_nothing, plain),
		RIG_ROWS(other_icmp_is_dropped_in_silence, plain),
		RIG_ROWS(other_protocols_are_refused_as_such, plain),
		RIG_ROWS(ttl_from_inside_quotes_the_original, plain),
		RIG_ROWS(quotes_keep_every_checksum, plain),
		RIG_ROWS(ttl_from_outside_quotes_what_came_in, plain),
		RIG_ROWS(ttl_of_a_hairpin_finds_the_sender, plain),
		RIG_ROWS(an_interface_without_address_borrows_of_its_side, bare),
		RIG_ROWS(errors_carry_the_dscp_of_their_cause, plain),
		RIG_ROWS(no_error_about_these, plain),
		RIG_ROWS(outside_may_be_silent, mute_outside),
		RIG_ROWS(inside_may_be_silent, mute_inside),
		RIG_ROWS(hop_limit_in_ipv6, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
