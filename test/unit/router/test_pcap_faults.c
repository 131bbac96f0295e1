/* Captures that are refused: each fault is named, with its place and what to do. */
#include "captures.h"

static struct image bad_magic(void)
{
	struct image f = { .len = 24 };

	return f;
}

static struct image compressed(void)
{
	struct image f = { .octets = { 0x1f, 0x8b, 8, 0 }, .len = 24 };

	return f;
}

static struct image short_header(void)
{
	struct image f = classic(false, 0xa1b2c3d4, PCAP_RAW);

	f.len--;
	return f;
}

static struct image other_version(void)
{
	struct image f = classic(true, 0xa1b2c3d4, PCAP_RAW);

	f.octets[5] = 3;
	return f;
}

/* One that is good, and then what is made of it. */
static struct image one_record(void)
{
	struct image f = classic(false, 0xa1b2c3d4, PCAP_RAW);

	add_record(&f, 1, 1, "good", 4);
	return f;
}

static struct image short_record(void)
{
	struct image f = one_record();

	f.len += RECORD_HEADER - 1;
	return f;
}

static struct image cut_record(void)
{
	struct image f = one_record();

	add_record(&f, 1, 1, "cut", 3);
	f.len--;
	return f;
}

static struct image huge_record(void)
{
	struct image f = one_record();

	add_record(&f, 1, 1, "", 0);
	f.octets[f.len - 6] = 5;
	return f;
}

static struct image late_record(void)
{
	struct image f = one_record();

	add_record(&f, 1, 1000000, "late", 4);
	return f;
}

static struct image one_packet(void)
{
	struct image f = { .len = 0 };

	add_section(&f, false);
	add_interface(&f, PCAP_RAW, 0, NO_OPTION, NO_OPTION);
	add_packet(&f, 0, 1, "good", NO_OPTION);
	return f;
}

static struct image short_block(void)
{
	struct image f = one_packet();

	f.len += BLOCK - 1;
	return f;
}

static struct image odd_block(void)
{
	struct image f = one_packet();

	end_block(&f, f.len, 9);
	f.octets[f.len - BLOCK + 4] = 14;
	return f;
}

static struct image cut_block(void)
{
	struct image f = one_packet();

	add_packet(&f, 0, 1, "four", NO_OPTION);
	f.len -= 4;
	return f;
}

static struct image block_of_two_lengths(void)
{
	struct image f = one_packet();

	end_block(&f, f.len, 9);
	f.octets[f.len - 4] = 16;
	return f;
}

static struct image unordered(void)
{
	struct image f = { .len = 0 };

	add_section(&f, false);
	f.octets[8] = 0;
	return f;
}

static struct image section_of_another_version(void)
{
	struct image f = { .len = 0 };

	add_section(&f, false);
	f.octets[12] = 2;
	return f;
}

static struct image small_interface(void)
{
	struct image f = one_packet();
	size_t body = f.len;

	add32(&f, PCAP_RAW);
	end_block(&f, body, 1);
	return f;
}

static struct image fine_interface(void)
{
	struct image f = one_packet();

	add_interface(&f, PCAP_RAW, 0, (struct option){ 9, 1, 20 }, NO_OPTION);
	return f;
}

static struct image long_option(void)
{
	struct image f = one_packet();

	add_interface(&f, PCAP_RAW, 0, (struct option){ 9, 1, 6 }, NO_OPTION);
	f.octets[f.len - 10] = 5;
	return f;
}

static struct image many_interfaces(void)
{
	struct image f = { .len = 0 };

	add_section(&f, false);
	for (int i = 0; i <= PCAP_INTERFACES_MOST; i++)
		add_interface(&f, PCAP_RAW, 0, NO_OPTION, NO_OPTION);
	return f;
}

static struct image no_such_interface(void)
{
	struct image f = one_packet();

	add_packet(&f, 1, 1, "two", NO_OPTION);
	return f;
}

static struct image simple_without_interface(void)
{
	struct image f = { .len = 0 };
	size_t body;

	add_section(&f, false);
	body = f.len;
	add32(&f, 0);
	end_block(&f, body, 3);
	return f;
}

static struct image packet_beyond_its_block(void)
{
	struct image f = one_packet();

	add_packet(&f, 0, 1, "four", NO_OPTION);
	f.octets[f.len - 4 - 4 - 8] = 5;
	return f;
}

static struct image before_1970(void)
{
	struct image f = { .len = 0 };

	add_section(&f, true);
	add_interface(&f, PCAP_RAW, 0, (struct option){ 14, 8, (uint64_t)-2 }, NO_OPTION);
	add_packet(&f, 0, 1000000, "x", NO_OPTION);
	return f;
}

static struct image after_2106(void)
{
	struct image f = { .len = 0 };

	add_section(&f, true);
	add_interface(&f, PCAP_RAW, 0, (struct option){ 9, 1, 0 }, NO_OPTION);
	add_packet(&f, 0, 1ull << 32, "x", NO_OPTION);
	return f;
}

static const struct { struct image (*make)(void); const char *fault; } faults[] = {
	{ bad_magic, "file: neither pcap nor pcapng: capture with tcpdump -w FILE, or dumpcap" },
	{ compressed, "file: neither pcap nor pcapng, but compressed: gunzip it first" },
	{ short_header, "file: packet 1, at offset 0: 23 octets are less than the header of a file; capture again" },
	{ other_version, "file: packet 1, at offset 0: version 3 of pcap, and 2 is known; capture again" },
	{ short_record, "file: packet 2, at offset 44: 15 octets are less than the header of a packet; capture "
			"again, or keep what is whole: tcpdump -r FILE -c 1 -w NEW" },
	{ cut_record, "packet 2, at offset 44: it says that it has 3 octets, and 2 are left; " },
	{ huge_record, "packet 2, at offset 44: it says that it has 327680 octets, and 262144 are the most; " },
	{ late_record, "a time with 1000000 parts of a second that has 1000000; " },
	{ short_block, "packet 2, at offset 84: 11 octets are less than a block; " },
	{ odd_block, "a block of 14 octets, which no block has; " },
	{ cut_block, "a block of 36 octets, and 32 are left; " },
	{ block_of_two_lengths, "a block that begins with 12 octets and ends with 16; " },
	{ unordered, "file: packet 1, at offset 0: a section of no known byte order; capture again" },
	{ section_of_another_version, "version 2 of pcapng, and 1 is known; " },
	{ small_interface, "a block with 4 octets of 8 that it needs; " },
	{ fine_interface, "an interface whose time is finer than can be counted; " },
	{ long_option, "an option of 5 octets, and 4 are left of its block; " },
	{ many_interfaces, "more than 64 interfaces in a section; " },
	{ no_such_interface, "of interface 1, and the section has 1; " },
	{ simple_without_interface, "of the first interface, and the section has none; " },
	{ packet_beyond_its_block, "it says that it has 5 octets, and 4 are left; " },
	{ before_1970, "a time outside of 1970 to 2106; " },
	{ after_2106, "a time outside of 1970 to 2106; " },
};

/* Exactly as much memory as there is file, for whoever watches what is read behind it. */
static void names_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct image f = faults[i].make();
		uint8_t *octets = malloc(f.len);
		struct pcap_packet packet;
		enum pcap_step step = PCAP_FAULT;
		struct pcap p;

		assert_non_null(octets);
		memcpy(octets, f.octets, f.len);
		if (pcap_open(&p, "file", octets, f.len))
			while ((step = pcap_next(&p, &packet)) == PCAP_PACKET)
				assert_memory_equal(packet.octets, "good", 4);
		assert_int_equal(step, PCAP_FAULT);
		assert_int_equal(pcap_next(&p, &packet), PCAP_FAULT);
		if (!strstr(p.fault, faults[i].fault))
			fail_msg("\"%s\" does not say \"%s\"", p.fault, faults[i].fault);
		free(octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
