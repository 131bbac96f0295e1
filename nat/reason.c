#include "nat/reason.h"

#define NAME(id, name, help) [REASON_##id] = name,
#define HELP(id, name, help) [REASON_##id] = help,

static const char *const names[] = { REASON_LIST(NAME) };
static const char *const helps[] = { REASON_LIST(HELP) };

_Static_assert(sizeof(names) / sizeof(names[0]) == REASON_COUNT, "a name per reason");

const char *reason_name(enum reason r)
{
	return names[r];
}

const char *reason_help(enum reason r)
{
	return helps[r];
}
