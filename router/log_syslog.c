#include "router/log_syslog.h"

#include <ctype.h>
#include <time.h>
#include <unistd.h>

#include "router/endpoint.h"
#include "router/protocol.h"

/* RFC 5424 section 6.2.1: facility daemon (3), severities warning (4) and informational (6). */
enum { PRIORITY_WARNING = 3 * 8 + 4, PRIORITY_INFORMATION = 3 * 8 + 6 };

struct syslog_origin syslog_origin(void)
{
	struct syslog_origin o = { .process = (long)getpid() };

	/* RFC 5424 section 6.2.4: printable, or the nil value. */
	if (gethostname(o.host, SYSLOG_HOST_MOST) || !*o.host)
		return (struct syslog_origin){ "-", o.process };
	for (char *c = o.host; *c; c++)
		if (!isgraph((unsigned char)*c))
			*c = '?';
	return o;
}

static void add_head(struct text *out, const struct syslog_origin *o, int priority,
		     uint64_t utc_ms, const char *name)
{
	time_t seconds = (time_t)(utc_ms / 1000);
	char date[32];
	struct tm t;

	gmtime_r(&seconds, &t);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &t);
	text_clear(out);
	text_format(out, "<%d>1 %s.%03uZ %s router %ld %s [nat@32473 event=\"%s\"", priority, date,
		    (unsigned)(utc_ms % 1000), o->host, o->process, name, name);
}

static void add_address(struct text *out, const char *name, const struct nat_endpoint *e)
{
	char text[ENDPOINT_TEXT];

	text_format(out, " %s=\"%s\"", name, endpoint_format(e, false, text));
}

static void add_endpoint(struct text *out, const char *name, const struct nat_endpoint *e)
{
	add_address(out, name, e);
	text_format(out, " %s-port=\"%u\"", name, be16_host(e->port));
}

static void add_protocol(struct text *out, uint8_t number)
{
	char text[PROTOCOL_TEXT];

	if (number)
		text_format(out, " protocol=\"%s\"", protocol_name(number, text));
}

static void add_block(struct text *out, const struct nat_event *e)
{
	add_address(out, "inside", &e->inside);
	add_address(out, "outside", &e->outside);
	text_format(out, " first-port=\"%u\" last-port=\"%u\"", e->block.first, e->block.last);
}

/* RFC 7422 section 4: from this, who had a port follows for every port. Hosts have their ranges one
 * after the other. */
static void add_plan(struct text *out, const struct nat_event *e)
{
	text_format(out, " algorithm=\"sequential\"");
	add_address(out, "inside", &e->inside);
	text_format(out, " inside-length=\"%u\"", e->plan.inside_len);
	add_address(out, "outside", &e->outside);
	text_format(out, " outside-count=\"%u\" first-port=\"%u\" last-port=\"%u\"",
		    e->plan.addresses, e->block.first, e->block.last);
	text_format(out, " dynamic-shares=\"%u\" ports-most=\"%u\"", e->plan.dynamic_shares,
		    e->plan.ports_most);
}

static bool is_known(const struct nat_endpoint *e)
{
	return e->is_v6 || e->address.raw;
}

static void add_limit(struct text *out, const struct log_record *r)
{
	text_format(out, " reason=\"%s\" count=\"%llu\"", reason_name(r->event.reason),
		    (unsigned long long)r->count);
	if (is_known(&r->event.inside))
		add_address(out, "inside", &r->event.inside);
	if (is_known(&r->event.outside))
		add_address(out, "outside", &r->event.outside);
}

static void add_mapping(struct text *out, const struct log_record *r)
{
	add_endpoint(out, "inside", &r->event.inside);
	add_endpoint(out, "outside", &r->event.outside);
	if (r->destinations && (r->event.kind == EVENT_SESSION_CREATED ||
				r->event.kind == EVENT_SESSION_DELETED))
		add_endpoint(out, "remote", &r->event.remote);
}

static void add_what(struct text *out, const struct log_record *r)
{
	switch ((enum nat_event_kind)r->event.kind) {
	case EVENT_PORTS_EXHAUSTED:
	case EVENT_QUOTA_EXCEEDED:
		add_limit(out, r);
		break;
	case EVENT_BLOCK_ASSIGNED:
	case EVENT_BLOCK_RELEASED:
		add_block(out, &r->event);
		break;
	case EVENT_PLAN:
		add_plan(out, &r->event);
		break;
	default:
		add_mapping(out, r);
	}
}

void syslog_record(struct text *out, const struct syslog_origin *o, const struct log_record *r)
{
	const struct nat_event *e = &r->event;
	bool limit = e->kind == EVENT_PORTS_EXHAUSTED || e->kind == EVENT_QUOTA_EXCEEDED;

	add_head(out, o, limit ? PRIORITY_WARNING : PRIORITY_INFORMATION, r->utc_ms,
		 nat_event_name(e->kind));
	add_protocol(out, e->protocol);
	add_what(out, r);
	text_add(out, "]", 1);
}

void syslog_mark(struct text *out, const struct syslog_origin *o, const char *name,
		 uint64_t utc_ms, uint64_t count)
{
	add_head(out, o, PRIORITY_WARNING, utc_ms, name);
	text_format(out, " count=\"%llu\"]", (unsigned long long)count);
}
