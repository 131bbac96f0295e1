/* Routes by source: 10.0.0.64/26 has another provider, to whom lan1 leads here, and so has 10.0.2.0/24,
 * which lies behind a router inside. */
#include "rig.h"

enum { WAN1 = LAN1 };

#define OTHER "{ prefix = \"0.0.0.0/0\"; interface = \"lan1\"; via = \"192.0.2.254\"; " \
	"from = \"10.0.0.64/26\"; }, "
#define REMOTE "{ prefix = \"10.0.2.0/24\"; interface = \"lan0\"; via = \"10.0.0.254\"; }, " \
	"{ prefix = \"0.0.0.0/0\"; interface = \"lan1\"; via = \"192.0.2.254\"; " \
	"from = \"10.0.2.0/24\"; }, "
#define WITHOUT "{ prefix = \"203.0.113.77\"; type = \"prohibit\"; from = \"10.0.0.96/27\"; }, " \
	"{ prefix = \"10.0.0.12\"; type = \"blackhole\"; from = \"203.0.113.66\"; }, "
#define NAT RIG_OPEN ", { name = \"other\"; match = \"10.0.0.64/26\"; type = \"napt44\"; " \
	"  pool = [ \"192.0.2.2\" ]; }, " \
	"{ name = \"home\"; match = \"10.0.0.0/16\"; type = \"napt44\"; pool = [ \"198.51.100.2\" ]; }"
#define TWICE RIG_OPEN ", { name = \"other\"; match = \"10.0.0.0/24\"; type = \"napt44\"; " \
	"  pool = [ \"192.0.2.2\" ]; " \
	"  twice = { inside = \"203.0.114.0/24\"; outside = \"203.0.113.0/24\"; }; }"

static const struct setting plain[] = RIG_WIDTHS(
	.outer = true, .lan1 = "\"192.0.2.1/24\"", .nat = NAT,
	.routes = OTHER REMOTE WITHOUT RIG_ROUTES);
static const struct setting equal[] = RIG_WIDTHS(
	.outer = true, .lan1 = "\"192.0.2.1/24\"",
	.routes = "{ prefix = \"0.0.0.0/0\"; interface = \"lan1\"; via = \"192.0.2.254\"; }, " RIG_ROUTES);
static const struct setting without[] = RIG_WIDTHS(
	.outer = true, .lan1 = "\"192.0.2.1/24\"", .nat = NAT, .routes = RIG_ROUTES);
static const struct setting twice[] = RIG_WIDTHS(
	.outer = true, .lan1 = "\"192.0.2.1/24\"", .nat = TWICE, .routes = OTHER RIG_ROUTES);

/* Out by an interface and back, thrice: the later ones are recalled. */
static void speak(struct rig *r, const char *from, size_t wan, const char *outside)
{
	for (int i = 0; i < 3; i++) {
		struct packet sent = udp(WAY("%s > 203.0.113.9:53", from), 100), out, answer, back;

		out = rig_pass(r, LAN0, &sent, wan);
		assert_way(&out, WAY("%s > 203.0.113.9:53", outside));
		answer = reply(&out);
		back = rig_pass(r, wan, &answer, LAN0);
		assert_way(&back, WAY("203.0.113.9:53 > %s", from));
	}
}

static void who_comes_from_there_leaves_by_the_other_one(void **state)
{
	struct rig *r = *state;

	for (unsigned port = 5000; port < 5010; port += 2) {
		char home[32], other[32], pool[32], second[32];

		snprintf(home, sizeof(home), "10.0.0.10:%u", port);
		snprintf(other, sizeof(other), "10.0.0.70:%u", port);
		snprintf(pool, sizeof(pool), "198.51.100.2:%u", port);
		snprintf(second, sizeof(second), "192.0.2.2:%u", port);
		speak(r, home, WAN0, pool);
		speak(r, other, WAN1, second);
	}
}

static void fragments_leave_by_the_other_one(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_fragment(udp("10.0.0.70:5000 > 203.0.113.9:53", 64), 0x2000), out;

	out = rig_pass(r, LAN0, &sent, WAN1);
	assert_int_equal(load16(packet_transport(&out)), 5000);
}

/* The longest `from` is asked first, and where it has no route the next. */
static void the_longest_source_is_asked_first(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.97:5000 > 203.0.113.77:53", 10), error;

	error = rig_error(r, LAN0, &sent, REASON_PROHIBIT);
	assert_error(&error, 3, 13, "10.0.0.1 > 10.0.0.97", &sent);
	speak(r, "10.0.0.97:5000", WAN1, "192.0.2.2:5000");
	sent = udp("10.0.0.70:5000 > 203.0.113.77:53", 10);
	rig_pass(r, LAN0, &sent, WAN1);
}

/* Addresses of ours, and networks of interfaces, are where they are for everybody. */
static void we_are_reached_all_the_same(void **state)
{
	struct rig *r = *state;
	struct packet sent = echo("10.0.0.70 > 10.0.0.1", 7, 32), back, error;

	back = rig_pass(r, LAN0, &sent, LAN0);
	assert_way(&back, "10.0.0.1 > 10.0.0.70");
	sent = echo("10.0.0.70 > 198.51.100.1", 7, 32);
	back = rig_pass(r, LAN0, &sent, LAN0);
	assert_way(&back, "198.51.100.1 > 10.0.0.70");
	sent = with_ttl(udp("10.0.0.70:5000 > 203.0.113.9:53", 10), 1);
	error = rig_error(r, LAN0, &sent, REASON_TTL);
	assert_error(&error, 11, 0, "10.0.0.1 > 10.0.0.70", &sent);
	sent = udp("10.0.0.70:5000 > 10.0.0.20:53", 10);
	back = rig_pass(r, LAN0, &sent, LAN0);
	assert_way(&back, "10.0.0.70:5000 > 10.0.0.20:53");
}

/* What we send comes from us: the routes of whom it goes to are not for it. */
static void we_answer_by_our_own_routes(void **state)
{
	struct rig *r = *state;
	struct packet sent = echo("10.0.2.5 > 10.0.0.1", 7, 32), back;

	speak(r, "10.0.2.5:5000", WAN1, "198.51.100.2:5000");
	back = rig_pass(r, LAN0, &sent, LAN0);
	assert_way(&back, "10.0.0.1 > 10.0.2.5");
	for (int i = 0; i < 3; i++) {
		sent = with_ttl(udp("10.0.2.5:5000 > 203.0.113.9:53", 10), 1);
		back = rig_error(r, LAN0, &sent, REASON_TTL);
		assert_error(&back, 11, 0, "10.0.0.1 > 10.0.2.5", &sent);
	}
}

/* RFC 4787 REQ-9, where the two have different outside addresses. */
static void both_meet_outside(void **state)
{
	struct rig *r = *state;
	struct packet p;

	speak(r, "10.0.0.10:5000", WAN0, "198.51.100.2:5000");
	speak(r, "10.0.0.70:5002", WAN1, "192.0.2.2:5002");
	p = udp("10.0.0.70:5002 > 198.51.100.2:5000", 10);
	rig_pass(r, LAN0, &p, LAN0);
	p = udp("10.0.0.10:5000 > 192.0.2.2:5002", 10);
	p = rig_pass(r, LAN0, &p, LAN0);
	assert_way(&p, "198.51.100.2:5000 > 10.0.0.70:5002");
	p = udp("10.0.0.70:5002 > 198.51.100.2:5000", 10);
	p = rig_pass(r, LAN0, &p, LAN0);
	assert_way(&p, "192.0.2.2:5002 > 10.0.0.10:5000");
	speak(r, "10.0.2.5:5004", WAN1, "198.51.100.2:5004");
	p = udp("10.0.2.5:5004 > 192.0.2.2:5002", 10);
	rig_pass(r, LAN0, &p, LAN0);
	p = udp("10.0.0.70:5002 > 198.51.100.2:5004", 10);
	p = rig_pass(r, LAN0, &p, LAN0);
	assert_way(&p, "192.0.2.2:5002 > 10.0.2.5:5004");
}

/* Inwards the source is the remote one. */
static void sources_outside_have_rules_too(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp("10.0.0.12:5000 > 203.0.113.66:53", 10), out, answer;

	out = rig_pass(r, LAN0, &sent, WAN0);
	answer = reply(&out);
	rig_refuse(r, WAN0, &answer, REASON_BLACKHOLE);
	speak(r, "10.0.0.12:5000", WAN0, "198.51.100.2:5000");
}

/* The source that counts is that which the datagram came with, not the one it has when its destination
 * is known. */
static void counts_the_source_before_translation(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 3; i++) {
		struct packet sent = udp("10.0.0.70:5000 > 203.0.114.9:53", 10), out, answer, back;

		out = rig_pass(r, LAN0, &sent, WAN1);
		assert_way(&out, "192.0.2.2:5000 > 203.0.113.9:53");
		answer = reply(&out);
		back = rig_pass(r, WAN1, &answer, LAN0);
		assert_way(&back, "203.0.114.9:53 > 10.0.0.70:5000");
	}
}

/* Sessions go on by what is left, and return; so do new ones. */
static void a_link_that_is_down_is_gone_around(void **state)
{
	struct rig *r = *state;
	struct rib *rib = r->gateway->snapshot->rib;
	struct packet sent = udp("10.0.0.70:5000 > 203.0.113.9:53", 10);

	speak(r, "10.0.0.70:5000", WAN1, "192.0.2.2:5000");
	rib_link(rib, WAN1, false);
	rig_pass(r, LAN0, &sent, WAN0);
	speak(r, "10.0.0.70:5002", WAN0, "192.0.2.2:5002");
	rib_link(rib, WAN0, false);
	rig_error(r, LAN0, &sent, REASON_NO_ROUTE);
	rib_link(rib, WAN1, true);
	speak(r, "10.0.0.70:5000", WAN1, "192.0.2.2:5000");
	rib_link(rib, WAN0, true);
	speak(r, "10.0.0.70:5002", WAN1, "192.0.2.2:5002");
	speak(r, "10.0.0.10:5000", WAN0, "198.51.100.2:5000");
}

/* The one of two interfaces that it leaves by. */
static size_t way_of(struct rig *r, const struct packet *sent)
{
	size_t first, second;

	rig_push(r, LAN0, sent);
	rig_settle(r);
	first = rig_drain(r, WAN0);
	second = rig_drain(r, WAN1);
	assert_int_equal(first + second, 1);
	return first ? WAN0 : WAN1;
}

/* Of equal ways it is chosen by ports, which a fragment has told nobody yet when it is routed. */
static void fragments_go_the_way_of_their_session(void **state)
{
	struct rig *r = *state;
	unsigned by[INTERFACES] = { 0 };

	for (unsigned port = 5000; port < 5012; port++) {
		const char *text = WAY("10.0.0.10:%u > 203.0.113.9:53", port);
		struct packet whole = udp(text, 64), piece = whole;
		size_t way = way_of(r, &whole);

		by[way]++;
		store16(piece.octets + 4, (uint16_t)port);
		piece = with_fragment(piece, 0x2000);
		assert_int_equal(way_of(r, &whole), way);
		assert_int_equal(way_of(r, &piece), way);
	}
	assert_in_range(by[WAN0], 2, 10);
}

static void reload(struct rig *r, const struct setting *s)
{
	struct io_error error;

	assert_int_equal(gateway_reload(r->gateway, rig_conf(s), &error), 0);
	rig_settle(r);
}

static const struct setting *with(const struct rig *r, const struct setting settings[3])
{
	return &settings[r->workers / 2];
}

/* Also: what is down stays so. */
static void a_reload_changes_the_way(void **state)
{
	struct rig *r = *state;

	speak(r, "10.0.0.70:5000", WAN1, "192.0.2.2:5000");
	reload(r, with(r, without));
	speak(r, "10.0.0.70:5000", WAN0, "192.0.2.2:5000");
	rib_link(r->gateway->snapshot->rib, WAN1, false);
	reload(r, with(r, plain));
	speak(r, "10.0.0.70:5000", WAN0, "192.0.2.2:5000");
	rib_link(r->gateway->snapshot->rib, WAN1, true);
	speak(r, "10.0.0.70:5000", WAN1, "192.0.2.2:5000");
}

/* RFC 3704 section 2.3: where rules know a way back that main does not, that will do. */
static void a_source_may_be_known_to_rules_alone(void **state)
{
	struct rig *r = *state;
	struct rib *rib = r->gateway->snapshot->rib;
	struct packet sent = udp("10.7.0.1:5000 > 203.0.113.9:53", 10);
	struct rule rule = { .origin = ORIGIN_KERNEL };
	struct route inner = { .hop = { .kind = HOP_LINK, .interface = LAN0 },
			       .origin = ORIGIN_KERNEL };

	rig_refuse(r, LAN0, &sent, REASON_SPOOFED);
	inner.table = rule.table = (uint8_t)rib_table(rib, 100);
	assert_true(prefix_parse(&inner.prefix, "10.7.0.0/16"));
	assert_true(prefix_parse(&rule.from, "203.0.113.0/24"));
	assert_int_equal(rib_add(rib, &inner), 0);
	assert_int_equal(rib_rule_add(rib, &rule), 0);
	rig_push(r, LAN0, &sent);
	rig_settle(r);
	assert_int_equal(rig_reason(r, REASON_SPOOFED), 1);
	rig_drain(r, WAN0);
	sent = udp("10.7.0.1:5000 > 192.0.2.2:53", 10);
	rig_refuse(r, WAN1, &sent, REASON_NO_MAPPING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(who_comes_from_there_leaves_by_the_other_one, plain),
		RIG_ROWS(fragments_leave_by_the_other_one, plain),
		RIG_ROWS(the_longest_source_is_asked_first, plain),
		RIG_ROWS(we_are_reached_all_the_same, plain),
		RIG_ROWS(we_answer_by_our_own_routes, plain),
		RIG_ROWS(both_meet_outside, plain),
		RIG_ROWS(sources_outside_have_rules_too, plain),
		RIG_ROWS(counts_the_source_before_translation, twice),
		RIG_ROWS(a_link_that_is_down_is_gone_around, plain),
		RIG_ROWS(fragments_go_the_way_of_their_session, equal),
		RIG_ROWS(a_reload_changes_the_way, plain),
		RIG_ROWS(a_source_may_be_known_to_rules_alone, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
