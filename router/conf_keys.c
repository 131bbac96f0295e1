/* The table of keys: what router.conf may say. Reader and manual follow from it. */
#include "conf_read.h"

#include <string.h>

#include "router/worker.h"

static const struct conf_word clocks[] = {
	{ "real", 0 }, { "virtual", WORD_LATER }, { 0 },
};
static const struct conf_word io_types[] = {
	{ "tun", IO_TUN }, { "tap", IO_TAP }, { "packet", IO_PACKET }, { "xdp", IO_XDP }, { "mem", IO_MEM },
	{ "nfqueue", IO_NFQUEUE }, { "raw", IO_RAW }, { "stream", WORD_LATER },
	{ "pcap", WORD_LATER }, { 0 },
};
static const struct conf_word xdp_modes[] = {
	{ "zero-copy", XDP_ZERO_COPY_MODE }, { "native", XDP_NATIVE_MODE },
	{ "generic", XDP_GENERIC_MODE }, { 0 },
};
static const struct conf_word vlan_words[] = { { "keep", 1 }, { 0 } };
static const struct conf_word fails[] = { { "closed", 0 }, { "open", 1 }, { 0 } };
static const struct conf_word sides[] = {
	{ "inside", SIDE_INSIDE }, { "outside", SIDE_OUTSIDE }, { 0 },
};
static const struct conf_word reverse_paths[] = {
	{ "strict", REVERSE_STRICT }, { "loose", REVERSE_LOOSE }, { "off", REVERSE_OFF }, { 0 },
};
static const struct conf_word route_kinds[] = {
	{ "unicast", ROUTE_UNICAST }, { "blackhole", ROUTE_BLACKHOLE },
	{ "unreachable", ROUTE_UNREACHABLE }, { "prohibit", ROUTE_PROHIBIT }, { 0 },
};
static const struct conf_word hop_by_hop_words[] = { { "skip", 0 }, { "obey", 1 }, { 0 } };
static const struct conf_word mss_words[] = { { "clamp", RULE_MSS_CLAMP }, { 0 } };

#define ABOUT_UDP "Seconds after which an idle UDP mapping ends."
#define ABOUT_TCP_OPENING "Seconds for a TCP session until its handshake is complete; " \
	"if not given, what tcp_transitory says."
#define ABOUT_TCP_ESTABLISHED "Seconds after which an idle established TCP session ends."
#define ABOUT_TCP_CLOSING "Seconds that a TCP session is kept after both FINs or a RST; " \
	"if not given, what tcp_transitory says."
#define ABOUT_ICMP "Seconds after which an idle ICMP query session ends."
#define ABOUT_FRAGMENT "Seconds that the fragments of a datagram may lie apart."
#define ABOUT_UDP_SHORT "Seconds after which an idle UDP mapping to a port of short_ports ends."
#define ABOUT_DCCP_TRANSITORY "Seconds for a DCCP session that opens or closes."
#define ABOUT_DCCP_ESTABLISHED "Seconds after which an idle DCCP session ends."
#define ABOUT_SCTP_TRANSITORY "Seconds for an SCTP association that opens or closes."
#define ABOUT_SCTP_ESTABLISHED "Seconds after which an idle SCTP association ends."
#define ABOUT_GRE "Seconds after which an idle GRE tunnel ends."
#define ABOUT_ESP "Seconds after which an idle ESP tunnel ends."
#define ABOUT_OTHER "Seconds after which an idle session of any other protocol ends."
#define ABOUT_EXPECTED "Seconds that a helper waits for a connection that was announced."
#define ABOUT_EXPECTED_REPLY "Seconds that a helper waits for the answer to a request that it saw."
#define ABOUT_UNSOLICITED "Seconds before the sender of an unsolicited TCP SYN is told that " \
	"the port is unreachable."
#define ABOUT_PORT_HOLD "Seconds before an outside port is given to another mapping, where the " \
	"filtering is endpoint-independent and the protocol is not TCP."
#define TIMEOUT_KEY(id, key, usual, floor, source) \
	{ "timeouts", key, KEY_NUMBER, 1, TIMEOUT_MOST_S, #usual, NULL, \
	  ABOUT_##id " Not below " #floor " (" source ") without allow_short." },

static const struct conf_key first_keys[] = {
	{ "", "workers", KEY_NUMBER, 0, NAT_WORKERS_MOST, "0", NULL,
	  "Threads that forward packets. 0: one per processor that is online." },
	{ "", "poll_us", KEY_NUMBER, 0, 100000, "0", NULL,
	  "Microseconds that a worker stays awake without work, where packets come so densely that "
	  "the last ones came within this time. It uses the processor meanwhile, and packets need "
	  "not wait until it is woken. Where other programs want its processor, it does not. 0: it "
	  "always sleeps. Worth trying, with 20 to 100, on a machine with processors to spare." },
	{ "", "steering", KEY_BOOL, 0, 0, "true", NULL,
	  "With several workers: load programs into the kernel (eBPF, which takes CAP_BPF or full "
	  "root) by which tun and packet interfaces give each worker what is its own. Otherwise, and "
	  "for what the programs cannot tell, workers hand packets over to each other." },
	{ "", "control", KEY_TEXT, 0, 107, "/run/router.sock", NULL,
	  "Path of the UNIX socket for routerctl(8), mode 0660. Empty: none." },
	{ "", "state_file", KEY_TEXT, 0, CONF_STATE_FILE_MOST, "", NULL,
	  "Path of a file by which sessions, and ports that rest, outlive the gateway, however it ends: "
	  "what is in it goes on with the next one, whose configuration may be another. router(8) says "
	  "how much room it takes, and where it should be. Empty: none." },
	{ "", "user", KEY_TEXT, 0, 32, "", NULL,
	  "User to become once everything is open, where the gateway is started as root; of its rights "
	  "it keeps only the capabilities that router(8) names. The file must be readable to that user "
	  "if it is to be loaded again. Empty: it stays who it is." },
	{ "", "group", KEY_TEXT, 0, 32, "", NULL,
	  "Group to become with user, whose members may use the control socket. Empty: the user's own." },
	{ "", "seccomp", KEY_BOOL, 0, 0, "true", NULL,
	  "Once everything runs, have the kernel end the process if it makes a system call that is not "
	  "on a list; which one is said on standard error. Off to find out what is missing from the "
	  "list, or to trace the process." },
	{ "", "clock", KEY_WORD, 0, 0, "real", clocks, "What moves time." },
	{ "", "seed", KEY_NUMBER, 0, INT64_MAX, "0", NULL,
	  "Where random choices start. 0: from the kernel; other numbers make runs repeatable. "
	  "Above 2147483647 the number needs the suffix L." },
	{ "", "import_routes", KEY_TEXTS, 0, 0, "", NULL,
	  "Routing tables of the kernel whose routes are followed, as they come and go: names as in "
	  "/etc/iproute2/rt_tables, or numbers. So a routing daemon on this machine, such as BIRD or "
	  "FRR, drives the gateway. Routes through devices of packet and xdp interfaces "
	  "are taken, and those of type blackhole, unreachable and prohibit; others are counted as left "
	  "out. A table that rules of the kernel's name (ip rule) is asked by these, as far as they go "
	  "by source; any other is one with routes, beside which a static route goes first where the "
	  "metric is the same. Where two such tables have a route with the same prefix and metric, the "
	  "one counts that was told last." },

	{ "", "unique_idents", KEY_BOOL, 0, 0, "true", NULL,
	  "Give translated IPv4 datagrams that are or may be fragmented identifications of our own, "
	  "so that those of two inside hosts never mix (RFC 7857 section 10). ICMP errors quote "
	  "these." },

	{ "", "limits", KEY_GROUP, 0, 0, "", NULL,
	  "Sizes. Memory for all of them is taken at start." },
	{ "limits", "sessions", KEY_NUMBER, 64, 1 << 28, "262144", NULL,
	  "Sessions at once, all workers together." },
	{ "limits", "sessions_per_host", KEY_NUMBER, 1, 1 << 28, "4096", NULL,
	  "Sessions at once that one inside address may have. Of these a quarter stays for what it opens "
	  "itself: strangers get no more than the rest by UDP and other protocols without a handshake." },
	{ "limits", "fragments", KEY_NUMBER, 1, 1 << 20, "1024", NULL,
	  "Fragmented datagrams at once, all workers together. Where anything is translated, "
	  "datagrams of untranslated hosts count too." },
	{ "limits", "half_open", KEY_NUMBER, 0, 1 << 28, "0", NULL,
	  "TCP sessions at once that were begun outside and not answered; at the limit those that "
	  "waited for 30 seconds give way. 0: a quarter of sessions." },
	{ "limits", "held_ports", KEY_NUMBER, 0, 1 << 24, "16384", NULL,
	  "Released outside ports at once that rest for timeouts.port_hold (RFC 6888 REQ-8). When "
	  "there are more, the one that rested longest is free again." },
	{ "limits", "unsolicited", KEY_NUMBER, 0, 1 << 12, "256", NULL,
	  "Unsolicited TCP SYNs at once that wait for timeouts.unsolicited_syn; what is more is "
	  "dropped without an answer. By chance there is room for half as many or more, so that nobody "
	  "learns from what is left." },
	{ "limits", "icmp_errors", KEY_NUMBER, 1, 1000, "10", NULL,
	  "ICMP errors in a second, and at once, that one destination is sent by a worker (RFC 4443 "
	  "section 2.4 (f)); all together a thousand." },

	{ "", "timeouts", KEY_GROUP, 0, 0, "", NULL, "When sessions end, in seconds." },
	TIMEOUT_LIST(TIMEOUT_KEY)
	{ "timeouts", "tcp_transitory", KEY_NUMBER, 1, TIMEOUT_MOST_S, "", NULL,
	  "Sets tcp_opening and tcp_closing together." },
	{ "timeouts", "allow_short", KEY_BOOL, 0, 0, "false", NULL,
	  "Allow timeouts below what the RFCs demand. For tests: it breaks applications." },

	{ "", "log", KEY_GROUP, 0, 0, "", NULL,
	  "Who had which outside port, told to collectors. Without any nothing is logged. After a "
	  "reload, what was queued before it goes to the collectors of before." },
	{ "log", "syslog", KEY_TEXTS, 0, 0, "", NULL,
	  "Where to send RFC 5424 messages, whose structured data is named nat@32473: the path of a "
	  "UNIX datagram socket, or \"udp:ADDRESS:PORT\"." },
	{ "log", "ipfix", KEY_TEXTS, 0, 0, "", NULL,
	  "Where to send RFC 8158 records by UDP: \"ADDRESS:PORT\"." },
	{ "log", "mappings", KEY_BOOL, 0, 0, "true", NULL, "Mappings that begin and end." },
	{ "log", "sessions", KEY_BOOL, 0, 0, "false", NULL, "Sessions that begin and end." },
	{ "log", "blocks", KEY_BOOL, 0, 0, "true", NULL,
	  "Blocks of ports given to a host and taken back." },
	{ "log", "limits", KEY_BOOL, 0, 0, "true", NULL,
	  "Packets refused because there was no port left, or a limit reached: at most one record "
	  "per cause in 10 seconds, with their number." },
	{ "log", "destinations", KEY_BOOL, 0, 0, "false", NULL,
	  "Say in records of sessions to whom they lead (RFC 6888 REQ-12)." },
	{ "log", "per_second", KEY_NUMBER, 1, 1000000, "1000", NULL,
	  "Records of mappings and sessions in a second, at most. More are counted only." },

	{ "", "interfaces", KEY_LIST, 1, WORKER_INTERFACES_MOST, NULL, NULL,
	  "What the router is attached to, one group each." },
	{ "interfaces", "name", KEY_TEXT, 1, IFNAMSIZ - 1, NULL, NULL,
	  "How this file and listings call the interface." },
	{ "interfaces", "type", KEY_WORD, 0, 0, NULL, io_types,
	  "How: tun makes a TUN device, whose other end is the kernel as a host of its own; tap a TAP "
	  "device, the same with Ethernet, which may become a port of a bridge, or a virtual machine's; "
	  "packet "
	  "attaches to an Ethernet device that exists, and xdp too, by AF_XDP, with addresses that "
	  "the kernel does not have. nfqueue leaves a device to the kernel: what is the gateway's is "
	  "queued to it before it is routed, by rules of its own (nftables table router_queue_DEVICE; "
	  "kernels without nftables' queue statement need the NFQUEUE target of xtables). What leaves by "
	  "such an interface too is given back, and the kernel forwards it as its own routes say, "
	  "through its FORWARD rules; net.ipv4.conf.DEVICE.forwarding must be on for that. Everything "
	  "else leaves by a raw socket. Of the gateway's routes only the interface counts there, not "
	  "via. On an inside device accept_local is switched on while the gateway runs, and a strict "
	  "rp_filter made loose. raw sends only, by raw sockets, and the kernel routes. mem exists in "
	  "memory only, for tests." },
	{ "interfaces", "device", KEY_TEXT, 1, IFNAMSIZ - 1, "", NULL,
	  "The kernel's name of the device. If not given, the same as name; on raw, the one that the "
	  "kernel's routes lead to." },
	{ "interfaces", "side", KEY_WORD, 0, 0, NULL, sides, "Which side of the NAT lies there." },
	{ "interfaces", "reverse_path", KEY_WORD, 0, 0, "", reverse_paths,
	  "Which sources are believed of what comes in here (RFC 3704): with strict, those that are "
	  "reached by this interface, by one of equal routes too; with loose, those that are reached "
	  "by any; with off, others too. The gateway's own are never believed, and those of inside "
	  "never outside. If not given: strict inside, off outside." },
	{ "interfaces", "address", KEY_TEXTS, 0, 0, "", NULL,
	  "The router's own addresses on this link, with the length of their networks. It answers "
	  "there and sends its ICMP errors from them. On packet, xdp and tap it answers ARP and IPv6 "
	  "neighbour discovery for them; on tap it asks first whether somebody else has them, says so, "
	  "and does not answer for those. None on packet, and none ever on nfqueue: those that the kernel has "
	  "on the device "
	  "are shared, and it answers for them." },
	{ "interfaces", "mtu", KEY_NUMBER, 0, FRAME_LEN_MOST, "0", NULL,
	  "Longest datagram that is sent, in octets; at least 68, with IPv6 addresses at least "
	  "1280. 0: that of the device; on raw without a device 1500." },
	{ "interfaces", "queues", KEY_NUMBER, 0, NAT_WORKERS_MOST, "0", NULL,
	  "Queues of the device, for tun, packet and nfqueue; xdp takes those that it has. 0: one per worker. "
	  "With fewer, workers without a queue have handed over to them what is theirs." },
	{ "interfaces", "icmp_errors", KEY_BOOL, 0, 0, "true", NULL,
	  "Send ICMP errors by this interface (RFC 5508 REQ-9). Without them path MTU discovery and "
	  "traceroute do not work beyond it." },
	{ "interfaces", "offload", KEY_BOOL, 0, 0, "true", NULL,
	  "Let the device leave checksums and segmentation to us and do ours, where it can. What one "
	  "interface does not take is done in the gateway before it is sent there." },
	{ "interfaces", "coalesce", KEY_BOOL, 0, 0, "true", NULL,
	  "With offload: join runs of TCP segments, and of UDP datagrams, that come one by one into "
	  "super-packets before they are sent by this interface, as far as they came in one batch." },
	{ "interfaces", "rings", KEY_BOOL, 0, 0, "true", NULL,
	  "For packet: receive through a ring of memory that is shared with the kernel (Linux 6.2), "
	  "4 MiB for each queue, instead of by a system call per packet. Small packets gain by it; "
	  "what is longer than 2 KiB, as super-packets are, costs as much as without." },
	{ "interfaces", "bypass_qdisc", KEY_BOOL, 0, 0, "false", NULL,
	  "For packet: send past the queueing discipline of the device. This saves some time where it "
	  "has one, and takes away what that is for: shaping, fairness between what the gateway and "
	  "the host itself send, and a queue for bursts. Captures on the device do not see what is "
	  "sent so." },
	{ "interfaces", "xdp_mode", KEY_WORD, 0, 0, "zero-copy", xdp_modes,
	  "For xdp: the first to be tried. zero-copy: the device itself writes into our memory; native: "
	  "its driver runs the program that chooses what is ours, and frames are copied; generic: the "
	  "kernel runs it, for any driver; super-packets are lost there, which matters if the other end "
	  "of a virtual device sends such. Where one cannot be, the next is taken, and type packet "
	  "where the kernel has no AF_XDP for us. On a link with VLANs their tags must stay in the "
	  "frames, because AF_XDP does not tell of one that the device has taken out, and such a frame "
	  "would be taken for ours: ethtool -K DEVICE rxvlan off, and txvlan off at the other end of a "
	  "veth pair." },
	{ "interfaces", "queue", KEY_NUMBER, 0, 65535, "", NULL,
	  "For nfqueue: number of its first queue. It has one for each worker, or as many as queues says, "
	  "and as many again where all interfaces are of this type. If not given, 0 or what follows the "
	  "queues of the interface before." },
	{ "interfaces", "queue_length", KEY_NUMBER, 1, 1 << 20, "1024", NULL,
	  "For nfqueue: packets that wait in one queue at most." },
	{ "interfaces", "fail", KEY_WORD, 0, 0, "closed", fails,
	  "For nfqueue: what becomes of a packet when its queue is full, or the gateway has ended "
	  "without removing its rules, as it does when it is killed. closed: it is dropped, so that "
	  "inside addresses never leave untranslated. open: the host forwards it as it is." },
	{ "interfaces", "mark", KEY_NUMBER, 0, UINT32_MAX, "0", NULL,
	  "For raw and nfqueue: mark (SO_MARK) of what is sent by raw sockets, for rules of the host's "
	  "(ip rule, nftables). 0: none." },
	{ "interfaces", "io_uring", KEY_BOOL, 0, 0, "true", NULL,
	  "For tun and tap: read and write a batch of small packets with one system call. Where the kernel has "
	  "no io_uring that can, or forbids it (before Linux 6.1; kernel.io_uring_disabled; in "
	  "many containers), this is said at start, and each packet takes a call." },
	{ "interfaces", "mac", KEY_TEXT, 0, 17, "", NULL,
	  "For tap: the MAC address of the router's end. If not given, one that is made from the names of "
	  "the device, of this file and of the machine, and so stays the same; where there is a seed, "
	  "from that and the device's name alone." },
	{ "interfaces", "vlan", KEY_NUMBERS, 1, 4094, "", vlan_words,
	  "For tap: the VLAN that the interface belongs to; two, if frames have two tags, the outer one "
	  "(802.1ad) first. Several interfaces may name the same device, each with other tags; the first "
	  "of them says what is to be said of the device. Without this key an interface takes frames "
	  "without a tag, and with one that holds only a priority. keep: it takes those with any tags "
	  "that no other interface of the device takes, and a neighbour is sent frames with the tags "
	  "that it has. What nobody takes is counted as vlan. On packet and xdp, frames with tags are "
	  "the kernel's: attach to its VLAN device instead." },
	{ "interfaces", "vlan_priority", KEY_NUMBER, 0, 7, "", NULL,
	  "For tap: priority of what is sent with a tag. If not given, that of the tag that a packet came "
	  "in with, and 0 where it had none." },
	{ "interfaces", "netns", KEY_TEXT, 0, 4095, "", NULL,
	  "For tun and tap: network namespace that the kernel's end is made in, by name or by path. Empty: "
	  "the router's own." },
	{ "interfaces", "host_address", KEY_TEXTS, 0, 0, "", NULL,
	  "For tun and tap: addresses of the kernel's end, with the length of their networks." },
	{ "interfaces", "host_routes", KEY_TEXTS, 0, 0, "", NULL,
	  "For tun and tap: prefixes that the kernel's end reaches through the router. \"default\" is "
	  "0.0.0.0/0." },

	{ "", "routes", KEY_LIST, 0, 16384, "", NULL,
	  "Static routes. The networks of interfaces are known without." },
	{ "routes", "prefix", KEY_TEXT, 1, PREFIX_TEXT, NULL, NULL, "Destinations." },
	{ "routes", "interface", KEY_TEXT, 1, IFNAMSIZ - 1, "", NULL,
	  "Name of the interface to send by. If not given, the one in whose network via lies." },
	{ "routes", "via", KEY_TEXT, 1, ADDRESS_TEXT, "", NULL,
	  "Address of the next router. If not given, destinations are on the link themselves." },
	{ "routes", "from", KEY_TEXT, 1, PREFIX_TEXT, "", NULL,
	  "Only for datagrams with a source in this prefix, as they come in. Those from there go by the "
	  "routes with this key, of which the networks of interfaces are some, and by the others if none "
	  "of these leads to the destination; of several prefixes that hold the source the longest is "
	  "asked first. If not given, the route is for all. At most 15 different ones." },
	{ "routes", "metric", KEY_NUMBER, 0, UINT32_MAX, "0", NULL,
	  "Of several routes to a prefix the least metric wins; routes with the same one share "
	  "the load." },
	{ "routes", "type", KEY_WORD, 0, 0, "unicast", route_kinds,
	  "Anything but unicast ends packets here, without interface and via: silently, with ICMP "
	  "host unreachable, or with ICMP administratively prohibited." },
};

/* Behind those of the NAT. */
static const struct conf_key last_keys[] = {
	{ "", "delegated", KEY_TEXTS, 0, 0, "", NULL,
	  "IPv6 prefixes that were delegated to us, such as \"2001:db8:1::/56\". For what no route covers "
	  "of them the sender is told that it is unreachable; otherwise it would go back to the provider "
	  "by the default route, and to and fro (RFC 7084 WPD-5)." },

	{ "", "ipv6", KEY_GROUP, 0, 0, "", NULL, "What of IPv6 is forwarded." },
	{ "ipv6", "deny_headers", KEY_TEXTS, 0, 0, "", NULL,
	  "Extension headers, and other headers, that are not let through: hop-by-hop, routing, fragment, "
	  "esp, ah, destination, mobility, hip, shim6, or numbers (\"253\"). Their senders are told that "
	  "it is prohibited. All others pass as they are (RFC 7045), but for routing headers of types 0 "
	  "and 1 (RFC 5095)." },
	{ "ipv6", "deny_icmp", KEY_NUMBERS, 0, 255, "", NULL,
	  "Types of ICMPv6 that are not let through, besides those that belong to their link (130 to 137, "
	  "141 to 143, 148, 149, 151 to 153). If not given: 100, 101, 127, 138 to 140, 200, 201 and 255 (RFC "
	  "4890 section 4.3)." },
	{ "ipv6", "hop_by_hop", KEY_WORD, 0, 0, "skip", hop_by_hop_words,
	  "Hop-by-hop options that the gateway does not know: skip does not look at them; with obey, what "
	  "has one that says so is dropped, and its sender told (RFC 8200 section 4.2)." },
	{ "ipv6", "documentation", KEY_BOOL, 0, 0, "true", NULL,
	  "Forward documentation addresses (2001:db8::/32, 3fff::/20), as test beds have them." },
	{ "ipv6", "unique_local", KEY_BOOL, 0, 0, "false", NULL,
	  "Let unique local addresses (fc00::/7) cross between inside and outside untranslated. Otherwise "
	  "what has such a source or destination is not forwarded (RFC 6092 REC-7), and inside its sender "
	  "is told." },

	{ "", "rewrite", KEY_LIST, 0, 1024, "", NULL,
	  "Header fields to change in packets that pass. Every rule that matches is applied." },
	{ "rewrite", "match", KEY_TEXT, 1, 63, NULL, NULL,
	  "\"in INTERFACE\" or \"out INTERFACE\", then perhaps tcp, udp or icmp, then, after tcp, "
	  "perhaps syn." },
	{ "rewrite", "mss", KEY_NUMBER, 48, 65495, "", mss_words,
	  "Lower the TCP maximum segment size to so many octets, or with clamp to what the MTUs of "
	  "both interfaces allow. Needs \"tcp syn\" in match." },
	{ "rewrite", "dscp", KEY_NUMBER, 0, 63, "", NULL, "Set the differentiated services field." },
	{ "rewrite", "ttl", KEY_NUMBER, 1, 255, "", NULL, "Set the time to live or hop limit." },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct conf_key *conf_key(size_t i)
{
	if (i < COUNT(first_keys))
		return &first_keys[i];
	i -= COUNT(first_keys);
	if (i < conf_nat_key_count)
		return &conf_nat_keys[i];
	i -= conf_nat_key_count;
	return i < COUNT(last_keys) ? &last_keys[i] : NULL;
}

const struct conf_key *conf_key_find(const char *section, const char *name)
{
	const struct conf_key *k;

	for (size_t i = 0; (k = conf_key(i)); i++)
		if (!strcmp(k->section, section) && !strcmp(k->name, name))
			return k;
	return NULL;
}

void conf_key_path(const struct conf_key *k, char path[static CONF_PATH])
{
	snprintf(path, CONF_PATH, "%s%s%s", k->section, *k->section ? "." : "", k->name);
}

static void expect_words(const struct conf_word *w, struct text *out)
{
	const char *between = "";

	for (; w->text; w++)
		if (w->value != WORD_LATER) {
			text_format(out, "%s\"%s\"", between, w->text);
			between = ", ";
		}
}

void conf_key_expect(const struct conf_key *k, struct text *out)
{
	switch (k->kind) {
	case KEY_NUMBER:
		text_format(out, "a number from %lld to %lld", (long long)k->least, (long long)k->most);
		if (k->words) {
			text_format(out, " or ");
			expect_words(k->words, out);
		}
		break;
	case KEY_BOOL:
		text_format(out, "true or false");
		break;
	case KEY_WORD:
		text_format(out, "%s", k->words[1].value == WORD_LATER ? "" : "one of ");
		expect_words(k->words, out);
		break;
	case KEY_TEXT:
		text_format(out, "a text of %lld to %lld octets", (long long)k->least,
			    (long long)k->most);
		break;
	case KEY_TEXTS:
		text_format(out, "texts: [ ");
		if (k->words)
			expect_words(k->words, out);
		text_format(out, k->words ? " ]" : "\"...\", ... ]");
		break;
	case KEY_TEXT_OR_TEXTS:
		text_format(out, "a text, or texts: [ \"...\", ... ]");
		break;
	case KEY_NUMBERS:
		text_format(out, "numbers from %lld to %lld: [ ... ]", (long long)k->least,
			    (long long)k->most);
		if (k->words) {
			text_format(out, " or ");
			expect_words(k->words, out);
		}
		break;
	case KEY_GROUP:
		text_format(out, "a group: { ... }");
		break;
	case KEY_LIST:
		text_format(out, "a list of groups: ( { ... }, ... )");
		break;
	}
}
