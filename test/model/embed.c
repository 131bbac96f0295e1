#include "embed.h"

#include "universe.h"

const struct ip6_prefix *embed_prefix_of(const struct nat_policy *p, ip_number six)
{
	for (size_t i = 0; i < p->v6.prefix_count; i++)
		if (embed_has(&p->v6.prefixes[i], six))
			return &p->v6.prefixes[i];
	return NULL;
}

/* Where the next octet of the IPv4 address lies: bits 64 to 71 are none of it. */
static size_t place_of_octet(const struct ip6_prefix *p, size_t i)
{
	size_t at = p->len / 8u + i;

	return p->len < 96 && at >= 8 ? at + 1 : at;
}

ip_number embed_put_in(const struct ip6_prefix *p, ip_number four)
{
	struct ip6 a = { { 0 } };

	for (size_t i = 0; i < p->len / 8u; i++)
		a.octets[i] = p->address.octets[i];
	for (size_t i = 0; i < 4; i++)
		a.octets[place_of_octet(p, i)] = (uint8_t)(four >> (24 - 8 * i));
	return ip_of_six(&a);
}

ip_number embed_taken_out(const struct ip6_prefix *p, ip_number six)
{
	struct ip6 a = ip_to_six(six);
	ip_number four = 0;

	for (size_t i = 0; i < 4; i++)
		four = four << 8 | a.octets[place_of_octet(p, i)];
	return four;
}

static bool is_one_of(const uint32_t rows[][2], size_t count, ip_number four)
{
	for (size_t i = 0; i < count; i++)
		if (ip_covers(rows[i][0], rows[i][1], 32, four))
			return true;
	return false;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool embed_is_wrong(const struct ip6_prefix *p, ip_number four)
{
	static const uint32_t no_host[][2] = {
		{ ADDRESS(0, 0, 0, 0), 8 }, { ADDRESS(127, 0, 0, 0), 8 },
		{ ADDRESS(169, 254, 0, 0), 16 }, { ADDRESS(224, 0, 0, 0), 3 },
	};
	static const uint32_t special[][2] = {
		{ ADDRESS(10, 0, 0, 0), 8 }, { ADDRESS(100, 64, 0, 0), 10 },
		{ ADDRESS(172, 16, 0, 0), 12 },
		{ ADDRESS(192, 0, 0, 0), 24 }, { ADDRESS(192, 0, 2, 0), 24 },
		{ ADDRESS(192, 168, 0, 0), 16 }, { ADDRESS(198, 18, 0, 0), 15 },
		{ ADDRESS(198, 51, 100, 0), 24 }, { ADDRESS(203, 0, 113, 0), 24 },
	};
	bool well_known = p->len == 96 && ip_of_six(&p->address) == SIX(0x64, 0xff9b, 0, 0, 0, 0);

	return is_one_of(no_host, COUNT(no_host), four) ||
	       (well_known && is_one_of(special, COUNT(special), four));
}

/* SIIT. Bits behind the prefixes are copied from their beginning on; more of them are zero in IPv6. */

static bool is_mapped(const struct nat_eam *e, bool from_six, ip_number a)
{
	return from_six ? embed_has(&e->v6, a) : ip_covers(be32_host(e->v4), e->len4, 32, a);
}

/* RFC 7757 section 3.3. */
static const struct nat_eam *longest(const struct nat_policy *p, bool from_six, ip_number a)
{
	const struct nat_eam *best = NULL;

	for (size_t i = 0; i < p->v6.eam_count; i++) {
		const struct nat_eam *e = &p->v6.eams[i];

		if (is_mapped(e, from_six, a) &&
		    (!best || (from_six ? e->v6.len > best->v6.len : e->len4 > best->len4)))
			best = e;
	}
	return best;
}

enum reason embed_four_of(const struct nat_policy *p, ip_number six, ip_number *four)
{
	const struct nat_eam *e = longest(p, true, six);
	const struct ip6_prefix *prefix = embed_prefix_of(p, six);

	if (e) {
		*four = ip_join(be32_host(e->v4), e->len4, 32,
				ip_low(six, 128u - e->v6.len) >>
					(128u - e->v6.len - (32u - e->len4)));
		return REASON_NONE;
	}
	if (!prefix)
		return REASON_UNTRANSLATABLE;
	*four = embed_taken_out(prefix, six);
	return embed_is_wrong(prefix, *four) ? REASON_EMBEDDED : REASON_NONE;
}

enum reason embed_six_by_prefix(const struct nat_policy *p, ip_number four, ip_number *six)
{
	if (!p->v6.prefix_count)
		return REASON_UNTRANSLATABLE;
	*six = embed_put_in(&p->v6.prefixes[0], four);
	return embed_is_wrong(&p->v6.prefixes[0], four) ? REASON_EMBEDDED : REASON_NONE;
}

enum reason embed_six_of(const struct nat_policy *p, ip_number four, ip_number *six)
{
	const struct nat_eam *e = longest(p, false, four);

	if (!e)
		return embed_six_by_prefix(p, four, six);
	*six = ip_of_six(&e->v6.address) |
	       ip_low(four, 32u - e->len4) << (128u - e->v6.len - (32u - e->len4));
	return REASON_NONE;
}

/* NPTv6. */

static unsigned word_of(ip_number a, unsigned i)
{
	return (unsigned)(a >> (112 - 16 * i)) & 0xffff;
}

/* One's-complement sum of the words of a prefix: those that no adjustment touches. */
static unsigned sum_of(const struct ip6_prefix *p)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 8; i++)
		sum = (sum + word_of(ip_of_six(&p->address), i)) % 0xffff;
	return sum;
}

/* RFC 6296 sections 3.4 and 3.5; 8: there is none. */
static unsigned word_to_adjust(unsigned len, ip_number a)
{
	unsigned i = 4;

	if (len <= 48)
		return word_of(a, 3) == 0xffff ? 8 : 3;
	while (i < 8 && word_of(a, i) == 0xffff)
		i++;
	return i;
}

bool embed_npt(const struct nat_policy *p, bool outwards, ip_number a, ip_number *out)
{
	const struct ip6_prefix *from = outwards ? &p->v6.match : &p->v6.translated;
	const struct ip6_prefix *to = outwards ? &p->v6.translated : &p->v6.match;
	unsigned len = from->len > to->len ? from->len : to->len;
	unsigned i = word_to_adjust(len, a), shift = 112 - 16 * i, word;

	if (len > 48 && ip_low(a, 64) == 0 && p->v6.drops_zero_ids)
		return false;
	if (i == 8)
		return false;
	a = ip_join(ip_of_six(&to->address), len, 128, a);
	word = (word_of(a, i) + sum_of(from) + 0xffff - sum_of(to)) % 0xffff;
	*out = a - ((ip_number)word_of(a, i) << shift) + ((ip_number)word << shift);
	return true;
}
