#include "nat/eam.h"

/* Which of its two prefixes a mapping is looked up by. */
enum family { FOUR, SIX };

enum { V4_BITS = 32, V6_BITS = 128 };

static uint8_t len_of(const struct nat_eam *e, enum family f)
{
	return f == FOUR ? e->len4 : e->v6.len;
}

/* Below zero: a comes before b. */
static int order(const struct nat_eam *a, const struct nat_eam *b, enum family f)
{
	if (len_of(a, f) != len_of(b, f))
		return len_of(b, f) - len_of(a, f);
	return f == FOUR ? memcmp(&a->v4, &b->v4, sizeof(a->v4))
			 : memcmp(&a->v6.address, &b->v6.address, sizeof(a->v6.address));
}

/* An IPv4 address lies at the beginning of the octets, and behind it are zeros. */
static struct ip6 wide(be32 v4)
{
	struct ip6 a = { { 0 } };

	be32_store(a.octets, v4);
	return a;
}

static struct ip6_prefix prefix_in(const struct nat_eam *e, enum family f)
{
	return f == FOUR ? (struct ip6_prefix){ wide(e->v4), e->len4 } : e->v6;
}

/* To look up the first len bits of an address. */
static struct nat_eam key_of(const struct ip6 *address, uint8_t len, enum family f)
{
	const struct ip6 zeros = { { 0 } };
	struct ip6 a = ip6_joined(address, len, &zeros);

	if (f == FOUR)
		return (struct nat_eam){ .v4 = be32_load(a.octets), .len4 = len };
	return (struct nat_eam){ .v6 = { a, len } };
}

/* The first that does not come before key, from one on. */
static size_t place(const struct nat_eam *eams, size_t from, size_t count, const struct nat_eam *key,
		    enum family f)
{
	while (from < count) {
		size_t middle = from + (count - from) / 2;

		if (order(&eams[middle], key, f) < 0)
			from = middle + 1;
		else
			count = middle;
	}
	return from;
}

/* The first of those with shorter prefixes than the one at a place. */
static size_t shorter(const struct nat_eam *eams, size_t at, size_t count, enum family f)
{
	const struct ip6 zeros = { { 0 } };
	uint8_t len = len_of(&eams[at], f);
	struct nat_eam key;

	if (!len)
		return count;
	key = key_of(&zeros, (uint8_t)(len - 1), f);
	return place(eams, at, count, &key, f);
}

static const struct nat_eam *find(const struct nat_eam *eams, size_t count, const struct ip6 *a,
				  enum family f)
{
	for (size_t at = 0; at < count; at = shorter(eams, at, count, f)) {
		struct nat_eam key = key_of(a, len_of(&eams[at], f), f);
		size_t i = place(eams, at, count, &key, f);

		if (i < count && order(&eams[i], &key, f) == 0)
			return &eams[i];
	}
	return NULL;
}

/* Thirty-two bits from one on; behind the end are zeros. No suffix that counts is longer. */
static uint32_t bits_at(const struct ip6 *a, unsigned at)
{
	uint64_t window = 0;

	for (unsigned i = at / 8; i <= at / 8 + 4; i++)
		window = window << 8 | (i < sizeof(a->octets) ? a->octets[i] : 0);
	return (uint32_t)(window >> (8 - at % 8));
}

static void put_bits(struct ip6 *a, unsigned at, uint32_t bits)
{
	uint64_t window = (uint64_t)bits << (8 - at % 8);

	for (unsigned i = 0; i <= 4 && at / 8 + i < sizeof(a->octets); i++)
		a->octets[at / 8 + i] |= (uint8_t)(window >> (32 - 8 * i));
}

/* The address that a becomes, as f of it was looked up. */
static struct ip6 moved(const struct nat_eam *e, const struct ip6 *a, enum family f)
{
	struct ip6 to = prefix_in(e, f == FOUR ? SIX : FOUR).address;

	put_bits(&to, len_of(e, f == FOUR ? SIX : FOUR), bits_at(a, len_of(e, f)));
	return to;
}

bool eam_to_v6(const struct nat_policy6 *p, be32 v4, struct ip6 *v6)
{
	struct ip6 a = wide(v4);
	const struct nat_eam *e = find(p->eams, p->eam_count, &a, FOUR);

	if (e)
		*v6 = moved(e, &a, FOUR);
	return e;
}

bool eam_to_v4(const struct nat_policy6 *p, const struct ip6 *v6, be32 *v4)
{
	const struct nat_eam *e = find(p->eams_by6, p->eam_count, v6, SIX);

	if (e)
		*v4 = be32_load(moved(e, v6, SIX).octets);
	return e;
}

/* Let the one at a place sink to where those below it in the heap come before it. */
static void sink(struct nat_eam *heap, size_t at, size_t count, enum family f)
{
	struct nat_eam e = heap[at];

	for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
		if (child + 1 < count && order(&heap[child], &heap[child + 1], f) < 0)
			child++;
		if (order(&heap[child], &e, f) <= 0)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = e;
}

static void sort(struct nat_eam *eams, size_t count, enum family f)
{
	for (size_t i = count / 2; i > 0; i--)
		sink(eams, i - 1, count, f);
	for (size_t left = count; left > 1; left--) {
		struct nat_eam last = eams[0];

		eams[0] = eams[left - 1];
		eams[left - 1] = last;
		sink(eams, 0, left - 1, f);
	}
}

void eam_sort4(struct nat_eam *eams, size_t count)
{
	sort(eams, count, FOUR);
}

void eam_sort6(struct nat_eam *eams, size_t count)
{
	sort(eams, count, SIX);
}

static const char *mapping_fault(const struct nat_eam *e)
{
	struct ip6_prefix four = prefix_in(e, FOUR);

	if (e->len4 > V4_BITS || e->v6.len > V6_BITS)
		return "explicit mapping of a prefix longer than an address";
	/* RFC 7757 section 3.2 */
	if (V4_BITS - e->len4 > V6_BITS - e->v6.len)
		return "explicit mapping with a longer IPv4 than IPv6 suffix";
	if (!ip6_prefix_is_clean(&four) || !ip6_prefix_is_clean(&e->v6))
		return "prefix with bits behind its length";
	return NULL;
}

static const char *order_fault(const struct nat_eam *eams, size_t i, enum family f)
{
	int o = i ? order(&eams[i - 1], &eams[i], f) : -1;

	if (o == 0)
		return "two explicit mappings of one prefix";
	return o > 0 ? "explicit mappings that are not sorted" : NULL;
}

/* Both arrays are sorted and without repetition, so the same mappings are in both if those of one are
 * in the other. */
static const char *both_fault(const struct nat_policy6 *p, const struct nat_eam *e)
{
	size_t i = place(p->eams_by6, 0, p->eam_count, e, SIX);

	return i < p->eam_count && order(&p->eams_by6[i], e, SIX) == 0 &&
			       order(&p->eams_by6[i], e, FOUR) == 0
		       ? NULL : "explicit mappings that are not the same sorted either way";
}

const char *eam_fault(const struct nat_policy6 *p)
{
	const char *fault = NULL;

	if (p->eam_count > NAT_EAMS_MOST)
		return "too many explicit mappings";
	if (p->eam_count && (!p->eams || !p->eams_by6))
		return "explicit mappings that are not the same sorted either way";
	for (size_t i = 0; !fault && i < p->eam_count; i++) {
		fault = mapping_fault(&p->eams[i]);
		fault = fault ? fault : order_fault(p->eams, i, FOUR);
		fault = fault ? fault : order_fault(p->eams_by6, i, SIX);
	}
	for (size_t i = 0; !fault && i < p->eam_count; i++)
		fault = both_fault(p, &p->eams[i]);
	return fault;
}
