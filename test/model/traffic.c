#include "traffic.h"

#include <string.h>

#include "embed.h"
#include "malform.h"
#include "universe.h"

static bool one_in(const struct scene *s, uint32_t times)
{
	return chance_one_in(s->chance, times);
}

const struct model_session *traffic_session(const struct scene *scene, const struct model **owner)
{
	const struct model *m = &scene->models[chance_below(scene->chance, scene->workers)];
	size_t start = chance_below(scene->chance, MODEL_SESSIONS);

	*owner = m;
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &m->sessions[(start + i) % MODEL_SESSIONS];

		if (s->alive)
			return s;
	}
	return NULL;
}

/* TCP: mostly what comes next, else something at or beyond an edge. */

static uint32_t sequence(const struct scene *scene, const struct tcp *t, enum nat_side from)
{
	static const int32_t near[] = { -2, -1, 0, 1, 2 };
	const struct tcp_side *me = &t->side[from], *you = &t->side[side_other(from)];
	int32_t step = CHANCE_OF(scene->chance, near);
	uint32_t window = tcp_window(t, side_other(from));

	if (!me->sent && !you->known)
		return chance_below(scene->chance, 16) - 8;
	switch (chance_below(scene->chance, 12)) {
	case 0:
		return you->ack + window + (uint32_t)step;
	case 1:
		return you->ack - tcp_slack(t, side_other(from)) + (uint32_t)step;
	case 2:
		return you->ack + (uint32_t)step;
	case 3:
		return me->end + (uint32_t)step;
	case 4:
		return (uint32_t)chance_bits(scene->chance);
	case 5:
		return one_in(scene, 2) ? t->isn : me->end - chance_below(scene->chance, 100);
	default:
		return you->known ? you->ack : me->end;
	}
}

static uint32_t acknowledgement(const struct scene *scene, const struct tcp *t, enum nat_side from)
{
	const struct tcp_side *me = &t->side[from], *you = &t->side[side_other(from)];

	switch (chance_below(scene->chance, 10)) {
	case 0:
		return you->end + 1;
	case 1:
		return you->end - 1;
	case 2:
		return me->ack - 1;
	case 3:
		return (uint32_t)chance_bits(scene->chance);
	default:
		return you->end;
	}
}

static uint8_t flags(const struct scene *scene, bool opens)
{
	static const uint8_t usual[] = {
		TCP_ACK, TCP_ACK, TCP_ACK, TCP_ACK | 8, TCP_SYN, TCP_SYN | TCP_ACK,
		TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST,
		TCP_RST | TCP_ACK, TCP_RST | TCP_FIN, TCP_SYN | 0xc0,
	};

	if (one_in(scene, 12))
		return (uint8_t)chance_bits(scene->chance);
	return opens && !one_in(scene, 6) ? TCP_SYN : CHANCE_OF(scene->chance, usual);
}

static struct segment segment(const struct scene *scene, const struct tcp *t, enum nat_side from)
{
	static const uint16_t windows[] = { 0, 1, 100, 1000, 0x7fff, 65535 };
	static const int scales[] = { -1, 0, 1, 7, 14, 15, 255 };
	static const struct tcp nothing;
	struct segment x = { .scale = -1 };

	x.seq = sequence(scene, t ? t : &nothing, from);
	x.ack = acknowledgement(scene, t ? t : &nothing, from);
	x.window = CHANCE_OF(scene->chance, windows);
	x.flags = flags(scene, !t);
	if (one_in(scene, 2))
		x.scale = CHANCE_OF(scene->chance, scales);
	return x;
}

/* Endpoints. */

/* Of IPv6 only where there is an entry of it. */
static bool six(const struct scene *s)
{
	return s->six && one_in(s, 2);
}

static struct place inside_place(const struct scene *s, bool of_six)
{
	struct place p;

	p.address = of_six ? CHANCE_OF(s->chance, six_hosts) : CHANCE_OF(s->chance, inside_hosts);
	p.port = CHANCE_OF(s->chance, inside_ports);
	return p;
}

static struct place remote_place(const struct scene *s, bool of_six)
{
	struct place p;

	p.address = one_in(s, 10) ? CHANCE_OF(s->chance, seen_hosts)
				  : CHANCE_OF(s->chance, remote_hosts);
	if (of_six)
		p.address = CHANCE_OF(s->chance, six_remotes);
	p.port = CHANCE_OF(s->chance, remote_ports);
	return p;
}

/* Forwards with several targets, and with disguised visitors. */
static const struct place visited_places[] = {
	{ ADDRESS(192, 0, 2, 2), 5000 }, { ADDRESS(192, 0, 2, 3), 443 },
};

static struct place outside_six(const struct scene *s)
{
	struct place p;

	switch (chance_below(s->chance, 3)) {
	case 0:
		p.address = CHANCE_OF(s->chance, six_hosts);
		break;
	case 1:
		p.address = CHANCE_OF(s->chance, six_basic);
		break;
	default:
		p.address = CHANCE_OF(s->chance, six_pool);
		break;
	}
	p.port = CHANCE_OF(s->chance, outside_ports);
	return p;
}

/* An IPv4 address as IPv6 hosts write it, with something behind it that nobody reads. */
static ip_number embedded(const struct scene *s, ip_number four)
{
	size_t i = chance_below(s->chance, SIX_PREFIXES);
	struct ip6_prefix p = { ip_to_six(six_prefixes[i].address), six_prefixes[i].len };

	if (one_in(s, 6))
		four = CHANCE_OF(s->chance, odd_remotes);
	return embed_put_in(&p, four) + (p.len <= 56 && one_in(s, 4) ? 5 : 0);
}

static struct place outside_place(const struct scene *s, bool of_six)
{
	const struct model *owner;
	const struct model_session *session = traffic_session(s, &owner);
	struct place p;

	if (session && ip_is_six(session->outside.address) == of_six && !one_in(s, 4))
		return session->outside;
	if (of_six)
		return outside_six(s);
	if (one_in(s, 5))
		return CHANCE_OF(s->chance, visited_places);
	p.address = one_in(s, 8) ? ADDRESS(203, 0, 113, 200)
				 : CHANCE_OF(s->chance, pool_addresses);
	if (one_in(s, 8))
		p.address = CHANCE_OF(s->chance, basic_addresses);
	p.port = one_in(s, 4) ? (uint16_t)chance_bits(s->chance)
			      : CHANCE_OF(s->chance, outside_ports);
	return p;
}

static uint8_t protocol(const struct scene *s)
{
	static const uint8_t usual[] = {
		PROTO_TCP, PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_UDP, PROTO_UDP, PROTO_ICMP,
	};
	static const uint8_t unusual[] = { 2, 51 }; /* that no NAT translates */

	return one_in(s, 25) ? CHANCE_OF(s->chance, unusual) : CHANCE_OF(s->chance, usual);
}

/* What SIIT translates, or nearly. */
static void draw_siit_ends(const struct scene *s, struct draft *x, enum nat_side from)
{
	ip_number remote = CHANCE_OF(s->chance, remote_hosts);

	if (one_in(s, 6))
		remote = CHANCE_OF(s->chance, odd_remotes);
	x->source = inside_place(s, false);
	x->destination = remote_place(s, false);
	x->source.address = from == SIDE_INSIDE ? CHANCE_OF(s->chance, siit_hosts)
						: CHANCE_OF(s->chance, siit_outsides);
	if (from == SIDE_INSIDE && one_in(s, 6))
		remote = CHANCE_OF(s->chance, siit_outsides);
	if (!ip_is_six(remote) && ip_is_six(x->source.address))
		remote = embed_put_in(&siit_prefix, remote);
	x->destination.address = remote;
	if (from == SIDE_INSIDE)
		return;
	x->destination.address = x->source.address;
	x->source.address = remote;
}

static void draw_ends(const struct scene *s, struct draft *x, enum nat_side from)
{
	bool of_six = six(s), embeds = of_six && one_in(s, 2);

	if (s->six && one_in(s, 5)) {
		draw_siit_ends(s, x, from);
		return;
	}
	if (from == SIDE_INSIDE) {
		x->source = inside_place(s, of_six);
		x->destination = one_in(s, 5) ? outside_place(s, of_six && !embeds)
					      : remote_place(s, of_six && !embeds);
		if (embeds && !ip_is_six(x->destination.address))
			x->destination.address = embedded(s, x->destination.address);
	} else {
		x->source = one_in(s, 10) ? outside_place(s, of_six) : remote_place(s, of_six);
		x->destination = one_in(s, 20) ? inside_place(s, of_six) : outside_place(s, of_six);
	}
	if (of_six && one_in(s, 40))
		x->source.address = embedded(s, CHANCE_OF(s->chance, remote_hosts));
}

/* The ends of a datagram that a session expects from a side. */
static void known_ends(struct draft *x, const struct model_session *s, enum nat_side from)
{
	x->protocol = s->protocol;
	x->source = from == SIDE_INSIDE ? s->inside : s->remote[from];
	x->destination = from == SIDE_INSIDE ? s->remote[from] : s->outside;
}

/* Another remote endpoint: for mappings and filters to tell apart. */
static void stray(const struct scene *s, struct draft *x, enum nat_side from)
{
	struct place *remote = from == SIDE_INSIDE ? &x->destination : &x->source;
	struct place other = remote_place(s, ip_is_six(remote->address));

	if (one_in(s, 2))
		remote->port = other.port;
	else
		*remote = other;
}

static void fill_icmp(const struct scene *s, struct draft *x, enum nat_side from)
{
	static const uint8_t others[] = { 0, 4, 5, 8, 9, 10, 13, 14, 15, 17, 40, 42 };
	static const uint8_t others_six[] = { 128, 129, 127, 130, 133, 135, 137, 139, 144, 200 };
	bool inside = from == SIDE_INSIDE;

	x->identifier = inside ? x->source.port : x->destination.port;
	if (one_in(s, 5))
		inside = !inside;
	x->icmp_type = one_in(s, 5) ? (inside ? 13 : 14) : (inside ? 8 : 0);
	if (one_in(s, 8))
		x->icmp_type = CHANCE_OF(s->chance, others);
	if (!ip_is_six(x->source.address))
		return;
	x->icmp_type = one_in(s, 8) ? CHANCE_OF(s->chance, others_six) : inside ? 128 : 129;
}

static enum sum sum_of(const struct scene *s, uint8_t proto)
{
	if (one_in(s, 12))
		return SUM_WRONG;
	if (one_in(s, 10))
		return SUM_NONE;
	return proto != PROTO_ICMP && one_in(s, 8) ? SUM_PARTIAL : SUM_RIGHT;
}

/* Extension headers; those that say where to go, and in which piece, sometimes not to the NAT's
 * liking. */
static void fill_chain(const struct scene *s, struct draft *x)
{
	static const uint8_t chains[][5] = {
		{ 0, 0xff }, { 60, 0xff }, { 0, 60, 43, 0xff }, { 43, 0xff }, { 44, 0xff },
		{ 44, 0xff }, { 0, 44, 0xff }, { 44, 60, 0xff }, { 60, 0, 0xff }, { 44, 44, 0xff },
	};
	static const uint8_t pieces[] = { 44, 0xff };

	x->routing = (uint8_t)chance_below(s->chance, 5);
	x->segments_left = one_in(s, 3);
	if (one_in(s, 10))
		x->chain = chains[chance_below(s->chance, sizeof(chains) / sizeof(chains[0]))];
	else if (x->fragment & 0x3fff)
		x->chain = pieces;
}

static void fill_rest(const struct scene *s, struct draft *x)
{
	static const uint16_t payloads[] = { 0, 0, 1, 2, 7, 8, 33, 100 };
	static const uint8_t options[] = { 0, 0, 7, 68, 131, 137, 148 };
	static const uint16_t fragments[] = { 0x4000, 0x2000, 0x0001, 0x2003, 0x8000, 0x00b9 };

	x->payload_len = CHANCE_OF(s->chance, payloads);
	if (one_in(s, 40))
		x->payload_len = (uint16_t)(1000 + chance_below(s->chance, 2000));
	if (one_in(s, 30))
		x->fragment = CHANCE_OF(s->chance, fragments);
	x->option = CHANCE_OF(s->chance, options);
	x->options_len = one_in(s, 12) ? (uint8_t)(4 + 4 * chance_below(s->chance, 10)) : 0;
	x->sum = sum_of(s, x->protocol);
	x->tos = one_in(s, 2) ? (uint8_t)chance_bits(s->chance) : 0;
	fill_chain(s, x);
}

/* Checksums of all zeros or ones, before or after translation. */
static void tune(const struct scene *scene, struct draft *x, const struct model_session *s,
		 enum nat_side from)
{
	bool after = one_in(scene, 2);

	draft_tune(x, after && from == SIDE_INSIDE ? s->outside : x->source,
		   after && from == SIDE_OUTSIDE ? s->inside : x->destination);
}

static struct draft draw(const struct scene *scene, enum nat_side from)
{
	const struct model *owner;
	const struct model_session *s = traffic_session(scene, &owner);
	struct draft x = { .protocol = protocol(scene) };

	if (s && !one_in(scene, 3)) {
		known_ends(&x, s, from);
		if (one_in(scene, 6)) {
			stray(scene, &x, from);
			s = NULL;
		}
	} else {
		draw_ends(scene, &x, from);
		s = NULL;
	}
	/* There it is an extension header. */
	if (x.protocol == PROTO_AH && ip_is_six(x.source.address))
		x.protocol = 2;
	if (x.protocol == PROTO_TCP)
		x.tcp = segment(scene, s ? &s->tcp : NULL, from);
	if (x.protocol == PROTO_ICMP)
		fill_icmp(scene, &x, from);
	fill_rest(scene, &x);
	if (s && one_in(scene, 12))
		tune(scene, &x, s, from);
	return x;
}

/* ICMP errors. */

/* What some session has sent towards a side, or something like it. */
static struct draft draw_quoted(const struct scene *scene, enum nat_side to)
{
	enum nat_side from = side_other(to);
	const struct model *owner;
	const struct model_session *s = traffic_session(scene, &owner);
	struct draft x = draw(scene, from);

	if (!s || one_in(scene, 10) || (scene->six && one_in(scene, 6)))
		return x;
	x.protocol = s->protocol;
	x.source = from == SIDE_INSIDE ? s->outside : s->remote[to];
	x.destination = from == SIDE_INSIDE ? s->remote[to] : s->inside;
	if (x.protocol == PROTO_TCP)
		x.tcp = segment(scene, &s->tcp, from);
	if (x.protocol == PROTO_ICMP)
		fill_icmp(scene, &x, from);
	return x;
}

/* How much of the datagram an error quotes: RFC 792's eight octets, RFC 1812's as much as fits, or
 * too little. */
static size_t quoted_len(const struct scene *s, size_t header, size_t len)
{
	size_t most[] = { header + 8, header + 8, header + 20, len, len, header + 7, header + 17,
			  header, chance_below(s->chance, (uint32_t)len + 1) };
	size_t cut = CHANCE_OF(s->chance, most);

	cut = cut < 1000 ? cut : 1000;
	return cut < len ? cut : len;
}

/* RFC 4884: how long the quote is, with what fills it up. */
static uint16_t length_word(bool of_six, size_t len)
{
	return of_six ? (uint16_t)(len / 8 << 8) : (uint16_t)(len / 4 & 255);
}

static void draw_error(const struct scene *s, struct event *e)
{
	static const uint8_t types[] = { 3, 3, 3, 11, 12 }, types_six[] = { 1, 1, 2, 3, 4 };
	static const uint16_t mtus[] = { 0, 7, 67, 68, 576, 1400, 65535 };
	static const uint32_t routers[] = { ADDRESS(10, 0, 0, 1), ADDRESS(198, 51, 100, 254),
					    ADDRESS(10, 0, 9, 2) };
	static const ip_number six_routers[] = {
		SIX(0x2001, 0xdb8, 1, 0, 0, 1), SIX(0x2001, 0xdb8, 0xf, 0, 0, 254),
		SIX(0x2001, 0xdb8, 5, 0, 0, 2), SIX(0x2001, 0xdb8, 0xa, 0, 0, 0x77),
	};
	bool of_six;
	uint8_t quoted[DRAFT_MOST];
	struct draft inner = draw_quoted(s, e->from);
	size_t len = draft_write(&inner, quoted);
	struct draft_error outer = {
		.source = inner.destination.address,
		.destination = inner.source.address,
	};

	of_six = ip_is_six(inner.source.address);
	outer.type = of_six ? CHANCE_OF(s->chance, types_six) : CHANCE_OF(s->chance, types);
	outer.code = one_in(s, 4) ? 4 : (uint8_t)chance_below(s->chance, 16);
	outer.mtu = CHANCE_OF(s->chance, mtus);
	outer.sum = one_in(s, 12) ? SUM_WRONG : SUM_RIGHT;
	if (of_six && one_in(s, 2))
		outer.mtu = (uint16_t)chance_below(s->chance, 50); /* or a pointer */
	if (one_in(s, 4))
		outer.word = (uint16_t)(chance_below(s->chance, 24) << 8);
	if (one_in(s, 2))
		outer.source = of_six ? CHANCE_OF(s->chance, six_routers)
				      : CHANCE_OF(s->chance, routers);
	if (one_in(s, 20))
		outer.destination = of_six ? CHANCE_OF(s->chance, six_pool)
					   : CHANCE_OF(s->chance, pool_addresses);
	if (one_in(s, 8))
		malform_quoted(s->chance, quoted, len);
	len = quoted_len(s, draft_header(&inner), len);
	if (one_in(s, 8)) { /* RFC 4884: padding and extensions behind the quote */
		memset(quoted + len, one_in(s, 2) ? 0 : 0x5a, 140);
		if (one_in(s, 2))
			outer.word = length_word(of_six, len + 128);
		len += 140;
	}
	e->len = draft_write_error(&outer, quoted, len, e->octets);
}

static void offload_partial(const struct scene *s, struct event *e, const struct draft *x)
{
	e->offload = (struct pkt_offload){
		.partial = true,
		.checksum_start = (uint16_t)draft_header(x),
		.checksum_offset = x->protocol == PROTO_TCP ? 16 : 6,
		.gso_size = x->payload_len > 1000 && one_in(s, 2) ? 900 : 0,
	};
}

void traffic_next(const struct scene *scene, struct event *e)
{
	struct draft x;

	e->from = one_in(scene, 2) ? SIDE_INSIDE : SIDE_OUTSIDE;
	e->known_only = one_in(scene, 25);
	e->hairpinned = false;
	e->offload = (struct pkt_offload){ 0 };
	if (one_in(scene, 8)) {
		draw_error(scene, e);
	} else {
		x = draw(scene, e->from);
		e->len = draft_write(&x, e->octets);
		if (x.sum == SUM_PARTIAL && (x.protocol == PROTO_TCP || x.protocol == PROTO_UDP))
			offload_partial(scene, e, &x);
	}
	if (one_in(scene, 12))
		malform(scene->chance, e->octets, &e->len, &e->offload);
}
