#include "router/manual.h"

#include <string.h>

#include "nat/reason.h"
#include "router/priv.h"

const struct router_command_row router_commands[ROUTER_COMMAND_COUNT] = {
	[ROUTER_RUN] = { "run", NULL, NULL, "run the gateway in the foreground",
		"Check the configuration, create the interfaces and forward until told to end. Stays in "
		"the foreground. A device that is not there yet is waited for; a gateway that cannot "
		"start leaves no trace." },
	[ROUTER_CHECK] = { "check", NULL, NULL, "list every fault of a configuration",
		"Check the configuration and create nothing." },
	[ROUTER_PORTS] = { "ports", "ADDRESS", NULL,
		"the outside ports that an inside address has by plan (RFC 7422)",
		"Print the outside address and the ports that an inside address has by a deterministic "
		"entry (RFC 7422), and the blocks it may have besides." },
	[ROUTER_HOLDER] = { "holder", "ADDRESS:PORT", NULL, "who has an outside port by plan",
		"Print the same for whoever has an outside port by such an entry. What is no host's by "
		"plan, or in a block, ends with status 1: the log knows. Who had a port before the entry "
		"was changed, the configuration of that time says; the log has each plan with its time, "
		"and again every day." },
	[ROUTER_LOCKDOWN] = { "lockdown", NULL, NULL,
		"rules for nft: nothing leaves untranslated while it does not run",
		"Print a table for\n.BR nft (8)\nthat forbids the kernel to forward on its own what the "
		"configuration has translated: see\n.BR \"When the gateway does not run\" ." },
	[ROUTER_REPLAY] = { "replay", NULL,
		"--in IF=FILE ... [--out IF=FILE ...]\n"
		"[--address IF=ADDRESS/LENGTH ...] [--seed N] [--decisions FILE] [--json]",
		"take captures through a configuration, at their own time",
		"Read captures (pcap, pcapng), take each packet through the configuration as if it came in "
		"by that interface at that time, and say what would become of it: see\n.BR REPLAY ." },
};

/* For people, lines behind the first one are indented; in roff hyphens are written in another way. */
static void print_options(const char *options, bool roff, FILE *out)
{
	for (; *options; options++)
		if (*options == '\n')
			fputs(roff ? "\n.br\n" : "\n                               ", out);
		else if (*options == '-' && roff)
			fputs("\\-", out);
		else
			fputc(*options, out);
}

static void print_usage(const struct router_command_row *c, FILE *out)
{
	fprintf(out, " router %-8s -c FILE%s%s", c->name, c->operand || c->options ? " " : "",
		c->operand ? "[--json] " : "");
	print_options(c->operand ? c->operand : c->options ? c->options : "", false, out);
	fputc('\n', out);
}

void router_usage(FILE *out)
{
	for (size_t i = 0; i < ROUTER_COMMAND_COUNT; i++) {
		fputs(i ? "      " : "usage:", out);
		print_usage(&router_commands[i], out);
	}
	fputs("       router --version | --help\n\n", out);
	for (size_t i = 0; i < ROUTER_COMMAND_COUNT; i++)
		fprintf(out, "  %-10s%s\n", router_commands[i].name, router_commands[i].help);
	fputs("\nSIGHUP reads the configuration again; SIGTERM and SIGINT end the gateway and remove\n"
	      "what it created. See router(8) and router.conf(5).\n", out);
}

static void print_synopsis(FILE *out)
{
	for (size_t i = 0; i < ROUTER_COMMAND_COUNT; i++) {
		const struct router_command_row *c = &router_commands[i];

		fprintf(out, ".B router %s \\-c\n.I FILE\n", c->name);
		if (c->operand)
			fprintf(out, ".RB [ \\-\\-json ]\n.I %s\n", c->operand);
		if (c->options) {
			print_options(c->options, true, out);
			fputc('\n', out);
		}
		fputs(".br\n", out);
	}
	fputs(".B router \\-\\-version\n|\n.B \\-\\-help\n", out);
}

static void print_commands(FILE *out)
{
	for (size_t i = 0; i < ROUTER_COMMAND_COUNT; i++)
		fprintf(out, ".TP\n.B %s\n%s\n", router_commands[i].name, router_commands[i].about);
}

static void print_capabilities(FILE *out)
{
	const char *name, *why;

	for (size_t i = 0; (name = priv_capability(i, &why)); i++)
		fprintf(out, ".TP\n.B %s\n%s\n", name, why);
}

static void print_reasons(FILE *out)
{
	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT; r++)
		fprintf(out, ".TP\n.B %s\n%s\n", reason_name(r), reason_help(r));
}

static const struct { const char *name; void (*print)(FILE *out); } parts[] = {
	{ "synopsis", print_synopsis }, { "commands", print_commands },
	{ "capabilities", print_capabilities }, { "reasons", print_reasons },
};

bool router_manual(const char *part, FILE *out)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(parts[i].name, part) != 0)
			continue;
		parts[i].print(out);
		return true;
	}
	return false;
}
