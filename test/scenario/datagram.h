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

enum { DATAGRAM_MOST = 65535, OCTETS_MOST = 4000, OPTIONS_MOST = 40 };

struct octets {
	uint16_t len;
	uint8_t at[OCTETS_MOST];
};

enum kind {
	KIND_RAW, KIND_IP, KIND_UDP, KIND_TCP, KIND_ICMP, KIND_UDPLITE, KIND_DCCP, KIND_SCTP, KIND_GRE,
	KIND_ESP, KIND_COUNT,
};

/* What may stand as a variable. IDENTIFIER is ICMP's, of queries. */
enum field { SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, IDENTIFIER, FIELD_COUNT };

/* Right; none (UDP's 0); number added, with the carry around, to the right one; number itself. */
enum how { SUM_RIGHT, SUM_NONE, SUM_OFF, SUM_EXACT };
struct sum {
	enum how how;
	uint16_t number;
};

struct datagram {
	enum kind kind;
	struct value field[FIELD_COUNT];
	uint8_t tos, ttl, protocol;
	uint16_t ipid, offset; /* offset of a fragment, in octets */
	uint16_t piece_begin, piece_end; /* what of the IP payload a fragment has; end 0: all of it */
	bool df, more;
	struct sum header_sum, sum;
	uint32_t seq, ack; /* of TCP; seq also of others, of ICMP errors the MTU that is there */
	uint16_t win;
	uint8_t flags;	    /* TCP's, of an SCTP chunk */
	uint8_t type, code; /* ICMP's; type also of a DCCP packet, of an SCTP chunk */
	uint16_t coverage;  /* UDP-Lite's */
	uint8_t cscov;	    /* DCCP's */
	bool brief;	    /* DCCP with 24-bit sequence numbers */
	uint32_t service;   /* DCCP's */
	uint32_t vtag, initiate; /* SCTP's tags */
	uint16_t call;	    /* GRE of PPTP */
	uint32_t key;	    /* other GRE's; SPI of ESP */
	uint8_t ip_option_len, tcp_option_len;
	uint8_t ip_options[OPTIONS_MOST], tcp_options[OPTIONS_MOST];
	struct octets payload;
	uint16_t cut; /* octets behind the IP header that are there; the rest is cut off */
	bool said; /* there is something to inherit */
	bool own_flags, own_options, own_ip_options; /* said in this line, not inherited */
};

struct message {
	struct datagram outer, quoted;
	bool quotes;
	struct octets extension; /* RFC 4884, behind the padded quote */
};

/* The rest of the line as a message. m holds what is inherited: whatever the line does not say
 * stays as it is, as long as the kind is the same. */
void message_read(struct words *w, struct message *m);

/* Bind variables that are not bound yet to what octets hold in their places. */
void message_bind(const struct message *m, const uint8_t *octets, size_t len,
		  struct variables *vars);

/* Octets of m, or 0: a variable is not bound. */
size_t message_build(uint8_t out[DATAGRAM_MOST], const struct message *m,
		     const struct variables *vars);

/* What octets are, in a story's words as far as they go, to tell a reader. */
void message_print(FILE *out, const uint8_t *octets, size_t len);

#endif
