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
	for (size_t i = 0; i < c->address_count; i++)
		if (c->addresses[i].address.version == version)
			return c->addresses[i].address.octets;
	return NULL;
}

/* RFC 1812 section 4.3.2.4: an address of the interface that the error leaves by. One without an
 * address borrows of its own side, so that nothing inside shows outside. */
static const uint8_t *error_source(const struct worker *w, const struct frame *f)
{
	const struct conf *c = worker_conf(w);
	const struct conf_interface *ingress = &c->interfaces[f->ingress];
	const uint8_t *source = own_address(ingress, f->p.version);

	for (size_t i = 0; !source && i < c->interface_count; i++)
		if (c->interfaces[i].side == ingress->side)
			source = own_address(&c->interfaces[i], f->p.version);
	return source;
}

/* From outside only what speaks of a datagram's way is said; that there is nothing to be had here
 * is not (RFC 5382 REQ-4: no answer to an unsolicited SYN). */
static bool is_told(const struct worker *w, const struct frame *f, enum reason r)
{
	if (!worker_conf(w)->interfaces[f->ingress].icmp_errors)
		return false;
	return f->job.from == SIDE_INSIDE || r == REASON_TTL || r == REASON_TOO_BIG;
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

static struct frame *make_error(struct worker *w, struct frame *cause, enum reason r,
				enum nat_answer answer)
{
	struct icmp_error e = {
		.reason = answer == NAT_ANSWER_PROHIBITED ? REASON_PROHIBIT : r,
		.source = error_source(w, cause),
		.mtu = (uint16_t)(r == REASON_TOO_BIG ? io_mtu(w->ios[cause->egress]) : 0),
		.ttl = ERROR_TTL,
	};
	struct frame *f = e.source ? frame_error(w, &e, &cause->p) : NULL;

	if (f) {
		f->ingress = cause->ingress;
		f->job.from = cause->job.from;
	}
	return f;
}

static void send_error(struct worker *w, struct frame *error)
{
	size_t len = error->p.version == 4 ? 4 : 16;

	if (limiter_allows(&w->limiter, w->now, pkt_destination(&error->p), len)) {
		bump(&w->counters.errors_sent, 1);
		send_own(w, error);
	} else {
		frame_drop(w, error, REASON_ERROR_LIMIT);
	}
}

/* Requirement 2827-V21: what happens inside is told nobody outside. */
static bool would_leak(const struct worker *w, const struct frame *error)
{
	const struct conf_interface *interfaces = worker_conf(w)->interfaces;
	uint16_t number;
	const struct hop *hop = route_find(w, error, pkt_destination(&error->p), &number);

	return (hop->kind == HOP_VIA || hop->kind == HOP_LINK) &&
	       interfaces[error->ingress].side == SIDE_INSIDE &&
	       interfaces[hop->interface].side == SIDE_OUTSIDE;
}

void local_refuse_with(struct worker *w, struct frame *f, enum reason r, enum nat_answer answer)
{
	struct frame *error = NULL;

	/* As it came in, so that the sender knows it again. */
	if (answer != NAT_ANSWER_SILENT && is_told(w, f, r) && nat_undo(w->nat, &f->job))
		error = make_error(w, f, r, answer);
	frame_drop(w, f, r);
	if (error && would_leak(w, error))
		frame_release(w, error);
	else if (error)
		send_error(w, error);
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

/* In the name of the address that the SYN was for: that is the host that has nothing there. */
void local_reject(struct worker *w)
{
	struct pkt cause;

	for (int i = 0; i < FRAME_BATCH && w->spare_count &&
			nat_rejected_next(w->nat, w->now, &cause); i++) {
		struct icmp_error e = { .reason = REASON_LOCAL_SERVICE,
					.source = pkt_destination(&cause), .ttl = ERROR_TTL };
		struct frame *f = frame_error(w, &e, &cause);

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
