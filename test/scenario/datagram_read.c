/*
 * The words of a datagram: each is a row, with the kinds that may say it.
 */
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "datagram.h"

enum {
	UDP = 1 << KIND_UDP,
	TCP = 1 << KIND_TCP,
	ICMP = 1 << KIND_ICMP,
	IP = 1 << KIND_IP,
	UDPLITE = 1 << KIND_UDPLITE,
	DCCP = 1 << KIND_DCCP,
	SCTP = 1 << KIND_SCTP,
	GRE = 1 << KIND_GRE,
	ESP = 1 << KIND_ESP,
	PORTS = UDP | TCP | UDPLITE | DCCP | SCTP,
	ANY = PORTS | ICMP | IP | GRE | ESP,
};

struct attribute {
	const char *word;
	uint16_t kinds;
	void (*read)(struct words *w, struct datagram *d, const struct attribute *a);
	uint32_t number; /* the most, or the value that the word stands for */
	size_t at;	 /* where it goes in a struct datagram */
};

/* Octets in hexadecimal, appended to what is there. */
static uint16_t read_hex(struct words *w, uint8_t *at, size_t len, size_t most)
{
	const char *text = words_next(w);
	unsigned octet;

	for (; *text; text += 2, len++) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			words_fault(w, "\"%s\" is not pairs of hexadecimal digits", text);
		else if (len == most)
			words_fault(w, "more than %zu octets", most);
		if (w->fault[0])
			return 0;
		sscanf(text, "%2x", &octet);
		at[len] = (uint8_t)octet;
	}
	return (uint16_t)len;
}

static void read_number(struct words *w, struct datagram *d, const struct attribute *a)
{
	uint8_t *at = (uint8_t *)d + a->at;
	uint32_t number = words_number(w, a->number);
	uint16_t short_number = (uint16_t)number;

	if (a->number == UINT8_MAX)
		*at = (uint8_t)number;
	else if (a->number == UINT16_MAX)
		memcpy(at, &short_number, sizeof(short_number));
	else
		memcpy(at, &number, sizeof(number));
}

/* piece 400-800 */
static void read_piece(struct words *w, struct datagram *d, const struct attribute *a)
{
	char text[NAME_MOST];
	char *dash;

	(void)a;
	snprintf(text, sizeof(text), "%s", words_next(w));
	dash = strchr(text, '-');
	if (!dash) {
		words_fault(w, "\"%s\" is not BEGIN-END", text);
		return;
	}
	*dash = '\0';
	d->piece_begin = (uint16_t)words_number_of(w, text, UINT16_MAX);
	d->piece_end = (uint16_t)words_number_of(w, dash + 1, UINT16_MAX);
	if (d->piece_begin >= d->piece_end || d->piece_begin % 8)
		words_fault(w, "a piece begins at a multiple of eight and has an end");
}

static void read_true(struct words *w, struct datagram *d, const struct attribute *a)
{
	(void)w;
	memcpy((uint8_t *)d + a->at, &(bool){ true }, sizeof(bool));
}

static void read_flag(struct words *w, struct datagram *d, const struct attribute *a)
{
	(void)w;
	if (!d->own_flags)
		d->flags = 0;
	d->own_flags = true;
	d->flags |= (uint8_t)a->number;
}

static void read_ack(struct words *w, struct datagram *d, const struct attribute *a)
{
	read_flag(w, d, a);
	d->ack = words_number(w, UINT32_MAX);
}

static void read_type(struct words *w, struct datagram *d, const struct attribute *a)
{
	(void)w;
	d->type = (uint8_t)a->number;
	d->code = 0;
	d->named = false;
}

static void read_echo(struct words *w, struct datagram *d, const struct attribute *a)
{
	read_type(w, d, a);
	d->named = true;
}

/* The chunk, and the tag that it chooses. */
static void read_init(struct words *w, struct datagram *d, const struct attribute *a)
{
	read_type(w, d, a);
	d->initiate = words_number(w, UINT32_MAX);
}

static void read_type_code(struct words *w, struct datagram *d, const struct attribute *a)
{
	char text[NAME_MOST];
	char *slash;

	(void)a;
	snprintf(text, sizeof(text), "%s", words_next(w));
	slash = strchr(text, '/');
	if (!slash) {
		words_fault(w, "\"%s\" is not TYPE/CODE", text);
		return;
	}
	*slash = '\0';
	d->named = false;
	d->type = (uint8_t)words_number_of(w, text, UINT8_MAX);
	d->code = (uint8_t)words_number_of(w, slash + 1, UINT8_MAX);
}

static void read_id(struct words *w, struct datagram *d, const struct attribute *a)
{
	char text[NAME_MOST * 2];

	snprintf(text, sizeof(text), "%s", words_next(w));
	d->field[a->at] = words_value_of(w, text, a->number);
	d->any_ipid &= a->at != IPID;
}

static void read_sum(struct words *w, struct datagram *d, const struct attribute *a)
{
	struct sum *s = (struct sum *)(void *)((uint8_t *)d + a->at);
	const char *word;

	*s = (struct sum){ SUM_RIGHT, 0 };
	if (words_take(w, "right"))
		return;
	s->how = words_take(w, "none") ? SUM_NONE : words_peek(w)[0] == '+' ? SUM_OFF : SUM_EXACT;
	if (s->how == SUM_NONE)
		return;
	word = words_next(w);
	s->number = (uint16_t)words_number_of(w, word + (s->how == SUM_OFF), UINT16_MAX);
}

/* The pattern tells a lost, doubled or moved octet. */
static void read_len(struct words *w, struct datagram *d, const struct attribute *a)
{
	(void)a;
	d->payload.len = (uint16_t)words_number(w, OCTETS_MOST);
	for (uint16_t i = 0; i < d->payload.len; i++)
		d->payload.at[i] = (uint8_t)(i * 7 + 1);
}

static void read_text(struct words *w, struct datagram *d, const struct attribute *a)
{
	const char *text = words_next(w);
	size_t len = strlen(text);

	(void)a;
	d->payload.len = 0;
	if (len < 2 || text[0] != '"' || len - 2 > OCTETS_MOST) {
		words_fault(w, "text stands between quotation marks");
		return;
	}
	for (const char *c = text + 1; c < text + len - 1; c++) {
		bool escaped = *c == '\\' && strchr("rn0", c[1]);

		c += escaped;
		d->payload.at[d->payload.len++] = (uint8_t)(!escaped ? *c : *c == 'r' ? '\r'
								     : *c == 'n' ? '\n' : '\0');
	}
}

static void read_payload(struct words *w, struct datagram *d, const struct attribute *a)
{
	(void)a;
	d->payload.len = read_hex(w, d->payload.at, 0, OCTETS_MOST);
}

static void read_ip_option(struct words *w, struct datagram *d, const struct attribute *a)
{
	(void)a;
	if (!d->own_ip_options)
		d->ip_option_len = 0;
	d->own_ip_options = true;
	d->ip_option_len = (uint8_t)read_hex(w, d->ip_options, d->ip_option_len, OPTIONS_MOST);
}

/* ext 60 010400000000: type and what follows the first two octets; filled up with zeros to whole words of
 * eight octets. */
static void read_extension(struct words *w, struct datagram *d, const struct attribute *a)
{
	struct extension *e = &d->extensions[d->own_extensions ? d->extension_count : 0];

	(void)a;
	if (!d->own_extensions)
		d->extension_count = 0;
	d->own_extensions = true;
	if (d->extension_count == EXTENSIONS_MOST) {
		words_fault(w, "more than %d extension headers", EXTENSIONS_MOST);
		return;
	}
	*e = (struct extension){ .type = (uint8_t)words_number(w, UINT8_MAX) };
	e->behind = d->piece_end || d->offset || d->more || d->atomic;
	e->len = (uint8_t)((read_hex(w, e->octets + 1, 0, EXTENSION_MOST - 2) + 2 + 7) / 8 * 8);
	e->octets[0] = (uint8_t)(e->len / 8 - 1);
	d->extension_count++;
}

static uint8_t *more_options(struct words *w, struct datagram *d, uint8_t len)
{
	if (!d->own_options)
		d->tcp_option_len = 0;
	d->own_options = true;
	if (d->tcp_option_len + len > OPTIONS_MOST) {
		words_fault(w, "more than %d octets of options", OPTIONS_MOST);
		return d->tcp_options;
	}
	d->tcp_option_len = (uint8_t)(d->tcp_option_len + len);
	return d->tcp_options + d->tcp_option_len - len;
}

static void read_nop(struct words *w, struct datagram *d, const struct attribute *a)
{
	*more_options(w, d, 1) = (uint8_t)a->number;
}

/* Kind, length, and a value that fills it. */
static void read_option(struct words *w, struct datagram *d, const struct attribute *a)
{
	uint8_t len = a->number == 2 ? 4 : 3;
	uint32_t number = words_number(w, len == 4 ? UINT16_MAX : UINT8_MAX);
	uint8_t *at = more_options(w, d, len);

	at[0] = (uint8_t)a->number;
	at[1] = len;
	at[2] = (uint8_t)(len == 4 ? number >> 8 : number);
	if (len == 4)
		at[3] = (uint8_t)number;
}

static void read_option_octets(struct words *w, struct datagram *d, const struct attribute *a)
{
	uint8_t octets[OPTIONS_MOST];
	uint8_t len = (uint8_t)read_hex(w, octets, 0, OPTIONS_MOST);

	(void)a;
	memcpy(more_options(w, d, len), octets, len);
}

#define PLACE(member) offsetof(struct datagram, member)

static const struct attribute attributes[] = {
	{ "tos", ANY, read_number, UINT8_MAX, PLACE(tos) },
	{ "ttl", ANY, read_number, UINT8_MAX, PLACE(ttl) },
	{ "ipid", ANY, read_id, UINT32_MAX, IPID },
	{ "flow", ANY, read_number, 0xfffff, PLACE(flow) },
	{ "ext", ANY, read_extension, 0, 0 },
	{ "offset", ANY, read_number, UINT16_MAX, PLACE(offset) },
	{ "piece", ANY, read_piece, 0, 0 },
	{ "df", ANY, read_true, 0, PLACE(df) },
	{ "atomic", ANY, read_true, 0, PLACE(atomic) },
	{ "pieces", ANY, read_number, UINT16_MAX, PLACE(pieces) },
	{ "more", ANY, read_true, 0, PLACE(more) },
	{ "ip_option", ANY, read_ip_option, 0, 0 },
	{ "header_sum", ANY, read_sum, 0, PLACE(header_sum) },
	{ "len", ANY, read_len, 0, 0 },
	{ "text", ANY, read_text, 0, 0 },
	{ "hex", ANY, read_payload, 0, 0 },
	{ "cut", ANY, read_number, UINT16_MAX, PLACE(cut) },
	{ "proto", IP, read_number, UINT8_MAX, PLACE(protocol) },
	{ "sum", PORTS | ICMP, read_sum, 0, PLACE(sum) },
	{ "fin", TCP, read_flag, 1, 0 },
	{ "syn", TCP, read_flag, 2, 0 },
	{ "rst", TCP, read_flag, 4, 0 },
	{ "psh", TCP, read_flag, 8, 0 },
	{ "ack", TCP, read_ack, 16, 0 },
	{ "urg", TCP, read_flag, 32, 0 },
	{ "seq", TCP | ICMP | DCCP | ESP, read_number, UINT32_MAX, PLACE(seq) },
	{ "win", TCP, read_number, UINT16_MAX, PLACE(win) },
	{ "nop", TCP, read_nop, 1, 0 },
	{ "mss", TCP, read_option, 2, 0 },
	{ "wscale", TCP, read_option, 3, 0 },
	{ "option", TCP, read_option_octets, 0, 0 },
	{ "echo", ICMP, read_echo, 8, 0 },
	{ "echo-reply", ICMP, read_echo, 0, 0 },
	{ "timestamp", ICMP, read_type, 13, 0 },
	{ "timestamp-reply", ICMP, read_type, 14, 0 },
	{ "type", ICMP, read_type_code, 0, 0 },
	{ "id", ICMP, read_id, UINT16_MAX, IDENTIFIER },
	{ "pointer", ICMP, read_number, UINT32_MAX, PLACE(pointer) },
	{ "mtu", ICMP, read_number, UINT32_MAX, PLACE(seq) },
	{ "coverage", UDPLITE, read_number, UINT16_MAX, PLACE(coverage) },
	{ "request", DCCP, read_type, 0, 0 },
	{ "response", DCCP, read_type, 1, 0 },
	{ "data", DCCP, read_type, 2, 0 },
	{ "ack", DCCP, read_type, 3, 0 },
	{ "dataack", DCCP, read_type, 4, 0 },
	{ "closereq", DCCP, read_type, 5, 0 },
	{ "close", DCCP, read_type, 6, 0 },
	{ "reset", DCCP, read_type, 7, 0 },
	{ "sync", DCCP, read_type, 8, 0 },
	{ "syncack", DCCP, read_type, 9, 0 },
	{ "listen", DCCP, read_type, 10, 0 },
	{ "brief", DCCP, read_true, 0, PLACE(brief) },
	{ "cscov", DCCP, read_number, UINT8_MAX, PLACE(cscov) },
	{ "service", DCCP, read_number, UINT32_MAX, PLACE(service) },
	{ "data", SCTP, read_type, 0, 0 },
	{ "init", SCTP, read_init, 1, 0 },
	{ "init-ack", SCTP, read_init, 2, 0 },
	{ "sack", SCTP, read_type, 3, 0 },
	{ "heartbeat", SCTP, read_type, 4, 0 },
	{ "abort", SCTP, read_type, 6, 0 },
	{ "shutdown", SCTP, read_type, 7, 0 },
	{ "shutdown-ack", SCTP, read_type, 8, 0 },
	{ "cookie-echo", SCTP, read_type, 10, 0 },
	{ "cookie-ack", SCTP, read_type, 11, 0 },
	{ "shutdown-complete", SCTP, read_type, 14, 0 },
	{ "reflected", SCTP, read_flag, 1, 0 },
	{ "vtag", SCTP, read_number, UINT32_MAX, PLACE(vtag) },
	{ "call", GRE, read_number, UINT16_MAX, PLACE(call) },
	{ "key", GRE, read_number, UINT32_MAX, PLACE(key) },
	{ "spi", ESP, read_number, UINT32_MAX, PLACE(key) },
};

static const char *const kinds[] = {
	[KIND_RAW] = "raw", [KIND_IP] = "ip",	  [KIND_UDP] = "udp",
	[KIND_TCP] = "tcp", [KIND_ICMP] = "icmp", [KIND_UDPLITE] = "udplite",
	[KIND_DCCP] = "dccp", [KIND_SCTP] = "sctp", [KIND_GRE] = "gre", [KIND_ESP] = "esp", NULL,
};

/* A row applied to the next word; false if the word is in none. */
static bool read_attribute(struct words *w, struct datagram *d)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		const struct attribute *a = &attributes[i];

		if (!(a->kinds & 1 << d->kind) || !words_take(w, a->word))
			continue;
		a->read(w, d, a);
		return true;
	}
	return false;
}

/* What stands behind the address and its colon, or NULL; the address without its brackets. */
static char *split_endpoint(struct words *w, char **address, bool ports)
{
	char *end = strchr(*address, ']');

	if (**address != '[' || !end) {
		end = ports ? strchr(*address, ':') : NULL;
		if (end && strchr(end + 1, ':'))
			words_fault(w, "an IPv6 address with a port stands in brackets: \"%s\"", *address);
	} else {
		++*address;
		*end++ = '\0';
		if (*end && *end != ':')
			words_fault(w, "\"%s\" stands behind an address", end);
	}
	if (!end || !*end)
		return NULL;
	*end = '\0';
	return end + 1;
}

static void read_endpoint(struct words *w, struct datagram *d, enum field address, enum field port)
{
	char text[64];
	char *at = text, *number;
	bool ports = PORTS & 1 << d->kind;

	snprintf(text, sizeof(text), "%s", words_next(w));
	number = split_endpoint(w, &at, ports);
	if ((number != NULL) != ports) {
		words_fault(w, "%s and %s a port: \"%s\"", kinds[d->kind],
			    number ? "has not" : "needs", text);
		return;
	}
	if (number)
		d->field[port] = words_value_of(w, number, UINT16_MAX);
	d->field[address] = words_value_of(w, at, UINT32_MAX);
	d->field[address].is6 |= *text == '[';
}

static bool is_v4(const struct value *v)
{
	return v->number.low && !v->is6;
}

/* Of the version that the endpoints show, or of the one before. What the other one does not have is gone,
 * and what it has is what RFC 7915 makes of a datagram that is whole and small. */
static void set_version(struct words *w, struct datagram *d)
{
	const struct value *a = &d->field[SOURCE], *b = &d->field[DESTINATION];
	uint8_t version = a->is6 || b->is6 ? 6 : is_v4(a) || is_v4(b) || !d->version ? 4 : d->version;

	if ((a->is6 || b->is6) && (is_v4(a) || is_v4(b)))
		words_fault(w, "one endpoint is of IPv4, and the other of IPv6");
	if (d->version && version != d->version) {
		d->any_ipid = version == 4 && !d->piece_end && !d->offset && !d->more && !d->atomic;
		d->df = false;
		d->flow = 0;
		d->header_sum.how = SUM_RIGHT;
		d->extension_count = d->ip_option_len = 0;
	}
	d->version = version;
}

/* Kind and endpoints. What was inherited stays only for the same kind. */
static void read_head(struct words *w, struct datagram *d)
{
	enum kind kind = (enum kind)words_choice(w, kinds);

	if (d->kind != kind || !d->said)
		*d = (struct datagram){ .kind = kind, .ttl = 64, .win = 65535, .cut = UINT16_MAX };
	d->said = true;
	d->own_flags = d->own_options = d->own_ip_options = d->own_extensions = false;
	if (kind == KIND_RAW)
		return;
	read_endpoint(w, d, SOURCE, SOURCE_PORT);
	if (!words_take(w, ">"))
		words_fault(w, "\">\" stands between the endpoints");
	read_endpoint(w, d, DESTINATION, DESTINATION_PORT);
	set_version(w, d);
}

static void read_raw(struct words *w, struct octets *o)
{
	for (o->len = 0; !w->fault[0] && *words_peek(w);)
		o->len = read_hex(w, o->at, o->len, OCTETS_MOST);
}

void message_read(struct words *w, struct message *m)
{
	struct datagram *d = &m->outer;

	read_head(w, d);
	if (d->kind == KIND_RAW)
		read_raw(w, &d->payload);
	while (!w->fault[0] && *words_peek(w)) {
		if (d == &m->outer && d->kind == KIND_ICMP && words_take(w, "quote")) {
			m->quotes = true;
			d = &m->quoted;
			read_head(w, d);
		} else if (d == &m->outer && d->kind == KIND_ICMP && words_take(w, "extension")) {
			m->extension.len = words_take(w, "none") ? 0 : read_hex(w, m->extension.at, 0, OCTETS_MOST);
		} else if (d == &m->outer && d->kind == KIND_ICMP && words_take(w, "padded")) {
			m->padded = (uint16_t)words_number(w, OCTETS_MOST);
		} else if (!read_attribute(w, d)) {
			words_fault(w, "\"%s\" is no word of %s", words_peek(w), kinds[d->kind]);
		}
	}
}
