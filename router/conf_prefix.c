/* Prefixes that stand for others: one_to_one, and twice NAT. All pools are known by now. */
#include "conf_read.h"

static struct span translated_span(const struct nat_policy *p)
{
	return span_of(be32_host(p->translated), p->prefix_len);
}

static bool is_identity(const struct nat_policy *p)
{
	return be32_equal(p->translated, p->prefix);
}

/* Outside addresses belong to one entry. */
static void check_taken(const struct section *s, struct item item, struct span span, size_t at)
{
	const struct conf *c = s->r->conf;

	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];
		bool taken = i < at && p->type == NAT_ONE_TO_ONE && p->prefix_len <= 32 &&
			     span_overlaps(span, translated_span(p));

		for (size_t j = 0; !taken && j < p->pool_count; j++)
			taken = span_has(span, be32_host(c->pool[p->pool_first + j]));
		if (taken)
			reader_fault(s->r, item.line,
				     "nat.prefix %s overlaps outside addresses of nat \"%s\" in line "
				     "%d; every address once", item.text, c->nats[i].name,
				     c->nats[i].line);
	}
}

static void read_one_to_one(const struct section *s, struct nat_policy *policy, size_t at)
{
	struct item item = section_text(s, "prefix");
	uint8_t len;

	if (!*item.text)
		reader_fault(s->r, item.line,
			     "nat.prefix is missing; one_to_one needs the outside prefix, as long "
			     "as match");
	if (!*item.text || policy->prefix_len > 32 ||
	    !conf_network4(s->r, "nat.prefix", item, &policy->translated, &len))
		return;
	if (len != policy->prefix_len) {
		reader_fault(s->r, item.line,
			     "nat.prefix %s is not as long as match; %u bits", item.text,
			     policy->prefix_len);
		return;
	}
	check_taken(s, item, translated_span(policy), at);
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

void conf_read_prefixes(struct reader *r)
{
	struct conf *c = r->conf;
	struct section s;
	size_t at = 0;

	if (!c->pool || r->no_memory)
		return;
	for (size_t i = 0; section_next(r, "nat", &i, &s); at++) {
		if (c->policies[at].type == NAT_ONE_TO_ONE)
			read_one_to_one(&s, &c->policies[at], at);
		if (c->policies[at].type != NAT_NONE)
			read_twice(&s, &c->policies[at]);
	}
}
