#include "nat/rewrite.h"

#include "transport.h"

enum { V4_CHECKSUM = 10, V4_SOURCE = 12, ICMP_IDENTIFIER = 4 };
enum { ADDRESSES = 8, PORTS = 4 }; /* octets of both */

_Static_assert(offsetof(struct rewrite, destination) == REWRITE_ADDRESSES + 4 &&
	       offsetof(struct rewrite, destination_port) == REWRITE_PORTS + 2,
	       "fields lie as in a datagram");

static csum_t words(be32 a, be32 b)
{
	const be32 both[2] = { a, b };

	return csum_of(both, sizeof(both));
}

static csum_t ports(be16 a, be16 b)
{
	return csum_add((csum_t){ a.raw }, (csum_t){ b.raw });
}

struct rewrite rewrite_make(const struct tuple *was, const struct tuple *now, bool outward)
{
	struct rewrite r = {
		.source = outward ? now->local : now->remote,
		.destination = outward ? now->remote : now->local,
		.source_port = outward ? now->local_port : now->remote_port,
		.destination_port = outward ? now->remote_port : now->local_port,
		.addresses = csum_sub(words(now->local, now->remote), words(was->local, was->remote)),
		.ports = csum_sub(ports(now->local_port, now->remote_port),
				  ports(was->local_port, was->remote_port)),
	};

	if (now->protocol == PROTO_ICMP)
		r.source_port = r.destination_port = now->local_port;
	if (transport_is_paired(now->protocol))
		r.ports = (csum_t){ 0 };
	return r;
}

/* TCP, UDP, UDP-Lite and DCCP: pseudo-header and ports always count (RFC 3022 section 4.1, RFC 3828
 * section 3.1, RFC 5597 REQ-11). Returns what the transport's octets, the checksum among them,
 * gained. */
static csum_t apply_ports(struct pkt *p, const struct rewrite *r)
{
	uint8_t *at = pkt_transport(p);
	uint8_t *field = p->ip + p->checksum;

	memcpy(at, (const uint8_t *)r + REWRITE_PORTS, PORTS);
	if (!p->checksum)
		return r->ports;
	/* The device adds the ports up when it completes the sum. */
	if (p->flags & PKT_PARTIAL)
		csum_patch_partial(field, r->addresses);
	else if (p->protocol == PROTO_UDP || p->protocol == PROTO_UDPLITE)
		csum_patch_udp(field, csum_add(r->addresses, r->ports));
	else
		csum_patch(field, csum_add(r->addresses, r->ports));
	return csum_negate(r->addresses);
}

static csum_t apply_identifier(struct pkt *p, const struct rewrite *r)
{
	be16_store(pkt_transport(p) + ICMP_IDENTIFIER, r->source_port);
	if (!p->checksum)
		return r->ports;
	csum_patch(p->ip + p->checksum, r->ports);
	/* The sum of nothing but zeros is zero, and its complement not: the one case in which the
	 * difference cannot tell the two zeros apart. */
	if (!load16(p->ip + p->checksum) &&
	    csum_of(pkt_transport(p), p->len - p->transport).raw == 0)
		store16(p->ip + p->checksum, 0xffff);
	return (csum_t){ 0 };
}

/* The receiver's call ID, where a helper has given the call another one; no checksum covers it. */
static csum_t apply_call(struct pkt *p, const struct rewrite *r)
{
	uint8_t *call = pkt_transport(p) + GRE_CALL;
	be16 was = be16_load(call);

	if (!gre_has_call(pkt_transport(p)) || be16_equal(r->destination_port, (be16){ 0 }))
		return (csum_t){ 0 };
	be16_store(call, r->destination_port);
	return csum_sub((csum_t){ r->destination_port.raw }, (csum_t){ was.raw });
}

csum_t rewrite_apply(struct pkt *p, const struct rewrite *r)
{
	/* The header's own checksum makes up for the addresses, so that its octets gain nothing. */
	memcpy(p->ip + V4_SOURCE, (const uint8_t *)r + REWRITE_ADDRESSES, ADDRESSES);
	csum_patch(p->ip + V4_CHECKSUM, r->addresses);
	if ((p->protocol == PROTO_TCP || p->protocol == PROTO_UDP) &&
	    !(p->flags & PKT_FRAGMENT_LATER))
		return apply_ports(p, r);
	if (transport_is_paired(p->protocol)) {
		if (p->protocol == PROTO_GRE && !(p->flags & PKT_FRAGMENT_LATER))
			return apply_call(p, r);
		return (csum_t){ 0 };
	}
	if (p->flags & PKT_FRAGMENT_LATER) {
		p->ports[0] = r->source_port;
		p->ports[1] = r->destination_port;
		return (csum_t){ 0 };
	}
	if (p->protocol == PROTO_ICMP)
		return apply_identifier(p, r);
	return apply_ports(p, r);
}
