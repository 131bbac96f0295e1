#include "io_ethernet.h"

#include <errno.h>
#include <time.h>

int ethernet_find(struct nl **nl, struct nl_link *link, const struct conf_interface *c,
		  struct io_error *error)
{
	int r = nl_open(nl);

	if (r == 0)
		r = nl_link(*nl, c->device, link);
	if (r < 0)
		return io_refuse(error, r, "%s: device \"%s\": %s", c->name, c->device,
				 strerror(-r));
	if (!link->ethernet)
		return io_refuse(error, -EINVAL, "%s: \"%s\" is not an Ethernet device", c->name,
				 c->device);
	if (!link->up)
		return io_refuse(error, -ENETDOWN, "%s: device \"%s\" is down: ip link set %s up",
				 c->name, c->device, c->device);
	return 0;
}

void ethernet_note(struct io *io, const struct nl_link *link, uint32_t mtu)
{
	io_note(io, mtu && mtu < link->mtu ? mtu : link->mtu, link->up && link->carrier);
}

void ethernet_refresh(struct io *io, struct nl *nl, const char *device, uint32_t mtu)
{
	struct nl_link link;

	if (nl_link(nl, device, &link) < 0)
		io_note(io, io_mtu(io), false);
	else
		ethernet_note(io, &link, mtu);
}

uint64_t ethernet_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
