/* A configuration without the host that it is for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf_read.h"
#include "gateway_core.h"
#include "io_backend.h"
#include "replay_core.h"

static bool needs_address(const struct conf *c, size_t interface)
{
	for (size_t i = 0; i < c->nat_count; i++)
		if (c->nats[i].pool_interface == interface || c->nats[i].match_interface == interface ||
		    c->nats[i].prefix_interface == interface)
			return true;
	return false;
}

static int give_address(struct conf *c, const struct replay_word *w, struct io_error *error)
{
	int i = replay_interface(c, w->interface, error);
	struct prefix p, *grown;
	struct conf_interface *n;

	if (i < 0)
		return i;
	n = &c->interfaces[i];
	if (!strchr(w->value, '/') || !prefix_parse(&p, w->value))
		return io_refuse(error, -EINVAL, "--address %s=%.100s: an address with the length of its "
				 "network, like 203.0.113.5/24", w->interface, w->value);
	if (conf_host_fault(&p))
		return io_refuse(error, -EINVAL, "--address %s=%.100s: that %s; give the address of one host",
				 w->interface, w->value, conf_host_fault(&p));
	if (!n->shares_address)
		return io_refuse(error, -EINVAL, "--address %s: line %d of %.200s gives its addresses, or "
				 "needs none", w->interface, n->line, c->file);
	grown = realloc(n->addresses, (n->address_count + 1) * sizeof(*grown));
	if (!grown)
		return gateway_no_memory(error);
	n->addresses = grown;
	n->addresses[n->address_count++] = p;
	return 0;
}

static int check_addresses(const struct conf *c, struct io_error *error)
{
	for (size_t i = 0; i < c->interface_count; i++) {
		const struct conf_interface *n = &c->interfaces[i];

		if (n->shares_address && !n->address_count && needs_address(c, i))
			return io_refuse(error, -EINVAL, "%.200s:%d: the kernel gives %s its address, and "
					 "here is no kernel: --address %s=ADDRESS/LENGTH", c->file, n->line,
					 n->name, n->name);
	}
	return 0;
}

/* The same interfaces, with nothing of the host's. Its routes are not ours here. */
int replay_adapt(struct conf *c, const struct replay *r, struct io_error *error)
{
	int fault = 0;

	for (size_t i = 0; i < c->interface_count; i++) {
		struct conf_interface *n = &c->interfaces[i];

		n->shares_address = conf_may_share(n) && !n->address_count;
		n->type = IO_MEM;
		n->offload = false;
	}
	c->import_table_count = 0;
	free(c->state_file);
	c->state_file = NULL;
	c->seed = r->seed ? r->seed : c->seed ? c->seed : 1;
	for (size_t i = 0; !fault && i < r->address.count; i++)
		fault = give_address(c, &r->address.word[i], error);
	return fault ? fault : check_addresses(c, error);
}
