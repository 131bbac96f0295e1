/*
 * The short way. Whether a datagram may come in, and where it goes, depends on its addresses and
 * ports, on the interface it came in by, on the configuration and on the routes. So a session
 * remembers it: what went the long way once goes on, as long as all that is the same.
 */
#include "worker_core.h"

/* Flags that say nothing about the way. */
enum { V6_HEADER = 40 };
enum { USUAL = PKT_DONT_FRAGMENT | PKT_PARTIAL | PKT_ICMP_QUERY };

/* Which of these may pass is asked of each. */
static bool has_extensions(const struct pkt *p)
{
	return p->version == 6 && p->transport != V6_HEADER;
}

static bool is_usual(const struct frame *f)
{
	return !(f->p.flags & ~USUAL) && !f->link_multicast && !has_extensions(&f->p);
}

static bool recall(struct worker *w, struct frame *f)
{
	const struct nat_way *way = f->job.way;
	enum nat_side from = f->job.from;

	if (!way || way->stamp != w->stamp || way->ingress[from] != f->ingress || !way->hop[from] ||
	    !is_usual(f))
		return false;
	f->hop = way->hop[from];
	f->egress = w->snapshot->rib->hops[f->hop].interface;
	route_date(w, f);
	f->translate = true;
	f->recalled = true;
	/* If it has to be routed again after all. */
	if (!w->plain)
		route_from_here(f);
	return true;
}

size_t stage_recall(struct worker *w, struct frame **frames, size_t count)
{
	struct nat_job *jobs[FRAME_BATCH];
	size_t recalled = 0;

	if (!count)
		return 0;
	for (size_t i = 0; i < count; i++) {
		jobs[i] = &frames[i]->job;
		frames[i]->sought = true;
	}
	nat_seek(w->nat, jobs, count);
	for (size_t i = 0; i < count; i++)
		recalled += recall(w, frames[i]);
	return recalled;
}

void recall_gathered(struct worker *w, struct frame *f)
{
	const struct nat_way *way = f->job.way;
	enum nat_side from = f->job.from;

	if (!pkt_is_fragment(&f->p) || f->job.known_only || !nat_has_session(w->nat, &f->job) ||
	    way->stamp != w->stamp || way->ingress[from] != f->ingress || !way->hop[from])
		return;
	f->hop = way->hop[from];
	f->egress = w->snapshot->rib->hops[f->hop].interface;
	route_date(w, f);
}

void recall_note(struct worker *w, const struct frame *f)
{
	struct nat_way *way = f->job.way;
	enum nat_side from = f->job.from;

	/* Others were routed before this turn, or came another way than their side says; what is only
	 * for sessions that there are must not open one if this has ended. */
	if (!f->sought || f->job.known_only || !is_usual(f) || !nat_has_session(w->nat, &f->job))
		return;
	if (way->stamp != w->stamp)
		*way = (struct nat_way){ .stamp = w->stamp };
	way->hop[from] = f->hop;
	way->ingress[from] = (uint8_t)f->ingress;
}
