/* Translation through the whole gateway: out and back, forwards, hairpins, and what is refused. */
#include "rig.h"

#define FORWARD(proto, external, internal) \
	"{ proto = \"" proto "\"; external = \"" external "\"; internal = \"" internal "\"; }"

static const struct setting plain[] = RIG_WIDTHS();
/* 8080 and 8443 belong to other workers than 83 and 443, with two as with four. */
static const struct setting forwarding[] = RIG_WIDTHS(
	.forwards = FORWARD("tcp", "198.51.100.2:8080", "10.0.0.20:83") ","
		    FORWARD("udp", "198.51.100.2:50000-50009", "10.0.0.21:7003"));
static const struct setting shared[] = RIG_WIDTHS(.nat = RIG_NAT("\"interface:wan0\"", ""));
static const struct setting paired[] = RIG_WIDTHS(
	.nat = RIG_NAT("\"198.51.100.2-198.51.100.5\"", ""));

static void udp_goes_out_and_comes_back(void **state)
{
	struct rig *r = *state;

	for (unsigned port = 5000; port < 5010; port++) {
		struct packet sent = udp(WAY("10.0.0.10:%u > 203.0.113.9:53", port), 100);
		struct packet out = rig_pass(r, LAN0, &sent, WAN0);
		assert_way(&out, WAY("198.51.100.2:%u > 203.0.113.9:53", port));
		assert_int_equal(*packet_ttl(&out), 63);
		assert_same_payload(&out, &sent);
		struct packet answer = reply(&out);
		struct packet back = rig_pass(r, WAN0, &answer, LAN0);
		assert_way(&back, WAY("203.0.113.9:53 > 10.0.0.10:%u", port));
		assert_int_equal(*packet_ttl(&back), 63);
		assert_same_payload(&back, &sent);
	}
}

static void tcp_goes_out_and_comes_back(void **state)
{
	struct rig *r = *state;
	static const char way[] = "10.0.0.10:5002 > 203.0.113.9:80";
	struct packet sent = tcp(way, SYN, 1000, 0, 0);
	struct packet out = rig_pass(r, LAN0, &sent, WAN0);

	assert_way(&out, "198.51.100.2:5002 > 203.0.113.9:80");
	sent = tcp("203.0.113.9:80 > 198.51.100.2:5002", SYN | ACK, 9000, 1001, 0);
	out = rig_pass(r, WAN0, &sent, LAN0);
	assert_way(&out, "203.0.113.9:80 > 10.0.0.10:5002");
	for (uint32_t i = 0; i < 20; i++) {
		sent = tcp(way, ACK, 1001 + i * 1000, 9001 + i * 500, 1000);
		out = rig_pass(r, LAN0, &sent, WAN0);
		assert_same_payload(&out, &sent);
		sent = tcp("203.0.113.9:80 > 198.51.100.2:5002", ACK, 9001 + i * 500,
			   2001 + i * 1000, 500);
		out = rig_pass(r, WAN0, &sent, LAN0);
		assert_same_payload(&out, &sent);
	}
}

static void echo_goes_out_and_comes_back(void **state)
{
	struct rig *r = *state;

	for (uint16_t id = 700; id < 710; id++) {
		struct packet sent = echo("10.0.1.10 > 203.0.113.9", id, 56);
		struct packet out = rig_pass(r, LAN1, &sent, WAN0);
		assert_way(&out, "198.51.100.2 > 203.0.113.9");
		struct packet answer = reply(&out);
		struct packet back = rig_pass(r, WAN0, &answer, LAN1);
		assert_way(&back, "203.0.113.9 > 10.0.1.10");
		assert_int_equal(load16(packet_transport(&back) + 4), id);
		assert_same_payload(&back, &sent);
	}
}

/* RFC 768: zero says that none was sent, and stays. */
static void udp_without_checksum_stays_so(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 100), out;

	store16(packet_transport(&sent) + 6, 0);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_int_equal(load16(packet_transport(&out) + 6), 0);
}

/* RFC 4787 REQ-2 with owners that do not talk: one outside address for all of a host. */
static void a_host_keeps_its_outside_address(void **state)
{
	struct rig *r = *state;
	uint32_t seen[4] = { 0 };

	for (unsigned host = 10; host < 40; host++) {
		uint32_t address = 0;

		for (unsigned port = 6000; port < 6008; port++) {
			const char *way = WAY("10.0.0.%u:%u > 203.0.113.9:53", host, port);
			struct packet sent = udp(way, 1), out = rig_pass(r, LAN0, &sent, WAN0);

			assert_true(!address || address == load32(out.octets + 12));
			address = load32(out.octets + 12);
		}
		assert_in_range(address, 0xc6336402, 0xc6336405);
		seen[address - 0xc6336402]++;
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(seen[i] > 0);
}

static void nothing_from_outside_fits_no_mapping(void **state)
{
	struct rig *r = *state;
	struct packet tries[] = {
		udp("203.0.113.9:53 > 198.51.100.2:5000", 10),
		tcp("203.0.113.9:80 > 198.51.100.2:5000", SYN, 1, 0, 0),
		tcp("203.0.113.9:80 > 198.51.100.2:5000", RST, 1, 0, 0),
		echo("203.0.113.9 > 198.51.100.2", 7, 10),
		icmp("203.0.113.9 > 198.51.100.2", 0, 0, 10),
		packet_make("203.0.113.9 > 198.51.100.2", 47, 20),
		udp("203.0.113.9:53 > 10.0.0.10:5000", 10),
	};

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		rig_refuse(r, WAN0, &tries[i], REASON_NO_MAPPING);
}

static void strangers_are_filtered(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);
	struct packet stranger = udp("203.0.113.77:53 > 198.51.100.2:5000", 10);
	struct packet neighbour = udp("203.0.113.9:54 > 198.51.100.2:5000", 10);

	rig_pass(r, LAN0, &sent, WAN0);
	rig_refuse(r, WAN0, &stranger, REASON_FILTERED);
	rig_pass(r, WAN0, &neighbour, LAN0);
}

static void what_cannot_be_translated_ends_here(void **state)
{
	struct rig *r = *state;
	struct packet ah = packet_make("10.0.0.10 > 203.0.113.9", 51, 20);
	struct packet redirect = icmp("10.0.0.10 > 203.0.113.9", 5, 0, 28);

	rig_refuse(r, LAN0, &ah, REASON_NO_TRANSPORT);
	rig_refuse(r, LAN0, &redirect, REASON_NOT_A_QUERY);
}

static void inside_to_inside_is_only_routed(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 10.0.1.10:53", 10);
	struct packet out = rig_pass(r, LAN0, &sent, LAN1);

	assert_way(&out, "10.0.0.10:5000 > 10.0.1.10:53");
	sent = tcp("172.16.5.5:1000 > 10.0.1.10:80", ACK, 1, 1, 10);
	out = rig_pass(r, LAN0, &sent, LAN1);
	assert_way(&out, "172.16.5.5:1000 > 10.0.1.10:80");
	assert_int_equal(rig_counters(r).hairpinned, 0);
}

static struct packet about(const char *from, const char *to, uint8_t protocol, size_t len)
{
	const char *way = WAY("%s:1 > %s:2", from, to);
	return protocol == PROTO_UDP ? udp(way, len) : packet_make(way, protocol, len);
}

static void assert_only_routed(struct rig *r, size_t in, const char *from, const char *to,
			       size_t out)
{
	struct packet gre = about(from, to, 47, 64), back = about(to, from, 47, 64);
	struct packet piece = with_fragment(about(from, to, PROTO_UDP, 40), 0x2002);

	const char *way = WAY("%s > %s", from, to);
	struct packet sent[] = {
		gre, with_fragment(gre, 0x2000), with_fragment(gre, 0x2010), piece, piece,
		with_fragment(piece, 0x2003), icmp(way, 5, 0, 28), icmp(way, 0, 0, 8),
		icmp_about(way, 3, 2, &back, 28),
	};
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		struct packet result = rig_pass(r, in, &sent[i], out);

		sent[i] = with_ttl(sent[i], 63);
		assert_int_equal(result.len, sent[i].len);
		assert_memory_equal(result.octets, sent[i].octets, result.len);
	}
}

/* What a NAT could not translate either, and what it would have to gather first. */
static void inside_to_inside_whatever_it_is(void **state)
{
	assert_only_routed(*state, LAN0, "10.0.0.10", "10.0.1.10", LAN1);
	assert_only_routed(*state, LAN0, "10.9.0.5", "10.0.1.10", LAN1);
	assert_only_routed(*state, LAN1, "10.0.1.10", "10.9.0.5", LAN0);
}

static void a_source_without_policy_is_told_so(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("172.16.5.5:1000 > 203.0.113.9:53", 40);
	struct packet error = rig_error(r, LAN0, &sent, REASON_NO_POLICY);

	assert_error(&error, 3, 13, "10.0.0.1 > 172.16.5.5", &sent);
}

static void policy_none_passes_unchanged(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.9.0.5:1000 > 203.0.113.9:53", 40);
	struct packet out = rig_pass(r, LAN0, &sent, WAN0), answer = reply(&out);

	assert_way(&out, "10.9.0.5:1000 > 203.0.113.9:53");
	out = rig_pass(r, WAN0, &answer, LAN0);
	assert_way(&out, "203.0.113.9:53 > 10.9.0.5:1000");
	sent = packet_make("10.9.0.5 > 203.0.113.9", 47, 20);
	rig_pass(r, LAN0, &sent, WAN0);
}

static void policy_none_finds_the_router_in_a_pool(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.9.0.5:1000 > 198.51.100.1:4444", 40), out;

	rig_refuse(r, LAN0, &sent, REASON_LOCAL_SERVICE);
	sent = echo("10.9.0.5 > 198.51.100.1", 7, 40);
	out = rig_pass(r, LAN0, &sent, LAN0);
	assert_way(&out, "198.51.100.1 > 10.9.0.5");
}

static void policy_none_finds_nobody_in_an_unused_pool(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.9.0.5:1000 > 198.51.100.2:4444", 40);

	rig_refuse(r, LAN0, &sent, REASON_NO_MAPPING);
}

/* A host that has no outside endpoint and asks for one of ours: either nothing comes of it, or the
 * answer comes from the endpoint that was asked. */
static void policy_none_hears_from_whom_it_asked(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.9.0.5:1000 > 198.51.100.2:50004", 40), out, answer;

	rig_push(r, LAN0, &sent);
	rig_settle(r);
	if (!rig_pull(r, LAN0, &out))
		return;
	assert_way(&out, "10.9.0.5:1000 > 10.0.0.21:7007");
	answer = reply(&out);
	out = rig_pass(r, LAN0, &answer, LAN0);
	assert_way(&out, "198.51.100.2:50004 > 10.9.0.5:1000");
}

static void forwards_lead_inside(void **state)
{
	struct rig *r = *state;
	struct packet sent = tcp("203.0.113.9:4000 > 198.51.100.2:8080", SYN, 100, 0, 0);
	struct packet out = rig_pass(r, WAN0, &sent, LAN0);

	assert_way(&out, "203.0.113.9:4000 > 10.0.0.20:83");
	sent = tcp("10.0.0.20:83 > 203.0.113.9:4000", SYN | ACK, 500, 101, 0);
	out = rig_pass(r, LAN0, &sent, WAN0);
	assert_way(&out, "198.51.100.2:8080 > 203.0.113.9:4000");
	sent = tcp("203.0.113.9:4000 > 198.51.100.2:8080", ACK, 101, 501, 300);
	out = rig_pass(r, WAN0, &sent, LAN0);
	assert_same_payload(&out, &sent);
}

static void forwarded_endpoints_speak_first(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 10; i++) {
		struct packet sent = udp(WAY("10.0.0.21:%u > 203.0.113.9:53", 7003 + i), 10);
		struct packet out = rig_pass(r, LAN0, &sent, WAN0);

		assert_way(&out, WAY("198.51.100.2:%u > 203.0.113.9:53", 50000 + i));
		sent = udp(WAY("203.0.113.77:1 > 198.51.100.2:%u", 50000 + i), 10);
		out = rig_pass(r, WAN0, &sent, LAN0);
		assert_way(&out, WAY("203.0.113.77:1 > 10.0.0.21:%u", 7003 + i));
	}
}

/* RFC 4787 REQ-9; the two hosts' sessions belong to different workers where there are several. */
static void hosts_meet_by_their_outside_endpoints(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.1.12:5002 > 203.0.113.9:53", 10), out;

	rig_pass(r, LAN1, &sent, WAN0);
	sent = udp("10.0.0.11:5000 > 198.51.100.2:5002", 77);
	out = rig_pass(r, LAN0, &sent, LAN1);
	assert_way(&out, "198.51.100.2:5000 > 10.0.1.12:5002");
	assert_int_equal(*packet_ttl(&out), 63);
	assert_same_payload(&out, &sent);
	sent = reply(&out);
	out = rig_pass(r, LAN1, &sent, LAN0);
	assert_way(&out, "198.51.100.2:5002 > 10.0.0.11:5000");
	assert_int_equal(rig_counters(r).hairpinned, 2);
}

static void hosts_meet_by_a_forward(void **state)
{
	struct rig *r = *state;
	struct packet sent = tcp("10.0.0.11:5000 > 198.51.100.2:8080", SYN, 100, 0, 0);
	struct packet out = rig_pass(r, LAN0, &sent, LAN0);

	assert_way(&out, "198.51.100.2:5000 > 10.0.0.20:83");
	sent = tcp("10.0.0.20:83 > 198.51.100.2:5000", SYN | ACK, 500, 101, 0);
	out = rig_pass(r, LAN0, &sent, LAN0);
	assert_way(&out, "198.51.100.2:8080 > 10.0.0.11:5000");
}

/* RFC 5508 REQ-7: the error crosses both translations, with both of its headers. */
static void errors_of_hairpins_come_back(void **state)
{
	struct rig *r = *state;
	struct packet opener = udp("10.0.1.12:5002 > 203.0.113.9:53", 10);
	struct packet sent = udp("10.0.0.11:5000 > 198.51.100.2:5002", 77), out, error;

	rig_pass(r, LAN1, &opener, WAN0);
	out = rig_pass(r, LAN0, &sent, LAN1);
	error = icmp_about("10.0.1.12 > 198.51.100.2", 3, 3, &out, 548);
	out = rig_pass(r, LAN1, &error, LAN0);
	/* Quoted behind the hop that the datagram had taken. */
	sent = with_ttl(sent, 63);
	assert_error(&out, 3, 3, "198.51.100.2 > 10.0.0.11", &sent);
}

static void errors_from_outside_find_the_sender(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.11:5002 > 203.0.113.9:53", 77);
	struct packet out = rig_pass(r, LAN0, &sent, WAN0);
	struct packet error = icmp_about("203.0.113.1 > 198.51.100.2", 3, 1, &out, 548), stray;

	out = rig_pass(r, WAN0, &error, LAN0);
	sent = with_ttl(sent, 63);
	assert_error(&out, 3, 1, "203.0.113.1 > 10.0.0.11", &sent);
	stray = udp("198.51.100.2:6000 > 203.0.113.9:53", 77);
	error = icmp_about("203.0.113.1 > 198.51.100.2", 3, 1, &stray, 548);
	rig_refuse(r, WAN0, &error, REASON_ICMP_NO_SESSION);
}

static void errors_from_inside_hide_the_host(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.11:5002 > 203.0.113.9:53", 77), back, error, out;

	out = rig_pass(r, LAN0, &sent, WAN0);
	sent = reply(&out);
	back = rig_pass(r, WAN0, &sent, LAN0);
	error = icmp_about("10.0.0.11 > 203.0.113.9", 3, 3, &back, 548);
	out = rig_pass(r, LAN0, &error, WAN0);
	sent = with_ttl(sent, 63);
	assert_error(&out, 3, 3, "198.51.100.2 > 203.0.113.9", &sent);
}

/* The router's own address is the pool: both must work side by side. */
static void the_pool_may_be_the_router(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);
	struct packet out = rig_pass(r, LAN0, &sent, WAN0), answer = reply(&out), ping;

	assert_way(&out, "198.51.100.1:5000 > 203.0.113.9:53");
	rig_pass(r, WAN0, &answer, LAN0);
	ping = echo("203.0.113.9 > 198.51.100.1", 1, 10);
	out = rig_pass(r, WAN0, &ping, WAN0);
	assert_way(&out, "198.51.100.1 > 203.0.113.9");
	sent = udp("203.0.113.9:53 > 198.51.100.1:5001", 10);
	rig_refuse(r, WAN0, &sent, REASON_LOCAL_SERVICE);
}

static void sessions_end_in_time(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.10:5000 > 203.0.113.9:53", 10);
	struct packet out = rig_pass(r, LAN0, &sent, WAN0), answer = reply(&out);

	rig_later(r, 299000);
	rig_pass(r, WAN0, &answer, LAN0);
	rig_later(r, 1500);
	rig_refuse(r, WAN0, &answer, REASON_NO_MAPPING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(udp_goes_out_and_comes_back, plain),
		RIG_ROWS(tcp_goes_out_and_comes_back, plain),
		RIG_ROWS(echo_goes_out_and_comes_back, plain),
		RIG_ROWS(udp_without_checksum_stays_so, plain),
		RIG_ROWS(a_host_keeps_its_outside_address, paired),
		RIG_ROWS(nothing_from_outside_fits_no_mapping, plain),
		RIG_ROWS(strangers_are_filtered, plain),
		RIG_ROWS(what_cannot_be_translated_ends_here, plain),
		RIG_ROWS(inside_to_inside_is_only_routed, plain),
		RIG_ROWS(inside_to_inside_whatever_it_is, plain),
		RIG_ROWS(a_source_without_policy_is_told_so, plain),
		RIG_ROWS(policy_none_passes_unchanged, plain),
		RIG_ROWS(policy_none_finds_the_router_in_a_pool, shared),
		RIG_ROWS(policy_none_finds_nobody_in_an_unused_pool, plain),
		RIG_ROWS(policy_none_hears_from_whom_it_asked, forwarding),
		RIG_ROWS(forwards_lead_inside, forwarding),
		RIG_ROWS(forwarded_endpoints_speak_first, forwarding),
		RIG_ROWS(hosts_meet_by_their_outside_endpoints, plain),
		RIG_ROWS(hosts_meet_by_a_forward, forwarding),
		RIG_ROWS(errors_of_hairpins_come_back, plain),
		RIG_ROWS(errors_from_outside_find_the_sender, plain),
		RIG_ROWS(errors_from_inside_hide_the_host, plain),
		RIG_ROWS(the_pool_may_be_the_router, shared),
		RIG_ROWS(sessions_end_in_time, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
