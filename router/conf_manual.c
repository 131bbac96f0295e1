/* router.conf(5), in roff, from the table of keys. */
#include "conf_read.h"

#include <ctype.h>
#include <string.h>

static const char head[] =
	".TH ROUTER.CONF 5 \"\" \"\" \"NAT gateway\"\n"
	".SH NAME\n"
	"router.conf \\- configuration of the NAT gateway\n"
	".SH DESCRIPTION\n"
	"The file is in the syntax of libconfig:\n"
	".IR name\\  =\\  value ;\n"
	"where a value is a number, true or false, a \"text\", an array [ ... ] of texts, a group\n"
	"{ ... } of names and values, or a list ( ... ) of groups.\n"
	"Comments begin with # or //, or stand between /* and */.\n"
	".PP\n"
	"Every name is optional unless it is called required.\n"
	".B router check\n"
	"lists every fault of a file as\n"
	".IR FILE : LINE :\n"
	"what; what would be right.\n";

static const char tail[] =
	".SH EXAMPLE\n"
	"A home gateway: the LAN on a TUN device, the provider on eth0.\n"
	".PP\n"
	".EX\n"
	"interfaces = (\n"
	"  { name = \"lan0\"; type = \"tun\"; side = \"inside\"; address = [ \"192.168.7.1/24\" ];\n"
	"    host_address = [ \"192.168.7.2/24\" ]; },\n"
	"  { name = \"wan0\"; type = \"packet\"; device = \"eth0\"; side = \"outside\"; }\n"
	");\n"
	"routes = ( { prefix = \"0.0.0.0/0\"; interface = \"wan0\"; via = \"198.51.100.1\"; } );\n"
	"nat = ( { name = \"home\"; match = \"192.168.7.0/24\"; type = \"napt44\";\n"
	"          pool = [ \"interface:wan0\" ]; } );\n"
	".EE\n"
	".SH SEE ALSO\n"
	".BR router (8),\n"
	".BR routerctl (8)\n";

/* "A number from 0 to 64; default 0." */
static void print_wanted(FILE *out, const struct conf_key *k)
{
	struct text wanted = { 0 };

	conf_key_expect(k, &wanted);
	if (!wanted.failed) {
		*wanted.octets = (char)toupper((unsigned char)*wanted.octets);
		fputs(wanted.octets, out);
	}
	text_free(&wanted);
	if (!k->normal)
		fputs("; required", out);
	else if (*k->normal && (k->kind == KEY_TEXT || k->kind == KEY_WORD))
		fprintf(out, "; default \"%s\"", k->normal);
	else if (*k->normal)
		fprintf(out, "; default %s", k->normal);
	fputs(".\n.br\n", out);
}

static void print_key(FILE *out, const struct conf_key *k)
{
	fprintf(out, ".TP\n.B %s\n", k->name);
	print_wanted(out, k);
	fprintf(out, "%s\n", k->help);
}

/* The keys of one section; "" is the file itself. Groups and lists have sections of their own. */
static void print_section(FILE *out, const char *section)
{
	const struct conf_key *k;

	for (size_t i = 0; (k = conf_key(i)); i++)
		if (!strcmp(k->section, section) && k->kind != KEY_GROUP && k->kind != KEY_LIST)
			print_key(out, k);
}

void conf_manual(FILE *out)
{
	const struct conf_key *k;
	char path[CONF_PATH];

	fputs(head, out);
	fputs(".SH GENERAL\n", out);
	print_section(out, "");
	for (size_t i = 0; (k = conf_key(i)); i++) {
		if (k->kind != KEY_GROUP && k->kind != KEY_LIST)
			continue;
		conf_key_path(k, path);
		fprintf(out, ".SH %s = %s\n%s\n", path,
			k->kind == KEY_LIST ? "( { ... }, ... )" : "{ ... }", k->help);
		print_section(out, path);
	}
	conf_presets_manual(out);
	fputs(tail, out);
}
