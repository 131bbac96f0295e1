/* The last leg: one hop less, small enough, rewritten by rule, and out in batches. */
#include "router/coalesce.h"

#include "worker_core.h"

/* They are gone. */
static void count_sent(struct worker *w, uint16_t interface, struct frame *const *frames, size_t count)
{
	struct link_counters *link = &w->counters.links[interface];
	uint64_t octets = 0;

	for (size_t i = 0; i < count; i++)
		octets += frames[i]->p.len;
	frames_release(w, frames, count);
	bump(&link->packets_out, count);
	bump(&link->octets_out, octets);
	bump(&w->counters.reasons[REASON_NONE], count);
}

void forward_sent(struct worker *w, struct frame *f)
{
	count_sent(w, f->egress, &f, 1);
}

/* What the queue refuses is counted by name; the rest goes on. fates: why not, by number. */
static void send_frames(struct worker *w, uint16_t interface, size_t count, uint8_t *fates)
{
	struct frame **frames = w->outboxes[interface].frames;
	size_t at = 0;

	while (at < count) {
		size_t sent = 0;
		enum reason r = io_send(w->ios[interface], w->id, frames + at, count - at,
					&sent);

		count_sent(w, interface, frames + at, sent);
		at += sent;
		if (at == count)
			break;
		if (r == REASON_NEIGHBOUR) {
			fates[at] = park(w, frames[at]) ? REASON_NONE : REASON_NEIGHBOUR;
			at++;
			continue;
		}
		fates[at] = r == REASON_NONE ? REASON_SEND_ERROR : (uint8_t)r;
		frame_drop(w, frames[at], fates[at]);
		at++;
	}
}

/* What was joined ends as what it has become part of. */
static void send_box(struct worker *w, uint16_t interface)
{
	struct outbox *box = &w->outboxes[interface];
	unsigned takes = io_takes(w->ios[interface]) & (IO_TSO | IO_USO);
	bool wanted = worker_conf(w)->interfaces[interface].coalesce;
	uint8_t into[FRAME_BATCH] = { 0 }, fates[FRAME_BATCH] = { REASON_NONE };
	size_t count = box->count;

	if (count > 1 && takes && wanted)
		count = coalesce(box->frames, count, takes, into);
	send_frames(w, interface, count, fates);
	for (; count < box->count; count++)
		if (fates[into[count]] == REASON_NONE)
			forward_sent(w, box->frames[count]);
		else
			frame_drop(w, box->frames[count], fates[into[count]]);
	box->count = 0;
}

void forward_flush(struct worker *w)
{
	for (uint16_t i = 0; i < worker_conf(w)->interface_count; i++)
		if (w->outboxes[i].count)
			send_box(w, i);
}

static __attribute__((noinline)) void find_next_hop(struct frame *f, const struct hop *hop)
{
	if (hop->kind == HOP_VIA)
		f->next_hop = hop->via;
	else
		f->next_hop = f->p.version == 4 ? address_v4(pkt_destination(&f->p))
						: address_v6(pkt_destination(&f->p));
}

/* A full box leaves at once, so that there is always room. */
static inline void put_out(struct worker *w, struct frame *f, const struct hop *hop)
{
	struct outbox *box = &w->outboxes[f->egress];

	/* What may be given back came unfinished only where it will be, and is finished then. */
	if ((f->p.flags & PKT_PARTIAL) && !f->verdict.may_return &&
	    !io_takes_all(io_takes(w->ios[f->egress]), &f->p)) {
		fragment_finish(w, f, hop);
		return;
	}
	if (w->neighbours & 1u << f->egress)
		find_next_hop(f, hop);
	box->frames[box->count++] = f;
	if (box->count == FRAME_BATCH)
		send_box(w, f->egress);
}

void forward_one(struct worker *w, struct frame *f, const struct hop *hop)
{
	put_out(w, f, hop);
}

/* While it waited, in a ring or for its first fragment, the routes may have changed. To the other side
 * it does not go as it is: nobody has asked the NAT (requirement 2827-V21). */
static bool route_again(struct worker *w, struct frame *f)
{
	const struct conf_interface *interfaces = worker_conf(w)->interfaces;
	const struct hop *hop;

	if (route_is_of_now(w, f))
		return true;
	hop = route_find(w, f, pkt_destination(&f->p), &f->hop);
	if ((hop->kind != HOP_VIA && hop->kind != HOP_LINK) ||
	    interfaces[hop->interface].side != interfaces[f->egress].side ||
	    (f->job.known_only && interfaces[hop->interface].side == SIDE_OUTSIDE)) {
		local_refuse(w, f, route_reason(hop->kind));
		return false;
	}
	f->egress = hop->interface;
	return true;
}

static void forward(struct worker *w, struct frame *f)
{
	const struct hop *hop = &w->snapshot->rib->hops[f->hop];
	uint32_t mtu = io_mtu(w->ios[f->egress]);
	bool fits;

	/* RFC 7915 section 4.1: so that it arrives, wherever. */
	if (f->p.version == 6 && !(f->p.flags & PKT_DONT_FRAGMENT) && f->job.piece < mtu)
		mtu = f->job.piece;
	fits = pkt_wire_len(&f->p) <= mtu;

	/* RFC 1812 section 5.3.1, RFC 8200 section 3. */
	if (*pkt_ttl(&f->p) <= 1) {
		local_refuse(w, f, REASON_TTL);
		return;
	}
	if (!fits && (f->p.flags & PKT_DONT_FRAGMENT)) {
		local_refuse(w, f, REASON_TOO_BIG);
		return;
	}
	pkt_decrement_ttl(&f->p);
	if (worker_conf(w)->rule_count)
		rule_apply(w, f);
	if (fits)
		put_out(w, f, hop);
	else
		fragment_send(w, f, hop, mtu);
}

void stage_forward(struct worker *w, struct frame **frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (route_again(w, frames[i]))
			forward(w, frames[i]);
}
