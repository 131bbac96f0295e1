#include "nat/rewrite.h"

#include "transport.h"

enum { ICMP_IDENTIFIER = 4 };

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
	be16 was;

	if (!gre_has_call(pkt_transport(p)) || be16_equal(r->destination_port, (be16){ 0 }))
		return (csum_t){ 0 };
	was = be16_load(call);
	be16_store(call, r->destination_port);
	return csum_sub((csum_t){ r->destination_port.raw }, (csum_t){ was.raw });
}

csum_t rewrite_rest(struct pkt *p, const struct rewrite *r)
{
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
	return rewrite_ports(p, r);
}
