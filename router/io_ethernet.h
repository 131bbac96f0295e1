/*
 * What backends on an Ethernet device of the kernel's have in common.
 *
 * Errors   As in router/io.h.
 */
#ifndef ROUTER_IO_ETHERNET_H
#define ROUTER_IO_ETHERNET_H

#include <linux/if_ether.h>

#include "io_backend.h"
#include "router/nl.h"

/* Find the device of c, which must be up, and open the socket that was used to ask; the second
 * demands that it is Ethernet. */
int device_find(struct nl **nl, struct nl_link *link, const struct conf_interface *c,
		struct io_error *error);
int ethernet_find(struct nl **nl, struct nl_link *link, const struct conf_interface *c,
		  struct io_error *error);

/* Note what the device says about itself, now; mtu: that of the configuration, 0: none. */
void ethernet_note(struct io *io, const struct nl_link *link, uint32_t mtu);

/* The same later on; false: it is another device by now (or has another address), or none. */
bool ethernet_refresh(struct io *io, struct nl *nl, const char *device, const struct nl_link *was,
		      uint32_t mtu);

/* Write the header that precedes a datagram of that IP version, ETH_HLEN octets. */
static inline void ethernet_header(uint8_t *at, const uint8_t *to, const uint8_t *from,
				   uint8_t version)
{
	memcpy(at, to, ETH_ALEN);
	memcpy(at + ETH_ALEN, from, ETH_ALEN);
	store16(at + 2 * ETH_ALEN, version == 4 ? ETH_P_IP : ETH_P_IPV6);
}

/* Milliseconds for neigh_find(), to the kernel's tick. */
uint64_t ethernet_now_ms(void);

#endif
