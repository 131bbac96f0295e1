/*
 * Mappings for all protocols (RFC 7857 sections 5 and 6), where a policy wants them: TCP and UDP of an
 * inside endpoint have one outside endpoint, and what lets in strangers of one lets in those of the
 * other.
 */
#include "core.h"
#include "transport.h"

uint8_t sibling_protocol(const struct nat_policy *p, uint8_t protocol)
{
	if (!p || !p->protocol_independent)
		return 0;
	return protocol == PROTO_TCP ? PROTO_UDP : protocol == PROTO_UDP ? PROTO_TCP : 0;
}

static const struct mapping *find(struct nat *n, const struct tuple *like, uint8_t protocol)
{
	struct tuple key = *like;
	uint32_t number;

	key.protocol = protocol;
	number = protocol ? mapping_settle(n, mapping_find(n, &key)) : SLAB_NONE;
	return number == SLAB_NONE ? NULL : &n->mappings[number];
}

/* Whether the port that the sibling has is free for this protocol, too. */
static bool may_follow(const struct nat *n, const struct mapping *sibling, uint8_t protocol)
{
	struct endpoint e;

	if (!sibling || sibling->planned || sibling->address == NO_ADDRESS)
		return false;
	e = tuple_local(&sibling->key[SIDE_OUTSIDE]);
	return !ports_is_taken(&n->ports, sibling->address, ports_protocol(protocol),
			       be16_host(e.port)) &&
	       !forward_by_external(n, protocol, e) && !mapping_has(n, protocol, e);
}

bool sibling_endpoint(struct nat *n, const struct nat_policy *p, const struct tuple *inside,
		      uint16_t *address, uint16_t *port)
{
	const struct mapping *s = find(n, inside, sibling_protocol(p, inside->protocol));

	if (!may_follow(n, s, inside->protocol))
		return false;
	*address = s->address;
	*port = be16_host(s->key[SIDE_OUTSIDE].local_port);
	return true;
}

enum reason sibling_let_in(struct nat *n, struct mapping *m, bool hairpinned)
{
	const struct tuple *outside = &m->key[SIDE_OUTSIDE];
	uint8_t other = outside->protocol == PROTO_TCP ? PROTO_UDP : PROTO_TCP;
	const struct mapping *s = find(n, outside, other);
	const struct nat_policy *p = s ? policy_of(n, s->key[SIDE_INSIDE].local, outside->local) : NULL;

	if (sibling_protocol(p, outside->protocol) != other || !may_follow(n, s, outside->protocol))
		return REASON_NO_MAPPING;
	m->filtering = (uint8_t)p->behaviour[nat_class_of(outside->protocol)].filtering;
	if (m->filtering != NAT_ENDPOINT_INDEPENDENT && !hairpinned)
		return REASON_FILTERED;
	m->key[SIDE_INSIDE] = s->key[SIDE_INSIDE];
	m->key[SIDE_INSIDE].protocol = outside->protocol;
	/* It may have another mapping by this protocol. */
	if (mapping_find(n, &m->key[SIDE_INSIDE]) != SLAB_NONE)
		return REASON_NO_MAPPING;
	/* A stranger uses up none of the ports that the host may have. */
	m->borrowed = true;
	m->address = s->address;
	m->refresh = (uint8_t)p->refresh;
	return REASON_NONE;
}
