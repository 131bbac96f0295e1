/* The short way of sessions: everything that decided about the first datagram decides about all. */
#include "rig.h"

static const struct setting plain[] = RIG_WIDTHS();
static const char way[] = "10.0.0.10:5002 > 203.0.113.9:53";

/* A route to one host, for as long as a test wants it. */
static struct route host_route(const char *host, struct hop hop)
{
	struct prefix p;

	assert_true(prefix_parse(&p, host));
	return (struct route){ .prefix = p, .hop = hop, .origin = ORIGIN_STATIC };
}

static struct rib *routes_of(const struct rig *r)
{
	return r->gateway->snapshot->rib;
}

/* Twice each way: the second ones are recalled. Returns the last that left. */
static struct packet speak(struct rig *r)
{
	struct packet sent = udp(way, 100), out, answer, back;

	for (int i = 0; i < 2; i++) {
		out = rig_pass(r, LAN0, &sent, WAN0);
		answer = reply(&out);
		back = rig_pass(r, WAN0, &answer, LAN0);
		assert_way(&back, "203.0.113.9:53 > 10.0.0.10:5002");
		assert_same_payload(&back, &sent);
	}
	return out;
}

static void a_new_route_is_taken_at_once(void **state)
{
	struct rig *r = *state;
	struct route dead = host_route("203.0.113.9/32", (struct hop){ .kind = HOP_UNREACHABLE });
	struct packet sent = udp(way, 100), error;

	speak(r);
	assert_int_equal(rib_add(routes_of(r), &dead), 0);
	error = rig_error(r, LAN0, &sent, REASON_UNREACHABLE);
	assert_error(&error, 3, 1, "10.0.0.1 > 10.0.0.10", &sent);
	assert_int_equal(rib_remove(routes_of(r), &dead), 0);
	speak(r);
}

static void a_new_route_inwards_is_taken_at_once(void **state)
{
	struct rig *r = *state;
	struct route dead = host_route("10.0.0.10/32", (struct hop){ .kind = HOP_BLACKHOLE });
	struct packet out = speak(r), answer = reply(&out), back;

	assert_int_equal(rib_add(routes_of(r), &dead), 0);
	rig_refuse(r, WAN0, &answer, REASON_BLACKHOLE);
	assert_int_equal(rib_remove(routes_of(r), &dead), 0);
	back = rig_pass(r, WAN0, &answer, LAN0);
	assert_way(&back, "203.0.113.9:53 > 10.0.0.10:5002");
}

/* The route decides whether anything is translated at all. */
static void what_turns_inwards_is_translated_no_more(void **state)
{
	struct rig *r = *state;
	struct hop lan1 = { .kind = HOP_VIA, .interface = LAN1,
			    .via = address_v4((uint8_t[]){ 10, 0, 1, 9 }) };
	struct route inner = host_route("203.0.113.9/32", lan1);
	struct packet sent = udp(way, 100), out;

	speak(r);
	assert_int_equal(rib_add(routes_of(r), &inner), 0);
	out = rig_pass(r, LAN0, &sent, LAN1);
	assert_way(&out, way);
	assert_int_equal(rib_remove(routes_of(r), &inner), 0);
	speak(r);
}

/* RFC 3704: the same addresses and ports by another interface are somebody else's. */
static void another_interface_is_judged_anew(void **state)
{
	struct rig *r = *state;
	struct packet sent = udp(way, 100), out = speak(r), answer = reply(&out);

	rig_refuse(r, LAN1, &sent, REASON_SPOOFED);
	rig_refuse(r, WAN0, &sent, REASON_SPOOFED);
	rig_refuse(r, LAN0, &answer, REASON_SPOOFED);
	speak(r);
}

static void options_are_judged_each_time(void **state)
{
	static const uint8_t record_route[] = { 7, 7, 4, 0, 0, 0, 0, 0 };
	struct rig *r = *state;
	struct packet sent = with_options(udp(way, 100), record_route, sizeof(record_route));

	speak(r);
	rig_refuse(r, LAN0, &sent, REASON_SOURCE_ROUTE);
	speak(r);
}

static void errors_show_what_was_sent(void **state)
{
	struct rig *r = *state;
	struct packet sent = with_ttl(udp(way, 100), 1), error;

	speak(r);
	error = rig_error(r, LAN0, &sent, REASON_TTL);
	assert_error(&error, 11, 0, "10.0.0.1 > 10.0.0.10", &sent);
	speak(r);
}

/* What is known of a session ends with it. */
static void a_session_that_ended_is_opened_anew(void **state)
{
	struct rig *r = *state;

	speak(r);
	rig_later(r, 24 * 3600 * 1000);
	speak(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_ROWS(a_new_route_is_taken_at_once, plain),
		RIG_ROWS(a_new_route_inwards_is_taken_at_once, plain),
		RIG_ROWS(what_turns_inwards_is_translated_no_more, plain),
		RIG_ROWS(another_interface_is_judged_anew, plain),
		RIG_ROWS(options_are_judged_each_time, plain),
		RIG_ROWS(errors_show_what_was_sent, plain),
		RIG_ROWS(a_session_that_ended_is_opened_anew, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
