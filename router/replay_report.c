/* What a replay says: a line of JSON for each decision, and a sum. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "ctl_reply.h"
#include "replay_core.h"
#include "router/endpoint.h"
#include "router/protocol.h"
#include "router/table.h"

enum { TIME_TEXT = 32, COUNT_TEXT = 24 };
static const uint64_t second_ns = 1000000000;

#define VERDICT_NAME(id, name) [VERDICT_##id] = name,
static const char *const verdict_names[] = { VERDICT_LIST(VERDICT_NAME) };
#undef VERDICT_NAME

static const char *time_text(uint64_t ns, char text[static TIME_TEXT])
{
	snprintf(text, TIME_TEXT, "%" PRIu64 ".%09" PRIu64, ns / second_ns, ns % second_ns);
	return text;
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static int write_json(json_t *value, size_t flags, FILE *out)
{
	int r = value ? json_dumpf(value, out, flags) : -1;

	json_decref(value);
	return r || fputc('\n', out) == EOF ? -EIO : 0;
}

static json_t *json_endpoint(const struct nat_endpoint *e, uint8_t protocol, bool is_remote)
{
	bool is_icmp = protocol == PROTO_ICMP || protocol == PROTO_ICMPV6;
	char text[ENDPOINT_TEXT];

	return json_string(endpoint_format(e, protocol_has_ports(protocol) || (is_icmp && !is_remote),
					   text));
}

static json_t *json_session(const struct replay_decision *d)
{
	const struct nat_session *s = &d->session;
	char protocol[PROTOCOL_TEXT];

	if (!d->has_session)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o}", "proto", protocol_name(s->protocol, protocol),
			 "inside", json_endpoint(&s->inside, s->protocol, false),
			 "outside", json_endpoint(&s->outside, s->protocol, false),
			 "remote", json_endpoint(&s->remote, s->protocol, true));
}

/* The name of an interface for each packet that left by it. */
static json_t *json_outs(const struct conf *c, const struct counters *made)
{
	json_t *outs = json_array();

	for (size_t i = 0; i < c->interface_count; i++)
		for (uint64_t n = made->links[i].packets_out; n; n--)
			json_array_append_new(outs, ctl_json_name(c->interfaces[i].name));
	return outs;
}

/* Where it came from, and when that was by our time. */
static json_t *json_packet(const struct conf *c, const struct replay_packet *p, uint64_t time_ns)
{
	char text[TIME_TEXT];

	if (!p)
		return json_pack("{s:n, s:s, s:n, s:n}", "packet", "time", time_text(time_ns, text),
				 "interface", "length");
	return json_pack("{s:I, s:s, s:o, s:I}", "packet", (json_int_t)p->packet.number,
			 "time", time_text(time_ns, text),
			 "interface", ctl_json_name(c->interfaces[p->input->interface].name),
			 "length", (json_int_t)p->datagram.len);
}

int replay_write_decision(const struct conf *c, const struct replay_decision *d, FILE *out)
{
	json_t *line = json_packet(c, d->packet, d->time_ns);

	json_object_set_new(line, "verdict", json_string(verdict_names[d->verdict]));
	json_object_set_new(line, "reason", d->reason ? json_string(reason_name(d->reason)) : json_null());
	json_object_set_new(line, "session", json_session(d));
	json_object_set_new(line, "out", json_outs(c, &d->made));
	return write_json(line, JSON_COMPACT, out);
}

int replay_write_left_out(const struct conf *c, const struct replay_packet *p, FILE *out)
{
	json_t *line = json_packet(c, p, p->packet.time_ns);

	json_object_set_new(line, "verdict", json_string("left_out"));
	json_object_set_new(line, "reason", json_string(pcap_content_name(p->content)));
	json_object_set_new(line, "session", json_null());
	json_object_set_new(line, "out", json_array());
	return write_json(line, JSON_COMPACT, out);
}

static json_t *json_interfaces(const struct conf *c, const struct counters *sum)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->interface_count; i++) {
		const struct link_counters *l = &sum->links[i];

		json_array_append_new(list, json_pack("{s:o, s:I, s:I, s:I, s:I}",
			"name", ctl_json_name(c->interfaces[i].name),
			"packets_in", (json_int_t)l->packets_in, "octets_in", (json_int_t)l->octets_in,
			"packets_out", (json_int_t)l->packets_out, "octets_out", (json_int_t)l->octets_out));
	}
	return list;
}

static json_t *json_verdicts(const struct replay_sum *s)
{
	json_t *verdicts = json_object();

	for (size_t i = 0; i < VERDICT_COUNT; i++)
		json_object_set_new(verdicts, verdict_names[i], number(s->verdicts[i]));
	return verdicts;
}

/* Those that there were. */
static json_t *json_reasons(const struct counters *sum)
{
	json_t *reasons = json_object();

	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT; r++)
		if (sum->reasons[r])
			json_object_set_new(reasons, reason_name(r), number(sum->reasons[r]));
	return reasons;
}

static json_t *json_left_out(const struct replay_sum *s)
{
	json_t *left_out = json_object();

	for (enum pcap_content i = PCAP_DATAGRAM + 1; i < PCAP_LINK; i++)
		json_object_set_new(left_out, pcap_content_name(i), number(s->left_out[i]));
	return left_out;
}

static json_t *json_sessions(const struct nat_gauges *g)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "created", (json_int_t)g->sessions_created,
			 "ended", (json_int_t)g->sessions_ended, "open", (json_int_t)g->sessions,
			 "mappings", (json_int_t)g->mappings);
}

int replay_write_sum_json(const struct conf *c, const struct replay_sum *s, FILE *out)
{
	char from[TIME_TEXT], to[TIME_TEXT];
	const struct counters *sum = &s->counters;
	json_t *value = json_pack("{s:I, s:s, s:s, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:I}",
		"packets", (json_int_t)s->packets, "from", time_text(s->from_ns, from),
		"to", time_text(s->to_ns, to), "workers", (json_int_t)c->workers,
		"interfaces", json_interfaces(c, sum), "verdicts", json_verdicts(s),
		"reasons", json_reasons(sum), "errors_sent", (json_int_t)sum->errors_sent,
		"hairpinned", (json_int_t)sum->hairpinned, "sessions", json_sessions(&s->gauges),
		"left_out", json_left_out(s), "late", (json_int_t)s->late);

	return write_json(value, JSON_INDENT(2), out);
}

static void add_count(struct table *t, uint64_t count)
{
	char text[COUNT_TEXT];

	snprintf(text, sizeof(text), "%" PRIu64, count);
	table_add(t, text);
}

static int print_interfaces(const struct conf *c, const struct counters *sum, FILE *out)
{
	static const char *const heads[] = { "interface", "packets in", "octets in", "packets out",
					     "octets out" };
	struct table *t = table_new("lrrrr");
	int r;

	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		table_add(t, heads[i]);
	for (size_t i = 0; i < c->interface_count; i++) {
		const struct link_counters *l = &sum->links[i];

		table_add(t, c->interfaces[i].name);
		add_count(t, l->packets_in);
		add_count(t, l->octets_in);
		add_count(t, l->packets_out);
		add_count(t, l->octets_out);
	}
	r = table_print(t, out);
	table_free(t);
	return r;
}

static int print_reasons(const struct counters *sum, FILE *out)
{
	struct table *t = table_new("lrl");
	int r;

	if (!t)
		return -ENOMEM;
	for (enum reason i = REASON_NONE + 1; i < REASON_COUNT; i++)
		if (sum->reasons[i]) {
			table_add(t, reason_name(i));
			add_count(t, sum->reasons[i]);
			table_add(t, reason_help(i));
		}
	r = table_print(t, out);
	table_free(t);
	return r;
}

/* "5 sent, 0 local, …" */
static void print_verdicts(const struct replay_sum *s, FILE *out)
{
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		fprintf(out, "%s%" PRIu64 " %s", i ? ", " : "", s->verdicts[i], verdict_names[i]);
}

static void print_left_out(const struct replay_sum *s, FILE *out)
{
	for (enum pcap_content i = PCAP_DATAGRAM + 1; i < PCAP_LINK; i++)
		if (s->left_out[i])
			fprintf(out, ", %" PRIu64 " left out (%s)", s->left_out[i], pcap_content_name(i));
	if (s->late)
		fprintf(out, ", %" PRIu64 " behind their time", s->late);
}

int replay_write_sum(const struct conf *c, const struct replay_sum *s, FILE *out)
{
	const struct nat_gauges *g = &s->gauges;
	char duration[SHORT_TEXT];
	int r = print_interfaces(c, &s->counters, out);

	fprintf(out, "\n%" PRIu64 " packets in %s: ", s->packets,
		short_duration((s->to_ns - s->from_ns) / 1000000, duration));
	print_verdicts(s, out);
	print_left_out(s, out);
	fprintf(out, "\nsessions: %" PRIu64 " created, %" PRIu64 " ended, %u open\n\n",
		g->sessions_created, g->sessions_ended, g->sessions);
	return r ? r : print_reasons(&s->counters, out);
}
