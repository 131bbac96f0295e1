#include "router/pace.h"

bool pace_keep(struct pace *p, bool worked, uint64_t now_us, uint32_t poll_us)
{
	if (p->awake && !p->busy && now_us - p->turn_us > PACE_TAKEN_US)
		p->yield_us = now_us + PACE_YIELD_US;
	if (worked && !p->busy)
		p->soon = now_us - p->idle_us < poll_us ? p->soon + 1 : 0;
	else if (!worked && p->busy)
		p->idle_us = now_us;
	p->turn_us = now_us;
	p->busy = worked;
	p->awake = worked || (p->soon >= PACE_DENSE && now_us - p->idle_us < poll_us &&
			      now_us >= p->yield_us);
	return p->awake;
}
