/*
 * The PPTP helper (ALG-PPTP): what becomes of call IDs, whatever the segments, and who gets GRE.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nat/checksum.h"
#include "nat/nat.h"

enum { SYN = 2, ACK = 16 };
enum { ROOM = 2048, HEADERS = 40, MESSAGE = 168, CONTROL = 40000 };
enum { START_REQUEST = 1, START_REPLY = 2, OUTGOING_REQUEST = 7, OUTGOING_REPLY = 8, CLEAR = 12,
       ECHO = 5 };
enum { OWN = 12, PEER = 14, RESULT = 16 };

struct world {
	be32 pool, server;
	void *arena;
	struct nat *nat;
	struct nat_policy policy;
	nat_time now;
	uint8_t octets[ROOM];
	struct nat_job job;
	struct pkt p;
};

/* A client, with what both ends have said so far. */
struct caller {
	be32 address;
	uint16_t outside_port;
	uint32_t said, heard;
};

static void open_world(struct world *w)
{
	static const uint8_t seed[32] = { 1 };
	struct nat_config c = nat_config_default();

	*w = (struct world){ .now = { 1000 }, .pool = be32_from(0xc6336402),
			     .server = be32_from(0xcb00710a) };
	w->policy = (struct nat_policy){
		.prefix = be32_from(0x0a000000), .prefix_len = 8, .type = NAT_NAPT44,
		.pool_count = 1, .ports = { 1024, 65535 }, .helpers = NAT_HELPER_PPTP,
	};
	c.sessions = 64;
	c.policies = &w->policy;
	c.policy_count = c.pool_count = 1;
	c.pool = &w->pool;
	w->arena = aligned_alloc(64, nat_size(&c));
	assert_non_null(w->arena);
	w->nat = nat_init(w->arena, &c, seed);
}

static void close_world(struct world *w)
{
	assert_null(nat_check(w->nat));
	free(w->arena);
}

static enum nat_verdict pass(struct world *w, size_t total, enum nat_side from)
{
	store16(w->octets + 2, (uint16_t)total);
	store16(w->octets + 10, 0);
	csum_store(w->octets + 10, csum_of(w->octets, 20));
	assert_int_equal(pkt_parse(&w->p, w->octets, total, NULL), REASON_NONE);
	w->job = (struct nat_job){ .p = &w->p, .from = from, .room = ROOM };
	nat_expire(w->nat, w->now, SIZE_MAX);
	nat_process(w->nat, w->now, &w->job);
	assert_null(nat_check(w->nat));
	if (w->job.verdict == NAT_FORWARD && w->p.checksum)
		assert_true(pkt_checksum_valid(&w->p));
	return w->job.verdict;
}

static void put_addresses(struct world *w, uint8_t protocol, be32 source, be32 destination)
{
	memset(w->octets, 0, HEADERS);
	w->octets[0] = 0x45;
	w->octets[8] = 64;
	w->octets[9] = protocol;
	be32_store(w->octets + 12, source);
	be32_store(w->octets + 16, destination);
}

static enum nat_verdict send(struct world *w, const struct caller *c, enum nat_side from,
			     const uint8_t *text, size_t len)
{
	uint8_t *tcp = w->octets + 20;
	bool inside = from == SIDE_INSIDE;

	put_addresses(w, PROTO_TCP, inside ? c->address : w->server,
		      inside ? w->server : w->pool);
	store16(tcp, inside ? CONTROL : 1723);
	store16(tcp + 2, inside ? 1723 : c->outside_port);
	store32(tcp + 4, inside ? c->said : c->heard);
	store32(tcp + 8, inside ? c->heard : c->said);
	tcp[12] = 0x50;
	tcp[13] = ACK;
	if (c->said == 0)
		tcp[13] = SYN;
	else if (c->heard == 0)
		tcp[13] = SYN | ACK;
	store16(tcp + 14, 65535);
	if (len)
		memcpy(tcp + 20, text, len);
	csum_store(tcp + 16, csum_add(csum_pseudo(w->octets + 12, w->octets + 16, 4, PROTO_TCP,
						  (uint32_t)(20 + len)), csum_of(tcp, 20 + len)));
	return pass(w, HEADERS + len, from);
}

/* A control message; of the call IDs, own is the sender's. */
struct message { uint16_t type, own, peer; };

static void put_message(uint8_t out[static MESSAGE], struct message m)
{
	memset(out, 0, MESSAGE);
	store16(out, MESSAGE);
	store16(out + 2, 1);
	store32(out + 4, 0x1a2b3c4d);
	store16(out + 8, m.type);
	store16(out + OWN, m.own);
	store16(out + PEER, m.peer);
	out[RESULT] = 1;
}

/* A message in a segment of its own; what came out is in w->octets behind the headers. */
static const uint8_t *say(struct world *w, struct caller *c, enum nat_side from, struct message m)
{
	uint8_t message[MESSAGE];

	put_message(message, m);
	assert_int_equal(send(w, c, from, message, MESSAGE), NAT_FORWARD);
	*(from == SIDE_INSIDE ? &c->said : &c->heard) += MESSAGE;
	return w->octets + HEADERS;
}

static void connect(struct world *w, struct caller *c)
{
	assert_int_equal(send(w, c, SIDE_INSIDE, NULL, 0), NAT_FORWARD);
	c->outside_port = load16(w->octets + 20);
	c->said = 1;
	assert_int_equal(send(w, c, SIDE_OUTSIDE, NULL, 0), NAT_FORWARD);
	c->heard = 1;
	say(w, c, SIDE_INSIDE, (struct message){ START_REQUEST, 0, 0 });
	say(w, c, SIDE_OUTSIDE, (struct message){ START_REPLY, 0, 0 });
}

static uint16_t dial(struct world *w, struct caller *c, uint16_t own, uint16_t peer)
{
	struct message request = { OUTGOING_REQUEST, own, 0 };
	uint16_t outside = load16(say(w, c, SIDE_INSIDE, request) + OWN);
	struct message reply = { OUTGOING_REPLY, peer, outside };
	const uint8_t *answer = say(w, c, SIDE_OUTSIDE, reply);

	assert_int_equal(load16(answer + OWN), peer);
	assert_int_equal(load16(answer + PEER), own);
	return outside;
}

/* GRE of a call; the call ID that arrives, or -1. */
static int tunnel(struct world *w, be32 client, enum nat_side from, uint16_t call)
{
	uint8_t *gre = w->octets + 20;

	put_addresses(w, PROTO_GRE, from == SIDE_INSIDE ? client : w->server,
		      from == SIDE_INSIDE ? w->server : w->pool);
	store32(gre, 0x2001880b);
	store16(gre + 6, call);
	if (pass(w, 30, from) != NAT_FORWARD)
		return -1;
	if (from == SIDE_OUTSIDE)
		assert_int_equal(be32_host(be32_load(w->octets + 16)), be32_host(client));
	return load16(gre + 6);
}

static struct caller caller(uint32_t address)
{
	return (struct caller){ .address = be32_from(address) };
}

static void test_two_clients(void **state)
{
	const struct message request = { OUTGOING_REQUEST, 7, 0 }, clear = { CLEAR, 7, 0 };
	struct caller a = caller(0x0a00000b), b = caller(0x0a00000c);
	struct world w;
	uint16_t outside;

	(void)state;
	open_world(&w);
	connect(&w, &a);
	connect(&w, &b);
	assert_int_equal(dial(&w, &a, 7, 100), 7);
	outside = dial(&w, &b, 7, 101);
	assert_int_not_equal(outside, 7);
	assert_int_equal(tunnel(&w, a.address, SIDE_INSIDE, 100), 100);
	assert_int_equal(tunnel(&w, b.address, SIDE_INSIDE, 101), 101);
	assert_int_equal(tunnel(&w, a.address, SIDE_OUTSIDE, 7), 7);
	assert_int_equal(tunnel(&w, b.address, SIDE_OUTSIDE, outside), 7);
	assert_int_equal(tunnel(&w, b.address, SIDE_OUTSIDE, 9), -1);
	/* The same again, because an acknowledgement was lost. */
	b.said -= MESSAGE;
	assert_int_equal(load16(say(&w, &b, SIDE_INSIDE, request) + OWN), outside);
	assert_int_equal(load16(say(&w, &b, SIDE_INSIDE, clear) + OWN), outside);
	close_world(&w);
}

/* Two messages in one segment, and the second one alone again. */
static void test_coalesced(void **state)
{
	const struct message request = { OUTGOING_REQUEST, 7, 0 };
	struct caller a = caller(0x0a00000b), b = caller(0x0a00000c);
	uint8_t both[2 * MESSAGE];
	struct world w;
	uint16_t outside;

	(void)state;
	open_world(&w);
	connect(&w, &a);
	dial(&w, &a, 7, 100);
	connect(&w, &b);
	put_message(both, (struct message){ ECHO, 7, 0 });
	put_message(both + MESSAGE, request);
	assert_int_equal(send(&w, &b, SIDE_INSIDE, both, sizeof(both)), NAT_FORWARD);
	assert_int_equal(load16(w.octets + HEADERS + OWN), 7);
	outside = load16(w.octets + HEADERS + MESSAGE + OWN);
	assert_int_not_equal(outside, 7);
	b.said += MESSAGE;
	assert_int_equal(load16(say(&w, &b, SIDE_INSIDE, request) + OWN), outside);
	close_world(&w);
}

/* A segment that runs ahead must come again; one that ends within a message ends the help. */
static void test_order(void **state)
{
	struct caller a = caller(0x0a00000b);
	uint8_t message[MESSAGE];
	struct world w;

	(void)state;
	open_world(&w);
	connect(&w, &a);
	put_message(message, (struct message){ OUTGOING_REQUEST, 7, 0 });
	a.said += 10;
	assert_int_equal(send(&w, &a, SIDE_INSIDE, message, MESSAGE), NAT_DROP);
	assert_int_equal(w.job.reason, REASON_HELPER);
	a.said -= 10;
	assert_int_equal(send(&w, &a, SIDE_INSIDE, message, MESSAGE - 1), NAT_FORWARD);
	assert_int_equal(nat_gauges(w.nat).sessions, 1);
	a.said += MESSAGE - 1;
	say(&w, &a, SIDE_INSIDE, (struct message){ OUTGOING_REQUEST, 7, 0 });
	assert_int_equal(nat_gauges(w.nat).sessions, 1);
	close_world(&w);
}

/* ALG-SEC: nothing opens a tunnel before both sides have said that they speak PPTP. */
static void test_not_started(void **state)
{
	struct caller a = caller(0x0a00000b);
	struct world w;

	(void)state;
	open_world(&w);
	send(&w, &a, SIDE_INSIDE, NULL, 0);
	a.outside_port = load16(w.octets + 20);
	a.said = 1;
	send(&w, &a, SIDE_OUTSIDE, NULL, 0);
	a.heard = 1;
	say(&w, &a, SIDE_INSIDE, (struct message){ START_REQUEST, 0, 0 });
	say(&w, &a, SIDE_INSIDE, (struct message){ OUTGOING_REQUEST, 7, 0 });
	assert_int_equal(nat_gauges(w.nat).sessions, 1);
	close_world(&w);
}

/* A tunnel without traffic lives as long as its control connection says something. */
static void test_refreshed_by_control(void **state)
{
	struct caller a = caller(0x0a00000b);
	struct world w;

	(void)state;
	open_world(&w);
	connect(&w, &a);
	dial(&w, &a, 7, 100);
	for (int i = 0; i < 5; i++) {
		w.now.ms += 290 * 1000;
		say(&w, &a, SIDE_INSIDE, (struct message){ ECHO, 0, 0 });
	}
	assert_int_equal(tunnel(&w, a.address, SIDE_OUTSIDE, 7), 7);
	w.now.ms += 301 * 1000;
	assert_int_equal(tunnel(&w, a.address, SIDE_OUTSIDE, 7), -1);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_clients),
		cmocka_unit_test(test_coalesced),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_not_started),
		cmocka_unit_test(test_refreshed_by_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
