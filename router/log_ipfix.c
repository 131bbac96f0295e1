/*
 * A message is a header of 16 octets and sets of four octets and what is in them: templates, or
 * records that all follow one template (RFC 7011 section 3). A template is a row of elements; a
 * record is the values of these elements, one after the other.
 */
#include "router/log_ipfix.h"

enum { VERSION = 10, HEADER_LEN = 16, SET_LEN = 4, TEMPLATE_SET = 2, DOMAIN = 1 };

/* IANA registry "IPFIX Information Elements". */
enum element {
	PROTOCOL = 4, SOURCE_PORT = 7, SOURCE = 8, DESTINATION_PORT = 11, DESTINATION = 12,
	SOURCE6 = 27, DESTINATION6 = 28, DROPPED_PACKETS = 133, POST_NAT_SOURCE = 225, POST_NAT_DESTINATION = 226,
	POST_NAT_SOURCE_PORT = 227, POST_NAT_DESTINATION_PORT = 228, NAT_EVENT = 230,
	POST_NAT_SOURCE6 = 281, POST_NAT_DESTINATION6 = 282, TIME_MS = 323, RANGE_FIRST = 361, RANGE_LAST = 362, QUOTA_EVENT = 466,
	MAX_SESSIONS = 471, MAX_PER_USER = 473,
};

static const struct { uint16_t element; uint8_t len; } lengths[] = {
	{ PROTOCOL, 1 }, { SOURCE_PORT, 2 }, { SOURCE, 4 }, { DESTINATION_PORT, 2 },
	{ DESTINATION, 4 }, { SOURCE6, 16 }, { DESTINATION6, 16 }, { DROPPED_PACKETS, 8 },
	{ POST_NAT_SOURCE, 4 }, { POST_NAT_DESTINATION, 4 }, { POST_NAT_SOURCE_PORT, 2 },
	{ POST_NAT_DESTINATION_PORT, 2 }, { NAT_EVENT, 1 }, { POST_NAT_SOURCE6, 16 },
	{ POST_NAT_DESTINATION6, 16 }, { TIME_MS, 8 }, { RANGE_FIRST, 2 }, { RANGE_LAST, 2 },
	{ QUOTA_EVENT, 4 }, { MAX_SESSIONS, 4 }, { MAX_PER_USER, 4 },
};

enum { ELEMENTS_MOST = 11, TEMPLATE_FIRST = 256 };
enum { SESSION, BINDING, PORTS, QUOTA_SESSIONS, QUOTA_USER, BLOCK, OF_V4 };
/* IPv6 inside; and outside as well. */
enum {
	SESSION64 = OF_V4, BINDING64, PORTS64, QUOTA_USER6, BLOCK64, SESSION66, BINDING66, BLOCK66,
	TEMPLATES,
};

/* The lists of RFC 8158 section 5; a refusal also says how many packets it cost. NAT of IPv6 to IPv6,
 * which it does not have, is as NAT44, with the elements of IPv6. 0 ends a row. */
static const uint16_t templates[TEMPLATES][ELEMENTS_MOST + 1] = {
	[SESSION] = { TIME_MS, NAT_EVENT, SOURCE, POST_NAT_SOURCE, PROTOCOL, SOURCE_PORT,
		      POST_NAT_SOURCE_PORT, DESTINATION, POST_NAT_DESTINATION, DESTINATION_PORT,
		      POST_NAT_DESTINATION_PORT },
	[BINDING] = { TIME_MS, NAT_EVENT, SOURCE, POST_NAT_SOURCE, PROTOCOL, SOURCE_PORT,
		      POST_NAT_SOURCE_PORT },
	[PORTS] = { TIME_MS, NAT_EVENT, SOURCE, POST_NAT_SOURCE, PROTOCOL, DROPPED_PACKETS },
	[QUOTA_SESSIONS] = { TIME_MS, NAT_EVENT, QUOTA_EVENT, MAX_SESSIONS, DROPPED_PACKETS },
	[QUOTA_USER] = { TIME_MS, NAT_EVENT, QUOTA_EVENT, MAX_PER_USER, SOURCE, DROPPED_PACKETS },
	[BLOCK] = { TIME_MS, NAT_EVENT, SOURCE, POST_NAT_SOURCE, RANGE_FIRST, RANGE_LAST },
	[SESSION64] = { TIME_MS, NAT_EVENT, SOURCE6, POST_NAT_SOURCE, PROTOCOL, SOURCE_PORT,
			POST_NAT_SOURCE_PORT, DESTINATION6, POST_NAT_DESTINATION, DESTINATION_PORT,
			POST_NAT_DESTINATION_PORT },
	[BINDING64] = { TIME_MS, NAT_EVENT, SOURCE6, POST_NAT_SOURCE, PROTOCOL, SOURCE_PORT,
			POST_NAT_SOURCE_PORT },
	[PORTS64] = { TIME_MS, NAT_EVENT, SOURCE6, PROTOCOL, DROPPED_PACKETS },
	[QUOTA_USER6] = { TIME_MS, NAT_EVENT, QUOTA_EVENT, MAX_PER_USER, SOURCE6, DROPPED_PACKETS },
	[BLOCK64] = { TIME_MS, NAT_EVENT, SOURCE6, POST_NAT_SOURCE, RANGE_FIRST, RANGE_LAST },
	[SESSION66] = { TIME_MS, NAT_EVENT, SOURCE6, POST_NAT_SOURCE6, PROTOCOL, SOURCE_PORT,
			POST_NAT_SOURCE_PORT, DESTINATION6, POST_NAT_DESTINATION6, DESTINATION_PORT,
			POST_NAT_DESTINATION_PORT },
	[BINDING66] = { TIME_MS, NAT_EVENT, SOURCE6, POST_NAT_SOURCE6, PROTOCOL, SOURCE_PORT,
			POST_NAT_SOURCE_PORT },
	[BLOCK66] = { TIME_MS, NAT_EVENT, SOURCE6, POST_NAT_SOURCE6, RANGE_FIRST, RANGE_LAST },
};

/* IANA registry "NAT Quota Exceeded Event Type". */
enum { QUOTA_MAX_SESSIONS = 1, QUOTA_MAX_PER_USER = 3 };

static uint8_t length_of(uint16_t element)
{
	size_t i = 0;

	while (lengths[i].element != element)
		i++;
	return lengths[i].len;
}

/* By the versions inside and outside: both IPv4, both IPv6, one of each. */
static size_t among(const struct nat_event *e, size_t v4, size_t v64, size_t v66)
{
	return !e->inside.is_v6 ? v4 : e->outside.is_v6 ? v66 : v64;
}

static size_t template_of(const struct log_record *r)
{
	const struct nat_event *e = &r->event;

	switch ((enum nat_event_kind)e->kind) {
	case EVENT_PORTS_EXHAUSTED:
		return among(e, PORTS, PORTS64, PORTS64);
	case EVENT_QUOTA_EXCEEDED:
		return e->reason == REASON_SESSION_LIMIT
			       ? QUOTA_SESSIONS : among(e, QUOTA_USER, QUOTA_USER6, QUOTA_USER6);
	case EVENT_BLOCK_ASSIGNED:
	case EVENT_BLOCK_RELEASED:
		return among(e, BLOCK, BLOCK64, BLOCK66);
	case EVENT_SESSION_CREATED:
	case EVENT_SESSION_DELETED:
		return r->destinations ? among(e, SESSION, SESSION64, SESSION66)
				       : among(e, BINDING, BINDING64, BINDING66);
	default:
		return among(e, BINDING, BINDING64, BINDING66);
	}
}

/* RFC 8158 section 4.3: those of NAT64 have numbers of their own, two above. */
static uint8_t number_of(const struct nat_event *e)
{
	return (uint8_t)(nat_event_number(e->kind) +
			 (e->kind <= EVENT_MAPPING_DELETED ? among(e, 0, 2, 0) : 0));
}

static uint64_t value_of(const struct ipfix *x, const struct log_record *r, enum element element)
{
	const struct nat_event *e = &r->event;

	switch (element) {
	case PROTOCOL: return e->protocol;
	case SOURCE_PORT: return be16_host(e->inside.port);
	case SOURCE: return be32_host(e->inside.address);
	case DESTINATION_PORT:
	case POST_NAT_DESTINATION_PORT: return be16_host(e->remote.port);
	case DESTINATION:
	case POST_NAT_DESTINATION: return be32_host(e->remote.address);
	case DROPPED_PACKETS: return r->count;
	case POST_NAT_SOURCE: return be32_host(e->outside.address);
	case POST_NAT_SOURCE_PORT: return be16_host(e->outside.port);
	case NAT_EVENT: return number_of(e);
	case TIME_MS: return r->utc_ms;
	case RANGE_FIRST: return e->block.first;
	case RANGE_LAST: return e->block.last;
	case QUOTA_EVENT:
		return template_of(r) == QUOTA_SESSIONS ? QUOTA_MAX_SESSIONS : QUOTA_MAX_PER_USER;
	case MAX_SESSIONS: return x->sessions;
	/* Of what else a host may have too much, the number is not known here. */
	case MAX_PER_USER: return e->reason == REASON_HOST_LIMIT ? x->sessions_per_host : 0;
	default: return 0;
	}
}

/* NULL: the element is a number. */
static const struct ip6 *address_of(const struct nat_event *e, enum element element)
{
	switch (element) {
	case SOURCE6: return &e->inside.address6;
	case DESTINATION6:
	case POST_NAT_DESTINATION6: return &e->remote.address6;
	case POST_NAT_SOURCE6: return &e->outside.address6;
	default: return NULL;
	}
}

static void put(struct ipfix *x, uint64_t value, uint8_t len)
{
	for (uint8_t i = 0; i < len; i++)
		x->message[x->len++] = (uint8_t)(value >> 8 * (len - 1 - i));
}

static void put_element(struct ipfix *x, const struct log_record *r, uint16_t element)
{
	const struct ip6 *address = address_of(&r->event, element);

	if (address) {
		memcpy(x->message + x->len, address, sizeof(*address));
		x->len += sizeof(*address);
	} else {
		put(x, value_of(x, r, element), length_of(element));
	}
}

static void open_set(struct ipfix *x, uint16_t id)
{
	x->set = x->len;
	put(x, id, 2);
	put(x, SET_LEN, 2);
}

/* What was put since belongs to the set. */
static void extend_set(struct ipfix *x)
{
	store16(x->message + x->set + 2, (uint16_t)(x->len - x->set));
}

static void put_template(struct ipfix *x, uint16_t t)
{
	uint16_t count = 0;

	while (templates[t][count])
		count++;
	put(x, (uint64_t)TEMPLATE_FIRST + t, 2);
	put(x, count, 2);
	for (uint16_t i = 0; i < count; i++) {
		put(x, templates[t][i], 2);
		put(x, length_of(templates[t][i]), 2);
	}
}

/* All of them would not fit into one message. */
static void put_templates(struct ipfix *x, bool v6)
{
	open_set(x, TEMPLATE_SET);
	for (uint16_t t = v6 ? OF_V4 : 0; t < (v6 ? TEMPLATES : OF_V4); t++)
		put_template(x, t);
	extend_set(x);
	x->set = 0;
	x->due[v6] = false;
}

static void begin(struct ipfix *x, bool v6)
{
	x->len = HEADER_LEN;
	x->set = 0;
	x->records = 0;
	if (!x->messages) {
		x->due[false] = x->due[true] = true;
		x->messages = IPFIX_TEMPLATES_MESSAGES;
	}
	if (x->due[v6])
		put_templates(x, v6);
}

void ipfix_init(struct ipfix *x, uint32_t sessions, uint32_t sessions_per_host)
{
	*x = (struct ipfix){ .sessions = sessions, .sessions_per_host = sessions_per_host };
}

void ipfix_tick(struct ipfix *x, nat_time now)
{
	if (x->len || (x->templates_ms && now.ms < x->templates_ms))
		return;
	x->templates_ms = now.ms + IPFIX_TEMPLATES_MS;
	x->messages = 0;
	begin(x, false);
}

bool ipfix_add(struct ipfix *x, const struct log_record *r)
{
	size_t t = template_of(r), len = 0;
	uint16_t id = (uint16_t)(TEMPLATE_FIRST + t);

	for (size_t i = 0; templates[t][i]; i++)
		len += length_of(templates[t][i]);
	if (!x->len)
		begin(x, t >= OF_V4);
	if (x->due[t >= OF_V4])
		return false;
	bool same_set = x->set && load16(x->message + x->set) == id;
	if (x->len + (same_set ? 0 : SET_LEN) + len > sizeof(x->message))
		return false;
	if (!same_set)
		open_set(x, id);
	for (size_t i = 0; templates[t][i]; i++)
		put_element(x, r, templates[t][i]);
	extend_set(x);
	x->records++;
	return true;
}

size_t ipfix_finish(struct ipfix *x, uint64_t utc_ms)
{
	size_t len = x->len;

	if (!len)
		return 0;
	x->len = 0;
	put(x, VERSION, 2);
	put(x, len, 2);
	put(x, utc_ms / 1000, 4);
	put(x, x->sequence, 4);
	put(x, DOMAIN, 4);
	x->len = 0;
	x->sequence += x->records;
	x->messages--;
	return len;
}
