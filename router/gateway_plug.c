/*
 * Interfaces that come and go. While the device of one is not there, a backend of its own stands for
 * it, which is absent (io_absent.c). As soon as there is a device under that name again, it is opened
 * anew and takes the place, while workers run.
 *
 * A worker takes all interfaces at the start of a turn and keeps them for that turn. So the new one is
 * put into its place and counted, and the old one lives until every worker has ended the turn that it
 * was in. Before, this thread changes what the workers wait for, as long as the descriptors of both
 * are open and mean nothing else.
 *
 * At start, rights and memory that are missing end the gateway: no device that comes would bring them.
 * So does the lack of everything, unless there is a device to wait for. For all else there is one line
 * that says what is wrong, and the gateway runs with the rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <urcu-qsbr.h>

#include "gateway_core.h"
#include "io_backend.h"

/* Trying to open makes news about links itself, where it makes a device for a moment. */
enum { TRY_MS = 500 };

enum { FAULT_LEN = sizeof(struct io_error) / 2 };

static const struct conf_interface *conf_of(const struct gateway *g, size_t i)
{
	return &g->snapshot->conf->interfaces[i];
}

/* Before the first that needs it; again for a bridge, which may not have been there. */
static int install_guard(struct gateway *g, const struct conf_interface *n, struct io_error *error)
{
	struct io_error fault = { "" };
	int r = g->guard ? guard_update(g->guard, g->snapshot->conf, &fault)
			 : guard_install(&g->guard, g->snapshot->conf, &fault);

	return r < 0 ? io_refuse(error, r, "%s: %.*s", n->name, FAULT_LEN, fault.text) : 0;
}

static int open_interface(struct gateway *g, size_t i, struct io **io, struct io_error *error)
{
	const struct conf *c = g->snapshot->conf;
	const struct conf_interface *n = &c->interfaces[i];
	struct io_error fault = { "" };
	int r = 0;

	if (guard_is_for(n) && (!g->guard || guard_hooks(n)))
		r = install_guard(g, n, &fault);
	if (r == 0)
		r = io_open(io, n, c->workers, n->offload, &fault);
	if (r == 0) {
		r = io_follow(*io, c, i, &fault);
		if (r < 0) {
			io_close(*io);
			*io = NULL;
		}
	}
	if (r == 0)
		link_attach(g->link, (uint16_t)i, *io);
	if (r < 0)
		snprintf(error->text, sizeof(error->text), "%s:%d: %.*s", c->file, n->line,
			 FAULT_LEN, fault.text);
	return r;
}

static void note(struct plug *p, enum plug_state state, const char *why)
{
	if (p->state == state && strcmp(p->why.text, why) == 0)
		return;
	p->state = state;
	p->news = true;
	snprintf(p->why.text, sizeof(p->why.text), "%s", why);
}

static void note_fault(struct plug *p, int error_number, const struct io_error *error)
{
	note(p, error_number == -ENETDOWN ? PLUG_DOWN : PLUG_ABSENT, error->text);
}

static bool is_for_ever(int error_number)
{
	return error_number == -EPERM || error_number == -EACCES || error_number == -ENOMEM;
}

/* A device or a namespace that is to come, or to go up. */
static bool is_waited_for(int error_number)
{
	return error_number == -ENODEV || error_number == -ENETDOWN || error_number == -ENOENT;
}

int gateway_open_interfaces(struct gateway *g, struct io_error *error)
{
	const struct conf *c = g->snapshot->conf;
	bool hope = false;

	for (size_t i = 0; i < c->interface_count; i++) {
		int r = open_interface(g, i, &g->ios[i], error);

		hope |= r == 0 || is_waited_for(r);
		if (r == 0)
			continue;
		if (is_for_ever(r))
			return r;
		note_fault(&g->plugs[i], r, error);
		if (io_open_absent(&g->ios[i], c->workers) < 0)
			return gateway_no_memory(error);
	}
	return hope ? 0 : io_refuse(error, -ENODEV, "%s", g->plugs[0].why.text);
}

/* All workers wait for io, too, or none does. */
static int plug_in(struct gateway *g, size_t i, const struct io *io)
{
	uint16_t workers = g->snapshot->conf->workers, done = 0;
	int r = 0;

	for (; r == 0 && done < workers; done++)
		r = worker_plug(g->workers[done], (uint16_t)i, io);
	while (r < 0 && done > 0)
		worker_unplug(g->workers[--done], io);
	return r;
}

static int swap_in(struct gateway *g, size_t i, struct io *now)
{
	struct io *was = g->ios[i];
	int r = plug_in(g, i, now);

	if (r < 0) {
		io_close(now);
		return r;
	}
	for (uint16_t k = 0; k < g->snapshot->conf->workers; k++)
		worker_unplug(g->workers[k], was);
	__atomic_store_n(&g->ios[i], now, __ATOMIC_RELEASE);
	__atomic_store_n(&g->swaps, g->swaps + 1, __ATOMIC_RELEASE);
	synchronize_rcu();
	io_miss(now, io_missed(was));
	io_close(was);
	return 0;
}

/* True if there is a device again. */
static bool open_again(struct gateway *g, size_t i)
{
	struct plug *p = &g->plugs[i];
	struct io_error error = { "" };
	struct io *now;
	int r = open_interface(g, i, &now, &error);

	if (r == 0) {
		r = swap_in(g, i, now);
		gateway_steer(g, g->snapshot->conf);
		arp_tick(g->arp, g->snapshot->conf, gateway_now());
		return r == 0;
	}
	note_fault(p, r, &error);
	if (!io_is_absent(g->ios[i]) && io_open_absent(&now, g->snapshot->conf->workers) == 0)
		swap_in(g, i, now);
	return false;
}

static bool makes_news(enum io_type type)
{
	return type == IO_TUN || type == IO_TAP || type == IO_XDP || type == IO_MEM;
}

/* At once; where that itself makes news, again only after a while. */
static bool is_due(const struct gateway *g, size_t i)
{
	struct plug *p = &g->plugs[i];
	uint64_t now_ms = gateway_now().ms;

	if (io_is_absent(g->ios[i]) && makes_news(conf_of(g, i)->type) &&
	    now_ms < p->tried_ms + TRY_MS)
		return false;
	p->tried_ms = now_ms;
	return true;
}

static void note_link(struct gateway *g, size_t i)
{
	const struct conf_interface *n = conf_of(g, i);
	const char *in = n->netns ? " -n " : "", *netns = n->netns ? n->netns : "";
	struct io_error down;

	if (io_is_up(g->ios[i])) {
		note(&g->plugs[i], PLUG_UP, "");
	} else if (!io_is_absent(g->ios[i])) {
		io_refuse(&down, 0, "%s:%d: %s: device \"%s\" is down or has nobody at the other end: "
			  "ip%s%s link set %s up, or see to its cable", g->snapshot->conf->file,
			  n->line, n->name, n->device, in, netns, n->device);
		note(&g->plugs[i], PLUG_DOWN, down.text);
	}
}

/* Once per change. */
static void tell(struct gateway *g, size_t i, bool opened)
{
	struct plug *p = &g->plugs[i];
	const struct io *io = g->ios[i];

	if (p->news || opened) {
		if (p->state == PLUG_UP)
			fprintf(stderr, "router: %s: back, MTU %u, offload %s\n", conf_of(g, i)->name,
				io_mtu(io), io_takes_name(io_takes(io)));
		else
			fprintf(stderr, "router: %s\n", p->why.text);
	}
	if (opened && *io_remark(io))
		fprintf(stderr, "router: %s\n", io_remark(io));
	p->news = false;
}

static void look_at(struct gateway *g, size_t i)
{
	bool opened = false;

	if (!io_refresh(g->ios[i]) && is_due(g, i))
		opened = open_again(g, i);
	rib_link(g->snapshot->rib, (uint16_t)i, io_is_up(g->ios[i]));
	note_link(g, i);
	tell(g, i, opened);
}

void gateway_plug(struct gateway *g)
{
	for (size_t i = 0; i < g->snapshot->conf->interface_count; i++)
		look_at(g, i);
	gateway_follow_mtus(g);
}
