#include "router/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROTOCOL_ROW(number, name) { number, name },
static const struct { uint8_t number; const char *name; } protocols[] = {
	{ PROTO_ICMP, "icmp" }, PROTOCOL_LIST(PROTOCOL_ROW)
};

enum { PROTOCOL_COUNT = sizeof(protocols) / sizeof(protocols[0]) };

const char *protocol_name(uint8_t protocol, char number[static PROTOCOL_TEXT])
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(number, PROTOCOL_TEXT, "%u", protocol);
	return number;
}

int protocol_parse(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (strcmp(text, protocols[i].name) == 0)
			return protocols[i].number;
	if (digits == 0 || digits > 3 || text[digits] != '\0' || atoi(text) > UINT8_MAX)
		return -1;
	return atoi(text);
}

bool protocol_has_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_UDPLITE ||
	       protocol == PROTO_DCCP || protocol == PROTO_SCTP;
}
