#include "header.h"

#include <string.h>

#include "transport.h"

enum { V4_HEADER = 20, V6_HEADER = 40, FRAGMENT_HEADER = 8, NEXT_FRAGMENT = 44 };

/* Options, filled up with zeros to whole words; returns their octets. */
static size_t put_options(uint8_t *at, const uint8_t *options, size_t len)
{
	size_t padded = (len + 3) / 4 * 4;

	memset(at, 0, padded);
	memcpy(at, options, len);
	return padded;
}

/* Only a piece is there, as a fragment. Returns its octets. */
static size_t take_piece(uint8_t *at, size_t len, struct datagram *d)
{
	size_t begin = d->piece_begin < len ? d->piece_begin : len;
	size_t end = d->piece_end < len ? d->piece_end : len;

	if (!d->piece_end)
		return len;
	memmove(at, at + begin, end - begin);
	d->offset = d->piece_begin;
	d->more = end < len;
	return end - begin;
}

static void put_v4(uint8_t *at, size_t header, size_t len, const struct datagram *d,
		   const struct number *value)
{
	at[0] = (uint8_t)(0x40 | header / 4);
	at[1] = d->tos;
	put16(at + 2, (uint32_t)len);
	put16(at + 4, value[IPID].low);
	put16(at + 6, (uint32_t)(d->df << 14 | d->more << 13 | d->offset / 8));
	at[8] = d->ttl;
	at[9] = transport_protocol(d);
	put16(at + 10, 0);
	put_addresses(at + 12, 4, value);
	put16(at + 10, sum_spoilt(internet_checksum(at, header), &d->header_sum));
}

static size_t build_v4(uint8_t *out, const struct datagram *d, const struct number *value,
		       const struct octets *body)
{
	size_t header = V4_HEADER + put_options(out + V4_HEADER, d->ip_options, d->ip_option_len);
	size_t len = transport_put(out + header, d, value, body);
	struct datagram fragment = *d;

	len = take_piece(out + header, len, &fragment);
	put_v4(out, header, header + len, &fragment, value);
	return header + (len < d->cut ? len : d->cut);
}

/* Those before the fragment header or those behind it. next: the octet that says what comes next. */
static size_t put_extensions(uint8_t *at, const struct datagram *d, bool behind, uint8_t **next)
{
	size_t len = 0;

	for (uint8_t i = 0; i < d->extension_count; i++) {
		const struct extension *e = &d->extensions[i];

		if (e->behind != behind)
			continue;
		memcpy(at + len + 1, e->octets, e->len - 1u);
		**next = e->type;
		*next = at + len;
		len += e->len;
	}
	return len;
}

static void put_v6(uint8_t *at, size_t len, const struct datagram *d, const struct number *value)
{
	put32(at, 6u << 28 | (uint32_t)d->tos << 20 | d->flow);
	put16(at + 4, (uint32_t)len - V6_HEADER);
	at[7] = d->ttl;
	put_addresses(at + 8, 6, value);
}

static void put_fragment(uint8_t *at, const struct datagram *d, const struct number *value)
{
	at[1] = 0;
	put16(at + 2, (uint32_t)(d->offset / 8 << 3 | d->more));
	put32(at + 4, value[IPID].low);
}

static size_t build_v6(uint8_t *out, const struct datagram *d, const struct number *value,
		       const struct octets *body)
{
	uint8_t *next = out + 6;
	size_t header = V6_HEADER + put_extensions(out + V6_HEADER, d, false, &next), len;
	bool fragmented = d->piece_end || d->offset || d->more || d->atomic;
	uint8_t *fragment_at = out + header;
	struct datagram fragment = *d;

	if (fragmented) {
		*next = NEXT_FRAGMENT;
		next = fragment_at;
		header += FRAGMENT_HEADER;
	}
	len = put_extensions(out + header, d, true, &next);
	len += transport_put(out + header + len, d, value, body);
	*next = transport_protocol(d);
	len = take_piece(out + header, len, &fragment);
	if (fragmented)
		put_fragment(fragment_at, &fragment, value);
	put_v6(out, header + len, d, value);
	return header + (len < d->cut ? len : d->cut);
}

size_t header_put(uint8_t *out, const struct datagram *d, const struct number *value,
		  const struct octets *body)
{
	return d->version == 6 ? build_v6(out, d, value, body) : build_v4(out, d, value, body);
}

static bool is_extension(uint8_t protocol)
{
	return protocol == 0 || protocol == 43 || protocol == NEXT_FRAGMENT || protocol == 60 ||
	       protocol == 135 || protocol == 140;
}

size_t header_end(const uint8_t *octets, size_t len, uint8_t *protocol)
{
	size_t at = V6_HEADER;

	if (octets[0] >> 4 == 4) {
		*protocol = octets[9];
		return (size_t)(octets[0] & 15) * 4;
	}
	*protocol = octets[6];
	while (is_extension(*protocol) && at + 8 <= len) {
		size_t more = *protocol == NEXT_FRAGMENT ? 8 : (octets[at + 1] + 1u) * 8;

		*protocol = octets[at];
		at += more;
	}
	return at < len ? at : len;
}
