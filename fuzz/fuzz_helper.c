/*
 * Connections to the ports that helpers read, from both sides, in any segments.
 *
 * Input    Which port, and how the NAT filters; then turns: side and what is rare, where a segment
 *          begins beside what was said so far, flags, and its text, out of a list of lines or out of the
 *          input.
 * Demands  nat_check() silent; what leaves is whole, right, and within the room; what is refused is
 *          unchanged; what was changed in its header only, nat_undo() restores; nothing below port 1024
 *          is ever opened from outside.
 */
#include "fuzz.h"

#include "nat/checksum.h"
#include "nat/nat.h"

enum { ROOM = 2048, TEXT_MOST = 80, TURNS_MOST = 200, HEADERS = 40, LOCAL = 5000, FIRST_FREE = 1024 };
enum { FIN = 1, SYN = 2, ACK = 16, URG = 32, IP_HEADER = 20, SACK_LEN = 12 };

/* What is rare: the bits above the side's. An error is about what arrived last, and a packet of a tunnel
 * has one of the call IDs that are around. */
enum { RARE_SACK = 1, RARE_URGENT = 2, RARE_PARTIAL = 4, RARE_SUPER = 8, RARE_PIECE = 16, RARE_ERROR = 32,
       RARE_TUNNEL = 64 };

/* What FTP's ends say to each other, and how calls of PPTP begin. */
static const struct { const char *text; uint8_t len; } texts[] = {
#define TEXT(t) { t, sizeof(t) - 1 }
	TEXT("220 x\r\n"), TEXT("PORT 10,0,0,11,19,137\r\n"), TEXT("PORT 10,0,0,11,0,22\r\n"),
	TEXT("EPRT |1|10.0.0.11|5001|\r\n"), TEXT("227 (10,0,0,11,19,137)\r\n"),
	TEXT("229 (|||5001|)\r\n"), TEXT("PASV\r\n"), TEXT("EPSV\r\n"), TEXT("AUTH TLS\r\n"),
	TEXT("234 x\r\n"), TEXT("NOOP\r\n"), TEXT("211-x\r\n"), TEXT("211 x\r\n"),
	TEXT("\0\1f\0octet\0"),
	TEXT("\0\14\0\1\x1a\x2b\x3c\x4d\0\1\0\0"), TEXT("\0\14\0\1\x1a\x2b\x3c\x4d\0\2\0\0"),
	TEXT("\0\16\0\1\x1a\x2b\x3c\x4d\0\7\0\0\0\7"),
	TEXT("\0\22\0\1\x1a\x2b\x3c\x4d\0\10\0\0\0\11\0\7\1\0"),
	TEXT("EPSV ALL\r\n"), TEXT("EPRT |2|::1|5001|\r\n"), TEXT("120 x\r\n"), TEXT("PORT 10,0,0,11,19,256\r\n"),
	TEXT("PORT 10,0,0,12,19,137\r\n"), TEXT("PORT "), TEXT("10,0,0,11,19,137\r\n"),
	TEXT("\0\16\0\1\x1a\x2b\x3c\x4d\0\11\0\0\0\7"),
	TEXT("\0\22\0\1\x1a\x2b\x3c\x4d\0\12\0\0\0\7\0\11\1\0"),
	TEXT("\0\16\0\1\x1a\x2b\x3c\x4d\0\14\0\0\0\7"),
	TEXT("\0\16\0\1\x1a\x2b\x3c\x4d\0\15\0\0\0\7"), TEXT("\0\2x\0octet\0"),
#undef TEXT
};

struct line {
	void *arena;
	struct nat *nat;
	struct nat_policy policy;
	struct nat_forward forward;
	be32 pool, inside, outside;
	uint16_t port, mapped;
	bool serves;
	nat_time now;
	uint32_t said[SIDE_COUNT];
	struct { size_t len; uint8_t octets[ROOM]; } last[SIDE_COUNT]; /* that arrived there */
	uint8_t octets[ROOM];
};

static void open_line(struct line *l, struct input *in)
{
	static const uint16_t ports[] = { 21, 21, 69, 1723 };
	static const uint8_t seed[32] = { 3 };
	struct nat_config c = nat_config_default();

	*l = (struct line){ .pool = be32_from(0xc6336402), .inside = be32_from(0x0a00000b),
			    .outside = be32_from(0xcb00710a), .port = ports[input_below(in, 4)] };
	l->serves = l->port == 21 && input_below(in, 2);
	l->mapped = l->serves ? 21 : LOCAL;
	l->policy = (struct nat_policy){
		.prefix = be32_from(0x0a000000), .prefix_len = 8, .type = NAT_NAPT44,
		.pool_count = 1, .ports = { FIRST_FREE, 65535 }, .helpers = 7,
	};
	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		l->policy.behaviour[i].filtering = (enum nat_dependence)input_below(in, 3);
	l->forward = (struct nat_forward){ .protocol = PROTO_TCP, .external = l->pool,
					   .internal = l->inside, .first = 21, .last = 21,
					   .internal_first = 21 };
	c.sessions = 32;
	c.fragments = 4;
	c.policies = &l->policy;
	c.pool = &l->pool;
	c.forwards = &l->forward;
	c.policy_count = c.pool_count = 1;
	c.forward_count = l->serves;
	l->arena = aligned_alloc(64, nat_size(&c));
	assert(l->arena);
	l->nat = nat_init(l->arena, &c, seed);
}

/* Where it is due, most often; else a little before, or just behind. */
static uint32_t deviation(struct input *in)
{
	uint8_t octet = input_u8(in);

	return octet < 192 ? 0 : octet - 252u;
}

static void put_ports(struct line *l, enum nat_side from)
{
	bool inside = from == SIDE_INSIDE;
	uint16_t local = inside ? (l->serves ? 21 : LOCAL) : l->mapped;
	uint16_t remote = l->serves ? LOCAL : l->port;

	store16(l->octets + IP_HEADER, inside ? local : remote);
	store16(l->octets + IP_HEADER + 2, inside ? remote : local);
}

/* Of what the other side has said. */
static void put_sack(struct line *l, struct input *in, enum nat_side from)
{
	static const uint8_t head[] = { 1, 1, 5, 10 };
	uint8_t *at = l->octets + HEADERS;
	uint32_t begin = l->said[side_other(from)] - input_u8(in);

	memcpy(at, head, sizeof(head));
	store32(at + 4, begin);
	store32(at + 8, begin + input_u8(in));
	l->octets[32] = (HEADERS - IP_HEADER + SACK_LEN) / 4 << 4;
}

static void put_tcp(struct line *l, struct input *in, enum nat_side from, uint8_t rare)
{
	uint8_t *at = l->octets + IP_HEADER, flags = input_u8(in);

	store32(at + 4, l->said[from] + deviation(in));
	store32(at + 8, l->said[side_other(from)] + deviation(in));
	at[12] = 0x50;
	at[13] = (uint8_t)(flags & (FIN | SYN | ACK));
	store16(at + 14, 65535);
	if (rare & RARE_URGENT) {
		at[13] |= URG;
		store16(at + 18, input_u8(in));
	}
	if (rare & RARE_SACK)
		put_sack(l, in, from);
}

/* The header in front of what is there already, and sums. */
static void put_ip(struct line *l, enum nat_side from, uint8_t protocol, size_t total)
{
	uint8_t *ip = l->octets;

	memset(ip, 0, IP_HEADER);
	ip[0] = 0x45;
	store16(ip + 2, (uint16_t)total);
	ip[8] = 64;
	ip[9] = protocol;
	be32_store(ip + 12, from == SIDE_INSIDE ? l->inside : l->outside);
	be32_store(ip + 16, from == SIDE_INSIDE ? l->outside : l->pool);
	csum_store(ip + 10, csum_of(ip, IP_HEADER));
}

static csum_t pseudo(const struct line *l, size_t total)
{
	return csum_pseudo(l->octets + 12, l->octets + 16, 4, l->octets[9], (uint32_t)(total - IP_HEADER));
}

/* What stands for the payload, and how long it is. */
static const uint8_t *read_text(struct input *in, size_t *len)
{
	uint8_t which = input_u8(in);
	const uint8_t *text;

	*len = input_below(in, TEXT_MOST);
	if (which >= sizeof(texts) / sizeof(texts[0]))
		return input_take(in, len);
	text = (const uint8_t *)texts[which].text;
	*len = texts[which].len;
	return text;
}

static size_t put_segment(struct line *l, struct input *in, enum nat_side from, uint8_t rare)
{
	bool udp = l->port == 69;
	size_t headers = udp ? 28 : HEADERS + (rare & RARE_SACK ? SACK_LEN : 0), len;
	const uint8_t *text = read_text(in, &len);
	uint8_t *field = l->octets + (udp ? 26 : 36);

	memset(l->octets, 0, headers);
	memcpy(l->octets + headers, text, len);
	put_ip(l, from, udp ? PROTO_UDP : PROTO_TCP, headers + len);
	put_ports(l, from);
	if (udp) {
		input_u8(in);
		store16(l->octets + IP_HEADER + 4, (uint16_t)(8 + len));
	} else {
		put_tcp(l, in, from, rare);
	}
	if (rare & RARE_PARTIAL) /* the sum as it is, not its complement */
		csum_store(field, csum_negate(pseudo(l, headers + len)));
	else
		csum_store(field, csum_add(pseudo(l, headers + len),
					   csum_of(l->octets + IP_HEADER, headers + len - IP_HEADER)));
	return headers + len;
}

/* Of PPTP: GRE with a key, in which is the call ID of who gets it. */
static size_t put_tunnel(struct line *l, struct input *in, enum nat_side from)
{
	static const uint16_t calls[] = { 7, 9, 0x107, 0 };
	uint8_t *gre = l->octets + IP_HEADER;

	memset(gre, 0, 16);
	store32(gre, 0x3001880b);
	store16(gre + 6, calls[input_below(in, 4)]);
	put_ip(l, from, PROTO_GRE, IP_HEADER + 16);
	return IP_HEADER + 16;
}

/* From where the last datagram arrived, about it. */
static size_t put_error(struct line *l, struct input *in, enum nat_side from)
{
	size_t quoted = 28u + input_u8(in);
	uint8_t *icmp = l->octets + IP_HEADER;

	if (quoted > l->last[from].len)
		quoted = l->last[from].len;
	memset(icmp, 0, 8);
	icmp[0] = 3;
	icmp[1] = 1;
	memcpy(icmp + 8, l->last[from].octets, quoted);
	put_ip(l, from, PROTO_ICMP, IP_HEADER + 8 + quoted);
	csum_store(icmp + 2, csum_of(icmp, 8 + quoted));
	return IP_HEADER + 8 + quoted;
}

static size_t put_datagram(struct line *l, struct input *in, enum nat_side from, uint8_t *rare)
{
	size_t total;

	if (*rare & RARE_TUNNEL)
		total = put_tunnel(l, in, from);
	else if (*rare & RARE_ERROR && l->last[from].len)
		total = put_error(l, in, from);
	else
		return put_segment(l, in, from, *rare);
	*rare &= (uint8_t)~(RARE_PARTIAL | RARE_SUPER);
	return total;
}

/* The first piece of more that will never come. */
static size_t cut(struct line *l, size_t total)
{
	total = IP_HEADER + (total - IP_HEADER) / 8 * 8;
	store16(l->octets + 2, (uint16_t)total);
	store16(l->octets + 6, 0x2000);
	store16(l->octets + 10, 0);
	csum_store(l->octets + 10, csum_of(l->octets, IP_HEADER));
	return total;
}

/* Where nothing but the headers was changed, addresses and ports are as they were. (A number within text
 * that has another length outside stands for one of its ends.) */
static void judge_undo(const struct line *l, struct nat_job *job, const uint8_t *was, size_t total)
{
	uint8_t octets[ROOM], *ip = job->p->ip;
	size_t header = was[9] == PROTO_TCP ? IP_HEADER + (was[32] >> 4) * 4u : 28;

	if (job->session == NAT_NO_SESSION || job->p->len != total || was[9] == PROTO_ICMP || was[9] == PROTO_GRE ||
	    memcmp(ip + header, was + header, total - header))
		return;
	memcpy(octets, ip, total);
	assert(nat_undo(l->nat, job));
	assert(!memcmp(ip + 12, was + 12, 2 * 4 + 2 * 2) && !memcmp(ip + 32, was + 32, was[9] == PROTO_TCP ? 2 : 0));
	memcpy(ip, octets, total);
}

static void judge_forwarded(struct line *l, struct nat_job *job, const uint8_t *was, size_t total)
{
	struct pkt *p = job->p;
	enum nat_side to = side_other(job->from);
	bool partial = p->flags & PKT_PARTIAL, udp = was[9] == PROTO_UDP;

	assert(p->len <= (job->room ? job->room : total) && load16(l->octets + 2) == p->len);
	judge_undo(l, job, was, total);
	assert(pkt_parse(p, l->octets, p->len, NULL) == REASON_NONE);
	assert(partial || pkt_is_fragment(p) || was[9] == PROTO_GRE || pkt_checksum_valid(p));
	memcpy(l->last[to].octets, l->octets, p->len);
	l->last[to].len = p->len;
	if (was[9] != PROTO_TCP && !udp)
		return;
	assert(to == SIDE_OUTSIDE || l->serves || load16(l->octets + 22) >= FIRST_FREE);
	if (to == SIDE_OUTSIDE)
		l->mapped = load16(l->octets + 20);
	if (!udp)
		l->said[job->from] = load32(was + 24) + (uint32_t)(total - IP_HEADER - (was[32] >> 4) * 4u) +
				     !!(was[33] & (SYN | FIN));
}

static bool is_ready(struct line *l, struct pkt *p, enum nat_side from)
{
	struct nat_fragment_note note;

	return !pkt_is_fragment(p) || nat_learn(l->nat, l->now, p, from, &note) == FRAGMENT_KNOWN;
}

static void take_turn(struct line *l, struct input *in)
{
	uint8_t first = input_u8(in), rare = first >> 1;
	enum nat_side from = first & 1 ? SIDE_OUTSIDE : SIDE_INSIDE;
	size_t total = put_datagram(l, in, from, &rare);
	bool udp = l->port == 69;
	const struct pkt_offload offload = {
		.partial = rare & RARE_PARTIAL, .checksum_start = IP_HEADER,
		.checksum_offset = udp ? 6 : 16,
		.gso_size = (rare & RARE_PARTIAL) && (rare & RARE_SUPER) ? 4 : 0,
	};
	struct pkt p = { 0 };
	struct nat_job job = { .p = &p, .from = from, .room = input_u8(in) < 255 ? ROOM : 0 };
	uint8_t *was;

	if (rare & RARE_PIECE && !(rare & RARE_PARTIAL))
		total = cut(l, total);
	was = copy_exactly(l->octets, total);
	l->now.ms += input_u8(in) * 100u;
	nat_expire(l->nat, l->now, SIZE_MAX);
	if (pkt_parse(&p, l->octets, total, &offload) == REASON_NONE && is_ready(l, &p, from)) {
		nat_process(l->nat, l->now, &job);
		assert(!nat_check(l->nat));
		if (job.verdict == NAT_FORWARD)
			judge_forwarded(l, &job, was, total);
		else
			assert(p.len == total && memcmp(l->octets, was, total) == 0);
	}
	free(was);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	struct line l;

	open_line(&l, &in);
	for (int i = 0; i < TURNS_MOST && input_left(&in); i++)
		take_turn(&l, &in);
	free(l.arena);
	return 0;
}
