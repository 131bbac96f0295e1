#include "ctl_reply.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl_list.h"
#include "router/version.h"

static int add_to_text(const char *octets, size_t len, void *text)
{
	text_add(text, octets, len);
	return 0;
}

void ctl_add_json(struct text *out, json_t *value)
{
	const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;

	if (value == NULL || json_dump_callback(value, add_to_text, out, flags) != 0)
		out->failed = true;
	json_decref(value);
}

void ctl_describe_silence(struct text *fault, uint16_t worker, int error)
{
	text_format(fault, "worker %u does not answer: %s", worker, strerror(-error));
}

void ctl_reply_error(struct text *out, const char *error)
{
	ctl_add_json(out, json_pack("{s:s, s:b}", "error", error, "ok", 0));
	text_add(out, "\n", 1);
}

/* End a reply that is one piece: the object gets its last member. */
static void reply_whole(struct text *out, json_t *object)
{
	json_object_set_new(object, "ok", json_true());
	ctl_add_json(out, object);
	text_add(out, "\n", 1);
}

json_t *ctl_json_name(const char *name)
{
	json_t *value = name != NULL ? json_string(name) : json_null();

	return value != NULL ? value : json_string("(not UTF-8)");
}

static json_t *json_number(uint64_t number)
{
	return json_integer((json_int_t)number);
}

static bool next_version(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out)
{
	(void)r, (void)g, (void)now;
	reply_whole(out, json_pack("{s:s}", "version", ROUTER_VERSION));
	return false;
}

/* What status says of one worker, or of all together. */
struct activity {
	struct nat_gauges gauges;
	uint64_t sent, dropped;
};

static void activity_add(struct activity *sum, const struct activity *a)
{
	sum->gauges.sessions += a->gauges.sessions;
	sum->gauges.mappings += a->gauges.mappings;
	sum->gauges.held_ports += a->gauges.held_ports;
	for (size_t i = 0; i < sizeof(a->gauges.ports) / sizeof(a->gauges.ports[0]); i++)
		sum->gauges.ports[i] += a->gauges.ports[i];
	sum->gauges.sessions_created += a->gauges.sessions_created;
	sum->gauges.sessions_ended += a->gauges.sessions_ended;
	sum->gauges.sessions_lost += a->gauges.sessions_lost;
	sum->gauges.sessions_moved += a->gauges.sessions_moved;
	sum->gauges.sessions_kept += a->gauges.sessions_kept;
	sum->gauges.events_lost += a->gauges.events_lost;
	sum->sent += a->sent;
	sum->dropped += a->dropped;
}

static int activity_of(struct activity *a, struct worker *w)
{
	struct counters c = worker_counters(w);
	struct worker_answer answer;
	int error = worker_ask(w, ASK_GAUGES, 0, &answer);

	if (error < 0)
		return error;
	*a = (struct activity){ .gauges = answer.gauges, .sent = c.reasons[REASON_NONE] };
	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT; r++)
		a->dropped += c.reasons[r];
	return 0;
}

static json_t *json_ports(const struct nat_gauges *g)
{
	static const char *const names[] = { "tcp", "udp", "icmp", "udplite", "dccp" };
	json_t *ports = json_object();

	_Static_assert(sizeof(names) / sizeof(names[0]) == sizeof(g->ports) / sizeof(g->ports[0]),
		       "a name per gauge");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_object_set_new(ports, names[i], json_number(g->ports[i]));
	return ports;
}

static json_t *json_activity(const struct activity *a)
{
	const struct nat_gauges *g = &a->gauges;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I}",
			 "sessions", (json_int_t)g->sessions,
			 "sessions_created", (json_int_t)g->sessions_created,
			 "sessions_ended", (json_int_t)g->sessions_ended,
			 "sessions_lost", (json_int_t)g->sessions_lost,
			 "sessions_moved", (json_int_t)g->sessions_moved,
			 "sessions_kept", (json_int_t)g->sessions_kept,
			 "mappings", (json_int_t)g->mappings,
			 "ports", json_ports(g), "held_ports", (json_int_t)g->held_ports,
			 "packets_sent", (json_int_t)a->sent,
			 "packets_dropped", (json_int_t)a->dropped,
			 "events_lost", (json_int_t)g->events_lost);
}

static bool takes_offload(const struct gateway *g)
{
	for (size_t i = 0; i < g->snapshot->conf->interface_count; i++)
		if (io_takes(g->ios[i]))
			return true;
	return false;
}

static json_t *json_gateway(const struct gateway *g, nat_time now)
{
	const struct snapshot *s = g->snapshot;

	return json_pack("{s:s, s:i, s:o, s:I, s:I, s:b, s:b, s:I}",
			 "version", ROUTER_VERSION, "pid", (int)getpid(),
			 "file", ctl_json_name(s->conf->file),
			 "generation", (json_int_t)s->generation,
			 "uptime_ms", (json_int_t)(now.ms - g->started.ms),
			 "virtual_clock", (int)s->conf->virtual_clock, "offload", (int)takes_offload(g),
			 "sessions_most", (json_int_t)s->conf->nat.sessions);
}

/* What is heard of it; which of its routes are not ours. */
static json_t *json_kernel(const struct gateway *g)
{
	struct kernel_counters c = gateway_kernel_counters(g);

	return json_pack("{s:I, s:I, s:I, s:I}", "ignored", (json_int_t)c.ignored,
			 "lost", (json_int_t)c.lost, "left_out", (json_int_t)c.left_out,
			 "failed", (json_int_t)c.failed);
}

/* What outlives the gateway, and what has become of what there was; null without state_file. */
static json_t *json_state(const struct gateway *g)
{
	struct state_totals t = { 0 };

	if (!state_totals(g->state, &t))
		return json_null();
	return json_pack("{s:o, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "file", ctl_json_name(g->snapshot->conf->state_file),
			 "found", (int)t.known, "clean", (int)t.clean,
			 "down_ms", (json_int_t)t.down_ms, "sessions", (json_int_t)t.sessions,
			 "ports", (json_int_t)t.ports, "over", (json_int_t)t.over,
			 "damaged", (json_int_t)t.damaged, "refused", (json_int_t)t.refused,
			 "waiting", (json_int_t)t.waiting);
}

static void reply_silence(struct text *out, uint16_t worker, int error)
{
	struct text fault = { 0 };

	ctl_describe_silence(&fault, worker, error);
	ctl_reply_error(out, fault.failed ? NULL : fault.octets);
	text_free(&fault);
}

static bool next_status(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out)
{
	uint16_t count = g->snapshot->conf->workers;
	json_t *workers = json_array();
	struct activity total = { 0 };

	(void)r;
	for (uint16_t i = 0; i < count; i++) {
		struct activity a;
		int error = activity_of(&a, g->workers[i]);

		if (error < 0) {
			json_decref(workers);
			reply_silence(out, i, error);
			return false;
		}
		activity_add(&total, &a);
		json_t *worker = json_pack("{s:i}", "worker", i);
		json_object_update_new(worker, json_activity(&a));
		json_array_append_new(workers, worker);
	}
	json_t *object = json_gateway(g, now);
	json_object_update_new(object, json_activity(&total));
	json_object_set_new(object, "kernel", json_kernel(g));
	json_object_set_new(object, "state", json_state(g));
	json_object_set_new(object, "workers", workers);
	reply_whole(out, object);
	return false;
}

static const char *const type_names[] = {
	[IO_TUN] = "tun", [IO_TAP] = "tap", [IO_PACKET] = "packet", [IO_XDP] = "xdp",
	[IO_NFQUEUE] = "nfqueue", [IO_RAW] = "raw", [IO_MEM] = "mem",
};

_Static_assert(sizeof(type_names) / sizeof(type_names[0]) == IO_TYPE_COUNT, "a name per type");

static json_t *json_addresses(const struct conf_interface *c)
{
	json_t *addresses = json_array();

	for (size_t i = 0; i < c->address_count; i++) {
		char text[PREFIX_TEXT];

		json_array_append_new(addresses,
				      json_string(prefix_format(&c->addresses[i], text)));
	}
	return addresses;
}

static const char *const state_names[] = {
	[PLUG_UP] = "up", [PLUG_DOWN] = "down", [PLUG_ABSENT] = "absent",
};

static json_t *json_interface(const struct conf_interface *c, const struct io *io,
			      const struct plug *plug, const struct link_counters *link)
{
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:b, s:s, s:o, s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:I}",
			 "name", ctl_json_name(c->name), "type", type_names[c->type],
			 "side", c->side == SIDE_INSIDE ? "inside" : "outside",
			 "device", ctl_json_name(c->device), "netns", ctl_json_name(c->netns),
			 "up", (int)io_is_up(io), "state", state_names[plug->state],
			 "why", ctl_json_name(*plug->why.text ? plug->why.text : NULL),
			 "mtu", io_is_absent(io) ? 0 : (json_int_t)io_mtu(io),
			 "offload", io_takes_name(io_takes(io)),
			 "addresses", json_addresses(c),
			 "packets_in", (json_int_t)link->packets_in,
			 "octets_in", (json_int_t)link->octets_in,
			 "packets_out", (json_int_t)link->packets_out,
			 "octets_out", (json_int_t)link->octets_out,
			 "missed", (json_int_t)io_missed(io));
}

/* The counters of every worker; NULL without memory. */
static struct counters *all_counters(const struct gateway *g, uint16_t workers)
{
	struct counters *all = calloc(workers, sizeof(*all));

	for (uint16_t i = 0; all != NULL && i < workers; i++)
		all[i] = worker_counters(g->workers[i]);
	return all;
}

static struct link_counters link_sum(const struct counters *all, uint16_t workers, size_t interface)
{
	struct link_counters sum = { 0 };

	for (uint16_t i = 0; i < workers; i++) {
		const struct link_counters *l = &all[i].links[interface];

		sum.packets_in += l->packets_in;
		sum.octets_in += l->octets_in;
		sum.packets_out += l->packets_out;
		sum.octets_out += l->octets_out;
	}
	return sum;
}

static bool next_interfaces(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out)
{
	const struct conf *c = g->snapshot->conf;
	struct counters *all = all_counters(g, c->workers);
	json_t *interfaces = all != NULL ? json_array() : NULL;

	(void)r, (void)now;
	for (size_t i = 0; all != NULL && i < c->interface_count; i++) {
		struct link_counters link = link_sum(all, c->workers, i);

		json_array_append_new(interfaces,
				      json_interface(&c->interfaces[i], g->ios[i], &g->plugs[i], &link));
	}
	free(all);
	reply_whole(out, json_pack("{s:o}", "interfaces", interfaces));
	return false;
}

#define AT(counter) offsetof(struct counters, counter)

/* What happens to packets beside being dropped. */
static const struct { const char *name, *help; size_t at; } events[] = {
	{ "sent", "datagrams sent out of an interface", AT(reasons[REASON_NONE]) },
	{ "local", "delivered to the router itself and answered", AT(local) },
	{ "errors_sent", "ICMP errors of the router's own", AT(errors_sent) },
	{ "handed_off", "passed on to the worker that owns them", AT(handed_off) },
	{ "hairpinned", "from inside to inside through an outside address", AT(hairpinned) },
	{ "pieces", "made by cutting one that was too large, beyond the first", AT(pieces) },
};

/* One counter, at an offset in struct counters, of all workers. */
static json_t *json_counter(const char *name, const char *help, size_t at,
			    const struct counters *all, uint16_t workers)
{
	json_t *each = json_array();
	uint64_t total = 0;

	for (uint16_t i = 0; i < workers; i++) {
		uint64_t value;

		memcpy(&value, (const char *)&all[i] + at, sizeof(value));
		total += value;
		json_array_append_new(each, json_number(value));
	}
	return json_pack("{s:s, s:s, s:o, s:o}", "name", name, "help", help,
			 "total", json_number(total), "workers", each);
}

static json_t *json_log_counter(const char *name, const char *help, uint64_t total)
{
	return json_pack("{s:s, s:s, s:o}", "name", name, "help", help, "total",
			 json_number(total));
}

static json_t *json_log(const struct gateway *g)
{
	struct log_counters c = log_counters(g->log);

	return json_pack("[o, o, o]",
			 json_log_counter("log_sent", "records that a collector took", c.sent),
			 json_log_counter("log_limited", "events beyond log.per_second", c.limited),
			 json_log_counter("log_lost", "records without room, or not taken", c.lost));
}

static bool next_counters(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out)
{
	uint16_t workers = g->snapshot->conf->workers;
	struct counters *all = all_counters(g, workers);
	json_t *packets = all != NULL ? json_array() : NULL, *drops = json_array();

	(void)r, (void)now;
	for (size_t i = 0; all != NULL && i < sizeof(events) / sizeof(events[0]); i++)
		json_array_append_new(packets, json_counter(events[i].name, events[i].help,
							    events[i].at, all, workers));
	for (enum reason reason = REASON_NONE + 1; all != NULL && reason < REASON_COUNT; reason++)
		json_array_append_new(drops,
				      json_counter(reason_name(reason), reason_help(reason),
						   AT(reasons[reason]), all, workers));
	free(all);
	reply_whole(out, json_pack("{s:o, s:o, s:o}", "packets", packets, "drops", drops,
				   "log", json_log(g)));
	return false;
}

#define KEYS_MAPPING (1u << CTL_PROTO | 1u << CTL_INSIDE | 1u << CTL_OUTSIDE | 1u << CTL_LIMIT)

const struct ctl_command ctl_commands[] = {
	{ "version", 0, next_version },
	{ "status", 0, next_status },
	{ "interfaces", 0, next_interfaces },
	{ "routes", 1u << CTL_LIMIT, ctl_list_routes },
	{ "sessions", KEYS_MAPPING | 1u << CTL_REMOTE | 1u << CTL_STATE, ctl_list_sessions },
	{ "mappings", KEYS_MAPPING, ctl_list_mappings },
	{ "counters", 0, next_counters },
	{ NULL, 0, NULL },
};

bool ctl_reply_next(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out)
{
	return r->request.command->next(r, g, now, out);
}
