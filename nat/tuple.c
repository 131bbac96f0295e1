#include "nat/tuple.h"

/* RFC 5508 section 3.1: which queries an inside host asks and what comes back. */
static const struct { uint8_t request, reply; } queries[] = {
	{ 8, 0 },   /* echo */
	{ 13, 14 }, /* timestamp */
};

static bool is_request(uint8_t type)
{
	return type == queries[0].request || type == queries[1].request;
}

/* Endpoints as they stand in the datagram; outward: the source is the local one. */
static enum reason fill(struct tuple *t, const struct pkt *p, enum nat_side side, bool outward)
{
	const uint8_t *transport = pkt_transport(p);
	be32 source = be32_load(p->ip + 12), destination = be32_load(p->ip + 16);
	be16 source_port = { 0 }, destination_port = { 0 };

	if (p->version != 4 || (p->flags & PKT_FRAGMENT_LATER))
		return REASON_NO_TRANSPORT;
	if (p->protocol == PROTO_TCP || p->protocol == PROTO_UDP) {
		source_port = be16_load(transport);
		destination_port = be16_load(transport + 2);
	} else if (p->protocol == PROTO_ICMP) {
		/* Requests go outward only: the other way round they are for the router. */
		if (!(p->flags & PKT_ICMP_QUERY) || is_request(transport[0]) != outward)
			return REASON_NOT_A_QUERY;
		*(outward ? &source_port : &destination_port) = be16_load(transport + 4);
	} else {
		return REASON_NO_TRANSPORT;
	}
	*t = (struct tuple){
		.local = outward ? source : destination,
		.remote = outward ? destination : source,
		.local_port = outward ? source_port : destination_port,
		.remote_port = outward ? destination_port : source_port,
		.protocol = p->protocol,
		.side = (uint8_t)side,
	};
	return REASON_NONE;
}

enum reason tuple_of(struct tuple *t, const struct pkt *p, enum nat_side from)
{
	return fill(t, p, from, from == SIDE_INSIDE);
}

enum reason tuple_of_quoted(struct tuple *t, const struct pkt *inner, enum nat_side from)
{
	return fill(t, inner, from, from == SIDE_OUTSIDE);
}
