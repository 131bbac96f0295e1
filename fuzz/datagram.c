#include "datagram.h"

enum { V4_HEADER = 20, V6_HEADER = 40, ICMP_HEADER = 8, V6_CHAIN_MOST = 8 };
enum { V6_FRAGMENT = 44, V6_AUTHENTICATION = 51 };

static uint32_t add(uint32_t sum, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += (uint32_t)octets[i] << (i % 2 ? 0 : 8);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static bool is_extension(uint8_t next)
{
	return next == 0 || next == 43 || next == 60 || next == 135 || next == 139 || next == 140 ||
	       next == V6_FRAGMENT || next == V6_AUTHENTICATION;
}

static size_t extension_len(uint8_t kind, const uint8_t *at)
{
	if (kind == V6_FRAGMENT)
		return 8;
	return kind == V6_AUTHENTICATION ? (at[1] + 2u) * 4 : (at[1] + 1u) * 8;
}

static void walk_v6(struct anatomy *a, const uint8_t *octets)
{
	uint8_t next = octets[6];
	size_t len;

	a->next_at = 6;
	for (int i = 0; i < V6_CHAIN_MOST && is_extension(next) && !a->later; i++) {
		const uint8_t *at = octets + a->header;

		if (a->len - a->header < 8)
			break;
		len = extension_len(next, at);
		if (len > a->len - a->header)
			break;
		if (next == V6_FRAGMENT) {
			a->fragment_at = a->header;
			a->fragment |= load16(at + 2) & 0xfff9;
			a->later = load16(at + 2) & 0xfff8;
		}
		a->next_at = a->header;
		next = at[0];
		a->header += len;
	}
	a->protocol = next;
}

static bool is_error(const struct anatomy *a, uint8_t type)
{
	if (a->version == 4)
		return a->protocol == PROTO_ICMP && (type == 3 || type == 11 || type == 12);
	return a->protocol == PROTO_ICMPV6 && type >= 1 && type <= 4;
}

static size_t checksum_offset(const struct anatomy *a)
{
	switch (a->protocol) {
	case PROTO_TCP: return 16;
	case PROTO_UDP: case PROTO_UDPLITE: case PROTO_DCCP: return 6;
	case PROTO_ICMP: return a->version == 4 ? 2 : 0;
	case PROTO_ICMPV6: return a->version == 6 ? 2 : 0;
	default: return 0;
	}
}

bool anatomy_of(struct anatomy *a, const uint8_t *octets, size_t len)
{
	size_t total, offset;

	*a = (struct anatomy){ .version = len ? octets[0] >> 4 : 0 };
	if (a->version == 4 && len >= V4_HEADER) {
		a->header = (octets[0] & 15u) * 4;
		total = load16(octets + 2);
		a->protocol = octets[9];
		a->next_at = 9;
		a->fragment = load16(octets + 6) & 0x3fff;
		a->later = load16(octets + 6) & 0x1fff;
	} else if (a->version == 6 && len >= V6_HEADER) {
		a->header = V6_HEADER;
		total = V6_HEADER + (size_t)load16(octets + 4);
	} else {
		return false;
	}
	a->len = total < len ? total : len;
	if (a->header < V4_HEADER || a->len < a->header)
		return false;
	if (a->version == 6)
		walk_v6(a, octets);
	offset = checksum_offset(a);
	if (offset && !a->later && a->header + offset + 2 <= a->len)
		a->checksum = a->header + offset;
	a->error = a->checksum && is_error(a, octets[a->header]);
	return true;
}

bool header_is_right(const uint8_t *octets, const struct anatomy *a)
{
	size_t header = (octets[0] & 15u) * 4;

	return a->version == 6 || add(0, octets, header) == 0xffff;
}

uint16_t pseudo_sum(const uint8_t *octets, const struct anatomy *a, size_t len)
{
	bool v4 = a->version == 4;
	const uint8_t rest[4] = { (uint8_t)(len >> 8), (uint8_t)len, 0, a->protocol };

	return (uint16_t)add(add(0, octets + (v4 ? 12 : 8), v4 ? 8 : 32), rest, sizeof(rest));
}

uint16_t transport_sum(const uint8_t *octets, const struct anatomy *a, const uint8_t *transport,
		       size_t len)
{
	bool partly = a->protocol == PROTO_UDPLITE || a->protocol == PROTO_DCCP;
	size_t whole = partly ? a->len - a->header : len;
	uint32_t sum = a->protocol == PROTO_ICMP ? 0 : pseudo_sum(octets, a, whole);

	return (uint16_t)add(sum, transport, len);
}

/* Octets that the checksum covers; 0: UDP's length cannot be right. RFC 3828, RFC 4340: less than
 * all if the sender says so. */
static size_t covered(const uint8_t *octets, const struct anatomy *a)
{
	size_t room = a->len - a->header, len = room;

	if (a->protocol == PROTO_UDP)
		len = load16(octets + a->header + 4);
	if (a->protocol == PROTO_UDPLITE && load16(octets + a->header + 4))
		len = load16(octets + a->header + 4);
	if (a->protocol == PROTO_DCCP && (octets[a->header + 5] & 15))
		len = (octets[a->header + 4] + (octets[a->header + 5] & 15u) - 1) * 4;
	if (a->protocol == PROTO_DCCP && len > room)
		len = room;
	return len < 8 || len > room ? 0 : len;
}

bool transport_is_right(const uint8_t *octets, const struct anatomy *a)
{
	size_t len;

	if (!a->checksum)
		return false;
	len = covered(octets, a);
	if (a->protocol == PROTO_UDP && !load16(octets + a->checksum))
		return a->version == 4;
	if (a->protocol == PROTO_UDPLITE && !load16(octets + a->checksum))
		return false;
	return len && transport_sum(octets, a, octets + a->header, len) == 0xffff;
}

static void seal(uint8_t *field, uint32_t sum, bool zero_means_none)
{
	uint16_t value = (uint16_t)~sum;

	store16(field, value || !zero_means_none ? value : 0xffff);
}

static void seal_header(uint8_t *octets)
{
	store16(octets + 10, 0);
	seal(octets + 10, add(0, octets, (octets[0] & 15u) * 4), false);
}

static void repair_length(uint8_t *octets, size_t len)
{
	if (len >= V4_HEADER && octets[0] >> 4 == 4)
		store16(octets + 2, (uint16_t)len);
	if (len >= V6_HEADER && octets[0] >> 4 == 6)
		store16(octets + 4, (uint16_t)(len - V6_HEADER));
}

static void repair_quote(uint8_t *octets, const struct anatomy *a)
{
	struct anatomy quoted;
	uint8_t *quote = octets + a->header + ICMP_HEADER;

	if (anatomy_of(&quoted, quote, a->len - a->header - ICMP_HEADER) && quoted.version == 4)
		seal_header(quote);
}

void datagram_repair(uint8_t *octets, size_t len)
{
	struct anatomy a;

	if (len > 65535)
		return;
	repair_length(octets, len);
	if (!anatomy_of(&a, octets, len))
		return;
	if (a.version == 4)
		seal_header(octets);
	if (!a.checksum || a.fragment || len - a.header < 8)
		return;
	if (a.error)
		repair_quote(octets, &a);
	if (a.protocol == PROTO_UDP)
		store16(octets + a.header + 4, (uint16_t)(len - a.header));
	store16(octets + a.checksum, 0);
	if (!covered(octets, &a))
		return;
	seal(octets + a.checksum,
	     transport_sum(octets, &a, octets + a.header, covered(octets, &a)),
	     a.protocol == PROTO_UDP || a.protocol == PROTO_UDPLITE);
}
