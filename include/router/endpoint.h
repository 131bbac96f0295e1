/*
 * Endpoints of either IP version as text.
 *
 * Sources  RFC 3986 section 3.2.2, RFC 5952 section 6 (an IPv6 address with a port stands in
 *          brackets).
 * Errors   endpoint_split() returns false.
 */
#ifndef ROUTER_ENDPOINT_H
#define ROUTER_ENDPOINT_H

#include "nat/session.h"
#include "router/address.h"

static inline struct address endpoint_address(const struct nat_endpoint *e)
{
	return e->is_v6 ? address_v6(e->address6.octets)
			: address_v4((const uint8_t *)&e->address);
}

/* "192.0.2.1:80", "[2001:db8::1]:80", or the address alone; returned for use in an argument list. */
const char *endpoint_format(const struct nat_endpoint *e, bool with_port,
			    char text[static ENDPOINT_TEXT]);

/* The other way: the address without brackets, and what stands behind the colon (NULL: there is none).
 * More than one colon without brackets is an IPv6 address alone. */
bool endpoint_split(const char *text, char address[static ENDPOINT_TEXT], const char **port);

#endif
