/*
 * Fetching ahead. A session that begins or ends touches a dozen cache lines which nothing has made
 * warm; asked for together they cost little more than one. Nothing here changes anything: where a
 * guess is wrong, lines come when they are wanted.
 *
 * Keys are written in one stage and hashed in the next: a load that spans several stores which are
 * under way has to wait for them.
 */
#include "ahead.h"

static void fetch(const void *at)
{
	__builtin_prefetch(at, 1);
}

/* A record that may lie across two lines. */
static void fetch_record(const void *at, size_t len)
{
	fetch(at);
	fetch((const uint8_t *)at + len - 1);
}

static void fetch_bucket(const struct nat *n, const struct table *t, struct known *k)
{
	k->hash = hash_tuple(&n->hash, &k->key);
	table_prefetch(t, k->hash);
}

static void fetch_second(const struct table *t, const struct known *k)
{
	fetch(table_second(t, k->hash));
}

static void fetch_port(const struct nat *n, uint16_t address, uint8_t protocol, be16 port)
{
	fetch(ports_word(&n->ports, address, ports_protocol(protocol), be16_host(port)));
}

/* The keys of host and mapping. */
static void note_inside(const struct nat *n, const struct nat_sought *sought, struct ahead *a)
{
	const struct tuple *t = &sought->tuple;
	const struct nat_policy *p = policy_of(n, t->local, t->remote);

	a->hashes = n->none;
	a->hashes.session[t->side] = (struct known){ *t, sought->hash };
	a->policy = t->side == SIDE_INSIDE && p && p->type == NAT_NAPT44 &&
				    !nat_policy_is_planned(p) ? p : NULL;
	if (!a->policy)
		return;
	a->hashes.host.key = (struct tuple){ .local = t->local };
	a->hashes.mapping[SIDE_INSIDE].key =
		mapping_inside_key(t, p->behaviour[nat_class_of(t->protocol)].mapping);
}

static void fetch_inside(const struct nat *n, struct ahead *a)
{
	const struct tuple *t = &a->hashes.session[SIDE_INSIDE].key;

	if (!a->policy)
		return;
	fetch_bucket(n, &n->hosts_by, &a->hashes.host);
	fetch_bucket(n, &n->mappings_by, &a->hashes.mapping[SIDE_INSIDE]);
	a->address = choose_guess_address(n, a->policy, t, &a->hashes.pooling);
	fetch_port(n, a->address, t->protocol, t->local_port);
}

/* The outside endpoint is part of two keys. */
static void note_outside(struct ahead *a, struct endpoint e)
{
	struct tuple key = a->hashes.session[SIDE_INSIDE].key;

	key.side = SIDE_OUTSIDE;
	key.local = e.address;
	key.local_port = e.port;
	a->hashes.session[SIDE_OUTSIDE].key = key;
	key.remote_port = (be16){ 0 };
	key.remote = (be32){ 0 };
	a->hashes.mapping[SIDE_OUTSIDE].key = key;
}

static void choose(const struct nat *n, struct ahead *a, uint64_t *draw)
{
	uint32_t number;
	int port;

	if (!a->policy)
		return;
	number = table_guess(&n->hosts_by, a->hashes.host.hash);
	if (number != TABLE_NONE)
		fetch_record(&n->hosts[number], sizeof(struct host));
	number = table_guess(&n->mappings_by, a->hashes.mapping[SIDE_INSIDE].hash);
	if (number != TABLE_NONE) {
		fetch(&n->mappings[number >> 1]);
		a->policy = NULL;
		return;
	}
	fetch_second(&n->mappings_by, &a->hashes.mapping[SIDE_INSIDE]);
	port = choose_guess(n, a->policy, &a->hashes.session[SIDE_INSIDE].key, a->address, draw);
	if (port == PORT_NONE)
		a->policy = NULL;
	else
		note_outside(a, (struct endpoint){ n->pool.now[a->address],
						   be16_from((uint16_t)port) });
}

static void fetch_outside(const struct nat *n, struct ahead *a)
{
	if (!a->policy)
		return;
	fetch_bucket(n, &n->sessions_by, &a->hashes.session[SIDE_OUTSIDE]);
	fetch_bucket(n, &n->mappings_by, &a->hashes.mapping[SIDE_OUTSIDE]);
}

static void fetch_spilled(const struct nat *n, const struct ahead *a)
{
	if (!a->policy)
		return;
	fetch_second(&n->sessions_by, &a->hashes.session[SIDE_OUTSIDE]);
	fetch_second(&n->mappings_by, &a->hashes.mapping[SIDE_OUTSIDE]);
}

void ahead_open(const struct nat *n, struct nat_job *const *jobs, size_t count,
		struct ahead *ahead)
{
	uint64_t draw = n->draws;
	size_t opening = 0;

	for (size_t i = 0; i < count; i++)
		if (ahead_opens(jobs[i]))
			note_inside(n, &jobs[i]->sought, &ahead[opening++]);
	for (size_t i = 0; i < opening; i++)
		fetch_inside(n, &ahead[i]);
	for (size_t i = 0; i < opening; i++)
		choose(n, &ahead[i], &draw);
	for (size_t i = 0; i < opening; i++)
		fetch_outside(n, &ahead[i]);
	for (size_t i = 0; i < opening; i++)
		fetch_spilled(n, &ahead[i]);
}

static struct hashes *hashes_at(struct nat *n, uint32_t number)
{
	return &n->ending[number % ENDING];
}

static bool is_young(const struct nat *n, const struct session *s)
{
	return session_deadline(n, s, n->now) > (int64_t)n->now.ms + WHEEL_TICK_MS;
}

static void end_far(struct nat *n, uint32_t number)
{
	fetch(session_at(n, number));
	fetch(&session_at(n, number)->link);
}

static void end_near(struct nat *n, uint32_t number)
{
	const struct session *s = session_at(n, number);
	struct hashes *h = hashes_at(n, number);

	if (is_young(n, s))
		return;
	for (int side = 0; side < SIDE_COUNT; side++) {
		h->session[side].key = s->key[side];
		fetch_bucket(n, &n->sessions_by, &h->session[side]);
	}
	fetch(&n->mappings[s->mapping]);
	if (s->peer != SLAB_NONE)
		fetch_record(&n->peers[s->peer], sizeof(struct peer));
}

static void end_next(struct nat *n, uint32_t number)
{
	const struct session *s = session_at(n, number);
	const struct mapping *m = &n->mappings[s->mapping];
	struct hashes *h = hashes_at(n, number);

	if (is_young(n, s))
		return;
	fetch_record(&n->hosts[m->host], sizeof(struct host));
	if (s->peer != SLAB_NONE && n->peers[s->peer].sessions == 1) {
		h->peer.key = n->peers[s->peer].key;
		fetch_bucket(n, &n->peers_by, &h->peer);
	}
	if (m->sessions != 1)
		return;
	for (int side = 0; side < SIDE_COUNT; side++) {
		h->mapping[side].key = m->key[side];
		fetch_bucket(n, &n->mappings_by, &h->mapping[side]);
	}
	if (m->address != NO_ADDRESS)
		fetch_port(n, m->address, m->key[SIDE_OUTSIDE].protocol,
			   m->key[SIDE_OUTSIDE].local_port);
}

/* What comes up behind it is one step further than when it was the one before. */
const struct hashes *ahead_end(struct nat *n, uint32_t number)
{
	uint32_t after[] = { number, WHEEL_NONE, WHEEL_NONE, WHEEL_NONE };

	for (int i = 0; i < 3 && after[i] != WHEEL_NONE; i++)
		after[i + 1] = wheel_after(&n->wheel, after[i]);
	if (after[1] != WHEEL_NONE)
		end_next(n, after[1]);
	if (after[2] != WHEEL_NONE)
		end_near(n, after[2]);
	if (after[3] != WHEEL_NONE)
		end_far(n, after[3]);
	return hashes_at(n, number);
}
