/*
 * What sessions that are about to begin or to end will touch, fetched before, and the hashes of its
 * keys. Private to nat/.
 *
 * Shape    ahead_open() of a batch, and ahead_end() before each session that ends, leave hashes that
 *          n->hashes may point to meanwhile.
 * Errors   None; a wrong guess costs time only.
 */
#ifndef NAT_AHEAD_H
#define NAT_AHEAD_H

#include "core.h"

/* policy: NULL if there is nothing to be guessed. */
struct ahead {
	struct hashes hashes;
	const struct nat_policy *policy;
	uint16_t address;
};

/* It seems to have no session. */
static inline bool ahead_opens(const struct nat_job *job)
{
	return job->sought.value == TABLE_NONE && job->sought.reason == REASON_NONE;
}

/* ahead: for those of the jobs that seem to have none, one after another. */
void ahead_open(const struct nat *n, struct nat_job *const *jobs, size_t count,
		struct ahead *ahead);

/* number was taken out of the wheel, and nothing since. */
const struct hashes *ahead_end(struct nat *n, uint32_t number);

#endif
