/* Configurations of the NATs beyond the usual ones: sizes, forwards to several targets and of whole
 * protocols, exceptions, twice NAT, an address that is left; and what the NATs have to tell. */
#include "nats.h"

enum { INDEPENDENT = 1 << 0, TWICE = 1 << 1, GROUPS = 1 << 2, WHOLE = 1 << 3, EXCEPTS = 1 << 4, LEAVES = 1 << 5,
       STICKY = 1 << 6, SHORT_TIMES = 1 << 7 };
enum { FORGETFUL = 1 << 6, UNIQUE_IDENTS = 1 << 7 };
enum { MINUTE = 60000 };

void nats_open_more(struct nats *w, struct input *in)
{
	static const uint32_t half_open[] = { 0, 1, 3, 1 }, held[] = { 16384, 0, 1, 8 };
	static const uint32_t unsolicited[] = { 256, 0, 1, 4 }, events[] = { 0, 1, 8, 512 };
	uint8_t sizes = input_u8(in);

	w->config.half_open = half_open[sizes & 3];
	if (w->config.half_open > w->config.sessions)
		w->config.half_open = w->config.sessions;
	w->config.held_ports = held[sizes >> 2 & 3];
	w->config.unsolicited = unsolicited[sizes >> 4 & 3];
	w->config.forgetful = sizes & FORGETFUL;
	w->config.unique_idents = sizes & UNIQUE_IDENTS;
	w->config.events = events[input_below(in, 4)];
	w->config.event_mask = (1u << EVENT_COUNT) - 1;
}

/* As many as are in a row have one outside port; a port of 0 stands for a protocol without ports. */
static const struct {
	uint8_t protocol, external[4], internal[4], source[4];
	uint16_t port, to, targets;
	uint8_t with;
} rows[NATS_FORWARDS_MORE] = {
	{ PROTO_TCP, { 192, 0, 2, 1 }, { 10, 0, 0, 2 }, { 0 }, 5001, 443, 2, GROUPS },
	{ PROTO_TCP, { 192, 0, 2, 1 }, { 10, 0, 0, 3 }, { 0 }, 5001, 5000, 0, GROUPS },
	{ PROTO_UDP, { 192, 0, 2, 2 }, { 10, 0, 1, 2 }, { 0 }, 443, 443, 2, GROUPS },
	{ PROTO_UDP, { 192, 0, 2, 2 }, { 10, 0, 0, 3 }, { 0 }, 443, 80, 0, GROUPS },
	{ PROTO_UDP, { 192, 0, 2, 1 }, { 10, 0, 1, 2 }, { 198, 51, 100, 77 }, 53, 53, 0, WHOLE },
	{ PROTO_SCTP, { 192, 0, 2, 1 }, { 10, 0, 0, 3 }, { 0 }, 80, 80, 0, WHOLE },
	{ PROTO_GRE, { 192, 0, 2, 1 }, { 10, 0, 0, 2 }, { 0 }, 0, 0, 0, WHOLE },
	{ PROTO_ESP, { 192, 0, 2, 2 }, { 10, 0, 0, 3 }, { 0 }, 0, 0, 0, WHOLE },
};

static void add_forwards(struct nats *w, uint8_t wanted)
{
	for (size_t i = 0; i < NATS_FORWARDS_MORE; i++)
		if (wanted & rows[i].with)
			w->forwards[w->config.forward_count++] = (struct nat_forward){
				.protocol = rows[i].protocol,
				.external = be32_load(rows[i].external),
				.internal = be32_load(rows[i].internal),
				.source = be32_load(rows[i].source),
				.first = rows[i].port,
				.last = rows[i].port ? rows[i].port : UINT16_MAX,
				.internal_first = rows[i].to,
				.grouped = rows[i].with == GROUPS,
				.targets = rows[i].targets,
				.weight = (uint16_t)(1 + 2 * i),
				.sticky = wanted & STICKY,
			};
}

/* 10.0.0.0/16 as it is to 198.51.100.0/24, of all or of some protocols; or 10.0.9.0/24 to everywhere. */
static void set_exempt(struct nats *w, uint8_t wanted, uint8_t which)
{
	static const uint8_t to[4] = { 198, 51, 100 }, protocols[] = { 0, PROTO_UDP, PROTO_TCP };
	static const uint8_t all[4] = { 10, 0 }, some[4] = { 10, 0, 9 };
	struct nat_policy *p = &w->policies[0];

	*p = (struct nat_policy){ .type = NAT_NONE };
	p->prefix = be32_load(wanted & EXCEPTS ? all : some);
	p->prefix_len = wanted & EXCEPTS ? 16 : 24;
	if (!(wanted & EXCEPTS))
		return;
	w->excepts = true;
	p->destination.prefix = be32_load(to);
	p->destination.len = 24;
	p->destination.protocol = protocols[which % 3];
	if (which % 3)
		p->destination.ports = (struct port_range){ 80, 443 };
}

/* The pool's first place alone, the second being left. */
static void set_pool(struct nats *w, bool leaves)
{
	struct nat_policy *p = &w->policies[1];

	leaves = leaves && w->pool_of_four > 1;
	p->pool_count = (uint16_t)(leaves ? 1 : w->pool_of_four);
	p->left = leaves ? 2 : 0;
}

void nats_read_more(struct nats *w, struct input *in)
{
	static const uint8_t seen[4] = { 203, 0, 113, 8 }, real[4] = { 198, 51, 100, 0 };
	uint8_t wanted = input_u8(in), which = input_u8(in);
	struct nat_policy *p = &w->policies[1];

	w->groups |= wanted & GROUPS;
	set_exempt(w, wanted, which);
	set_pool(w, wanted & LEAVES);
	p->twice.len = 0;
	if (wanted & TWICE) {
		p->twice.seen = be32_load(seen);
		p->twice.real = be32_load(real);
		p->twice.len = 29;
	}
	p->protocol_independent = wanted & INDEPENDENT;
	p->helpers = p->protocol_independent ? 0 : which >> 4 & 7;
	w->helps |= p->helpers != 0;
	for (int i = 0; i < NAT_CLASS_COUNT && p->protocol_independent; i++)
		p->behaviour[i].mapping = NAT_ENDPOINT_INDEPENDENT;
	for (int i = 0; i < TIMEOUT_COUNT; i++)
		p->timeout_ms[i] = wanted & SHORT_TIMES && i < TIMEOUT_EXPECTED ? MINUTE : 0;
	add_forwards(w, wanted);
	/* Ports of a plan are nobody else's, and do not follow another protocol's. */
	if (nat_config_fault(&w->config))
		p->port_selection = NAT_PORT_RANDOM;
}

static void tell_endpoint(struct nats *w, const struct nat_endpoint *e)
{
	nats_digest(w, &e->address, sizeof(e->address));
	nats_digest(w, &e->port, sizeof(e->port));
	if (e->is_v6)
		nats_digest(w, &e->address6, sizeof(e->address6));
}

static void tell_events(struct nats *w, struct nat *n)
{
	struct nat_event e;

	while (nat_event_next(n, &e)) {
		assert(e.kind < EVENT_COUNT && e.at.ms <= w->now.ms && *nat_event_name(e.kind));
		nats_digest(w, &e.kind, 1);
		tell_endpoint(w, &e.inside);
		tell_endpoint(w, &e.outside);
	}
}

void nats_tell(struct nats *w)
{
	for (uint16_t i = 0; i < w->config.workers; i++) {
		struct nat_session s;
		struct pkt syn;

		tell_events(w, w->nat[i]);
		while (nat_rejected_next(w->nat[i], w->now, &syn)) {
			assert(syn.len <= NAT_REJECTED_MOST && syn.ip[0] >> 4 == syn.version);
			nats_digest(w, syn.ip, syn.len);
		}
		for (uint32_t cursor = 0; nat_session_next(w->nat[i], w->now, &cursor, &s);) {
			nats_digest(w, &s.packets, sizeof(s.packets));
			nats_digest(w, &s.expires_ms, sizeof(s.expires_ms));
			tell_endpoint(w, &s.inside);
			tell_endpoint(w, &s.outside);
			tell_endpoint(w, &s.remote);
		}
	}
}
