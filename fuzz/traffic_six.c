/* Recipes of IPv6. */
#include "datagram.h"
#include "six.h"
#include "traffic.h"

enum { V6_HEADER = 40, EXTENSION = 8, ICMP_HEADER = 8, PAYLOAD_UNIT = 7, EMBEDDED = 128 };

/* A number below the count stands for a host; one above EMBEDDED for IPv4 in a prefix; any other for what
 * follows in the input. */
static void read_six(struct input *in, uint8_t address[static 16])
{
	uint8_t n = input_u8(in), four[4];
	unsigned i = n % SIX_PREFIXES;

	if (n < SIX_HOSTS) {
		memcpy(address, six_hosts[n], 16);
	} else if (n >= EMBEDDED) {
		read_host(in, four);
		memcpy(address, six_prefixes[i].address, 16);
		for (int k = 0; k < 4; k++)
			address[six_prefixes[i].at[k]] = four[k];
	} else {
		for (int k = 0; k < 16; k += 4)
			store32(address + k, input_u32(in));
	}
}

static uint8_t *begin(struct datagram *d, size_t extension, size_t len)
{
	d->len = V6_HEADER + extension + len;
	memset(d->octets, 0, V6_HEADER + extension);
	for (size_t i = 0; i < len; i++)
		d->octets[V6_HEADER + extension + i] = (uint8_t)(i * 7 + i / 251);
	d->octets[0] = 0x60;
	d->octets[7] = 64;
	return d->octets + V6_HEADER + extension;
}

/* Of eight octets; of a routing header, type and segments left are the input's. */
static void put_extension(struct input *in, uint8_t *octets, uint8_t protocol)
{
	static const uint8_t kinds[] = { 0, 60, 43, 44, 51 };
	uint8_t kind = kinds[input_below(in, sizeof(kinds))], rest = input_u8(in);

	octets[6] = kind;
	octets[V6_HEADER] = protocol;
	octets[V6_HEADER + 2] = kind == 43 ? rest >> 4 : kind == 44 ? 0 : 1;
	octets[V6_HEADER + 3] = kind == 43 ? rest & 1 : kind == 44 ? 0 : 4;
}

void make_six(struct input *in, uint8_t flags, struct datagram *d)
{
	size_t extension = flags & RECIPE_OPTIONS ? EXTENSION : 0;
	uint8_t protocol = read_protocol(in);
	size_t payload = input_u8(in) * PAYLOAD_UNIT;
	uint8_t *t = begin(d, extension, transport_len(protocol) + payload);

	if (protocol == PROTO_ICMP)
		protocol = PROTO_ICMPV6;
	d->octets[6] = protocol;
	d->octets[1] = input_u8(in);
	read_six(in, d->octets + 8);
	read_six(in, d->octets + 24);
	if (extension)
		put_extension(in, d->octets, protocol);
	put_transport(in, protocol, t);
}

bool make_error_six(struct input *in, const struct datagram *about, struct datagram *d)
{
	uint8_t type = (uint8_t)(1 + input_below(in, 4)), code = input_u8(in), from = input_u8(in);
	size_t quoted = input_u8(in) * (size_t)2;
	struct anatomy a;
	uint8_t *t;

	if (!anatomy_of(&a, about->octets, about->len))
		return false;
	if (quoted > a.len)
		quoted = a.len;
	t = begin(d, 0, ICMP_HEADER + quoted);
	d->from = about->from;
	d->octets[6] = PROTO_ICMPV6;
	memcpy(d->octets + 8, from < SIX_HOSTS ? six_hosts[from] : about->octets + 24, 16);
	memcpy(d->octets + 24, about->octets + 8, 16);
	memset(t, 0, ICMP_HEADER);
	t[0] = type;
	t[1] = code;
	if (type == 2) /* an MTU; otherwise the length of the quote, or a pointer */
		store16(t + 6, (uint16_t)(1000 + code * 4));
	else if (code & 0x40)
		t[type == 4 ? 7 : 4] = code & 0x1f;
	memcpy(t + ICMP_HEADER, about->octets, quoted);
	return true;
}

/* The fragment header stands in front of the transport, and of nothing else. */
void cut_six(struct datagram *out, const struct datagram *whole, size_t begin_at, size_t end)
{
	struct anatomy a;
	size_t payload;
	bool more;
	uint8_t *fragment;

	*out = *whole;
	anatomy_of(&a, whole->octets, whole->len);
	payload = whole->len - a.header;
	more = end < payload;
	if (!more)
		end = payload;
	fragment = out->octets + a.header;
	memset(fragment, 0, EXTENSION);
	fragment[0] = a.protocol;
	store16(fragment + 2, (uint16_t)(begin_at | more));
	store32(fragment + 4, 0x01020304);
	out->octets[a.next_at] = 44;
	memcpy(fragment + EXTENSION, whole->octets + a.header + begin_at, end - begin_at);
	out->len = a.header + EXTENSION + end - begin_at;
	store16(out->octets + 4, (uint16_t)(out->len - V6_HEADER));
}
