/* How the model reads an IPv6 header and what extends it. */
#include "datagram.h"

enum { HEADER = 40, MOST = 8, HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51,
       HIP = 139 };

bool extension_is(uint8_t next)
{
	static const uint8_t all[] = { HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, 60, 135, HIP, 140 };

	for (size_t i = 0; i < sizeof(all); i++)
		if (all[i] == next)
			return true;
	return false;
}

size_t extension_len(uint8_t next, const uint8_t *at)
{
	if (next == FRAGMENT)
		return 8;
	return next == AUTHENTICATION ? at[1] * 4u + 8 : at[1] * 8u + 8;
}

/* The payload, and the room for it that a length of 16 bits leaves. */
static enum reason read_fragment(struct datagram *d, const uint8_t *at)
{
	size_t offset = load16(at + 2) & 0xfff8u, payload = d->len - d->header - 8;
	bool more = at[3] & 1;

	if (d->fragment)
		return REASON_EXTENSION;
	d->fragment = d->header;
	d->ident = load32(at + 4);
	d->first_fragment = more && offset == 0;
	d->later_fragment = offset != 0;
	if (d->quoted || !(more || offset))
		return REASON_NONE;
	if (payload == 0 || (more && payload % 8) ||
	    d->fragment - HEADER + offset + payload > 65535)
		return REASON_FRAGMENT_BAD;
	return offset == 8 && at[0] == PROTO_TCP ? REASON_FRAGMENT_BAD : REASON_NONE;
}

/* The extension header at d->header, of type next. */
static enum reason read_extension(struct datagram *d, uint8_t next)
{
	const uint8_t *at = d->octets + d->header;
	size_t room = d->len - d->header;
	enum reason r = REASON_NONE;

	if (room < 8 || extension_len(next, at) > room)
		return REASON_EXTENSION;
	if (next == FRAGMENT)
		r = read_fragment(d, at);
	if (next == ROUTING && at[2] <= 1)
		d->route_option = true;
	if (next == ROUTING && at[3] && !d->routing)
		d->routing = d->header;
	d->header += extension_len(next, at);
	return r;
}

static uint8_t own_name(uint8_t next)
{
	return next == PROTO_ICMPV6 ? PROTO_ICMP : next == PROTO_ICMP ? PROTO_ICMPV6 : next;
}

enum reason datagram_read_six(struct datagram *d, size_t len)
{
	size_t total, count = 0;
	uint8_t next;
	enum reason r = REASON_NONE;

	if (len < HEADER)
		return REASON_SHORT;
	total = HEADER + (size_t)load16(d->octets + 4);
	if (total > len && !d->quoted)
		return REASON_TOTAL_LEN;
	d->len = total < len ? total : len;
	d->header = HEADER;
	d->dont_fragment = true;
	for (next = d->octets[6]; extension_is(next) && !d->later_fragment; count++) {
		const uint8_t *at = d->octets + d->header;

		if (count == MOST || (next == HOP_BY_HOP && count))
			return REASON_EXTENSION;
		d->ipsec |= next == AUTHENTICATION || next == HIP;
		r = read_extension(d, next);
		if (r != REASON_NONE)
			return r;
		next = at[0];
	}
	d->ipsec |= next == PROTO_ESP || next == AUTHENTICATION || next == HIP;
	d->protocol = own_name(next);
	return r;
}
