/*
 * What the kernel says of its links, addresses, neighbours, rules and routes, and what is made of it.
 *
 * Input    How: whether news go into a rib, too, which takes long. Then, one after the other, each led by
 *          what it is: a message whose length follows in two octets; the same without its header, which
 *          is made from a number of a type and two octets of flags; or the begin, the end or the doubt
 *          of a list.
 * Demands  Whatever is read as news is possible in itself, and the same when it is read again. The rib
 *          that it goes into has nothing but what it may have, and nothing once all is taken out.
 */
#include <linux/rtnetlink.h>

#include "router/import.h"

#include "fuzz.h"

enum { RAW, MADE, LIST, KINDS };
enum { MESSAGES_MOST = 64, HOW_RIB = 0x0f }; /* all four bits, so that it is rare */

static uint32_t tables[] = { RT_TABLE_MAIN, 100 };

static struct conf_interface interfaces[] = {
	{ .name = "lan0", .device = "lan0", .type = IO_TUN },
	{ .name = "wan0", .device = "wan0", .type = IO_PACKET },
	{ .name = "wan1", .device = "wan1", .type = IO_PACKET },
};

static const struct conf conf = {
	.interfaces = interfaces, .interface_count = 3,
	.import_tables = tables, .import_table_count = 2,
};

static bool is_prefix(const struct prefix *p, bool masked)
{
	struct prefix plain = prefix_masked(*p);

	return (p->address.version == 4 || p->address.version == 6) &&
	       p->len <= address_bits(&p->address) &&
	       (!masked || address_equal(&plain.address, &p->address));
}

static void judge_route(const struct news_route *r)
{
	assert(is_prefix(&r->prefix, true) && r->kind <= ROUTE_PROHIBIT && r->place <= ROUTE_ALONE);
	assert(r->way_count <= HOP_GROUP_MOST && (r->kind == ROUTE_UNICAST || !r->way_count));
	for (uint32_t i = 0; i < r->way_count; i++) {
		uint8_t version = r->ways[i].via.version;

		assert(version == 0 || version == 4 || version == 6);
	}
}

static void judge_news(const struct news *n)
{
	assert(n->kind == NEWS_IS || n->kind == NEWS_GONE);
	switch (n->subject) {
	case ABOUT_LINK:
		assert(memchr(n->link.name, '\0', sizeof(n->link.name)));
		break;
	case ABOUT_ADDRESS:
		assert(is_prefix(&n->address.prefix, false));
		break;
	case ABOUT_NEIGHBOUR:
		assert(n->neighbour.address.version == 4 || n->neighbour.address.version == 6);
		break;
	case ABOUT_RULE:
		assert(is_prefix(&n->rule.from, true));
		break;
	case ABOUT_ROUTE:
		judge_route(&n->route);
		break;
	case ABOUT_COUNT:
		assert(n->subject < ABOUT_COUNT);
	}
}

/* In memory of its own, exactly as long. */
static void hear_message(struct import *i, struct rib *rib, const uint8_t *octets, size_t len)
{
	uint8_t *copy = copy_exactly(octets, len);
	struct news n, again;
	int r = news_parse(&n, copy, len);

	assert(r == 1 || r == 0 || r < 0);
	if (r == 1) {
		judge_news(&n);
		assert(news_parse(&again, copy, len) == 1 && !memcmp(&n, &again, sizeof(n)));
		if (rib)
			import_hear(i, rib, &n);
	}
	free(copy);
}

static void hear_raw(struct import *i, struct rib *rib, struct input *in)
{
	size_t len = input_u16(in);
	const uint8_t *octets = input_take(in, &len);

	hear_message(i, rib, octets, len);
}

static void hear_made(struct import *i, struct rib *rib, struct input *in)
{
	static const uint16_t types[] = {
		RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWNEIGH, RTM_DELNEIGH,
		RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWRULE, RTM_DELRULE,
	};
	struct nlmsghdr h = { .nlmsg_type = types[input_below(in, sizeof(types) / sizeof(types[0]))] };
	const uint8_t *octets;
	uint8_t *message;
	size_t len;

	h.nlmsg_flags = input_u16(in);
	len = input_u16(in);
	octets = input_take(in, &len);
	h.nlmsg_len = (uint32_t)(sizeof(h) + len);
	message = malloc(h.nlmsg_len);
	assert(message);
	memcpy(message, &h, sizeof(h));
	memcpy(message + sizeof(h), octets, len);
	hear_message(i, rib, message, h.nlmsg_len);
	free(message);
}

static void hear_list(struct import *i, struct rib *rib, struct input *in)
{
	static const enum news_kind kinds[] = { NEWS_BEGIN, NEWS_END, NEWS_STOP, NEWS_DOUBT };
	struct news n = { .kind = kinds[input_below(in, 4)] };
	uint8_t subject = input_below(in, ABOUT_COUNT + 1);

	n.subject = (enum news_subject)subject;
	if (n.kind >= NEWS_STOP || subject >= ABOUT_ROUTE) {
		n.subject = ABOUT_ROUTE;
		n.route.prefix.address.version = subject > ABOUT_ROUTE ? 6 : 4;
	}
	if (rib)
		import_hear(i, rib, &n);
}

static size_t judge_rib(const struct rib *rib)
{
	struct route route;
	size_t cursor = 0, count = 0;
	bool best;

	for (; rib_next(rib, &cursor, &route, &best); count++) {
		enum hop_kind kind = route.hop.kind;

		assert(route.origin == ORIGIN_KERNEL && is_prefix(&route.prefix, true));
		assert(kind == HOP_VIA || kind == HOP_LINK || kind == HOP_BLACKHOLE ||
		       kind == HOP_UNREACHABLE || kind == HOP_PROHIBIT);
		assert((kind != HOP_VIA && kind != HOP_LINK) || route.hop.interface == 1 ||
		       route.hop.interface == 2);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static void (*const hear[KINDS])(struct import *i, struct rib *rib, struct input *in) = {
		[RAW] = hear_raw, [MADE] = hear_made, [LIST] = hear_list,
	};
	struct input in = input_of(octets, len);
	bool whole = (input_u8(&in) & HOW_RIB) == HOW_RIB;
	struct import *i = import_new();
	struct rib *rib = whole ? rib_new() : NULL;

	assert(i && (rib || !whole) && import_configure(i, &conf));
	for (unsigned n = 0; input_left(&in) && n < MESSAGES_MOST; n++)
		hear[input_below(&in, KINDS)](i, rib, &in);
	if (whole) {
		judge_rib(rib);
		import_forget(i, rib);
		assert(judge_rib(rib) == 0 && !rib_rule(rib, 0));
	}
	rib_free(rib);
	import_free(i);
	return 0;
}
