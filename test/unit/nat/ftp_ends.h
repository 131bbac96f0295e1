/*
 * A client and a server of FTP with a NAT between them, and what their TCPs do: numbers, segments of
 * any size, losses.
 *
 * Shape    The client sends its lines by speak(); what the server gets is in got.
 * Memory   open_world() to close_world().
 * Promise  nat_check() is silent after every segment, and checksums are as right as they came.
 */
#ifndef FTP_ENDS_H
#define FTP_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nat/checksum.h"
#include "nat/nat.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { ROOM = 4096, STREAM_MOST = 512, CONTROL = 40000 };
enum { CLIENT_ISN = 0xffffffd0, SERVER_ISN = 7000 }; /* numbers wrap around on the way */

struct world {
	void *arena;
	struct nat *nat;
	struct nat_policy policy;
	be32 pool, client, server;
	uint16_t outside_port; /* of the control connection */
	uint32_t heard;	       /* what the client knows to have arrived */
	uint32_t spoken;       /* what the server has sent */
	uint32_t expected;     /* by the server: next octet of the client */
	char got[STREAM_MOST];
	uint8_t octets[ROOM];
	uint32_t room;
	struct nat_job job;
	struct pkt p;
};

static inline be32 address(const char *text)
{
	unsigned a, b, c, d;

	assert_int_equal(sscanf(text, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
	return be32_from(a << 24 | b << 16 | c << 8 | d);
}

static inline void open_world(struct world *w, const char *client, const char *pool, uint8_t helpers)
{
	static const uint8_t seed[32] = { 1 };
	struct nat_config c = nat_config_default();

	*w = (struct world){ .room = ROOM, .pool = address(pool), .client = address(client),
			     .server = address("203.0.113.10") };
	w->policy = (struct nat_policy){
		.prefix = address("10.0.0.0"), .prefix_len = 8, .type = NAT_NAPT44, .pool_count = 1,
		.ports = { 1024, 65535 }, .helpers = helpers,
		.behaviour = { { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_PORT_DEPENDENT },
			       { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_PORT_DEPENDENT } },
	};
	c.sessions = 64;
	c.policies = &w->policy;
	c.policy_count = c.pool_count = 1;
	c.pool = &w->pool;
	assert_null(nat_config_fault(&c));
	w->arena = aligned_alloc(64, nat_size(&c));
	assert_non_null(w->arena);
	w->nat = nat_init(w->arena, &c, seed);
}

static inline void close_world(struct world *w)
{
	assert_null(nat_check(w->nat));
	free(w->arena);
}

struct wire {
	be32 source, destination;
	uint16_t from, to;
	uint32_t seq, ack;
	uint8_t flags;
	const char *text;
	size_t len;
	uint32_t sack[2];
};

/* Through the NAT, with a wrong checksum if spoil is not zero. */
static inline enum nat_verdict pass(struct world *w, const struct wire *d, enum nat_side from, uint16_t spoil)
{
	uint8_t *ip = w->octets, *tcp = ip + 20;
	size_t options = d->sack[0] != d->sack[1] ? 12 : 0, total = 40 + options + d->len;

	memset(ip, 0, 40 + options);
	ip[0] = 0x45;
	store16(ip + 2, (uint16_t)total);
	ip[8] = 64;
	ip[9] = PROTO_TCP;
	be32_store(ip + 12, d->source);
	be32_store(ip + 16, d->destination);
	csum_store(ip + 10, csum_of(ip, 20));
	store16(tcp, d->from);
	store16(tcp + 2, d->to);
	store32(tcp + 4, d->seq);
	store32(tcp + 8, d->ack);
	tcp[12] = (uint8_t)((20 + options) / 4 << 4);
	tcp[13] = d->flags;
	store16(tcp + 14, 65535);
	if (options) {
		memcpy(tcp + 20, (uint8_t[]){ 1, 1, 5, 10 }, 4);
		store32(tcp + 24, d->sack[0]);
		store32(tcp + 28, d->sack[1]);
	}
	memcpy(tcp + 20 + options, d->text, d->len);
	csum_store(tcp + 16, csum_add(csum_pseudo(ip + 12, ip + 16, 4, PROTO_TCP,
						  (uint32_t)(total - 20)),
				      csum_of(tcp, total - 20)));
	csum_patch(tcp + 16, (csum_t){ spoil });
	assert_int_equal(pkt_parse(&w->p, ip, total, NULL), REASON_NONE);
	w->job = (struct nat_job){ .p = &w->p, .from = from, .room = w->room };
	nat_process(w->nat, (nat_time){ 1000 }, &w->job);
	assert_null(nat_check(w->nat));
	if (w->job.verdict == NAT_FORWARD) {
		assert_int_equal(load16(ip + 2), w->p.len);
		assert_int_equal(pkt_parse(&w->p, ip, w->p.len, NULL), REASON_NONE);
		assert_int_equal(pkt_checksum_valid(&w->p), !spoil);
	}
	return w->job.verdict;
}

static inline enum nat_verdict from_client(struct world *w, uint32_t seq, uint8_t flags, const char *text,
				    size_t len)
{
	return pass(w, &(struct wire){ .source = w->client, .destination = w->server,
				       .from = CONTROL, .to = 21, .seq = seq,
				       .ack = w->spoken, .flags = flags, .text = text, .len = len },
		    SIDE_INSIDE, 0);
}

/* The server says what it has, and what it says; the client hears the former. */
static inline void answer(struct world *w, uint8_t flags, const char *text)
{
	const uint8_t *tcp = w->octets + 20;
	uint32_t heard;

	assert_int_equal(pass(w, &(struct wire){ .source = w->server, .destination = w->pool,
						 .from = 21, .to = w->outside_port,
						 .seq = w->spoken, .ack = w->expected,
						 .flags = flags, .text = text, .len = strlen(text) },
			      SIDE_OUTSIDE, 0), NAT_FORWARD);
	w->spoken += (uint32_t)strlen(text) + !!(flags & SYN);
	heard = load32(tcp + 8);
	if ((int32_t)(heard - w->heard) > 0)
		w->heard = heard;
}

/* What the NAT sent last arrives at the server, which answers what is not what it expects. */
static inline void arrive(struct world *w)
{
	const uint8_t *tcp = w->octets + 20;
	uint32_t at = load32(tcp + 4), len = w->p.len - 20 - (uint32_t)(tcp[12] >> 4) * 4;
	const uint8_t *text = w->octets + w->p.len - len;
	bool due = len || at != w->expected;

	for (uint32_t i = 0; i < len; i++, at++) {
		uint32_t place = at - CLIENT_ISN - 1;

		if ((int32_t)(at - w->expected) < 0) {
			assert_int_equal(w->got[place], text[i]);
		} else if (at == w->expected) {
			assert_true(place < STREAM_MOST);
			w->got[place] = (char)text[i];
			w->expected++;
		}
	}
	if (due)
		answer(w, ACK, "");
}

static inline void shake_hands(struct world *w)
{
	w->spoken = SERVER_ISN;
	assert_int_equal(from_client(w, CLIENT_ISN, SYN, "", 0), NAT_FORWARD);
	w->outside_port = load16(w->octets + 20);
	w->expected = w->heard = CLIENT_ISN + 1;
	answer(w, SYN | ACK, "");
	assert_int_equal(from_client(w, CLIENT_ISN + 1, ACK, "", 0), NAT_FORWARD);
	answer(w, ACK | PSH, "220 ready\r\n");
}

/* How a client sends: cuts are where segments end; lost: a bit for each segment that is lost; waits:
 * nothing is sent before the last segment is acknowledged (RFC 896). */
struct manner {
	size_t cut[4];
	unsigned lost;
	bool waits;
};

static inline void say(struct world *w, const char *text, size_t begin, size_t end)
{
	assert_int_equal(from_client(w, CLIENT_ISN + 1 + (uint32_t)begin, ACK | PSH, text + begin,
				     end - begin), NAT_FORWARD);
}

static inline size_t heard_of(const struct world *w)
{
	return w->heard - CLIENT_ISN - 1;
}

static inline void speak(struct world *w, const char *text, const struct manner *m)
{
	size_t at = 0, end = strlen(text);
	int tries = 0;

	for (unsigned i = 0; i < 4 && at < end; i++) {
		size_t cut = m->cut[i] < end ? m->cut[i] : end;

		if (cut <= at)
			continue;
		say(w, text, at, cut);
		if (!(m->lost >> i & 1))
			arrive(w);
		while (m->waits && heard_of(w) < cut) {
			assert_true(++tries < 8);
			say(w, text, heard_of(w), cut);
			arrive(w);
		}
		at = cut;
	}
	/* Time out, and send again from where it is known to have arrived. */
	while (heard_of(w) < end) {
		assert_true(++tries < 8);
		say(w, text, heard_of(w), end);
		arrive(w);
	}
	assert_int_equal(heard_of(w), end);
}

#endif
