#include "conf.h"

#include <string.h>

static const char *const dependences[] = {
	[NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	[NAT_ADDRESS_DEPENDENT] = "address-dependent",
	[NAT_ADDRESS_PORT_DEPENDENT] = "address-and-port-dependent", NULL,
};

#define TIMEOUT_KEY(id, key, normal, least, source) [TIMEOUT_##id] = key,
static const char *const timeouts[] = { TIMEOUT_LIST(TIMEOUT_KEY) NULL };

static const struct nat_policy usual = {
	.prefix_len = 8,
	.type = NAT_NAPT44,
	.ports = { 1024, 65535 },
	.behaviour = {
		{ NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT },
		{ NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT },
	},
};

struct settings settings_default(void)
{
	struct settings s = { .nat = nat_config_default(), .policies = { usual } };

	s.policies[0].prefix = be32_from(10u << 24);
	s.nat.policy_count = 1;
	s.nat.sessions = s.nat.sessions_per_host = 4096;
	s.visits = UINT32_MAX;
	s.nat.event_mask = (1u << EVENT_COUNT) - 1;
	return s;
}

struct nat_policy *settings_policy(struct settings *s)
{
	return &s->policies[s->nat.policy_count - 1];
}

char *settings_cut_word(struct words *w, char *text, size_t room, char sign)
{
	char *at;

	snprintf(text, room, "%s", words_next(w));
	at = strchr(text, sign);
	if (at)
		*at++ = '\0';
	return at;
}

static struct port_range range_of(struct words *w, char *text)
{
	char *dash = strchr(text, '-');
	struct port_range r;

	if (dash)
		*dash++ = '\0';
	r.first = (uint16_t)words_number_of(w, text, UINT16_MAX);
	r.last = dash ? (uint16_t)words_number_of(w, dash, UINT16_MAX) : r.first;
	return r;
}

static struct port_range range(struct words *w)
{
	char text[32];

	snprintf(text, sizeof(text), "%s", words_next(w));
	return range_of(w, text);
}

/* ADDRESS/LENGTH */
static be32 prefix(struct words *w, uint8_t *len)
{
	char text[32];
	char *length = settings_cut_word(w, text, sizeof(text), '/');

	if (!length)
		words_fault(w, "\"%s\" is not PREFIX/LENGTH", text);
	*len = length ? (uint8_t)words_number_of(w, length, 32) : 0;
	return be32_from(words_address_of(w, text));
}

static bool is_v6(const char *word)
{
	return strchr(word, ':') != NULL;
}

static void read_match(struct words *w, struct nat_policy *p)
{
	char text[64];
	const char *len;

	if (!is_v6(words_peek(w))) {
		p->prefix = prefix(w, &p->prefix_len);
		return;
	}
	len = settings_cut_word(w, text, sizeof(text), '/');
	p->version = 6;
	p->prefix_len = 0;
	p->v6.match = settings_prefix6(w, text, len);
}

/* The first one said replaces the one for 10.0.0.0/8 only if nothing was said about that. */
struct nat_policy *settings_add_policy(struct words *w, struct settings *s, enum nat_type type)
{
	struct nat_policy *p = settings_policy(s);

	if (p->pool_count || p->type != NAT_NAPT44) {
		if (s->nat.policy_count == POLICIES_MOST) {
			words_fault(w, "more than %d policies", POLICIES_MOST);
			return p;
		}
		p = &s->policies[s->nat.policy_count++];
	}
	*p = usual;
	p->type = type;
	read_match(w, p);
	return p;
}

static void conf_nat(struct words *w, struct settings *s)
{
	settings_add_policy(w, s, NAT_NAPT44);
}

static void conf_one_to_one(struct words *w, struct settings *s)
{
	struct nat_policy *p = settings_add_policy(w, s, NAT_ONE_TO_ONE);

	p->translated = settings_address(w, words_next(w), &p->v6.translated.address);
	if (p->version != 6)
		return;
	p->translated = (be32){ 0 };
	p->v6.translated.len = p->v6.match.len;
}

/* none 10.0.0.0/8 to 203.0.113.0/24 udp ports 53 */
static void conf_none(struct words *w, struct settings *s)
{
	struct nat_policy *p = settings_add_policy(w, s, NAT_NONE);

	if (words_take(w, "to"))
		p->destination.prefix = prefix(w, &p->destination.len);
	if (words_take(w, "udp"))
		p->destination.protocol = PROTO_UDP;
	else if (words_take(w, "tcp"))
		p->destination.protocol = PROTO_TCP;
	if (words_take(w, "ports"))
		p->destination.ports = range(w);
}

/* twice 192.168.0.0/24 203.0.113.0 */
static void conf_twice(struct words *w, struct settings *s)
{
	struct nat_policy *p = settings_policy(s);

	p->twice.seen = prefix(w, &p->twice.len);
	p->twice.real = be32_from(words_address_of(w, words_next(w)));
}

static size_t pool_place(const struct settings *s, be32 address, const struct ip6 *beside)
{
	size_t i = 0;

	while (i < s->nat.pool_count &&
	       !(be32_equal(s->pool[i], address) && ip6_equal(&s->pool6[i], beside)))
		i++;
	return i;
}

/* Policies may share addresses, if they name them in the same order. */
static void pool_add(struct words *w, struct settings *s, be32 address, const struct ip6 *beside)
{
	size_t at = pool_place(s, address, beside);

	if (at == POOL_MOST || (settings_policy(s)->pool_count &&
				at != (size_t)settings_policy(s)->pool_first + settings_policy(s)->pool_count)) {
		words_fault(w, "pool of more than %d, or not in one piece", POOL_MOST);
		return;
	}
	s->pool[at] = address;
	s->pool6[at] = *beside;
	s->nat.pool_count += at == s->nat.pool_count;
	if (!settings_policy(s)->pool_count++)
		settings_policy(s)->pool_first = (uint16_t)at;
}

static void conf_pool(struct words *w, struct settings *s)
{
	char text[96];
	char *last = settings_cut_word(w, text, sizeof(text), '-');
	struct ip6 beside = { { 0 } }, end6 = { { 0 } };
	be32 first = settings_address(w, text, &beside);
	be32 end = settings_address(w, last ? last : text, &end6);
	bool v6 = nat_is_v6_beside(first);
	uint32_t a = v6 ? load32(beside.octets + 12) : be32_host(first);
	uint32_t most = v6 ? load32(end6.octets + 12) : be32_host(end);

	for (; a <= most && !w->fault[0]; a++) {
		if (v6)
			store32(beside.octets + 12, a);
		pool_add(w, s, v6 ? first : be32_from(a), &beside);
	}
}

/* A place for the address that the pool's will have one day. */
static void conf_spare(struct words *w, struct settings *s)
{
	if (s->nat.pool_count == POOL_MOST) {
		words_fault(w, "pool of more than %d", POOL_MOST);
		return;
	}
	s->pool[s->nat.pool_count++] = (be32){ 0 };
	settings_policy(s)->left = (uint16_t)s->nat.pool_count;
}

static void conf_ports(struct words *w, struct settings *s)
{
	settings_policy(s)->ports = range(w);
}

static void conf_low_ports(struct words *w, struct settings *s)
{
	settings_policy(s)->low_ports = range(w);
}

/* For which protocols: both classes if nothing is said. */
static unsigned read_classes(struct words *w)
{
	if (words_take(w, "udp"))
		return 1u << NAT_CLASS_UDP;
	return words_take(w, "tcp") ? 1u << NAT_CLASS_TCP : (1u << NAT_CLASS_COUNT) - 1;
}

static void conf_mapping(struct words *w, struct settings *s)
{
	enum nat_dependence d = (enum nat_dependence)words_choice(w, dependences);
	unsigned classes = read_classes(w);

	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		if (classes >> i & 1)
			settings_policy(s)->behaviour[i].mapping = d;
}

static void conf_filtering(struct words *w, struct settings *s)
{
	enum nat_dependence d = (enum nat_dependence)words_choice(w, dependences);
	unsigned classes = read_classes(w);

	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		if (classes >> i & 1)
			settings_policy(s)->behaviour[i].filtering = d;
}

static void conf_timeout(struct words *w, struct settings *s)
{
	unsigned class = words_choice(w, timeouts);

	s->nat.timeout_ms[class] = words_ms(w);
}

static void conf_policy_timeout(struct words *w, struct settings *s)
{
	unsigned class = words_choice(w, timeouts);

	settings_policy(s)->timeout_ms[class] = words_ms(w);
}

static bool is_number(const char *word)
{
	return *word >= '0' && *word <= '9';
}

static void conf_short_ports(struct words *w, struct settings *s)
{
	uint16_t *ports = settings_policy(s)->short_ports;
	int count = 0;

	do {
		if (count == NAT_SHORT_PORTS_MOST)
			words_fault(w, "more than %d short_ports", NAT_SHORT_PORTS_MOST);
		else
			ports[count++] = (uint16_t)words_number(w, UINT16_MAX);
	} while (!w->fault[0] && is_number(words_peek(w)));
}

/* helpers ftp tftp */
static void conf_helpers(struct words *w, struct settings *s)
{
	static const char *const helpers[] = { "ftp", "tftp", "pptp" };

	for (unsigned i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		if (words_take(w, helpers[i]))
			settings_policy(s)->helpers |= (uint8_t)(1u << i);
}

static uint8_t protocol(struct words *w)
{
	static const struct { const char *word; uint8_t number; } protocols[] = {
		{ "udp", PROTO_UDP },	{ "tcp", PROTO_TCP }, { "dccp", PROTO_DCCP },
		{ "sctp", PROTO_SCTP }, { "udplite", PROTO_UDPLITE },
	};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (words_take(w, protocols[i].word))
			return protocols[i].number;
	return (uint8_t)words_number(w, UINT8_MAX);
}

/* ADDRESS:PORT or ADDRESS:PORT-PORT, an IPv6 address in brackets; without ports: 0 to 65535. */
static struct port_range ends(struct words *w, be32 *address, struct ip6 *beside)
{
	char text[64];
	char *ports = settings_cut_word(w, text, sizeof(text), *words_peek(w) == '[' ? ']' : ':');
	bool v6 = *text == '[';

	*address = settings_address(w, text + v6, beside);
	if (v6 && ports)
		ports = *ports ? ports + 1 : NULL;
	return ports ? range_of(w, ports) : (struct port_range){ 0, UINT16_MAX };
}

static struct nat_forward *add_forward(struct words *w, struct settings *s)
{
	if (s->nat.forward_count < FORWARDS_MOST)
		return &s->forwards[s->nat.forward_count++];
	words_fault(w, "more than %d forwards", FORWARDS_MOST);
	return &s->forwards[FORWARDS_MOST - 1];
}

/* Where a forward leads, and how often. */
static void read_target(struct words *w, struct nat_forward *f)
{
	f->internal_first = ends(w, &f->internal, &f->internal6).first;
	f->weight = words_take(w, "weight") ? (uint16_t)words_number(w, UINT16_MAX) : 1;
}

/* forward udp 192.0.2.1:5000-5009 10.0.0.2:7000 source 10.0.0.1 */
static void conf_forward(struct words *w, struct settings *s)
{
	struct nat_forward *f = add_forward(w, s);
	struct port_range r;

	*f = (struct nat_forward){ .protocol = protocol(w) };
	r = ends(w, &f->external, &f->external6);
	f->first = r.first;
	f->last = r.last;
	read_target(w, f);
	if (words_take(w, "source"))
		f->source = be32_from(words_address_of(w, words_next(w)));
	f->sticky = words_take(w, "sticky");
}

/* One target more for the forward above: target 10.0.0.3:7000 weight 2 */
static void conf_target(struct words *w, struct settings *s)
{
	size_t first = s->nat.forward_count;
	struct nat_forward *f;

	if (!first) {
		words_fault(w, "target without forward");
		return;
	}
	while (--first && !s->forwards[first].targets && s->forwards[first].grouped)
		;
	f = add_forward(w, s);
	*f = s->forwards[first];
	f->targets = 0;
	read_target(w, f);
	s->forwards[first].grouped = f->grouped = true;
	s->forwards[first].targets = (uint16_t)(s->nat.forward_count - first);
}

static const struct {
	const char *word;
	void (*read)(struct words *w, struct settings *s);
} words_of_conf[] = {
	{ "nat", conf_nat },
	{ "none", conf_none },
	{ "one_to_one", conf_one_to_one },
	{ "twice", conf_twice },
	{ "pool", conf_pool },
	{ "spare", conf_spare },
	{ "ports", conf_ports },
	{ "low_ports", conf_low_ports },
	{ "mapping", conf_mapping },
	{ "filtering", conf_filtering },
	{ "timeout", conf_timeout },
	{ "policy_timeout", conf_policy_timeout },
	{ "short_ports", conf_short_ports },
	{ "helpers", conf_helpers },
	{ "forward", conf_forward },
	{ "target", conf_target },
};

static bool read_word(struct words *w, struct settings *s)
{
	for (size_t i = 0; i < sizeof(words_of_conf) / sizeof(words_of_conf[0]); i++) {
		if (!words_take(w, words_of_conf[i].word))
			continue;
		words_of_conf[i].read(w, s);
		return true;
	}
	return settings_read6(w, s) || settings_read_knob(w, s);
}

void settings_read(struct words *w, struct settings *s)
{
	do {
		if (!read_word(w, s))
			words_fault(w, "\"%s\" is no word of conf", words_peek(w));
	} while (!w->fault[0] && *words_peek(w));
}

void settings_finish(struct settings *s)
{
	s->nat.policies = s->policies;
	s->nat.pool = s->pool;
	settings_finish6(s);
	s->nat.forwards = s->forwards;
	/* All may end at once, each with its mapping and block. */
	s->nat.events = 4 * s->nat.sessions + 64;
}
