/* Rewrite rules: what the operator wants changed beside translation. */
#include "nat/checksum.h"
#include "nat/mss.h"

#include "worker_core.h"

enum { TCP_FLAGS = 13, TCP_SYN = 2, V4_CHECKSUM = 10, TCP_IP_HEADERS_V4 = 40, TCP_IP_HEADERS_V6 = 60,
       V6_LONGER = 20 };

static bool matches(const struct conf_rule *r, const struct frame *f)
{
	uint16_t interface = r->match & RULE_IN ? f->ingress : f->egress;

	if (interface != r->interface || (r->protocol && r->protocol != f->p.protocol))
		return false;
	if (!(r->match & RULE_SYN))
		return true;
	return f->p.protocol == PROTO_TCP && !(f->p.flags & PKT_FRAGMENT_LATER) &&
	       (pkt_transport(&f->p)[TCP_FLAGS] & TCP_SYN);
}

/* Of the link it came by, for what it is now: the header of the other family had another length. */
static uint32_t mtu_behind(const struct worker *w, const struct frame *f)
{
	uint32_t mtu = io_mtu(w->ios[f->ingress]);

	if (!f->job.kept || f->job.before.view.version == f->p.version)
		return mtu;
	return f->p.version == 4 ? mtu - V6_LONGER : mtu + V6_LONGER;
}

/* Requirement MSS-1: what fits both links that the connection crosses here. */
static uint16_t mss_of(const struct worker *w, const struct conf_rule *r, const struct frame *f)
{
	uint32_t in = mtu_behind(w, f), out = io_mtu(w->ios[f->egress]);
	uint32_t headers = f->p.version == 4 ? TCP_IP_HEADERS_V4 : TCP_IP_HEADERS_V6;
	uint32_t mtu = in < out ? in : out;

	if (r->mss != RULE_MSS_CLAMP)
		return r->mss;
	return (uint16_t)(mtu > headers ? mtu - headers : 1);
}

/* An octet of the IP header, and with it the word it stands in. */
static void set_octet(struct pkt *p, size_t offset, uint8_t value)
{
	size_t word = offset & ~(size_t)1;
	uint8_t was[2] = { p->ip[word], p->ip[word + 1] };

	p->ip[offset] = value;
	if (p->version == 4)
		csum_patch(p->ip + V4_CHECKSUM, csum_diff(was, p->ip + word, 2));
}

/* RFC 2474 section 3: six bits; the two of ECN stay. */
static void set_dscp(struct pkt *p, uint8_t dscp)
{
	if (p->version == 4) {
		set_octet(p, 1, (uint8_t)(dscp << 2 | (p->ip[1] & 3)));
		return;
	}
	store16(p->ip, (uint16_t)((load16(p->ip) & 0xf03f) | dscp << 6));
}

static void apply(struct worker *w, const struct conf_rule *r, struct frame *f)
{
	if (r->mss != RULE_MSS_KEEP)
		mss_clamp(&f->p, mss_of(w, r, f));
	if (r->dscp >= 0)
		set_dscp(&f->p, (uint8_t)r->dscp);
	if (r->ttl >= 0)
		set_octet(&f->p, (size_t)(pkt_ttl(&f->p) - f->p.ip), (uint8_t)r->ttl);
}

void rule_apply(struct worker *w, struct frame *f)
{
	const struct conf *c = worker_conf(w);

	for (size_t i = 0; i < c->rule_count; i++)
		if (matches(&c->rules[i], f))
			apply(w, &c->rules[i], f);
}
