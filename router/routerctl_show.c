#include "routerctl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "router/table.h"
#include "router/version.h"
#include "router/text.h"

enum kind {
	AS_TEXT, AS_LIST,
	AS_NUMBER, AS_SHORT, AS_DURATION, /* aligned to the right */
	AS_YES, AS_BEST, AS_ON, AS_CLOCK, /* words for false and true */
	KIND_COUNT
};

static const char *const words[KIND_COUNT][2] = {
	[AS_YES] = { "-", "yes" },
	[AS_BEST] = { "-", "*" },
	[AS_ON] = { "off", "on" },
	[AS_CLOCK] = { "real", "virtual" },
};

/* A column: its title, where its cells come from, and how they are written. */
struct field {
	const char *title, *key;
	enum kind kind;
};

static const struct field status_fields[] = {
	{ "version", "version", AS_TEXT },
	{ "process", "pid", AS_NUMBER },
	{ "file", "file", AS_TEXT },
	{ "generation", "generation", AS_NUMBER },
	{ "up for", "uptime_ms", AS_DURATION },
	{ "clock", "virtual_clock", AS_CLOCK },
	{ "offload", "offload", AS_ON },
	{ "sessions", "sessions", AS_NUMBER },
	{ "  at most", "sessions_most", AS_NUMBER },
	{ "  created", "sessions_created", AS_NUMBER },
	{ "  ended", "sessions_ended", AS_NUMBER },
	{ "  lost", "sessions_lost", AS_NUMBER },
	{ "  moved", "sessions_moved", AS_NUMBER },
	{ "  kept", "sessions_kept", AS_NUMBER },
	{ "mappings", "mappings", AS_NUMBER },
	{ "  TCP ports", "ports.tcp", AS_NUMBER },
	{ "  UDP ports", "ports.udp", AS_NUMBER },
	{ "  ICMP ids", "ports.icmp", AS_NUMBER },
	{ "  UDP-Lite ports", "ports.udplite", AS_NUMBER },
	{ "  DCCP ports", "ports.dccp", AS_NUMBER },
	{ "  held ports", "held_ports", AS_NUMBER },
	{ "packets sent", "packets_sent", AS_NUMBER },
	{ "  dropped", "packets_dropped", AS_NUMBER },
	{ "kernel: lost", "kernel.lost", AS_NUMBER },
	{ "  ignored", "kernel.ignored", AS_NUMBER },
	{ "  left out", "kernel.left_out", AS_NUMBER },
	{ "  failed", "kernel.failed", AS_NUMBER },
	{ NULL, NULL, 0 },
};

static const struct field state_fields[] = {
	{ "state file", "state.file", AS_TEXT },
	{ "  was down", "state.down_ms", AS_DURATION },
	{ "  sessions", "state.sessions", AS_NUMBER },
	{ "  ports", "state.ports", AS_NUMBER },
	{ "  over", "state.over", AS_NUMBER },
	{ "  damaged", "state.damaged", AS_NUMBER },
	{ "  refused", "state.refused", AS_NUMBER },
	{ "  waiting", "state.waiting", AS_NUMBER },
	{ NULL, NULL, 0 },
};

static const struct field worker_fields[] = {
	{ "WORKER", "worker", AS_NUMBER },
	{ "SESSIONS", "sessions", AS_NUMBER },
	{ "MAPPINGS", "mappings", AS_NUMBER },
	{ "TCP PORTS", "ports.tcp", AS_NUMBER },
	{ "UDP PORTS", "ports.udp", AS_NUMBER },
	{ "ICMP IDS", "ports.icmp", AS_NUMBER },
	{ "HELD PORTS", "held_ports", AS_NUMBER },
	{ "SENT", "packets_sent", AS_NUMBER },
	{ "DROPPED", "packets_dropped", AS_NUMBER },
	{ NULL, NULL, 0 },
};

static const struct field interface_fields[] = {
	{ "NAME", "name", AS_TEXT },
	{ "TYPE", "type", AS_TEXT },
	{ "SIDE", "side", AS_TEXT },
	{ "DEVICE", "device", AS_TEXT },
	{ "NETNS", "netns", AS_TEXT },
	{ "LINK", "state", AS_TEXT },
	{ "MTU", "mtu", AS_NUMBER },
	{ "OFFLOAD", "offload", AS_TEXT },
	{ "PACKETS IN", "packets_in", AS_NUMBER },
	{ "OCTETS IN", "octets_in", AS_SHORT },
	{ "PACKETS OUT", "packets_out", AS_NUMBER },
	{ "OCTETS OUT", "octets_out", AS_SHORT },
	{ "MISSED", "missed", AS_NUMBER },
	{ "ADDRESSES", "addresses", AS_LIST },
	{ "WHY", "why", AS_TEXT },
	{ NULL, NULL, 0 },
};

static const struct field route_fields[] = {
	{ "BEST", "best", AS_BEST },
	{ "PREFIX", "prefix", AS_TEXT },
	{ "FROM", "from", AS_TEXT },
	{ "TABLE", "table", AS_NUMBER },
	{ "KIND", "kind", AS_TEXT },
	{ "VIA", "via", AS_TEXT },
	{ "INTERFACE", "interface", AS_TEXT },
	{ "METRIC", "metric", AS_NUMBER },
	{ "ORIGIN", "origin", AS_TEXT },
	{ NULL, NULL, 0 },
};

static const struct field session_fields[] = {
	{ "PROTO", "proto", AS_TEXT },
	{ "INSIDE", "inside", AS_TEXT },
	{ "OUTSIDE", "outside", AS_TEXT },
	{ "REMOTE", "remote", AS_TEXT },
	{ "STATE", "state", AS_TEXT },
	{ "IDLE", "idle_ms", AS_DURATION },
	{ "EXPIRES", "expires_ms", AS_DURATION },
	{ "OCTETS OUT", "octets_out", AS_SHORT },
	{ "OCTETS IN", "octets_in", AS_SHORT },
	{ "WORKER", "worker", AS_NUMBER },
	{ "FORWARD", "forward", AS_YES },
	{ NULL, NULL, 0 },
};

static const struct field mapping_fields[] = {
	{ "PROTO", "proto", AS_TEXT },
	{ "INSIDE", "inside", AS_TEXT },
	{ "OUTSIDE", "outside", AS_TEXT },
	{ "SESSIONS", "sessions", AS_NUMBER },
	{ "WORKER", "worker", AS_NUMBER },
	{ "FORWARD", "forward", AS_YES },
	{ NULL, NULL, 0 },
};

static const char *or_dash(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : "-";
}

/* The member of an object, or of the object in one: "ports.tcp". */
static const json_t *member(const json_t *object, const char *path)
{
	size_t len = strcspn(path, ".");
	const json_t *value = json_object_getn(object, path, len);

	return path[len] == '.' ? member(value, path + len + 1) : value;
}

static void add_list(struct table *t, const json_t *list)
{
	struct text cell = { 0 };
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
		text_format(&cell, "%s%s", i > 0 ? "," : "", json_string_value(value));
	table_add(t, cell.failed ? "?" : or_dash(cell.octets));
	text_free(&cell);
}

static void add_number(struct table *t, const json_t *value)
{
	char text[SHORT_TEXT];

	snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)json_integer_value(value));
	table_add(t, text);
}

static void add_field(struct table *t, const struct field *f, const json_t *value)
{
	uint64_t number = (uint64_t)json_integer_value(value);
	char text[SHORT_TEXT];

	switch (f->kind) {
	case AS_TEXT:
		table_add(t, or_dash(json_string_value(value)));
		break;
	case AS_NUMBER:
		add_number(t, value);
		break;
	case AS_SHORT:
		table_add(t, short_count(number, text));
		break;
	case AS_DURATION:
		table_add(t, short_duration(number, text));
		break;
	case AS_LIST:
		add_list(t, value);
		break;
	default:
		table_add(t, words[f->kind][json_is_true(value)]);
		break;
	}
}

static int finish(struct table *t, FILE *out)
{
	int error = t != NULL ? table_print(t, out) : -ENOMEM;

	table_free(t);
	return error;
}

static bool is_number(enum kind kind)
{
	return kind == AS_NUMBER || kind == AS_SHORT || kind == AS_DURATION;
}

/* A row per object of the array. */
static int show_rows(const json_t *rows, const struct field *fields, FILE *out)
{
	struct text letters = { 0 };
	const struct field *f;
	const json_t *row;
	size_t i;

	for (f = fields; f->title != NULL; f++)
		text_add(&letters, is_number(f->kind) ? "r" : "l", 1);
	struct table *t = letters.failed ? NULL : table_new(letters.octets);
	for (f = fields; t != NULL && f->title != NULL; f++)
		table_add(t, f->title);
	json_array_foreach(rows, i, row)
		for (f = fields; t != NULL && f->title != NULL; f++)
			add_field(t, f, member(row, f->key));
	int error = finish(t, out);
	text_free(&letters);
	return error;
}

static int show_version(const json_t *reply, bool all, FILE *out)
{
	const char *version = json_string_value(json_object_get(reply, "version"));

	(void)all;
	fprintf(out, "routerctl %s\nrouter    %s\n", ROUTER_VERSION, or_dash(version));
	return ferror(out) ? -EIO : 0;
}

/* A line per field of the object. */
static int show_object(const json_t *object, const struct field *fields, FILE *out)
{
	struct table *t = table_new("ll");

	for (const struct field *f = fields; t != NULL && f->title != NULL; f++) {
		table_add(t, f->title);
		add_field(t, f, member(object, f->key));
	}
	return finish(t, out);
}

static int show_status(const json_t *reply, bool all, FILE *out)
{
	const json_t *workers = json_object_get(reply, "workers");
	int error = show_object(reply, status_fields, out);

	(void)all;
	if (error == 0 && json_is_object(json_object_get(reply, "state"))) {
		fputc('\n', out);
		error = show_object(reply, state_fields, out);
	}
	if (error < 0 || json_array_size(workers) < 2)
		return error;
	fputc('\n', out);
	return show_rows(workers, worker_fields, out);
}

/* Name, sum, one column per worker if there are several, and what the name means. */
static void add_counter(struct table *t, const json_t *counter, size_t workers)
{
	const json_t *each = json_object_get(counter, "workers");

	table_add(t, or_dash(json_string_value(json_object_get(counter, "name"))));
	add_number(t, json_object_get(counter, "total"));
	for (size_t i = 0; workers > 1 && i < workers; i++)
		if (each)
			add_number(t, json_array_get(each, i));
		else
			table_add(t, "-");
	table_add(t, or_dash(json_string_value(json_object_get(counter, "help"))));
}

/* A list of the reply; those that are not zero, or all. */
static void add_counters(struct table *t, const json_t *counters, size_t workers, bool all)
{
	const json_t *counter;
	size_t i;

	json_array_foreach(counters, i, counter)
		if (all || json_integer_value(json_object_get(counter, "total")) != 0)
			add_counter(t, counter, workers);
}

static void add_counter_titles(struct table *t, size_t workers)
{
	table_add(t, "COUNTER");
	table_add(t, "TOTAL");
	for (size_t i = 0; workers > 1 && i < workers; i++) {
		char text[SHORT_TEXT];

		snprintf(text, sizeof(text), "W%zu", i);
		table_add(t, text);
	}
	table_add(t, "MEANING");
}

static int show_counters(const json_t *reply, bool all, FILE *out)
{
	const json_t *packets = json_object_get(reply, "packets");
	const json_t *first = json_array_get(packets, 0);
	size_t workers = json_array_size(json_object_get(first, "workers"));
	struct text letters = { 0 };

	text_add(&letters, "lr", 2);
	for (size_t i = 0; workers > 1 && i < workers; i++)
		text_add(&letters, "r", 1);
	text_add(&letters, "l", 1);
	struct table *t = letters.failed ? NULL : table_new(letters.octets);
	if (t != NULL) {
		add_counter_titles(t, workers);
		add_counters(t, packets, workers, all);
		add_counters(t, json_object_get(reply, "drops"), workers, all);
		add_counters(t, json_object_get(reply, "log"), workers, all);
	}
	int error = finish(t, out);
	text_free(&letters);
	return error;
}

#define FILTER "[proto=] [inside=] [outside=] "

const struct view views[] = {
	{ "status", "", "the gateway and its workers",
	  "Version, time since the start, sessions, mappings, ports in use and ports that rest, packets "
	  "sent and dropped, and what was taken up from a state file; with several workers a line for each.",
	  NULL, show_status },
	{ "interfaces", "", "links and their traffic",
	  "The interfaces of the configuration: the state of the link, its MTU, addresses, and what has "
	  "come in and gone out.", interface_fields, NULL },
	{ "routes", "[limit=]", "every route known, and which are used",
	  "Every route known. An asterisk marks those in use; the others have a greater metric.",
	  route_fields, NULL },
	{ "sessions", FILTER "[remote=] [state=] [limit=]", "who talks to whom",
	  "Who talks to whom: inside host, outside endpoint that stands for it, remote endpoint, state "
	  "of the connection, how long the session has been idle and when it ends if it stays so.",
	  session_fields, NULL },
	{ "mappings", FILTER "[limit=]", "outside endpoints of inside ones",
	  "Which outside endpoint stands for which inside endpoint, and how many sessions use it.",
	  mapping_fields, NULL },
	{ "counters", "", "packets by what became of them",
	  "What became of packets, by name: those sent, and those dropped for each of the gateway's "
	  "reasons. Lines that are zero are left out without\n.BR \\-\\-all .", NULL, show_counters },
	{ "version", "", "version of routerctl and of the gateway",
	  "Version of\n.B routerctl\nand of the gateway.", NULL, show_version },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

int view_show(const struct view *v, const json_t *reply, bool all, FILE *out)
{
	if (v->show != NULL)
		return v->show(reply, all, out);
	return show_rows(json_object_get(reply, v->command), v->fields, out);
}
