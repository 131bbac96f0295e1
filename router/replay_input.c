/* Several captures as one: read to their ends before anything is done, then merged by time. */
#include <errno.h>
#include <string.h>

#include "io_backend.h"
#include "replay_core.h"

enum { NAMES_LEN = 200 };

int replay_interface(const struct conf *c, const char *name, struct io_error *error)
{
	char names[NAMES_LEN] = "";
	size_t len = 0;

	for (size_t i = 0; i < c->interface_count; i++) {
		if (!strcmp(c->interfaces[i].name, name))
			return (int)i;
		if (len < sizeof(names))
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
						c->interfaces[i].name);
	}
	return io_refuse(error, -EINVAL, "no interface \"%s\" in %.200s, which has %s", name, c->file, names);
}

static int refuse_link(const struct pcap *p, const struct pcap_packet *packet, struct io_error *error)
{
	return io_refuse(error, -EINVAL, "%.200s: packet %llu is of link type %u; raw IP, Ethernet, Linux "
			 "cooked and BSD loopback are read", p->name, (unsigned long long)packet->number,
			 packet->link);
}

static void note_cut(struct replay_input *in, const struct pcap_packet *packet)
{
	if (!in->cut++)
		in->cut_first = packet->number;
}

/* To the end, of a copy. */
static int look_through(struct replay_input *in, struct io_error *error)
{
	struct pcap p = in->pcap;
	struct pcap_packet packet;
	struct pcap_datagram datagram;
	enum pcap_step step;

	while ((step = pcap_next(&p, &packet)) == PCAP_PACKET) {
		enum pcap_content content = pcap_datagram(&packet, &datagram);

		if (content == PCAP_LINK)
			return refuse_link(&p, &packet, error);
		if (content == PCAP_CUT)
			note_cut(in, &packet);
	}
	return step == PCAP_FAULT ? io_refuse(error, -EINVAL, "%s", p.fault) : 0;
}

static void step_on(struct replay_input *in)
{
	in->more = pcap_next(&in->pcap, &in->next) == PCAP_PACKET;
}

static int open_input(struct replay_input *in, const struct replay_word *w, const struct conf *c,
		      struct io_error *error)
{
	int r = replay_interface(c, w->interface, error);

	if (r < 0)
		return r;
	in->interface = (uint16_t)r;
	if (!pcap_load(&in->pcap, w->value))
		return io_refuse(error, -EINVAL, "%s", in->pcap.fault);
	r = look_through(in, error);
	if (!r)
		step_on(in);
	return r;
}

int replay_inputs_open(struct replay_input *inputs, const struct replay *r, const struct conf *c,
		       struct io_error *error)
{
	for (size_t i = 0; i < r->in.count; i++) {
		int fault = open_input(&inputs[i], &r->in.word[i], c, error);

		if (fault)
			return fault;
	}
	return 0;
}

void replay_inputs_close(struct replay_input *inputs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pcap_unload(&inputs[i].pcap);
}

bool replay_inputs_next(struct replay_input *inputs, size_t count, struct replay_packet *p)
{
	struct replay_input *first = NULL;

	for (struct replay_input *in = inputs; in < inputs + count; in++)
		if (in->more && (!first || in->next.time_ns < first->next.time_ns))
			first = in;
	if (!first)
		return false;
	p->input = first;
	p->packet = first->next;
	p->content = pcap_datagram(&p->packet, &p->datagram);
	step_on(first);
	return true;
}
