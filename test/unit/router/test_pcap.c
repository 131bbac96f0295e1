/* Captures as octets: what each format says. */
#include "captures.h"

static const uint64_t second_ns = 1000000000;

static struct pcap_packet expect(struct pcap *p, const char *text, uint64_t time_ns)
{
	struct pcap_packet packet;

	if (pcap_next(p, &packet) != PCAP_PACKET)
		fail_msg("\"%s\" is missing: %s", text, p->fault);
	assert_int_equal(packet.len, strlen(text));
	assert_memory_equal(packet.octets, text, packet.len);
	assert_int_equal(packet.time_ns, time_ns);
	assert_int_equal(packet.number, p->number);
	return packet;
}

static void expect_end(struct pcap *p)
{
	struct pcap_packet packet;

	assert_int_equal(pcap_next(p, &packet), PCAP_END);
	assert_int_equal(pcap_next(p, &packet), PCAP_END);
}

static void reads_pcap_of_both_orders_and_units(void **state)
{
	static const struct { uint32_t magic; uint32_t unit_ns; } kinds[] = { { 0xa1b2c3d4, 1000 },
									     { 0xa1b23c4d, 1 } };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct image f = classic(i & 1, kinds[i / 2].magic, 0x10000065);
		struct pcap_packet packet;
		struct pcap p;

		add_record(&f, 7, 123456, "one", 3);
		add_record(&f, UINT32_MAX, 999999, "", 0);
		add_record(&f, 8, 0, "three", 1500);
		assert_true(pcap_open(&p, "file", f.octets, f.len));
		packet = expect(&p, "one", 7 * second_ns + 123456ull * kinds[i / 2].unit_ns);
		/* Above the link type is how many octets of a check sequence there are. */
		assert_int_equal(packet.link, PCAP_RAW);
		assert_int_equal(packet.wire_len, 3);
		expect(&p, "", UINT32_MAX * second_ns + 999999ull * kinds[i / 2].unit_ns);
		assert_int_equal(expect(&p, "three", 8 * second_ns).wire_len, 1500);
		expect_end(&p);
	}
}

static void reads_pcapng_of_both_orders(void **state)
{
	struct image f = { .len = 0 };
	struct pcap_packet packet;
	struct pcap p;

	(void)state;
	for (int big = 0; big < 2; big++) {
		add_section(&f, big);
		add_interface(&f, PCAP_ETHERNET, 0, NO_OPTION, NO_OPTION);
		add_packet(&f, 0, 5000001, "one", NO_OPTION);
		/* Nanoseconds, and 100 seconds later than they say. */
		add_interface(&f, PCAP_RAW, 0, (struct option){ 9, 1, 9 }, (struct option){ 14, 8, 100 });
		add_packet(&f, 1, 3 * second_ns + 7, "three", (struct option){ 2, 4, 1 });
		end_block(&f, f.len, 0xbad);
		add_packet(&f, 0, 6000000, "four", (struct option){ 2, 4, 2 });
	}
	assert_true(pcap_open(&p, "file", f.octets, f.len));
	for (int big = 0; big < 2; big++) {
		packet = expect(&p, "one", 5 * second_ns + 1000);
		assert_true(packet.link == PCAP_ETHERNET && packet.direction == PCAP_ANY_WAY);
		packet = expect(&p, "three", 103 * second_ns + 7);
		assert_true(packet.link == PCAP_RAW && packet.direction == PCAP_INWARDS);
		packet = expect(&p, "four", 6 * second_ns);
		assert_true(packet.link == PCAP_ETHERNET && packet.direction == PCAP_OUTWARDS);
	}
	expect_end(&p);
}

static void reads_packets_without_a_time(void **state)
{
	struct image f = { .len = 0 };
	struct pcap p;
	size_t body;

	(void)state;
	add_section(&f, false);
	add_interface(&f, PCAP_RAW, 4, NO_OPTION, NO_OPTION);
	add_packet(&f, 0, 9000000, "one", NO_OPTION);
	body = f.len;
	add32(&f, 10);
	add(&f, "only", 4);
	end_block(&f, body, 3);
	body = f.len;
	/* The block of before: interface 0, two lost, a time, lengths. */
	add16(&f, 0);
	add16(&f, 2);
	add64(&f, 0);
	add32(&f, 3);
	add32(&f, 5);
	add(&f, "old", 3);
	end_block(&f, body, 2);
	assert_true(pcap_open(&p, "file", f.octets, f.len));
	expect(&p, "one", 9 * second_ns);
	assert_int_equal(expect(&p, "only", 9 * second_ns).wire_len, 10);
	assert_int_equal(expect(&p, "old", 0).wire_len, 5);
	expect_end(&p);
}

static void reads_every_resolution(void **state)
{
	static const struct { uint8_t resolution; uint64_t offset_s, stamp, time_ns; } rows[] = {
		{ 0, 0, 12, 12000000000 },
		{ 3, 0, 12345, 12345000000 },
		{ 6, 0, 1700000000123456, 1700000000123456000 },
		{ 9, 0, 1700000000123456789, 1700000000123456789 },
		{ 12, 0, 1234567890123, 1234567890 },
		{ 19, 0, UINT64_MAX, 1844674407 },
		{ 0x80, 0, 12, 12000000000 },
		{ 0x8a, 0, 1536, 1500000000 },
		{ 0xa0, 0, 5ull << 31, 2500000000 },
		{ 0xbf, 0, 3ull << 62, 1500000000 },
		{ 6, (uint64_t)-5, 6000000, 1000000000 },
		{ 0, UINT32_MAX - 1, 1, 4294967295000000000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image f = { .len = 0 };
		struct pcap p;

		add_section(&f, i & 1);
		add_interface(&f, PCAP_RAW, 0, (struct option){ 9, 1, rows[i].resolution },
			      (struct option){ 14, 8, rows[i].offset_s });
		add_packet(&f, 0, rows[i].stamp, "x", NO_OPTION);
		assert_true(pcap_open(&p, "file", f.octets, f.len));
		expect(&p, "x", rows[i].time_ns);
	}
}

#define MACS 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2
#define NOBODY 0, 0, 0, 0, 0, 0, 0, 0

/* head octets of link layer, and then a datagram. */
static const struct {
	const char *what;
	uint16_t link, head;
	uint8_t octets[32];
	size_t len;
	enum pcap_content content;
	bool group;
} links[] = {
	{ "raw", PCAP_RAW, 0, { 0x45 }, 20, PCAP_DATAGRAM, false },
	{ "raw of a BSD", PCAP_RAW_BSD, 0, { 0x60 }, 20, PCAP_DATAGRAM, false },
	{ "IPv4", PCAP_IPV4, 0, { 0x45 }, 20, PCAP_DATAGRAM, false },
	{ "IPv6", PCAP_IPV6, 0, { 0x60 }, 20, PCAP_DATAGRAM, false },
	{ "Ethernet", PCAP_ETHERNET, 14, { MACS, 8, 0 }, 30, PCAP_DATAGRAM, false },
	{ "IPv6 in a VLAN", PCAP_ETHERNET, 18, { MACS, 0x81, 0, 0, 7, 0x86, 0xdd }, 30, PCAP_DATAGRAM, false },
	{ "to a group", PCAP_ETHERNET, 14, { 1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 }, 30, PCAP_DATAGRAM, true },
	{ "ARP", PCAP_ETHERNET, 0, { MACS, 8, 6 }, 30, PCAP_NOT_IP, false },
	{ "no Ethernet", PCAP_ETHERNET, 0, { MACS, 8 }, 13, PCAP_NOT_IP, false },
	{ "cooked, to us", PCAP_COOKED, 16, { 0, 0, 0, 1, 0, 6, NOBODY, 8, 0 }, 32, PCAP_DATAGRAM, false },
	{ "cooked, broadcast", PCAP_COOKED, 16, { 0, 1, 0, 1, 0, 6, NOBODY, 8, 0 }, 32, PCAP_DATAGRAM, true },
	{ "cooked, multicast", PCAP_COOKED, 16, { 0, 2, 0, 1, 0, 6, NOBODY, 0x86, 0xdd }, 32, PCAP_DATAGRAM, true },
	{ "cooked, another's", PCAP_COOKED, 0, { 0, 3, 0, 1, 0, 6, NOBODY, 8, 0 }, 32, PCAP_ELSEWHERE, false },
	{ "cooked, outgoing", PCAP_COOKED, 0, { 0, 4, 0, 1, 0, 6, NOBODY, 8, 0 }, 32, PCAP_OUTGOING, false },
	{ "cooked, ARP", PCAP_COOKED, 0, { 0, 0, 0, 1, 0, 6, NOBODY, 8, 6 }, 32, PCAP_NOT_IP, false },
	{ "cooked, short", PCAP_COOKED, 0, { 0, 0 }, 15, PCAP_NOT_IP, false },
	{ "cooked 2, to us", PCAP_COOKED2, 20, { 0x86, 0xdd, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, NOBODY }, 32,
	  PCAP_DATAGRAM, false },
	{ "cooked 2, broadcast", PCAP_COOKED2, 20, { 8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 6, NOBODY }, 32,
	  PCAP_DATAGRAM, true },
	{ "cooked 2, outgoing", PCAP_COOKED2, 0, { 8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 4, 6, NOBODY }, 32,
	  PCAP_OUTGOING, false },
	{ "cooked 2, short", PCAP_COOKED2, 0, { 8, 0 }, 19, PCAP_NOT_IP, false },
	{ "null of this order", PCAP_NULL, 4, { 2, 0, 0, 0 }, 24, PCAP_DATAGRAM, false },
	{ "null of the other", PCAP_NULL, 4, { 0, 0, 0, 2 }, 24, PCAP_DATAGRAM, false },
	{ "null of Linux", PCAP_NULL, 4, { 10, 0, 0, 0 }, 24, PCAP_DATAGRAM, false },
	{ "null of NetBSD", PCAP_NULL, 4, { 24, 0, 0, 0 }, 24, PCAP_DATAGRAM, false },
	{ "loop of FreeBSD", PCAP_LOOP, 4, { 0, 0, 0, 28 }, 24, PCAP_DATAGRAM, false },
	{ "loop of Darwin", PCAP_LOOP, 4, { 0, 0, 0, 30 }, 24, PCAP_DATAGRAM, false },
	{ "null of nobody", PCAP_NULL, 0, { 7, 0, 0, 0 }, 24, PCAP_NOT_IP, false },
	{ "null, short", PCAP_NULL, 0, { 2, 0, 0 }, 3, PCAP_NOT_IP, false },
	{ "802.11", 105, 0, { 0 }, 30, PCAP_LINK, false },
};

static void takes_the_link_layer_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		uint8_t *octets = malloc(links[i].len);
		struct pcap_packet packet = { .link = links[i].link, .octets = octets, .len = links[i].len,
					      .wire_len = links[i].len };
		struct pcap_datagram d;

		print_message("%s\n", links[i].what);
		assert_non_null(octets);
		memcpy(octets, links[i].octets, links[i].len);
		assert_int_equal(pcap_datagram(&packet, &d), links[i].content);
		if (links[i].content == PCAP_DATAGRAM) {
			assert_ptr_equal(d.octets, octets + links[i].head);
			assert_int_equal(d.len, links[i].len - links[i].head);
			assert_int_equal(d.group, links[i].group);
			packet.wire_len++;
			assert_int_equal(pcap_datagram(&packet, &d), PCAP_CUT);
			packet.direction = PCAP_OUTWARDS;
			assert_int_equal(pcap_datagram(&packet, &d), PCAP_OUTGOING);
		}
		free(octets);
	}
}

static void reads_what_it_writes(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct pcap p;

	(void)state;
	assert_non_null(out);
	pcap_write_header(out, PCAP_IPV6);
	pcap_write(out, 1700000000123456789, (const uint8_t *)"one", 3);
	pcap_write(out, 0, (const uint8_t *)"two2", 4);
	fclose(out);
	assert_int_equal(len, FILE_HEADER + 2 * RECORD_HEADER + 7);
	assert_true(pcap_open(&p, "file", (const uint8_t *)text, len));
	assert_int_equal(expect(&p, "one", 1700000000123456789).link, PCAP_IPV6);
	expect(&p, "two2", 0);
	expect_end(&p);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_pcap_of_both_orders_and_units),
		cmocka_unit_test(reads_pcapng_of_both_orders),
		cmocka_unit_test(reads_packets_without_a_time),
		cmocka_unit_test(reads_every_resolution),
		cmocka_unit_test(takes_the_link_layer_off),
		cmocka_unit_test(reads_what_it_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
