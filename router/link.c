/* The workers' half of the link layer, and how both are set up. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io_ethernet.h"
#include "io_tap.h"
#include "link_core.h"

enum { WANTS = 16 }; /* of a worker, in a tick of the clock */

const struct link_port *link_port(const struct link *l, uint16_t interface)
{
	return &l->ports[interface];
}

struct io *link_trunk(const struct link *l, const struct link_port *p)
{
	return __atomic_load_n(&l->ios[p->trunk], __ATOMIC_ACQUIRE);
}

static const struct link_port *port_with(const struct link *l, uint16_t trunk,
					 const struct l2_tags *tags)
{
	const struct link_port *keeps = NULL;

	for (size_t i = trunk; i < l->port_count; i++) {
		const struct link_port *p = &l->ports[i];

		if (!p->used || p->trunk != trunk)
			continue;
		if (p->keep)
			keeps = p;
		else if (l2_same_vlan(&p->tags, tags) ||
			 (l2_is_untagged(&p->tags) && l2_is_untagged(tags)))
			return p;
	}
	return keeps;
}

const struct link_port *link_sort(const struct link *l, uint16_t trunk, const struct l2 *h,
				  enum reason *why)
{
	const struct link_port *p = port_with(l, trunk, &h->tags);

	*why = !p ? REASON_VLAN : REASON_NOT_OURS;
	return p && (l2_is_group(h->to) || l2_same(h->to, p->mac)) ? p : NULL;
}

static bool post(struct link *l, struct link_letters *letters, struct frame *letter)
{
	const uint64_t one = 1;

	ring_push(letters->written, letter);
	/* A full counter wakes as well. */
	return write(l->wake, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN;
}

/* Whoever scans a large network makes every datagram ask for another address. */
static bool may_want(struct link_letters *letters, uint64_t now_ms)
{
	if (letters->tick_ms != now_ms) {
		letters->tick_ms = now_ms;
		letters->wants = WANTS;
	}
	return letters->wants && letters->wants--;
}

static void want(struct link *l, uint16_t worker, uint16_t interface, const struct address *a)
{
	struct link_letters *letters = &l->letters[worker];
	struct frame *letter = ring_pop(letters->read);

	if (!letter)
		return;
	letter->len = 0;
	letter->egress = interface;
	letter->next_hop = *a;
	post(l, letters, letter);
}

const struct neighbour *link_find(struct link *l, uint16_t worker, uint16_t interface,
				  const struct address *a)
{
	const struct neighbour *n = neighbours_find(l->neighbours, interface, a);
	uint64_t now = ethernet_now_ms();

	if ((!n || n->until_ms <= now) && may_want(&l->letters[worker], now))
		want(l, worker, interface, a);
	return n && n->known ? n : NULL;
}

bool link_tell(struct link *l, uint16_t worker, const struct link_frame *f)
{
	struct link_letters *letters = &l->letters[worker];
	struct frame *letter = f->len <= LETTER_LEN ? ring_pop(letters->read) : NULL;

	if (!letter)
		return false;
	letter->len = (uint32_t)f->len;
	letter->ingress = f->interface;
	memcpy(frame_ip(letter), f->octets, f->len);
	return post(l, letters, letter);
}

static void note_tags(struct l2_tags *tags, const struct conf_interface *n)
{
	tags->count = n->vlan_count;
	for (uint8_t i = 0; i < n->vlan_count; i++) {
		tags->tag[i].vlan = n->vlan[i];
		tags->tag[i].protocol = i + 1 < n->vlan_count ? ETH_P_8021AD : ETH_P_8021Q;
	}
}

/* With its addresses, and the link-local one that goes with its MAC. */
static int make_port(struct link *l, const struct conf *c, uint16_t i)
{
	const struct conf_interface *n = &c->interfaces[i];
	struct link_progress *progress = &l->progress[i];
	struct link_port *p = &l->ports[i];

	*p = (struct link_port){ .used = true, .interface = i, .trunk = n->trunk,
				 .keep = n->vlan_keep, .priority = n->vlan_priority };
	memcpy(p->mac, n->mac, sizeof(p->mac));
	note_tags(&p->tags, n);
	p->link_local = discovery_link_local(p->mac);
	progress->claims = calloc(n->address_count + 1, sizeof(*progress->claims));
	if (!progress->claims)
		return -ENOMEM;
	for (size_t k = 0; k < n->address_count; k++)
		progress->claims[k].address = n->addresses[k].address;
	progress->claims[n->address_count].address = p->link_local;
	progress->claim_count = n->address_count + 1;
	return 0;
}

static int make_letters(struct link_letters *letters)
{
	letters->written = ring_new(LETTERS);
	letters->read = ring_new(LETTERS);
	letters->store = aligned_alloc(_Alignof(struct frame), LETTERS * sizeof(*letters->store));
	letters->octets = malloc((size_t)LETTERS * (FRAME_IP + LETTER_LEN));
	if (!letters->written || !letters->read || !letters->store || !letters->octets)
		return -ENOMEM;
	for (size_t i = 0; i < LETTERS; i++) {
		letters->store[i] = (struct frame){
			.octets = letters->octets + i * (FRAME_IP + LETTER_LEN) };
		ring_push(letters->read, &letters->store[i]);
	}
	return 0;
}

static int watch(const struct link *l, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(l->events, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int make_events(struct link *l)
{
	int r;

	l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	l->events = epoll_create1(EPOLL_CLOEXEC);
	if (l->wake < 0 || l->timer < 0 || l->events < 0)
		return -errno;
	r = watch(l, l->wake);
	return r ? r : watch(l, l->timer);
}

static int make(struct link *l, const struct conf *c, const uint8_t *key)
{
	int r = make_events(l);

	l->neighbours = neighbours_new(key);
	l->letters = calloc(c->workers, sizeof(*l->letters));
	if (r == 0 && (!l->neighbours || !l->letters))
		r = -ENOMEM;
	l->workers = l->letters ? c->workers : 0;
	for (uint16_t i = 0; r == 0 && i < l->workers; i++)
		r = make_letters(&l->letters[i]);
	l->port_count = c->interface_count;
	for (uint16_t i = 0; r == 0 && i < c->interface_count; i++)
		if (c->interfaces[i].type == IO_TAP)
			r = make_port(l, c, i);
	return r;
}

int link_open(struct link **out, const struct conf *c, struct io *const *ios,
	      const uint8_t key[static 8], struct io_error *error)
{
	struct link *l;
	size_t taps = 0;
	int r;

	*out = NULL;
	for (size_t i = 0; i < c->interface_count; i++)
		taps += c->interfaces[i].type == IO_TAP;
	if (!taps)
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return io_refuse(error, -ENOMEM, "tap: out of memory");
	l->ios = ios;
	l->wake = l->timer = l->events = -1;
	r = make(l, c, key);
	if (r < 0) {
		link_close(l);
		return io_refuse(error, r, "tap: %s", strerror(-r));
	}
	*out = l;
	return 0;
}

void link_close(struct link *l)
{
	if (!l)
		return;
	for (uint16_t i = 0; i < l->workers; i++) {
		ring_free(l->letters[i].written);
		ring_free(l->letters[i].read);
		free(l->letters[i].store);
		free(l->letters[i].octets);
	}
	for (size_t i = 0; i < 3; i++) {
		int fd = (const int[]){ l->events, l->timer, l->wake }[i];

		if (fd >= 0)
			close(fd);
	}
	for (size_t i = 0; i < WORKER_INTERFACES_MOST; i++)
		free(l->progress[i].claims);
	neighbours_free(l->neighbours);
	free(l->letters);
	free(l);
}

void link_attach(struct link *l, uint16_t interface, struct io *io)
{
	if (!l || !l->ports[interface].used)
		return;
	tap_attach(io, l, interface);
	for (uint16_t i = interface; i < l->port_count; i++)
		if (l->ports[i].used && l->ports[i].trunk == l->ports[interface].trunk)
			link_restart(l, i);
}

int link_descriptor(const struct link *l)
{
	return l ? l->events : -1;
}
