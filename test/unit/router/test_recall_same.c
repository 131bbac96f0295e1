/* What sessions recall is what the long way finds out: two gateways get the same datagrams, and of one the
 * routes change all the time, somewhere else. */
#include "pieces.h"

enum { ROUNDS = 1200, BURST_MOST = 24, PAST = 64, GRE = 47, ESP = 50 };

#define ALIKE .limits = RIG_LIMITS " half_open = 2;", .idents = true
#define NAT(more) \
	"{ name = \"one\"; match = \"10.0.1.0/28\"; type = \"one_to_one\";" \
	"  prefix = \"198.51.100.16/28\"; }," RIG_NAT("\"198.51.100.2\"", more)
#define FORWARDS(more) \
	"{ proto = \"tcp\"; external = \"198.51.100.2:80\"; internal = \"10.0.0.10:80\"; " more " }," \
	"{ proto = \"udp\"; external = \"198.51.100.2:53\"; internal = \"10.0.0.11:53\"; " more " }"
#define TWICE \
	"twice = { inside = \"192.0.2.0/24\"; outside = \"203.0.113.0/24\"; };"
#define BY_SOURCE \
	"{ prefix = \"203.0.113.10\"; type = \"prohibit\"; from = \"10.0.0.11\"; }," \
	"{ prefix = \"10.0.0.10\"; type = \"unreachable\"; from = \"203.0.113.10\"; }," RIG_ROUTES

static const struct setting begin[] = RIG_WIDTHS(ALIKE, .nat = NAT(""));
static const struct setting later[] = {
	{ ALIKE, .nat = NAT("") },
	{ ALIKE, .nat = NAT(TWICE), .forwards = FORWARDS("") },
	{ ALIKE, .nat = NAT("filtering = \"address-and-port-dependent\";") },
	{ ALIKE, .nat = NAT("hairpin = \"internal-source\";"), .forwards = FORWARDS("") },
	{ ALIKE, .nat = NAT("hairpin = \"off\"; helpers = [ \"ftp\", \"tftp\", \"pptp\" ];") },
	{ ALIKE, .nat = NAT(""), .forwards = FORWARDS("source = \"192.0.2.77\";") },
	{ ALIKE, .nat = NAT(TWICE), .routes = BY_SOURCE },
	{ ALIKE, .nat = NAT(""), .forwards = FORWARDS(""), .routes = BY_SOURCE },
};

struct arrival {
	size_t interface;
	struct packet p;
};

struct pair {
	struct rig *rigs[2];
	uint64_t random;
	struct arrival past[PAST]; /* what left, to be answered */
	size_t noted;
};

static unsigned draw(struct pair *t, unsigned below)
{
	t->random = t->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(t->random >> 33) % below;
}

#define PICK(t, list) ((list)[draw(t, sizeof(list) / sizeof((list)[0]))])

static struct packet between(struct pair *t, const char *from, const char *to)
{
	static const uint8_t flags[] = { SYN, SYN, ACK, SYN | ACK, FIN | ACK, RST };
	static const unsigned ports[] = { 5000, 5001, 5002, 80, 53, 21, 69, 1723 };
	const char *way = WAY("%s:%u > %s:%u", from, PICK(t, ports), to, PICK(t, ports));
	const char *bare = WAY("%s > %s", from, to);

	switch (draw(t, 8)) {
	case 0: return echo(bare, (uint16_t)(1 + draw(t, 3)), 40);
	case 1: return packet_make(bare, GRE, 40);
	case 2: return packet_make(bare, ESP, 40);
	case 3:
	case 4: return tcp(way, PICK(t, flags), draw(t, 100), draw(t, 100), 40);
	default: return udp(way, 40);
	}
}

static struct arrival begin_somewhere(struct pair *t)
{
	static const char *const hosts[] = { "10.0.0.10", "10.0.0.11", "10.0.1.10", "10.9.0.1" };
	static const char *const others[] = { "203.0.113.9", "203.0.113.10", "198.51.100.2",
					      "192.0.2.9", "198.51.100.26", "10.0.0.1", "10.9.0.1" };
	static const char *const outside[] = { "203.0.113.9", "203.0.113.10" };
	static const char *const ours[] = { "198.51.100.2", "198.51.100.1", "198.51.100.26", "10.9.0.1",
					    "10.0.0.10" };
	const char *host = PICK(t, hosts);

	if (draw(t, 8) == 0)
		return (struct arrival){ LAN0, udp_between("2001:db8:1::10", "2001:db8:f::9") };
	if (draw(t, 3) == 0)
		return (struct arrival){ WAN0, between(t, PICK(t, outside), PICK(t, ours)) };
	return (struct arrival){ strstr(host, ".1.") ? LAN1 : LAN0, between(t, host, PICK(t, others)) };
}

static struct packet with_oddities(struct pair *t, struct packet p)
{
	static const uint8_t alert[] = { 148, 4, 0, 0 }, record_route[] = { 7, 7, 4, 0, 0, 0, 0, 0 };

	switch (draw(t, 16)) {
	case 0: return with_options(p, alert, sizeof(alert));
	case 1: return with_options(p, record_route, sizeof(record_route));
	case 2: return piece(&p, 0, 24);
	case 3: return piece(&p, 24, p.len - 20);
	case 4: return with_ttl(p, 1);
	default: return p;
	}
}

static void push_one(struct pair *t)
{
	const struct arrival *was = &PICK(t, t->past);
	struct arrival a = begin_somewhere(t);

	if (draw(t, 2) && was->p.len)
		a = (struct arrival){ was->interface, reply(&was->p) };
	if (draw(t, 16) == 0)
		a.interface = draw(t, INTERFACES);
	if (packet_is_v4(a.p.octets))
		a.p = with_oddities(t, a.p);
	for (int i = 0; i < 2; i++)
		rig_push(t->rigs[i], a.interface, &a.p);
}

/* No route that anything goes by. */
static void stir(struct rig *r)
{
	struct route other = { .hop = { .kind = HOP_BLACKHOLE }, .origin = ORIGIN_STATIC };

	assert_true(prefix_parse(&other.prefix, "192.0.2.200/32"));
	assert_int_equal(rib_add(r->gateway->snapshot->rib, &other), 0);
	assert_int_equal(rib_remove(r->gateway->snapshot->rib, &other), 0);
}

static bool can_be_answered(const struct packet *p)
{
	uint8_t protocol = packet_protocol(p->octets);

	return packet_is_v4(p->octets) && packet_header(p->octets) == 20 && !packet_is_fragment(p->octets) &&
	       (protocol == PROTO_TCP || protocol == PROTO_UDP);
}

static void compare(struct pair *t)
{
	struct counters a = rig_counters(t->rigs[0]), b = rig_counters(t->rigs[1]);
	struct packet p, other;

	for (size_t i = 0; i < INTERFACES; i++) {
		while (rig_pull(t->rigs[0], i, &p)) {
			other = rig_take(t->rigs[1], i);
			assert_int_equal(p.len, other.len);
			assert_memory_equal(p.octets, other.octets, p.len);
			if (can_be_answered(&p))
				t->past[t->noted++ % PAST] = (struct arrival){ i, p };
		}
		assert_int_equal(rig_drain(t->rigs[1], i), 0);
	}
	assert_memory_equal(&a, &b, sizeof(a));
}

static void reload(struct pair *t)
{
	struct setting s = PICK(t, later);
	struct io_error error;

	s.workers = t->rigs[0]->workers;
	for (int i = 0; i < 2; i++)
		assert_int_equal(gateway_reload(t->rigs[i]->gateway, rig_conf(&s), &error), 0);
}

static void the_short_way_is_the_long_way(void **state)
{
	static const unsigned pauses_ms[] = { 0, 0, 0, 0, 0, 0, 0, 1000, 31000, 241000, 301000 };
	struct pair t = { .rigs = { rig_new(*state), rig_new(*state) } };
	unsigned pause_ms;

	for (unsigned round = 0; round < ROUNDS; round++) {
		if (draw(&t, 40) == 0)
			reload(&t);
		for (unsigned i = draw(&t, BURST_MOST) + 1; i; i--)
			push_one(&t);
		stir(t.rigs[1]);
		pause_ms = PICK(&t, pauses_ms);
		for (int i = 0; i < 2; i++)
			rig_settle(t.rigs[i]);
		compare(&t);
		for (int i = 0; i < 2; i++)
			rig_later(t.rigs[i], pause_ms);
		compare(&t);
	}
	for (int i = 0; i < 2; i++)
		rig_free(t.rigs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { RIG_BARE_ROWS(the_short_way_is_the_long_way, begin) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
