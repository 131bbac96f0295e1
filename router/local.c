/*
 * The router as a host: it answers pings to its own addresses, and says why it refused a datagram.
 *
 * What it sends is routed like anything else, but not translated: its addresses are its own. Only
 * what goes to one of our outside addresses, an answer to somebody who hairpinned, comes in from
 * outside again.
 */
#include "nat/icmp_error.h"

#include "worker_core.h"

enum { ERROR_TTL = 64 };

/* Requirement 2827-V21: an answer from an address of ours inside, to somebody who came in inside and is
 * said to be outside. */
static bool shows_inside(const struct worker *w, const struct frame *f, const struct hop *hop)
{
	const struct conf_interface *interfaces = worker_conf(w)->interfaces;
	const struct rib *rib = w->snapshot->rib;
	const struct hop *source;

	if (f->p.version != 4 || interfaces[hop->interface].side != SIDE_OUTSIDE)
		return false;
	source = rib_hop(rib, rib_main(rib, 4, pkt_source(&f->p)), 0);
	return source->kind == HOP_LOCAL && interfaces[source->interface].side == SIDE_INSIDE;
}

static void send_own(struct worker *w, struct frame *f)
{
	const struct hop *hop = route_find(w, f, pkt_destination(&f->p), &f->hop);

	f->job.session = NAT_NO_SESSION;
	switch (hop->kind) {
	case HOP_VIA:
	case HOP_LINK:
		if (shows_inside(w, f, hop)) {
			frame_drop(w, f, REASON_SPOOFED);
			return;
		}
		f->egress = hop->interface;
		forward_one(w, f, hop);
		return;
	case HOP_POOL:
	case HOP_POOL_LOCAL:
		f->job.from = SIDE_OUTSIDE;
		f->translate = true;
		frame_again(w, f);
		return;
	default:
		frame_drop(w, f, REASON_NO_ROUTE);
	}
}

static const uint8_t *own_address(const struct conf_interface *c, uint8_t version)
{
	const struct prefix *own = conf_first(c, version);

	return own ? own->address.octets : NULL;
}

/* RFC 1812 section 4.3.2.4: an address of the interface that the error leaves by. One without an
 * address borrows of its own side, so that nothing inside shows outside. */
static const uint8_t *error_source(const struct worker *w, const struct frame *f)
{
	const struct conf *c = worker_conf(w);
	const struct conf_interface *ingress = &c->interfaces[f->ingress];
	const uint8_t *source = own_address(ingress, f->p.version);

	for (size_t i = 0; !source && i < c->interface_count; i++)
		if (c->interfaces[i].side == f->job.from)
			source = own_address(&c->interfaces[i], f->p.version);
	return source;
}

/* From outside only what speaks of a datagram's way is said; that there is nothing to be had here
 * is not (RFC 5382 REQ-4: no answer to an unsolicited SYN). A router of IPv6 says where no way leads,
 * too (RFC 4443 section 3.1), and what is wrong with the headers of its way. */
static bool is_of_way(uint8_t version, enum reason r)
{
	switch (r) {
	case REASON_TTL: case REASON_TOO_BIG:
	case REASON_SOURCE_ROUTE: case REASON_EMBEDDED: case REASON_UNTRANSLATABLE:
		return true;
	case REASON_NO_ROUTE: case REASON_UNREACHABLE: case REASON_PROHIBIT: case REASON_NEIGHBOUR:
	case REASON_EXTENSION: case REASON_TRANSPORT_SHORT: case REASON_FRAGMENT_BAD:
	case REASON_SEGMENTS_LEFT: case REASON_UNKNOWN_OPTION: case REASON_EXTENSION_TYPE:
	case REASON_NPT_WORD:
		return version == 6;
	default:
		return false;
	}
}

static uint8_t came_as(const struct frame *f)
{
	return f->job.kept ? f->job.before.view.version : f->p.version;
}

static bool is_told(const struct worker *w, const struct frame *f, enum reason r,
		    enum nat_answer answer)
{
	if (answer == NAT_ANSWER_SILENT || !worker_conf(w)->interfaces[f->ingress].icmp_errors)
		return false;
	if (answer == NAT_ANSWER_PROTOCOL || r == REASON_NO_TRANSPORT)
		return answer == NAT_ANSWER_PROTOCOL;
	return f->job.from == SIDE_INSIDE || is_of_way(came_as(f), r);
}

/* NULL: there is no frame, or nothing that may be said. */
static struct frame *frame_error(struct worker *w, const struct icmp_error *e,
				 const struct pkt *cause)
{
	struct frame *f = frame_take(w);

	if (!f)
		return NULL;
	f->len = (uint32_t)icmp_error_make(frame_ip(f), e, cause);
	if (f->len && pkt_parse(&f->p, frame_ip(f), f->len, NULL) == REASON_NONE) {
		route_from_here(f);
		return f;
	}
	frame_release(w, f);
	return NULL;
}

/* RFC 7915 sections 4.2 and 5.2: what the MTU of where it was to leave, as which version, is to its
 * sender, whose header has another length. */
static uint16_t mtu_for(const struct worker *w, const struct frame *cause, uint8_t left_as)
{
	uint32_t mtu = io_mtu(w->ios[cause->egress]);
	uint32_t more = pkt_is_fragment(&cause->p) ? 28 : 20;

	if (cause->p.version == 6 && left_as == 4)
		mtu += more;
	else if (cause->p.version == 4 && left_as == 6)
		mtu -= more;
	return (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);
}

static enum reason reason_told(enum reason r, enum nat_answer answer)
{
	if (answer == NAT_ANSWER_PROHIBITED)
		return REASON_NO_POLICY;
	return answer == NAT_ANSWER_PROTOCOL ? REASON_NO_TRANSPORT : r;
}

enum { V6_SOURCE = 8, V6_DESTINATION = 24 };
static struct frame *make_error(struct worker *w, struct frame *cause, enum reason r, uint8_t left_as)
{
	struct icmp_error e = {
		.reason = r,
		.source = error_source(w, cause),
		.mtu = r == REASON_TOO_BIG ? mtu_for(w, cause, left_as) : 0,
		.pointer = cause->job.from == SIDE_INSIDE ? V6_SOURCE : V6_DESTINATION,
		.ttl = ERROR_TTL,
	};
	struct frame *f = e.source ? frame_error(w, &e, &cause->p) : NULL;

	if (f) {
		f->ingress = cause->ingress;
		f->job.from = cause->job.from;
	}
	return f;
}

static bool may_send(struct worker *w, struct frame *error)
{
	size_t len = error->p.version == 4 ? 4 : 16;

	if (limiter_allows(&w->limiter, w->now, worker_conf(w)->error_rate, pkt_destination(&error->p),
			   len)) {
		bump(&w->counters.errors_sent, 1);
		return true;
	}
	frame_drop(w, error, REASON_ERROR_LIMIT);
	return false;
}

static void send_error(struct worker *w, struct frame *error)
{
	if (may_send(w, error))
		send_own(w, error);
}

/* Requirement 2827-V21: what happens inside is told nobody outside; nor can it be told whom no way
 * leads to. */
static bool is_to_be_kept(const struct worker *w, const struct frame *error)
{
	const struct conf_interface *interfaces = worker_conf(w)->interfaces;
	uint16_t number;
	const struct hop *hop = route_find(w, error, pkt_destination(&error->p), &number);

	if (hop->kind == HOP_NONE)
		return true;
	return (hop->kind == HOP_VIA || hop->kind == HOP_LINK) &&
	       interfaces[error->ingress].side == SIDE_INSIDE &&
	       interfaces[hop->interface].side == SIDE_OUTSIDE;
}

void local_refuse_with(struct worker *w, struct frame *f, enum reason r, enum nat_answer answer)
{
	struct frame *error = NULL;
	uint8_t left_as = f->p.version;

	/* As it came in, so that the sender knows it again. */
	if (is_told(w, f, r, answer) && nat_undo(w->nat, &f->job))
		error = make_error(w, f, reason_told(r, answer), left_as);
	frame_drop(w, f, r);
	if (error && is_to_be_kept(w, error))
		frame_release(w, error);
	else if (error)
		send_error(w, error);
}

/* What the kernel routes may leave by another one. */
void local_refuse_on_link(struct worker *w, struct frame *f, enum reason r)
{
	const struct conf_interface *link = &worker_conf(w)->interfaces[f->ingress];
	const struct hop hop = { .kind = HOP_LINK, .interface = f->ingress };
	struct frame *error = NULL;

	if (link->icmp_errors && !conf_is_kernels(link))
		error = make_error(w, f, r, f->p.version);
	frame_drop(w, f, r);
	if (!error || !may_send(w, error))
		return;
	error->egress = hop.interface;
	forward_one(w, error, &hop);
}

void local_refuse(struct worker *w, struct frame *f, enum reason r)
{
	local_refuse_with(w, f, r, NAT_ANSWER_REASON);
}

static bool leaves_loudly(const struct worker *w, const struct frame *f)
{
	uint16_t number;
	const struct hop *hop = route_find(w, f, pkt_destination(&f->p), &number);

	return (hop->kind != HOP_VIA && hop->kind != HOP_LINK) ||
	       worker_conf(w)->interfaces[hop->interface].icmp_errors;
}

/* RFC 5382 REQ-4; RFC 6092 REC-34 and REC-39. */
static enum reason reason_of_rejection(const struct pkt *p)
{
	return p->version == 6 ? REASON_NO_POLICY : REASON_LOCAL_SERVICE;
}

/* What was for a host that has its own address outside, a router refuses in its own name (RFC 4443 section
 * 2.2). */
static const uint8_t *source_of_rejection(const struct worker *w, const struct pkt *p)
{
	const struct rib *rib = w->snapshot->rib;
	const struct conf *c = worker_conf(w);
	const struct hop *hop = rib_hop(rib, rib_main(rib, p->version, pkt_destination(p)), 0);
	const uint8_t *own = NULL;

	if (hop->kind != HOP_VIA && hop->kind != HOP_LINK)
		return pkt_destination(p);
	for (size_t i = 0; !own && i < c->interface_count; i++)
		if (c->interfaces[i].side == SIDE_OUTSIDE)
			own = own_address(&c->interfaces[i], p->version);
	return own;
}

/* In the name of the address that the SYN was for: that is the host that has nothing there. */
void local_reject(struct worker *w)
{
	struct pkt cause;

	for (int i = 0; i < FRAME_BATCH && w->spare_count &&
			nat_rejected_next(w->nat, w->now, &cause); i++) {
		struct icmp_error e = { .reason = reason_of_rejection(&cause),
					.source = source_of_rejection(w, &cause),
					.ttl = ERROR_TTL };
		struct frame *f = e.source ? frame_error(w, &e, &cause) : NULL;

		if (f && leaves_loudly(w, f))
			send_error(w, f);
		else if (f)
			frame_release(w, f);
	}
}

void local_deliver(struct worker *w, struct frame *f)
{
	/* What the kernel's own address got, the kernel has got as well, and answers. */
	if (worker_conf(w)->interfaces[f->ingress].shares_address) {
		frame_drop(w, f, REASON_NOT_OURS);
		return;
	}
	if (!icmp_echo_answer(&f->p)) {
		/* RFC 1122 section 3.2.2: what ICMP one does not know is dropped in silence. */
		if (f->p.protocol == PROTO_ICMP || f->p.protocol == PROTO_ICMPV6)
			frame_drop(w, f, REASON_LOCAL_SERVICE);
		else
			local_refuse(w, f, REASON_LOCAL_SERVICE);
		return;
	}
	bump(&w->counters.local, 1);
	route_from_here(f);
	send_own(w, f);
}
