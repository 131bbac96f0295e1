#include "core.h"

/* x mod workers for x below 2^16: the fraction x / workers, times workers. */
static uint16_t modulo(const struct nat *n, uint16_t x)
{
	uint32_t fraction = n->workers_inverse * x;

	return (uint16_t)(((uint64_t)fraction * n->config.workers) >> 32);
}

/* Replies of a forwarded endpoint must reach the worker that holds the outside port. */
static be16 port_of(const struct nat_config *c, const struct tuple *t)
{
	struct endpoint e = { t->local, t->local_port };
	struct endpoint external;
	const struct nat_forward *f;

	if (!c->forward_count)
		return t->local_port;
	if (t->side == SIDE_OUTSIDE) {
		f = forward_by_external(c, t->protocol, e);
		if (!f)
			return t->local_port;
		e = forward_internal(f, e.port);
	}
	return forward_by_internal(c, t->protocol, e, &external) ? external.port : t->local_port;
}

/* Datagrams without ports: all of one remote address and protocol to one worker. */
static uint16_t owner_by_remote(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	const uint8_t *remote = from == SIDE_INSIDE ? pkt_destination(p) : pkt_source(p);
	uint64_t words[2] = { 0, p->protocol };

	memcpy(words, remote, p->version == 4 ? 4 : 8);
	return modulo(n, (uint16_t)hash_words(&n->hash, words[0], words[1]));
}

uint16_t nat_owner(const struct nat *n, const struct pkt *p, enum nat_side from)
{
	enum reason r = REASON_NO_TRANSPORT;
	struct pkt inner;
	struct tuple t;

	if (n->config.workers == 1)
		return 0;
	if (p->version == 4 && (!pkt_is_fragment(p) || (p->flags & PKT_PORTS_KNOWN))) {
		if (!(p->flags & PKT_ICMP_ERROR))
			r = tuple_of(&t, p, from);
		else if (pkt_parse_quoted(&inner, p) == REASON_NONE)
			r = tuple_of_quoted(&t, &inner, from);
	}
	if (r != REASON_NONE)
		return owner_by_remote(n, p, from);
	return modulo(n, be16_host(port_of(&n->config, &t)) >> 1);
}
