/*
 * A datagram as the model reads and changes it: without the library, one field after the other.
 *
 * Sources  RFC 791, RFC 9293 section 3.1, RFC 768, RFC 792, RFC 1071 (checksum).
 * Order    Addresses, ports and everything else are host order: plain numbers.
 * Memory   The view points into the caller's octets.
 * Errors   The reason that pkt_parse() must give for the same octets.
 */
#ifndef MODEL_DATAGRAM_H
#define MODEL_DATAGRAM_H

#include "nat/packet.h"

struct place {
	uint32_t address;
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
	size_t header; /* octets of the IP header; the transport follows */
	uint8_t protocol;
	enum kind kind;
	bool quoted, first_fragment, later_fragment, partial;
	bool dont_fragment;
	uint16_t ident;
	bool route_option; /* in the IP header: one that holds or collects addresses */
	int mtu;	   /* of an ICMP error that says fragmentation is needed, or -1 */
	struct place source, destination; /* an identifier stands in both */
	struct segment tcp;		  /* of a quoted one: seq only */
};

enum reason datagram_read(struct datagram *d, uint8_t *octets, size_t len,
			  const struct pkt_offload *offload);

/* The datagram that an ICMP error quotes; anything but REASON_NONE: not usable. */
enum reason datagram_read_quoted(struct datagram *inner, const struct datagram *outer);

/* Write other endpoints. Every checksum is summed up anew, and is afterwards wrong by what it
 * was wrong by before: so right if it was right. */
void datagram_write(struct datagram *d, struct place source, struct place destination);

/* Write another identification. */
void datagram_write_ident(struct datagram *d, uint16_t ident);

/* Whether the checksum of an ICMP message is right. */
bool datagram_icmp_right(const struct datagram *d);

/* Write other addresses into an ICMP error whose checksum was right, and make it right again for
 * what it quotes by now. */
void datagram_write_error(struct datagram *d, uint32_t source, uint32_t destination);

/* Write 0000 for ffff in checksums where both say the same: all but UDP's, in which 0000 says that
 * none was sent. So octets can be compared. */
void datagram_one_zero(struct datagram *d);

/* One's-complement sum of len octets, below 65535. */
uint32_t octets_sum(const uint8_t *octets, size_t len);

/* Sum of pseudo-header and transport, the checksum field among it. */
uint32_t transport_sum(const struct datagram *d);

/* Where the transport's checksum lies, or 0. */
size_t checksum_at(const struct datagram *d);

#endif
