/* The other half of the link layer: what neighbours ask is answered, and what workers miss is asked for. */
#include <sys/timerfd.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "io_tap.h"
#include "link_core.h"
#include "nat/icmp_error.h"

enum { BEAT_NS = 100000000 }; /* of the timer, while something is open */

static void put(struct link *l, uint16_t interface, struct l2 *h, const uint8_t *octets, size_t len)
{
	const struct link_port *p = &l->ports[interface];
	uint8_t frame[L2_LEN_MOST + LETTER_LEN];
	size_t at;

	memcpy(h->from, p->mac, sizeof(h->from));
	h->tags.priority = p->priority < 0 ? 0 : (uint8_t)p->priority;
	at = l2_write(h, frame);
	memcpy(frame + at, octets, len);
	tap_put(l->ios[interface], frame, at + len);
}

void link_send(struct link *l, uint16_t interface, const struct discovery *d, struct l2 *h)
{
	uint8_t octets[DISCOVERY_MOST];
	size_t len = discovery_make(octets, d, h);

	put(l, interface, h, octets, len);
}

void link_send_all(struct link *l, uint16_t interface, const struct discovery *d)
{
	const struct link_progress *progress = &l->progress[interface];
	struct l2 h = { .tags = l->ports[interface].tags };

	link_send(l, interface, d, &h);
	for (size_t i = 0; i < progress->stack_count; i++) {
		h = (struct l2){ .tags = progress->stacks[i] };
		link_send(l, interface, d, &h);
	}
}

/* Where tags are kept, a neighbour that is not known yet may be behind any that were heard. */
static void note_stack(struct link *l, uint16_t interface, const struct l2_tags *tags)
{
	struct link_progress *p = &l->progress[interface];

	if (!l->ports[interface].keep || l2_is_untagged(tags))
		return;
	for (size_t i = 0; i < p->stack_count; i++)
		if (l2_same_vlan(&p->stacks[i], tags))
			return;
	if (p->stack_count < STACKS_MOST)
		p->stacks[p->stack_count++] = *tags;
}

/* RFC 4861 section 7.2.4; whoever probes is told with all others. While we probe ourselves, nobody else
 * is overridden (RFC 4429 section 3.3). */
static void answer(struct link *l, uint16_t interface, const struct discovery *question,
		   const struct l2 *from)
{
	struct discovery d = { .answer = true, .has_mac = true, .router = true,
			       .override = !link_is_probing(l, interface),
			       .solicited = question->peer.version, .about = question->about,
			       .peer = question->peer };
	struct l2 h = { .tags = from->tags };

	if (d.solicited || d.about.version == 4)
		memcpy(h.to, from->from, sizeof(h.to));
	memcpy(d.mac, l->ports[interface].mac, sizeof(d.mac));
	link_send(l, interface, &d, &h);
}

static void hear(struct link *l, uint16_t interface, const struct discovery *d, const struct l2 *from)
{
	struct heard h = { .interface = interface, .message = d, .tags = &from->tags };

	note_stack(l, interface, &from->tags);
	link_hear_claims(l, interface, d, from->from);
	h.ours = !d->answer && link_is_ours(l, interface, &d->about);
	neighbours_hear(l->neighbours, &h, l->now);
	if (h.ours && !address_equal(&d->about, &d->peer))
		answer(l, interface, d, from);
}

/* Pings to the link-local address: others go through a worker. */
static void hear_echo(struct link *l, uint16_t interface, uint8_t *ip, size_t len,
		      const struct l2 *from)
{
	const struct address *ours = &l->ports[interface].link_local;
	struct l2 h = { .tags = from->tags, .type = ETH_P_IPV6 };
	struct pkt p;

	if (from->type != ETH_P_IPV6 || pkt_parse(&p, ip, len, NULL) != REASON_NONE ||
	    p.version != 6 || !link_is_ours(l, interface, ours) ||
	    memcmp(pkt_destination(&p), ours->octets, 16) != 0 || !icmp_echo_answer(&p))
		return;
	memcpy(h.to, from->from, sizeof(h.to));
	put(l, interface, &h, p.ip, p.len);
}

static void read_frame(struct link *l, struct frame *letter)
{
	uint16_t interface = letter->ingress;
	uint8_t *octets = frame_ip(letter);
	struct discovery d;
	struct l2 h;

	/* What one has sent oneself comes back where a link makes a loop. */
	if (!l2_parse(&h, octets, letter->len) || l2_same(h.from, l->ports[interface].mac))
		return;
	if (discovery_parse(&d, &h, octets + h.len, letter->len - h.len))
		hear(l, interface, &d, &h);
	else
		hear_echo(l, interface, octets + h.len, letter->len - h.len, &h);
}

static void read_letters(struct link *l, struct link_letters *letters)
{
	struct frame *letter;

	/* As many as there are, and no more, so that others have their turn. */
	for (size_t i = 0; i < LETTERS && (letter = ring_pop(letters->written)); i++) {
		if (letter->len)
			read_frame(l, letter);
		else
			neighbours_want(l->neighbours, letter->egress, &letter->next_hop, l->now);
		ring_push(letters->read, letter);
	}
}

/* In whose name a neighbour is asked for: nobody's, as long as that may be somebody else's. */
static struct address asker(const struct link *l, uint16_t interface, const struct address *about)
{
	const struct conf_interface *n = &l->conf->interfaces[interface];
	struct address found = { 0 };

	if (about->version == 6)
		return l->ports[interface].link_local;
	for (size_t i = 0; !link_is_probing(l, interface) && i < n->address_count; i++) {
		const struct prefix *own = &n->addresses[i];

		if (own->address.version != 4 || !link_is_ours(l, interface, &own->address))
			continue;
		if (prefix_contains(own, about))
			return own->address;
		if (!found.version)
			found = own->address;
	}
	return found;
}

static void ask(struct link *l, const struct neighbours_question *q)
{
	struct discovery d = { .about = q->about, .has_mac = true,
			       .peer = asker(l, q->interface, &q->about) };
	struct l2 h = { .tags = q->tags };

	memcpy(d.mac, l->ports[q->interface].mac, sizeof(d.mac));
	memcpy(h.to, q->mac, sizeof(h.to));
	if (q->known)
		link_send(l, q->interface, &d, &h);
	else
		link_send_all(l, q->interface, &d);
}

/* Beats while there is something to wait for. */
static void set_timer(struct link *l)
{
	bool timed = neighbours_are_asked(l->neighbours) || link_steps(l);
	struct itimerspec beat = { 0 };

	if (timed == l->timed)
		return;
	if (timed)
		beat.it_interval.tv_nsec = beat.it_value.tv_nsec = BEAT_NS;
	l->timed = timerfd_settime(l->timer, 0, &beat, NULL) == 0 && timed;
}

static void proceed(struct link *l)
{
	struct neighbours_question q;

	for (size_t cursor = 0; neighbours_ask(l->neighbours, &cursor, l->now, &q);)
		ask(l, &q);
	link_step(l);
	set_timer(l);
	if (!neighbours_have_left(l->neighbours))
		return;
	synchronize_rcu();
	neighbours_reclaim(l->neighbours);
}

void link_work(struct link *l, const struct conf *c, nat_time now)
{
	uint64_t count;

	l->conf = c;
	l->now = now;
	/* Before the letters are read: one that comes then wakes again. */
	for (size_t i = 0; i < 2; i++)
		if (read(i ? l->timer : l->wake, &count, sizeof(count)) < 0)
			continue; /* it was the other */
	for (uint16_t i = 0; i < l->workers; i++)
		read_letters(l, &l->letters[i]);
	proceed(l);
}

void link_tick(struct link *l, const struct conf *c, nat_time now)
{
	if (!l)
		return;
	l->conf = c;
	l->now = now;
	proceed(l);
}
