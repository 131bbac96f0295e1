/* Explicit address mappings of the nat entries (RFC 7757). Those of all entries lie in one array. */
#include "conf_read.h"

#include <string.h>

#include "nat/eam.h"
#include "router/own.h"

static bool read_eam(const struct section *s, struct nat_eam *e)
{
	struct item v4 = section_text(s, "ipv4"), v6 = section_text(s, "ipv6");
	bool good = *v4.text && *v6.text;

	good &= *v4.text && conf_network4(s->r, "nat.eam.ipv4", v4, &e->v4, &e->len4);
	good &= *v6.text && conf_network6(s->r, "nat.eam.ipv6", v6, &e->v6);
	if (good && 128 - e->v6.len < 32 - e->len4) {
		reader_fault(s->r, v6.line,
			     "nat.eam.ipv6 %s has fewer bits behind it than %s; at most %u bits of prefix",
			     v6.text, v4.text, 96u + e->len4);
		return false;
	}
	return good;
}

static bool is_same_v4(const struct nat_eam *a, const struct nat_eam *b)
{
	return a->len4 == b->len4 && be32_equal(a->v4, b->v4);
}

static bool is_same_v6(const struct nat_eam *a, const struct nat_eam *b)
{
	return a->v6.len == b->v6.len && ip6_equal(&a->v6.address, &b->v6.address);
}

/* RFC 7757 section 3.3: overlapping ones are ordered by their length; the same ones by nothing. */
static void check_twice(const struct section *s, const struct nat_eam *e, const int *lines)
{
	const struct conf *c = s->r->conf;

	for (size_t i = 0; i < c->eam_count; i++) {
		bool v4 = is_same_v4(&c->eams[i], e), v6 = is_same_v6(&c->eams[i], e);
		const char *key = v4 ? "ipv4" : "ipv6";

		if (v4 || v6)
			reader_fault(s->r, section_line(s, key),
				     "nat.eam.%s %s is mapped in line %d already; each prefix once", key,
				     section_text(s, key).text, lines[i]);
	}
}

static struct prefix outside_of(const struct nat_policy *p, const struct nat_eam *e)
{
	return p->version == 6 ? (struct prefix){ address_v4((const uint8_t *)&e->v4), e->len4 }
			       : conf_prefix6(&e->v6);
}

/* Addresses of the router itself never reach the NAT. */
static void check_own(struct reader *r, const char *what, struct item item, const struct prefix *outside)
{
	for (size_t i = 0; i < r->conf->interface_count; i++) {
		const struct conf_interface *n = &r->conf->interfaces[i];

		for (size_t k = 0; n->side == SIDE_OUTSIDE && k < n->address_count; k++)
			if (prefix_contains(outside, &n->addresses[k].address))
				reader_fault(r, item.line,
					     "%s %s has the address of interface \"%s\"; leave it out",
					     what, item.text, n->name);
	}
}

/* What inside hosts are known by. */
static void check_outside(const struct section *s, const char *what, struct item item,
			  const struct prefix *outside, size_t at)
{
	struct reader *r = s->r;

	conf_check_taken(s, what, item, outside, at);
	if (outside->address.version == 4) {
		struct span span = span_of(load32(outside->address.octets), outside->len);

		conf_check_matches(r, what, item, span);
		conf_check_interfaces(r, what, item, span);
	} else {
		conf_check_pref64s(r, what, item, outside, at);
		conf_check_matches6(r, what, item, span6_of(outside));
		conf_check_interfaces6(r, what, item, span6_of(outside));
	}
	check_own(r, what, item, outside);
}

/* IPv4 addresses that hosts have by a prefix (RFC 6052 section 2.4). */
void conf_check_translatable(const struct section *s, const struct nat_policy *policy, size_t at)
{
	struct item item = { NULL, section_line(s, "match") };
	struct prefix outside;
	char text[PREFIX_TEXT];

	for (size_t k = policy->v6.eam_count;
	     policy->prefix_len <= 32 && own_prefix_at(policy, k, &outside); k++) {
		item.text = prefix_format(&outside, text);
		check_outside(s, "IPv4-translatable", item, &outside, at);
	}
}

/* As the NAT looks them up. */
void conf_sort_eams(struct conf *c)
{
	size_t first = 0;

	for (size_t i = 0; i < c->nat_count; i++) {
		struct nat_policy6 *p = &c->policies[i].v6;

		if (!p->eam_count)
			continue;
		memcpy(c->eams_by6 + first, c->eams + first, p->eam_count * sizeof(*c->eams));
		eam_sort4(c->eams + first, p->eam_count);
		eam_sort6(c->eams_by6 + first, p->eam_count);
		p->eams = c->eams + first;
		p->eams_by6 = c->eams_by6 + first;
		first += p->eam_count;
	}
}

static bool is_in_match(const struct nat_policy *p, const struct nat_eam *e)
{
	if (p->version == 6)
		return p->v6.match.len <= e->v6.len &&
		       ip6_prefix_has(&p->v6.match, &e->v6.address);
	return p->prefix_len <= e->len4 && span_has(policy_span(p), be32_host(e->v4));
}

/* Either side of one, by what the entry matches. */
static void check_sides(const struct section *s, const struct section *below, const struct nat_policy *p,
			const struct nat_eam *e, size_t at)
{
	const char *inside = p->version == 6 ? "ipv6" : "ipv4";
	struct item outside = section_text(below, p->version == 6 ? "ipv4" : "ipv6");
	struct prefix prefix = outside_of(p, e);

	if (p->prefix_len > 32)
		return;
	if (!is_in_match(p, e))
		reader_fault(s->r, section_line(below, inside),
			     "nat.eam.%s %s is not within match %s, and answers would stay "
			     "untranslated; one that is", inside, section_text(below, inside).text,
			     section_text(s, "match").text);
	check_outside(below, "nat.eam", outside, &prefix, at);
}

static void read_list(const struct section *s, struct nat_policy *policy, int *lines, size_t at)
{
	struct conf *c = s->r->conf;
	struct section below;

	for (size_t i = 0; section_below_next(s, "nat.eam", &i, &below);) {
		struct nat_eam e = { .len4 = 0 };

		if (!read_eam(&below, &e))
			continue;
		check_twice(&below, &e, lines);
		check_sides(s, &below, policy, &e, at);
		lines[c->eam_count] = below.line;
		c->eams[c->eam_count++] = e;
		policy->v6.eam_count++;
	}
}

void conf_read_eams(const struct section *s, struct nat_policy *policy, int *lines, size_t at)
{
	struct conf *c = s->r->conf;
	size_t faults = s->r->fault_count;

	policy->v6.eams = c->eams + c->eam_count; /* until they are sorted */
	read_list(s, policy, lines, at);
	if (!policy->v6.eam_count)
		policy->v6.eams = NULL;
	if (policy->version != 6 && policy->prefix_len <= 32 && !policy->v6.eam_count &&
	    s->r->fault_count == faults)
		reader_fault(s->r, section_line(s, "match"),
			     "nat.eam is missing for match %s; eam = ( { ipv4 = \"%s\"; ipv6 = "
			     "\"2001:db8:1::/96\"; } ), or the like", section_text(s, "match").text,
			     section_text(s, "match").text);
}
