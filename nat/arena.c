/* One piece of memory, cut once: every array of a NAT lies in it, each at a cache line. */
#include "helper.h"

#include "nat/owner.h"

enum { NAMES_BESIDE = 1024 };
enum { LINE = 64, KEYS_PER_SESSION = 2, KEYS_PER_MAPPING = 2 };

/* Arrays of an arena in the making; measured with base NULL, cut with the real one. */
struct cut {
	uint8_t *base;
	size_t len;
};

static void *take(struct cut *c, size_t len)
{
	void *at = c->base ? c->base + c->len : NULL;

	c->len += (len + LINE - 1) / LINE * LINE;
	return at;
}

struct arrays {
	struct nat *nat;
	struct session *sessions;
	struct mapping *mappings;
	struct peer *peers;
	struct host *hosts;
	struct bucket *sessions_by, *mappings_by, *hosts_by, *peers_by, *blocks_by, *datagrams_by;
	struct datagram *datagrams;
	uint32_t *slots;
	struct nat_event *events;
	uint64_t *bits;
	uint16_t *next_port;
	struct port_rest *rests;
	uint32_t *half_open;
	uint16_t *idents;
	uint64_t *syn_hashes;
	struct held_syn *syns;
	struct helper *helpers;
	struct block *blocks;
	uint32_t *blocks_at;
	uint16_t *pool_slots, *pool_policies;
	be32 *pool_now, *pool_before;
	struct name *names;
	struct bucket *names_by;
};

/* Of a session host, outside address and remote end; the remote end of a mapping; a host of a block; both ends of a datagram in
 * pieces and of a SYN that waits; places of the pool, now and before. Besides, what is only looked at. */
static uint32_t names_of_worker(const struct nat_config *c)
{
	return 5 * sessions_of_worker(c) +
	       2 * (fragments_of_worker(c) + unsolicited_of_worker(c) + (uint32_t)c->pool_count) +
	       NAMES_BESIDE;
}

static struct arrays cut(struct cut *c, const struct nat_config *config)
{
	uint32_t most = sessions_of_worker(config), datagrams = fragments_of_worker(config);
	size_t next_ports = config->pool_count * PORTS_PROTOCOLS * sizeof(uint16_t);

	/* Designated initializers are evaluated in no order that is promised. */
	struct arrays a;

	/* What every session touches. */
	a.nat = take(c, sizeof(struct nat));
	a.sessions = take(c, most * sizeof(struct session));
	a.mappings = take(c, most * sizeof(struct mapping));
	a.hosts = take(c, most * sizeof(struct host));
	a.sessions_by = take(c, table_size(most * KEYS_PER_SESSION));
	a.mappings_by = take(c, table_size(most * KEYS_PER_MAPPING));
	a.hosts_by = take(c, table_size(most));
	a.slots = take(c, WHEEL_SLOTS * sizeof(uint32_t));
	a.blocks_at = take(c, config->pool_count * sizeof(uint32_t));
	a.pool_slots = take(c, pool_slots(config) * sizeof(uint16_t));
	a.pool_policies = take(c, config->pool_count * sizeof(uint16_t));
	a.idents = take(c, IDENT_COUNTERS * sizeof(uint16_t));
	a.pool_now = take(c, config->pool_count * sizeof(be32));
	a.pool_before = take(c, config->pool_count * sizeof(be32));
	a.next_port = take(c, next_ports);
	a.bits = take(c, ports_size(config->pool_count, config->workers));
	/* What some never do. */
	a.half_open = take(c, half_open_room(config) * sizeof(uint32_t));
	a.rests = take(c, ports_rests(config) * sizeof(struct port_rest));
	a.events = take(c, config->events * sizeof(struct nat_event));
	a.syn_hashes = take(c, unsolicited_of_worker(config) * sizeof(uint64_t));
	a.syns = take(c, unsolicited_of_worker(config) * sizeof(struct held_syn));
	a.datagrams = take(c, datagrams * sizeof(struct datagram));
	a.names = take(c, names_of_worker(config) * sizeof(struct name));
	a.peers = take(c, most * sizeof(struct peer));
	a.helpers = take(c, helpers_of_worker(config) * sizeof(struct helper));
	a.blocks = take(c, most * sizeof(struct block));
	a.datagrams_by = take(c, table_size(datagrams));
	a.peers_by = take(c, table_size(most));
	a.names_by = take(c, table_size(names_of_worker(config)));
	a.blocks_by = take(c, table_size(most));
	return a;
}

size_t nat_size(const struct nat_config *c)
{
	struct cut measure = { NULL, 0 };

	cut(&measure, c);
	return measure.len;
}

static bool has_type(const struct nat_config *c, enum nat_type type)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].type == type)
			return true;
	return false;
}

static bool gathers(const struct nat_config *c)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].helpers & NAT_HELPER_FTP)
			return true;
	return false;
}

static bool translates(const struct nat_config *c)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].type != NAT_NONE)
			return true;
	return c->forward_count;
}

/* No session ends before it has been idle for so long. */
static uint32_t timeout_least(const struct nat_config *c)
{
	uint32_t least = UINT32_MAX;

	for (int i = 0; i < TIMEOUT_FRAGMENT; i++)
		least = c->timeout_ms[i] < least ? c->timeout_ms[i] : least;
	for (size_t k = 0; k < c->policy_count; k++)
		for (int i = 0; i < TIMEOUT_FRAGMENT; i++) {
			uint32_t own = c->policies[k].timeout_ms[i];

			least = own && own < least ? own : least;
		}
	return least;
}

void nat_configure(struct nat *n, const struct nat_config *c)
{
	/* Sessions may be another policy's now, addresses others and deadlines nearer: nat_expire() goes
	 * through them once. */
	n->sweep = 0;
	n->kept = 0;
	n->timeout_least = timeout_least(c);
	n->config = *c;
	n->passes_some = has_type(c, NAT_NONE);
	n->one_to_one = has_type(c, NAT_ONE_TO_ONE);
	n->stateless = has_type(c, NAT_NPTV6) || has_type(c, NAT_SIIT);
	n->six = nat_has_six(c);
	n->sixes |= n->six;
	n->gathers = gathers(c);
	n->translates |= translates(c);
	n->workers_inverse = UINT32_MAX / c->workers + 1;
	n->host_limit = nat_config_part(c, c->sessions_per_host);
	prefixes_configure(n);
	pool_configure(n);
	blocks_reconsider(n);
}

static struct table table_over(const void *records, uint32_t stride, uint32_t keys)
{
	return (struct table){ .records = records, .stride = stride, .keys = keys };
}

static void clear(void *from, const void *to)
{
	memset(from, 0, (size_t)((const uint8_t *)to - (const uint8_t *)from));
}

struct nat *nat_init_zeroed(void *mem, const struct nat_config *c, const uint8_t seed[static 32])
{
	struct cut whole = { mem, 0 };
	struct arrays a = cut(&whole, c);
	struct nat *n = a.nat;
	uint32_t most = sessions_of_worker(c);

	/* Fresh memory costs a page fault where it is touched first; what everything is found by is
	 * touched at random, and here once for all. */
	clear(a.sessions_by, a.slots);
	memcpy(n->hash.k, seed, sizeof(n->hash.k));
	memcpy(n->draw.k, seed + sizeof(n->hash.k), sizeof(n->draw.k));
	n->hash.aes = hash_has_aes();
	n->none = hashes_none(&n->hash);
	n->hashes = &n->none;
	for (int i = 0; i < ENDING; i++)
		n->ending[i] = n->none;
	n->pool = (struct pool_index){ .slots = a.pool_slots, .policies = a.pool_policies,
				       .now = a.pool_now, .before = a.pool_before };
	n->names = (struct names){
		.all = a.names,
		.slab = slab_over(&a.names->next, sizeof(struct name), names_of_worker(c)),
		.by = table_over(a.names, sizeof(struct name), 1),
		.unheld = SLAB_NONE,
	};
	table_init(&n->names.by, a.names_by, names_of_worker(c));
	nat_configure(n, c);
	n->sessions = a.sessions;
	n->mappings = a.mappings;
	n->peers = a.peers;
	n->hosts = a.hosts;
	n->sessions_by = table_over(a.sessions, sizeof(struct session), KEYS_PER_SESSION);
	n->mappings_by = table_over(a.mappings, sizeof(struct mapping), KEYS_PER_MAPPING);
	n->peers_by = table_over(a.peers, sizeof(struct peer), 1);
	n->hosts_by = table_over(a.hosts, sizeof(struct host), 1);
	table_init(&n->sessions_by, a.sessions_by, most * KEYS_PER_SESSION);
	table_init(&n->mappings_by, a.mappings_by, most * KEYS_PER_MAPPING);
	table_init(&n->peers_by, a.peers_by, most);
	table_init(&n->hosts_by, a.hosts_by, most);
	n->session_slab = slab_over(&a.sessions->link.next, sizeof(struct session), most);
	n->mapping_slab = slab_over(&a.mappings->host, sizeof(struct mapping), most);
	n->peer_slab = slab_over(&a.peers->sessions, sizeof(struct peer), most);
	n->host_slab = slab_over(&a.hosts->sessions, sizeof(struct host), most);
	n->fragments = (struct fragments){
		.datagrams = a.datagrams,
		.slab = slab_over(&a.datagrams->newer, sizeof(struct datagram), fragments_of_worker(c)),
		.by = table_over(a.datagrams, sizeof(struct datagram), 1),
		.from = { { SLAB_NONE, SLAB_NONE, 0 }, { SLAB_NONE, SLAB_NONE, 0 } },
	};
	table_init(&n->fragments.by, a.datagrams_by, fragments_of_worker(c));
	wheel_init(&n->wheel, a.slots, &a.sessions->link, sizeof(struct session));
	ports_init(&n->ports, a.bits, a.rests, c);
	n->helpers = a.helpers;
	n->helper_slab = slab_over(&a.helpers->free, sizeof(struct helper), helpers_of_worker(c));
	n->half_open = (struct half_open){ .ring = a.half_open, .most = half_open_most(c),
					   .room = half_open_room(c) };
	n->unsolicited = (struct unsolicited){ .hashes = a.syn_hashes, .syns = a.syns,
					       .most = unsolicited_of_worker(c) };
	n->idents = a.idents;
	n->events = (struct events){ .ring = a.events, .most = c->events };
	n->next_port = a.next_port;
	n->blocks = (struct blocks){
		.by = table_over(a.blocks, sizeof(struct block), 1),
		.all = a.blocks,
		.slab = slab_over(&a.blocks->next, sizeof(struct block), most),
	};
	table_init(&n->blocks.by, a.blocks_by, most);
	blocks_init(n, a.blocks_at);
	return n;
}

struct nat *nat_init(void *mem, const struct nat_config *c, const uint8_t seed[static 32])
{
	struct cut whole = { mem, 0 };
	struct arrays a = cut(&whole, c);

	/* Records are filled when taken; all else begins as zero. */
	clear(a.nat, a.nat + 1);
	clear(a.idents, a.half_open);
	clear(a.datagrams_by, whole.base + whole.len);
	return nat_init_zeroed(mem, c, seed);
}

/* SipHash of a counter under a key of its own: nobody who sees draws can tell the next. Lemire's
 * reduction; its bias is below most in four thousand million. */
uint32_t nat_draw_at(const struct nat *n, uint64_t draw, uint32_t most)
{
	uint64_t h = hash_words(&n->draw, draw, n->config.worker);

	return (uint32_t)(((h >> 32) * most) >> 32);
}

uint32_t nat_draw(struct nat *n, uint32_t most)
{
	return nat_draw_at(n, n->draws++, most);
}
