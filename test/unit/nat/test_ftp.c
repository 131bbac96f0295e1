/*
 * The FTP helper between two TCPs (959-A1, 5382-S9a, 3022-C8): a client sends its lines in any
 * segments, any of which is lost behind the NAT, and the server must get the same lines with the
 * outside endpoint in them; what the client hears acknowledged must be what it sent.
 */
#include "ftp_ends.h"

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
