/* Entries of IPv6 for a differential run. */
#include "setting.h"

#include "nat/eam.h"
#include "universe.h"

static struct ip6_prefix prefix(ip_number a, uint8_t len)
{
	return (struct ip6_prefix){ ip_to_six(a), len };
}

static struct nat_policy draw(struct chance *c, enum nat_type type, ip_number match, uint8_t len)
{
	struct nat_policy p = setting_draw_policy(c);

	p.type = type;
	p.version = 6;
	p.v6.match = prefix(match, len);
	p.twice.len = 0;
	p.pool_first = p.pool_count = 0;
	return p;
}

static void add(struct setting *s, struct nat_policy p)
{
	s->policies[s->config.policy_count++] = p;
}

static struct nat_policy draw_nat64(struct chance *c, ip_number match, size_t first, size_t count)
{
	static const uint16_t mtus[] = { 0, 1280, 1400, 1500 };
	struct nat_policy p = draw(c, NAT_NAT64, match, 64);

	p.pool_first = (uint16_t)chance_below(c, SETTING_POOL);
	p.pool_count = (uint16_t)(1 + chance_below(c, (uint32_t)(SETTING_POOL - p.pool_first)));
	for (size_t i = first; i < first + count; i++)
		p.v6.prefixes[p.v6.prefix_count++] =
			prefix(six_prefixes[i].address, six_prefixes[i].len);
	p.v6.lowest_mtu = CHANCE_OF(c, mtus);
	p.v6.fixed_tos = chance_one_in(c, 3);
	p.v6.no_checksum_drops = chance_one_in(c, 3);
	return p;
}

static struct nat_policy draw_napt66(struct chance *c)
{
	struct nat_policy p = draw(c, NAT_NAPT66, SIX(0xfd00, 2, 0, 0, 0, 0), 64);

	p.pool_first = (uint16_t)(SETTING_POOL + chance_below(c, SETTING_POOL_SIX));
	p.pool_count = (uint16_t)(SETTING_POOL + SETTING_POOL_SIX - p.pool_first);
	return p;
}

static struct nat_policy draw_firewall(struct chance *c)
{
	struct nat_policy p = draw(c, NAT_FIREWALL, SIX(0x2001, 0xdb8, 1, 0, 0, 0), 64);

	p.v6.blocks_ipsec = chance_one_in(c, 2);
	p.v6.blocks_ping = chance_one_in(c, 2);
	return p;
}

static struct nat_policy draw_moved(struct chance *c, enum nat_type type, ip_number match,
				    ip_number to, uint8_t len)
{
	struct nat_policy p = draw(c, type, match, len);

	p.v6.translated = prefix(to, len);
	return p;
}

/* Longer ones inside shorter ones; suffixes of one length and of different ones. */
static const struct { uint32_t four; uint8_t len4; ip_number six; uint8_t len6; } eams[] = {
	{ ADDRESS(198, 18, 0, 1), 32, SIX(0x2001, 0xdb8, 0xa, 0, 0, 1), 128 },
	{ ADDRESS(198, 18, 0, 16), 28, SIX(0x2001, 0xdb8, 0xa, 0, 0, 0x10), 124 },
	{ ADDRESS(198, 18, 0, 17), 32, SIX(0x2001, 0xdb8, 0xa, 0, 0, 0x99), 128 },
	{ ADDRESS(198, 18, 1, 0), 24, SIX(0x2001, 0xdb8, 0xa, 0, 0xc, 0), 112 },
	{ ADDRESS(10, 46, 0, 0), 24, SIX(0x2001, 0xdb8, 0xcafe, 0x46, 0, 0), 120 },
};

static void make_eams(struct setting *s)
{
	for (size_t i = 0; i < SETTING_EAMS; i++) {
		s->eams[i].v4 = be32_from(eams[i].four);
		s->eams[i].len4 = eams[i].len4;
		s->eams[i].v6 = prefix(eams[i].six, eams[i].len6);
		s->eams6[i] = s->eams[i];
	}
	eam_sort4(s->eams, SETTING_EAMS - 1);
	eam_sort6(s->eams6, SETTING_EAMS - 1);
}

/* Servers have the first of the mappings, applications the last. */
static struct nat_policy draw_siit(struct setting *s, struct chance *c, bool servers)
{
	struct nat_policy p = draw(c, NAT_SIIT, SIX(0x2001, 0xdb8, 0xa, 0, 0, 0), 64);
	size_t first = servers ? 0 : SETTING_EAMS - 1;

	p.version = servers ? 6 : 4;
	if (!servers) {
		p.v6.match = prefix(0, 0);
		p.prefix = be32_from(ADDRESS(10, 46, 0, 0));
		p.prefix_len = 23;
	}
	p.v6.prefixes[p.v6.prefix_count++] = siit_prefix;
	p.v6.eam_count = servers ? SETTING_EAMS - 1 : 1;
	p.v6.eams = s->eams + first;
	p.v6.eams_by6 = s->eams6 + first;
	p.pool_first = 0;
	p.pool_count = servers && chance_one_in(c, 2) ? SETTING_POOL : 0;
	p.v6.no_checksum_drops = chance_one_in(c, 3);
	p.v6.fixed_tos = chance_one_in(c, 3);
	return p;
}

/* NAT64's stay, as their sessions would lose their names. */
void setting_add_six(struct setting *s, struct chance *c)
{
	if (chance_one_in(c, 4))
		add(s, draw(c, NAT_NONE, SIX(0x2001, 0xdb8, 1, 0, 0, 4), 128));
	add(s, draw_nat64(c, SIX(0x2001, 0xdb8, 1, 0, 0, 0), 0, SIX_PREFIXES_OF_FIRST));
	add(s, draw_nat64(c, SIX(0xfd00, 2, 0, 0, 0, 0), SIX_PREFIXES_OF_FIRST,
			  SIX_PREFIXES - SIX_PREFIXES_OF_FIRST));
	if (!chance_one_in(c, 4))
		add(s, draw_napt66(c));
	if (!chance_one_in(c, 4))
		add(s, draw_firewall(c));
	if (!chance_one_in(c, 4))
		add(s, draw_moved(c, NAT_ONE_TO_ONE, SIX(0xfd00, 3, 0, 0, 0, 0),
				  SIX(0x2001, 0xdb8, 3, chance_one_in(c, 4) ? 0x100 : 0, 0, 0), 64));
	make_eams(s);
	add(s, draw_siit(s, c, true));
	add(s, draw_siit(s, c, false));
	add(s, draw_moved(c, NAT_NPTV6, SIX(0xfd00, 4, 0, 0, 0, 0), SIX(0x2001, 0xdb8, 4, 0, 0, 0), 48));
	add(s, draw(c, NAT_NONE, SIX(0x2001, 0xdb8, 5, 0, 0, 0), 64));
	s->config.mtu[SIDE_INSIDE] = chance_one_in(c, 2) ? 0 : 1280 + (uint16_t)chance_below(c, 300);
	s->config.mtu[SIDE_OUTSIDE] = chance_one_in(c, 2) ? 0 : 1000 + (uint16_t)chance_below(c, 600);
}
