/* What may come in: well-formed datagrams with addresses that may be routed. */
#include "worker_core.h"

enum { MIXED_PARTS = 8 }; /* one in so many is others' */

static bool parse(struct worker *w, struct frame *f, const struct conf_interface *interfaces)
{
	struct pkt_offload offload;
	enum reason r;

	if (frame_has_offload(f)) {
		offload = frame_offload(f);
		r = pkt_parse(&f->p, frame_ip(f), f->len, &offload);
	} else {
		r = pkt_parse(&f->p, frame_ip(f), f->len, NULL);
	}
	f->translate = f->sought = f->recalled = f->routed = false;
	f->job.p = &f->p;
	f->job.from = interfaces[f->ingress].side;
	f->job.known_only = f->job.hairpinned = f->job.kept = false;
	f->job.room = FRAME_LEN_MOST;
	f->job.session = NAT_NO_SESSION;
	if (r == REASON_NONE)
		return true;
	if (f->p.version == 6)
		admit6_refuse_octets(w, f, r);
	else
		frame_drop(w, f, r);
	return false;
}

size_t stage_parse(struct worker *w, struct frame **frames, size_t count)
{
	const struct conf_interface *interfaces = worker_conf(w)->interfaces;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (parse(w, frames[i], interfaces))
			frames[kept++] = frames[i];
	return kept;
}

/* The owner will do it all. Fragments wait until their ports are known, IPv6 until it is known to be
 * translated, and what has been recalled is ours. */
size_t stage_hand(struct worker *w, struct frame **frames, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct frame *f = frames[i];
		uint16_t owner = w->id;

		if (!f->recalled && f->p.version == 4 && !pkt_is_fragment(&f->p))
			owner = nat_owner(w->nat, &f->p, f->job.from);
		if (owner == w->id)
			frames[kept++] = f;
		else
			frame_hand(w, f, owner);
	}
	w->mixed = (count - kept) * MIXED_PARTS > count;
	return kept;
}

/* RFC 1812 section 5.3.7, RFC 6890, RFC 3927 section 2.6.2. */
static bool v4_is_martian(const uint8_t *a)
{
	return a[0] == 0 || a[0] == 127 || a[0] >= 240 || (a[0] == 169 && a[1] == 254);
}

static enum reason check_v4(const uint8_t *source, const uint8_t *destination)
{
	if (v4_is_martian(source) || source[0] >= 224)
		return REASON_MARTIAN_SOURCE;
	/* RFC 919: the limited broadcast never leaves its link. */
	if ((destination[0] & 0xf0) == 0xe0 || load32(destination) == 0xffffffff)
		return REASON_MULTICAST;
	return v4_is_martian(destination) ? REASON_MARTIAN_DESTINATION : REASON_NONE;
}

/* Twice NAT: hosts outside may have addresses that hosts inside have too. */
static bool is_renamed(const struct conf *c, const struct pkt *p)
{
	struct address a = address_v4(pkt_source(p));

	for (size_t i = 0; p->version == 4 && i < c->nat_count; i++) {
		const struct nat_policy *n = &c->policies[i];
		struct prefix real = { address_v4((const uint8_t *)&n->twice.real), n->twice.len };

		if (n->twice.len && prefix_contains(&real, &a))
			return true;
	}
	return false;
}

static bool is_own(enum hop_kind kind)
{
	return kind == HOP_LOCAL || kind == HOP_POOL || kind == HOP_POOL_LOCAL ||
	       kind == HOP_BROADCAST;
}

static bool leads_on(const struct hop *hop)
{
	return hop->kind == HOP_VIA || hop->kind == HOP_LINK;
}

static bool leads_inside(const struct conf *c, const struct hop *hop)
{
	return leads_on(hop) && c->interfaces[hop->interface].side == SIDE_INSIDE;
}

/* What an interface asks of sources; inside, that they are reached by it (BCP 38). */
static enum reverse_path asked_by(const struct conf_interface *i)
{
	if (i->reverse_path != REVERSE_BY_SIDE)
		return i->reverse_path;
	return i->side == SIDE_INSIDE ? REVERSE_STRICT : REVERSE_OFF;
}

/* RFC 3704 sections 2.2 and 2.4. From outside nobody may claim to be inside, and nobody to be us. */
bool admit_is_spoofed(const struct worker *w, const struct frame *f)
{
	const struct conf *c = worker_conf(w);
	const struct rib *rib = w->snapshot->rib;
	uint16_t number = rib_main(rib, f->p.version, pkt_source(&f->p));
	uint16_t back = rib_is_plain(rib) ? number : route_back(w, &f->p);
	const struct hop *hop = rib_hop(rib, number, 0);
	bool claims_inside = leads_inside(c, hop) || leads_inside(c, rib_hop(rib, back, 0));
	bool outside = f->job.from == SIDE_OUTSIDE;

	if (outside && (claims_inside || hop->kind == HOP_LOCAL) && is_renamed(c, &f->p))
		return false;
	if (is_own(hop->kind) || (outside && claims_inside))
		return true;
	switch (asked_by(&c->interfaces[f->ingress])) {
	case REVERSE_STRICT:
		return !rib_leads_out(rib, number, f->ingress) &&
		       !rib_leads_out(rib, back, f->ingress);
	case REVERSE_LOOSE:
		return !leads_on(hop) && !leads_on(rib_hop(rib, back, 0));
	default:
		return false;
	}
}

static enum reason judge(const struct worker *w, const struct frame *f)
{
	enum reason r = check_v4(pkt_source(&f->p), pkt_destination(&f->p));

	if (r != REASON_NONE)
		return r;
	/* RFC 1812 section 5.3.4: unicast in a link-layer broadcast. */
	if (f->link_multicast)
		return REASON_MULTICAST;
	/* RFC 7126 section 4. */
	if (f->p.flags & PKT_ROUTE_OPTION)
		return REASON_SOURCE_ROUTE;
	return admit_is_spoofed(w, f) ? REASON_SPOOFED : REASON_NONE;
}

static bool admit(struct worker *w, struct frame *f)
{
	enum reason r = f->p.version == 4 ? judge(w, f) : admit6(w, f);

	if (r == REASON_NONE)
		return true;
	if (f->p.version == 4)
		frame_drop(w, f, r);
	else
		admit6_refuse(w, f, r);
	return false;
}

size_t stage_admit(struct worker *w, struct frame **frames, size_t count)
{
	const struct fib *fib = rib_fib(w->snapshot->rib);
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (frames[i]->p.version == 4 && !frames[i]->recalled) {
			fib_prefetch4(fib, be32_load(pkt_source(&frames[i]->p)));
			fib_prefetch4(fib, be32_load(pkt_destination(&frames[i]->p)));
		}
	for (size_t i = 0; i < count; i++)
		if (frames[i]->recalled || admit(w, frames[i]))
			frames[kept++] = frames[i];
	return kept;
}
