#include "ctl_list.h"

#include <jansson.h>

#include "router/endpoint.h"
#include "router/protocol.h"

enum { ROUTES_PIECE = 256 }; /* as many as a worker answers with at once */

static void list_begin(struct ctl_reply *r, uint32_t generation, struct text *out)
{
	if (r->begun)
		return;
	text_format(out, "{\"%s\":[", r->request.command->name);
	r->begun = true;
	r->generation = generation;
}

/* Add a row, unless the limit has been reached. */
static void list_row(struct ctl_reply *r, struct text *out, json_t *row)
{
	if (r->request.limit != 0 && r->listed == r->request.limit) {
		r->truncated = true;
		json_decref(row);
		return;
	}
	if (r->listed++ > 0)
		text_add(out, ",", 1);
	ctl_add_json(out, row);
}

static bool list_end(const struct ctl_reply *r, struct text *out)
{
	text_format(out, "],\"truncated\":%s,\"ok\":true}\n", r->truncated ? "true" : "false");
	return false;
}

static bool list_fail(struct text *out, const char *error)
{
	text_format(out, "],\"truncated\":true,\"error\":");
	ctl_add_json(out, json_string(error));
	text_format(out, ",\"ok\":false}\n");
	return false;
}

static const struct { const char *name; bool on_interface; } kinds[] = {
	[HOP_NONE] = { "none", false },
	[HOP_VIA] = { "via", true },
	[HOP_LINK] = { "link", true },
	[HOP_LOCAL] = { "local", true },
	[HOP_POOL] = { "pool", false },
	[HOP_POOL_LOCAL] = { "pool-local", true },
	[HOP_BROADCAST] = { "broadcast", false }, /* that of all networks is on none */
	[HOP_BLACKHOLE] = { "blackhole", false },
	[HOP_UNREACHABLE] = { "unreachable", false },
	[HOP_PROHIBIT] = { "prohibit", false },
	[HOP_GROUP] = { "group", false },
};

static const char *const origin_names[] = {
	[ORIGIN_LOCAL] = "local", [ORIGIN_CONNECTED] = "connected", [ORIGIN_STATIC] = "static",
	[ORIGIN_KERNEL] = "kernel",
};

_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == HOP_GROUP + 1, "a row per kind");
_Static_assert(sizeof(origin_names) / sizeof(origin_names[0]) == ORIGIN_KERNEL + 1,
	       "a name per origin");

/* What sources a table of the configuration is for; NULL: it is not one. */
static const char *from_format(const struct rib *r, uint8_t table, char text[static PREFIX_TEXT])
{
	const struct rule *rule;

	for (size_t i = 0; (rule = rib_rule(r, i)); i++)
		if (rule->origin == ORIGIN_STATIC && rule->table == table)
			return prefix_format(&rule->from, text);
	return NULL;
}

static json_t *json_table(const struct rib *r, uint8_t table)
{
	uint32_t name = rib_table_name(r, table);

	return name ? json_integer(name) : json_null();
}

static json_t *json_route(const struct snapshot *s, const struct route *route, bool best)
{
	const struct conf *c = s->conf;
	const struct hop *h = &route->hop;
	const char *interface = kinds[h->kind].on_interface ? c->interfaces[h->interface].name : NULL;
	char prefix[PREFIX_TEXT], from[PREFIX_TEXT], via[ADDRESS_TEXT];

	return json_pack("{s:s, s:s?, s:o, s:s, s:s?, s:o, s:I, s:s, s:b}",
			 "prefix", prefix_format(&route->prefix, prefix),
			 "from", from_format(s->rib, route->table, from),
			 "table", json_table(s->rib, route->table),
			 "kind", kinds[h->kind].name,
			 "via", h->kind == HOP_VIA ? address_format(&h->via, via) : NULL,
			 "interface", ctl_json_name(interface),
			 "metric", (json_int_t)route->metric,
			 "origin", origin_names[route->origin], "best", (int)best);
}

bool ctl_list_routes(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out)
{
	const struct snapshot *s = g->snapshot;
	struct route route;
	bool best;

	(void)now;
	list_begin(r, s->generation, out);
	if (r->generation != s->generation)
		return list_fail(out, "the configuration was replaced meanwhile; ask again");
	for (size_t i = 0; i < ROUTES_PIECE; i++) {
		if (r->truncated || !rib_next(s->rib, &r->route, &route, &best))
			return list_end(r, out);
		list_row(r, out, json_route(s, &route, best));
	}
	return true;
}

/* An ICMP query's identifier belongs to our end; the remote one has none. */
static bool has_port(uint8_t protocol, bool ours)
{
	return protocol_has_ports(protocol) || (ours && protocol == PROTO_ICMP);
}

static json_t *json_session(uint16_t worker, const struct nat_session *s)
{
	char inside[ENDPOINT_TEXT], outside[ENDPOINT_TEXT], remote[ENDPOINT_TEXT];
	char protocol[PROTOCOL_TEXT];
	bool port = has_port(s->protocol, true);

	return json_pack(
		"{s:i, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
		"worker", worker, "id", (json_int_t)s->id,
		"proto", protocol_name(s->protocol, protocol),
		"inside", endpoint_format(&s->inside, port, inside),
		"outside", endpoint_format(&s->outside, port, outside),
		"remote", endpoint_format(&s->remote, has_port(s->protocol, false), remote),
		"state", tcp_state_name(s->state),
		"idle_ms", (json_int_t)s->idle_ms, "expires_ms", (json_int_t)s->expires_ms,
		"packets_out", (json_int_t)s->packets[SIDE_INSIDE],
		"octets_out", (json_int_t)s->octets[SIDE_INSIDE],
		"packets_in", (json_int_t)s->packets[SIDE_OUTSIDE],
		"octets_in", (json_int_t)s->octets[SIDE_OUTSIDE],
		"forward", (int)s->from_forward);
}

static json_t *json_mapping(uint16_t worker, const struct nat_mapping *m)
{
	char protocol[PROTOCOL_TEXT], inside[ENDPOINT_TEXT], outside[ENDPOINT_TEXT];
	bool port = has_port(m->protocol, true);

	return json_pack("{s:i, s:I, s:s, s:s, s:s, s:I, s:b}",
			 "worker", worker, "id", (json_int_t)m->id,
			 "proto", protocol_name(m->protocol, protocol),
			 "inside", endpoint_format(&m->inside, port, inside),
			 "outside", endpoint_format(&m->outside, port, outside),
			 "sessions", (json_int_t)m->sessions, "forward", (int)m->from_forward);
}

static void list_sessions(struct ctl_reply *r, const struct worker_answer *a, struct text *out)
{
	for (size_t i = 0; i < a->count && !r->truncated; i++)
		if (ctl_request_wants_session(&r->request, &a->sessions[i]))
			list_row(r, out, json_session(r->worker, &a->sessions[i]));
}

static void list_mappings(struct ctl_reply *r, const struct worker_answer *a, struct text *out)
{
	for (size_t i = 0; i < a->count && !r->truncated; i++)
		if (ctl_request_wants_mapping(&r->request, &a->mappings[i]))
			list_row(r, out, json_mapping(r->worker, &a->mappings[i]));
}

static bool list_silence(const struct ctl_reply *r, struct text *out, int error)
{
	struct text fault = { 0 };

	ctl_describe_silence(&fault, r->worker, error);
	list_fail(out, fault.failed ? NULL : fault.octets);
	text_free(&fault);
	return false;
}

/* Ask the worker at hand for its next answer, and go on to the next worker when it has no more. */
static bool list_next(struct ctl_reply *r, struct gateway *g, enum worker_question q,
		      struct text *out)
{
	const struct snapshot *s = g->snapshot;
	struct worker_answer a;

	list_begin(r, s->generation, out);
	int error = worker_ask(g->workers[r->worker], q, r->cursor, &a);
	if (error < 0)
		return list_silence(r, out, error);
	(q == ASK_SESSIONS ? list_sessions : list_mappings)(r, &a, out);
	r->cursor = a.more ? a.cursor : 0;
	r->worker += !a.more;
	if (r->truncated || r->worker == s->conf->workers)
		return list_end(r, out);
	return true;
}

bool ctl_list_sessions(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out)
{
	(void)now;
	return list_next(r, g, ASK_SESSIONS, out);
}

bool ctl_list_mappings(struct ctl_reply *r, struct gateway *g, nat_time now, struct text *out)
{
	(void)now;
	return list_next(r, g, ASK_MAPPINGS, out);
}
