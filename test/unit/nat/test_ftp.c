/*
 * The FTP helper between two TCPs (959-A1, 5382-S9a, 3022-C8): a client sends its lines in any
 * segments, any of which is lost behind the NAT, and the server must get the same lines with the
 * outside endpoint in them; what the client hears acknowledged must be what it sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nat/checksum.h"
#include "nat/nat.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { ROOM = 4096, STREAM_MOST = 512, CONTROL = 40000 };
enum { CLIENT_ISN = 0xffffffd0, SERVER_ISN = 7000 }; /* numbers wrap around on the way */

struct world {
	void *arena;
	struct nat *nat;
	struct nat_policy policy;
	be32 pool, client, server;
	uint16_t outside_port; /* of the control connection */
	uint32_t heard;	       /* what the client knows to have arrived */
	uint32_t spoken;       /* what the server has sent */
	uint32_t expected;     /* by the server: next octet of the client */
	char got[STREAM_MOST];
	uint8_t octets[ROOM];
	uint32_t room;
	struct nat_job job;
	struct pkt p;
};

static be32 address(const char *text)
{
	unsigned a, b, c, d;

	assert_int_equal(sscanf(text, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
	return be32_from(a << 24 | b << 16 | c << 8 | d);
}

static void open_world(struct world *w, const char *client, const char *pool, uint8_t helpers)
{
	static const uint8_t seed[32] = { 1 };
	struct nat_config c = nat_config_default();

	*w = (struct world){ .room = ROOM, .pool = address(pool), .client = address(client),
			     .server = address("203.0.113.10") };
	w->policy = (struct nat_policy){
		.prefix = address("10.0.0.0"), .prefix_len = 8, .type = NAT_NAPT44, .pool_count = 1,
		.ports = { 1024, 65535 }, .helpers = helpers,
		.behaviour = { { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_PORT_DEPENDENT },
			       { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_PORT_DEPENDENT } },
	};
	c.sessions = 64;
	c.policies = &w->policy;
	c.policy_count = c.pool_count = 1;
	c.pool = &w->pool;
	assert_null(nat_config_fault(&c));
	w->arena = aligned_alloc(64, nat_size(&c));
	assert_non_null(w->arena);
	w->nat = nat_init(w->arena, &c, seed);
}

static void close_world(struct world *w)
{
	assert_null(nat_check(w->nat));
	free(w->arena);
}

struct wire {
	be32 source, destination;
	uint16_t from, to;
	uint32_t seq, ack;
	uint8_t flags;
	const char *text;
	size_t len;
	uint32_t sack[2];
};

/* Through the NAT, with a wrong checksum if spoil is not zero. */
static enum nat_verdict pass(struct world *w, const struct wire *d, enum nat_side from, uint16_t spoil)
{
	uint8_t *ip = w->octets, *tcp = ip + 20;
	size_t options = d->sack[0] != d->sack[1] ? 12 : 0, total = 40 + options + d->len;

	memset(ip, 0, 40 + options);
	ip[0] = 0x45;
	store16(ip + 2, (uint16_t)total);
	ip[8] = 64;
	ip[9] = PROTO_TCP;
	be32_store(ip + 12, d->source);
	be32_store(ip + 16, d->destination);
	csum_store(ip + 10, csum_of(ip, 20));
	store16(tcp, d->from);
	store16(tcp + 2, d->to);
	store32(tcp + 4, d->seq);
	store32(tcp + 8, d->ack);
	tcp[12] = (uint8_t)((20 + options) / 4 << 4);
	tcp[13] = d->flags;
	store16(tcp + 14, 65535);
	if (options) {
		memcpy(tcp + 20, (uint8_t[]){ 1, 1, 5, 10 }, 4);
		store32(tcp + 24, d->sack[0]);
		store32(tcp + 28, d->sack[1]);
	}
	memcpy(tcp + 20 + options, d->text, d->len);
	csum_store(tcp + 16, csum_add(csum_pseudo(ip + 12, ip + 16, 4, PROTO_TCP,
						  (uint32_t)(total - 20)),
				      csum_of(tcp, total - 20)));
	csum_patch(tcp + 16, (csum_t){ spoil });
	assert_int_equal(pkt_parse(&w->p, ip, total, NULL), REASON_NONE);
	w->job = (struct nat_job){ .p = &w->p, .from = from, .room = w->room };
	nat_process(w->nat, (nat_time){ 1000 }, &w->job);
	assert_null(nat_check(w->nat));
	if (w->job.verdict == NAT_FORWARD) {
		assert_int_equal(load16(ip + 2), w->p.len);
		assert_int_equal(pkt_parse(&w->p, ip, w->p.len, NULL), REASON_NONE);
		assert_int_equal(pkt_checksum_valid(&w->p), !spoil);
	}
	return w->job.verdict;
}

static enum nat_verdict from_client(struct world *w, uint32_t seq, uint8_t flags, const char *text,
				    size_t len)
{
	return pass(w, &(struct wire){ .source = w->client, .destination = w->server,
				       .from = CONTROL, .to = 21, .seq = seq,
				       .ack = w->spoken, .flags = flags, .text = text, .len = len },
		    SIDE_INSIDE, 0);
}

/* The server says what it has, and what it says; the client hears the former. */
static void answer(struct world *w, uint8_t flags, const char *text)
{
	const uint8_t *tcp = w->octets + 20;
	uint32_t heard;

	assert_int_equal(pass(w, &(struct wire){ .source = w->server, .destination = w->pool,
						 .from = 21, .to = w->outside_port,
						 .seq = w->spoken, .ack = w->expected,
						 .flags = flags, .text = text, .len = strlen(text) },
			      SIDE_OUTSIDE, 0), NAT_FORWARD);
	w->spoken += (uint32_t)strlen(text) + !!(flags & SYN);
	heard = load32(tcp + 8);
	if ((int32_t)(heard - w->heard) > 0)
		w->heard = heard;
}

/* What the NAT sent last arrives at the server, which answers what is not what it expects. */
static void arrive(struct world *w)
{
	const uint8_t *tcp = w->octets + 20;
	uint32_t at = load32(tcp + 4), len = w->p.len - 20 - (uint32_t)(tcp[12] >> 4) * 4;
	const uint8_t *text = w->octets + w->p.len - len;
	bool due = len || at != w->expected;

	for (uint32_t i = 0; i < len; i++, at++) {
		uint32_t place = at - CLIENT_ISN - 1;

		if ((int32_t)(at - w->expected) < 0) {
			assert_int_equal(w->got[place], text[i]);
		} else if (at == w->expected) {
			assert_true(place < STREAM_MOST);
			w->got[place] = (char)text[i];
			w->expected++;
		}
	}
	if (due)
		answer(w, ACK, "");
}

static void shake_hands(struct world *w)
{
	w->spoken = SERVER_ISN;
	assert_int_equal(from_client(w, CLIENT_ISN, SYN, "", 0), NAT_FORWARD);
	w->outside_port = load16(w->octets + 20);
	w->expected = w->heard = CLIENT_ISN + 1;
	answer(w, SYN | ACK, "");
	assert_int_equal(from_client(w, CLIENT_ISN + 1, ACK, "", 0), NAT_FORWARD);
	answer(w, ACK | PSH, "220 ready\r\n");
}

/* How a client sends: cuts are where segments end; lost: a bit for each segment that is lost; waits:
 * nothing is sent before the last segment is acknowledged (RFC 896). */
struct manner {
	size_t cut[4];
	unsigned lost;
	bool waits;
};

static void say(struct world *w, const char *text, size_t begin, size_t end)
{
	assert_int_equal(from_client(w, CLIENT_ISN + 1 + (uint32_t)begin, ACK | PSH, text + begin,
				     end - begin), NAT_FORWARD);
}

static size_t heard_of(const struct world *w)
{
	return w->heard - CLIENT_ISN - 1;
}

static void speak(struct world *w, const char *text, const struct manner *m)
{
	size_t at = 0, end = strlen(text);
	int tries = 0;

	for (unsigned i = 0; i < 4 && at < end; i++) {
		size_t cut = m->cut[i] < end ? m->cut[i] : end;

		if (cut <= at)
			continue;
		say(w, text, at, cut);
		if (!(m->lost >> i & 1))
			arrive(w);
		while (m->waits && heard_of(w) < cut) {
			assert_true(++tries < 8);
			say(w, text, heard_of(w), cut);
			arrive(w);
		}
		at = cut;
	}
	/* Time out, and send again from where it is known to have arrived. */
	while (heard_of(w) < end) {
		assert_true(++tries < 8);
		say(w, text, heard_of(w), end);
		arrive(w);
	}
	assert_int_equal(heard_of(w), end);
}

static bool may_open(struct world *w, uint16_t from, uint16_t to)
{
	return pass(w, &(struct wire){ .source = w->server, .destination = w->pool, .from = from,
				       .to = to, .seq = 1, .flags = SYN, .text = "" },
		    SIDE_OUTSIDE, 0) == NAT_FORWARD;
}

static void write_port(char *out, const char *host, unsigned port)
{
	char *at = out + sprintf(out, "PORT %s,%u,%u\r\n", host, port >> 8, port & 255);

	for (char *c = out; c < at; c++)
		if (*c == '.')
			*c = ',';
}

static void write_eprt(char *out, const char *host, unsigned port)
{
	sprintf(out, "EPRT |1|%s|%u|\r\n", host, port);
}

typedef void writer(char *out, const char *host, unsigned port);

static void run(const char *client, const char *pool, writer *write, const struct manner *m)
{
	char said[STREAM_MOST] = "USER a\r\n", wanted[STREAM_MOST] = "USER a\r\n";
	struct world w;

	write(said + 8, client, 5001);
	write(wanted + 8, pool, 5001);
	strcat(said, "RETR f\r\n");
	strcat(wanted, "RETR f\r\n");
	open_world(&w, client, pool, NAT_HELPER_FTP);
	shake_hands(&w);
	speak(&w, said, m);
	assert_string_equal(w.got, wanted);
	assert_true(may_open(&w, 20, 5001));
	assert_int_equal(be32_host(be32_load(w.octets + 16)), be32_host(w.client));
	assert_int_equal(load16(w.octets + 22), 5001);
	assert_false(may_open(&w, 2020, 5001)); /* one use */
	close_world(&w);
}

static const char *const clients[] = { "10.0.0.111", "10.0.0.11" };
static const char *const pools[] = { "1.2.3.4", "11.2.3.4", "11.22.3.4", "11.22.33.4",
				     "11.22.33.44", "111.22.33.44", "111.122.33.44",
				     "111.122.133.44", "198.151.100.200" };

/* 3022-C8: the line grows by -3 to 6 octets. */
static void test_growth(void **state)
{
	(void)state;
	for (size_t c = 0; c < 2; c++)
		for (size_t p = 0; p < sizeof(pools) / sizeof(pools[0]); p++) {
			run(clients[c], pools[p], write_port, &(struct manner){ { STREAM_MOST }, 0, false });
			run(clients[c], pools[p], write_eprt, &(struct manner){ { STREAM_MOST }, 0, false });
		}
}

/* Two cuts anywhere, each of three segments lost or not, by a client that waits or not. */
static void run_splits(const char *pool, writer *write)
{
	char said[STREAM_MOST];
	size_t len;

	write(said, clients[0], 5001);
	len = strlen(said) + 16;
	for (size_t a = 1; a < len; a++)
		for (size_t b = a; b < len; b++)
			for (unsigned how = 0; how < 16; how++)
				run(clients[0], pool, write,
				    &(struct manner){ { a, b, len }, how & 7, how >> 3 });
}

static void test_every_split(void **state)
{
	(void)state;
	run_splits("198.51.100.2", write_port);
	run_splits("1.2.3.4", write_port);
	run_splits("198.51.100.2", write_eprt);
}

/* What the server gets of what the client says, in one segment. */
static void expect_heard(const char *said, const char *heard, uint32_t room)
{
	struct world w;

	open_world(&w, clients[0], "198.51.100.2", NAT_HELPER_FTP);
	w.room = room;
	shake_hands(&w);
	speak(&w, said, &(struct manner){ { STREAM_MOST }, 0, false });
	assert_string_equal(w.got, heard);
	close_world(&w);
}

/* So many lines may be on their way; those after them pass as they are. */
static void test_pipelined(void **state)
{
	static const char line[] = "PORT 10,0,0,111,19,137\r\n", now[] = "PORT 198,51,100,2,19,137\r\n";
	char said[STREAM_MOST] = "", heard[STREAM_MOST] = "";

	(void)state;
	for (int i = 0; i < 8; i++) {
		strcat(said, line);
		strcat(heard, i < 5 ? now : line);
	}
	expect_heard(said, heard, ROOM);
}

/* When nothing more can be kept a line's beginning leaves as it is, and then so does its end. */
static void test_full(void **state)
{
	static const size_t cuts[] = { 0, 24 * 5, 24 * 5 + 1, 24 * 5 + 8, 24 * 5 + 17 };
	char said[STREAM_MOST] = "";
	struct world w;

	(void)state;
	for (int i = 0; i < 5; i++)
		strcat(said, "PORT 10,0,0,111,19,137\r\n");
	strcat(said, "PASS x\r\nPORT 10,0,0,111,19,137\r\n");
	open_world(&w, clients[0], "198.51.100.2", NAT_HELPER_FTP);
	shake_hands(&w);
	for (int i = 0; i < 4; i++)
		say(&w, said, cuts[i], cuts[i + 1]);
	say(&w, said, 0, cuts[4]);
	arrive(&w);
	say(&w, said, cuts[4], strlen(said));
	arrive(&w);
	assert_int_equal(heard_of(&w), strlen(said));
	assert_string_equal(w.got + 26 * 5, "PASS x\r\nPORT 10,0,0,111,19,137\r\n");
	close_world(&w);
}

static void test_abort(void **state)
{
	(void)state;
	expect_heard("\xff\xf4\xff\xf2" "ABOR\r\nport 10,0,0,111,19,137\r\n",
		     "\xff\xf4\xff\xf2" "ABOR\r\nport 198,51,100,2,19,137\r\n", ROOM);
}

/* Lines that are not to the octet what RFC 959 and RFC 2428 say. */
static void test_malformed(void **state)
{
	static const char *const lines[] = {
		"PORT 10,0,0,111,19,137\n", "PORT  10,0,0,111,19,137\r\n", "PORT 10,0,0,111,19\r\n",
		"PORT 10,0,0,111,19,137,1\r\n", "PORT 10,0,0,0111,19,137\r\n",
		"PORT 10.0.0.111,19,137\r\n", "PORT 10,0,0,111,19,\r\n", "PORT\r\n",
		"EPRT |2|10.0.0.111|5001|\r\n", "EPRT |1|10.0.0.111|65536|\r\n",
		"EPRT |1|10.0.0.111|5001\r\n", "EPRT 11110.0.0.111150011\r\n",
		"EPRT |1|10.0.0.111|5001|x\r\n", "XPORT 10,0,0,111,19,137\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect_heard(lines[i], lines[i], ROOM);
	expect_heard("EPRT !1!10.0.0.111!5001!\r\n", "EPRT !1!198.51.100.2!5001!\r\n", ROOM);
}

static void test_without_room(void **state)
{
	(void)state;
	expect_heard("PORT 10,0,0,111,19,137\r\n", "PORT 10,0,0,111,19,137\r\n", 0);
}

/* A line that never ends leaves with the connection's end, and stays there if that is lost. */
static void test_end_in_a_line(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, clients[0], "198.51.100.2", NAT_HELPER_FTP);
	shake_hands(&w);
	say(&w, "POR", 0, 3);
	arrive(&w);
	assert_string_equal(w.got, "");
	assert_int_equal(heard_of(&w), 3);
	for (int i = 0; i < 2; i++)
		assert_int_equal(from_client(&w, CLIENT_ISN + 4, FIN | ACK, "", 0), NAT_FORWARD);
	arrive(&w);
	assert_string_equal(w.got, "POR");
	close_world(&w);
}

/* What is held back when the help ends is not lost. */
static void test_end_of_help(void **state)
{
	static const char said[] = "AUTH TLS\r\nPORTAL\r\n";
	struct world w;

	(void)state;
	open_world(&w, clients[0], "198.51.100.2", NAT_HELPER_FTP);
	shake_hands(&w);
	say(&w, said, 0, 13);
	arrive(&w);
	assert_string_equal(w.got, "AUTH TLS\r\n");
	answer(&w, ACK, "234 ok\r\n");
	for (int i = 0; i < 2; i++)
		say(&w, said, 13, strlen(said));
	arrive(&w);
	assert_string_equal(w.got, said);
	assert_int_equal(heard_of(&w), strlen(said));
	close_world(&w);
}

static const char port_line[] = "PORT 10,0,0,111,19,137\r\n";

/* 3022-C7: wrong by as much as before. */
static void test_wrong_checksum(void **state)
{
	struct world w;
	uint8_t *tcp = w.octets + 20;

	(void)state;
	open_world(&w, clients[0], "198.51.100.2", NAT_HELPER_FTP);
	shake_hands(&w);
	pass(&w, &(struct wire){ .source = w.client, .destination = w.server, .from = CONTROL,
				 .to = 21, .seq = CLIENT_ISN + 1, .ack = w.spoken, .flags = ACK,
				 .text = port_line, .len = strlen(port_line) }, SIDE_INSIDE, 5);
	csum_patch(tcp + 16, csum_negate((csum_t){ 5 }));
	assert_true(pkt_checksum_valid(&w.p));
	close_world(&w);
}

/* What a device is to complete holds the new length; one segment's worth is not to be cut. */
static void test_offloads(void **state)
{
	struct world w;
	uint8_t *ip = w.octets, *tcp = ip + 20;
	const struct pkt_offload o = { .partial = true, .checksum_start = 20, .checksum_offset = 16,
				       .gso_size = 24 };
	size_t len = strlen(port_line), total = 40 + len;
	csum_t pseudo;

	(void)state;
	open_world(&w, clients[0], "1.2.3.4", NAT_HELPER_FTP);
	shake_hands(&w);
	say(&w, "NOOP\r\n", 0, 6);
	be32_store(ip + 12, w.client);
	store16(ip + 2, (uint16_t)total);
	store16(ip + 10, 0);
	csum_store(ip + 10, csum_of(ip, 20));
	store16(tcp, CONTROL);
	store32(tcp + 4, CLIENT_ISN + 7);
	memcpy(tcp + 20, port_line, len);
	pseudo = csum_pseudo(ip + 12, ip + 16, 4, PROTO_TCP, (uint32_t)(20 + len));
	memcpy(tcp + 16, &pseudo, 2);
	assert_int_equal(pkt_parse(&w.p, ip, total, &o), REASON_NONE);
	w.job = (struct nat_job){ .p = &w.p, .from = SIDE_INSIDE, .room = ROOM };
	nat_process(w.nat, (nat_time){ 1000 }, &w.job);
	assert_int_equal(w.p.len, total - 3);
	pseudo = csum_pseudo(ip + 12, ip + 16, 4, PROTO_TCP, (uint32_t)(20 + len - 3));
	assert_true(csum_is_zero(csum_sub(pseudo, (csum_t){ be16_load(tcp + 16).raw })));
	assert_int_equal(w.p.gso_size, 0);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_without_room),
		cmocka_unit_test(test_end_in_a_line),
		cmocka_unit_test(test_end_of_help),
		cmocka_unit_test(test_wrong_checksum),
		cmocka_unit_test(test_offloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
