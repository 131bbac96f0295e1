#include "nat/extension.h"

enum { V6_HEADER = 40, NEXT_HEADER = 6, FRAGMENT = 44, AUTHENTICATION = 51 };

static uint32_t extension_len(uint8_t type, const uint8_t *at)
{
	if (type == FRAGMENT)
		return 8;
	return type == AUTHENTICATION ? (at[1] + 2u) * 4 : (at[1] + 1u) * 8;
}

bool extension_is_any(const struct pkt *p, const struct headers *s)
{
	uint8_t next = p->ip[NEXT_HEADER];

	for (uint32_t at = V6_HEADER, len; at < p->transport && !headers_has(s, next); at += len) {
		len = extension_len(next, p->ip + at);
		next = p->ip[at];
	}
	return headers_has(s, next);
}

uint32_t extension_transport_field(const struct pkt *p)
{
	uint32_t field = NEXT_HEADER;
	uint8_t next = p->ip[NEXT_HEADER];

	for (uint32_t at = V6_HEADER, len; at < p->transport; at += len) {
		len = extension_len(next, p->ip + at);
		next = p->ip[at];
		field = at;
	}
	return field;
}

/* The router knows padding (0 and 1), and router alerts (5, RFC 2711), which are not for it: their
 * highest bits say to pass over them, too. */
uint32_t extension_refused_option(const struct pkt *p)
{
	uint32_t at = V6_HEADER + 2, end;

	if (p->ip[NEXT_HEADER] != 0)
		return 0;
	end = V6_HEADER + (p->ip[V6_HEADER + 1] + 1u) * 8;
	while (at < end) {
		if (p->ip[at] & 0xc0)
			return at;
		if (p->ip[at] != 0 && at + 1 == end)
			return 0;
		at += p->ip[at] == 0 ? 1 : p->ip[at + 1] + 2u;
	}
	return 0;
}
