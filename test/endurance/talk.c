#include "talk.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOBODY = UINT32_MAX, PORT_FIRST = 1024, PORTS = 60000, OF_ONE_ENDPOINT = 4, IN_A_ROW = 16 };
enum { REMOTE_FIRST = 0x40000000, REMOTE_MASK = 0x1fffffff, REMOTE_PORT = 443, FTP_PORT = 21, STRANGERS = 100 };

bool talks_open(struct talks *t, struct site *site, uint32_t most)
{
	*t = (struct talks){ .site = site, .chance = { .state = 7 }, .most = most, .free = NOBODY };
	for (size_t i = 0; i < TALK_TICKS; i++)
		t->due[i] = NOBODY;
	t->all = calloc(most, sizeof(*t->all));
	return t->all;
}

void talks_close(struct talks *t)
{
	free(t->all);
}

static void wrong(struct talks *t, const struct talk *k, const char *what, enum reason r)
{
	if (!t->fault[0])
		snprintf(t->fault, sizeof(t->fault),
			 "%s (%s): entry %u, story %u, step %u, host %u port %u, remote %08x port %u, place %u "
			 "port %u, at %llu ms", what, reason_name(r), k->entry, k->story, k->step, k->host,
			 k->inside_port, k->remote, k->remote_port, k->place, k->outside_port,
			 (unsigned long long)t->site->now.ms);
}

static void plan(struct talks *t, uint32_t number)
{
	struct talk *k = &t->all[number];
	uint32_t wait = story_step((enum story)k->story, k->step)->wait, at;

	if (wait)
		wait += chance_below(&t->chance, wait + 1);
	at = (t->tick + wait) % TALK_TICKS;
	k->next = t->due[at];
	t->due[at] = number;
}

static void end(struct talks *t, uint32_t number)
{
	t->all[number].next = t->free;
	t->free = number;
	t->live--;
}

static uint32_t take(struct talks *t)
{
	uint32_t number = t->free;

	if (number != NOBODY)
		t->free = t->all[number].next;
	else if (t->high < t->most)
		number = t->high++;
	t->live += number != NOBODY;
	return number;
}

/* Endpoints of UDP speak to several, one after the other. Hosts take turns, but those with blocks, of which
 * each has its time. */
static void choose_ends(struct talks *t, struct talk *k)
{
	uint8_t protocol = story_protocol((enum story)k->story);
	size_t kind = protocol == PROTO_TCP ? 0 : protocol == PROTO_UDP ? 1 : 2;
	uint32_t hosts = site_hosts((enum site_entry)k->entry);
	uint64_t n = t->serial[k->entry][kind]++ / (kind == 1 ? OF_ONE_ENDPOINT : 1), turn = n / hosts;

	k->host = (uint32_t)(n % hosts);
	if (k->entry == ENTRY_BLOCKS) {
		k->host = (uint32_t)(n / IN_A_ROW % hosts);
		turn = n / IN_A_ROW / hosts * IN_A_ROW + n % IN_A_ROW;
	}
	k->inside_port = (uint16_t)(PORT_FIRST + turn % PORTS);
	k->remote = REMOTE_FIRST | ((uint32_t)chance_bits(&t->chance) & REMOTE_MASK);
	k->remote_port = k->story == STORY_FTP ? FTP_PORT : REMOTE_PORT;
}

/* From outside, to a forward. */
static void choose_served(struct talks *t, struct talk *k)
{
	k->inside_port = (uint16_t)(SITE_SERVED_PORT + chance_below(&t->chance, SITE_SERVED));
	k->outside_port = k->inside_port;
	k->remote_port = (uint16_t)(PORT_FIRST + chance_below(&t->chance, PORTS));
	k->place = PLACE_SERVED;
	k->placed = true;
}

static void begin(struct talks *t)
{
	uint32_t number = take(t);
	struct talk *k = &t->all[number];

	if (number == NOBODY) {
		snprintf(t->fault, sizeof(t->fault), "more talks at once than there is room for");
		return;
	}
	*k = (struct talk){ .place = PLACE_NONE };
	k->story = (uint8_t)story_choose(&t->chance, &k->entry);
	choose_ends(t, k);
	if (k->story == STORY_SERVED)
		choose_served(t, k);
	plan(t, number);
}

/* Where its mapping is, from what came out. */
static const char *learn(struct talks *t, struct talk *k, const struct pkt *p)
{
	if (!site_find(t->site, (enum site_entry)k->entry, pkt_source(p), &k->place))
		return "left by an address that is none of the entry's";
	if (k->place < SITE_PLACES)
		k->epoch = t->site->epochs[k->place];
	k->outside_port = load16(pkt_transport(p) + (story_protocol((enum story)k->story) == PROTO_ICMP ? 4 : 0));
	k->placed = true;
	return NULL;
}

/* What may become of the first datagram of a talk where too much is going on. */
static bool may_be_refused(const struct talk *k, const struct nat_job *job)
{
	return k->step == 0 && job->verdict == NAT_DROP &&
	       (job->reason == REASON_SESSION_LIMIT || job->reason == REASON_OUT_OF_PORTS);
}

static const char *judge(struct talks *t, struct talk *k, struct passage *g, const struct nat_job *job)
{
	const char *fault = NULL;
	struct leg leg;

	if (!k->placed)
		fault = learn(t, k, job->p);
	if (fault)
		return fault;
	story_leg(t, k, side_other(job->from), &leg);
	return datagram_fault(job->p->ip, job->p->len, &leg, &g->part);
}

/* Its way through the NAT is over: then the next step is due, or the talk is over, too. */
static void arrive(struct talks *t, struct passage *g, const struct nat_job *job)
{
	struct talk *k = &t->all[g->talk];
	const char *fault;

	t->verdicts[job->verdict]++;
	t->reasons[job->reason]++;
	if (g->talk == NOBODY)
		return;
	if (may_be_refused(k, job)) {
		t->refused++;
		end(t, g->talk);
		return;
	}
	fault = job->verdict == NAT_FORWARD ? judge(t, k, g, job) : "was not forwarded";
	if (fault)
		wrong(t, k, fault, job->reason);
	t->opened += k->step == 0;
	t->announced += g->part.edited && g->part.data_len;
	k->step++;
	if (story_step((enum story)k->story, k->step)) {
		plan(t, g->talk);
		return;
	}
	t->finished++;
	end(t, g->talk);
}

static void flush(struct talks *t, uint16_t worker)
{
	struct batch *b = &t->batches[worker];

	nat_process_batch(t->site->nat[worker], t->site->now, b->jobs, b->count);
	for (size_t i = 0; i < b->count && !t->fault[0]; i++)
		arrive(t, &b->passages[i], &b->jobs[i]);
	b->count = 0;
	site_fetch(t->site);
}

/* To its owner, together with what else goes there. */
static void send(struct talks *t, uint32_t talk, enum nat_side from, const struct leg *leg,
		 const struct part *part)
{
	uint8_t octets[DATAGRAM_MOST];
	uint32_t len = datagram_make(octets, leg, part);
	struct passage *g;
	struct batch *b;
	uint16_t worker;
	struct pkt p;

	pkt_parse(&p, octets, len, NULL);
	worker = nat_owner(t->site->nat[0], &p, from);
	b = &t->batches[worker];
	g = &b->passages[b->count];
	g->talk = talk;
	g->part = *part;
	g->p = p;
	g->p.ip = g->room + NAT_HEADROOM;
	memcpy(g->p.ip, octets, len);
	b->jobs[b->count++] = (struct nat_job){ .p = &g->p, .from = from, .room = ROOM_MOST };
	t->datagrams++;
	if (b->count == BATCH)
		flush(t, worker);
}

/* Another address has taken the place of its own. */
static bool is_cut(struct talks *t, struct talk *k)
{
	if (!k->placed || k->place >= SITE_PLACES || k->epoch == t->site->epochs[k->place])
		return false;
	k->epoch = t->site->epochs[k->place];
	return !site_moves((enum site_entry)k->entry);
}

static void go_on(struct talks *t, uint32_t number)
{
	struct talk *k = &t->all[number];
	enum nat_side from;
	struct part part;
	struct leg leg;

	if (is_cut(t, k)) {
		t->cut++;
		end(t, number);
		return;
	}
	from = (enum nat_side)story_step((enum story)k->story, k->step)->from;
	story_part(k, &part);
	story_leg(t, k, from, &leg);
	send(t, number, from, &leg, &part);
}

void talks_go_on(struct talks *t)
{
	uint32_t at = t->tick % TALK_TICKS, number = t->due[at];

	t->due[at] = NOBODY;
	while (number != NOBODY && !t->fault[0]) {
		uint32_t next = t->all[number].next;

		go_on(t, number);
		number = next;
	}
	for (uint16_t w = 0; w < SITE_WORKERS; w++)
		flush(t, w);
	t->tick++;
	site_pass(t->site, TALK_TICK_MS);
}

/* To a port that no entry gives to anybody. */
static void intrude(struct talks *t)
{
	const struct part part = { .flags = FLAG_SYN };
	struct leg leg = { .version = 4, .protocol = chance_below(&t->chance, 2) ? PROTO_UDP : PROTO_TCP };

	store32(leg.source, REMOTE_FIRST | ((uint32_t)chance_bits(&t->chance) & REMOTE_MASK));
	site_outside(t->site, 0, leg.destination);
	leg.ports[0] = REMOTE_PORT;
	leg.ports[1] = (uint16_t)chance_below(&t->chance, PORT_FIRST);
	t->strangers++;
	send(t, NOBODY, SIDE_OUTSIDE, &leg, &part);
}

void talks_begin(struct talks *t, uint32_t count)
{
	for (uint32_t i = 0; i < count && !t->fault[0]; i++) {
		begin(t);
		if (chance_below(&t->chance, STRANGERS) == 0)
			intrude(t);
	}
}
