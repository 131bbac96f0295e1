/*
 * Datagrams as a story describes them, and their octets.
 *
 * Shape    A message is a datagram, or an ICMP error with the datagram it quotes. Octets are made
 *          from nothing each time, every checksum by adding up all words it covers: this file
 *          shares no line with the library whose work it judges.
 * Order    Values in host order.
 * Errors   A variable that is not bound.
 */
#ifndef SCENARIO_DATAGRAM_H
#define SCENARIO_DATAGRAM_H

#include "words.h"

enum {
	DATAGRAM_MOST = 65535, OCTETS_MOST = 4000, OPTIONS_MOST = 40,
	EXTENSIONS_MOST = 4, EXTENSION_MOST = 64,
};

struct octets {
	uint16_t len;
	uint8_t at[OCTETS_MOST];
};

enum kind {
	KIND_RAW, KIND_IP, KIND_UDP, KIND_TCP, KIND_ICMP, KIND_UDPLITE, KIND_DCCP, KIND_SCTP, KIND_GRE,
	KIND_ESP, KIND_COUNT,
};

/* What may stand as a variable. IDENTIFIER is ICMP's, of queries; IPID that of the datagram, of IPv6 in
 * its fragment header. */
enum field { SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, IDENTIFIER, IPID, FIELD_COUNT };

/* Right; none (UDP's 0); number added, with the carry around, to the right one; number itself. */
enum how { SUM_RIGHT, SUM_NONE, SUM_OFF, SUM_EXACT };
struct sum {
	enum how how;
	uint16_t number;
};

/* An IPv6 extension header, whole but for its first octet. */
struct extension {
	uint8_t type, len;
	bool behind; /* the fragment header */
	uint8_t octets[EXTENSION_MOST];
};

struct datagram {
	enum kind kind;
	uint8_t version;
	struct value field[FIELD_COUNT];
	uint8_t tos, ttl, protocol;
	uint32_t flow; /* label of IPv6 */
	bool any_ipid; /* whatever comes: the header that went in had none */
	uint16_t offset; /* of a fragment, in octets */
	uint16_t piece_begin, piece_end; /* what of the IP payload a fragment has; end 0: all of it */
	bool df, more, atomic; /* atomic: a fragment header, though nothing is cut */
	uint16_t pieces; /* of what comes out: the router is to cut it so that none is longer; 0: it is not */
	struct sum header_sum, sum;
	uint32_t seq, ack; /* of TCP; seq also of others, of ICMP errors the MTU that is there */
	uint32_t pointer;  /* of ICMP's parameter problems */
	uint16_t win;
	uint8_t flags;	    /* TCP's, of an SCTP chunk */
	uint8_t type, code; /* ICMP's; type also of a DCCP packet, of an SCTP chunk */
	bool named;	    /* echo or its reply, of whichever family: type is that of IPv4 */
	uint16_t coverage;  /* UDP-Lite's */
	uint8_t cscov;	    /* DCCP's */
	bool brief;	    /* DCCP with 24-bit sequence numbers */
	uint32_t service;   /* DCCP's */
	uint32_t vtag, initiate; /* SCTP's tags */
	uint16_t call;	    /* GRE of PPTP */
	uint32_t key;	    /* other GRE's; SPI of ESP */
	uint8_t ip_option_len, tcp_option_len;
	uint8_t ip_options[OPTIONS_MOST], tcp_options[OPTIONS_MOST];
	uint8_t extension_count;
	struct extension extensions[EXTENSIONS_MOST];
	struct octets payload;
	uint16_t cut; /* octets behind the IP headers that are there; the rest is cut off */
	bool said; /* there is something to inherit */
	/* Said in this line, not inherited. */
	bool own_flags, own_options, own_ip_options, own_extensions;
};

struct message {
	struct datagram outer, quoted;
	bool quotes;
	uint16_t padded; /* what the quote is filled up to; 0: 128 with an extension, else nothing */
	struct octets extension; /* RFC 4884, behind the padded quote */
};

/* The rest of the line as a message. m holds what is inherited: whatever the line does not say
 * stays as it is, as long as the kind is the same. */
void message_read(struct words *w, struct message *m);

/* Bind variables that are not bound yet to what octets hold in their places. */
void message_bind(const struct message *m, const uint8_t *octets, size_t len,
		  struct variables *vars);

/* Take from octets what is right as it is. */
void message_adopt(struct message *m, const uint8_t *octets, size_t len);

/* Octets of m, or 0: a variable is not bound. */
size_t message_build(uint8_t out[DATAGRAM_MOST], const struct message *m,
		     const struct variables *vars);

/* What octets are, in a story's words as far as they go, to tell a reader. */
void message_print(FILE *out, const uint8_t *octets, size_t len);

#endif
