#include "router/endpoint.h"

#include <stdio.h>
#include <string.h>

const char *endpoint_format(const struct nat_endpoint *e, bool with_port,
			    char text[static ENDPOINT_TEXT])
{
	struct address a = endpoint_address(e);
	char address[ADDRESS_TEXT];

	address_format(&a, address);
	if (!with_port)
		snprintf(text, ENDPOINT_TEXT, "%s", address);
	else if (e->is_v6)
		snprintf(text, ENDPOINT_TEXT, "[%s]:%u", address, be16_host(e->port));
	else
		snprintf(text, ENDPOINT_TEXT, "%s:%u", address, be16_host(e->port));
	return text;
}

bool endpoint_split(const char *text, char address[static ENDPOINT_TEXT], const char **port)
{
	const char *colon = strchr(text, ':'), *begin = text + (*text == '['), *end;

	if (*text == '[')
		end = strchr(text, ']');
	else
		end = colon && !strchr(colon + 1, ':') ? colon : text + strlen(text);
	if (!end || end - begin >= ENDPOINT_TEXT)
		return false;
	memcpy(address, begin, (size_t)(end - begin));
	address[end - begin] = '\0';
	end += *end == ']';
	*port = *end == ':' ? end + 1 : NULL;
	return *end == ':' || *end == '\0';
}
