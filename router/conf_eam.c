/* Explicit address mappings of the nat entries (RFC 7757). Those of all entries lie in one array. */
#include "conf_read.h"

#include <string.h>

#include "nat/eam.h"

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

/* Whether hosts of an IPv4 match have an IPv6 address by one of them. */
static bool serves(const struct nat_policy *p)
{
	for (size_t i = 0; i < p->v6.eam_count; i++)
		if (span_overlaps(span_of(be32_host(p->v6.eams[i].v4), p->v6.eams[i].len4),
				  policy_span(p)))
			return true;
	return false;
}

static void read_list(const struct section *s, struct nat_policy *policy, int *lines, size_t at)
{
	struct conf *c = s->r->conf;
	struct section below;

	for (size_t i = 0; section_below_next(s, "nat.eam", &i, &below);) {
		struct nat_eam e = { .len4 = 0 };
		struct prefix outside;

		if (!read_eam(&below, &e))
			continue;
		check_twice(&below, &e, lines);
		outside = outside_of(policy, &e);
		conf_check_taken(&below, "nat.eam", section_text(&below, policy->version == 6 ? "ipv4"
											     : "ipv6"),
				 &outside, at);
		lines[c->eam_count] = below.line;
		c->eams[c->eam_count++] = e;
		policy->v6.eam_count++;
	}
}

void conf_read_eams(const struct section *s, struct nat_policy *policy, int *lines, size_t at)
{
	struct conf *c = s->r->conf;

	policy->v6.eams = c->eams + c->eam_count; /* until they are sorted */
	read_list(s, policy, lines, at);
	if (!policy->v6.eam_count)
		policy->v6.eams = NULL;
	if (policy->version != 6 && policy->prefix_len <= 32 && !serves(policy))
		reader_fault(s->r, section_line(s, "match"),
			     "nat.eam is missing for match %s; eam = ( { ipv4 = \"%s\"; ipv6 = "
			     "\"2001:db8:1::/96\"; } ), or the like", section_text(s, "match").text,
			     section_text(s, "match").text);
}
