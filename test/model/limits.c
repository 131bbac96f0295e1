#include "limits.h"

#include <string.h>

#include "rules.h"

enum { SESSION_COST = 1000, PATIENCE_MS = 30000 };

/* inside 0: of all hosts. */
static size_t count_sessions(const struct model *m, ip_number inside)
{
	size_t count = 0;

	for (size_t i = 0; i < MODEL_SESSIONS; i++)
		count += m->sessions[i].alive &&
			 (!inside || m->sessions[i].inside.address == inside);
	return count;
}

/* Every worker has its share, rounded up. */
static uint32_t share(const struct model *m, uint32_t whole)
{
	return (whole + m->config.workers - 1) / m->config.workers;
}

static enum reason limit_of(const struct model *m, ip_number inside, uint32_t most)
{
	if (count_sessions(m, inside) >= most)
		return REASON_HOST_LIMIT;
	if (count_sessions(m, 0) >= share(m, m->config.sessions))
		return REASON_SESSION_LIMIT;
	return REASON_NONE;
}

enum reason limit_of_sessions(const struct model *m, ip_number inside)
{
	return limit_of(m, inside, share(m, m->config.sessions_per_host));
}

/* One in four is not for strangers. */
enum reason limit_of_strangers(const struct model *m, ip_number inside, uint8_t protocol)
{
	uint32_t most = share(m, m->config.sessions_per_host);

	if (protocol != PROTO_TCP && protocol != PROTO_DCCP && protocol != PROTO_SCTP)
		most -= most / 4;
	return limit_of(m, inside, most);
}

static const struct model_spender *spender_of(const struct model *m, ip_number inside)
{
	for (size_t i = 0; i < MODEL_HOSTS; i++)
		if (m->spenders[i].inside == inside)
			return &m->spenders[i];
	return NULL;
}

/* Every millisecond pays for a rate's worth of thousandths. */
static uint64_t unpaid(const struct model *m, const struct nat_policy *p, ip_number inside,
		       uint64_t now)
{
	const struct model_spender *s = spender_of(m, inside);
	uint64_t paid = s ? (now - s->at_ms) * share(m, p->new_per_second) : 0;

	return s && s->spent > paid ? s->spent - paid : 0;
}

enum reason limit_of_rate(const struct model *m, const struct nat_policy *p, ip_number inside,
			  uint64_t now)
{
	uint64_t most = (uint64_t)share(m, p->new_burst) * SESSION_COST;

	if (!p->new_per_second || !count_sessions(m, inside))
		return REASON_NONE;
	return unpaid(m, p, inside, now) + SESSION_COST > most ? REASON_RATE_LIMIT : REASON_NONE;
}

void limit_spend(struct model *m, const struct nat_policy *p, ip_number inside, uint64_t now)
{
	uint64_t spent = unpaid(m, p, inside, now) + SESSION_COST;
	size_t at = 0;

	if (!p->new_per_second)
		return;
	if (!spender_of(m, inside)) /* then the first entry that is none */
		m->spenders[spender_of(m, 0) - m->spenders].inside = inside;
	while (m->spenders[at].inside != inside)
		at++;
	m->spenders[at] = (struct model_spender){ inside, spent, now };
}

enum reason limit_of_ports(const struct model *m, const struct nat_policy *p, ip_number inside)
{
	size_t count = 0;

	for (size_t i = 0; i < MODEL_SESSIONS; i++)
		count += m->mappings[i].alive && m->mappings[i].holds &&
			 m->mappings[i].inside.address == inside;
	return p->ports_per_host && count >= share(m, p->ports_per_host) ? REASON_PORT_LIMIT
									 : REASON_NONE;
}

enum reason limit_of_mapping(const struct model *m, const struct model_mapping *p)
{
	const struct nat_policy *policy = rule_policy(&m->config, p->inside.address, p->outside.address);

	return policy && policy->sessions_per_mapping &&
			       mapping_sessions(m, p) >= policy->sessions_per_mapping
		       ? REASON_MAPPING_LIMIT
		       : REASON_NONE;
}

static struct model_session *oldest_half_open(struct model *m, size_t *count)
{
	struct model_session *oldest = NULL;

	*count = 0;
	for (size_t i = 0; i < MODEL_SESSIONS; i++) {
		struct model_session *s = &m->sessions[i];

		if (!s->alive || s->protocol != PROTO_TCP || s->tcp.state != TCP_INIT_OUTSIDE)
			continue;
		++*count;
		if (!oldest || s->half_open_since < oldest->half_open_since)
			oldest = s;
	}
	return oldest;
}

enum reason limit_of_half_open(struct model *m, uint64_t now)
{
	uint32_t most = m->config.half_open ? m->config.half_open : (m->config.sessions + 3) / 4;
	size_t count;
	struct model_session *oldest = oldest_half_open(m, &count);

	if (count < share(m, most))
		return REASON_NONE;
	if (!oldest || now - oldest->seen_ms < PATIENCE_MS)
		return REASON_HALF_OPEN_LIMIT;
	model_end_session(m, oldest, now);
	return REASON_NONE;
}

/* SYNs that nobody claims. */

static bool in_range(struct port_range r, uint16_t port)
{
	return r.last && port >= r.first && port <= r.last;
}

/* The first policy that gives ports of the address, or whose basic NAT it is, says whether it may be
 * told from a host that does not listen. */
static bool is_answered(const struct nat_config *c, struct place outside)
{
	ip_number inside;
	const struct nat_policy *basic = rule_basic_inwards(c, outside.address, &inside), *giver;

	if (basic)
		return basic->unsolicited == NAT_UNSOLICITED_REJECT;
	giver = rule_giver(c, outside.address);
	return giver && giver->unsolicited == NAT_UNSOLICITED_REJECT &&
	       (in_range(giver->ports, outside.port) || in_range(giver->low_ports, outside.port));
}

static size_t held_syns(const struct model *m)
{
	return (m->config.unsolicited + m->config.workers - 1u) / m->config.workers;
}

static struct model_syn *find_syn(struct model *m, const struct datagram *d)
{
	for (size_t i = 0; i < m->syn_count; i++)
		if (!m->syns[i].forgotten && place_equal(m->syns[i].outside, d->destination) &&
		    place_equal(m->syns[i].remote, d->source))
			return &m->syns[i];
	return NULL;
}

/* Beyond half of all places chance decides. */
void syn_hold(struct model *m, const struct datagram *d, uint64_t now)
{
	struct model_syn *s = &m->syns[m->syn_count];
	const struct model_syn *same = find_syn(m, d);
	bool cut = d->len > MODEL_SYN_OCTETS;

	if (!held_syns(m) || (cut && d->partial) || !is_answered(&m->config, d->destination) ||
	    (same && !same->maybe))
		return;
	if (m->syn_count == MODEL_SYNS) {
		m->syns_missed_until = now + m->config.timeout_ms[TIMEOUT_UNSOLICITED];
		return;
	}
	*s = (struct model_syn){
		.maybe = same || now < m->syns_missed_until || m->syn_count >= held_syns(m) - held_syns(m) / 2,
		.due_ms = now + m->config.timeout_ms[TIMEOUT_UNSOLICITED],
		.outside = d->destination, .remote = d->source,
		.len = cut ? MODEL_SYN_OCTETS : d->len,
	};
	memcpy(s->octets, d->octets, s->len);
	m->syn_count++;
}

void syn_forget(struct model *m, const struct model_session *s)
{
	for (size_t i = 0; i < m->syn_count; i++)
		if (place_equal(m->syns[i].outside, s->outside) &&
		    place_equal(m->syns[i].remote, s->remote[SIDE_OUTSIDE]))
			m->syns[i].forgotten = true;
}

/* In order of arrival. */
bool syn_rejected(struct model *m, uint64_t now, struct model_syn *out)
{
	while (m->syn_count && m->syns[0].due_ms <= now) {
		*out = m->syns[0];
		m->syn_count--;
		memmove(m->syns, m->syns + 1, m->syn_count * sizeof(m->syns[0]));
		if (!out->forgotten)
			return true;
	}
	return false;
}
