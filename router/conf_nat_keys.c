/* The keys of nat and forwards: every behaviour that can be dialled, with its default. */
#include "conf_read.h"

#include "router/protocol.h"

static const struct conf_word nat_types[] = {
	{ "napt44", NAT_NAPT44 }, { "one_to_one", NAT_ONE_TO_ONE }, { "none", NAT_NONE },
	{ "nat64", NAT_NAT64 }, { "siit", NAT_SIIT }, { "nptv6", NAT_NPTV6 },
	{ "napt66", NAT_NAPT66 }, { "firewall", NAT_FIREWALL }, { 0 },
};
static const struct conf_word dependences[] = {
	{ "endpoint-independent", NAT_ENDPOINT_INDEPENDENT },
	{ "address-dependent", NAT_ADDRESS_DEPENDENT },
	{ "address-and-port-dependent", NAT_ADDRESS_PORT_DEPENDENT }, { 0 },
};
static const struct conf_word selections[] = {
	{ "preserve", NAT_PORT_PRESERVE }, { "random", NAT_PORT_RANDOM },
	{ "sequential", NAT_PORT_SEQUENTIAL }, { "parity", NAT_PORT_PARITY },
	{ "contiguous", NAT_PORT_CONTIGUOUS }, { "block", NAT_PORT_BLOCK },
	{ "deterministic", NAT_PORT_DETERMINISTIC }, { 0 },
};
static const struct conf_word conflicts[] = {
	{ "random", NAT_CONFLICT_RANDOM }, { "sequential", NAT_CONFLICT_SEQUENTIAL },
	{ "refuse", NAT_CONFLICT_REFUSE }, { 0 },
};
static const struct conf_word poolings[] = {
	{ "paired", NAT_POOLING_PAIRED }, { "arbitrary", NAT_POOLING_ARBITRARY },
	{ "soft", NAT_POOLING_SOFT }, { 0 },
};
static const struct conf_word hairpins[] = {
	{ "external-source", NAT_HAIRPIN_EXTERNAL }, { "internal-source", NAT_HAIRPIN_INTERNAL },
	{ "off", NAT_HAIRPIN_OFF }, { 0 },
};
static const struct conf_word refreshes[] = {
	{ "outbound", NAT_REFRESH_OUTBOUND }, { "inbound", NAT_REFRESH_INBOUND },
	{ "both", NAT_REFRESH_BOTH }, { 0 },
};
static const struct conf_word exhaustions[] = {
	{ "unreachable", NAT_EXHAUSTED_UNREACHABLE }, { "prohibited", NAT_EXHAUSTED_PROHIBITED },
	{ "silent", NAT_EXHAUSTED_SILENT }, { "overload", NAT_EXHAUSTED_OVERLOAD }, { 0 },
};
static const struct conf_word unsolicited[] = {
	{ "reject", NAT_UNSOLICITED_REJECT }, { "silent", NAT_UNSOLICITED_SILENT }, { 0 },
};
static const struct conf_word changes[] = {
	{ "end", NAT_CHANGE_END }, { "idle", NAT_CHANGE_IDLE }, { "move", NAT_CHANGE_MOVE }, { 0 },
};
static const struct conf_word icmp_errors[] = { { "pass", false }, { "drop", true }, { 0 } };
static const struct conf_word helpers[] = {
	{ "ftp", NAT_HELPER_FTP }, { "tftp", NAT_HELPER_TFTP }, { "pptp", NAT_HELPER_PPTP }, { 0 },
};
static const struct conf_word zero_checksums[] = { { "compute", false }, { "drop", true }, { 0 } };
static const struct conf_word zero_ids[] = { { "translate", false }, { "drop", true }, { 0 } };
static const struct conf_word affinities[] = { { "connection", false }, { "client", true }, { 0 } };

#define PROTOCOL_WORD(number, name) { name, number },
static const struct conf_word exempt_protocols[] = {
	PROTOCOL_LIST(PROTOCOL_WORD) { "icmp", PROTO_ICMP }, { 0 },
};
static const struct conf_word forward_protocols[] = {
	PROTOCOL_LIST(PROTOCOL_WORD) { "tcp+udp", CONF_TCP_AND_UDP }, { 0 },
};

#define OF_CLASS(key, class) \
	{ "nat", key "_" class, KEY_WORD, 0, 0, "", dependences, \
	  "As " key ", only for the protocols of the class " class "." }
#define OWN_TIMEOUT(key) \
	{ "nat.timeouts", key, KEY_NUMBER, 1, TIMEOUT_MOST_S, "", NULL, \
	  "For sessions of this entry, instead of the one in timeouts." }

const struct conf_key conf_nat_keys[] = {
	{ "", "nat", KEY_LIST, 0, NAT_POLICIES_MOST, "", NULL,
	  "How inside prefixes are translated; the first entry that matches an inside address "
	  "counts. An inside IPv4 address without an entry does not reach the outside; IPv6 without "
	  "one is routed as it is. Entries of types nat64 and siit are asked first, for what is bound "
	  "for one of their prefixes. Keys that an entry's type or port_selection has no use for are "
	  "refused." },
	{ "nat", "name", KEY_TEXT, 1, 63, NULL, NULL, "How listings call the entry." },
	{ "nat", "match", KEY_TEXT, 1, PREFIX_TEXT, NULL, NULL,
	  "Inside prefix: IPv4 for napt44, IPv6 for nat64, nptv6, napt66 and firewall, either for the "
	  "others. Or \"interface:NAME\": the network of an inside interface, of its first address of "
	  "that version (of none: IPv4), which it follows. Not for siit." },
	{ "nat", "type", KEY_WORD, 0, 0, NULL, nat_types,
	  "napt44: IPv4 addresses and ports; one_to_one: addresses only, each its own; none: forward "
	  "as it is; nat64: IPv6 hosts reach IPv4 (RFC 6146); siit: IPv6 and IPv4 without sessions, "
	  "each address its own (RFC 7915), with an IPv4 match for hosts that reach IPv4 over IPv6 "
	  "(RFC 6877); nptv6: IPv6 prefixes, without sessions (RFC 6296); napt66: IPv6 addresses and "
	  "ports; firewall: nothing is translated, and what nobody inside asked for stays outside "
	  "(RFC 6092)." },
	{ "nat", "preset", KEY_WORD, 0, 0, "", conf_preset_words,
	  "Other defaults for the keys of this entry, as PRESETS lists them. What the entry says "
	  "itself counts." },
	{ "nat", "pool", KEY_TEXTS, 0, 0, "", NULL,
	  "For napt44, nat64, siit (IPv4) and napt66 (IPv6). Outside addresses: single ones, ranges "
	  "\"first-last\", or alone \"interface:NAME\" for the address of an outside interface, the first "
	  "one that is not link-local, which it follows. A reload may take addresses away, whose "
	  "sessions end, give them back, and put others in their places (on_address_change); more of "
	  "them need a restart. For siit it may be missing: these are sources of ICMP errors from "
	  "routers that have no IPv4 address (RFC 6791)." },
	{ "nat", "ports", KEY_TEXT, 1, 11, "1024-65535", NULL,
	  "Outside ports that may be used. With \"interface:NAME\" the default is \"4096-65535\": "
	  "what is below stays for the host itself." },
	{ "nat", "low_ports", KEY_TEXT, 0, 11, "512-1023", NULL,
	  "Outside ports for inside ports below 1024 (RFC 4787 REQ-3). Empty: taken from ports. "
	  "This is the default with \"interface:NAME\", where ports begins below 1024, and with "
	  "ports of blocks or deterministic ones." },
	{ "nat", "prefix", KEY_TEXT_OR_TEXTS, 1, PREFIX_TEXT, "", NULL,
	  "For one_to_one and nptv6, required there: the outside prefix, as long as match. For "
	  "one_to_one of IPv4, the same as match: addresses stay as they are, and the filter works "
	  "(firewall does that for IPv6). For nptv6 also \"interface:NAME\": the network of an outside "
	  "interface, which it follows; all of its addresses stand for inside hosts then, but for those "
	  "of the gateway and its next hops. For nat64 and siit: the IPv6 prefixes, at most 8, in which "
	  "IPv4 addresses are embedded (RFC 6052); what nobody asked for comes in with the first. If not "
	  "given, \"64:ff9b::/96\", which must not hold private addresses (RFC 6052 section 3.1); use a "
	  "prefix of your own, or one of 64:ff9b:1::/48 (RFC 8215), where they are needed." },
	{ "nat", "eam", KEY_LIST, 0, NAT_EAMS_MOST, "", NULL,
	  "For siit: explicit mappings of addresses (RFC 7757); the longest prefix counts. Where none "
	  "matches, prefix does. The side of the inside hosts lies within match; with an IPv4 match, "
	  "one must say what IPv6 addresses its hosts have. The other side has no address of inside "
	  "networks or of the router." },
	{ "nat.eam", "ipv4", KEY_TEXT, 1, PREFIX_TEXT, NULL, NULL, "An IPv4 prefix." },
	{ "nat.eam", "ipv6", KEY_TEXT, 1, PREFIX_TEXT, NULL, NULL,
	  "The IPv6 prefix that stands for it. It has at least as many bits behind it, of which the "
	  "first are those of IPv4." },
	{ "nat", "lowest_ipv6_mtu", KEY_NUMBER, 1280, 65535, "1280", NULL,
	  "For nat64 and siit: the least MTU of IPv6 links behind. IPv4 datagrams that may be "
	  "fragmented are cut to it (RFC 7915 section 4)." },
	{ "nat", "copy_tos", KEY_BOOL, 0, 0, "true", NULL,
	  "For nat64 and siit: the traffic class is copied (RFC 7915 section 4.1). false: it is 0." },
	{ "nat", "udp_zero_checksum", KEY_WORD, 0, 0, "compute", zero_checksums,
	  "For nat64 and siit: what becomes of UDP over IPv4 without a checksum, which IPv6 does not "
	  "allow (RFC 7915 section 4.5). Of fragments none can be computed." },
	{ "nat", "all_zeros", KEY_WORD, 0, 0, "translate", zero_ids,
	  "For nptv6 with prefixes longer than 48 bits: what becomes of addresses whose interface "
	  "identifier is all zeros. drop is the letter of RFC 6296 section 3.7, translate its erratum "
	  "8757." },
	{ "nat", "ipsec", KEY_BOOL, 0, 0, "true", NULL,
	  "For firewall: AH, ESP, IKE and HIP may come in unasked (RFC 6092 REC-21 to REC-26)." },
	{ "nat", "ping", KEY_BOOL, 0, 0, "true", NULL,
	  "For firewall: so may echo requests (RFC 4890 section 4.3.1)." },
	{ "nat", "destination", KEY_TEXT, 1, PREFIX_TEXT, "", NULL,
	  "For none with an IPv4 match: only what is bound for this outside prefix passes untranslated (RFC 6888 "
	  "REQ-6). Later entries say what becomes of the rest." },
	{ "nat", "destination_ports", KEY_TEXT, 1, 11, "", NULL,
	  "For none: and only for these outside ports, of the protocol proto." },
	{ "nat", "proto", KEY_NUMBER, 1, 255, "", exempt_protocols,
	  "For none: and only of this protocol." },
	{ "nat", "mapping", KEY_WORD, 0, 0, "endpoint-independent", dependences,
	  "Which remote endpoints share a mapping (RFC 4787 REQ-1, RFC 5382 REQ-1)." },
	OF_CLASS("mapping", "udp"),
	OF_CLASS("mapping", "tcp"),
	{ "nat", "filtering", KEY_WORD, 0, 0, "address-dependent", dependences,
	  "Which remote endpoints may send to a mapping (RFC 4787 REQ-8, RFC 5382 REQ-3). The class "
	  "tcp is TCP, DCCP and SCTP, the class udp all the others. SCTP keeps its ports, so its "
	  "filtering is always by remote endpoint." },
	OF_CLASS("filtering", "udp"),
	OF_CLASS("filtering", "tcp"),
	{ "nat", "port_selection", KEY_WORD, 0, 0, "preserve", selections,
	  "Which outside port a mapping gets. preserve: that of the inside, if it is free; random "
	  "(RFC 6056); sequential: the next one; parity: random, but even or odd as the inside; "
	  "contiguous: the same, and inside neighbours get neighbours; block: out of blocks that "
	  "belong to one host at a time (RFC 6888 REQ-14); deterministic: out of a range that "
	  "follows from the inside address (RFC 7422)." },
	{ "nat", "on_conflict", KEY_WORD, 0, 0, "random", conflicts,
	  "For port_selection preserve: what happens when the port is taken. random, sequential: "
	  "another one; refuse: none, as if all ports were used up." },
	{ "nat", "protocol_independent", KEY_BOOL, 0, 0, "false", NULL,
	  "TCP and UDP of an inside endpoint get one outside endpoint, and where the filtering is "
	  "endpoint-independent, a mapping of either lets in both (RFC 7857 sections 5 and 6). Needs "
	  "endpoint-independent mapping, and neither block or deterministic ports nor the helper "
	  "ftp." },
	{ "nat", "parity", KEY_BOOL, 0, 0, "true", NULL,
	  "Keep even ports even and odd ports odd when a port must change (RFC 4787 REQ-4)." },
	{ "nat", "block_size", KEY_NUMBER, NAT_BLOCK_LEAST, NAT_BLOCK_MOST, "512", NULL,
	  "For port_selection block, and for the shared part of deterministic: ports of a block. "
	  "Blocks begin at multiples of it." },
	{ "nat", "blocks_per_host", KEY_NUMBER, 1, 4096, "4", NULL,
	  "Most blocks that one host has at a time." },
	{ "nat", "dynamic_shares", KEY_NUMBER, 0, 4096, "2", NULL,
	  "For port_selection deterministic: how many shares, each as large as that of a host, are "
	  "kept for blocks of hosts that need more ports (D of RFC 7422 section 2). Each host has "
	  "as many ports of its own as ports has, divided by hosts per address plus "
	  "dynamic_shares." },
	{ "nat", "pooling", KEY_WORD, 0, 0, "paired", poolings,
	  "paired: an inside address keeps one outside address (RFC 4787 REQ-2); arbitrary: each "
	  "mapping has any; soft: paired, but another one when that has no port left (RFC 7857 "
	  "section 4)." },
	{ "nat", "hairpin", KEY_WORD, 0, 0, "external-source", hairpins,
	  "Whether inside hosts reach each other by outside endpoints, and with which source "
	  "(RFC 4787 REQ-9)." },
	{ "nat", "refresh", KEY_WORD, 0, 0, "outbound", refreshes,
	  "Packets of which direction keep a UDP or ICMP session alive (RFC 4787 REQ-6)." },
	{ "nat", "on_exhaustion", KEY_WORD, 0, 0, "unreachable", exhaustions,
	  "What a host is told that gets no port: ICMP host unreachable (RFC 6888 REQ-11), "
	  "administratively prohibited (RFC 5508 REQ-8), or nothing. overload: ports are then "
	  "shared between sessions to different remote endpoints (RFC 7857 section 3). With "
	  "endpoint-independent mapping this is an overflow mode: it holds until ports run out, and "
	  "mappings made from then on serve one remote endpoint each." },
	{ "nat", "unsolicited_syn", KEY_WORD, 0, 0, "reject", unsolicited,
	  "How a TCP SYN from outside that no mapping is there for is answered: with ICMP port "
	  "unreachable after timeouts.unsolicited_syn (RFC 5382 REQ-4), or never." },
	{ "nat", "icmp_errors", KEY_WORD, 0, 0, "pass", icmp_errors,
	  "Whether ICMP errors about sessions are translated (RFC 5508 REQ-4) or dropped." },
	{ "nat", "helpers", KEY_TEXTS, 0, 0, "", helpers,
	  "Protocols whose payload is read and rewritten: ftp (TCP 21), tftp (UDP 69), pptp (TCP "
	  "1723). None by default (RFC 4787 REQ-10). With several workers FTP help keeps a host's TCP "
	  "on one worker, so ports are preserved less often. A PORT for another host passes unchanged "
	  "and opens nothing." },
	{ "nat", "ports_per_host", KEY_NUMBER, 0, 65535, "0", NULL,
	  "Most outside ports and identifiers that one inside address has (RFC 6888 REQ-4). 0: no "
	  "limit." },
	{ "nat", "new_per_second", KEY_NUMBER, 0, 1000000, "0", NULL,
	  "Most mappings per second that one inside address makes (RFC 6888 REQ-4). 0: no limit." },
	{ "nat", "new_burst", KEY_NUMBER, 1, 1000000, "", NULL,
	  "How many of them at once. If not given, as many as new_per_second." },
	{ "nat", "sessions_per_mapping", KEY_NUMBER, 0, 1 << 28, "0", NULL,
	  "Most sessions of one mapping (RFC 6888 REQ-5). 0: no limit." },
	{ "nat", "short_ports", KEY_NUMBERS, 1, 65535, "", NULL,
	  "Remote UDP ports, at most 8, whose sessions end after timeouts.udp_short (RFC 4787 "
	  "REQ-5a)." },
	{ "nat", "on_address_change", KEY_WORD, 0, 0, "end", changes,
	  "What becomes of sessions when another address takes the place of theirs. end: they end at "
	  "once; idle: with \"interface:NAME\", they keep theirs until they are idle, but for those of "
	  "an address that was left before, and elsewhere they end; move: they go on with the new "
	  "address and the same port, which UDP does not notice and TCP does not survive, unless its "
	  "peer expects it." },

	{ "nat", "timeouts", KEY_GROUP, 0, 0, "", NULL,
	  "When sessions of one entry end, in seconds; what is not here is as in timeouts. The same "
	  "least values hold, unless timeouts.allow_short is true." },
	OWN_TIMEOUT("udp"), OWN_TIMEOUT("udp_short"),
	OWN_TIMEOUT("tcp_opening"), OWN_TIMEOUT("tcp_established"), OWN_TIMEOUT("tcp_closing"),
	{ "nat.timeouts", "tcp_transitory", KEY_NUMBER, 1, TIMEOUT_MOST_S, "", NULL,
	  "Sets tcp_opening and tcp_closing together." },
	OWN_TIMEOUT("icmp"),
	OWN_TIMEOUT("dccp_transitory"), OWN_TIMEOUT("dccp_established"),
	OWN_TIMEOUT("sctp_transitory"), OWN_TIMEOUT("sctp_established"),
	OWN_TIMEOUT("gre"), OWN_TIMEOUT("esp"), OWN_TIMEOUT("other"), OWN_TIMEOUT("expected"),
	OWN_TIMEOUT("expected_reply"),

	{ "nat", "twice", KEY_GROUP, 0, 0, "", NULL,
	  "Twice NAT: both ends are translated, for networks that use the same addresses on both "
	  "sides. Both prefixes must be there and be equally long. A route must lead to the inside "
	  "one; the default route will do." },
	{ "nat.twice", "inside", KEY_TEXT, 1, PREFIX_TEXT, NULL, NULL,
	  "Prefix by which inside hosts know the outside hosts." },
	{ "nat.twice", "outside", KEY_TEXT, 1, PREFIX_TEXT, NULL, NULL,
	  "Prefix that those really have." },

	{ "", "forwards", KEY_LIST, 0, NAT_FORWARDS_MOST, "", NULL,
	  "Outside endpoints that lead to an inside host, always and from everywhere." },
	{ "forwards", "proto", KEY_NUMBER, 2, 255, NULL, forward_protocols, "Protocol." },
	{ "forwards", "external", KEY_TEXT, 1, CONF_ENDPOINT, NULL, NULL,
	  "Outside \"ADDRESS:PORT\" or \"ADDRESS:FIRST-LAST\", for protocols without ports "
	  "\"ADDRESS\"; the address is one of a pool, or \"interface:NAME\" if that is one. A range is "
	  "one entry, however long. For protocols with ports, an IPv6 address stands in brackets. An "
	  "address that an entry of type firewall matches is that of the host itself, which the outside "
	  "may reach there." },
	{ "forwards", "internal", KEY_TEXT_OR_TEXTS, 1, CONF_ENDPOINT, "", NULL,
	  "Inside \"ADDRESS\" (the ports stay) or \"ADDRESS:PORT\" (of the first port). Several: "
	  "each new remote endpoint leads to one of them. An IPv6 host behind nat64 has an external "
	  "IPv4 address. Required, but for hosts behind a firewall, where it can only be the same." },
	{ "forwards", "weights", KEY_NUMBERS, 1, 1000, "", NULL,
	  "For several of internal: how often each is chosen, one number per endpoint. If not "
	  "given, all are equal." },
	{ "forwards", "affinity", KEY_WORD, 0, 0, "connection", affinities,
	  "For several of internal: whether each connection of a remote host may lead to another "
	  "one, or all of the client to the same." },
	{ "forwards", "source", KEY_TEXT, 1, ADDRESS_TEXT, "", NULL,
	  "Twice NAT: the address that the inside host sees instead of the remote one, for hosts "
	  "whose default route is not this router. If not given, the remote one. Not for IPv6, SCTP "
	  "and protocols without ports." },
};

const size_t conf_nat_key_count = sizeof(conf_nat_keys) / sizeof(conf_nat_keys[0]);
