/* To the worker that owns the session, and through its NAT. */
#include "worker_core.h"

/* False: it is on its way to its owner, or could not be. */
static bool steer(struct worker *w, struct frame *f)
{
	uint16_t owner;

	if (!f->translate || f->recalled)
		return true;
	owner = nat_owner(w->nat, &f->p, f->job.from);
	if (owner == w->id)
		return true;
	f->sought = false;
	frame_hand(w, f, owner);
	return false;
}

size_t stage_steer(struct worker *w, struct frame **frames, size_t count)
{
	size_t kept = 0;

	if (w->workers == 1)
		return count;
	for (size_t i = 0; i < count; i++)
		if (steer(w, frames[i]))
			frames[kept++] = frames[i];
	return kept;
}

/* From outside the destination is known only now. Whatever it is, it lies inside: an outside
 * address behind a mapping would be a loop. */
static bool route_inwards(struct worker *w, struct frame *f)
{
	const struct hop *hop = route_find(w, f, pkt_destination(&f->p), &f->hop);
	enum reason r = REASON_NONE;

	route_date(w, f);
	if (hop->kind != HOP_VIA && hop->kind != HOP_LINK)
		r = route_reason(hop->kind);
	else if (worker_conf(w)->interfaces[hop->interface].side != SIDE_INSIDE)
		r = REASON_OUTSIDE_TRANSIT;
	f->egress = hop->interface;
	if (r != REASON_NONE)
		local_refuse(w, f, r);
	return r == REASON_NONE;
}

static void hairpin(struct worker *w, struct frame *f)
{
	f->job.from = SIDE_OUTSIDE;
	f->job.session = NAT_NO_SESSION;
	route_from_here(f);
	bump(&w->counters.hairpinned, 1);
	frame_again(w, f);
}

/* From outside without a mapping: perhaps it is for the router itself. */
static void unmatched(struct worker *w, struct frame *f)
{
	uint16_t number;

	if (route_find(w, f, pkt_destination(&f->p), &number)->kind == HOP_POOL_LOCAL)
		local_deliver(w, f);
	else
		frame_drop(w, f, REASON_NO_MAPPING);
}

static bool leads_out(const struct worker *w, const struct hop *hop)
{
	return (hop->kind == HOP_VIA || hop->kind == HOP_LINK) &&
	       worker_conf(w)->interfaces[hop->interface].side == SIDE_OUTSIDE;
}

/* Where an inside network has the same addresses, only the name it was called by leads out. */
static bool is_led_by_name(const struct worker *w, const struct frame *f, const struct hop *hop)
{
	return (hop->kind == HOP_VIA || hop->kind == HOP_LINK || hop->kind == HOP_LOCAL) &&
	       route_is_of_now(w, f) &&
	       leads_out(w, rib_hop(w->snapshot->rib, f->hop, 0));
}

/* Twice NAT: where it is going was not known when it was routed. */
static bool route_outwards(struct worker *w, struct frame *f)
{
	uint16_t number;
	const struct hop *hop = route_find(w, f, pkt_destination(&f->p), &number);

	if (leads_out(w, hop)) {
		route_date(w, f);
		f->hop = number;
		f->egress = hop->interface;
		return true;
	}
	if (is_led_by_name(w, f, hop))
		return true;
	local_refuse(w, f, route_reason(hop->kind));
	return false;
}

/* The routes may be other ones where it came from another worker, or waited. */
static enum hop_kind kind_of_hop(const struct worker *w, const struct frame *f)
{
	uint16_t number;

	if (route_is_of_now(w, f))
		return rib_hop(w->snapshot->rib, f->hop, 0)->kind;
	return route_find(w, f, pkt_destination(&f->p), &number)->kind;
}

/* An untranslated host that speaks to one of our outside addresses comes in from outside too. */
static bool go_on(struct worker *w, struct frame *f)
{
	enum hop_kind kind;

	if (f->job.from == SIDE_OUTSIDE)
		return route_inwards(w, f);
	if (f->job.redirected)
		return route_outwards(w, f);
	kind = kind_of_hop(w, f);
	switch (kind) {
	case HOP_LOCAL:
		local_deliver(w, f);
		return false;
	case HOP_POOL:
	case HOP_POOL_LOCAL:
		/* Its fragments were let by; now their ports matter. */
		f->p.flags &= (uint16_t)~(PKT_PORTS_KNOWN | PKT_NO_PORTS);
		hairpin(w, f);
		return false;
	case HOP_VIA:
	case HOP_LINK:
		return true;
	default:
		local_refuse(w, f, route_reason(kind));
		return false;
	}
}

/* What the kernel holds is of the other family. */
static void follow_family(struct frame *f)
{
	if (frame_has_offload(f))
		frame_follow_family(f);
	/* Rules that ask for sources know those of its own family. */
	route_from_here(f);
	f->verdict.may_return = false;
}

/* True if the frame goes on in this batch. */
static bool follow(struct worker *w, struct frame *f)
{
	/* A helper may have made it longer, or left one segment's worth. */
	f->len = f->p.len;
	if (!f->p.gso_size)
		f->offload.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	if (f->job.kept && f->job.before.view.version != f->p.version)
		follow_family(f);
	switch (f->job.verdict) {
	case NAT_FORWARD:
		/* An earlier one of the batch may have ended the session, and begun another, whose
		 * inside host may be elsewhere. */
		if (f->recalled && f->job.way && f->job.way->stamp == w->stamp &&
		    f->job.way->hop[f->job.from] == f->hop)
			return true;
		if (!go_on(w, f))
			return false;
		if (f->p.version == 6 && !admit6_leaves(w, f)) {
			local_refuse(w, f, REASON_SCOPE);
			return false;
		}
		recall_gathered(w, f);
		recall_note(w, f);
		return true;
	case NAT_HAIRPIN:
		hairpin(w, f);
		return false;
	case NAT_UNMATCHED:
		unmatched(w, f);
		return false;
	case NAT_DROP:
		break;
	}
	local_refuse_with(w, f, f->job.reason, f->job.answer);
	return false;
}

/* What comes from outside but came in inside is hairpinned. */
static void prepare(const struct worker *w, struct frame *f)
{
	f->job.hairpinned = f->job.from != worker_conf(w)->interfaces[f->ingress].side;
	f->job.room = frame_room(f);
}

size_t stage_translate(struct worker *w, struct frame **frames, size_t count)
{
	struct nat_job *jobs[FRAME_BATCH], *unsought[FRAME_BATCH];
	size_t wanted = 0, unsought_count = 0, kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (!frames[i]->translate)
			continue;
		jobs[wanted++] = &frames[i]->job;
		if (!frames[i]->sought) {
			prepare(w, frames[i]);
			unsought[unsought_count++] = &frames[i]->job;
		}
	}
	if (unsought_count)
		nat_seek(w->nat, unsought, unsought_count);
	if (wanted)
		nat_finish(w->nat, w->now, jobs, wanted);
	for (size_t i = 0; i < count; i++)
		if (!frames[i]->translate || follow(w, frames[i]))
			frames[kept++] = frames[i];
	return kept;
}
