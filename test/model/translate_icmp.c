/* How the model carries ICMP errors from one family to the other. */
#include "translate.h"

#include <string.h>

#include "draft.h"

enum { LEAST_MTU = 1280, QUOTE_LEAST = 128, NOWHERE = 255 };

/* Type and code of one family, of the other; the codes from one on to another. 255: the same. */
static const struct { uint8_t version, type, first, last, to_type, to_code; } names[] = {
	{ 4, 3, 0, 1, 1, 0 }, { 4, 3, 2, 2, 4, 1 }, { 4, 3, 3, 3, 1, 4 }, { 4, 3, 4, 4, 2, 0 },
	{ 4, 3, 5, 8, 1, 0 }, { 4, 3, 9, 10, 1, 1 }, { 4, 3, 11, 12, 1, 0 }, { 4, 3, 13, 13, 1, 1 },
	{ 4, 3, 15, 15, 1, 1 }, { 4, 11, 0, 255, 3, 255 }, { 4, 12, 0, 0, 4, 0 }, { 4, 12, 2, 2, 4, 0 },
	{ 6, 1, 0, 0, 3, 1 }, { 6, 1, 1, 1, 3, 10 }, { 6, 1, 2, 3, 3, 1 }, { 6, 1, 4, 4, 3, 3 },
	{ 6, 2, 0, 255, 3, 4 }, { 6, 3, 0, 255, 11, 255 }, { 6, 4, 0, 0, 12, 0 }, { 6, 4, 1, 1, 3, 2 },
};

static bool rename_error(uint8_t version, uint8_t *icmp)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].version != version || names[i].type != icmp[0] ||
		    icmp[1] < names[i].first || icmp[1] > names[i].last)
			continue;
		icmp[0] = names[i].to_type;
		icmp[1] = names[i].to_code == 255 ? icmp[1] : names[i].to_code;
		return true;
	}
	return false;
}

/* RFC 7915 figures 3 and 6. */
static uint32_t moved_pointer(uint8_t version, uint32_t pointer)
{
	static const uint8_t of_four[20] = {
		0, 1, 4, 4, 255, 255, 255, 255, 7, 6, 255, 255, 8, 8, 8, 8, 24, 24, 24, 24,
	};
	static const uint8_t of_six[8] = { 0, 1, 255, 255, 2, 2, 9, 8 };

	if (version == 4)
		return pointer < 20 ? of_four[pointer] : NOWHERE;
	return pointer < 8 ? of_six[pointer] : pointer < 24 ? 12 : pointer < 40 ? 16 : NOWHERE;
}

static bool is_parameter_problem(uint8_t version, const uint8_t *icmp)
{
	return version == 4 ? icmp[0] == 12 : icmp[0] == 4 && icmp[1] == 0;
}

static uint32_t pointer_of(uint8_t version, const uint8_t *icmp)
{
	return version == 4 ? icmp[4] : load32(icmp + 4);
}

/* RFC 4884: which octets are of the quoted datagram, up to where they are filled up, and how many of
 * extensions follow. Where nobody says so, all is quote, and nothing that is behind it counts. */
struct parts { size_t quote, padded, extension; };

static size_t length_at(uint8_t version, const uint8_t *icmp)
{
	if (version == 4)
		return icmp[0] == 3 || icmp[0] == 11 || icmp[0] == 12 ? 5 : 0;
	return icmp[0] == 1 || icmp[0] == 3 ? 4 : 0;
}

static struct parts parts_of(const struct datagram *d, const struct datagram *inner)
{
	const uint8_t *icmp = d->octets + d->header;
	size_t at = length_at(d->version, icmp), all = d->len - d->header - 8;
	size_t said = at ? icmp[at] * (d->version == 4 ? 4u : 8u) : 0;

	if (said == 0 || said > all)
		return (struct parts){ inner->len, all, 0 };
	return (struct parts){ inner->len < said ? inner->len : said, said, all - said };
}

/* RFC 7915 sections 4.3 and 5.3: what is quoted must be what could be carried itself. */
static enum reason quote_fault(const struct datagram *d, const struct datagram *inner,
			       const struct nat_policy *p)
{
	struct parts parts = parts_of(d, inner);
	uint8_t type = inner->octets[inner->header];
	enum reason r = translate_header_fault(inner);
	bool known = inner->protocol == PROTO_TCP || inner->protocol == PROTO_UDP;

	if (r != REASON_NONE)
		return r;
	if (inner->protocol == PROTO_ICMP && !query_renamed(inner->version, &type))
		return REASON_ICMP_TYPE;
	if (inner->protocol != PROTO_ICMP && !known && p->type != NAT_SIIT)
		return REASON_NO_TRANSPORT;
	if (parts.quote < inner->len && parts.quote < inner->header + 8)
		return REASON_ICMP_QUOTE;
	return REASON_NONE;
}

enum reason translate_error_fault(const struct datagram *d, const struct datagram *inner,
				  const struct nat_policy *p)
{
	const uint8_t *icmp = d->octets + d->header;
	uint8_t name[2] = { icmp[0], icmp[1] };
	enum reason r = REASON_ICMP_TYPE, quoted = quote_fault(d, inner, p);

	if (rename_error(d->version, name))
		r = translate_header_fault(d);
	if (r != REASON_NONE)
		return r;
	if (is_parameter_problem(d->version, icmp) && (quoted == REASON_NONE ||
						       quoted == REASON_ICMP_QUOTE) &&
	    moved_pointer(d->version, pointer_of(d->version, icmp)) == NOWHERE)
		return REASON_ICMP_TYPE;
	return quoted;
}

/* MTUs. */

static uint32_t less(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t plateau(uint32_t below)
{
	static const uint16_t all[] = { 65535, 32000, 17914, 8166, 4352, 2002, 1492, 0 };
	size_t i = 0;

	while (all[i] >= below && all[i])
		i++;
	return all[i];
}

static uint32_t mtu_for_six(uint32_t mtu, uint32_t quoted, const struct terms *t)
{
	uint32_t four = t->mtu[t->four], six = t->mtu[side_other(t->four)];

	mtu = mtu ? mtu + 20 : plateau(quoted);
	if (six)
		mtu = less(mtu, six);
	if (four)
		mtu = less(mtu, four + 20);
	return mtu < LEAST_MTU ? LEAST_MTU : mtu;
}

/* What the host of IPv6 leaves room for is a fragment header more, if it sends one. */
static uint32_t mtu_for_four(uint32_t mtu, bool fragment, const struct terms *t)
{
	uint32_t four = t->mtu[t->four], six = t->mtu[side_other(t->four)];
	uint32_t more = fragment ? 28 : 20;

	mtu = (mtu < LEAST_MTU ? LEAST_MTU : mtu) - more;
	if (four)
		mtu = less(mtu, four);
	if (six)
		mtu = less(mtu, (six < LEAST_MTU ? LEAST_MTU : six) - more);
	return less(mtu, 65535);
}

/* The second word, whatever the names are by now. */
static void write_word(const struct datagram *d, const struct datagram *inner, const struct terms *t,
		       uint8_t *icmp)
{
	const uint8_t *was = d->octets + d->header;
	uint32_t word = 0;

	if (is_parameter_problem(d->version, was))
		word = moved_pointer(d->version, pointer_of(d->version, was));
	else if (d->version == 4 && was[0] == 3 && was[1] == 2)
		word = 6;
	if (d->version == 6)
		word <<= 24;
	if (d->version == 4 && was[0] == 3 && was[1] == 4)
		word = mtu_for_six(load16(was + 6), load16(inner->octets + 2), t);
	if (d->version == 6 && was[0] == 2)
		word = mtu_for_four(load32(was + 4), inner->fragment != 0, t);
	store32(icmp + 4, word);
}

/* The quoted datagram in the other family; returns its length. */
static size_t write_quote(const struct datagram *inner, size_t len, const struct place ends[static 2],
			  const struct terms *t, uint8_t *out)
{
	struct terms nameless = *t;
	struct datagram copy = *inner;

	nameless.ident = 0;
	copy.octets = memcpy(out, inner->octets, len);
	copy.len = len;
	translate(&copy, ends[0], ends[1], &nameless);
	return copy.len;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What fits: with extensions, the quote is filled up to whole units, and says how many it has. */
static void fit(struct parts *p, size_t room, size_t unit)
{
	size_t most = room > p->extension + QUOTE_LEAST ? room - p->extension : QUOTE_LEAST;

	if (!p->extension) {
		p->padded = p->quote = smaller(p->quote, room);
		return;
	}
	p->quote = smaller(p->quote, smaller(most / unit, 255) * unit);
	p->padded = (p->quote + unit - 1) / unit * unit;
	if (p->padded < QUOTE_LEAST)
		p->padded = QUOTE_LEAST;
	p->extension = smaller(p->extension, (room - p->padded) / 4 * 4);
}

/* What stands behind the ICMP header; returns its length. */
static size_t write_body(const struct datagram *d, const struct datagram *inner,
			 const struct place ends[static 2], const struct terms *t, uint8_t *icmp)
{
	uint8_t version = d->version == 4 ? 6 : 4;
	struct parts was = parts_of(d, inner), now = was;
	size_t unit = version == 4 ? 4 : 8, at = length_at(version, icmp);
	const uint8_t *extension = d->octets + d->header + 8 + was.padded;

	now.quote = write_quote(inner, was.quote, ends, t, icmp + 8);
	now.extension = at ? was.extension : 0;
	fit(&now, version == 6 ? LEAST_MTU - 48 : 65535 - 28, unit);
	memset(icmp + 8 + now.quote, 0, now.padded - now.quote);
	memcpy(icmp + 8 + now.padded, extension, now.extension);
	if (now.extension)
		icmp[at] = (uint8_t)(now.padded / unit);
	return now.padded + now.extension;
}

void translate_error(struct datagram *d, const struct place outer[static 2],
		     const struct place ends[static 2], const struct terms *t)
{
	uint8_t fresh[DRAFT_MOST];
	struct datagram inner, new = *d;
	struct header h = header_for(d, t);
	uint8_t *icmp = fresh + (h.six ? 40 : 20);
	bool was_whole;

	datagram_read_quoted(&inner, d);
	memcpy(icmp, d->octets + d->header, 8);
	rename_error(d->version, icmp);
	write_word(d, &inner, t, icmp);
	h.carries = 8 + write_body(d, &inner, ends, t, icmp);
	h.dont_fragment = !h.in_pieces && 20 + h.carries > 1260;
	h.source = outer[0].address;
	h.destination = outer[1].address;
	new.header = header_write(&h, fresh);
	new.octets = fresh;
	new.version = h.six ? 6 : 4;
	new.len = new.header + h.carries;
	new.fragment = 0;
	settle_transport(&new, new.header + 2, 0);
	memcpy(d->octets, fresh, new.len);
	was_whole = d->dont_fragment;
	datagram_read(d, d->octets, new.len, NULL);
	d->dont_fragment = h.six ? was_whole : h.dont_fragment;
}
