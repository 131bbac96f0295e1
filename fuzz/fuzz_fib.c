/*
 * The forwarding table against a linear search over the same prefixes.
 *
 * Input    How: whether to list the table in the end, and to try the shortest prefixes, both of
 *          which take long. Operations: what, a prefix, a hop. Prefixes are few octets, so that
 *          they lie over and beside one another.
 * Demands  Every lookup, alone or in a batch, finds the longest prefix; the listing is all there is,
 *          in order.
 */
#include "router/fib.h"

#include "fuzz.h"

enum { PREFIXES_MOST = 200, PLACES = 4 };
/* A short prefix is noted under each value of the first 18 bits, which takes its time. */
enum { PAINT_BITS = 18, PAINT_USUAL = 1 << 13, PAINT_MOST = 1 << PAINT_BITS };
enum { HOW_LIST = 0x0f, HOW_SHORT = 0xf0 }; /* all four bits of each, so that it is rare */
enum { OP_SET, OP_REMOVE, OP_LOOKUP, OP_RECLAIM, OP_COUNT };

struct entry { struct prefix prefix; uint16_t hop; };

struct list {
	size_t count;
	unsigned paint; /* slots that may yet be painted */
	struct entry at[PREFIXES_MOST];
};

static struct entry *find(struct list *l, const struct prefix *p)
{
	for (size_t i = 0; i < l->count; i++)
		if (prefix_equal(&l->at[i].prefix, p))
			return &l->at[i];
	return NULL;
}

/* Bit for bit, so as to owe nothing to the router's own masks. */
static bool covers(const struct prefix *p, const struct address *a)
{
	if (p->address.version != a->version)
		return false;
	for (unsigned bit = 0; bit < p->len; bit++)
		if ((p->address.octets[bit / 8] ^ a->octets[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static uint16_t search(const struct list *l, const struct address *a)
{
	const struct entry *best = NULL;

	for (size_t i = 0; i < l->count; i++)
		if (covers(&l->at[i].prefix, a) && (!best || l->at[i].prefix.len > best->prefix.len))
			best = &l->at[i];
	return best ? best->hop : FIB_NONE;
}

/* Some octets of an address, at one of a few places; the rest is zero. */
static struct address read_address(struct input *in)
{
	uint8_t first = input_u8(in);
	struct address a = { .version = first & 1 ? 6 : 4 };
	size_t at = a.version == 4 ? 0 : (size_t)(first >> 1) % PLACES * 4;

	store32(a.octets + at, input_u32(in));
	return a;
}

static struct prefix read_prefix(struct input *in)
{
	struct prefix p = { .address = read_address(in) };

	p.len = input_below(in, address_bits(&p.address) + 1u);
	return prefix_masked(p);
}

/* False: too much of it. */
static bool affords(struct list *l, const struct prefix *p)
{
	unsigned cost = p->len < PAINT_BITS ? 1u << (PAINT_BITS - p->len) : 1;

	if (cost > l->paint)
		return false;
	l->paint -= cost;
	return true;
}

static void set(struct fib *f, struct list *l, const struct prefix *p, uint16_t hop)
{
	struct entry *e = find(l, p);

	hop = hop ? hop : 1;
	if ((!e && l->count == PREFIXES_MOST) || !affords(l, p))
		return;
	assert(fib_set(f, p, hop) == 0);
	if (!e)
		e = &l->at[l->count++];
	*e = (struct entry){ *p, hop };
}

static void drop(struct fib *f, struct list *l, const struct prefix *p)
{
	struct entry *e = find(l, p);

	if (!affords(l, p))
		return;
	assert(fib_remove(f, p) == 0);
	if (e)
		*e = l->at[--l->count];
}

static void look_up(const struct fib *f, const struct list *l, const struct address *a)
{
	be32 both[2] = { be32_load(a->octets), { 0 } };
	uint8_t both6[2][16] = { { 0 } };
	uint16_t hops[2];

	if (a->version == 6) {
		assert(fib_lookup6(f, a->octets) == search(l, a));
		memcpy(both6[0], a->octets, sizeof(both6[0]));
		fib_lookup6_batch(f, (const uint8_t (*)[16])both6, hops, 2);
		assert(hops[0] == search(l, a) && hops[1] == fib_lookup6(f, both6[1]));
		return;
	}
	fib_prefetch4(f, both[0]);
	assert(fib_lookup4(f, both[0]) == search(l, a));
	fib_lookup4_batch(f, both, hops, 2);
	assert(hops[0] == fib_lookup4(f, both[0]) && hops[1] == fib_lookup4(f, both[1]));
}

/* The first and the last address of every prefix, where lookups go wrong first. */
static void look_up_ends(const struct fib *f, const struct list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct prefix *p = &l->at[i].prefix;
		struct address last = p->address;

		look_up(f, l, &p->address);
		for (unsigned bit = p->len; bit < address_bits(&last); bit++)
			last.octets[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		look_up(f, l, &last);
	}
}

static int compare(const struct prefix *a, const struct prefix *b)
{
	int order = a->address.version - b->address.version;

	if (!order)
		order = memcmp(a->address.octets, b->address.octets, sizeof(a->address.octets));
	return order ? order : a->len - b->len;
}

static void list(const struct fib *f, struct list *l)
{
	struct fib_cursor cursor = { .started = false };
	struct prefix p, before = { .len = 0 };
	struct fib_size size = fib_size(f);
	size_t count = 0;
	uint16_t hop;

	for (; fib_next(f, &cursor, &p, &hop); before = p, count++) {
		struct entry *e = find(l, &p);

		assert(e && e->hop == hop);
		assert(!count || compare(&before, &p) < 0);
	}
	assert(count == l->count && size.prefixes4 + size.prefixes6 == count);
}

static void operate(struct fib *f, struct list *l, struct input *in)
{
	uint8_t op = input_below(in, OP_COUNT);
	struct prefix p = { .len = 0 };

	if (op == OP_RECLAIM) {
		fib_reclaim(f);
		return;
	}
	if (op == OP_LOOKUP)
		p.address = read_address(in);
	else
		p = read_prefix(in);
	if (op == OP_SET)
		set(f, l, &p, input_u16(in));
	else if (op == OP_REMOVE)
		drop(f, l, &p);
	else
		look_up(f, l, &p.address);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	uint8_t how = input_u8(&in);
	struct list l = { .paint = (how & HOW_SHORT) == HOW_SHORT ? PAINT_MOST : PAINT_USUAL };
	struct fib *f = fib_new();

	assert(f);
	while (input_left(&in))
		operate(f, &l, &in);
	look_up_ends(f, &l);
	if ((how & HOW_LIST) == HOW_LIST)
		list(f, &l);
	fib_free(f);
	return 0;
}
