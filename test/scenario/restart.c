/* Workers that begin, and that go on with what others have left. */
#include "restart.h"

#include <stdlib.h>
#include <sys/mman.h>

static const uint8_t seed[32] = "the same for all workers";

static struct nat_config config_of(const struct gateway *g, uint16_t worker)
{
	struct nat_config c = g->settings->nat;

	c.workers = g->workers;
	c.worker = worker;
	return c;
}

/* Zero, and not there before it is touched: many begin, and few do much. */
static void *memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at;
}

static size_t size_of_records(const struct nat_config *c)
{
	return nat_saved_count(c) * sizeof(struct nat_saved);
}

static void keep_records(struct gateway *g, const struct nat_config *c)
{
	g->records[c->worker] = memory(size_of_records(c));
	nat_save_to(g->nats[c->worker], g->records[c->worker]);
}

void gateway_begin(struct gateway *g, const struct nat_config *c)
{
	size_t size = nat_size(c);

	/* The library must not rely on memory being zero. */
	g->nats[c->worker] = nat_init(memset(memory(size), 0xa5, size), c, seed);
	keep_records(g, c);
}

void gateway_end(struct gateway *g, uint16_t worker)
{
	struct nat_config c = config_of(g, worker);

	munmap(g->nats[worker], nat_size(&c));
	munmap(g->records[worker], size_of_records(&c));
}

typedef enum nat_restored restoring(struct nat *n, nat_time now, const struct nat_saved *s,
				    const struct nat_outage *outage);

/* What one worker makes of all records. */
static void restore(const struct gateway *before, struct nat *n, nat_time now, restoring *one,
		    bool clean)
{
	const struct nat_outage outage = { .clean = clean };

	for (uint16_t i = 0; i < before->workers; i++) {
		struct nat_config c = config_of(before, i);
		size_t count = nat_saved_count(&c);

		for (size_t k = 0; k < count; k++)
			if (before->records[i][k].kind)
				one(n, now, &before->records[i][k], &outage);
	}
}

void gateway_restart(struct gateway *g, nat_time now, bool clean)
{
	struct gateway before = *g;
	struct nat_gauges sum;

	for (uint16_t i = 0; i < g->workers; i++) {
		struct nat_config c = config_of(g, i);

		if (clean)
			nat_save_some(g->nats[i], now, SIZE_MAX);
		g->nats[i] = nat_init_zeroed(memory(nat_size(&c)), &c, seed);
		keep_records(g, &c);
	}
	for (uint16_t i = 0; i < g->workers; i++) {
		restore(&before, g->nats[i], now, nat_restore, clean);
		restore(&before, g->nats[i], now, nat_restore_rest, clean);
	}
	for (uint16_t i = 0; i < g->workers; i++)
		gateway_end(&before, i);
	sum = gateway_gauges(g);
	notes_begin(&g->notes, &sum);
}
