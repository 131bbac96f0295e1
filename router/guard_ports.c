#include "guard_ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io_backend.h"

static const char path[] = "/proc/sys/net/ipv4/ip_local_port_range";

enum { HOST_PORTS_LEAST = 512 };

void ports_add(struct ports *p, uint16_t first, uint16_t last)
{
	for (unsigned int i = first; i <= last && last; i++)
		p->has[i] = true;
}

bool ports_next(const struct ports *p, bool in, unsigned int *at, struct port_range *run)
{
	while (*at < PORTS && p->has[*at] != in)
		++*at;
	if (*at == PORTS)
		return false;
	run->first = (uint16_t)*at;
	while (*at < PORTS && p->has[*at] == in)
		++*at;
	run->last = (uint16_t)(*at - 1);
	return true;
}

static unsigned int count_of(struct port_range r)
{
	return r.first <= r.last && r.last ? r.last - r.first + 1u : 0;
}

/* The longest run of unused ports within limits. */
static struct port_range longest_gap(const struct ports *used, struct port_range limits)
{
	struct port_range best = { 0, 0 }, run;
	unsigned int at = limits.first;

	while (ports_next(used, false, &at, &run)) {
		if (run.last > limits.last)
			run.last = limits.last;
		if (count_of(run) > count_of(best))
			best = run;
	}
	return best;
}

static int range_read(struct port_range *r)
{
	FILE *f = fopen(path, "re");
	int count;

	if (!f)
		return -errno;
	count = fscanf(f, "%hu %hu", &r->first, &r->last);
	fclose(f);
	return count == 2 ? 0 : -EIO;
}

static int range_write(struct port_range r)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	fprintf(f, "%u %u\n", r.first, r.last);
	return fclose(f) == 0 ? 0 : -errno;
}

static bool range_equal(struct port_range a, struct port_range b)
{
	return a.first == b.first && a.last == b.last;
}

int host_ports_move(struct host_ports *h, const struct ports *used, struct io_error *error)
{
	static const struct port_range unprivileged = { 1024, PORTS - 1 };
	struct port_range gap;
	int r = h->after.last ? 0 : range_read(&h->before);

	if (r < 0)
		return io_refuse(error, r, "guard: cannot read %s: %s", path, strerror(-r));
	gap = longest_gap(used, h->before);
	if (range_equal(gap, h->before)) {
		host_ports_restore(h);
		return 0;
	}
	if (count_of(gap) < HOST_PORTS_LEAST)
		gap = longest_gap(used, unprivileged);
	if (count_of(gap) < HOST_PORTS_LEAST)
		return io_refuse(error, -EADDRINUSE,
				 "guard: the NAT shares an address with the host and leaves it no "
				 "ports of its own: keep some free, as ports = \"4096-65535\" does");
	r = range_write(gap);
	if (r < 0)
		return io_refuse(error, r, "guard: cannot write %s: %s", path, strerror(-r));
	h->after = gap;
	return 0;
}

void host_ports_restore(struct host_ports *h)
{
	struct port_range now;

	if (h->after.last && range_read(&now) == 0 && range_equal(now, h->after))
		range_write(h->before);
	h->after = (struct port_range){ 0 };
}
