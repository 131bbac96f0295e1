#include "traffic.h"

#include "datagram.h"

enum { V4_HEADER = 20, ICMP_HEADER = 8, PAYLOAD_UNIT = 7 };
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

static const uint8_t hosts[][4] = {
	{ 10, 0, 0, 2 }, { 10, 0, 0, 3 }, { 10, 0, 1, 2 }, { 10, 0, 9, 2 }, { 172, 16, 0, 2 },
	{ 203, 0, 113, 9 }, { 203, 0, 113, 10 }, { 198, 51, 100, 7 },
	{ 192, 0, 2, 0 }, { 192, 0, 2, 1 }, { 192, 0, 2, 2 }, { 192, 0, 2, 3 },
};
static const uint16_t ports[] = { 5000, 5001, 40000, 80, 443, 53, 1023, 65535 };
static const uint8_t protocols[] = {
	PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_GRE, PROTO_UDPLITE, PROTO_DCCP, PROTO_SCTP, PROTO_ESP,
};
static const uint8_t errors[] = { 3, 11, 12, 4 };
static const uint8_t segments[] = {
	TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A number below the count stands for an entry; any other for what follows in the input. */
void read_host(struct input *in, uint8_t address[static 4])
{
	uint8_t n = input_u8(in);

	if (n < COUNT(hosts))
		memcpy(address, hosts[n], 4);
	else
		store32(address, input_u32(in));
}

uint16_t read_port(struct input *in)
{
	uint8_t n = input_u8(in);

	return n < COUNT(ports) ? ports[n] : input_u16(in);
}

static uint8_t read_segment(struct input *in)
{
	uint8_t n = input_u8(in);

	return n < COUNT(segments) ? segments[n] : n;
}

/* As many octets more, or less if the highest bit is set. */
static uint32_t read_offset(struct input *in)
{
	uint32_t n = input_u8(in);

	return n < 128 ? n : n - 256;
}

size_t transport_len(uint8_t protocol)
{
	return protocol == PROTO_TCP ? 20 : protocol == PROTO_SCTP ? 32 : protocol == PROTO_DCCP ? 16 : 8;
}

/* Room for an IP header and, behind it, len octets that differ from one another. */
static uint8_t *begin(struct datagram *d, size_t header, size_t len)
{
	d->len = header + len;
	memset(d->octets, 0, header);
	for (size_t i = 0; i < len; i++)
		d->octets[header + i] = (uint8_t)(i * 7 + i / 251);
	d->octets[0] = (uint8_t)(0x40 | header / 4);
	d->octets[8] = 64;
	return d->octets + header;
}

static void put_tcp(struct input *in, uint8_t *tcp)
{
	tcp[13] = read_segment(in);
	store32(tcp + 4, input_u8(in) * 0x01010101u);
	store32(tcp + 8, 0);
	tcp[12] = 5 << 4;
	store16(tcp + 14, 0x4000);
	store16(tcp + 18, 0);
}

/* One octet of input says what kind of packet it is. */
static void put_other(struct input *in, uint8_t protocol, uint8_t *t)
{
	uint8_t kind = input_u8(in);

	if (protocol == PROTO_UDPLITE)
		store16(t + 4, kind & 1 ? 8 : 0);
	if (protocol == PROTO_DCCP) {
		t[4] = 4;
		t[5] = kind >> 4;
		t[8] = (uint8_t)((kind & 15) << 1 | 1);
	}
	if (protocol == PROTO_SCTP) {
		store32(t + 4, kind & 15 ? kind >> 4 : 0);
		t[12] = kind & 15 ? kind & 15 : 1;
		store32(t + 16, kind >> 4);
	}
	if (protocol == PROTO_ESP)
		store32(t, kind);
	if (protocol == PROTO_GRE) {
		store32(t, kind & 1 ? 0x2001880b : 0x00000800);
		store16(t + 6, kind >> 4);
	}
}

uint8_t read_protocol(struct input *in)
{
	return protocols[input_below(in, COUNT(protocols))];
}

void put_transport(struct input *in, uint8_t protocol, uint8_t *t)
{
	if (protocol == PROTO_ICMP || protocol == PROTO_ICMPV6) {
		t[0] = input_u8(in);
		t[1] = 0;
		store16(t + 4, read_port(in));
		return;
	}
	store16(t, read_port(in));
	store16(t + 2, read_port(in));
	if (protocol == PROTO_TCP)
		put_tcp(in, t);
	else if (protocol != PROTO_UDP)
		put_other(in, protocol, t);
}

static void make_fresh(struct input *in, uint8_t flags, struct datagram *d)
{
	size_t options = flags & RECIPE_OPTIONS ? 4 : 0;
	uint8_t protocol = read_protocol(in);
	size_t payload = input_u8(in) * PAYLOAD_UNIT;
	uint8_t *t = begin(d, V4_HEADER + options, transport_len(protocol) + payload);

	store16(d->octets + 4, input_u8(in));
	d->octets[9] = protocol;
	read_host(in, d->octets + 12);
	read_host(in, d->octets + 16);
	store32(d->octets + V4_HEADER, options ? input_u32(in) : load32(d->octets + V4_HEADER));
	put_transport(in, protocol, t);
}

static const struct datagram *arrived(const struct past *p, struct input *in)
{
	size_t have = p->count < PAST_MOST ? p->count : PAST_MOST;
	uint8_t back = input_u8(in);

	return have ? &p->arrived[(p->count - 1 - back % have) % PAST_MOST] : NULL;
}

static void exchange(uint8_t *a, uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t was = a[i];

		a[i] = b[i];
		b[i] = was;
	}
}

/* The sequence number that is expected, and the acknowledgement of all that came; each off by
 * what the input says. */
static void answer_tcp(struct input *in, uint8_t *tcp, size_t len)
{
	size_t payload = len - (tcp[12] >> 4) * 4u;
	uint32_t sequence = load32(tcp + 4), acknowledged = load32(tcp + 8);
	uint32_t taken = (uint32_t)payload + !!(tcp[13] & TCP_SYN) + !!(tcp[13] & TCP_FIN);

	tcp[13] = read_segment(in);
	store32(tcp + 4, acknowledged + read_offset(in));
	store32(tcp + 8, sequence + taken + read_offset(in));
}

static bool make_answer(const struct past *p, struct input *in, struct datagram *d)
{
	const struct datagram *to = arrived(p, in);
	struct anatomy a;
	uint8_t *t;

	if (!to || !anatomy_of(&a, to->octets, to->len) || a.len - a.header < 8)
		return false;
	*d = *to;
	d->len = a.len;
	t = d->octets + a.header;
	exchange(d->octets + (a.version == 4 ? 12 : 8), d->octets + (a.version == 4 ? 16 : 24),
		 a.version == 4 ? 4 : 16);
	if (a.protocol == PROTO_ICMP)
		t[0] = t[0] == 8 ? 0 : t[0] == 13 ? 14 : 8;
	else if (a.protocol == PROTO_ICMPV6)
		t[0] = t[0] == 128 ? 129 : 128;
	else
		exchange(t, t + 2, 2);
	if (a.protocol == PROTO_TCP && a.len - a.header >= 20)
		answer_tcp(in, t, a.len - a.header);
	return true;
}

/* From a host of that side, or from where the datagram arrived. */
static bool make_error_four(struct input *in, const struct datagram *about, struct datagram *d)
{
	uint8_t type = errors[input_below(in, COUNT(errors))], code = input_u8(in);
	uint8_t from = input_u8(in);
	size_t quoted = input_u8(in);
	struct anatomy a;
	uint8_t *t;

	if (!about || !anatomy_of(&a, about->octets, about->len) || a.version != 4)
		return false;
	if (quoted > a.len)
		quoted = a.len;
	t = begin(d, V4_HEADER, ICMP_HEADER + quoted);
	d->from = about->from;
	d->octets[9] = PROTO_ICMP;
	memcpy(d->octets + 12, from < COUNT(hosts) ? hosts[from] : about->octets + 16, 4);
	memcpy(d->octets + 16, about->octets + 12, 4);
	memset(t, 0, ICMP_HEADER);
	t[0] = type;
	t[1] = code;
	memcpy(t + ICMP_HEADER, about->octets, quoted);
	return true;
}

static bool make_error(const struct past *p, struct input *in, struct datagram *d)
{
	const struct datagram *about = arrived(p, in);

	if (about && about->octets[0] >> 4 == 6)
		return make_error_six(in, about, d);
	return make_error_four(in, about, d);
}

static bool make_raw(struct input *in, struct datagram *d)
{
	size_t len = input_u16(in) % (RAW_MOST + 1);
	const uint8_t *octets = input_take(in, &len);

	d->len = len;
	if (len)
		memcpy(d->octets, octets, len);
	return len;
}

/* What a device is asked to complete. */
static void leave_to_device(struct datagram *d, const struct anatomy *a, uint16_t gso_size)
{
	if (!a->checksum || a->fragment || (a->protocol != PROTO_TCP && a->protocol != PROTO_UDP))
		return;
	store16(d->octets + a->checksum, pseudo_sum(d->octets, a, a->len - a->header));
	d->offload = (struct pkt_offload){
		.partial = true,
		.checksum_start = (uint16_t)a->header,
		.checksum_offset = (uint16_t)(a->checksum - a->header),
		.gso_size = gso_size,
	};
}

static void spoil(struct input *in, uint8_t flags, struct datagram *d)
{
	struct anatomy a;

	if (!anatomy_of(&a, d->octets, d->len) || !a.checksum)
		return;
	if (flags & RECIPE_WRONG_SUM)
		d->octets[a.checksum] ^= 0x5a;
	if ((flags & RECIPE_NO_SUM) && a.protocol == PROTO_UDP)
		store16(d->octets + a.checksum, 0);
	if (flags & RECIPE_PARTIAL)
		leave_to_device(d, &a, input_u8(in));
}

/* One of the pieces of whole, whose payload is cut every step octets. */
static void cut(struct datagram *out, const struct datagram *whole, size_t begin_at, size_t end)
{
	size_t header = (whole->octets[0] & 15u) * 4, payload = whole->len - header;
	bool more = end < payload;

	if (whole->octets[0] >> 4 == 6) {
		cut_six(out, whole, begin_at, end);
		return;
	}
	*out = *whole;
	if (!more)
		end = payload;
	out->len = header + end - begin_at;
	memmove(out->octets + header, whole->octets + header + begin_at, end - begin_at);
	store16(out->octets + 2, (uint16_t)out->len);
	store16(out->octets + 6, (uint16_t)((more ? 0x2000 : 0) | begin_at / 8));
	datagram_repair(out->octets, out->len);
}

static size_t cut_up(struct input *in, uint8_t flags, struct datagram out[PIECES_MOST])
{
	size_t step = 8 * (1 + (size_t)input_u8(in) % 32), pieces = 1u + (flags >> RECIPE_PIECES);
	size_t overlap = flags & RECIPE_OVERLAP ? 8 : 0;
	const struct datagram whole = out[0];
	struct anatomy a;
	size_t payload, count = 0;

	anatomy_of(&a, whole.octets, whole.len);
	payload = whole.len - a.header;

	for (; count < pieces && count * step < payload; count++) {
		size_t from = count * step, to = count + 1 == pieces ? payload : from + step;
		size_t place = flags & RECIPE_BACKWARDS ? pieces - 1 - count : count;

		cut(&out[place], &whole, from && overlap ? from - overlap : from, to);
	}
	/* Too short for so many pieces: those that would have stood in front are not there. */
	if (flags & RECIPE_BACKWARDS)
		memmove(out, out + pieces - count, count * sizeof(*out));
	return count;
}

size_t traffic_next(const struct past *p, struct input *in, struct datagram out[PIECES_MOST])
{
	uint8_t first = input_u8(in), flags = input_u8(in);
	enum recipe_kind kind = first % KIND_COUNT;
	struct anatomy a;
	bool made = true;

	out->offload = (struct pkt_offload){ 0 };
	out->from = first & RECIPE_OUTSIDE ? SIDE_OUTSIDE : SIDE_INSIDE;
	if (kind == KIND_FRESH && (first & RECIPE_SIX))
		make_six(in, flags, out);
	else if (kind == KIND_FRESH)
		make_fresh(in, flags, out);
	else if (kind == KIND_ANSWER)
		made = make_answer(p, in, out);
	else if (kind == KIND_ERROR)
		made = make_error(p, in, out);
	else
		made = make_raw(in, out);
	if (!made)
		return 0;
	out->known_only = first & RECIPE_KNOWN_ONLY;
	if (kind != KIND_RAW || (first & RECIPE_REPAIR))
		datagram_repair(out->octets, out->len);
	spoil(in, flags, out);
	if (!(flags >> RECIPE_PIECES) || !anatomy_of(&a, out->octets, out->len) ||
	    (a.version != 4 && !(first & RECIPE_SIX)) || a.fragment || a.len != out->len ||
	    out->offload.partial)
		return 1;
	return cut_up(in, flags, out);
}

void past_add(struct past *p, enum nat_side at, const uint8_t *octets, size_t len)
{
	struct datagram *d = &p->arrived[p->count++ % PAST_MOST];

	assert(len <= DATAGRAM_MOST);
	d->from = at;
	d->offload = (struct pkt_offload){ 0 };
	d->len = len;
	memcpy(d->octets, octets, len);
}
