#include "router/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int family(const struct address *a)
{
	return a->version == 4 ? AF_INET : AF_INET6;
}

bool address_parse(struct address *a, const char *text)
{
	struct address parsed = { .version = strchr(text, ':') ? 6 : 4 };

	if (inet_pton(family(&parsed), text, parsed.octets) != 1)
		return false;
	*a = parsed;
	return true;
}

/* One to three digits without a leading zero, so that every length has one spelling. */
static bool parse_len(uint8_t *len, const char *text, uint8_t most)
{
	unsigned value = 0;
	size_t i;

	if (text[0] == '0' && text[1] != '\0')
		return false;
	for (i = 0; i < 3 && isdigit((unsigned char)text[i]); i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || value > most)
		return false;
	*len = (uint8_t)value;
	return true;
}

bool prefix_parse(struct prefix *p, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char host[ADDRESS_TEXT];
	struct prefix parsed;

	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (!address_parse(&parsed.address, host))
		return false;
	parsed.len = address_bits(&parsed.address);
	if (slash && !parse_len(&parsed.len, slash + 1, parsed.len))
		return false;
	*p = parsed;
	return true;
}

/* Which bits of octet i belong to a prefix of len bits. */
static uint8_t mask_of(uint8_t len, size_t i)
{
	size_t bits = i * 8 < len ? len - i * 8 : 0;

	return (uint8_t)(bits < 8 ? 0xff00 >> bits : 0xff);
}

struct prefix prefix_masked(struct prefix p)
{
	for (size_t i = 0; i < sizeof(p.address.octets); i++)
		p.address.octets[i] &= mask_of(p.len, i);
	return p;
}

bool prefix_contains(const struct prefix *p, const struct address *a)
{
	if (p->address.version != a->version)
		return false;
	for (size_t i = 0; i * 8 < p->len; i++)
		if ((p->address.octets[i] ^ a->octets[i]) & mask_of(p->len, i))
			return false;
	return true;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->version == b->version && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && address_equal(&a->address, &b->address);
}

bool prefixes_equal(const struct prefix *a, size_t a_count, const struct prefix *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!prefix_equal(&a[i], &b[i]))
			return false;
	return true;
}

struct address address_v4(const uint8_t octets[static 4])
{
	struct address a = { .version = 4 };

	memcpy(a.octets, octets, 4);
	return a;
}

struct address address_v6(const uint8_t octets[static 16])
{
	struct address a = { .version = 6 };

	memcpy(a.octets, octets, 16);
	return a;
}

const char *address_format(const struct address *a, char text[static ADDRESS_TEXT])
{
	if (a->version == 0 || !inet_ntop(family(a), a->octets, text, ADDRESS_TEXT))
		strcpy(text, "-");
	return text;
}

const char *prefix_format(const struct prefix *p, char text[static PREFIX_TEXT])
{
	address_format(&p->address, text);
	snprintf(text + strlen(text), PREFIX_TEXT - ADDRESS_TEXT + 1, "/%u", p->len);
	return text;
}
