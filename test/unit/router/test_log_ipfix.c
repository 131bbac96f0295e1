/*
 * IPFIX, read by a collector of the test's own that knows nothing but RFC 7011: it learns the
 * templates from the messages and takes records apart by them.
 */
#include "log_events.h"

#include <string.h>

#include "router/log_ipfix.h"

enum { IDS = 300, FIELDS = 16, RECORDS = 64 };

struct field { uint16_t element, len; };
/* Of an IPv6 address, the sum of its halves. */
struct values { uint16_t id; uint64_t of[512]; uint8_t len[512]; };

struct collector_of_test {
	struct { struct field fields[FIELDS]; size_t count; } templates[IDS];
	struct values records[RECORDS];
	size_t count, templates_seen;
	uint32_t sequence, time;
};

static uint64_t number(const uint8_t *at, size_t len)
{
	uint64_t n = 0;

	while (len--)
		n = n << 8 | *at++;
	return n;
}

static size_t learn(struct collector_of_test *c, const uint8_t *at)
{
	uint64_t id = number(at, 2), count = number(at + 2, 2);

	assert_in_range(id, 256, IDS - 1);
	assert_in_range(count, 1, FIELDS);
	c->templates[id].count = count;
	c->templates_seen++;
	for (size_t i = 0; i < count; i++) {
		c->templates[id].fields[i].element = (uint16_t)number(at + 4 + 4 * i, 2);
		c->templates[id].fields[i].len = (uint16_t)number(at + 6 + 4 * i, 2);
		assert_in_range(c->templates[id].fields[i].element, 1, 511);
		assert_in_range(c->templates[id].fields[i].len, 1, 16);
	}
	return 4 + 4 * count;
}

static size_t take(struct collector_of_test *c, uint16_t id, const uint8_t *at)
{
	struct values *v = &c->records[c->count++];
	const uint8_t *from = at;

	assert_true(c->count <= RECORDS);
	assert_true(id < IDS && c->templates[id].count);
	*v = (struct values){ .id = id };
	for (size_t i = 0; i < c->templates[id].count; i++) {
		struct field f = c->templates[id].fields[i];

		v->of[f.element] = f.len == 16 ? number(at, 8) + number(at + 8, 8)
					       : number(at, f.len);
		v->len[f.element] = (uint8_t)f.len;
		at += f.len;
	}
	return (size_t)(at - from);
}

static void read_message(struct collector_of_test *c, const uint8_t *m, size_t len)
{
	size_t at = 16;

	assert_in_range(len, 16, IPFIX_MESSAGE_MOST);
	assert_int_equal(number(m, 2), 10);
	assert_int_equal(number(m + 2, 2), len);
	c->time = (uint32_t)number(m + 4, 4);
	c->sequence = (uint32_t)number(m + 8, 4);
	assert_int_equal(number(m + 12, 4), 1);
	c->count = c->templates_seen = 0;
	while (at < len) {
		uint16_t id = (uint16_t)number(m + at, 2);
		size_t end = at + number(m + at + 2, 2);

		assert_in_range(end, at + 5, len);
		for (at += 4; at < end;)
			at += id == 2 ? learn(c, m + at) : take(c, id, m + at);
		assert_int_equal(at, end);
	}
}

static void add(struct ipfix *x, struct log_record r)
{
	assert_true(ipfix_add(x, &r));
}

static void finish(struct ipfix *x, struct collector_of_test *c)
{
	size_t len = ipfix_finish(x, (uint64_t)RECORD_SECOND * 1000 + 999);

	assert_true(len > 0);
	read_message(c, x->message, len);
	assert_int_equal(c->time, RECORD_SECOND);
	assert_int_equal(c->count, x->records);
}

/* Element, octets, value; every element of the record and no other. */
struct expected { uint16_t element; uint8_t len; uint64_t value; };

static void assert_record(const struct values *v, const struct expected *e, size_t count)
{
	size_t present = 0;

	for (size_t i = 0; i < 512; i++)
		present += v->len[i] != 0;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(v->len[e[i].element], e[i].len);
		assert_int_equal(v->of[e[i].element], e[i].value);
	}
	assert_int_equal(present, count);
}

#define ASSERT_RECORD(v, ...) do { \
	static const struct expected e[] = { \
		{ 323, 8, (uint64_t)RECORD_SECOND * 1000 + RECORD_MS }, __VA_ARGS__ }; \
	assert_record(v, e, sizeof(e) / sizeof(e[0])); \
} while (0)
#define BOTH { 8, 4, 0x0a000002 }, { 225, 4, 0xc0000201 }
#define BINDING BOTH, { 4, 1, 17 }, { 7, 2, 5000 }, { 227, 2, 6000 }

/* RFC 8158: 8 and 9 are bindings, 4 and 5 sessions; 1 and 2 are never used. */
static void mappings_and_sessions(void **state)
{
	struct collector_of_test c = { 0 };
	struct log_record r;
	struct ipfix x;

	(void)state;
	ipfix_init(&x, 1000, 10);
	add(&x, record_of(mapping_event(EVENT_MAPPING_CREATED)));
	add(&x, record_of(mapping_event(EVENT_MAPPING_DELETED)));
	add(&x, record_of(mapping_event(EVENT_SESSION_CREATED)));
	r = record_of(mapping_event(EVENT_SESSION_DELETED));
	r.destinations = true;
	add(&x, r);
	finish(&x, &c);
	assert_int_equal(c.count, 4);
	ASSERT_RECORD(&c.records[0], { 230, 1, 8 }, BINDING);
	ASSERT_RECORD(&c.records[1], { 230, 1, 9 }, BINDING);
	ASSERT_RECORD(&c.records[2], { 230, 1, 4 }, BINDING);
	ASSERT_RECORD(&c.records[3], { 230, 1, 5 }, BINDING, { 12, 4, 0xc6336409 }, { 11, 2, 53 },
		      { 226, 4, 0xc6336409 }, { 228, 2, 53 });
}

#define V6(element, last) { element, 16, 0x20010db800000000 + last }
#define PORTS { 4, 1, 17 }, { 7, 2, 5000 }, { 227, 2, 6000 }

/* RFC 8158 section 5: NAT64 has numbers and elements of its own. Of NAT66 there is nothing: it is NAT44
 * with longer addresses. */
static void addresses_of_either_version(void **state)
{
	struct collector_of_test c = { 0 };
	struct log_record r;
	struct ipfix x;

	(void)state;
	ipfix_init(&x, 1000, 10);
	add(&x, record_of(mapping_event64(EVENT_MAPPING_CREATED)));
	r = record_of(mapping_event64(EVENT_SESSION_DELETED));
	r.destinations = true;
	add(&x, r);
	finish(&x, &c);
	assert_int_equal(c.templates_seen, 8);
	ASSERT_RECORD(&c.records[0], { 230, 1, 10 }, V6(27, 2), { 225, 4, 0xc0000201 }, PORTS);
	ASSERT_RECORD(&c.records[1], { 230, 1, 7 }, V6(27, 2), { 225, 4, 0xc0000201 }, PORTS,
		      { 28, 16, 0x0064ff9bc6336409 }, { 226, 4, 0xc6336409 },
		      { 11, 2, 53 }, { 228, 2, 53 });
	add(&x, record_of(mapping_event66(EVENT_MAPPING_DELETED)));
	r = record_of(mapping_event66(EVENT_SESSION_CREATED));
	r.destinations = true;
	add(&x, r);
	finish(&x, &c);
	assert_int_equal(c.templates_seen, 0);
	ASSERT_RECORD(&c.records[0], { 230, 1, 9 }, V6(27, 2), V6(281, 1), PORTS);
	ASSERT_RECORD(&c.records[1], { 230, 1, 4 }, V6(27, 2), V6(281, 1), PORTS, V6(28, 9), V6(282, 9),
		      { 11, 2, 53 }, { 228, 2, 53 });
}

static void limits_and_blocks_of_ipv6_hosts(void **state)
{
	struct collector_of_test c = { 0 };
	struct nat_event events[4] = {
		limit_event(EVENT_PORTS_EXHAUSTED, REASON_OUT_OF_PORTS),
		limit_event(EVENT_QUOTA_EXCEEDED, REASON_HOST_LIMIT),
		block_event(EVENT_BLOCK_ASSIGNED), block_event(EVENT_BLOCK_RELEASED),
	};
	struct ipfix x;

	(void)state;
	ipfix_init(&x, 1000, 10);
	events[3].outside = endpoint6(1, 0);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		events[i].inside = endpoint6(2, 5000);
		add(&x, record_of(events[i]));
	}
	finish(&x, &c);
	ASSERT_RECORD(&c.records[0], { 230, 1, 12 }, V6(27, 2), { 4, 1, 6 }, { 133, 8, 7 });
	ASSERT_RECORD(&c.records[1], { 230, 1, 13 }, { 466, 4, 3 }, { 473, 4, 10 }, V6(27, 2),
		      { 133, 8, 7 });
	ASSERT_RECORD(&c.records[2], { 230, 1, 16 }, V6(27, 2), { 225, 4, 0xc0000201 },
		      { 361, 2, 1024 }, { 362, 2, 1535 });
	ASSERT_RECORD(&c.records[3], { 230, 1, 17 }, V6(27, 2), V6(281, 1), { 361, 2, 1024 },
		      { 362, 2, 1535 });
}

/* Templates of a version come in front of its first record, and again when they are due. */
static void templates_of_ipv6_come_when_needed(void **state)
{
	static struct collector_of_test c;
	struct log_record four = record_of(mapping_event(EVENT_MAPPING_CREATED));
	struct log_record six = record_of(mapping_event64(EVENT_MAPPING_CREATED));
	struct ipfix x;

	(void)state;
	memset(&c, 0, sizeof(c));
	ipfix_init(&x, 1000, 10);
	for (unsigned i = 0; i < 3 * IPFIX_TEMPLATES_MESSAGES; i++) {
		bool first = i % IPFIX_TEMPLATES_MESSAGES == 0;

		add(&x, four);
		/* One message has no room for the templates of both. */
		assert_int_equal(ipfix_add(&x, &six), !first);
		finish(&x, &c);
		assert_int_equal(c.templates_seen, first ? 6 : 0);
		if (!first)
			continue;
		add(&x, six);
		finish(&x, &c);
		assert_int_equal(c.templates_seen, 8);
		i++;
	}
}

/* Both ends of the range, always. */
static void blocks(void **state)
{
	struct collector_of_test c = { 0 };
	struct ipfix x;

	(void)state;
	ipfix_init(&x, 1000, 10);
	add(&x, record_of(block_event(EVENT_BLOCK_ASSIGNED)));
	add(&x, record_of(block_event(EVENT_BLOCK_RELEASED)));
	finish(&x, &c);
	ASSERT_RECORD(&c.records[0], { 230, 1, 16 }, BOTH, { 361, 2, 1024 }, { 362, 2, 1535 });
	ASSERT_RECORD(&c.records[1], { 230, 1, 17 }, BOTH, { 361, 2, 1024 }, { 362, 2, 1535 });
}

static void limits(void **state)
{
	struct collector_of_test c = { 0 };
	struct ipfix x;

	(void)state;
	ipfix_init(&x, 1000, 10);
	add(&x, record_of(limit_event(EVENT_PORTS_EXHAUSTED, REASON_OUT_OF_PORTS)));
	add(&x, record_of(limit_event(EVENT_QUOTA_EXCEEDED, REASON_SESSION_LIMIT)));
	add(&x, record_of(limit_event(EVENT_QUOTA_EXCEEDED, REASON_HOST_LIMIT)));
	finish(&x, &c);
	ASSERT_RECORD(&c.records[0], { 230, 1, 12 }, { 8, 4, 0x0a000002 }, { 225, 4, 0 },
		      { 4, 1, 6 }, { 133, 8, 7 });
	ASSERT_RECORD(&c.records[1], { 230, 1, 13 }, { 466, 4, 1 }, { 471, 4, 1000 },
		      { 133, 8, 7 });
	ASSERT_RECORD(&c.records[2], { 230, 1, 13 }, { 466, 4, 3 }, { 473, 4, 10 },
		      { 8, 4, 0x0a000002 }, { 133, 8, 7 });
}

/* Messages of any mixture are whole and short enough, and their sequence counts records. */
static void many_messages(void **state)
{
	static struct collector_of_test c;
	uint32_t sent = 0, messages = 0;
	struct ipfix x;

	(void)state;
	memset(&c, 0, sizeof(c));
	ipfix_init(&x, 1000, 10);
	for (unsigned i = 0; i < 20000; i++) {
		struct log_record r = record_of(
			i * i % 7 < 3 ? mapping_event(i & 1 ? EVENT_SESSION_CREATED
							    : EVENT_MAPPING_CREATED)
				      : block_event(EVENT_BLOCK_ASSIGNED));

		r.destinations = i % 3;
		if (ipfix_add(&x, &r))
			continue;
		finish(&x, &c);
		assert_int_equal(c.sequence, sent);
		assert_int_equal(c.templates_seen != 0, messages % IPFIX_TEMPLATES_MESSAGES == 0);
		sent += (uint32_t)c.count;
		messages++;
		add(&x, r);
	}
	finish(&x, &c);
	assert_int_equal(c.sequence, sent);
	assert_int_equal(sent + c.count, 20000);
	assert_true(messages > 2 * IPFIX_TEMPLATES_MESSAGES);
}

/* RFC 7011 section 8.1: over UDP templates are sent again, and without records too. */
static void templates_come_again(void **state)
{
	struct collector_of_test c = { 0 };
	struct ipfix x;

	(void)state;
	ipfix_init(&x, 1000, 10);
	ipfix_tick(&x, (nat_time){ 5 });
	finish(&x, &c);
	assert_int_equal(c.count, 0);
	assert_int_equal(c.templates_seen, 6);
	assert_int_equal(ipfix_finish(&x, 0), 0);
	ipfix_tick(&x, (nat_time){ 4 + IPFIX_TEMPLATES_MS });
	assert_int_equal(ipfix_finish(&x, 0), 0);
	ipfix_tick(&x, (nat_time){ 5 + IPFIX_TEMPLATES_MS });
	add(&x, record_of(block_event(EVENT_BLOCK_ASSIGNED)));
	finish(&x, &c);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.templates_seen, 6);
	assert_int_equal(c.sequence, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings_and_sessions), cmocka_unit_test(blocks),
		cmocka_unit_test(limits), cmocka_unit_test(many_messages),
		cmocka_unit_test(templates_come_again),
		cmocka_unit_test(addresses_of_either_version),
		cmocka_unit_test(limits_and_blocks_of_ipv6_hosts),
		cmocka_unit_test(templates_of_ipv6_come_when_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
