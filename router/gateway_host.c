/* What only a restart can change. */
#include <errno.h>
#include <stdio.h>

#include "gateway_core.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Those of the kernel are for it to change. */
static bool same_addresses(const struct conf_interface *a, const struct conf_interface *b)
{
	return a->shares_address && b->shares_address
		       ? true
		       : prefixes_equal(a->addresses, a->address_count, b->addresses,
					b->address_count);
}

static bool same_interface(const struct conf_interface *a, const struct conf_interface *b)
{
	return same_addresses(a, b) &&
	       prefixes_equal(a->host_addresses, a->host_address_count, b->host_addresses,
			      b->host_address_count) &&
	       prefixes_equal(a->host_routes, a->host_route_count, b->host_routes,
			      b->host_route_count) &&
	       same_text(a->netns, b->netns) && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->device, b->device) == 0 &&
	       a->type == b->type && a->side == b->side && a->mtu == b->mtu &&
	       a->queues == b->queues && a->offload == b->offload && a->rings == b->rings &&
	       a->bypass_qdisc == b->bypass_qdisc && a->xdp_mode == b->xdp_mode &&
	       a->io_uring == b->io_uring &&
	       a->queue == b->queue && a->queue_length == b->queue_length &&
	       a->fail_open == b->fail_open && a->whole == b->whole && a->mark == b->mark &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       memcmp(a->vlan, b->vlan, sizeof(a->vlan)) == 0 && a->vlan_count == b->vlan_count &&
	       a->vlan_keep == b->vlan_keep && a->vlan_priority == b->vlan_priority;
}

static const char *difference(const struct conf *was, const struct conf *now)
{
	if (was->workers != now->workers)
		return "workers";
	if (was->steering != now->steering)
		return "steering";
	if (was->seed != now->seed || !same_text(was->control, now->control))
		return "seed or control";
	if (!same_text(was->state_file, now->state_file))
		return "state_file";
	if (!same_text(was->user, now->user) || !same_text(was->group, now->group) ||
	    was->seccomp != now->seccomp)
		return "user, group or seccomp";
	if (was->nat.sessions != now->nat.sessions || was->nat.fragments != now->nat.fragments)
		return "limits.sessions or limits.fragments";
	if (was->nat.half_open != now->nat.half_open || was->nat.held_ports != now->nat.held_ports ||
	    was->nat.unsolicited != now->nat.unsolicited)
		return "limits.half_open, limits.held_ports or limits.unsolicited";
	if (was->interface_count != now->interface_count)
		return "interfaces";
	for (size_t i = 0; i < was->interface_count; i++)
		if (!same_interface(&was->interfaces[i], &now->interfaces[i]))
			return "interfaces";
	return NULL;
}

int gateway_same_shape(const struct conf *was, struct conf *now, struct io_error *error)
{
	const char *what = difference(was, now);

	if (!what)
		what = gateway_keep_places(was, now);
	if (!what)
		return 0;
	snprintf(error->text, sizeof(error->text),
		 "%s: %s changed, which needs a restart; nothing was changed", now->file, what);
	return -EINVAL;
}
