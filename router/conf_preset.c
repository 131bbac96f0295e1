/*
 * Named behaviours: other defaults for the keys of a nat entry, and nothing else.
 *
 * A row says where the claim comes from and what the knobs cannot express; router.conf(5) prints
 * both. Values are texts as they would stand in the file, so that the table of keys judges them. The
 * least values of timeouts do not hold here: a preset is what somebody does, not what one should do.
 */
#include "conf_read.h"

#include <stdio.h>
#include <string.h>

#define PRESET_LIST(X) \
	X(FULL_CONE, "full-cone") \
	X(RESTRICTED_CONE, "restricted-cone") \
	X(PORT_RESTRICTED_CONE, "port-restricted-cone") \
	X(SYMMETRIC, "symmetric") \
	X(RFC_HOME, "rfc-home") \
	X(RFC_CGN, "rfc-cgn") \
	X(LINUX_MASQUERADE, "linux-masquerade") \
	X(LINUX_MASQUERADE_RANDOM, "linux-masquerade-random") \
	X(OPENBSD_PF, "openbsd-pf") \
	X(VPP_NAT44_ED, "vpp-nat44-ed") \
	X(HARD_SYMMETRIC_CGN, "hard-symmetric-cgn")

#define PRESET_ENUM(id, name) PRESET_##id,
enum preset { PRESET_LIST(PRESET_ENUM) PRESET_COUNT };

#define PRESET_WORD(id, name) { name, PRESET_##id },
const struct conf_word conf_preset_words[] = { PRESET_LIST(PRESET_WORD) { "", WORD_NONE }, { 0 } };

enum { KNOBS_MOST = 24 };

struct conf_preset {
	struct { const char *key, *value; } knobs[KNOBS_MOST]; /* below "nat"; NULL ends */
	const char *source;
	const char *beyond; /* what no knob expresses */
};

#define INDEPENDENT "endpoint-independent"
#define BY_ADDRESS "address-dependent"
#define BY_PORT "address-and-port-dependent"
#define LINUX_TIMEOUTS \
	{ "timeouts.udp", "120" }, { "timeouts.tcp_opening", "120" }, \
	{ "timeouts.tcp_established", "432000" }, { "timeouts.tcp_closing", "120" }, \
	{ "timeouts.icmp", "30" }, { "timeouts.gre", "180" }, { "timeouts.esp", "600" }, \
	{ "timeouts.other", "600" }
#define LINUX_TIMERS_BEYOND \
	"UDP has 30 seconds until an answer comes and 120 then, GRE 30 and 180, and TCP one time " \
	"per state (60 after the SYN+ACK, 120 and 60 and 30 while closing, 10 after a RST): here " \
	"each has one. Inside ports below 512 stay below 512. Unsolicited segments are for the " \
	"machine itself."
#define CONES_SOURCE "RFC 3489 section 5, in the words of RFC 4787 sections 4.1 and 5."
#define CONES_BEYOND \
	"RFC 3489 speaks of UDP only, here it is all protocols. Of ports, timers and hairpinning it " \
	"says nothing: they are as always."

static const struct conf_preset presets[] = {
	[PRESET_FULL_CONE] = {
		{ { "mapping", INDEPENDENT }, { "filtering", INDEPENDENT } },
		CONES_SOURCE, CONES_BEYOND,
	},
	[PRESET_RESTRICTED_CONE] = {
		{ { "mapping", INDEPENDENT }, { "filtering", BY_ADDRESS } },
		CONES_SOURCE, CONES_BEYOND,
	},
	[PRESET_PORT_RESTRICTED_CONE] = {
		{ { "mapping", INDEPENDENT }, { "filtering", BY_PORT } },
		CONES_SOURCE, CONES_BEYOND,
	},
	[PRESET_SYMMETRIC] = {
		{ { "mapping", BY_PORT }, { "filtering", BY_PORT } },
		CONES_SOURCE, CONES_BEYOND,
	},
	[PRESET_RFC_HOME] = {
		{
			{ "mapping", INDEPENDENT }, { "filtering", BY_ADDRESS },
			{ "port_selection", "preserve" }, { "on_conflict", "random" },
			{ "parity", "true" }, { "pooling", "paired" },
			{ "hairpin", "external-source" }, { "refresh", "outbound" },
			{ "on_exhaustion", "unreachable" }, { "unsolicited_syn", "reject" },
			{ "icmp_errors", "pass" },
		},
		"RFC 4787, RFC 5382, RFC 5508 and RFC 7857. Of the two filterings that RFC 4787 REQ-8 "
		"recommends it is the one for those who want more protection.",
		"These are the defaults, written down.",
	},
	[PRESET_RFC_CGN] = {
		{
			{ "mapping", INDEPENDENT }, { "filtering", INDEPENDENT },
			{ "port_selection", "block" }, { "block_size", "512" },
			{ "blocks_per_host", "4" }, { "parity", "false" },
			{ "pooling", "paired" }, { "hairpin", "external-source" },
			{ "refresh", "outbound" }, { "on_exhaustion", "unreachable" },
			{ "unsolicited_syn", "reject" }, { "icmp_errors", "pass" },
			{ "ports_per_host", "2048" }, { "new_per_second", "100" },
			{ "new_burst", "500" }, { "sessions_per_mapping", "1024" },
		},
		"RFC 6888 REQ-2 (pooling), REQ-4 and REQ-5 (limits), REQ-7 (filtering), REQ-11 "
		"(refusal), REQ-14 (blocks); RFC 7857 section 8 lets parity go. A released port rests "
		"for timeouts.port_hold, 120 seconds by default (REQ-8).",
		"The RFC leaves the sizes to whoever runs it: these are ours. Logging, a port control "
		"protocol (REQ-9) and management by standards (REQ-10) are no knobs of an entry.",
	},
	[PRESET_LINUX_MASQUERADE] = {
		{
			{ "mapping", INDEPENDENT }, { "filtering", BY_PORT },
			{ "port_selection", "preserve" }, { "on_conflict", "random" },
			{ "low_ports", "600-1023" }, { "parity", "false" },
			{ "hairpin", "off" }, { "refresh", "both" },
			{ "on_exhaustion", "overload" }, { "unsolicited_syn", "silent" },
			LINUX_TIMEOUTS,
		},
		"Linux net/netfilter/nf_nat_core.c (a port is kept if no session in use has it for the "
		"same remote endpoint, else one is searched from a random start); "
		"Documentation/networking/nf_conntrack-sysctl.rst (timers).",
		"Linux shares a port as soon as remote endpoints differ, here that begins when all "
		"ports are taken; so there a collision makes a mapping of its own for that remote "
		"endpoint, and here the whole inside endpoint gets another port. " LINUX_TIMERS_BEYOND,
	},
	[PRESET_LINUX_MASQUERADE_RANDOM] = {
		{
			{ "mapping", BY_PORT }, { "filtering", BY_PORT },
			{ "port_selection", "random" }, { "low_ports", "600-1023" },
			{ "parity", "false" }, { "hairpin", "off" }, { "refresh", "both" },
			{ "on_exhaustion", "overload" }, { "unsolicited_syn", "silent" },
			LINUX_TIMEOUTS,
		},
		"iptables-extensions(8), MASQUERADE with --random-fully (--random is the same since "
		"Linux 5.0); nf_nat_core.c and nf_conntrack-sysctl.rst as above.",
		"Linux shares a port as soon as remote endpoints differ, here that begins when all "
		"ports are taken. " LINUX_TIMERS_BEYOND,
	},
	[PRESET_OPENBSD_PF] = {
		{
			{ "mapping", BY_PORT }, { "filtering", BY_PORT },
			{ "port_selection", "random" }, { "ports", "50001-65535" },
			{ "low_ports", "" }, { "parity", "false" }, { "pooling", "arbitrary" },
			{ "hairpin", "off" }, { "refresh", "both" },
			{ "on_exhaustion", "overload" }, { "unsolicited_syn", "silent" },
			{ "timeouts.udp", "60" }, { "timeouts.tcp_opening", "120" },
			{ "timeouts.tcp_established", "86400" }, { "timeouts.tcp_closing", "45" },
			{ "timeouts.icmp", "20" }, { "timeouts.gre", "60" },
			{ "timeouts.esp", "60" }, { "timeouts.other", "60" },
		},
		"OpenBSD pf.conf(5), nat-to without static-port, and its FAQ on pools (round-robin is "
		"the default); sbin/pfctl/pfctl_parser.h (ports 50001 to 65535); sys/net/pfvar.h (timers).",
		"pf shares a port as soon as remote endpoints differ, here that begins when all ports are "
		"taken. pf has one time per state: UDP 60 seconds after the first packet, 30 while one "
		"side is silent, 60 then; TCP 120 after the first packet, 30 while opening, 900 half "
		"closed, 45 after both FINs, 90 after a RST; all shrink when the table fills. Addresses "
		"of a pool are taken in turn, here at random.",
	},
	[PRESET_VPP_NAT44_ED] = {
		{
			{ "mapping", BY_PORT }, { "filtering", BY_PORT },
			{ "port_selection", "preserve" }, { "on_conflict", "random" },
			{ "ports", "1024-65535" }, { "low_ports", "" }, { "parity", "false" },
			{ "pooling", "paired" }, { "refresh", "both" },
			{ "on_exhaustion", "overload" }, { "unsolicited_syn", "silent" },
			{ "timeouts.udp", "300" }, { "timeouts.tcp_opening", "240" },
			{ "timeouts.tcp_established", "7440" }, { "timeouts.tcp_closing", "240" },
			{ "timeouts.icmp", "60" },
		},
		"VPP src/plugins/nat/nat44-ed: nat44_ed_doc.rst (mapping, filtering, overloading), "
		"nat44_ed_in2out.c (first the port of the inside, then a random one; the address follows "
		"from that of the inside), nat44_ed.api (timers).",
		"VPP shares a port as soon as remote endpoints differ, here that begins when all ports are "
		"taken. It hairpins to static mappings only, gives each thread a range of ports, and "
		"keeps an idle session until its place is needed.",
	},
	[PRESET_HARD_SYMMETRIC_CGN] = {
		{
			{ "mapping", BY_PORT }, { "filtering", BY_PORT },
			{ "port_selection", "random" }, { "parity", "false" },
			{ "pooling", "arbitrary" }, { "hairpin", "off" }, { "refresh", "outbound" },
			{ "on_exhaustion", "silent" }, { "unsolicited_syn", "silent" },
			{ "ports_per_host", "1024" }, { "timeouts.udp", "30" },
		},
		"The most restrictive of each behaviour of RFC 4787 sections 4 to 6; that carriers have "
		"such mapping, pooling and short timers is measured in Richter et al., A "
		"Multi-perspective Analysis of Carrier-Grade NAT Deployment, IMC 2016.",
		"No product in particular: a worst case to test against. The numbers are ours.",
	},
};

_Static_assert(sizeof(presets) / sizeof(presets[0]) == PRESET_COUNT, "one row per name");

const struct conf_preset *conf_preset(int word)
{
	return word == WORD_NONE ? NULL : &presets[word];
}

const char *conf_preset_value(const struct conf_preset *p, const struct conf_key *k)
{
	char path[CONF_PATH];

	if (!p)
		return NULL;
	conf_key_path(k, path);
	for (size_t i = 0; i < KNOBS_MOST && p->knobs[i].key; i++)
		if (!strcmp(path + strlen("nat."), p->knobs[i].key))
			return p->knobs[i].value;
	return NULL;
}

static bool is_quoted(const char *key)
{
	const struct conf_key *k = conf_key_find("nat", key);

	return k && (k->kind == KEY_WORD || k->kind == KEY_TEXT);
}

static void print_preset(FILE *out, const char *name, const struct conf_preset *p)
{
	fprintf(out, ".TP\n.BR %s\n", name);
	for (size_t i = 0; i < KNOBS_MOST && p->knobs[i].key; i++) {
		const char *quote = is_quoted(p->knobs[i].key) ? "\"" : "";

		fprintf(out, "%s = %s%s%s;\n", p->knobs[i].key, quote, p->knobs[i].value, quote);
	}
	fprintf(out, ".br\nSource: %s\n.br\nBeyond the knobs: %s\n", p->source, p->beyond);
}

void conf_presets_manual(FILE *out)
{
	fputs(".SH PRESETS\nWhat preset = \"NAME\" sets in a nat entry of type napt44, napt66 or nat64. The "
	      "keys are those of nat and nat.timeouts.\n", out);
	for (size_t i = 0; i < PRESET_COUNT; i++)
		print_preset(out, conf_preset_words[i].text, &presets[i]);
}
