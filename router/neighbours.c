/*
 * A neighbour has a record, which is the writer's, and a node, which readers see. A change makes a new
 * node, puts it in the old one's place with one store, and lays the old one aside until nobody can
 * see it any more.
 *
 * A record goes through these: it is asked for by all who may know (ASKED), then known and
 * confirmed (FRESH) until its node says; used after that, it is asked alone (DOUBTED), while what is
 * known still counts. Three questions without an answer end it, and so do ten minutes without use.
 */
#include "router/neighbours.h"

#include <stdlib.h>

#include "mix.h"

enum {
	RECORDS = 4096, /* a power of two */
	NODES = 2 * RECORDS,
	ASKED_MOST = 256,
	QUESTIONS = 3,
	QUESTION_MS = 1000,
	ANSWER_MS = 100, /* most answers come sooner */
	FRESH_MS = 30000,
	IDLE_MS = 600000,
};

enum state { FREE, ASKED, FRESH, DOUBTED, STATES };

struct record {
	enum state state;
	unsigned int questions; /* put in this state */
	uint64_t due_ms;	/* of the next one */
	uint64_t touched_ms;
	struct neighbour *node;
};

struct neighbours {
	uint64_t key;
	struct neighbour *buckets[RECORDS];
	struct neighbour *spare[NODES], *left[NODES]; /* left: perhaps still seen */
	size_t spare_count, left_count;
	size_t counts[STATES];
	struct record records[RECORDS];
	struct neighbour nodes[NODES];
};

struct neighbours *neighbours_new(const uint8_t key[static 8])
{
	struct neighbours *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	memcpy(&n->key, key, sizeof(n->key));
	for (size_t i = 0; i < NODES; i++)
		n->spare[n->spare_count++] = &n->nodes[i];
	n->counts[FREE] = RECORDS;
	return n;
}

void neighbours_free(struct neighbours *n)
{
	free(n);
}

static size_t bucket_of(const struct neighbours *n, uint16_t interface, const struct address *a)
{
	uint64_t words[2], h = n->key + interface;

	/* Whoever is on the link chooses addresses. */
	memcpy(words, a->octets, sizeof(words));
	for (size_t i = 0; i < 2; i++)
		h = mix(h ^ words[i]);
	return h % RECORDS;
}

const struct neighbour *neighbours_find(const struct neighbours *n, uint16_t interface,
					const struct address *a)
{
	const struct neighbour *at = __atomic_load_n(&n->buckets[bucket_of(n, interface, a)],
						      __ATOMIC_ACQUIRE);

	while (at && (at->interface != interface || !address_equal(&at->address, a)))
		at = __atomic_load_n(&at->next, __ATOMIC_ACQUIRE);
	return at;
}

static struct record *record_of(struct neighbours *n, uint16_t interface, const struct address *a)
{
	const struct neighbour *found = neighbours_find(n, interface, a);

	return found ? &n->records[found->record] : NULL;
}

static void set_state(struct neighbours *n, struct record *r, enum state state)
{
	n->counts[r->state]--;
	n->counts[state]++;
	r->state = state;
	r->questions = 0;
}

/* Where the node of a record hangs, or the end of its bucket. */
static struct neighbour **place_of(struct neighbours *n, const struct neighbour *node)
{
	struct neighbour **at = &n->buckets[bucket_of(n, node->interface, &node->address)];

	while (*at && *at != node)
		at = &(*at)->next;
	return at;
}

static void lay_aside(struct neighbours *n, struct neighbour *node)
{
	n->left[n->left_count++] = node;
}

/* Show readers another node of the record; false: there is none to spare. */
static bool show(struct neighbours *n, struct record *r, const struct neighbour *now)
{
	struct neighbour **at = place_of(n, r->node ? r->node : now), *node;

	if (!n->spare_count)
		return false;
	node = n->spare[--n->spare_count];
	*node = *now;
	node->record = (uint32_t)(r - n->records);
	node->next = r->node ? r->node->next : NULL;
	__atomic_store_n(at, node, __ATOMIC_RELEASE);
	if (r->node)
		lay_aside(n, r->node);
	r->node = node;
	return true;
}

static void forget(struct neighbours *n, struct record *r)
{
	__atomic_store_n(place_of(n, r->node), r->node->next, __ATOMIC_RELEASE);
	lay_aside(n, r->node);
	r->node = NULL;
	set_state(n, r, FREE);
}

/* Nobody is using it, or it would have been doubted. */
static struct record *longest_unused(struct neighbours *n, nat_time now)
{
	struct record *found = NULL;

	for (size_t i = 0; i < RECORDS; i++) {
		struct record *r = &n->records[i];

		if (r->state == FRESH && r->node->until_ms <= now.ms &&
		    (!found || r->touched_ms < found->touched_ms))
			found = r;
	}
	return found;
}

static struct record *take_record(struct neighbours *n, nat_time now)
{
	size_t i = 0;

	if (!n->counts[FREE]) {
		struct record *r = longest_unused(n, now);

		if (r)
			forget(n, r);
		return r;
	}
	while (n->records[i].state != FREE)
		i++;
	return &n->records[i];
}

/* Of those that are asked for, the one that has kept us waiting longest gives way, or a scan would leave
 * no place for anybody else. */
static bool make_way(struct neighbours *n, nat_time now)
{
	struct record *found = NULL;

	for (size_t i = 0; i < RECORDS; i++) {
		struct record *r = &n->records[i];

		if (r->state == ASKED && r->questions && (!found || r->due_ms < found->due_ms))
			found = r;
	}
	if (!found || now.ms + QUESTION_MS < found->due_ms + ANSWER_MS)
		return false;
	forget(n, found);
	return true;
}

/* What is not known yet takes no more than its places. */
static void begin(struct neighbours *n, const struct neighbour *node, enum state state, nat_time now)
{
	struct record *r;

	if (state == ASKED && n->counts[ASKED] == ASKED_MOST && !make_way(n, now))
		return;
	r = take_record(n, now);
	if (!r || !show(n, r, node))
		return;
	set_state(n, r, state);
	r->due_ms = r->touched_ms = now.ms;
}

static void doubt(struct neighbours *n, struct record *r, nat_time now)
{
	struct neighbour node = *r->node;

	node.until_ms = UINT64_MAX;
	if (!show(n, r, &node))
		return;
	set_state(n, r, DOUBTED);
	r->due_ms = now.ms;
}

void neighbours_want(struct neighbours *n, uint16_t interface, const struct address *a, nat_time now)
{
	struct record *r = record_of(n, interface, a);

	if (!r) {
		begin(n, &(struct neighbour){ .address = *a, .interface = interface,
					      .until_ms = UINT64_MAX }, ASKED, now);
		return;
	}
	r->touched_ms = now.ms;
	if (r->state == FRESH && r->node->until_ms <= now.ms)
		doubt(n, r, now);
}

/* What is heard becomes known; confirmed: it was an answer to a question of ours. */
static void learn(struct neighbours *n, struct record *r, const struct heard *h, nat_time now)
{
	const struct discovery *d = h->message;
	bool confirmed = d->answer && d->solicited;
	struct neighbour node = *r->node;

	node.known = true;
	if (d->has_mac) {
		memcpy(node.mac, d->mac, sizeof(node.mac));
		node.tags = *h->tags;
	}
	node.until_ms = confirmed ? now.ms + FRESH_MS : 0;
	if (!show(n, r, &node))
		return;
	set_state(n, r, FRESH);
	r->touched_ms = now.ms;
}

static bool says_otherwise(const struct record *r, const struct heard *h)
{
	return h->message->has_mac && (!l2_same(r->node->mac, h->message->mac) ||
				       !l2_same_vlan(&r->node->tags, h->tags));
}

/* RFC 4861 section 7.2.5: who may not override makes doubt what is known. */
static void hear_again(struct neighbours *n, struct record *r, const struct heard *h, nat_time now)
{
	const struct discovery *d = h->message;
	bool other = says_otherwise(r, h), may = !d->answer || d->override;
	bool fresh = r->state == FRESH && r->node->until_ms > now.ms + FRESH_MS / 2;

	if (other && !may) {
		if (r->state == FRESH && r->node->until_ms > now.ms)
			doubt(n, r, now);
	} else if (other || (d->answer && d->solicited && !fresh)) {
		learn(n, r, h, now);
	}
}

void neighbours_hear(struct neighbours *n, const struct heard *h, nat_time now)
{
	const struct discovery *d = h->message;
	const struct address *who = d->answer ? &d->about : &d->peer;
	struct record *r = who->version ? record_of(n, h->interface, who) : NULL;

	if (r && r->state != ASKED)
		hear_again(n, r, h, now);
	else if (r && d->has_mac)
		learn(n, r, h, now);
	else if (!r && who->version && d->has_mac && h->ours && !d->answer) {
		struct neighbour node = { .address = *who, .interface = h->interface, .known = true,
					  .tags = *h->tags };

		memcpy(node.mac, d->mac, sizeof(node.mac));
		begin(n, &node, FRESH, now);
	}
}

static bool is_over(const struct record *r, nat_time now)
{
	if (r->state == FRESH)
		return now.ms - r->touched_ms >= IDLE_MS && r->node->until_ms <= now.ms;
	return r->state != FREE && r->questions == QUESTIONS && r->due_ms <= now.ms;
}

bool neighbours_ask(struct neighbours *n, size_t *cursor, nat_time now,
		    struct neighbours_question *q)
{
	while (*cursor < RECORDS) {
		struct record *r = &n->records[(*cursor)++];

		if (is_over(r, now))
			forget(n, r);
		if ((r->state != ASKED && r->state != DOUBTED) || r->due_ms > now.ms)
			continue;
		r->questions++;
		r->due_ms = now.ms + QUESTION_MS;
		*q = (struct neighbours_question){ .interface = r->node->interface,
						   .about = r->node->address,
						   .known = r->node->known, .tags = r->node->tags };
		memcpy(q->mac, r->node->mac, sizeof(q->mac));
		return true;
	}
	return false;
}

bool neighbours_are_asked(const struct neighbours *n)
{
	return n->counts[ASKED] || n->counts[DOUBTED];
}

void neighbours_forget(struct neighbours *n, uint16_t interface)
{
	for (size_t i = 0; i < RECORDS; i++)
		if (n->records[i].state != FREE && n->records[i].node->interface == interface)
			forget(n, &n->records[i]);
}

bool neighbours_have_left(const struct neighbours *n)
{
	return n->left_count;
}

void neighbours_reclaim(struct neighbours *n)
{
	while (n->left_count)
		n->spare[n->spare_count++] = n->left[--n->left_count];
}
