/*
 * What the tests of the guard have in common: a place with three hosts, and a configuration.
 */
#ifndef TEST_GUARD_PLAN_H
#define TEST_GUARD_PLAN_H

#include "netns.h"
#include "router/guard.h"

enum { OURS = 0x0a010001, PEER = 0x0a010002, LAN = 0xc0a80702, POOL = 0xcb007105 };

/*
 *	lan (192.168.7.2) -- w0 [ours] v0 (10.1.0.1) -- v1 (10.1.0.2) peer
 *
 * The kernel of our namespace forwards whatever it is allowed to.
 */
static inline void make_links(void)
{
	assert_true(shell("ip netns add peer && ip netns add lan &&"
			  "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad &&"
			  "for n in peer lan; do ip netns exec $n "
			  "sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'; done;"
			  "echo 1 >/proc/sys/net/ipv4/ip_forward;"
			  "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"));
	assert_true(shell("ip link add v0 type veth peer name v1 netns peer &&"
			  "ip addr add 10.1.0.1/24 dev v0 && ip addr add fd01::1/64 dev v0 &&"
			  "ip -n peer addr add 10.1.0.2/24 dev v1 &&"
			  "ip -n peer addr add fd01::2/64 dev v1 nodad && ip link set v0 up &&"
			  "ip -n peer link set v1 up && ip -n peer route add default via 10.1.0.1 &&"
			  "ip -n peer route add default via fd01::1"));
	assert_true(shell("ip link add w0 type veth peer name w1 netns lan &&"
			  "ip addr add 192.168.7.1/24 dev w0 && ip addr add fd07::1/64 dev w0 &&"
			  "ip -n lan addr add 192.168.7.2/24 dev w1 &&"
			  "ip -n lan addr add fd07::2/64 dev w1 nodad && ip link set w0 up &&"
			  "ip -n lan link set w1 up && ip -n lan route add default via 192.168.7.1 &&"
			  "ip -n lan route add default via fd07::1"));
}

/* A configuration with its parts. */
struct plan {
	struct conf conf;
	struct conf_interface interfaces[2];
	struct nat_policy policy;
	be32 pool[2];
	struct nat_forward forward;
};

static inline struct conf *plan_make(struct plan *p, const char *outside, const char *inside)
{
	*p = (struct plan){ .policy = { .type = NAT_NAPT44,
					.pool_count = 2,
					.ports = { 4096, 65535 } },
			    .forward = { .protocol = PROTO_TCP,
					 .external = be32_from(OURS),
					 .first = 80,
					 .last = 80 } };
	p->pool[0] = be32_from(OURS);
	p->pool[1] = be32_from(POOL); /* 203.0.113.5: not the host's */
	for (int i = 0; i < 2; i++) {
		p->interfaces[i].type = IO_PACKET;
		p->interfaces[i].side = i ? SIDE_INSIDE : SIDE_OUTSIDE;
		strcpy(p->interfaces[i].device, i ? inside : outside);
	}
	p->conf.interfaces = p->interfaces;
	p->conf.interface_count = 2;
	p->conf.nat.policies = &p->policy;
	p->conf.nat.policy_count = 1;
	p->conf.nat.pool = p->conf.pool = p->pool;
	p->conf.nat.pool_count = 2;
	p->conf.nat.forwards = &p->forward;
	p->conf.nat.forward_count = 1;
	return &p->conf;
}

static inline struct guard *install(const struct conf *c)
{
	struct io_error error = { "" };
	struct guard *g;

	if (guard_install(&g, c, &error) < 0)
		fail_msg("%s", error.text);
	return g;
}

static inline bool local_ports_are(const char *text)
{
	return shell("test \"`cat /proc/sys/net/ipv4/ip_local_port_range | tr '\\t' -`\" = %s", text);
}

#endif
