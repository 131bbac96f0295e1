/*
 * Ethernet links that are ours alone (type tap): who is there, and that we are there.
 *
 * Sources  RFC 826, RFC 4861, RFC 3022 section 6.2 (pool addresses); RFC 5227 and RFC 4862 section
 *          5.4: own addresses are probed for at start and when a link comes up. They are used
 *          meanwhile, as RFC 4429 has it; one that somebody else has is not answered for.
 * Shape    Workers only read: whose frame it is, and where a neighbour is. What they meet of ARP and
 *          neighbour discovery, and what neighbours they miss, they write to one other thread, which
 *          does all the rest.
 * Memory   link_open() to link_close(). Configurations are the caller's; a later one may differ in
 *          nothing but what gateway_reload() may change.
 * Promise  Workers neither wait nor allocate here. Addresses of others are never answered for.
 * Errors   A negative errno and one line.
 */
#ifndef ROUTER_LINK_H
#define ROUTER_LINK_H

#include "nat/time.h"
#include "router/io.h"
#include "router/neighbours.h"

struct link;

/* One of the interfaces of a device: of frames with these tags, or, with keep, of all that no other one
 * has. */
struct link_port {
	bool used;
	uint16_t interface;
	uint16_t trunk;	 /* interface that has the device */
	bool keep;
	int8_t priority; /* of what it sends; below 0: that of the datagram */
	uint8_t mac[ETH_ALEN];
	struct l2_tags tags;
	struct address link_local;
};

/* For the interfaces of c, which will be found in ios. *l is NULL, which all others but link_close()
 * are not called with, if none is of type tap. key: as neighbours_new() has it. */
int link_open(struct link **l, const struct conf *c, struct io *const *ios,
	      const uint8_t key[static 8], struct io_error *error);
void link_close(struct link *l);

/* That interface has just been opened. */
void link_attach(struct link *l, uint16_t interface, struct io *io);

/* By any thread: the interface as it is configured; the one of a device that a frame is for, or NULL,
 * and why; the device's, as it is now. */
const struct link_port *link_port(const struct link *l, uint16_t interface);
const struct link_port *link_sort(const struct link *l, uint16_t trunk, const struct l2 *h,
				  enum reason *why);
struct io *link_trunk(const struct link *l, const struct link_port *p);

/* By a worker: the neighbour, NULL if it is not known now, in which case it is asked for. */
const struct neighbour *link_find(struct link *l, uint16_t worker, uint16_t interface,
				  const struct address *a);

/* By a worker: a frame that came by an interface and is not a datagram to be forwarded. False: there is
 * no room for it now. */
struct link_frame { uint16_t interface; const uint8_t *octets; size_t len; };
bool link_tell(struct link *l, uint16_t worker, const struct link_frame *f);

/* For the other thread: when there is something for link_work(), and once a second or so. */
int link_descriptor(const struct link *l);
void link_work(struct link *l, const struct conf *c, nat_time now);
void link_tick(struct link *l, const struct conf *c, nat_time now);

#endif
