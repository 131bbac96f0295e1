#include "nat/npt66.h"

#include "nat/checksum.h"

enum { WORDS = 8, WORD_BITS = 16, SUBNET_WORD = 3, ID_WORD = 4, SHORT_LEN = 48 };

static uint8_t longer_len(const struct ip6_prefix *a, const struct ip6_prefix *b)
{
	return a->len > b->len ? a->len : b->len;
}

static bool is_all_ones(const uint8_t word[static 2])
{
	return word[0] == 0xff && word[1] == 0xff;
}

/* RFC 6296 sections 3.4, 3.5 and 3.7: the word that is adjusted, or NULL. */
static uint8_t *adjusted(struct ip6 *a, uint8_t len)
{
	unsigned first = (len + WORD_BITS - 1u) / WORD_BITS;

	if (len <= SHORT_LEN)
		return is_all_ones(a->octets + 2 * SUBNET_WORD) ? NULL : a->octets + 2 * SUBNET_WORD;
	for (unsigned i = first > ID_WORD ? first : ID_WORD; i < WORDS; i++)
		if (!is_all_ones(a->octets + 2 * i))
			return a->octets + 2 * i;
	return NULL;
}

bool npt66_adjusts_id(const struct ip6_prefix *a, const struct ip6_prefix *b)
{
	return longer_len(a, b) > SHORT_LEN;
}

bool npt66_has(const struct ip6_prefix *from, const struct ip6_prefix *to, const struct ip6 *a)
{
	const struct ip6_prefix extended = { from->address, longer_len(from, to) };

	return ip6_prefix_has(&extended, a);
}

bool npt66_move(const struct ip6_prefix *from, const struct ip6_prefix *to, struct ip6 *a)
{
	uint8_t len = longer_len(from, to);
	struct ip6 now = ip6_joined(&to->address, len, a);
	uint8_t *word = adjusted(&now, len);
	csum_t sum;

	if (!word)
		return false;
	sum = csum_sub((csum_t){ be16_load(word).raw }, csum_diff(a, &now, sizeof(now)));
	/* RFC 6296 section 3.4: ffff would be the same sum, and is what cannot be adjusted. */
	be16_store(word, (be16){ sum.raw == 0xffff ? 0 : sum.raw });
	*a = now;
	return true;
}
