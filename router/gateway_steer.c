/* The kernel gets to know which worker owns what. */
#include <unistd.h>

#include "gateway_core.h"
#include "router/steer.h"

/* The interfaces of a side that hand a program frames, or those that hand it datagrams. */
static int steer_side(const struct gateway *g, const struct conf *c, enum nat_side side, bool frames)
{
	int program = -1, r = 0;

	for (size_t i = 0; i < c->interface_count; i++) {
		if (c->interfaces[i].side != side || !io_can_steer(g->ios[i]) ||
		    io_sorts(g->ios[i]) != frames)
			continue;
		if (program < 0)
			program = (frames ? steer_load_ethernet : steer_load)(&c->nat, g->seed, side);
		if (program < 0)
			return program;
		if (!r)
			r = io_steer(g->ios[i], program);
	}
	if (program >= 0)
		close(program);
	return r;
}

int gateway_steer(const struct gateway *g, const struct conf *c)
{
	int r = 0;

	if (c->workers == 1 || !c->steering)
		return 0;
	for (int side = 0; !r && side < 2 * SIDE_COUNT; side++)
		r = steer_side(g, c, (enum nat_side)(side / 2), side % 2);
	return r;
}
