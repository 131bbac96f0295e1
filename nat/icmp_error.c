#include "nat/icmp_error.h"

#include "nat/checksum.h"

enum { V4_HEADER = 20, V6_HEADER = 40, ICMP_HEADER = 8, V4_MOST = 576, V6_MOST = 1280,
       ANSWER_TTL = 64 };

/* Type and code per reason (RFC 792, RFC 1812 sections 5.2.7 and 5.3.1, RFC 4443 section 3); out
 * of resources as RFC 6888 REQ-11 says. Reasons without a row are silent. */
static const struct row {
	uint8_t v4_type, v4_code, v6_type, v6_code;
} rows[REASON_COUNT] = {
	[REASON_TTL] = { 11, 0, 3, 0 },
	[REASON_TOO_BIG] = { 3, 4, 2, 0 },
	[REASON_NO_ROUTE] = { 3, 0, 1, 0 },
	[REASON_UNREACHABLE] = { 3, 1, 1, 3 },
	[REASON_NEIGHBOUR] = { 3, 1, 1, 3 },
	[REASON_PROHIBIT] = { 3, 13, 1, 1 },
	[REASON_NO_POLICY] = { 3, 13, 1, 1 },
	[REASON_LOCAL_SERVICE] = { 3, 3, 1, 4 },
	[REASON_OUT_OF_PORTS] = { 3, 1, 1, 3 },
	[REASON_SESSION_LIMIT] = { 3, 1, 1, 3 },
	[REASON_HOST_LIMIT] = { 3, 1, 1, 3 },
	[REASON_PORT_LIMIT] = { 3, 1, 1, 3 },
	[REASON_RATE_LIMIT] = { 3, 1, 1, 3 },
};

/* RFC 1812 section 5.2.7.1, RFC 4443 section 3.4: it is the protocol that nobody speaks here. Of
 * DCCP it is the port (RFC 5597 REQ-4). */
static const struct row no_protocol = { 3, 2, 4, 1 };

static const struct row *row_of(const struct icmp_error *e, const struct pkt *cause)
{
	if (e->reason == REASON_LOCAL_SERVICE && cause->protocol != PROTO_TCP &&
	    cause->protocol != PROTO_UDP && cause->protocol != PROTO_DCCP)
		return &no_protocol;
	return &rows[e->reason];
}

/* Where the IPv6 header or extension header in front of the transport names it. The chain was
 * walked by the parser. */
static uint32_t next_header_at(const struct pkt *p)
{
	uint32_t field = 6, next = p->ip[6], len;

	for (uint32_t at = V6_HEADER; at < p->transport; at += len) {
		len = next == 44 ? 8 : next == 51 ? (p->ip[at + 1] + 2u) * 4 : (p->ip[at + 1] + 1u) * 8;
		next = p->ip[at];
		field = at;
	}
	return field;
}

/* RFC 1812 section 4.3.2.7: sources that name no single host. */
static bool v4_names_a_host(const uint8_t *a)
{
	return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

static bool v6_names_a_host(const uint8_t *a)
{
	static const uint8_t zero[15];

	return a[0] != 0xff && !(memcmp(a, zero, 15) == 0 && a[15] <= 1);
}

static bool may_answer(const struct pkt *p)
{
	const uint8_t *to = pkt_destination(p);

	/* Of ICMP only queries: redirects and source quench are errors as well. */
	if ((p->protocol == PROTO_ICMP || p->protocol == PROTO_ICMPV6) &&
	    !(p->flags & PKT_ICMP_QUERY))
		return false;
	if (p->flags & PKT_FRAGMENT_LATER)
		return false;
	if (p->version == 4)
		return v4_names_a_host(pkt_source(p)) && to[0] < 224;
	return v6_names_a_host(pkt_source(p));
}

/* RFC 4443 section 2.4 (e.3): only Packet Too Big answers a multicast. */
static bool silent_for_multicast(const struct pkt *p, const struct row *r)
{
	return p->version == 6 && pkt_destination(p)[0] == 0xff && r->v6_type != 2;
}

/* What the quote may not say to the sender: a checksum the device would have completed. */
static void complete_quote(uint8_t *quote, size_t quoted, const struct pkt *cause)
{
	size_t field = cause->checksum;

	if (!(cause->flags & PKT_PARTIAL) || field + 2 > quoted)
		return;
	csum_store(quote + field, csum_of(cause->ip + cause->transport,
					  cause->len - cause->transport));
}

/* ICMP header and quote behind an IP header of header octets; returns octets of both. */
static size_t put_message(uint8_t *icmp, const struct icmp_error *e, const struct pkt *cause,
			  size_t most)
{
	const struct row *r = row_of(e, cause);
	size_t quoted = cause->len < most ? cause->len : most;

	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = cause->version == 4 ? r->v4_type : r->v6_type;
	icmp[1] = cause->version == 4 ? r->v4_code : r->v6_code;
	if (e->reason == REASON_TOO_BIG)
		store16(icmp + 6, e->mtu);
	if (icmp[0] == 4 && cause->version == 6)
		store32(icmp + 4, next_header_at(cause));
	memcpy(icmp + ICMP_HEADER, cause->ip, quoted);
	complete_quote(icmp + ICMP_HEADER, quoted, cause);
	return ICMP_HEADER + quoted;
}

static size_t make_v4(uint8_t *out, const struct icmp_error *e, const struct pkt *cause)
{
	size_t len = put_message(out + V4_HEADER, e, cause, V4_MOST - V4_HEADER - ICMP_HEADER);

	memset(out, 0, V4_HEADER);
	out[0] = 0x45;
	/* RFC 5508 REQ-10d: the DSCP of the cause. ECN is not ours to set. */
	out[1] = pkt_tos(cause) & 0xfc;
	store16(out + 2, (uint16_t)(V4_HEADER + len));
	out[6] = 0x40;
	out[8] = e->ttl;
	out[9] = PROTO_ICMP;
	memcpy(out + 12, e->source, 4);
	memcpy(out + 16, pkt_source(cause), 4);
	csum_store(out + 10, csum_of(out, V4_HEADER));
	csum_store(out + V4_HEADER + 2, csum_of(out + V4_HEADER, len));
	return V4_HEADER + len;
}

static size_t make_v6(uint8_t *out, const struct icmp_error *e, const struct pkt *cause)
{
	size_t len = put_message(out + V6_HEADER, e, cause, V6_MOST - V6_HEADER - ICMP_HEADER);

	store32(out, 6u << 28 | (uint32_t)(pkt_tos(cause) & 0xfc) << 20);
	store16(out + 4, (uint16_t)len);
	out[6] = PROTO_ICMPV6;
	out[7] = e->ttl;
	memcpy(out + 8, e->source, 16);
	memcpy(out + 24, pkt_source(cause), 16);
	csum_store(out + V6_HEADER + 2,
		   csum_add(csum_pseudo(out + 8, out + 24, 16, PROTO_ICMPV6, (uint32_t)len),
			    csum_of(out + V6_HEADER, len)));
	return V6_HEADER + len;
}

size_t icmp_error_make(uint8_t *out, const struct icmp_error *e, const struct pkt *cause)
{
	const struct row *r = &rows[e->reason];

	if (!r->v4_type || !may_answer(cause) || silent_for_multicast(cause, r))
		return 0;
	return cause->version == 4 ? make_v4(out, e, cause) : make_v6(out, e, cause);
}

static bool is_echo_request(const struct pkt *p)
{
	bool v4 = p->version == 4;

	return p->protocol == (v4 ? PROTO_ICMP : PROTO_ICMPV6) && !pkt_is_fragment(p) &&
	       *pkt_transport(p) == (v4 ? 8 : 128) && pkt_checksum_valid(p);
}

static void exchange_addresses(struct pkt *p)
{
	size_t len = p->version == 4 ? 4 : 16;
	uint8_t source[16];

	memcpy(source, pkt_source(p), len);
	memcpy(pkt_source(p), pkt_destination(p), len);
	memcpy(pkt_destination(p), source, len);
}

/* The reply is a message of our own, so its checksums are made anew. */
bool icmp_echo_answer(struct pkt *p)
{
	uint8_t *icmp = pkt_transport(p);
	size_t len = p->len - p->transport;
	csum_t pseudo = { 0 };

	if (!is_echo_request(p))
		return false;
	exchange_addresses(p);
	*pkt_ttl(p) = ANSWER_TTL;
	icmp[0] = p->version == 4 ? 0 : 129;
	store16(icmp + 2, 0);
	if (p->version == 4) {
		store16(p->ip + 10, 0);
		csum_store(p->ip + 10, csum_of(p->ip, p->transport));
	} else {
		pseudo = csum_pseudo(pkt_source(p), pkt_destination(p), 16, PROTO_ICMPV6,
				     (uint32_t)len);
	}
	csum_store(icmp + 2, csum_add(pseudo, csum_of(icmp, len)));
	return true;
}
