/* Our answers beside those of the kernel: the same routes and rules in a namespace and in a rib, and
 * the same questions to both. */
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "netns.h"
#include "rib_rig.h"

/* Interface i is device v<i>, with 192.0.<i>.0/24 and 2001:db8:<i>::/64; the rest is told by random. */
enum { LINKS = 4, ROUTES = 400, RULES = 8, QUESTIONS = 1500, TABLES = 4, TABLE_FIRST = 100 };

static const char *const sources[2][3] = {
	{ "192.168.7.65", "192.168.7.1", "192.168.8.1" },
	{ "fd07::1:1", "fd07::1", "fd08::1" },
};
static const char *const froms[2][4] = {
	{ "192.168.7.64/26", "192.168.7.0/24", "192.168.8.1/32", "0.0.0.0/0" },
	{ "fd07::1:0/112", "fd07::/64", "fd08::1/128", "::/0" },
};

struct world {
	struct rib *rib;
	bool six;
	FILE *ip; /* ip -batch */
	struct route known[ROUTES];
	size_t known_count;
	unsigned answers[HOP_GROUP];
	struct mnl_socket *socket;
	uint64_t seed;
};

static uint32_t random_below(struct world *w, uint32_t end)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (uint32_t)(w->seed >> 20) % end;
}

/* Few enough different ones for prefixes to overlap. */
static struct address random_address(struct world *w)
{
	struct address a = address(w->six ? "fd10::" : "10.0.0.0");

	for (int i = 1; i < (w->six ? 16 : 4); i++)
		a.octets[i] = (uint8_t)((uint8_t)random_below(w, 2) << random_below(w, 2) * 7);
	return a;
}

static struct prefix random_prefix(struct world *w)
{
	struct prefix p = { random_address(w), 0 };

	p.len = (uint8_t)(random_below(w, 8) ? random_below(w, address_bits(&p.address) - 7u) + 8 : 0);
	return prefix_masked(p);
}

static struct hop gateway(struct world *w)
{
	uint16_t link = (uint16_t)(1 + random_below(w, LINKS - 1));
	char text[ADDRESS_TEXT];

	snprintf(text, sizeof(text), w->six ? "2001:db8:%u::%u" : "192.0.%u.%u", link,
		 2 + random_below(w, 5));
	return (struct hop){ .kind = HOP_VIA, .interface = link, .via = address(text) };
}

static void say_target(struct world *w, const struct hop *hop, const char *before)
{
	char text[ADDRESS_TEXT];

	fprintf(w->ip, " %svia %s dev v%u", before, address_format(&hop->via, text), hop->interface);
}

static bool is_known(const struct world *w, const struct route *route)
{
	for (const struct route *it = w->known; it < w->known + w->known_count; it++)
		if (it->table == route->table && it->metric == route->metric &&
		    it->prefix.len == route->prefix.len &&
		    address_equal(&it->prefix.address, &route->prefix.address))
			return true;
	return false;
}

static void add_random_route(struct world *w)
{
	static const char *const words[] = { "", "", "", "", "", "blackhole", "unreachable", "prohibit" };
	static const enum hop_kind kinds[] = { HOP_VIA, HOP_VIA, HOP_VIA, HOP_VIA, HOP_VIA, HOP_BLACKHOLE,
					       HOP_UNREACHABLE, HOP_PROHIBIT };
	uint32_t word = random_below(w, 8), ways = kinds[word] != HOP_VIA ? 0 : 1 + random_below(w, 3) / 2;
	struct route it = { .prefix = random_prefix(w), .metric = 1 + random_below(w, 3),
			    .origin = ORIGIN_KERNEL, .table = (uint8_t)random_below(w, TABLES) };
	struct hop hops[2] = { gateway(w), gateway(w) };
	char text[PREFIX_TEXT];

	if (is_known(w, &it) || (ways > 1 && address_equal(&hops[0].via, &hops[1].via)))
		return;
	w->known[w->known_count++] = it;
	fprintf(w->ip, "route add %s %s table %u metric %u", words[word],
		prefix_format(&it.prefix, text),
		it.table ? (unsigned)TABLE_FIRST + it.table : (unsigned)RT_TABLE_MAIN, it.metric);
	if (ways == 1)
		say_target(w, &hops[0], "");
	for (uint32_t i = 0; ways > 1 && i < ways; i++)
		say_target(w, &hops[i], "nexthop ");
	fputc('\n', w->ip);
	if (!ways)
		hops[0] = kind(kinds[word]);
	assert_int_equal(rib_set(w->rib, &it, hops, ways ? ways : 1), 0);
}

static void add_random_rule(struct world *w, uint32_t priority)
{
	const char *from = froms[w->six][priority == RULES ? 3 : random_below(w, 3)];
	struct rule rule = { prefix(from), priority, ORIGIN_KERNEL,
			     (uint8_t)(1 + random_below(w, TABLES - 1)) };

	fprintf(w->ip, "rule add from %s lookup %u priority %u\n", from, (unsigned)TABLE_FIRST + rule.table,
		priority);
	assert_int_equal(rib_rule_add(w->rib, &rule), 0);
}

/* What the kernel says about a way there: kind, device and gateway. */
struct verdict { enum hop_kind kind; unsigned device; struct address via; };

static int read_attribute(const struct nlattr *a, void *to)
{
	struct verdict *v = to;
	const uint8_t *octets = mnl_attr_get_payload(a);

	if (mnl_attr_get_type(a) == RTA_OIF)
		v->device = mnl_attr_get_u32(a);
	if (mnl_attr_get_type(a) == RTA_GATEWAY)
		v->via = mnl_attr_get_payload_len(a) == 4 ? address_v4(octets) : address_v6(octets);
	return MNL_CB_OK;
}

static enum hop_kind kind_of_type(uint8_t type)
{
	switch (type) {
	case RTN_UNICAST: return HOP_VIA;
	case RTN_BLACKHOLE: return HOP_BLACKHOLE;
	case RTN_UNREACHABLE: return HOP_UNREACHABLE;
	case RTN_PROHIBIT: return HOP_PROHIBIT;
	default: return HOP_NONE;
	}
}

static enum hop_kind kind_of_error(int error)
{
	switch (-error) {
	case ENETUNREACH: return HOP_NONE;
	case EINVAL: return HOP_BLACKHOLE;
	case EHOSTUNREACH: return HOP_UNREACHABLE;
	case EACCES: return HOP_PROHIBIT;
	default: fail_msg("the kernel says %s", strerror(-error));
	}
	return HOP_NONE;
}

static struct verdict ask_kernel(struct world *w, const struct address *from, const struct address *to)
{
	char buffer[8192];
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
	struct rtmsg *r = mnl_nlmsg_put_extra_header(m, sizeof(*r));
	struct verdict v = { .kind = HOP_NONE };
	const struct nlmsgerr *e;
	ssize_t len;

	m->nlmsg_type = RTM_GETROUTE;
	m->nlmsg_flags = NLM_F_REQUEST;
	r->rtm_family = w->six ? AF_INET6 : AF_INET;
	r->rtm_dst_len = r->rtm_src_len = address_bits(to);
	mnl_attr_put(m, RTA_DST, address_len(to), to->octets);
	mnl_attr_put(m, RTA_SRC, address_len(from), from->octets);
	assert_true(mnl_socket_sendto(w->socket, m, m->nlmsg_len) > 0);
	len = mnl_socket_recvfrom(w->socket, buffer, sizeof(buffer));
	assert_true(len > 0);
	m = (struct nlmsghdr *)(void *)buffer;
	if (m->nlmsg_type == NLMSG_ERROR) {
		e = mnl_nlmsg_get_payload(m);
		v.kind = kind_of_error(e->error);
		return v;
	}
	r = mnl_nlmsg_get_payload(m);
	v.kind = kind_of_type(r->rtm_type);
	mnl_attr_parse(m, sizeof(*r), read_attribute, &v);
	return v;
}

static unsigned device_of(uint16_t link)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "v%u", link);
	return if_nametoindex(name);
}

/* Whether one of the ways we might choose is the one the kernel has chosen. */
static bool agrees(const struct world *w, const struct verdict *v, uint16_t number)
{
	for (uint32_t i = 0; i < 64; i++) {
		const struct hop *hop = rib_hop(w->rib, number, hash_of(i));

		if (hop->kind == v->kind &&
		    (hop->kind != HOP_VIA || (device_of(hop->interface) == v->device &&
					      address_equal(&hop->via, &v->via))))
			return true;
	}
	return false;
}

static void compare(struct world *w)
{
	char from_text[ADDRESS_TEXT], to_text[ADDRESS_TEXT], via[ADDRESS_TEXT];
	struct address from = address(sources[w->six][random_below(w, 3)]), to = random_address(w);
	struct verdict v = ask_kernel(w, &from, &to);
	uint16_t number = rib_lookup(w->rib, &from, to.octets);
	const struct hop *hop = rib_hop(w->rib, number, 0);

	w->answers[v.kind]++;
	if (!agrees(w, &v, number))
		fail_msg("from %s to %s: the kernel has kind %d, device %u, via %s; we have kind %d, link %u",
			 address_format(&from, from_text), address_format(&to, to_text), (int)v.kind,
			 v.device, address_format(&v.via, via), (int)hop->kind, hop->interface);
}

static void batch_begin(struct world *w)
{
	w->ip = popen(w->six ? "ip -6 -batch -" : "ip -4 -batch -", "w");
	assert_non_null(w->ip);
}

static void set_up(struct world *w)
{
	for (unsigned i = 1; i < LINKS; i++) {
		assert_true(shell("ip link add v%u type veth peer name p%u", i, i));
		assert_true(shell("ip link set v%u up && ip link set p%u up", i, i));
		assert_true(shell(w->six ? "ip addr add 2001:db8:%u::1/64 nodad dev v%u" :
					   "ip addr add 192.0.%u.1/24 dev v%u", i, i));
	}
	for (int i = 0; i < 3; i++)
		assert_true(shell("ip addr add %s%s dev lo", sources[w->six][i],
				  w->six ? "/128 nodad" : "/32"));
	for (uint32_t i = 1; i < TABLES; i++)
		assert_int_equal(rib_table(w->rib, TABLE_FIRST + i), i);
	w->socket = mnl_socket_open(NETLINK_ROUTE);
	assert_non_null(w->socket);
	assert_int_equal(mnl_socket_bind(w->socket, 0, MNL_SOCKET_AUTOPID), 0);
}

/* First routes alone, then with rules, at last without one of the links. */
static void play(bool six)
{
	struct world w = { .rib = rib_new(), .six = six, .seed = 20261121 };

	set_up(&w);
	batch_begin(&w);
	for (int i = 0; i < ROUTES; i++)
		add_random_route(&w);
	assert_int_equal(pclose(w.ip), 0);
	for (int i = 0; i < QUESTIONS; i++)
		compare(&w);
	batch_begin(&w);
	for (uint32_t i = 1; i <= RULES; i++)
		add_random_rule(&w, i);
	assert_int_equal(pclose(w.ip), 0);
	for (int i = 0; i < QUESTIONS; i++)
		compare(&w);
	assert_true(shell("ip link set v2 down"));
	rib_link(w.rib, 2, false);
	for (int i = 0; i < QUESTIONS; i++)
		compare(&w);
	/* All kinds of answers, or it was no test. */
	assert_in_range(w.answers[HOP_VIA], QUESTIONS, 3 * QUESTIONS);
	for (enum hop_kind k = HOP_BLACKHOLE; k <= HOP_PROHIBIT; k++)
		assert_in_range(w.answers[k], QUESTIONS / 20, 3 * QUESTIONS);
	mnl_socket_close(w.socket);
	rib_free(w.rib);
}

static void answers_as_the_kernel_v4(void **state)
{
	NETNS_TEST(state);
	play(false);
}

static void answers_as_the_kernel_v6(void **state)
{
	NETNS_TEST(state);
	play(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_as_the_kernel_v4),
		cmocka_unit_test(answers_as_the_kernel_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
