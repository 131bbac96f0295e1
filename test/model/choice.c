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
			 const struct model_mapping *new, ip_number address)
{
	struct port_range range = rule_range(p, new->protocol, new->inside.port);

	/* No other port will do. */
	if (p->port_selection == NAT_PORT_PRESERVE && p->conflict == NAT_CONFLICT_REFUSE)
		return !is_free(m, p, new, (struct place){ address, new->inside.port });
	for (unsigned port = range.first; port <= range.last; port++)
		if (is_free(m, p, new, (struct place){ address, (uint16_t)port }))
			return false;
	return true;
}

/* The address of the policy's slice that the host has had all the time; 0: it has had none, or is
 * not bound to it. */
static ip_number paired_address(const struct model *m, const struct nat_policy *p, ip_number inside)
{
	const struct model_pairing *all = m->pairing;

	for (size_t i = 0; i < all->count; i++)
		if (p->pooling != NAT_POOLING_ARBITRARY && all->host[i].inside == inside &&
		    all->host[i].first == p->pool_first && all->host[i].slice == p->pool_count)
			return all->host[i].outside;
	return 0;
}

static void pair(struct model *m, const struct nat_policy *p, ip_number inside, ip_number outside)
{
	struct model_pairing *all = m->pairing;

	all->host[all->count].inside = inside;
	all->host[all->count].first = p->pool_first;
	all->host[all->count].slice = p->pool_count;
	all->host[all->count++].outside = outside;
}

static ip_number slice_address(const struct model *m, const struct nat_policy *p, size_t i)
{
	return rule_pool(&m->config, p->pool_first + i);
}

static bool in_slice(const struct model *m, const struct nat_policy *p, ip_number address)
{
	for (size_t i = 0; i < p->pool_count; i++)
		if (slice_address(m, p, i) == address)
			return true;
	return false;
}

/* How many addresses of the slice have nothing for new, but one of them. */
static size_t full_addresses(struct model *m, const struct nat_policy *p,
			     const struct model_mapping *new, ip_number but)
{
	size_t count = 0;

	for (size_t i = 0; i < p->pool_count; i++)
		count += slice_address(m, p, i) != but &&
			 none_is_free(m, p, new, slice_address(m, p, i));
	return count;
}

/* No other address is tried unless pooling is soft, so it is enough that the host's own may be the
 * full one. */
bool choice_is_empty(struct model *m, const struct nat_policy *p, const struct model_mapping *new)
{
	ip_number paired = paired_address(m, p, new->inside.address);
	size_t full = full_addresses(m, p, new, 0);

	if (p->pooling == NAT_POOLING_SOFT)
		return full == p->pool_count;
	return paired ? none_is_free(m, p, new, paired) : full > 0;
}

/* Made with the highest port, behind which one begins anew, if there is none. */
static struct model_given *given_last(struct model *m, uint8_t protocol, ip_number address)
{
	for (size_t i = 0; i < m->given_count; i++)
		if (m->given[i].protocol == protocol && m->given[i].address == address)
			return &m->given[i];
	m->given[m->given_count] = (struct model_given){ address, protocol, false, 65535 };
	return &m->given[m->given_count++];
}

/* The first free port above one, and around. */
static struct place next_free(struct model *m, const struct nat_policy *p,
			      const struct model_mapping *new, uint16_t port)
{
	struct place next = { new->outside.address, port };

	do
		next.port++;
	while (!is_free(m, p, new, next));
	return next;
}

static const char *preserve_fault(struct model *m, const struct nat_policy *p,
				  const struct model_mapping *new)
{
	struct place same = { new->outside.address, new->inside.port };

	if (place_equal(new->outside, same))
		return NULL;
	if (is_free(m, p, new, same))
		return "outside port is another although the inside port is free";
	if (p->conflict == NAT_CONFLICT_REFUSE)
		return "outside port is another although that is to be refused";
	if (p->conflict == NAT_CONFLICT_SEQUENTIAL &&
	    !place_equal(next_free(m, p, new, same.port), new->outside))
		return "outside port is not the first free one above the inside port";
	return NULL;
}

void choice_forget(struct model *m, uint8_t protocol)
{
	for (size_t i = 0; i < m->given_count; i++)
		m->given[i].unknown |= m->given[i].protocol == protocol;
}

static const char *sequential_fault(struct model *m, const struct nat_policy *p,
				    const struct model_mapping *new)
{
	struct model_given *last = given_last(m, new->protocol, new->outside.address);
	struct place next = next_free(m, p, new, last->port);

	/* It may be shared, and then was not given. */
	if (!last->unknown && !place_equal(next, new->outside))
		return "outside port is not the next free one";
	last->port = new->outside.port;
	last->unknown &= p->exhausted == NAT_EXHAUSTED_OVERLOAD;
	return NULL;
}

/* RFC 4787 section 4.2.3: neighbours inside are neighbours outside, if they can be. */
static const char *contiguous_fault(struct model *m, const struct nat_policy *p,
				    const struct model_mapping *new)
{
	struct model_mapping neighbour = *new, *known;
	struct place beside = new->outside;

	neighbour.inside.port ^= 1;
	known = mapping_inside(m, &neighbour);
	if (!known || !known->holds || known->outside.address != new->outside.address)
		return NULL;
	beside.port = known->outside.port ^ 1;
	if (place_equal(beside, new->outside) || !is_free(m, p, new, beside))
		return NULL;
	return "outside port is not beside that of the neighbour";
}

static const char *selection_fault(struct model *m, const struct nat_policy *p,
				   const struct model_mapping *new)
{
	switch (p->port_selection) {
	case NAT_PORT_PRESERVE:
		return preserve_fault(m, p, new);
	case NAT_PORT_SEQUENTIAL:
		return sequential_fault(m, p, new);
	case NAT_PORT_CONTIGUOUS:
		return contiguous_fault(m, p, new);
	default:
		return NULL;
	}
}

/* RFC 4787 REQ-2; RFC 7857 section 4: another address only where one's own is full. */
static const char *pairing_fault(struct model *m, const struct nat_policy *p,
				 const struct model_mapping *new)
{
	ip_number inside = new->inside.address, outside = new->outside.address;
	ip_number paired = paired_address(m, p, inside);

	/* One's own may also be passed over for a port that is shared towards the remote endpoint. */
	if (paired && paired != outside &&
	    (p->pooling != NAT_POOLING_SOFT ||
	     (p->exhausted != NAT_EXHAUSTED_OVERLOAD && !none_is_free(m, p, new, paired))))
		return "outside address differs from the host's others";
	if (paired || p->pooling == NAT_POOLING_ARBITRARY)
		return NULL;
	/* Its own, as no other was full, or passed over for a port that is shared. */
	if (p->pooling == NAT_POOLING_PAIRED ||
	    (p->exhausted != NAT_EXHAUSTED_OVERLOAD && !full_addresses(m, p, new, outside)))
		pair(m, p, inside, outside);
	return NULL;
}

const char *choice_fault(struct model *m, const struct nat_policy *p,
			 const struct model_mapping *new)
{
	const char *fault;

	if (!in_slice(m, p, new->outside.address))
		return "outside address is not of the policy's pool";
	if (mapping_outside(m, new->protocol, new->outside))
		return "outside port is another mapping's";
	if (model_rests(m, new->protocol, new->outside))
		return "outside port still rests";
	if (!is_free(m, p, new, new->outside))
		return "outside port is out of range, of wrong parity, forwarded, another worker's";
	fault = pairing_fault(m, p, new);
	return fault ? fault : selection_fault(m, p, new);
}

static bool may_share(struct model *m, const struct nat_policy *p, const struct model_mapping *new,
		      struct place outside, struct place remote)
{
	return rule_share_allowed(&m->config, p, new->protocol, new->inside, outside) &&
	       !session_with(m, SIDE_OUTSIDE, new->protocol, outside, remote);
}

const char *choice_shared_fault(struct model *m, const struct nat_policy *p,
				const struct model_mapping *new, struct place remote)
{
	ip_number paired = paired_address(m, p, new->inside.address);

	if (!in_slice(m, p, new->outside.address))
		return "shared address is not of the policy's pool";
	if (paired && new->outside.address != paired)
		return "shared address differs from the host's others";
	if (!may_share(m, p, new, new->outside, remote))
		return "shared port is out of range, forwarded, another worker's, or in use "
		       "towards the same remote endpoint";
	return NULL;
}

bool choice_is_crowded(struct model *m, const struct nat_policy *p, const struct model_mapping *new,
		       struct place remote)
{
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *s = &m->sessions[i];

		if (s->alive && s->protocol == new->protocol &&
		    place_equal(s->remote[SIDE_OUTSIDE], remote) &&
		    in_slice(m, p, s->outside.address) && is_free(m, p, new, s->outside))
			return true;
	}
	return false;
}

/* Of a wide range the NAT need not see all. */
bool choice_shared_is_empty(struct model *m, const struct nat_policy *p,
			    const struct model_mapping *new, struct place remote)
{
	struct port_range range = rule_range(p, new->protocol, new->inside.port);
	ip_number paired = paired_address(m, p, new->inside.address);

	for (size_t i = 0; i < p->pool_count; i++) {
		struct place outside = { .address = slice_address(m, p, i) };
		bool none = !paired || paired == outside.address;

		for (unsigned port = range.first; none && port <= range.last; port++) {
			outside.port = (uint16_t)port;
			none = !may_share(m, p, new, outside, remote);
		}
		if (none)
			return true;
	}
	return false;
}

/* A visitor's first target is his target ever after. */
static const char *visit_fault(struct model *m, const struct model_visitor *v)
{
	struct model_pairing *all = m->pairing;

	for (size_t i = 0; i < all->visitor_count; i++) {
		const struct model_visitor *known = &all->visitor[i];

		if (known->protocol == v->protocol && place_equal(known->outside, v->outside) &&
		    place_equal(known->remote, v->remote))
			return place_equal(known->inside, v->inside)
				       ? NULL : "target of a forward is another than before";
	}
	if (all->visitor_count < MODEL_VISITORS)
		all->visitor[all->visitor_count++] = *v;
	return NULL;
}

const char *choice_target_fault(struct model *m, const struct nat_forward *f,
				struct model_visitor visitor)
{
	size_t targets = f->grouped ? f->targets : 1;

	if (f->sticky)
		visitor.remote.port = 0;
	for (size_t i = 0; i < targets; i++)
		if (place_equal(rule_target(&f[i], visitor.outside), visitor.inside))
			return f->grouped ? visit_fault(m, &visitor) : NULL;
	return "forward leads elsewhere";
}

const char *choice_disguise_fault(struct model *m, uint8_t protocol, struct place inside,
				  struct place wanted, struct place chosen)
{
	if (chosen.address != wanted.address)
		return "remote address is not disguised as configured";
	if (session_with(m, SIDE_INSIDE, protocol, inside, chosen))
		return "disguised remote endpoint is another session's";
	if (chosen.port == wanted.port)
		return NULL;
	if (!session_with(m, SIDE_INSIDE, protocol, inside, wanted))
		return "disguised remote port is another although it is free";
	return chosen.port < 1024 ? "disguised remote port is a low one" : NULL;
}

/* RFC 6864 section 4.3: not the same again while the first may be on its way. */
const char *choice_ident_fault(struct model *m, const struct datagram *d, uint16_t ident,
			       unsigned count)
{
	struct model_pairing *all = m->pairing;
	size_t known = all->ident_count < MODEL_IDENTS ? all->ident_count : MODEL_IDENTS;

	for (size_t i = 0; i < known; i++)
		if (all->ident[i].destination == d->destination.address &&
		    all->ident[i].protocol == d->protocol &&
		    (uint16_t)(all->ident[i].ident - ident) < count)
			return "identification has left for the same destination before";
	for (unsigned i = 0; i < count; i++) {
		size_t at = all->ident_count++ % MODEL_IDENTS;

		all->ident[at].destination = d->destination.address;
		all->ident[at].protocol = d->protocol;
		all->ident[at].ident = (uint16_t)(ident + i);
	}
	return NULL;
}
