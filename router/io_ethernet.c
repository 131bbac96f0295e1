#include "io_ethernet.h"

#include <errno.h>

#include "clock.h"

int device_find(struct nl **nl, struct nl_link *link, const struct conf_interface *c,
		struct io_error *error)
{
	int r = nl_open(nl);

	if (r == 0)
		r = nl_link(*nl, c->device, link);
	if (r == -ENODEV)
		return io_refuse(error, r, "%s: no device \"%s\": plug it in or create it, or correct "
				 "device", c->name, c->device);
	if (r < 0)
		return io_refuse(error, r, "%s: device \"%s\": %s", c->name, c->device,
				 strerror(-r));
	if (!link->up)
		return io_refuse(error, -ENETDOWN, "%s: device \"%s\" is down: ip link set %s up",
				 c->name, c->device, c->device);
	return 0;
}

int ethernet_find(struct nl **nl, struct nl_link *link, const struct conf_interface *c,
		  struct io_error *error)
{
	int r = device_find(nl, link, c, error);

	if ((r == 0 || r == -ENETDOWN) && !link->ethernet)
		return io_refuse(error, -EINVAL, "%s: \"%s\" is not an Ethernet device: use another, "
				 "or type tun", c->name, c->device);
	return r;
}

void ethernet_note(struct io *io, const struct nl_link *link, uint32_t mtu)
{
	io_note(io, mtu && mtu < link->mtu ? mtu : link->mtu, link->up && link->carrier);
}

bool ethernet_refresh(struct io *io, struct nl *nl, const char *device, const struct nl_link *was,
		      uint32_t mtu)
{
	struct nl_link link;
	int r = nl_link(nl, device, &link);
	bool same = r == 0 && link.index == was->index &&
		    memcmp(link.mac, was->mac, sizeof(link.mac)) == 0;

	if (same)
		ethernet_note(io, &link, mtu);
	else
		io_note(io, io_mtu(io), false);
	return same || (r < 0 && r != -ENODEV);
}

uint64_t ethernet_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC_COARSE);
}
