#include "nat/icmp_error.h"

#include "nat/extension.h"

enum { V4_HEADER = 20, V6_HEADER = 40, ICMP_HEADER = 8, V4_MOST = 576, V6_MOST = 1280,
       ANSWER_TTL = 64 };
enum { V6_PAYLOAD_LENGTH = 4, V6_NEXT_HEADER = 6, V6_MTU_LEAST = 1280 };

/* Type and code per reason (RFC 792, RFC 1812 sections 5.2.7 and 5.3.1, RFC 4443 section 3); out of
 * resources as RFC 6888 REQ-11 and RFC 6146 section 3.5.1.1 say; what cannot be translated as RFC 7915
 * sections 4.4, 5.1.1 and 5.4 and RFC 6296 section 3.6 do. Type 0: silent. */
static const struct row {
	uint8_t v4_type, v4_code, v6_type, v6_code;
} rows[REASON_COUNT] = {
	[REASON_EXTENSION] = { 0, 0, 4, 3 },
	[REASON_TRANSPORT_SHORT] = { 0, 0, 4, 3 },
	[REASON_FRAGMENT_BAD] = { 0, 0, 4, 0 },
	[REASON_SOURCE_ROUTE] = { 3, 5, 4, 0 },
	[REASON_SEGMENTS_LEFT] = { 0, 0, 4, 0 },
	[REASON_UNKNOWN_OPTION] = { 0, 0, 4, 2 },
	[REASON_EXTENSION_TYPE] = { 0, 0, 1, 1 },
	[REASON_SCOPE] = { 0, 0, 1, 2 },
	[REASON_SPOOFED] = { 0, 0, 1, 5 },
	[REASON_TTL] = { 11, 0, 3, 0 },
	[REASON_TOO_BIG] = { 3, 4, 2, 0 },
	[REASON_NO_ROUTE] = { 3, 0, 1, 0 },
	[REASON_UNREACHABLE] = { 3, 1, 1, 3 },
	[REASON_NEIGHBOUR] = { 3, 1, 1, 3 },
	[REASON_PROHIBIT] = { 3, 13, 1, 6 },
	[REASON_NO_POLICY] = { 3, 13, 1, 1 },
	[REASON_LOCAL_SERVICE] = { 3, 3, 1, 4 },
	[REASON_NO_TRANSPORT] = { 3, 2, 1, 4 },
	[REASON_OUT_OF_PORTS] = { 3, 1, 1, 3 },
	[REASON_SESSION_LIMIT] = { 3, 1, 1, 3 },
	[REASON_HOST_LIMIT] = { 3, 1, 1, 3 },
	[REASON_PORT_LIMIT] = { 3, 1, 1, 3 },
	[REASON_RATE_LIMIT] = { 3, 1, 1, 3 },
	[REASON_EMBEDDED] = { 3, 13, 1, 1 },
	[REASON_UNTRANSLATABLE] = { 3, 13, 1, 1 },
	[REASON_NPT_WORD] = { 0, 0, 4, 0 },
};

/* RFC 1812 section 5.2.7.1, RFC 4443 section 3.4: it is the protocol that nobody speaks here. Of
 * DCCP it is the port (RFC 5597 REQ-4). */
static const struct row no_protocol = { 3, 2, 4, 1 };
static const struct row silence;

/* RFC 8200 section 4.5: which field is wrong, the length or where the fragment ends; 0: not such a
 * fault. */
static uint32_t wrong_field_of_fragment(const struct pkt *p)
{
	uint32_t payload = p->len - p->fragment - 8;

	if (pkt_has_more(p) && payload % 8)
		return V6_PAYLOAD_LENGTH;
	if (p->fragment_offset + payload + (p->fragment - V6_HEADER) > UINT16_MAX)
		return p->fragment + 2u;
	return 0;
}

/* What IPv6 says of some reasons only in some cases. */
static bool is_said(enum reason r, const struct pkt *p)
{
	switch (r) {
	case REASON_EXTENSION: case REASON_TRANSPORT_SHORT: /* RFC 7112 section 5 */
		return p->flags & PKT_FRAGMENT_FIRST;
	case REASON_FRAGMENT_BAD:
		return p->fragment && wrong_field_of_fragment(p);
	case REASON_SOURCE_ROUTE: case REASON_SEGMENTS_LEFT:
		return p->routing;
	case REASON_UNKNOWN_OPTION: /* RFC 8200 section 4.2: 01 is silent */
		return p->ip[extension_refused_option(p)] & 0x80;
	default:
		return true;
	}
}

static const struct row *row_of(const struct icmp_error *e, const struct pkt *cause)
{
	if (e->reason == REASON_LOCAL_SERVICE && cause->protocol != PROTO_TCP &&
	    cause->protocol != PROTO_UDP && cause->protocol != PROTO_DCCP)
		return &no_protocol;
	if (cause->version == 6 && !is_said(e->reason, cause))
		return &silence;
	return &rows[e->reason];
}

/* What the second word of a parameter problem points at (RFC 4443 section 3.4). */
static uint32_t pointer_of(const struct icmp_error *e, const struct pkt *cause)
{
	switch (e->reason) {
	case REASON_LOCAL_SERVICE:
		return extension_transport_field(cause);
	case REASON_FRAGMENT_BAD:
		return wrong_field_of_fragment(cause);
	case REASON_SEGMENTS_LEFT: /* the type: of no router that is named by it we know */
		return cause->routing + 2u;
	case REASON_SOURCE_ROUTE: /* RFC 7915 section 5.1 */
		return cause->routing + 3u;
	case REASON_UNKNOWN_OPTION:
		return extension_refused_option(cause);
	case REASON_NPT_WORD:
		return e->pointer;
	default:
		return 0;
	}
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

/* Of ICMP only what is no error: redirects, and source quench, are errors as well. */
static bool is_error(const struct pkt *p)
{
	if (p->protocol != PROTO_ICMP && p->protocol != PROTO_ICMPV6)
		return false;
	if (p->version == 4 || p->protocol == PROTO_ICMP || (p->flags & PKT_FRAGMENT_LATER) ||
	    p->transport >= p->len)
		return !(p->flags & PKT_ICMP_QUERY);
	return *pkt_transport(p) < 128 || *pkt_transport(p) == 137;
}

/* RFC 4443 section 2.4 (e) does not speak of later fragments. */
static bool may_answer(const struct pkt *p)
{
	if (is_error(p))
		return false;
	if (p->version == 6)
		return v6_names_a_host(pkt_source(p));
	return v4_names_a_host(pkt_source(p)) && pkt_destination(p)[0] < 224 &&
	       !(p->flags & PKT_FRAGMENT_LATER);
}

/* RFC 4443 section 2.4 (e.3): only Packet Too Big answers a multicast, and who does not know an option
 * that says so. */
static bool silent_for_multicast(const struct pkt *p, const struct row *r)
{
	if (p->version != 6 || pkt_destination(p)[0] != 0xff || r->v6_type == 2)
		return false;
	return r->v6_type != 4 || r->v6_code != 2 ||
	       (p->ip[extension_refused_option(p)] & 0xc0) != 0x80;
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
		store16(icmp + 6, cause->version == 6 && e->mtu < V6_MTU_LEAST ? V6_MTU_LEAST : e->mtu);
	if (icmp[0] == 4 && cause->version == 6)
		store32(icmp + 4, pointer_of(e, cause));
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
	const struct row *r = row_of(e, cause);

	if (!(cause->version == 4 ? r->v4_type : r->v6_type) || !may_answer(cause) ||
	    silent_for_multicast(cause, r))
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

/* What extension headers asked of the request's way is not asked of the reply's. */
static void leave_out_extensions(struct pkt *p)
{
	size_t len = p->len - p->transport;

	memmove(p->ip + V6_HEADER, pkt_transport(p), len);
	store16(p->ip + V6_PAYLOAD_LENGTH, (uint16_t)len);
	p->ip[V6_NEXT_HEADER] = PROTO_ICMPV6;
	p->len = (uint32_t)(V6_HEADER + len);
	p->transport = V6_HEADER;
	p->checksum = V6_HEADER + 2;
	p->fragment = 0;
}

/* The reply is a message of our own, so its checksums are made anew. */
bool icmp_echo_answer(struct pkt *p)
{
	size_t len = p->len - p->transport;
	csum_t pseudo = { 0 };
	uint8_t *icmp;

	if (!is_echo_request(p))
		return false;
	if (p->version == 6)
		leave_out_extensions(p);
	icmp = pkt_transport(p);
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
