/*
 * Connections to the ports that helpers read, from both sides, in any segments.
 *
 * Input    Which port, and how the NAT filters; then turns: side, where a segment begins beside what
 *          was said so far, flags, and its text, out of a list of lines or out of the input.
 * Demands  nat_check() silent; what leaves is whole, right, and within the room; what is refused is
 *          unchanged; nothing below port 1024 is ever opened from outside.
 */
#include "fuzz.h"

#include "nat/checksum.h"
#include "nat/nat.h"

enum { ROOM = 2048, TEXT_MOST = 80, TURNS_MOST = 200, HEADERS = 40, LOCAL = 5000, FIRST_FREE = 1024 };
enum { FIN = 1, SYN = 2, ACK = 16 };

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

static void put_transport(struct line *l, struct input *in, enum nat_side from, size_t len)
{
	uint8_t *at = l->octets + 20, flags = input_u8(in);
	bool inside = from == SIDE_INSIDE;
	uint16_t local = inside ? (l->serves ? 21 : LOCAL) : l->mapped;
	uint16_t remote = l->serves ? LOCAL : l->port;

	store16(at, inside ? local : remote);
	store16(at + 2, inside ? remote : local);
	if (l->port == 69) {
		store16(at + 4, (uint16_t)(8 + len));
		return;
	}
	store32(at + 4, l->said[from] + deviation(in));
	store32(at + 8, l->said[side_other(from)] + deviation(in));
	at[12] = 0x50;
	at[13] = (uint8_t)(flags & (FIN | SYN | ACK));
	store16(at + 14, 65535);
}

static size_t put_datagram(struct line *l, struct input *in, enum nat_side from)
{
	uint8_t which = input_u8(in), *ip = l->octets;
	size_t headers = l->port == 69 ? 28 : HEADERS, len = input_below(in, TEXT_MOST);
	bool known = which < sizeof(texts) / sizeof(texts[0]);
	const uint8_t *text = known ? (const uint8_t *)texts[which].text : input_take(in, &len);
	size_t field = l->port == 69 ? 26 : 36;

	if (known)
		len = texts[which].len;
	memset(ip, 0, headers);
	memcpy(ip + headers, text, len);
	ip[0] = 0x45;
	store16(ip + 2, (uint16_t)(headers + len));
	ip[8] = 64;
	ip[9] = l->port == 69 ? PROTO_UDP : PROTO_TCP;
	be32_store(ip + 12, from == SIDE_INSIDE ? l->inside : l->outside);
	be32_store(ip + 16, from == SIDE_INSIDE ? l->outside : l->pool);
	csum_store(ip + 10, csum_of(ip, 20));
	put_transport(l, in, from, len);
	csum_store(ip + field, csum_add(csum_pseudo(ip + 12, ip + 16, 4, ip[9],
						    (uint32_t)(headers + len - 20)),
					csum_of(ip + 20, headers + len - 20)));
	return headers + len;
}

static void take_turn(struct line *l, struct input *in)
{
	enum nat_side from = input_below(in, 2) ? SIDE_OUTSIDE : SIDE_INSIDE;
	size_t total = put_datagram(l, in, from);
	struct pkt p = { 0 };
	struct nat_job job = { .p = &p, .from = from, .room = input_u8(in) < 255 ? ROOM : 0 };
	uint8_t *was = copy_exactly(l->octets, total);

	assert(pkt_parse(&p, l->octets, total, NULL) == REASON_NONE);
	l->now.ms += input_u8(in) * 100u;
	nat_expire(l->nat, l->now, SIZE_MAX);
	nat_process(l->nat, l->now, &job);
	assert(!nat_check(l->nat));
	if (job.verdict == NAT_FORWARD) {
		assert(p.len <= (job.room ? job.room : total) && load16(l->octets + 2) == p.len);
		assert(pkt_parse(&p, l->octets, p.len, NULL) == REASON_NONE);
		assert(pkt_checksum_valid(&p));
		assert(from == SIDE_INSIDE || l->serves || load16(l->octets + 22) >= FIRST_FREE);
		if (from == SIDE_INSIDE)
			l->mapped = load16(l->octets + 20);
		if (l->port != 69)
			l->said[from] = load32(was + 24) + (uint32_t)(total - HEADERS) +
					!!(was[33] & (SYN | FIN));
	} else {
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
