/* The words of conf that are about IPv6: types of policies, prefixes, explicit address mappings. */
#include "conf.h"

#include <string.h>

#include "nat/eam.h"

static struct ip6 octets_of(const struct number *n)
{
	struct ip6 a;

	for (int i = 0; i < 3; i++)
		store32(a.octets + 4 * i, n->high[i]);
	store32(a.octets + 12, n->low);
	return a;
}

struct place settings_place(const struct number *n, bool is6)
{
	if (!is6)
		return (struct place){ be32_from(n->low), { { 0 } } };
	return (struct place){ nat_v6_beside(), octets_of(n) };
}

be32 settings_address(struct words *w, const char *text, struct ip6 *beside)
{
	bool is6 = strchr(text, ':');
	struct number n = { .low = is6 ? 0 : words_address_of(w, text) };
	struct place p;

	if (is6)
		n = words_address6_of(w, text);
	p = settings_place(&n, is6);
	*beside = p.beside;
	return p.address;
}

struct ip6_prefix settings_prefix6(struct words *w, const char *text, const char *len)
{
	struct number n = words_address6_of(w, text);
	struct ip6_prefix p = { .address = octets_of(&n) };

	if (!len)
		words_fault(w, "\"%s\" is not PREFIX/LENGTH", text);
	else
		p.len = (uint8_t)words_number_of(w, len, 128);
	return p;
}

static struct ip6_prefix prefix6(struct words *w)
{
	char text[64];
	char *len = settings_cut_word(w, text, sizeof(text), '/');

	return settings_prefix6(w, text, len);
}

static void conf_napt66(struct words *w, struct settings *s)
{
	settings_add_policy(w, s, NAT_NAPT66);
}

static void conf_firewall(struct words *w, struct settings *s)
{
	settings_add_policy(w, s, NAT_FIREWALL);
}

static void conf_nat64(struct words *w, struct settings *s)
{
	settings_add_policy(w, s, NAT_NAT64);
}

static void conf_siit(struct words *w, struct settings *s)
{
	settings_add_policy(w, s, NAT_SIIT);
}

/* nptv6 fd01:203:405::/48 2001:db8:1::/48 */
static void conf_nptv6(struct words *w, struct settings *s)
{
	struct nat_policy *p = settings_add_policy(w, s, NAT_NPTV6);

	p->v6.translated = prefix6(w);
}

static void conf_prefix(struct words *w, struct settings *s)
{
	struct nat_policy6 *p = &settings_policy(s)->v6;

	do {
		if (p->prefix_count == NAT_PREFIXES_MOST)
			words_fault(w, "more than %d prefixes", NAT_PREFIXES_MOST);
		else
			p->prefixes[p->prefix_count++] = prefix6(w);
	} while (!w->fault[0] && strchr(words_peek(w), '/'));
}

/* eam 192.0.2.1/32 2001:db8:a::1/128 */
static void conf_eam(struct words *w, struct settings *s)
{
	char text[64];
	char *len = settings_cut_word(w, text, sizeof(text), '/');
	struct nat_eam *e = &s->eams[s->eam_count];

	if (s->eam_count == EAMS_MOST || !len) {
		words_fault(w, "more than %d eams, or one without a length", EAMS_MOST);
		return;
	}
	s->eam_count++;
	settings_policy(s)->v6.eam_count++;
	*e = (struct nat_eam){ .v4 = be32_from(words_address_of(w, text)),
			       .len4 = (uint8_t)words_number_of(w, len, 32) };
	e->v6 = prefix6(w);
}

static const struct {
	const char *word;
	void (*read)(struct words *w, struct settings *s);
} words_of_conf6[] = {
	{ "napt66", conf_napt66 }, { "firewall", conf_firewall }, { "nat64", conf_nat64 },
	{ "siit", conf_siit },	   { "nptv6", conf_nptv6 },	  { "prefix", conf_prefix },
	{ "eam", conf_eam },
};

bool settings_read6(struct words *w, struct settings *s)
{
	for (size_t i = 0; i < sizeof(words_of_conf6) / sizeof(words_of_conf6[0]); i++) {
		if (!words_take(w, words_of_conf6[i].word))
			continue;
		words_of_conf6[i].read(w, s);
		return true;
	}
	return false;
}

void settings_finish6(struct settings *s)
{
	size_t at = 0;

	s->nat.pool6 = s->pool6;
	memcpy(s->eams_by6, s->eams, sizeof(s->eams));
	for (size_t i = 0; i < s->nat.policy_count; i++) {
		struct nat_policy6 *p = &s->policies[i].v6;

		eam_sort4(s->eams + at, p->eam_count);
		eam_sort6(s->eams_by6 + at, p->eam_count);
		p->eams = s->eams + at;
		p->eams_by6 = s->eams_by6 + at;
		at += p->eam_count;
	}
}
