/*
 * How many ICMP errors are sent. The bucket that all destinations share would tell an attacker who
 * fills it whether others get errors too (SAD DNS, CVE-2020-25705); so how many tokens an error
 * takes there is left to chance, as is which destinations share a group.
 */
#include "mix.h"
#include "worker_core.h"

/* In all a thousand; per destination as many as asked for, of which a traceroute's burst passes at once. */
enum { ALL_PER_SECOND = 1000, ALL_BURST = 1000, TAKEN_BESIDES = 3 };

void limiter_init(struct limiter *l, const uint8_t *seed)
{
	memcpy(l->key, seed, sizeof(l->key));
	l->all.tokens = ALL_BURST;
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

static struct bucket_of_tokens *group_of(struct limiter *l, const uint8_t *destination, size_t len)
{
	uint64_t words[2] = { 0 };

	memcpy(words, destination, len);
	return &l->groups[mix(mix(words[0] ^ l->key[0]) ^ words[1] ^ l->key[1]) % LIMITER_GROUPS];
}

bool limiter_allows(struct limiter *l, nat_time now, uint32_t per_second, const uint8_t *destination,
		    size_t len)
{
	struct bucket_of_tokens *group = group_of(l, destination, len);
	uint32_t taken;

	fill(&l->all, now, ALL_PER_SECOND, ALL_BURST);
	fill(group, now, per_second, per_second);
	if (!l->all.tokens || !group->tokens)
		return false;
	taken = 1 + (uint32_t)(mix(l->key[0] + l->key[1] * ++l->draws) % TAKEN_BESIDES);
	l->all.tokens -= taken < l->all.tokens ? taken : l->all.tokens;
	group->tokens--;
	return true;
}
