#include "transport.h"
#include "tuple_common.h"

/* RFC 5508 section 3.1: which queries an inside host asks and what comes back. */
static const struct { uint8_t request, reply; } queries[] = {
	{ 8, 0 },   /* echo */
	{ 13, 14 }, /* timestamp */
	{ 128, 129 }, /* echo of ICMPv6 (RFC 4443 section 4); no query of the other */
};

bool icmp_is_request(uint8_t type)
{
	return type == queries[0].request || type == queries[1].request ||
	       type == queries[2].request;
}

/* Of protocols without ports. SPI 0 is nobody's (RFC 4303 section 2.1). */
static enum reason read_other(const uint8_t *transport, enum naming by, be16 ports[static 2])
{
	ports[0] = ports[1] = (be16){ 0 };
	if (by == BY_SPI) {
		ports[0] = be16_load(transport);
		ports[1] = be16_load(transport + 2);
		return load32(transport) ? REASON_NONE : REASON_NO_TRANSPORT;
	}
	if (by == BY_CALL && gre_has_call(transport))
		ports[1] = be16_load(transport + GRE_CALL);
	return REASON_NONE;
}

static enum naming naming_of(const struct pkt *p)
{
	if (p->version == 6 && p->protocol == PROTO_ICMPV6)
		return BY_IDENTIFIER;
	return transport_naming(p->protocol);
}

enum reason tuple_ports(const struct pkt *p, bool outward, be16 ports[static 2])
{
	const uint8_t *transport = pkt_transport(p);
	enum naming by = naming_of(p);

	if (by == NOT_AT_ALL)
		return REASON_NO_TRANSPORT;
	if (p->flags & PKT_NO_PORTS)
		return REASON_NOT_A_QUERY;
	if (p->flags & PKT_FRAGMENT_LATER) {
		ports[0] = p->ports[0];
		ports[1] = p->ports[1];
		return p->flags & PKT_PORTS_KNOWN ? REASON_NONE : REASON_FRAGMENT;
	}
	if (by == BY_PORTS || by == BY_TAG) {
		ports[0] = be16_load(transport);
		ports[1] = be16_load(transport + 2);
		return REASON_NONE;
	}
	if (by != BY_IDENTIFIER)
		return read_other(transport, by, ports);
	/* Requests go outward only: the other way round they are for the router. */
	if (!(p->flags & PKT_ICMP_QUERY) || icmp_is_request(transport[0]) != outward)
		return REASON_NOT_A_QUERY;
	ports[0] = ports[1] = be16_load(transport + 4);
	return REASON_NONE;
}

be16 tuple_tag(const struct pkt *p, enum nat_side side, bool outward)
{
	if (p->protocol != PROTO_SCTP || side != SIDE_OUTSIDE || outward)
		return (be16){ 0 };
	return sctp_fold(p->flags & PKT_FRAGMENT_LATER ? p->sequence
						       : load32(pkt_transport(p) + 4));
}

/* Endpoints as they stand in the datagram; outward: the source is the local one. */
static enum reason fill(struct tuple *t, const struct pkt *p, enum nat_side side, bool outward)
{
	be32 source = be32_load(p->ip + 12), destination = be32_load(p->ip + 16);
	be16 ports[2];
	uint32_t rest;
	enum reason r = p->version == 4 ? tuple_ports(p, outward, ports) : REASON_NO_TRANSPORT;

	/* These are names (names.h). */
	if (p->version == 4 && (p->ip[12] >= 240 || p->ip[16] >= 240))
		return REASON_MARTIAN_SOURCE;
	if (r != REASON_NONE)
		return r;
	/* The identifier belongs to whoever asks. */
	if (p->protocol == PROTO_ICMP)
		ports[outward] = (be16){ 0 };
	rest = beside16(octet_pair(p->protocol, (uint8_t)side), tuple_tag(p, side, outward).raw);
	if (outward)
		tuple_put(t, beside(source.raw, destination.raw),
			  beside16(ports[0].raw, ports[1].raw), rest);
	else
		tuple_put(t, beside(destination.raw, source.raw),
			  beside16(ports[1].raw, ports[0].raw), rest);
	return REASON_NONE;
}

enum reason tuple_of(struct tuple *t, const struct pkt *p, enum nat_side from)
{
	if (tuple_is_common(p)) {
		tuple_fill_common(t, p, from);
		return REASON_NONE;
	}
	return fill(t, p, from, from == SIDE_INSIDE);
}

enum reason tuple_of_quoted(struct tuple *t, const struct pkt *inner, enum nat_side from)
{
	return fill(t, inner, from, from == SIDE_OUTSIDE);
}

enum reason tuple_of_query(struct tuple *t, const struct pkt *p, enum nat_side from)
{
	be32 source = be32_load(p->ip + 12), destination = be32_load(p->ip + 16);
	bool outward = from == SIDE_INSIDE;

	if (p->version != 4 || p->protocol != PROTO_ICMP || p->ip[12] >= 240 || p->ip[16] >= 240 || !(p->flags & PKT_ICMP_QUERY) ||
	    (p->flags & (PKT_FRAGMENT_LATER | PKT_NO_PORTS)))
		return REASON_NOT_A_QUERY;
	*t = (struct tuple){
		.local = outward ? source : destination,
		.remote = outward ? destination : source,
		.local_port = be16_load(pkt_transport(p) + 4),
		.protocol = PROTO_ICMP,
		.side = (uint8_t)from,
	};
	return REASON_NONE;
}

enum reason tuple_of_quoted_query(struct tuple *t, const struct pkt *inner, enum nat_side from)
{
	enum reason r = tuple_of_query(t, inner, side_other(from));

	t->side = (uint8_t)from;
	return r;
}
