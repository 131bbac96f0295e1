#include "choice.h"

#include "rules.h"

static bool is_free(struct model *m, const struct nat_policy *p, const struct model_mapping *new,
		    struct place outside)
{
	return rule_port_allowed(&m->config, p, new->protocol, new->inside, outside) &&
	       !mapping_outside(m, new->protocol, outside) &&
	       !model_rests(m, new->protocol, outside);
}

static bool none_is_free(struct model *m, const struct nat_policy *p,
			 const struct model_mapping *new, uint32_t address)
{
	struct port_range range = rule_range(p, new->protocol, new->inside.port);

	for (unsigned port = range.first; port <= range.last; port++)
		if (is_free(m, p, new, (struct place){ address, (uint16_t)port }))
			return false;
	return true;
}

/* The address the host has had all the time; 0: it has had none, or is not bound to it. */
static uint32_t paired_address(const struct model *m, const struct nat_policy *p, uint32_t inside)
{
	for (size_t i = 0; i < m->pairing->count; i++)
		if (p->pooling == NAT_POOLING_PAIRED && m->pairing->host[i].inside == inside)
			return m->pairing->host[i].outside;
	return 0;
}

static void pair(struct model *m, uint32_t inside, uint32_t outside)
{
	m->pairing->host[m->pairing->count].inside = inside;
	m->pairing->host[m->pairing->count++].outside = outside;
}

static uint32_t slice_address(const struct model *m, const struct nat_policy *p, size_t i)
{
	return be32_host(m->config.pool[p->pool_first + i]);
}

static bool in_slice(const struct model *m, const struct nat_policy *p, uint32_t address)
{
	for (size_t i = 0; i < p->pool_count; i++)
		if (slice_address(m, p, i) == address)
			return true;
	return false;
}

/* No other address is tried, so it is enough that the host's own may be the full one. */
bool choice_is_empty(struct model *m, const struct nat_policy *p, const struct model_mapping *new)
{
	uint32_t paired = paired_address(m, p, new->inside.address);

	for (size_t i = 0; i < p->pool_count; i++) {
		uint32_t address = slice_address(m, p, i);

		if ((!paired || paired == address) && none_is_free(m, p, new, address))
			return true;
	}
	return false;
}

/* Made with the highest port, behind which one begins anew, if there is none. */
static struct model_given *given_last(struct model *m, uint8_t protocol, uint32_t address)
{
	for (size_t i = 0; i < m->given_count; i++)
		if (m->given[i].protocol == protocol && m->given[i].address == address)
			return &m->given[i];
	m->given[m->given_count] = (struct model_given){ address, protocol, 65535 };
	return &m->given[m->given_count++];
}

static bool is_next(struct model *m, const struct nat_policy *p, const struct model_mapping *new)
{
	struct model_given *last = given_last(m, new->protocol, new->outside.address);
	struct place next = { new->outside.address, last->port };

	do
		next.port++;
	while (!is_free(m, p, new, next));
	last->port = new->outside.port;
	return place_equal(next, new->outside);
}

const char *choice_fault(struct model *m, const struct nat_policy *p,
			 const struct model_mapping *new)
{
	uint32_t paired = paired_address(m, p, new->inside.address);
	struct place same = { new->outside.address, new->inside.port };

	if (!in_slice(m, p, new->outside.address))
		return "outside address is not of the policy's pool";
	if (paired && paired != new->outside.address)
		return "outside address differs from the host's others";
	if (mapping_outside(m, new->protocol, new->outside))
		return "outside port is another mapping's";
	if (!is_free(m, p, new, new->outside))
		return "outside port is out of range, of wrong parity, forwarded, another worker's";
	if (p->port_selection == NAT_PORT_PRESERVE && !place_equal(new->outside, same) &&
	    is_free(m, p, new, same))
		return "outside port is another although the inside port is free";
	if (p->port_selection == NAT_PORT_SEQUENTIAL && !is_next(m, p, new))
		return "outside port is not the next free one";
	if (!paired && p->pooling == NAT_POOLING_PAIRED)
		pair(m, new->inside.address, new->outside.address);
	return NULL;
}
