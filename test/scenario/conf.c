#include "conf.h"

#include <string.h>

static const char *const dependences[] = {
	[NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	[NAT_ADDRESS_DEPENDENT] = "address-dependent",
	[NAT_ADDRESS_PORT_DEPENDENT] = "address-and-port-dependent", NULL,
};
static const char *const selections[] = {
	[NAT_PORT_PRESERVE] = "preserve", [NAT_PORT_RANDOM] = "random",
	[NAT_PORT_SEQUENTIAL] = "sequential", NULL,
};
static const char *const poolings[] = {
	[NAT_POOLING_PAIRED] = "paired", [NAT_POOLING_ARBITRARY] = "arbitrary", NULL,
};
static const char *const hairpins[] = {
	[NAT_HAIRPIN_EXTERNAL] = "external-source", [NAT_HAIRPIN_OFF] = "off", NULL,
};
static const char *const refreshes[] = {
	[NAT_REFRESH_OUTBOUND] = "outbound", [NAT_REFRESH_INBOUND] = "inbound",
	[NAT_REFRESH_BOTH] = "both", NULL,
};
static const char *const switches[] = { "off", "on", NULL };

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
	return s;
}

/* The policy that words speak about: the last one. */
static struct nat_policy *policy(struct settings *s)
{
	return &s->policies[s->nat.policy_count - 1];
}

/* The next word cut in two at a sign; what is behind it, or NULL without the sign. */
static char *cut_word(struct words *w, char *text, size_t room, char sign)
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

/* A policy for another prefix; the first one said replaces the one for 10.0.0.0/8 only if nothing
 * was said about that. */
static void add_policy(struct words *w, struct settings *s, enum nat_type type)
{
	char text[32];
	char *len = cut_word(w, text, sizeof(text), '/');

	if (!len || s->nat.policy_count == POLICIES_MOST) {
		words_fault(w, "\"%s\" is not PREFIX/LENGTH, or one too many", text);
		return;
	}
	if (policy(s)->pool_count || policy(s)->type == NAT_NONE)
		s->nat.policy_count++;
	*policy(s) = usual;
	policy(s)->type = type;
	policy(s)->prefix = be32_from(words_address_of(w, text));
	policy(s)->prefix_len = (uint8_t)words_number_of(w, len, 32);
}

static void conf_nat(struct words *w, struct settings *s)
{
	add_policy(w, s, NAT_NAPT44);
}

static void conf_none(struct words *w, struct settings *s)
{
	add_policy(w, s, NAT_NONE);
}

static size_t pool_place(const struct settings *s, be32 address)
{
	size_t i = 0;

	while (i < s->nat.pool_count && !be32_equal(s->pool[i], address))
		i++;
	return i;
}

/* Policies may share addresses, if they name them in the same order. */
static void pool_add(struct words *w, struct settings *s, uint32_t address)
{
	size_t at = pool_place(s, be32_from(address));

	if (at == POOL_MOST || (policy(s)->pool_count &&
				at != (size_t)policy(s)->pool_first + policy(s)->pool_count)) {
		words_fault(w, "pool of more than %d, or not in one piece", POOL_MOST);
		return;
	}
	if (at == s->nat.pool_count)
		s->pool[s->nat.pool_count++] = be32_from(address);
	if (!policy(s)->pool_count++)
		policy(s)->pool_first = (uint16_t)at;
}

static void conf_pool(struct words *w, struct settings *s)
{
	char text[64];
	char *last = cut_word(w, text, sizeof(text), '-');
	uint32_t first = words_address_of(w, text);
	uint32_t end = last ? words_address_of(w, last) : first;

	for (uint32_t a = first; a <= end && !w->fault[0]; a++)
		pool_add(w, s, a);
}

static void conf_ports(struct words *w, struct settings *s)
{
	policy(s)->ports = range(w);
}

static void conf_low_ports(struct words *w, struct settings *s)
{
	policy(s)->low_ports = range(w);
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
			policy(s)->behaviour[i].mapping = d;
}

static void conf_filtering(struct words *w, struct settings *s)
{
	enum nat_dependence d = (enum nat_dependence)words_choice(w, dependences);
	unsigned classes = read_classes(w);

	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		if (classes >> i & 1)
			policy(s)->behaviour[i].filtering = d;
}

static void conf_port_selection(struct words *w, struct settings *s)
{
	policy(s)->port_selection = (enum nat_port_selection)words_choice(w, selections);
}

static void conf_pooling(struct words *w, struct settings *s)
{
	policy(s)->pooling = (enum nat_pooling)words_choice(w, poolings);
}

static void conf_hairpin(struct words *w, struct settings *s)
{
	policy(s)->hairpin = (enum nat_hairpin)words_choice(w, hairpins);
}

static void conf_refresh(struct words *w, struct settings *s)
{
	policy(s)->refresh = (enum nat_refresh)words_choice(w, refreshes);
}

static void conf_parity(struct words *w, struct settings *s)
{
	policy(s)->parity = words_choice(w, switches);
}

static void conf_timeout(struct words *w, struct settings *s)
{
	unsigned class = words_choice(w, timeouts);

	s->nat.timeout_ms[class] = words_ms(w);
}

static void conf_sessions(struct words *w, struct settings *s)
{
	s->nat.sessions = words_number(w, 65536);
}

static void conf_sessions_per_host(struct words *w, struct settings *s)
{
	s->nat.sessions_per_host = words_number(w, 65536);
}

static void conf_fragments(struct words *w, struct settings *s)
{
	s->nat.fragments = words_number(w, 65536);
}

static void conf_mss(struct words *w, struct settings *s)
{
	s->mss = (uint16_t)words_number(w, UINT16_MAX);
}

/* forward udp 192.0.2.1:5000-5009 10.0.0.2:7000 */
static void conf_forward(struct words *w, struct settings *s)
{
	static const char *const protocols[] = { "udp", "tcp", NULL };
	struct nat_forward f = { .protocol = PROTO_UDP };
	char external[64], internal[64];
	struct port_range r;
	char *ports, *port;

	if (words_choice(w, protocols))
		f.protocol = PROTO_TCP;
	ports = cut_word(w, external, sizeof(external), ':');
	port = cut_word(w, internal, sizeof(internal), ':');
	if (!ports || !port || s->nat.forward_count == FORWARDS_MOST) {
		words_fault(w, "forward ADDRESS:PORTS ADDRESS:PORT, at most %d", FORWARDS_MOST);
		return;
	}
	r = range_of(w, ports);
	f.first = r.first;
	f.last = r.last;
	f.external = be32_from(words_address_of(w, external));
	f.internal = be32_from(words_address_of(w, internal));
	f.internal_first = (uint16_t)words_number_of(w, port, UINT16_MAX);
	s->forwards[s->nat.forward_count++] = f;
}

static const struct {
	const char *word;
	void (*read)(struct words *w, struct settings *s);
} knobs[] = {
	{ "nat", conf_nat },
	{ "none", conf_none },
	{ "pool", conf_pool },
	{ "ports", conf_ports },
	{ "low_ports", conf_low_ports },
	{ "mapping", conf_mapping },
	{ "filtering", conf_filtering },
	{ "port_selection", conf_port_selection },
	{ "pooling", conf_pooling },
	{ "hairpin", conf_hairpin },
	{ "refresh", conf_refresh },
	{ "parity", conf_parity },
	{ "timeout", conf_timeout },
	{ "sessions", conf_sessions },
	{ "sessions_per_host", conf_sessions_per_host },
	{ "fragments", conf_fragments },
	{ "forward", conf_forward },
	{ "mss", conf_mss },
};

static bool read_knob(struct words *w, struct settings *s)
{
	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		if (!words_take(w, knobs[i].word))
			continue;
		knobs[i].read(w, s);
		return true;
	}
	return false;
}

void settings_read(struct words *w, struct settings *s)
{
	do {
		if (!read_knob(w, s))
			words_fault(w, "\"%s\" is no word of conf", words_peek(w));
	} while (!w->fault[0] && *words_peek(w));
}

void settings_finish(struct settings *s)
{
	s->nat.policies = s->policies;
	s->nat.pool = s->pool;
	s->nat.forwards = s->forwards;
}
