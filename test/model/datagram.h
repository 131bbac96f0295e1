/*
 * A datagram as the model reads and changes it: without the library, one field after the other.
 *
 * Sources  RFC 791, RFC 8200, RFC 9293 section 3.1, RFC 768, RFC 792, RFC 4443, RFC 1071 (checksum).
 * Order    Addresses, ports and everything else are host order: plain numbers.
 * Memory   The view points into the caller's octets.
 * Errors   The reason that pkt_parse() must give for the same octets.
 */
#ifndef MODEL_DATAGRAM_H
#define MODEL_DATAGRAM_H

#include "address.h"
#include "nat/packet.h"

struct place {
	ip_number address;
	uint16_t port; /* or query identifier */
};

static inline bool place_equal(struct place a, struct place b)
{
	return a.address == b.address && a.port == b.port;
}

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

struct segment {
	uint32_t seq, ack;
	uint32_t len; /* in sequence numbers: payload, SYN and FIN */
	uint16_t window;
	uint8_t flags;
	int scale; /* window scale option, or -1 */
};

enum kind { KIND_PORTS, KIND_REQUEST, KIND_REPLY, KIND_ERROR, KIND_ICMP, KIND_OTHER };

struct datagram {
	uint8_t *octets;
	size_t len;    /* without padding; of a quoted one: what is there of it */
	size_t header; /* octets of the IP header and those that extend it; the transport follows */
	uint8_t version;
	uint8_t protocol; /* PROTO_ICMP: of its own family; PROTO_ICMPV6: that of the other */
	enum kind kind;
	bool quoted, first_fragment, later_fragment, partial;
	bool dont_fragment;
	uint32_t ident;
	bool route_option; /* in the IP header: one that holds or collects addresses */
	size_t fragment;   /* IPv6: offset of the fragment header, or 0 */
	size_t routing;	   /* IPv6: offset of the first routing header with segments left, or 0 */
	bool ipsec;	   /* IPv6: AH, ESP or HIP among its headers */
	uint16_t gso_size;
	int64_t mtu;	   /* of an ICMP error that says fragmentation is needed, or -1 */
	struct place source, destination; /* an identifier stands in both */
	struct segment tcp;		  /* of a quoted one: seq only */
};

enum reason datagram_read(struct datagram *d, uint8_t *octets, size_t len,
			  const struct pkt_offload *offload);

/* The datagram that an ICMP error quotes; anything but REASON_NONE: not usable. */
enum reason datagram_read_quoted(struct datagram *inner, const struct datagram *outer);

/* Read the IPv6 header and its extensions, of len octets. */
enum reason datagram_read_six(struct datagram *d, size_t len);

/* Whether a next header is an extension header, and how many octets one at a place has. */
bool extension_is(uint8_t next);
size_t extension_len(uint8_t next, const uint8_t *at);

/* What d->protocol is called in the header of a version. */
uint8_t protocol_number(const struct datagram *d);

static inline size_t address_len(const struct datagram *d)
{
	return d->version == 4 ? 4 : 16;
}

static inline size_t source_at(const struct datagram *d)
{
	return d->version == 4 ? 12 : 8;
}

/* Write other endpoints of the same family. Every checksum is summed up anew, and is afterwards wrong by what it
 * was wrong by before: so right if it was right. */
void datagram_write(struct datagram *d, struct place source, struct place destination);

/* Write another identification, of IPv4. */
void datagram_write_ident(struct datagram *d, uint16_t ident);

/* Whether the checksum of an ICMP message is right. */
bool datagram_icmp_right(const struct datagram *d);

/* Write other addresses into an ICMP error whose checksum was right, and make it right again for
 * what it quotes by now. */
void datagram_write_error(struct datagram *d, ip_number source, ip_number destination);

/* Write 0000 for ffff in checksums where both say the same: all but UDP's, in which 0000 says that
 * none was sent. So octets can be compared. */
void datagram_one_zero(struct datagram *d);

/* One's-complement sum of len octets, below 65535. */
uint32_t octets_sum(const uint8_t *octets, size_t len);

/* Sum of pseudo-header and transport, the checksum field among it; of the pseudo-header alone. */
uint32_t transport_sum(const struct datagram *d);
uint32_t pseudo_sum(const struct datagram *d);

/* Write the field that makes the transport's sum what it was, for what is there by now; at: where the
 * checksum lies. */
void settle_transport(struct datagram *d, size_t at, uint32_t was);
void settle_header(struct datagram *d);

/* Where the transport's checksum lies, or 0. */
size_t checksum_at(const struct datagram *d);

#endif
