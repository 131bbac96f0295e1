/*
 * Own addresses: asked for before they are announced, and announced when nobody else turns out to have
 * them. Meanwhile they are used in such a way that nobody's cache is changed by it: questions about
 * others carry no sender's address, and datagrams need not wait.
 */
#include <stdio.h>

#include "link_core.h"
#include "router/own.h"

/* RFC 5227 section 1.1; IPv6 asks once (RFC 4862 section 5.1). */
enum {
	PROBES = 3,
	PROBE_MS = 1000,
	ANNOUNCEMENTS = 2,
	ANNOUNCE_MS = 2000,
	STEPS = PROBES + ANNOUNCEMENTS,
	DEFEND_MS = 10000,
};

enum { MAC_TEXT = 18 };

void link_restart(struct link *l, uint16_t interface)
{
	struct link_progress *p = &l->progress[interface];

	p->up = false;
	p->stack_count = 0;
	neighbours_forget(l->neighbours, interface);
}

bool link_is_probing(const struct link *l, uint16_t interface)
{
	return l->progress[interface].step <= PROBES;
}

static struct link_claim *claim_of(const struct link *l, uint16_t interface, const struct address *a)
{
	const struct link_progress *p = &l->progress[interface];

	for (size_t i = 0; i < p->claim_count; i++)
		if (address_equal(&p->claims[i].address, a))
			return &p->claims[i];
	return NULL;
}

bool link_is_ours(const struct link *l, uint16_t interface, const struct address *a)
{
	const struct link_claim *claim = claim_of(l, interface, a);

	return claim ? !claim->taken : own_has(l->conf, interface, a);
}

static void probe(struct link *l, uint16_t interface, const struct address *a)
{
	struct discovery d = { .about = *a, .has_mac = true };

	memcpy(d.mac, l->ports[interface].mac, sizeof(d.mac));
	link_send_all(l, interface, &d);
}

/* By ARP a question about oneself, by neighbour discovery an answer to all. */
static void announce(struct link *l, uint16_t interface, const struct address *a)
{
	struct discovery d = { .about = *a, .has_mac = true, .override = true, .router = true };

	memcpy(d.mac, l->ports[interface].mac, sizeof(d.mac));
	d.answer = a->version == 6;
	if (!d.answer)
		d.peer = *a;
	link_send_all(l, interface, &d);
}

static void announce_all(struct link *l, uint16_t interface)
{
	const struct link_progress *p = &l->progress[interface];
	struct address a;

	for (size_t i = 0; i < p->claim_count; i++)
		if (!p->claims[i].taken)
			announce(l, interface, &p->claims[i].address);
	for (size_t i = 0; own_address_at(l->conf, interface, i, &a); i++)
		if (a.version && !claim_of(l, interface, &a))
			announce(l, interface, &a);
}

static void probe_all(struct link *l, uint16_t interface)
{
	const struct link_progress *p = &l->progress[interface];

	for (size_t i = 0; i < p->claim_count; i++)
		if (!p->claims[i].taken && (p->step == 0 || p->claims[i].address.version == 4))
			probe(l, interface, &p->claims[i].address);
}

static void begin(struct link *l, uint16_t interface)
{
	struct link_progress *p = &l->progress[interface];

	p->step = 0;
	p->due_ms = l->now.ms;
	for (size_t i = 0; i < p->claim_count; i++)
		p->claims[i].taken = false;
}

static void step(struct link *l, uint16_t interface)
{
	struct link_progress *p = &l->progress[interface];

	if (p->step < PROBES) {
		probe_all(l, interface);
		p->due_ms = l->now.ms + PROBE_MS;
	} else {
		announce_all(l, interface);
		p->due_ms = l->now.ms + ANNOUNCE_MS;
	}
	p->step++;
}

void link_step(struct link *l)
{
	for (uint16_t i = 0; i < l->port_count; i++) {
		struct link_progress *p = &l->progress[i];
		bool was_up = p->up;

		if (!l->ports[i].used)
			continue;
		p->up = io_is_up(l->ios[i]);
		if (p->up && !was_up)
			begin(l, i);
		if (p->up && p->step < STEPS && p->due_ms <= l->now.ms)
			step(l, i);
	}
}

bool link_steps(const struct link *l)
{
	for (size_t i = 0; i < l->port_count; i++)
		if (l->ports[i].used && l->progress[i].up && l->progress[i].step < STEPS)
			return true;
	return false;
}

static void say(const struct link *l, uint16_t interface, const struct link_claim *claim,
		const uint8_t *mac)
{
	const struct conf_interface *n = &l->conf->interfaces[interface];
	char text[ADDRESS_TEXT], owner[MAC_TEXT];

	snprintf(owner, sizeof(owner), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	fprintf(stderr, "router: %s:%d: %s: %s is in use by %s as well%s; give one of them another "
		"address\n", l->conf->file, n->line, n->name, address_format(&claim->address, text),
		owner, claim->taken ? ", and is not answered for here" : "");
}

/* RFC 5227 section 2.1.1 while probing; later section 2.4 (c): it is defended, not given up. */
static void contest(struct link *l, uint16_t interface, struct link_claim *claim,
		    const uint8_t *mac)
{
	bool first = !claim->defended_ms;

	if (link_is_probing(l, interface)) {
		claim->taken = true;
		say(l, interface, claim, mac);
	} else if (first || l->now.ms >= claim->defended_ms + DEFEND_MS) {
		claim->defended_ms = l->now.ms;
		announce(l, interface, &claim->address);
		if (first)
			say(l, interface, claim, mac);
	}
}

/* Who speaks in the name of an address has it; so has, while we probe, who probes it as well. */
void link_hear_claims(struct link *l, uint16_t interface, const struct discovery *d,
		      const uint8_t *mac)
{
	const struct address *who = d->answer ? &d->about : &d->peer;
	struct link_claim *claim;

	if (!who->version && !d->answer && link_is_probing(l, interface))
		who = &d->about;
	claim = who->version ? claim_of(l, interface, who) : NULL;
	if (claim && !claim->taken)
		contest(l, interface, claim, mac);
}
