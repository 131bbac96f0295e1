/* A configuration once more, so that what is learned can change in it while the other is in use. */
#include "router/conf.h"

#include <stdlib.h>
#include <string.h>

/* What was copied so far; failed: not all of it. */
struct cloning { bool failed; };

static void *copy(struct cloning *k, const void *from, size_t count, size_t size)
{
	void *to = from ? calloc(count ? count : 1, size) : NULL;

	if (to && count)
		memcpy(to, from, count * size);
	k->failed |= from && !to;
	return to;
}

static char *copy_text(struct cloning *k, const char *text)
{
	return copy(k, text, text ? strlen(text) + 1 : 0, 1);
}

static void clone_interfaces(struct cloning *k, struct conf *to, const struct conf *from)
{
	to->interfaces = copy(k, from->interfaces, from->interface_count, sizeof(*to->interfaces));
	for (size_t i = 0; to->interfaces && i < from->interface_count; i++) {
		const struct conf_interface *was = &from->interfaces[i];
		struct conf_interface *now = &to->interfaces[i];

		now->addresses = copy(k, was->addresses, was->address_count, sizeof(*was->addresses));
		now->netns = copy_text(k, was->netns);
		now->host_addresses = copy(k, was->host_addresses, was->host_address_count,
					   sizeof(*was->host_addresses));
		now->host_routes = copy(k, was->host_routes, was->host_route_count,
					sizeof(*was->host_routes));
	}
}

/* Each entry has a part of the array. */
static void clone_eams(struct cloning *k, struct conf *to, const struct conf *from)
{
	to->eams = copy(k, from->eams, from->eam_count, sizeof(*to->eams));
	to->eams_by6 = copy(k, from->eams_by6, from->eam_count, sizeof(*to->eams_by6));
	for (size_t i = 0; !k->failed && i < from->nat_count; i++) {
		const struct nat_policy6 *was = &from->policies[i].v6;

		if (!was->eams)
			continue;
		to->policies[i].v6.eams = to->eams + (was->eams - from->eams);
		to->policies[i].v6.eams_by6 = to->eams_by6 + (was->eams - from->eams);
	}
}

static void clone_nat(struct cloning *k, struct conf *to, const struct conf *from)
{
	const struct nat_config *n = &from->nat;

	to->nats = copy(k, from->nats, from->nat_count, sizeof(*to->nats));
	for (size_t i = 0; to->nats && i < from->nat_count; i++)
		to->nats[i].name = copy_text(k, from->nats[i].name);
	to->policies = copy(k, from->policies, from->nat_count, sizeof(*to->policies));
	to->pool = copy(k, from->pool, n->pool_count, sizeof(*to->pool));
	to->pool6 = copy(k, from->pool6, n->pool_count, sizeof(*to->pool6));
	to->places = copy(k, from->places, n->pool_count, sizeof(*to->places));
	to->forwards = copy(k, from->forwards, n->forward_count, sizeof(*to->forwards));
	to->forward_interfaces = copy(k, from->forward_interfaces, n->forward_count,
				      sizeof(*to->forward_interfaces));
	clone_eams(k, to, from);
	to->nat.policies = to->policies;
	to->nat.pool = to->pool;
	to->nat.pool6 = to->pool6;
	to->nat.forwards = to->forwards;
}

struct conf *conf_clone(const struct conf *from)
{
	struct cloning k = { false };
	struct conf *to = copy(&k, from, 1, sizeof(*to));

	if (!to)
		return NULL;
	to->file = copy_text(&k, from->file);
	to->control = copy_text(&k, from->control);
	to->state_file = copy_text(&k, from->state_file);
	to->user = copy_text(&k, from->user);
	to->group = copy_text(&k, from->group);
	clone_interfaces(&k, to, from);
	to->routes = copy(&k, from->routes, from->route_count, sizeof(*to->routes));
	to->import_tables = copy(&k, from->import_tables, from->import_table_count,
				 sizeof(*to->import_tables));
	clone_nat(&k, to, from);
	to->rules = copy(&k, from->rules, from->rule_count, sizeof(*to->rules));
	to->log.collectors = copy(&k, from->log.collectors, from->log.collector_count,
				  sizeof(*to->log.collectors));
	if (!k.failed)
		return to;
	conf_free(to);
	return NULL;
}
