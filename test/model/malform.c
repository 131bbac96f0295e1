#include "malform.h"

#include <string.h>

#include "draft.h"

static uint8_t any_octet(struct chance *c)
{
	return (uint8_t)chance_bits(c);
}

static uint16_t any_or(struct chance *c, uint32_t near)
{
	return chance_one_in(c, 2) ? (uint16_t)chance_bits(c)
				   : (uint16_t)(near - 2 + chance_below(c, 5));
}

/* Of the numbers there are, those that the model knows. */
static uint8_t some_header(struct chance *c)
{
	static const uint8_t all[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV6, PROTO_ICMP, 2 };

	return CHANCE_OF(c, all);
}

/* IPv6: nothing vouches for it. */
static void change_six(struct chance *c, uint8_t *octets, size_t len)
{
	switch (chance_below(c, 3)) {
	case 0:
		store16(octets + 4, any_or(c, (uint32_t)len - 40));
		break;
	case 1:
		octets[6] = some_header(c);
		break;
	default:
		octets[24 + chance_below(c, 16)] ^= 1;
		break;
	}
}

/* A field of the IP header, with a checksum that is right. */
static void change_header(struct chance *c, uint8_t *octets, size_t len)
{
	if (octets[0] >> 4 == 6) {
		change_six(c, octets, len);
		return;
	}
	switch (chance_below(c, 6)) {
	case 0:
		octets[0] = (uint8_t)(0x40 | chance_below(c, 16));
		break;
	case 1:
		store16(octets + 2, any_or(c, (uint32_t)len));
		break;
	case 2:
		store16(octets + 6, any_or(c, 0x2000));
		break;
	case 3:
		octets[9] = chance_one_in(c, 2) ? PROTO_TCP : PROTO_UDP;
		break;
	case 4:
		octets[0] = 0x46;
		octets[20] = any_octet(c);
		break;
	default:
		octets[1] = any_octet(c);
		break;
	}
	draft_fix_header(octets, len);
}

/* Lengths inside TCP and UDP. */
static void change_transport(struct chance *c, uint8_t *octets, size_t len)
{
	size_t header = (octets[0] & 15u) * 4u;

	if (octets[0] >> 4 != 4 || header + 14 > len)
		return;
	if (octets[9] == PROTO_TCP)
		octets[header + 12] = any_octet(c);
	else if (octets[9] == PROTO_UDP)
		store16(octets + header + 4, any_or(c, (uint32_t)(len - header)));
}

/* Without the fields that depend on it. */
static void change_any(struct chance *c, uint8_t *octets, size_t len)
{
	size_t at = chance_below(c, (uint32_t)len);
	uint8_t was = octets[0] >> 4;

	/* Next headers lie in the first octets of eight behind the header. */
	if (was == 6 && (at == 6 || (at >= 40 && at % 8 == 0)))
		octets[at] = some_header(c);
	else
		octets[at] = any_octet(c);
	if (octets[0] >> 4 == 6 && was != 6)
		octets[0] = 0x55;
}

static void change_offload(struct chance *c, struct pkt_offload *o)
{
	o->partial = chance_one_in(c, 2);
	o->checksum_start = any_or(c, 20);
	o->checksum_offset = chance_one_in(c, 2) ? 16 : any_or(c, 6);
	o->gso_size = chance_one_in(c, 2) ? 0 : (uint16_t)(1 + chance_below(c, 2000));
}

void malform(struct chance *c, uint8_t *octets, size_t *len, struct pkt_offload *offload)
{
	switch (chance_below(c, 7)) {
	case 0:
		*len = chance_below(c, (uint32_t)*len + 1);
		break;
	case 1: /* padding of the link layer */
		memset(octets + *len, 0xee, 46);
		*len += 46;
		break;
	case 2: case 3:
		change_header(c, octets, *len);
		break;
	case 4:
		change_transport(c, octets, *len);
		break;
	case 5:
		change_offload(c, offload);
		break;
	default:
		change_any(c, octets, *len);
		break;
	}
}

void malform_quoted(struct chance *c, uint8_t *octets, size_t len)
{
	static const uint8_t errors[] = { 3, 11, 12 };

	switch (chance_below(c, 5)) {
	case 0: case 1:
		change_header(c, octets, len);
		break;
	case 2:
		octets[10] ^= 0x40; /* its checksum */
		break;
	case 3:
		if (octets[0] >> 4 == 6) {
			octets[6] = PROTO_ICMPV6;
			octets[40] = 1;
			break;
		}
		octets[9] = PROTO_ICMP;
		octets[(octets[0] & 15u) * 4u] = CHANCE_OF(c, errors);
		draft_fix_header(octets, len);
		break;
	default:
		change_any(c, octets, len);
		break;
	}
}
