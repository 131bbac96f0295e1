/*
 * Names of protocols, as configuration, listings and logs write them.
 *
 * Errors   -1: no such protocol.
 */
#ifndef ROUTER_PROTOCOL_H
#define ROUTER_PROTOCOL_H

#include "nat/packet.h"

/* Beside ICMP. */
#define PROTOCOL_LIST(X) \
	X(PROTO_TCP, "tcp") \
	X(PROTO_UDP, "udp") \
	X(PROTO_SCTP, "sctp") \
	X(PROTO_DCCP, "dccp") \
	X(PROTO_UDPLITE, "udplite") \
	X(PROTO_GRE, "gre") \
	X(PROTO_ESP, "esp") \
	X(PROTO_IPIP, "ipip") \
	X(PROTO_IPV6, "6in4")

enum { PROTOCOL_TEXT = 4 }; /* of a number */

/* "tcp"; its number, written there, if it has no name. */
const char *protocol_name(uint8_t protocol, char number[static PROTOCOL_TEXT]);

/* Of a name, or a number from 0 to 255. */
int protocol_parse(const char *text);

/* Whether its endpoints have ports. An ICMP query has an identifier, at our end only. */
bool protocol_has_ports(uint8_t protocol);

#endif
