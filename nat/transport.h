/*
 * How each protocol tells its conversations apart, and what of that a NAT may change.
 *
 * Sources  RFC 768, RFC 9293, RFC 3828, RFC 4340 (ports, under a checksum that covers addresses);
 *          RFC 9260 (ports under a CRC32c that covers no address, so that they stay); RFC 4303
 *          (SPI); RFC 2637 section 4.1 (call ID).
 * Shape    Paired protocols are those of which only addresses are translated; see pair.c.
 * Errors   None.
 */
#ifndef NAT_TRANSPORT_H
#define NAT_TRANSPORT_H

#include "nat/tuple.h"

enum naming {
	BY_ADDRESS,    /* by nothing but addresses and protocol */
	BY_PORTS,
	BY_IDENTIFIER, /* of ICMP queries */
	BY_TAG,	       /* ports, and inwards the verification tag: SCTP */
	BY_SPI,	       /* ESP; each direction has its own */
	BY_CALL,       /* GRE version 1: the call ID of its receiver; other GRE by addresses */
	NOT_AT_ALL,    /* must not be translated */
};

enum { PROTO_IGMP = 2 };

static inline enum naming transport_naming(uint8_t protocol)
{
	static const uint8_t namings[UINT8_MAX + 1] = {
		[PROTO_TCP] = BY_PORTS, [PROTO_UDP] = BY_PORTS, [PROTO_UDPLITE] = BY_PORTS,
		[PROTO_DCCP] = BY_PORTS, [PROTO_ICMP] = BY_IDENTIFIER, [PROTO_SCTP] = BY_TAG,
		[PROTO_ESP] = BY_SPI, [PROTO_GRE] = BY_CALL,
		/* AH vouches for the addresses (RFC 4302 section 3.3.3.1.1); IGMP speaks about one
		 * link (RFC 5135 section 3.2); ICMPv6 and 0 belong to IPv6, and 0 also says that a
		 * record is free. */
		[PROTO_AH] = NOT_AT_ALL, [PROTO_IGMP] = NOT_AT_ALL, [PROTO_ICMPV6] = NOT_AT_ALL,
		[0] = NOT_AT_ALL,
	};

	return (enum naming)namings[protocol];
}

static inline bool transport_is_paired(uint8_t protocol)
{
	enum naming by = transport_naming(protocol);

	return by != BY_PORTS && by != BY_IDENTIFIER;
}

/* What people call a port; an SPI is none. */
static inline bool transport_has_ports(uint8_t protocol)
{
	enum naming by = transport_naming(protocol);

	return by == BY_PORTS || by == BY_IDENTIFIER || by == BY_TAG;
}

/* Endpoints of a tuple for people to read. */
static inline struct endpoint tuple_local(const struct tuple *t)
{
	return (struct endpoint){ t->local, transport_has_ports(t->protocol) ? t->local_port
									     : (be16){ 0 } };
}

static inline struct endpoint tuple_remote(const struct tuple *t)
{
	return (struct endpoint){ t->remote, transport_has_ports(t->protocol) ? t->remote_port
									      : (be16){ 0 } };
}

/* RFC 2637 section 4.1: GRE of version 1 with a key, whose lower half is the call ID. */
enum { GRE_CALL = 6, GRE_CALL_HEADER = 8 };
static inline bool gre_has_call(const uint8_t gre[static 4])
{
	return (load16(gre) & 0x2007) == 0x2001 && load16(gre + 2) == 0x880b;
}

/* A verification tag in the sixteen bits that a tuple has for it; zero is that of an INIT. */
static inline be16 sctp_fold(uint32_t tag)
{
	uint16_t folded = (uint16_t)(tag >> 16 ^ tag);

	return be16_from(tag && !folded ? 1 : folded);
}

#endif
