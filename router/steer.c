/*
 * The program reads a datagram just as far as nat_owner() needs: addresses, protocol, and what
 * stands where ports stand, of the quoted datagram if it is an ICMP error. What decides then is in
 * steer_rule.c.
 */
#include "router/steer.h"

#include <errno.h>
#include <unistd.h>

#include "nat/owner.h"
#include "router/l2.h"
#include "steer_core.h"

/* On the stack, below R10: the two words that are hashed, an IP header with the ports behind it, and
 * what follows elsewhere. */
enum { REMOTE = -8, WHICH = -16, HEADER = -40, PORTS = -48 };
enum { V4_HEADER = 20, V6_HEADER = 40, PORTS_LEN = 4, ICMP_HEADER = 8, IDENTIFIER = 4, TYPE_LEN = 2 };

/* len octets at R8 + offset of the packet, to the stack. */
static void emit_octets(const struct steer *s, int32_t offset, int16_t to, int32_t len,
			struct ebpf_label otherwise)
{
	struct ebpf *e = s->e;

	ebpf_copy(e, BPF_REG_1, PACKET);
	ebpf_copy(e, BPF_REG_2, BPF_REG_8);
	ebpf_do(e, BPF_ADD, BPF_REG_2, offset);
	ebpf_copy(e, BPF_REG_3, BPF_REG_10);
	ebpf_do(e, BPF_ADD, BPF_REG_3, to);
	ebpf_set(e, BPF_REG_4, (uint64_t)len);
	ebpf_call(e, BPF_FUNC_skb_load_bytes);
	ebpf_go_if(e, BPF_JNE, BPF_REG_0, 0, otherwise);
}

static void emit_version(const struct steer *s)
{
	ebpf_read(s->e, BPF_B, BPF_REG_0, BPF_REG_10, HEADER);
	ebpf_do(s->e, BPF_RSH, BPF_REG_0, 4);
}

/* Local address and protocol of the header; R8 moves on to what follows it. */
static void emit_header(const struct steer *s, bool outward)
{
	struct ebpf *e = s->e;

	ebpf_read(e, BPF_B, PROTOCOL, BPF_REG_10, HEADER + 9);
	ebpf_read(e, BPF_W, ADDRESS, BPF_REG_10, HEADER + (outward ? 12 : 16));
	ebpf_swap(e, ADDRESS, 32);
	ebpf_read(e, BPF_B, BPF_REG_0, BPF_REG_10, HEADER);
	ebpf_do(e, BPF_AND, BPF_REG_0, 15);
	ebpf_do(e, BPF_LSH, BPF_REG_0, 2);
	ebpf_do_by(e, BPF_ADD, BPF_REG_8, BPF_REG_0);
}

/* What is hashed of the header if there are no ports. */
static void emit_remote(const struct steer *s, bool outward)
{
	struct ebpf *e = s->e;

	ebpf_write_value(e, BPF_DW, BPF_REG_10, REMOTE, 0);
	ebpf_read(e, BPF_W, BPF_REG_0, BPF_REG_10, HEADER + (outward ? 16 : 12));
	ebpf_write(e, BPF_W, BPF_REG_10, REMOTE, BPF_REG_0);
	ebpf_write(e, BPF_DW, BPF_REG_10, WHICH, PROTOCOL);
}

static void emit_unless_offset(const struct steer *s, int32_t mask)
{
	ebpf_read(s->e, BPF_H, BPF_REG_0, BPF_REG_10, HEADER + 6);
	ebpf_swap(s->e, BPF_REG_0, 16);
	ebpf_go_if(s->e, BPF_JSET, BPF_REG_0, mask, s->by_remote);
}

static void emit_if_ports(const struct steer *s, struct ebpf_label with)
{
	static const uint8_t protocols[] = { PROTO_TCP, PROTO_UDP, PROTO_UDPLITE, PROTO_DCCP };

	for (size_t i = 0; i < sizeof(protocols); i++)
		ebpf_go_if(s->e, BPF_JEQ, PROTOCOL, protocols[i], with);
}

/* On to what decides, with the port or identifier that stands there on the stack. */
static void emit_port(const struct steer *s, int16_t at, struct ebpf_label by)
{
	ebpf_read(s->e, BPF_H, PORT, BPF_REG_10, at);
	ebpf_swap(s->e, PORT, 16);
	ebpf_go(s->e, by);
}

/* Protocols with ports go on from here to the rule; the others fall through. */
static void emit_ports(const struct steer *s, bool outward)
{
	struct ebpf_label with = ebpf_label(s->e), without = ebpf_label(s->e);
	struct ebpf_label options = ebpf_label(s->e);
	int16_t local = outward ? 0 : 2;

	emit_if_ports(s, with);
	ebpf_go(s->e, without);
	ebpf_put(s->e, with);
	ebpf_read(s->e, BPF_B, BPF_REG_0, BPF_REG_10, HEADER);
	ebpf_go_if(s->e, BPF_JNE, BPF_REG_0, 0x45, options);
	emit_port(s, (int16_t)(HEADER + V4_HEADER + local), s->by_rule);
	ebpf_put(s->e, options);
	emit_octets(s, 0, PORTS, PORTS_LEN, s->by_remote);
	emit_port(s, (int16_t)(PORTS + local), s->by_rule);
	ebpf_put(s->e, without);
}

static bool has_one_to_one(const struct nat_config *c, bool six)
{
	for (size_t i = 0; i < c->policy_count; i++)
		if (c->policies[i].type == NAT_ONE_TO_ONE &&
		    (!six || c->policies[i].version == 6))
			return true;
	return false;
}

/* ICMP queries go on by their identifier. Requests are asked by the inside, replies come to it; with
 * addresses of their own, hosts are asked as well. */
static void emit_query(const struct steer *s, bool outward)
{
	static const uint8_t types[2][2] = { { 0, 14 }, { 8, 13 } };
	struct ebpf_label query = ebpf_label(s->e), other = ebpf_label(s->e);

	ebpf_read(s->e, BPF_B, BPF_REG_0, BPF_REG_10, PORTS);
	for (int asks = 0; asks < 2; asks++) {
		if (asks != outward && !has_one_to_one(s->config, false))
			continue;
		ebpf_go_if(s->e, BPF_JEQ, BPF_REG_0, types[asks][0], query);
		ebpf_go_if(s->e, BPF_JEQ, BPF_REG_0, types[asks][1], query);
	}
	ebpf_go(s->e, other);
	ebpf_put(s->e, query);
	emit_port(s, PORTS + IDENTIFIER, s->by_rule);
	ebpf_put(s->e, other);
}

/* The quoted datagram went the other way. */
static void emit_quoted(const struct steer *s)
{
	static const uint8_t untranslated[] = { PROTO_AH, PROTO_ICMPV6, 2 /* IGMP */ };
	bool outward = s->side == SIDE_OUTSIDE;
	struct ebpf_label no_query = ebpf_label(s->e);

	emit_octets(s, ICMP_HEADER, HEADER, V4_HEADER + PORTS_LEN, s->by_remote);
	ebpf_do(s->e, BPF_ADD, BPF_REG_8, ICMP_HEADER);
	emit_version(s);
	ebpf_go_if(s->e, BPF_JNE, BPF_REG_0, 4, s->by_remote);
	emit_header(s, outward);
	emit_unless_offset(s, 0x1fff);
	emit_ports(s, outward);
	ebpf_go_if(s->e, BPF_JNE, PROTOCOL, PROTO_ICMP, no_query);
	emit_octets(s, 0, PORTS, ICMP_HEADER, s->by_remote);
	emit_query(s, outward);
	ebpf_go(s->e, s->by_remote);
	ebpf_put(s->e, no_query);
	for (size_t i = 0; i < sizeof(untranslated); i++)
		ebpf_go_if(s->e, BPF_JEQ, PROTOCOL, untranslated[i], s->by_remote);
	emit_remote(s, outward);
	ebpf_go(s->e, s->by_remote);
}

static void emit_icmp(const struct steer *s)
{
	static const uint8_t errors[] = { 3, 11, 12 };
	struct ebpf_label quotes = ebpf_label(s->e);

	emit_octets(s, 0, PORTS, ICMP_HEADER, s->by_remote);
	emit_query(s, s->side == SIDE_INSIDE);
	for (size_t i = 0; i < sizeof(errors); i++)
		ebpf_go_if(s->e, BPF_JEQ, BPF_REG_0, errors[i], quotes);
	ebpf_go(s->e, s->by_remote);
	ebpf_put(s->e, quotes);
	emit_quoted(s);
}

static void emit_v4(const struct steer *s)
{
	bool outward = s->side == SIDE_INSIDE;
	struct ebpf_label icmp = ebpf_label(s->e);

	emit_header(s, outward);
	emit_remote(s, outward);
	emit_unless_offset(s, 0x3fff);
	emit_ports(s, outward);
	ebpf_go_if(s->e, BPF_JEQ, PROTOCOL, PROTO_ICMP, icmp);
	ebpf_go(s->e, s->by_remote);
	ebpf_put(s->e, icmp);
	emit_icmp(s);
}

/* What has ports goes on by them, and echoes by their identifier, asked by whom, as for IPv4; the rest
 * falls through. */
static void emit_six(const struct steer *s, bool outward)
{
	struct ebpf_label ports = ebpf_label(s->e), without = ebpf_label(s->e);
	struct ebpf_label echo = ebpf_label(s->e);
	enum { REQUEST = 128, REPLY = 129 };
	bool both = has_one_to_one(s->config, true);

	emit_if_ports(s, ports);
	ebpf_go_if(s->e, BPF_JNE, PROTOCOL, PROTO_ICMPV6, without);
	emit_octets(s, V6_HEADER, PORTS, ICMP_HEADER, s->elsewhere);
	ebpf_read(s->e, BPF_B, BPF_REG_0, BPF_REG_10, PORTS);
	if (outward || both)
		ebpf_go_if(s->e, BPF_JEQ, BPF_REG_0, REQUEST, echo);
	if (!outward || both)
		ebpf_go_if(s->e, BPF_JEQ, BPF_REG_0, REPLY, echo);
	ebpf_go(s->e, without);
	ebpf_put(s->e, ports);
	emit_octets(s, V6_HEADER, PORTS, PORTS_LEN, s->elsewhere);
	emit_port(s, outward ? PORTS : PORTS + 2, s->by_port);
	ebpf_put(s->e, echo);
	emit_port(s, PORTS + IDENTIFIER, s->by_port);
	ebpf_put(s->e, without);
}

static void emit_v6(const struct steer *s)
{
	bool outward = s->side == SIDE_INSIDE;

	ebpf_read(s->e, BPF_B, PROTOCOL, BPF_REG_10, HEADER + 6);
	if (nat_has_six(s->config))
		emit_six(s, outward);
	emit_octets(s, outward ? 24 : 8, REMOTE, 8, s->elsewhere);
	ebpf_write(s->e, BPF_DW, BPF_REG_10, WHICH, PROTOCOL);
	ebpf_go(s->e, s->by_remote);
}

/* R8 moves behind the header: to the type, over the tags that stand there instead, over the type. */
static void emit_ethernet(const struct steer *s)
{
	struct ebpf_label end = ebpf_label(s->e);

	ebpf_set(s->e, BPF_REG_8, 2 * ETH_ALEN);
	for (int i = 0; i < L2_TAGS; i++) {
		struct ebpf_label tagged = ebpf_label(s->e);

		emit_octets(s, 0, PORTS, TYPE_LEN, s->elsewhere);
		ebpf_read(s->e, BPF_H, BPF_REG_0, BPF_REG_10, PORTS);
		ebpf_swap(s->e, BPF_REG_0, 16);
		ebpf_go_if(s->e, BPF_JEQ, BPF_REG_0, ETH_P_8021Q, tagged);
		ebpf_go_if(s->e, BPF_JNE, BPF_REG_0, ETH_P_8021AD, end);
		ebpf_put(s->e, tagged);
		ebpf_do(s->e, BPF_ADD, BPF_REG_8, L2_TAG_LEN);
	}
	ebpf_put(s->e, end);
	ebpf_do(s->e, BPF_ADD, BPF_REG_8, TYPE_LEN);
}

static void emit_datagram(const struct steer *s)
{
	struct ebpf_label v4 = ebpf_label(s->e), v6 = ebpf_label(s->e);

	ebpf_copy(s->e, PACKET, BPF_REG_1);
	if (s->ethernet)
		emit_ethernet(s);
	else
		ebpf_set(s->e, BPF_REG_8, 0);
	emit_octets(s, 0, HEADER, V4_HEADER + PORTS_LEN, s->elsewhere);
	emit_version(s);
	ebpf_go_if(s->e, BPF_JEQ, BPF_REG_0, 4, v4);
	ebpf_go_if(s->e, BPF_JEQ, BPF_REG_0, 6, v6);
	ebpf_put(s->e, s->elsewhere);
	ebpf_set(s->e, RESULT, 0);
	ebpf_exit(s->e);
	ebpf_put(s->e, v6);
	emit_v6(s);
	ebpf_put(s->e, v4);
	emit_v4(s);
}

/* The four words of SipHash's state, the message word, and one to work with. */
enum { V0 = BPF_REG_1, V1, V2, V3, WORD, SPARE = BPF_REG_0 };

static void emit_rotate(struct ebpf *e, uint8_t v, int by)
{
	ebpf_copy(e, SPARE, v);
	ebpf_do(e, BPF_RSH, SPARE, 64 - by);
	ebpf_do(e, BPF_LSH, v, by);
	ebpf_do_by(e, BPF_OR, v, SPARE);
}

/* a += b; b = b rotated ^ a. */
static void emit_mix(struct ebpf *e, uint8_t a, uint8_t b, int by)
{
	ebpf_do_by(e, BPF_ADD, a, b);
	emit_rotate(e, b, by);
	ebpf_do_by(e, BPF_XOR, b, a);
}

static void emit_round(struct ebpf *e)
{
	emit_mix(e, V0, V1, 13);
	emit_rotate(e, V0, 32);
	emit_mix(e, V2, V3, 16);
	emit_mix(e, V0, V3, 21);
	emit_mix(e, V2, V1, 17);
	emit_rotate(e, V2, 32);
}

static void emit_word(struct ebpf *e)
{
	ebpf_do_by(e, BPF_XOR, V3, WORD);
	emit_round(e);
	ebpf_do_by(e, BPF_XOR, V0, WORD);
}

/* SipHash of two words under the key that begins the seed (nat/owner.h). */
static void emit_hash(struct ebpf *e, const uint8_t *seed)
{
	uint64_t key[2];

	memcpy(key, seed, sizeof(key));
	ebpf_set(e, V0, key[0] ^ 0x736f6d6570736575);
	ebpf_set(e, V1, key[1] ^ 0x646f72616e646f6d);
	ebpf_set(e, V2, key[0] ^ 0x6c7967656e657261);
	ebpf_set(e, V3, key[1] ^ 0x7465646279746573);
	ebpf_read(e, BPF_DW, WORD, BPF_REG_10, REMOTE);
	emit_word(e);
	ebpf_read(e, BPF_DW, WORD, BPF_REG_10, WHICH);
	emit_word(e);
	ebpf_set(e, WORD, (uint64_t)16 << 56);
	emit_word(e);
	ebpf_do(e, BPF_XOR, V2, 0xff);
	for (int i = 0; i < 3; i++)
		emit_round(e);
	ebpf_copy(e, RESULT, V0);
	ebpf_do_by(e, BPF_XOR, RESULT, V1);
	ebpf_do_by(e, BPF_XOR, RESULT, V2);
	ebpf_do_by(e, BPF_XOR, RESULT, V3);
}

static void emit_by_hash(const struct steer *s, const uint8_t *seed)
{
	ebpf_put(s->e, s->by_host);
	ebpf_swap(s->e, ADDRESS, 32);
	ebpf_write(s->e, BPF_DW, BPF_REG_10, REMOTE, ADDRESS);
	ebpf_write_value(s->e, BPF_DW, BPF_REG_10, WHICH, PROTO_TCP);
	ebpf_put(s->e, s->by_remote);
	emit_hash(s->e, seed);
	ebpf_do(s->e, BPF_AND, RESULT, 0xffff);
	ebpf_do(s->e, BPF_MOD, RESULT, s->config->workers);
	ebpf_exit(s->e);
}

static int load(struct steer s, const uint8_t *seed, bool plain)
{
	struct ebpf *e = ebpf_new();
	int r = -ENOMEM;

	if (!e)
		return r;
	s.e = e;
	s.by_rule = ebpf_label(e);
	s.by_outside = ebpf_label(e);
	s.by_port = ebpf_label(e);
	s.by_host = ebpf_label(e);
	s.by_remote = ebpf_label(e);
	s.elsewhere = ebpf_label(e);
	emit_datagram(&s);
	if (steer_emit_rule(&s, plain)) {
		emit_by_hash(&s, seed);
		r = ebpf_load(e, BPF_PROG_TYPE_SOCKET_FILTER, "owner", NULL, 0);
	}
	ebpf_free(e);
	return r;
}

static int load_what_fits(struct steer s, const uint8_t *seed)
{
	int r = load(s, seed, false);

	return r < 0 && r != -EPERM ? load(s, seed, true) : r;
}

int steer_load(const struct nat_config *c, const uint8_t seed[static 32], enum nat_side side)
{
	return load_what_fits((struct steer){ .config = c, .side = side }, seed);
}

int steer_load_ethernet(const struct nat_config *c, const uint8_t seed[static 32],
			enum nat_side side)
{
	return load_what_fits((struct steer){ .config = c, .side = side, .ethernet = true }, seed);
}

int steer_probe(void)
{
	struct ebpf *e = ebpf_new();
	int r;

	if (!e)
		return -ENOMEM;
	ebpf_set(e, RESULT, 0);
	ebpf_exit(e);
	r = ebpf_load(e, BPF_PROG_TYPE_SOCKET_FILTER, "owner", NULL, 0);
	ebpf_free(e);
	if (r < 0)
		return r;
	close(r);
	return 0;
}
