/*
 * What a nat entry says about IPv6 beside the rest: knobs of translation between the versions, and the
 * prefixes in which IPv4 addresses are embedded, or that stand for others.
 */
#include "conf_read.h"

#include "nat/rfc6052.h"

void conf_read_policy6(const struct section *s, struct nat_policy *policy)
{
	policy->v6.lowest_mtu = (uint16_t)section_number(s, "lowest_ipv6_mtu");
	policy->v6.fixed_tos = !section_bool(s, "copy_tos");
	policy->v6.no_checksum_drops = section_word(s, "udp_zero_checksum");
	policy->v6.drops_zero_ids = section_word(s, "all_zeros");
	policy->v6.blocks_ipsec = !section_bool(s, "ipsec");
	policy->v6.blocks_ping = !section_bool(s, "ping");
}

/* RFC 6052 section 2.2. */
static bool is_pref64(struct reader *r, struct item item, const struct ip6_prefix *p)
{
	if (p->len < 32 || p->len > 96 || (p->len % 8 && p->len != 96) || (p->len > 64 && p->len < 96))
		reader_fault(r, item.line,
			     "nat.prefix %s cannot hold IPv4 addresses; 32, 40, 48, 56, 64 or 96 bits",
			     item.text);
	else if (!rfc6052_is_legal(p))
		reader_fault(r, item.line,
			     "nat.prefix %s has ones in its bits 64 to 71; zeros there", item.text);
	else
		return true;
	return false;
}

/* What is translated would never leave for a destination; its own hosts may have IPv4-translatable
 * addresses where there are no sessions. */
static void check_inside(struct reader *r, struct item item, const struct prefix *p, size_t at)
{
	const struct conf *c = r->conf;

	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *o = &c->policies[i];
		struct prefix match = conf_prefix6(&o->v6.match);

		if (o->version != 6 || o->prefix_len > 32 || match.len < p->len ||
		    !prefix_contains(p, &match.address) || (i == at && o->type == NAT_SIIT))
			continue;
		reader_fault(r, item.line,
			     "nat.prefix %s has the match of nat \"%s\" in line %d; what stands for IPv4 "
			     "addresses cannot be inside hosts", item.text, c->nats[i].name,
			     c->nats[i].line);
	}
	for (size_t i = 0; i < c->interface_count; i++)
		for (size_t k = 0; k < c->interfaces[i].address_count; k++) {
			const struct prefix *own = &c->interfaces[i].addresses[k];

			if (own->len <= p->len && prefix_contains(own, &p->address))
				reader_fault(r, item.line,
					     "nat.prefix %s lies in the network of interface \"%s\"; a "
					     "prefix that no host has", item.text,
					     c->interfaces[i].name);
		}
}

/* Of one prefix within another, of whatever entry, nobody could tell which is meant; the same one may
 * serve several matches. */
static bool clashes(const struct nat_policy *other, const struct prefix *p, bool same_entry)
{
	for (size_t k = 0; k < other->v6.prefix_count; k++) {
		struct prefix o = conf_prefix6(&other->v6.prefixes[k]);

		if (prefixes_overlap(&o, p) && (same_entry || !prefix_equal(&o, p)))
			return true;
	}
	return false;
}

static void check_others(struct reader *r, struct item item, const struct prefix *p, size_t at)
{
	const struct conf *c = r->conf;

	for (size_t i = 0; i <= at; i++)
		if (clashes(&c->policies[i], p, i == at))
			reader_fault(r, item.line,
				     "nat.prefix %s overlaps that of nat \"%s\" in line %d; one "
				     "that is apart%s", item.text, c->nats[i].name,
				     c->nats[i].line, i == at ? "" : ", or the same");
}

void conf_check_pref64s(struct reader *r, const char *what, struct item item, const struct prefix *p,
			size_t at)
{
	const struct conf *c = r->conf;

	for (size_t i = 0; i < at; i++)
		if (clashes(&c->policies[i], p, true))
			reader_fault(r, item.line,
				     "%s %s overlaps the prefix of nat \"%s\" in line %d, which stands "
				     "for IPv4 addresses; one that is apart", what, item.text,
				     c->nats[i].name, c->nats[i].line);
}

static void add_pref64(const struct section *s, struct item item, struct nat_policy *policy, size_t at)
{
	struct ip6_prefix found;
	struct prefix p;

	if (!conf_network6(s->r, "nat.prefix", item, &found) || !is_pref64(s->r, item, &found))
		return;
	p = conf_prefix6(&found);
	check_inside(s->r, item, &p, at);
	check_others(s->r, item, &p, at);
	conf_check_taken(s, "nat.prefix", item, &p, at);
	if (policy->v6.prefix_count < NAT_PREFIXES_MOST)
		policy->v6.prefixes[policy->v6.prefix_count++] = found;
}

void conf_read_pref64s(const struct section *s, struct nat_policy *policy, size_t at)
{
	size_t count = section_texts(s, "prefix");
	struct item item;

	if (count > NAT_PREFIXES_MOST)
		reader_fault(s->r, section_line(s, "prefix"), "nat.prefix has %zu prefixes; at most %d",
			     count, NAT_PREFIXES_MOST);
	if (!section_has(s, "prefix"))
		add_pref64(s, (struct item){ "64:ff9b::/96", s->line }, policy, at);
	else if (!count)
		reader_fault(s->r, section_line(s, "prefix"),
			     "nat.prefix names no prefix; leave it out for \"64:ff9b::/96\"");
	for (size_t i = 0; section_text_next(s, "prefix", &i, &item);)
		add_pref64(s, item, policy, at);
}
