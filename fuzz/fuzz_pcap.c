/*
 * Captures of an enemy's making.
 *
 * Input    The octets of a file.
 * Demands  Packets lie in the image, one behind the other; every step comes nearer to its end; a fault
 *          is one line that stays; a copy of the reader reads the same. What can be written, and read
 *          again, is the same.
 */
#include <stdio.h>

#include "router/pcap.h"

#include "fuzz.h"

static const uint64_t beyond_ns = (1ull << 32) * 1000000000;

static void judge_packet(const struct pcap *p, const struct pcap_packet *packet, const struct pcap *before)
{
	assert(packet->octets >= p->octets + before->at);
	assert(packet->len <= packet->wire_len);
	assert(p->at > before->at && p->at <= p->len);
	assert(packet->len <= (size_t)(p->octets + p->at - packet->octets));
	assert(packet->number == before->number + 1 && packet->number == p->number);
	assert(packet->time_ns < beyond_ns && packet->time_ns == p->time_ns);
}

static void judge_datagram(const struct pcap_packet *packet)
{
	struct pcap_datagram d;
	enum pcap_content content = pcap_datagram(packet, &d);

	assert(content < PCAP_CONTENT_COUNT && *pcap_content_name(content));
	if (content != PCAP_DATAGRAM && content != PCAP_CUT)
		return;
	assert(d.octets >= packet->octets && d.octets + d.len == packet->octets + packet->len);
	assert((content == PCAP_CUT) == (packet->len < packet->wire_len));
}

static void judge_end(struct pcap *p, enum pcap_step step)
{
	struct pcap_packet packet;

	assert((step == PCAP_FAULT) == (*p->fault != '\0'));
	assert(step == PCAP_FAULT || p->at == p->len);
	assert(!strchr(p->fault, '\n') && strlen(p->fault) < sizeof(p->fault) - 1);
	assert(step != PCAP_FAULT || strstr(p->fault, p->name) == p->fault);
	assert(pcap_next(p, &packet) == step);
}

/* By a writer, as far as it can. */
static void write_again(FILE *out, const struct pcap_packet *packet)
{
	if (packet->len == packet->wire_len)
		pcap_write(out, packet->time_ns, packet->octets, packet->len);
}

static bool same(const struct pcap_packet *a, const struct pcap_packet *b)
{
	return a->time_ns == b->time_ns && a->len == b->len && !memcmp(a->octets, b->octets, a->len);
}

/* The next one that write_again() has written. */
static enum pcap_step next_whole(struct pcap *p, struct pcap_packet *packet)
{
	enum pcap_step step;

	do
		step = pcap_next(p, packet);
	while (step == PCAP_PACKET && packet->len < packet->wire_len);
	return step;
}

static void read_again(struct pcap first, const char *text, size_t len)
{
	struct pcap again;
	struct pcap_packet a, b;

	assert(pcap_open(&again, "again", (const uint8_t *)text, len));
	while (next_whole(&first, &a) == PCAP_PACKET) {
		assert(pcap_next(&again, &b) == PCAP_PACKET);
		assert(b.link == PCAP_RAW && b.len == b.wire_len && same(&a, &b));
	}
	assert(pcap_next(&again, &b) == PCAP_END);
}

static void read_file(struct pcap *p)
{
	struct pcap begin = *p;
	struct pcap_packet packet;
	enum pcap_step step;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert(out);
	pcap_write_header(out, PCAP_RAW);
	for (struct pcap before = *p; (step = pcap_next(p, &packet)) == PCAP_PACKET; before = *p) {
		judge_packet(p, &packet, &before);
		judge_datagram(&packet);
		write_again(out, &packet);
	}
	judge_end(p, step);
	fclose(out);
	read_again(begin, text, len);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	uint8_t *copy = copy_exactly(octets, len);
	struct pcap p;

	if (pcap_open(&p, "file", copy, len))
		read_file(&p);
	else
		judge_end(&p, PCAP_FAULT);
	free(copy);
	return 0;
}
