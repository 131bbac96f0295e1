#include "ctl_request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_reply.h"
#include "router/endpoint.h"
#include "router/protocol.h"

static bool parse_protocol(struct ctl_request *q, enum ctl_key key, const json_t *value)
{
	const char *name = json_string_value(value);
	int protocol = name != NULL ? protocol_parse(name) : -1;

	(void)key;
	q->protocol = (uint8_t)protocol;
	return protocol >= 0;
}

static bool parse_port(be16 *port, const char *digits)
{
	size_t len = strspn(digits, "0123456789");
	unsigned long number = strtoul(digits, NULL, 10);

	if (len == 0 || len > 5 || digits[len] != '\0' || number > UINT16_MAX)
		return false;
	*port = be16_from((uint16_t)number);
	return true;
}

/* "192.168.7.2" or "192.168.7.2:5000", "fd00::2" or "[fd00::2]:5000" */
static bool parse_endpoint(struct ctl_request *q, enum ctl_key key, const json_t *value)
{
	struct ctl_endpoint *e = &q->endpoints[key];
	const char *text = json_string_value(value), *port;
	char host[ENDPOINT_TEXT];
	be16 number = { 0 };

	if (text == NULL || !endpoint_split(text, host, &port) || !address_parse(&e->address, host))
		return false;
	e->with_port = port != NULL;
	if (e->with_port && !parse_port(&number, port))
		return false;
	e->port = number;
	return true;
}

static bool parse_state(struct ctl_request *q, enum ctl_key key, const json_t *value)
{
	const char *name = json_string_value(value);

	(void)key;
	for (enum tcp_state s = 0; name != NULL && s < TCP_STATE_COUNT; s++) {
		if (strcmp(name, tcp_state_name(s)) != 0)
			continue;
		q->tcp_state = s;
		return true;
	}
	return false;
}

static bool parse_limit(struct ctl_request *q, enum ctl_key key, const json_t *value)
{
	(void)key;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	q->limit = (uint64_t)json_integer_value(value);
	return true;
}

#define STATE_WORD(id, name) " " name
#define PROTOCOL_WORD(number, name) " " name
#define ENDPOINT_WORDS "a string with an address, address:port or [address]:port"

static const struct {
	const char *name, *expected;
	bool (*parse)(struct ctl_request *q, enum ctl_key key, const json_t *value);
} keys[] = {
	[CTL_PROTO] = { "proto", "a string, one of icmp" PROTOCOL_LIST(PROTOCOL_WORD) ", or the number of "
		      "another protocol", parse_protocol },
	[CTL_INSIDE] = { "inside", ENDPOINT_WORDS, parse_endpoint },
	[CTL_OUTSIDE] = { "outside", ENDPOINT_WORDS, parse_endpoint },
	[CTL_REMOTE] = { "remote", ENDPOINT_WORDS, parse_endpoint },
	[CTL_STATE] = { "state", "a string, one of" TCP_STATE_LIST(STATE_WORD), parse_state },
	[CTL_LIMIT] = { "limit", "a whole number, 0 for no limit", parse_limit },
};

_Static_assert(sizeof(keys) / sizeof(keys[0]) == CTL_KEY_COUNT, "a row per key");

static enum ctl_key find_key(const char *name)
{
	enum ctl_key key = 0;

	while (key < CTL_KEY_COUNT && strcmp(name, keys[key].name) != 0)
		key++;
	return key;
}

static const struct ctl_command *find_command(const char *name)
{
	for (const struct ctl_command *c = ctl_commands; name != NULL && c->name != NULL; c++)
		if (strcmp(name, c->name) == 0)
			return c;
	return NULL;
}

static bool refuse_command(struct text *fault)
{
	text_format(fault, "\"command\" must be one of");
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++)
		text_format(fault, " %s", c->name);
	return false;
}

static bool refuse_key(const struct ctl_command *c, const char *name, struct text *fault)
{
	text_format(fault, "%s does not take \"%s\"; it takes", c->name, name);
	for (enum ctl_key key = 0; key < CTL_KEY_COUNT; key++)
		if (c->keys & 1u << key)
			text_format(fault, " %s", keys[key].name);
	if (c->keys == 0)
		text_format(fault, " nothing");
	return false;
}

static bool parse_member(struct ctl_request *q, const char *name, const json_t *value,
			 struct text *fault)
{
	enum ctl_key key = find_key(name);

	if (strcmp(name, "command") == 0)
		return true;
	if (key == CTL_KEY_COUNT || !(q->command->keys & 1u << key))
		return refuse_key(q->command, name, fault);
	if (!keys[key].parse(q, key, value)) {
		text_format(fault, "\"%s\" must be %s", name, keys[key].expected);
		return false;
	}
	q->given |= 1u << key;
	return true;
}

static bool parse_object(struct ctl_request *q, json_t *object, struct text *fault)
{
	const char *name;
	json_t *value;

	*q = (struct ctl_request){
		.command = find_command(json_string_value(json_object_get(object, "command"))),
		.limit = CTL_LIMIT_DEFAULT,
	};
	if (q->command == NULL)
		return refuse_command(fault);
	json_object_foreach(object, name, value)
		if (!parse_member(q, name, value, fault))
			return false;
	return true;
}

bool ctl_request_parse(struct ctl_request *q, const char *line, size_t len, struct text *fault)
{
	json_error_t error;
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

	if (!json_is_object(object)) {
		text_format(fault, "a request is one object of JSON in one line, such as "
				   "{\"command\": \"status\"}");
		json_decref(object);
		return false;
	}
	bool parsed = parse_object(q, object, fault);
	json_decref(object);
	return parsed;
}

static bool wants_protocol(const struct ctl_request *q, uint8_t protocol)
{
	return !(q->given & 1u << CTL_PROTO) || protocol == q->protocol;
}

static bool wants_endpoint(const struct ctl_request *q, enum ctl_key key,
			   const struct nat_endpoint *e)
{
	const struct ctl_endpoint *asked = &q->endpoints[key];
	struct address address = endpoint_address(e);

	return !(q->given & 1u << key) ||
	       (address_equal(&address, &asked->address) &&
		(!asked->with_port || be16_equal(e->port, asked->port)));
}

bool ctl_request_wants_session(const struct ctl_request *q, const struct nat_session *s)
{
	return wants_protocol(q, s->protocol) && wants_endpoint(q, CTL_INSIDE, &s->inside) &&
	       wants_endpoint(q, CTL_OUTSIDE, &s->outside) &&
	       wants_endpoint(q, CTL_REMOTE, &s->remote) &&
	       (!(q->given & 1u << CTL_STATE) || s->state == q->tcp_state);
}

bool ctl_request_wants_mapping(const struct ctl_request *q, const struct nat_mapping *m)
{
	return wants_protocol(q, m->protocol) && wants_endpoint(q, CTL_INSIDE, &m->inside) &&
	       wants_endpoint(q, CTL_OUTSIDE, &m->outside);
}
