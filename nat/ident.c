/*
 * IPv4 identifications (RFC 7857 section 10, RFC 6864): datagrams of several inside hosts leave from
 * one address, so those that are or may be fragmented get identifications as if the NAT had sent
 * them. Counters are chosen by a keyed hash of destination and protocol, whatever the source; every
 * worker has a part of them of its own, in which the segments of one super-packet are in a row.
 */
#include "core.h"

enum { V4_IDENT = 4, V4_CHECKSUM = 10, IDENTS = 65536 };

be16 ident_take(struct nat *n, be32 destination, const struct pkt *p)
{
	uint64_t h = hash_words(&n->draw, destination.raw, p->protocol);
	uint16_t *counter = &n->idents[h % IDENT_COUNTERS];
	uint32_t segments = p->gso_size ? p->len / p->gso_size + 1u : 1;
	uint32_t width = (uint32_t)IDENTS / n->config.workers;
	uint32_t count = *counter + segments > width ? 0 : *counter;

	*counter = (uint16_t)(count + segments);
	return be16_from((uint16_t)((h >> 48) + n->config.worker * width + count));
}

be16 ident_next(struct nat *n, const struct pkt *p)
{
	return ident_take(n, be32_load(pkt_destination(p)), p);
}

static bool matters(const struct nat *n, const struct pkt *p)
{
	return n->config.unique_idents && (pkt_is_fragment(p) || !(p->flags & PKT_DONT_FRAGMENT));
}

/* The view keeps the one that is not in the datagram. */
static void swap(struct pkt *p)
{
	be16 was = be16_load(p->ip + V4_IDENT), now = p->ident;

	be16_store(p->ip + V4_IDENT, now);
	csum_patch(p->ip + V4_CHECKSUM, csum_diff(&was, &now, sizeof(now)));
	p->ident = was;
}

void ident_rewrite(struct nat *n, struct pkt *p)
{
	if (!matters(n, p))
		return;
	if (!pkt_is_fragment(p))
		p->ident = ident_next(n, p);
	swap(p);
}

void ident_restore(const struct nat *n, struct pkt *p)
{
	if (matters(n, p))
		swap(p);
}
