#include "worker_core.h"

/* Per destination a traceroute's burst passes and ten a second follow; in all a thousand. */
enum { GROUP_PER_SECOND = 10, GROUP_BURST = 10, ALL_PER_SECOND = 1000, ALL_BURST = 1000 };

void limiter_init(struct limiter *l)
{
	l->all.tokens = ALL_BURST;
	for (size_t i = 0; i < LIMITER_GROUPS; i++)
		l->groups[i].tokens = GROUP_BURST;
}

/* Only the time that made whole tokens is used up. */
static void fill(struct bucket_of_tokens *b, nat_time now, uint32_t per_second, uint32_t burst)
{
	uint64_t gained = (now.ms - b->filled_ms) * per_second / 1000;

	if (b->tokens + gained >= burst) {
		b->tokens = burst;
		b->filled_ms = now.ms;
	} else {
		b->tokens += (uint32_t)gained;
		b->filled_ms += gained * 1000 / per_second;
	}
}

bool limiter_allows(struct limiter *l, nat_time now, uint32_t destination_hash)
{
	struct bucket_of_tokens *group = &l->groups[destination_hash % LIMITER_GROUPS];

	fill(&l->all, now, ALL_PER_SECOND, ALL_BURST);
	fill(group, now, GROUP_PER_SECOND, GROUP_BURST);
	if (!l->all.tokens || !group->tokens)
		return false;
	l->all.tokens--;
	group->tokens--;
	return true;
}
