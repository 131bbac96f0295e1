/* Those parts of routerctl(8) that follow from tables. */
#include <string.h>

#include "nat/session.h"
#include "routerctl.h"
#include "router/protocol.h"

static void print_views(FILE *out)
{
	for (const struct view *v = views; v->command != NULL; v++) {
		fprintf(out, v->words[0] ? ".TP\n.BR %s \" %s\"\n" : ".TP\n.B %s\n", v->command,
			v->words);
		fprintf(out, "%s\n", v->about);
	}
}

#define PROTOCOL_NAME(number, name) name,
#define STATE_NAME(id, name) name,

static const char *const protocols[] = { "icmp", PROTOCOL_LIST(PROTOCOL_NAME) };
static const char *const states[] = { TCP_STATE_LIST(STATE_NAME) };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void print_names(FILE *out, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, ".BR %s%s\n", strcmp(names[i], "-") == 0 ? "\\-" : names[i],
			i + 1 < count ? " ," : " .");
}

bool view_manual(const char *part, FILE *out)
{
	if (strcmp(part, "views") == 0)
		print_views(out);
	else if (strcmp(part, "protocols") == 0)
		print_names(out, protocols, COUNT(protocols));
	else if (strcmp(part, "states") == 0)
		print_names(out, states, COUNT(states));
	else
		return false;
	return true;
}
