#include <stdio.h>

#include "talk.h"

enum { STEPS_MOST = 10, HUNDRED = 100 };
#define IN SIDE_INSIDE
#define OUT SIDE_OUTSIDE

static const struct {
	uint8_t protocol, count;
	struct step steps[STEPS_MOST];
} stories[STORY_COUNT] = {
	[STORY_TCP] = { PROTO_TCP, 9, {
		{ IN, FLAG_SYN, 0, 0 }, { OUT, FLAG_SYN | FLAG_ACK, 0, 1 }, { IN, FLAG_ACK, 0, 1 },
		{ IN, FLAG_ACK | FLAG_PSH, 24, 1 }, { OUT, FLAG_ACK | FLAG_PSH, 48, 4 },
		{ IN, FLAG_ACK | FLAG_PSH, 8, 20 }, { OUT, FLAG_ACK | FLAG_FIN, 0, 4 },
		{ IN, FLAG_ACK | FLAG_FIN, 0, 1 }, { OUT, FLAG_ACK, 0, 1 } } },
	[STORY_RESET] = { PROTO_TCP, 5, {
		{ IN, FLAG_SYN, 0, 0 }, { OUT, FLAG_SYN | FLAG_ACK, 0, 1 }, { IN, FLAG_ACK, 0, 1 },
		{ IN, FLAG_ACK | FLAG_PSH, 24, 1 }, { OUT, FLAG_RST | FLAG_ACK, 0, 3 } } },
	[STORY_UNANSWERED] = { PROTO_TCP, 1, { { IN, FLAG_SYN, 0, 0 } } },
	[STORY_LEFT] = { PROTO_TCP, 4, {
		{ IN, FLAG_SYN, 0, 0 }, { OUT, FLAG_SYN | FLAG_ACK, 0, 1 }, { IN, FLAG_ACK, 0, 1 },
		{ OUT, FLAG_ACK | FLAG_PSH, 24, 1 } } },
	[STORY_FTP] = { PROTO_TCP, 6, {
		{ IN, FLAG_SYN, 0, 0 }, { OUT, FLAG_SYN | FLAG_ACK, 0, 1 }, { IN, FLAG_ACK, 0, 1 },
		{ OUT, FLAG_ACK | FLAG_PSH, 0, 2 }, { IN, FLAG_ACK | FLAG_PSH, 0, 2 },
		{ IN, FLAG_RST | FLAG_ACK, 0, 6 } } },
	[STORY_SERVED] = { PROTO_TCP, 9, {
		{ OUT, FLAG_SYN, 0, 0 }, { IN, FLAG_SYN | FLAG_ACK, 0, 1 }, { OUT, FLAG_ACK, 0, 1 },
		{ OUT, FLAG_ACK | FLAG_PSH, 24, 1 }, { IN, FLAG_ACK | FLAG_PSH, 48, 1 },
		{ IN, FLAG_ACK | FLAG_FIN, 0, 2 }, { OUT, FLAG_ACK, 0, 1 },
		{ OUT, FLAG_ACK | FLAG_FIN, 0, 4 }, { IN, FLAG_ACK, 0, 1 } } },
	[STORY_UDP] = { PROTO_UDP, 4, {
		{ IN, 0, 16, 0 }, { OUT, 0, 40, 2 }, { IN, 0, 16, 30 }, { OUT, 0, 40, 2 } } },
	[STORY_QUESTION] = { PROTO_UDP, 2, { { IN, 0, 16, 0 }, { OUT, 0, 40, 1 } } },
	[STORY_PING] = { PROTO_ICMP, 2, { { IN, 0, 16, 0 }, { OUT, 0, 16, 1 } } },
};

/* Of a hundred talks. */
static const struct { uint8_t weight, story; } chosen[] = {
	{ 26, STORY_TCP }, { 4, STORY_RESET }, { 3, STORY_UNANSWERED }, { 1, STORY_LEFT }, { 1, STORY_FTP },
	{ 5, STORY_SERVED }, { 20, STORY_UDP }, { 25, STORY_QUESTION }, { 15, STORY_PING },
};
static const struct { uint8_t weight, entry; } begun[] = {
	{ 40, ENTRY_NAPT44 }, { 15, ENTRY_BLOCKS }, { 10, ENTRY_PLAN }, { 15, ENTRY_NAT64 },
	{ 10, ENTRY_NAPT66 }, { 10, ENTRY_FIREWALL },
};

enum story story_choose(struct chance *c, uint8_t *entry)
{
	uint32_t which = chance_below(c, HUNDRED), where = chance_below(c, HUNDRED);
	size_t i = 0, k = 0;

	for (; which >= chosen[i].weight; i++)
		which -= chosen[i].weight;
	for (; where >= begun[k].weight; k++)
		where -= begun[k].weight;
	*entry = chosen[i].story == STORY_FTP || chosen[i].story == STORY_SERVED ? ENTRY_NAPT44
										 : begun[k].entry;
	return (enum story)chosen[i].story;
}

uint8_t story_protocol(enum story s)
{
	return stories[s].protocol;
}

const struct step *story_step(enum story s, uint8_t number)
{
	return number < stories[s].count ? &stories[s].steps[number] : NULL;
}

/* What is announced is the port of the control connection: any would do. */
static void say_ftp(const struct talk *k, struct part *part, uint8_t step)
{
	static const char welcome[] = "220 Service ready\r\n";
	uint8_t a[16];
	char line[DATA_MOST];

	if (step == 3) {
		part->data_len = sizeof(welcome) - 1;
		memcpy(part->data, welcome, part->data_len);
	} else if (step == 4) {
		site_host((enum site_entry)k->entry, k->host, a);
		part->data_len = (uint16_t)snprintf(line, sizeof(line), "PORT %u,%u,%u,%u,%u,%u\r\n", a[0],
						    a[1], a[2], a[3], k->inside_port >> 8,
						    k->inside_port & 255);
		memcpy(part->data, line, part->data_len);
	}
	part->edited = step >= 4;
}

/* Data tell talks and steps apart. */
static void say(const struct talk *k, struct part *part, uint8_t step)
{
	const struct step *s = &stories[k->story].steps[step];

	part->data_len = s->data_len;
	for (uint32_t i = 0; i < s->data_len; i++)
		part->data[i] = (uint8_t)((k->host ^ k->remote) >> i % 32) ^ (uint8_t)(k->inside_port * i + step);
	if (k->story == STORY_FTP)
		say_ftp(k, part, step);
}

static uint32_t counts(const struct step *s, const struct part *said)
{
	return said->data_len + (s->flags & (FLAG_SYN | FLAG_FIN) ? 1u : 0);
}

void story_part(const struct talk *k, struct part *part)
{
	const struct step *steps = stories[k->story].steps, *now = &steps[k->step];
	uint32_t next[SIDE_COUNT] = { k->remote * 3, k->remote * 5 };
	struct part said = { 0 };

	for (uint8_t i = 0; stories[k->story].protocol == PROTO_TCP && i < k->step; i++) {
		say(k, &said, i);
		next[steps[i].from] += counts(&steps[i], &said);
		said.data_len = 0;
	}
	*part = (struct part){ .flags = now->flags, .reply = now->from == OUT };
	part->sequence = next[now->from];
	part->acknowledged = now->flags & FLAG_ACK ? next[side_other((enum nat_side)now->from)] : 0;
	say(k, part, k->step);
}

/* As IPv4 has it, as IPv6 in the prefix of NAT64, as a host of IPv6. */
static void far_end(const struct talk *k, enum nat_side side, uint8_t at[static 16])
{
	static const uint8_t net[3][12] = {
		{ 0x20, 0x01, 0x0d, 0xb8, 0, 0x64 }, { 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff } };

	memset(at, 0, 16);
	if (!site_is_six((enum site_entry)k->entry) || (k->entry == ENTRY_NAT64 && side == OUT)) {
		store32(at, k->remote);
		return;
	}
	memcpy(at, net[k->entry == ENTRY_NAT64 ? 0 : 1], sizeof(net[0]));
	store32(at + 12, k->remote);
}

static void near_end(const struct talks *t, const struct talk *k, enum nat_side side, uint8_t at[static 16])
{
	memset(at, 0, 16);
	if (k->story == STORY_SERVED && side == IN)
		be32_store(at, t->site->forwards[k->inside_port - SITE_SERVED_PORT].internal);
	else if (side == IN || k->entry == ENTRY_FIREWALL)
		site_host((enum site_entry)k->entry, k->host, at);
	else
		site_outside(t->site, k->place, at);
}

void story_leg(const struct talks *t, const struct talk *k, enum nat_side side, struct leg *leg)
{
	bool outwards = stories[k->story].steps[k->step].from == IN;
	uint16_t near = side == IN ? k->inside_port : k->outside_port;

	*leg = (struct leg){ .version = 4, .protocol = stories[k->story].protocol };
	if (site_is_six((enum site_entry)k->entry) && !(k->entry == ENTRY_NAT64 && side == OUT))
		leg->version = 6;
	near_end(t, k, side, outwards ? leg->source : leg->destination);
	far_end(k, side, outwards ? leg->destination : leg->source);
	leg->ports[!outwards] = near;
	leg->ports[outwards] = leg->protocol == PROTO_ICMP ? near : k->remote_port;
}
