/* Entries of IPv6 for the NATs: which of them, and a few knobs of each; the rest is as IPv4's. */
#include "nats.h"

#include "nat/eam.h"
#include "six.h"

enum { NAT64, NAPT66, FIREWALL, ONE_TO_ONE, NPT, EXEMPT, SERVERS, APPLICATIONS };

/* The prefix that hosts of an entry have, and what it becomes outside. */
static const struct { enum nat_type type; uint8_t match[16], len, to[16]; } entries[NATS_SIX] = {
	[NAT64] = { NAT_NAT64, SIX(0, 0, 0, 0, 0), 0, SIX(0, 0, 0, 0, 0) },
	[NAPT66] = { NAT_NAPT66, SIX(0xfd00, 2, 0, 0, 0), 64, SIX(0, 0, 0, 0, 0) },
	[FIREWALL] = { NAT_FIREWALL, SIX(0x2001, 0xdb8, 1, 0, 0), 64, SIX(0, 0, 0, 0, 0) },
	[ONE_TO_ONE] = { NAT_ONE_TO_ONE, SIX(0xfd00, 3, 0, 0, 0), 64, SIX(0x2001, 0xdb8, 3, 0, 0) },
	[NPT] = { NAT_NPTV6, SIX(0xfd00, 4, 0, 0, 0), 48, SIX(0x2001, 0xdb8, 4, 0, 0) },
	[EXEMPT] = { NAT_NONE, SIX(0x2001, 0xdb8, 5, 0, 0), 64, SIX(0, 0, 0, 0, 0) },
	[SERVERS] = { NAT_SIIT, SIX(0x2001, 0xdb8, 0xa, 0, 0), 64, SIX(0, 0, 0, 0, 0) },
	[APPLICATIONS] = { NAT_SIIT, SIX(0, 0, 0, 0, 0), 0, SIX(0, 0, 0, 0, 0) },
};

static struct ip6_prefix prefix_of(const uint8_t address[static 16], uint8_t len)
{
	return (struct ip6_prefix){ ip6_load(address), len };
}

static void add_prefixes(struct nat_policy6 *p, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		p->prefixes[p->prefix_count++] =
			prefix_of(six_prefixes[i].address, six_prefixes[i].len);
}

static void read_knobs(struct nat_policy6 *p, uint8_t knobs)
{
	p->lowest_mtu = knobs & 1 ? 1500 : 0;
	p->fixed_tos = knobs >> 1 & 1;
	p->no_checksum_drops = knobs >> 2 & 1;
	p->blocks_ipsec = knobs >> 3 & 1;
	p->blocks_ping = knobs >> 4 & 1;
	p->drops_zero_ids = knobs >> 5 & 1;
}

static void set_siit(const struct nats *w, struct nat_policy *p, bool servers)
{
	static const uint8_t applications[4] = { 10, 46 };

	p->version = servers ? 6 : 4;
	p->prefix = be32_load(applications);
	p->prefix_len = servers ? 0 : 24;
	p->pool_first = 0;
	p->pool_count = (uint16_t)(servers ? w->pool_of_four : 0);
	p->v6.eams = w->eams + !servers;
	p->v6.eams_by6 = w->eams_by6 + !servers;
	p->v6.eam_count = 1;
	add_prefixes(&p->v6, SIX_PREFIXES - 1, 1);
}

/* As the IPv4 entry has it, where that is possible for both. */
static struct nat_policy make(const struct nats *w, size_t i, uint8_t knobs)
{
	struct nat_policy p = w->policies[1];

	p.prefix_len = 0;
	p.twice.len = 0;
	p.left = 0;
	p.helpers = 0;
	p.version = 6;
	p.type = entries[i].type;
	p.v6.match = prefix_of(entries[i].match, entries[i].len);
	p.v6.translated = prefix_of(entries[i].to, entries[i].len);
	read_knobs(&p.v6, knobs);
	p.pool_first = (uint16_t)(i == NAPT66 ? w->pool_of_four : 0);
	p.pool_count = (uint16_t)(i == NAPT66 ? NATS_POOL_SIX : i == NAT64 ? w->pool_of_four : 0);
	if (i == NAT64)
		add_prefixes(&p.v6, 0, SIX_PREFIXES - 1);
	if (i == SERVERS || i == APPLICATIONS)
		set_siit(w, &p, i == SERVERS);
	return p;
}

static void add_forwards(struct nats *w)
{
	static const struct { uint8_t protocol, external, internal; uint16_t port; } rows[] = {
		{ PROTO_TCP, 11, 2, 443 }, { PROTO_UDP, 1, 1, 53 }, { PROTO_TCP, UINT8_MAX, 0, 80 },
	};
	static const uint8_t four[4] = { 192, 0, 2, 3 };

	for (size_t i = 0; i < NATS_FORWARDS_SIX; i++) {
		bool to_four = rows[i].external == UINT8_MAX;
		struct nat_forward f = {
			.protocol = rows[i].protocol, .first = rows[i].port, .last = rows[i].port,
			.internal_first = rows[i].port, .internal = nat_v6_beside(),
			.internal6 = ip6_load(six_hosts[rows[i].internal]),
			.external = to_four ? be32_load(four) : nat_v6_beside(),
		};

		if (!to_four)
			f.external6 = ip6_load(six_hosts[rows[i].external]);
		w->forwards[w->config.forward_count++] = f;
	}
}

void nats_read_six(struct nats *w, struct input *in)
{
	uint8_t wanted = input_u8(in), knobs = input_u8(in);

	/* Ports that belong to hosts are not shared with another entry. */
	if (w->policies[1].port_selection >= NAT_PORT_BLOCK)
		w->policies[1].port_selection = NAT_PORT_RANDOM;
	w->config.mtu[SIDE_OUTSIDE] = knobs >> 6 & 1 ? 1400 : 0;
	w->config.mtu[SIDE_INSIDE] = knobs >> 7 ? 1500 : 0;
	for (size_t i = 0; i < NATS_SIX; i++)
		if (!(wanted >> i & 1))
			w->policies[w->config.policy_count++] = make(w, i, knobs);
	/* A pinhole needs a firewall, and so on; hosts of the NAT64's all have one. */
	if (!(wanted & (1 << NAT64 | 1 << NAPT66 | 1 << FIREWALL)))
		add_forwards(w);
}

void nats_open_six(struct nats *w)
{
	static const uint8_t four[2][4] = { { 198, 18, 0, 1 }, { 10, 46, 0, 2 } };

	for (size_t i = 0; i < NATS_POOL_SIX; i++) {
		w->pool[w->pool_of_four + i] = nat_v6_beside();
		w->pool6[w->pool_of_four + i] = ip6_load(six_hosts[11 + i]);
	}
	w->config.pool_count += NATS_POOL_SIX;
	w->config.pool6 = w->pool6;
	for (size_t i = 0; i < 2; i++) {
		w->eams[i] = (struct nat_eam){ be32_load(four[i]), 32,
					       prefix_of(six_hosts[i ? 15 : 8], 128) };
		w->eams_by6[i] = w->eams[i];
	}
}

bool nats_hides(const struct nats *w, const uint8_t address[static 16])
{
	struct ip6 a = ip6_load(address);

	for (size_t i = 0; i < w->config.policy_count; i++) {
		const struct nat_policy *p = &w->policies[i];

		if (p->version == 6 && ip6_prefix_has(&p->v6.match, &a) &&
		    (p->type == NAT_NAPT66 || p->type == NAT_ONE_TO_ONE || p->type == NAT_NPTV6))
			return true;
	}
	return false;
}
