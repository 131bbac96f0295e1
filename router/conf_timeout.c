/* Timeouts, of all and of one nat entry: the same classes, the same least values. */
#include "conf_read.h"

#define TIMEOUT_ROW(id, key, usual, floor, source) [TIMEOUT_##id] = { key, floor, source },
static const struct { const char *key; uint32_t floor; const char *source; } timeouts[] = {
	TIMEOUT_LIST(TIMEOUT_ROW)
};
_Static_assert(sizeof(timeouts) / sizeof(timeouts[0]) == TIMEOUT_COUNT, "one row per timeout");

/* What a preset says is not judged. */
static int64_t read_timeout(const struct section *s, const char *key, enum nat_timeout t)
{
	int64_t seconds = section_number(s, key);

	if (!section_has(s, key) || seconds >= timeouts[t].floor || seconds == WORD_NONE ||
	    s->r->allow_short)
		return seconds;
	reader_fault(s->r, section_line(s, key),
		     "%s.%s = %lld is below the floor of %s; at least %u, or for tests "
		     "%sallow_short = true", s->path, key, (long long)seconds, timeouts[t].source,
		     timeouts[t].floor, section_knows(s, "allow_short") ? "" : "timeouts.");
	return seconds;
}

void conf_read_timeouts(const struct section *s, uint32_t ms[static TIMEOUT_COUNT])
{
	int64_t transitory = read_timeout(s, "tcp_transitory", TIMEOUT_TCP_CLOSING);

	for (enum nat_timeout t = 0; t < TIMEOUT_COUNT; t++) {
		const char *key = timeouts[t].key;
		int64_t seconds;

		if (!section_knows(s, key))
			continue;
		seconds = read_timeout(s, key, t);
		if ((t == TIMEOUT_TCP_OPENING || t == TIMEOUT_TCP_CLOSING) &&
		    transitory != WORD_NONE && !section_has(s, key))
			seconds = transitory;
		if (seconds != WORD_NONE)
			ms[t] = (uint32_t)(seconds * 1000);
	}
}
