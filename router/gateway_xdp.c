/* What interfaces of type xdp ask of the host. */
#include <errno.h>

#include "gateway_core.h"
#include "io_backend.h"
#include "router/nl.h"
#include "xdp_program.h"

void gateway_replace_xdp(struct conf *c)
{
	for (size_t i = 0; i < c->interface_count; i++) {
		struct conf_interface *n = &c->interfaces[i];

		if (n->type == IO_XDP)
			n->xdp_error = -xdp_program_probe();
		if (n->xdp_error)
			n->type = IO_PACKET;
	}
}

static int check_address(const struct conf *c, int line, struct nl *nl, const struct address *a,
			 struct io_error *error)
{
	char text[ADDRESS_TEXT];

	if (!nl_is_local(nl, a))
		return 0;
	return io_refuse(error, -EADDRINUSE,
			 "%s:%d: %s is the kernel's, and type xdp leaves to the kernel what is for its "
			 "addresses; remove it there, or use type packet",
			 c->file, line, address_format(a, text));
}

static int check_pools(const struct conf *c, struct nl *nl, struct io_error *error)
{
	int r = 0;

	for (size_t i = 0; i < c->nat_count; i++) {
		const struct nat_policy *p = &c->policies[i];

		for (size_t k = 0; r == 0 && k < p->pool_count; k++) {
			struct address a = conf_pool_address(c, p->pool_first + k);

			if (a.version)
				r = check_address(c, c->nats[i].line, nl, &a, error);
		}
	}
	return r;
}

static int check_interface(const struct conf *c, const struct conf_interface *n, struct nl *nl,
			   struct io_error *error)
{
	int r = n->side == SIDE_OUTSIDE ? check_pools(c, nl, error) : 0;

	for (size_t i = 0; r == 0 && i < n->address_count; i++)
		r = check_address(c, n->line, nl, &n->addresses[i].address, error);
	return r;
}

int gateway_check_xdp(const struct conf *c, struct io_error *error)
{
	struct nl *nl = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->interface_count; i++) {
		const struct conf_interface *n = &c->interfaces[i];

		if (n->type != IO_XDP)
			continue;
		if (!nl && (r = nl_open(&nl)) < 0)
			return io_refuse(error, r, "rtnetlink: %s", strerror(-r));
		r = check_interface(c, n, nl, error);
	}
	nl_close(nl);
	return r;
}
