/* Keys of the types that leave a device to the kernel: nfqueue and raw. */
#include "conf_read.h"

#include <string.h>

#include "router/queue_rules.h"

static void check_keys(const struct section *s, const struct conf_interface *n)
{
	static const char *const keys[] = { "queue", "queue_length", "fail" };

	for (size_t i = 0; n->type != IO_NFQUEUE && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (section_has(s, keys[i]))
			reader_fault(s->r, section_line(s, keys[i]),
				     "interfaces.%s is for type nfqueue; leave it out", keys[i]);
	if (!conf_is_kernels(n) && section_has(s, "mark"))
		reader_fault(s->r, section_line(s, "mark"),
			     "interfaces.mark is for types raw and nfqueue; leave it out");
	if (conf_is_kernels(n) && n->address_count)
		reader_fault(s->r, section_line(s, "address"),
			     "interfaces.address is not for type %s, where the kernel has the "
			     "addresses; ip address add it to the device, and leave it out",
			     n->type == IO_RAW ? "raw" : "nfqueue");
}

void conf_read_queue(const struct section *s, struct conf_interface *n)
{
	int64_t first = section_number(s, "queue");

	n->queue_given = first != WORD_NONE;
	n->queue = n->queue_given ? (uint16_t)first : 0;
	n->queue_length = (uint32_t)section_number(s, "queue_length");
	n->fail_open = section_word(s, "fail") == 1;
	n->mark = (uint32_t)section_number(s, "mark");
	check_keys(s, n);
}

static uint32_t end_of(const struct reader *r, const struct conf_interface *n)
{
	return (uint32_t)n->queue + queue_count(n, r->conf->workers);
}

static void check_range(struct reader *r, const struct conf_interface *n)
{
	const struct conf *c = r->conf;

	if (end_of(r, n) > UINT16_MAX + 1u)
		reader_fault(r, n->line, "interface \"%s\" has %u queues from %u on, and 65535 is the "
			     "last there is; a lower number for queue", n->name,
			     queue_count(n, c->workers), n->queue);
	for (const struct conf_interface *e = c->interfaces; e < n; e++)
		if (e->type == IO_NFQUEUE && n->queue < end_of(r, e) && e->queue < end_of(r, n))
			reader_fault(r, n->line, "queues %u to %u of interface \"%s\" are also those of "
				     "\"%s\" in line %d; give queue another number", n->queue,
				     end_of(r, n) - 1, n->name, e->name, e->line);
}

void conf_number_queues(struct reader *r)
{
	struct conf *c = r->conf;
	uint32_t next = 0;
	bool all = true;

	for (size_t i = 0; i < c->interface_count; i++)
		all &= c->interfaces[i].type == IO_NFQUEUE;
	for (size_t i = 0; i < c->interface_count; i++) {
		struct conf_interface *n = &c->interfaces[i];

		if (n->type != IO_NFQUEUE)
			continue;
		n->whole = all && n->offload;
		if (!n->queue_given)
			n->queue = (uint16_t)next;
		next = end_of(r, n);
		check_range(r, n);
	}
}
