/* Prefixes that stand for others: one_to_one, nptv6, and twice NAT. All pools are known by now. */
#include "conf_read.h"

#include <stdlib.h>

#include "nat/npt66.h"
#include "router/own.h"

static struct span translated_span(const struct nat_policy *p)
{
	return span_of(be32_host(p->translated), p->prefix_len);
}

static bool is_identity(const struct nat_policy *p)
{
	return be32_equal(p->translated, p->prefix);
}

static bool is_in_pool(const struct conf *c, const struct nat_policy *p, const struct prefix *prefix)
{
	for (size_t j = 0; j < p->pool_count; j++) {
		struct address a = conf_pool_address(c, p->pool_first + j);

		if (prefix_contains(prefix, &a))
			return true;
	}
	return false;
}

static bool stands_for_hosts(const struct nat_policy *p, const struct prefix *prefix)
{
	struct prefix outside;

	for (size_t k = 0; p->prefix_len <= 32 && own_prefix_at(p, k, &outside); k++)
		if (prefixes_overlap(&outside, prefix))
			return true;
	return false;
}

/* Outside addresses belong to one entry. */
void conf_check_taken(const struct section *s, const char *what, struct item item,
		      const struct prefix *prefix, size_t at)
{
	const struct conf *c = s->r->conf;

	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		if (is_in_pool(c, p, prefix) || (i < at && stands_for_hosts(p, prefix)))
			reader_fault(s->r, item.line,
				     "%s %s overlaps outside addresses of nat \"%s\" in line %d; every "
				     "address once", what, item.text, c->nats[i].name,
				     c->nats[i].line);
	}
}

/* The one text of prefix; one that is empty after a fault. */
static struct item only_prefix(const struct section *s, const char *type)
{
	size_t count = section_texts(s, "prefix"), i = 0;
	struct item item = { "", section_line(s, "prefix") };

	if (count == 1) {
		section_text_next(s, "prefix", &i, &item);
		return item;
	}
	reader_fault(s->r, item.line,
		     "nat.prefix is %s; %s needs the outside prefix, as long as match",
		     count ? "several" : "missing", type);
	return item;
}

static void fault_length(const struct section *s, struct item item, uint8_t len)
{
	reader_fault(s->r, item.line, "nat.prefix %s is not as long as match; %u bits", item.text, len);
}

/* What hosts are known by outside, in an entry of IPv6. */
static void set_translated(const struct section *s, struct item item, struct nat_policy *policy,
			   const struct ip6_prefix *found, size_t at)
{
	struct prefix outside = conf_prefix6(found);

	policy->v6.translated = *found;
	conf_check_taken(s, "nat.prefix", item, &outside, at);
	conf_check_pref64s(s->r, "nat.prefix", item, &outside, at);
	conf_check_matches6(s->r, "nat.prefix", item, span6_of(&outside));
	conf_check_interfaces6(s->r, "nat.prefix", item, span6_of(&outside));
}

/* The network of an interface, of which the match may have only a part. */
static void read_interface_prefix(const struct section *s, struct item item,
				  struct nat_policy *policy, size_t at)
{
	struct conf *c = s->r->conf;
	size_t interface = conf_interface_meant(s->r, "nat.prefix", item, SIDE_OUTSIDE, 6);
	const struct prefix *own;

	if (interface == SIZE_MAX)
		return;
	c->nats[at].prefix_interface = interface;
	policy->v6.translated = (struct ip6_prefix){ .len = policy->v6.match.len };
	own = conf_first(&c->interfaces[interface], 6);
	if (own && own->len > policy->v6.match.len) {
		fault_length(s, item, policy->v6.match.len);
	} else if (own) {
		struct prefix network = prefix_masked(*own);
		struct ip6_prefix found = { ip6_load(network.address.octets), policy->v6.match.len };

		set_translated(s, item, policy, &found, at);
	}
}

void conf_read_prefix6(const struct section *s, struct nat_policy *policy, size_t at)
{
	bool nptv6 = policy->type == NAT_NPTV6;
	struct item item = only_prefix(s, nptv6 ? "nptv6" : "one_to_one");
	struct ip6_prefix found;

	if (!*item.text || policy->prefix_len > 32)
		return;
	if (nptv6 && conf_means_interface(item.text))
		read_interface_prefix(s, item, policy, at);
	else if (!conf_network6(s->r, "nat.prefix", item, &found))
		return;
	else if (found.len != policy->v6.match.len)
		fault_length(s, item, policy->v6.match.len);
	else if (ip6_is_zero(&found.address))
		reader_fault(s->r, item.line, "nat.prefix %s begins with ::, which is no host's address; another",
			     item.text);
	else if (nptv6 && found.len > NPT66_LEN_MOST)
		reader_fault(s->r, item.line,
			     "nat.prefix %s leaves no word to adjust checksums by; at most %d bits, or "
			     "type = \"one_to_one\"", item.text, NPT66_LEN_MOST);
	else
		set_translated(s, item, policy, &found, at);
}

static void read_one_to_one(const struct section *s, struct nat_policy *policy, size_t at)
{
	struct item item = only_prefix(s, "one_to_one");
	struct prefix outside;
	uint8_t len;

	if (!*item.text || policy->prefix_len > 32 ||
	    !conf_network4(s->r, "nat.prefix", item, &policy->translated, &len))
		return;
	if (len != policy->prefix_len) {
		fault_length(s, item, policy->prefix_len);
		return;
	}
	outside = (struct prefix){ address_v4((const uint8_t *)&policy->translated), len };
	conf_check_taken(s, "nat.prefix", item, &outside, at);
	if (is_identity(policy))
		return;
	conf_check_matches(s->r, "nat.prefix", item, translated_span(policy));
	conf_check_interfaces(s->r, "nat.prefix", item, translated_span(policy));
}

static void read_twice(const struct section *s, struct nat_policy *policy)
{
	struct section twice = section_below(s, "nat.twice");
	struct item seen, real;
	uint8_t len;

	if (!twice.group)
		return;
	seen = section_text(&twice, "inside");
	real = section_text(&twice, "outside");
	if (!*seen.text || !*real.text ||
	    !conf_network4(s->r, "nat.twice.inside", seen, &policy->twice.seen, &policy->twice.len) ||
	    !conf_network4(s->r, "nat.twice.outside", real, &policy->twice.real, &len))
		return;
	if (len != policy->twice.len)
		reader_fault(s->r, real.line,
			     "nat.twice.outside %s is not as long as nat.twice.inside; %u bits",
			     real.text, policy->twice.len);
	else if (!len)
		reader_fault(s->r, seen.line,
			     "nat.twice.inside %s is everything; a prefix of at least 1 bit", seen.text);
	else
		conf_check_matches(s->r, "nat.twice.inside", seen,
				   span_of(be32_host(policy->twice.seen), len));
}

static void read_prefixes_of(const struct section *s, struct nat_policy *policy, int *eam_lines,
			     size_t at)
{
	switch (policy->type) {
	case NAT_ONE_TO_ONE:
	case NAT_NPTV6:
		if (policy->version == 6)
			conf_read_prefix6(s, policy, at);
		else
			read_one_to_one(s, policy, at);
		break;
	case NAT_NAT64:
		conf_read_pref64s(s, policy, at);
		break;
	case NAT_SIIT:
		conf_read_eams(s, policy, eam_lines, at);
		conf_read_pref64s(s, policy, at);
		conf_check_translatable(s, policy, at);
		break;
	default:
		break;
	}
	if (policy->type == NAT_NAPT44 || (policy->type == NAT_ONE_TO_ONE && policy->version != 6))
		read_twice(s, policy);
}

static size_t count_eams(struct reader *r)
{
	struct section s, below;
	size_t count = 0;

	for (size_t i = 0; section_next(r, "nat", &i, &s);)
		for (size_t k = 0; section_below_next(&s, "nat.eam", &k, &below);)
			count++;
	return count;
}

void conf_read_prefixes(struct reader *r)
{
	struct conf *c = r->conf;
	size_t eams = count_eams(r), at = 0;
	int *lines = reader_array(r, eams, sizeof(*lines));
	struct section s;

	c->eams = reader_array(r, eams, sizeof(*c->eams));
	c->eams_by6 = reader_array(r, eams, sizeof(*c->eams_by6));
	if (c->pool && !r->no_memory)
		for (size_t i = 0; section_next(r, "nat", &i, &s); at++)
			read_prefixes_of(&s, &c->policies[at], lines, at);
	if (!r->no_memory)
		conf_sort_eams(c);
	free(lines);
}
