/* The group log. */
#include "conf_read.h"

#include <stdlib.h>
#include <string.h>

#include "nat/event.h"
#include "router/log.h"

#define UDP_PREFIX "udp:"

/* "192.0.2.9:514" or "[2001:db8::9]:514". */
static bool parse_udp(const char *text, struct conf_collector *c)
{
	const char *colon = strrchr(text, ':');
	char address[ADDRESS_TEXT + 2];
	struct port_range port;

	if (!colon || (size_t)(colon - text) >= sizeof(address) || !conf_ports(colon + 1, &port) ||
	    port.first != port.last)
		return false;
	size_t len = (size_t)(colon - text);
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	memcpy(address, text + brackets, len - 2 * brackets);
	address[len - 2 * brackets] = '\0';
	c->port = port.first;
	return address_parse(&c->address, address) && (c->address.version == 6) == brackets;
}

static bool parse_syslog(const char *text, struct conf_collector *c)
{
	c->kind = COLLECTOR_SYSLOG;
	if (!strncmp(text, UDP_PREFIX, strlen(UDP_PREFIX)))
		return parse_udp(text + strlen(UDP_PREFIX), c);
	if (text[0] != '/' || strlen(text) >= sizeof(c->path))
		return false;
	memcpy(c->path, text, strlen(text) + 1);
	return true;
}

static bool parse_ipfix(const char *text, struct conf_collector *c)
{
	c->kind = COLLECTOR_IPFIX;
	return parse_udp(text, c);
}

static const struct {
	const char *key, *right;
	bool (*parse)(const char *text, struct conf_collector *c);
} lists[] = {
	{ "syslog", "write it like \"/dev/log\" or \"udp:192.0.2.9:514\"", parse_syslog },
	{ "ipfix", "write it like \"192.0.2.9:4739\" or \"[2001:db8::9]:4739\"", parse_ipfix },
};

static void read_collectors(const struct section *s, struct conf_log *log)
{
	size_t most = section_texts(s, lists[0].key) + section_texts(s, lists[1].key);

	log->collectors = reader_array(s->r, most, sizeof(*log->collectors));
	for (size_t k = 0; log->collectors && k < sizeof(lists) / sizeof(lists[0]); k++) {
		struct item item;

		for (size_t i = 0; section_text_next(s, lists[k].key, &i, &item);)
			if (lists[k].parse(item.text, &log->collectors[log->collector_count]))
				log->collector_count++;
			else
				reader_fault(s->r, item.line, "log.%s \"%s\" is no collector; %s",
					     lists[k].key, item.text, lists[k].right);
	}
}

/* RFC 8158: what a session without destination says, its mapping says already. */
static void check_repetition(const struct section *s, const struct conf_log *log, bool mappings,
			     bool sessions)
{
	if (sessions && mappings && !log->destinations)
		reader_fault(s->r, section_line(s, "sessions"),
			     "log.sessions without destinations repeats what log.mappings says; "
			     "destinations = true, or mappings = false");
	if (log->destinations && !sessions)
		reader_fault(s->r, section_line(s, "destinations"),
			     "log.destinations asks for what only sessions have; sessions = true");
}

#define BIT(kind) (1u << EVENT_##kind)

/* Read in any case, for the faults. */
static uint32_t kinds(const struct section *s, const char *key, uint32_t bits)
{
	return section_bool(s, key) ? bits : 0;
}

void conf_read_log(struct reader *r)
{
	struct section s = section_of(r, "log");
	struct conf_log *log = &r->conf->log;
	uint32_t mappings = kinds(&s, "mappings", BIT(MAPPING_CREATED) | BIT(MAPPING_DELETED));
	uint32_t sessions = kinds(&s, "sessions", BIT(SESSION_CREATED) | BIT(SESSION_DELETED));
	uint32_t blocks = kinds(&s, "blocks", BIT(BLOCK_ASSIGNED) | BIT(BLOCK_RELEASED) | BIT(PLAN));
	uint32_t limits = kinds(&s, "limits", BIT(PORTS_EXHAUSTED) | BIT(QUOTA_EXCEEDED));

	log->destinations = section_bool(&s, "destinations");
	log->per_second = (uint32_t)section_number(&s, "per_second");
	read_collectors(&s, log);
	check_repetition(&s, log, mappings, sessions);
	/* The room is there in any case, so that a reload can begin to log. */
	r->conf->nat.events = LOG_NAT_EVENTS;
	r->conf->nat.event_mask = log->collector_count ? mappings | sessions | blocks | limits : 0;
}
