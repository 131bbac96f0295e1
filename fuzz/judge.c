#include "judge.h"

#include "datagram.h"

enum { V4_IDENT = 4, V4_CHECKSUM = 10, V4_SOURCE = 12, V4_DESTINATION = 16, ICMP_HEADER = 8, V6_SOURCE = 8,
       V6_DESTINATION = 24 };

static bool is_icmp(const struct anatomy *a)
{
	return a->protocol == (a->version == 4 ? PROTO_ICMP : PROTO_ICMPV6);
}

/* Write b's octets over a's where a translation may change them, in the quoted datagram too. */
static void take_over(uint8_t *a, const uint8_t *b, size_t len, bool quoted)
{
	struct anatomy x;
	size_t ports;

	if (!anatomy_of(&x, b, len))
		return;
	if (x.version == 4)
		memcpy(a + V4_CHECKSUM, b + V4_CHECKSUM, 2 + 4 + 4);
	else
		memcpy(a + V6_SOURCE, b + V6_SOURCE, 2 * 16);
	if (x.checksum)
		memcpy(a + x.checksum, b + x.checksum, 2);
	if (x.later || x.len < x.header + 8)
		return;
	if (x.error && !quoted) {
		take_over(a + x.header + ICMP_HEADER, b + x.header + ICMP_HEADER,
			  x.len - x.header - ICMP_HEADER, true);
		return;
	}
	ports = x.header + (is_icmp(&x) ? 4 : 0);
	if (x.checksum || x.protocol == PROTO_TCP) /* quotes end before TCP's */
		memcpy(a + ports, b + ports, is_icmp(&x) ? 2 : 4);
	if (x.protocol == PROTO_GRE) /* the call ID of PPTP */
		memcpy(a + x.header + 6, b + x.header + 6, 2);
}

/* RFC 7857 section 10: unless it must stay whole. */
static bool changes_ident(const struct nats *w, const struct pkt *p)
{
	return w->config.unique_idents && p->version == 4 &&
	       (pkt_is_fragment(p) || !(p->flags & PKT_DONT_FRAGMENT));
}

static bool differs_elsewhere(const struct nats *w, const struct passage *p)
{
	uint8_t octets[DATAGRAM_MOST];

	memcpy(octets, p->octets, p->was.len);
	if (changes_ident(w, &p->p))
		memcpy(octets + V4_IDENT, p->was.octets + V4_IDENT, 2);
	take_over(octets, p->was.octets, p->was.len, false);
	return memcmp(octets, p->was.octets, p->was.len) != 0;
}

/* What a partial checksum lacks; both zeros are one. */
static uint32_t lack(const uint8_t *octets, const struct anatomy *a)
{
	size_t len = a->len - a->header;

	return (load16(octets + a->checksum) + 0xffffu - pseudo_sum(octets, a, len)) % 0xffff;
}

static bool changes_family(const struct passage *p)
{
	return p->was.octets[0] >> 4 != p->p.version;
}

/* With what lies behind the datagram, as long as it lies where it lay. */
static size_t octets_out(const struct passage *p)
{
	return changes_family(p) ? p->p.len : p->was.len;
}

/* What in IPv4 is a transport, and in IPv6 a header with another behind it: AH, mobility, HIP, Shim6. */
static bool is_chained(uint8_t protocol)
{
	return protocol == PROTO_AH || protocol == 135 || protocol == 139 || protocol == 140;
}

/* None was sent, which IPv4 may do (RFC 6936 lets tunnels in IPv6). */
static bool is_without_sum(const uint8_t *octets, const struct anatomy *a, const struct passage *p)
{
	return a->version == 6 && a->protocol == PROTO_UDP && changes_family(p) && !load16(octets + a->checksum);
}

/* A checksum that was right is right, and one that was wrong is not made right. */
static void judge_sums(const struct passage *p)
{
	struct anatomy before, after;
	bool right, was_right;

	assert(anatomy_of(&before, p->was.octets, p->was.len));
	assert(anatomy_of(&after, p->p.ip, octets_out(p)));
	assert(header_is_right(p->p.ip, &after) && after.version == p->p.version);
	if (p->p.flags & PKT_PARTIAL)
		assert(lack(p->p.ip, &after) == lack(p->was.octets, &before));
	if (!before.checksum || before.fragment || (p->p.flags & PKT_PARTIAL))
		return;
	/* Nothing but zeros: wrong by a sum that is as good as the right one. */
	if (!transport_sum(p->was.octets, &before, p->was.octets + before.header,
			   before.len - before.header))
		return;
	if (changes_family(p) && (is_chained(after.protocol) || is_chained(before.protocol)))
		return;
	if (is_without_sum(p->was.octets, &before, p))
		return;
	was_right = transport_is_right(p->was.octets, &before);
	right = transport_is_right(p->p.ip, &after);
	assert(right == was_right);
	assert(before.protocol != PROTO_UDP || changes_family(p) ||
	       !load16(p->was.octets + before.checksum) == !load16(p->p.ip + after.checksum));
}

/* In all checksums but those of UDP and UDP-Lite, 0000 and ffff say the same. */
static void one_zero(uint8_t *octets, size_t len)
{
	struct anatomy a;

	if (!anatomy_of(&a, octets, len))
		return;
	if (a.version == 4 && load16(octets + V4_CHECKSUM) == 0xffff)
		store16(octets + V4_CHECKSUM, 0);
	if (a.checksum && a.protocol != PROTO_UDP && a.protocol != PROTO_UDPLITE &&
	    load16(octets + a.checksum) == 0xffff)
		store16(octets + a.checksum, 0);
}

static void judge_undo(const struct nats *w, const struct passage *p)
{
	uint8_t room[NAT_HEADROOM + DATAGRAM_MOST + ROOM_BEHIND], was[DATAGRAM_MOST], *octets;
	struct nat_job job = p->job;
	struct pkt view = p->p;

	/* Of an error nobody is told anything. */
	if ((job.session == NAT_NO_SESSION && !job.kept) || (view.flags & PKT_ICMP_ERROR))
		return;
	memcpy(room, p->buffer, p->buffer_len);
	octets = room + (p->octets - p->buffer);
	job.p = &view;
	view.ip = room + (p->p.ip - p->buffer);
	if (job.kept)
		job.before.view.ip = room + (job.before.view.ip - p->buffer);
	memcpy(was, p->was.octets, p->was.len);
	/* A later one of the burst may have ended the session. */
	if (!nat_undo(w->nat[p->owner], &job)) {
		assert(w->batches);
		return;
	}
	assert(view.ip == octets);
	if (!(p->p.flags & PKT_PARTIAL)) {
		one_zero(octets, p->was.len);
		one_zero(was, p->was.len);
	} else {
		take_over(octets, was, p->was.len, false);
	}
	assert(!memcmp(octets, was, p->was.len));
}

/* An address of a host that may not be seen by the one at the other end. */
static bool is_hidden(const struct nats *w, const uint8_t *octets, size_t at)
{
	static const uint8_t open[] = { 198, 51, 100 };

	if (w->excepts && octets[0] >> 4 == 4 &&
	    memcmp(octets + (at == V4_SOURCE ? V4_DESTINATION : V4_SOURCE), open, sizeof(open)) == 0)
		return false;
	return octets[0] >> 4 == 4 ? is_secret(octets + at) : nats_hides(w, octets + at);
}

/* RFC 2827: what leaves, and what it quotes, bears no inside address but those that are exempt. What
 * is hairpinned does not leave. */
static void judge_leaving(const struct nats *w, const struct passage *p)
{
	struct anatomy a, quoted;
	const uint8_t *quote, *octets = p->p.ip;

	if (p->job.from != SIDE_INSIDE || p->job.known_only)
		return;
	if (p->job.verdict == NAT_HAIRPIN && w->hairpins_as_they_are)
		return;
	assert(anatomy_of(&a, octets, octets_out(p)));
	assert(!is_hidden(w, octets, a.version == 4 ? V4_SOURCE : V6_SOURCE));
	if (!a.error)
		return;
	quote = octets + a.header + ICMP_HEADER;
	if (anatomy_of(&quoted, quote, a.len - a.header - ICMP_HEADER) &&
	    quoted.version == a.version)
		assert(!is_hidden(w, quote, a.version == 4 ? V4_DESTINATION : V6_DESTINATION));
}

/* A datagram of the other family: a whole one, of the length that it says, and as the view has it. */
static void judge_family(const struct passage *p)
{
	const uint8_t *end = p->buffer + p->buffer_len;
	struct anatomy a;

	assert(p->p.ip >= p->buffer && p->p.ip + p->p.len <= end);
	assert(anatomy_of(&a, p->p.ip, p->p.len) && a.len == p->p.len);
	assert(load16(p->p.ip + (a.version == 4 ? 2 : 4)) + (a.version == 4 ? 0u : 40u) == p->p.len);
	if (is_chained(p->p.protocol))
		return;
	assert(a.header == p->p.transport || a.later);
	assert(p->p.protocol == a.protocol || a.later);
}

/* A helper may have changed what is said, and how long it is; that is for fuzz_helper.c to judge. */
static bool is_helped(const struct nats *w, const struct passage *p)
{
	const uint8_t *ports = pkt_transport(&p->p);

	if (!w->helps || p->p.protocol != PROTO_TCP || (p->p.flags & PKT_FRAGMENT_LATER))
		return false;
	return load16(ports) == 21 || load16(ports + 2) == 21 || load16(ports) == 1723 || load16(ports + 2) == 1723;
}

void judge_passage(const struct nats *w, const struct passage *p)
{
	bool changed = memcmp(p->octets, p->was.octets, p->was.len) != 0;
	bool goes_on = p->job.verdict == NAT_FORWARD || p->job.verdict == NAT_HAIRPIN;

	assert((p->job.verdict == NAT_DROP || p->job.verdict == NAT_UNMATCHED) ==
	       (p->job.reason != REASON_NONE));
	assert(p->job.verdict != NAT_HAIRPIN || p->job.from == SIDE_INSIDE);
	assert(goes_on || (!changed && p->p.ip == p->octets));
	if (!goes_on || (p->p.version != 4 && !w->six) || is_helped(w, p))
		return;
	if (changes_family(p))
		judge_family(p);
	else
		assert(!differs_elsewhere(w, p));
	judge_sums(p);
	judge_leaving(w, p);
	if (p->job.verdict == NAT_FORWARD)
		judge_undo(w, p);
}

static void exchange(uint8_t *a, uint8_t *b, size_t len)
{
	uint8_t was[16];

	memcpy(was, a, len);
	memcpy(a, b, len);
	memcpy(b, was, len);
}

/* What a host says that gets this, of the same payload; false: nothing that a state would not matter for. */
static bool turn_around(uint8_t *octets, size_t len)
{
	struct anatomy a;
	uint8_t *t;

	if (!anatomy_of(&a, octets, len) || a.len != len || a.len - a.header < 8)
		return false;
	t = octets + a.header;
	if (a.protocol != PROTO_UDP && a.protocol != PROTO_UDPLITE && (a.protocol != PROTO_ICMP || t[0] != 8) &&
	    (a.protocol != PROTO_ICMPV6 || t[0] != 128))
		return false;
	exchange(octets + (a.version == 4 ? V4_SOURCE : V6_SOURCE),
		 octets + (a.version == 4 ? V4_DESTINATION : V6_DESTINATION), a.version == 4 ? 4 : 16);
	if (is_icmp(&a))
		t[0] = a.version == 4 ? 0 : 129;
	else
		exchange(t, t + 2, 2);
	datagram_repair(octets, len);
	one_zero(octets, len);
	return true;
}

/* Outside, nobody has the address of whom he speaks to (LAND); the router lets none of that in. */
static bool speaks_to_itself(const uint8_t *octets)
{
	return octets[0] >> 4 == 4 ? !memcmp(octets + V4_SOURCE, octets + V4_DESTINATION, 4)
				   : !memcmp(octets + V6_SOURCE, octets + V6_DESTINATION, 16);
}

/* An answer to there is NAT64's, whatever session there was before it had the prefix. */
static bool is_in_prefix64(const struct nats *w, const uint8_t *address)
{
	struct ip6 a = ip6_load(address);

	for (size_t i = 0; i < w->config.policy_count; i++) {
		const struct nat_policy *p = &w->config.policies[i];

		for (uint8_t k = 0; p->type == NAT_NAT64 && k < p->v6.prefix_count; k++)
			if (ip6_prefix_has(&p->v6.prefixes[k], &a))
				return true;
	}
	return false;
}

void judge_reverse(const struct nats *w, const struct passage *p)
{
	uint8_t octets[DATAGRAM_MOST], expected[DATAGRAM_MOST];
	struct pkt view;
	struct nat_job job = { .p = &view, .from = side_other(p->job.from), .known_only = true };

	if (p->job.reason != REASON_NONE || p->job.verdict != NAT_FORWARD || p->job.session == NAT_NO_SESSION ||
	    p->job.hairpinned || changes_family(p) || pkt_is_fragment(&p->p) ||
	    (p->p.flags & (PKT_PARTIAL | PKT_ICMP_ERROR)) || !nat_has_session(w->nat[p->owner], &p->job))
		return;
	memcpy(octets, p->p.ip, p->p.len);
	memcpy(expected, p->was.octets, p->p.len);
	if (!turn_around(octets, p->p.len) || !turn_around(expected, p->p.len) ||
	    pkt_parse(&view, octets, p->p.len, NULL) != REASON_NONE)
		return;
	if (speaks_to_itself(octets) || (view.version == 6 && is_in_prefix64(w, octets + V6_DESTINATION)))
		return;
	assert(nat_owner(w->nat[0], &view, job.from) == p->owner);
	nat_process(w->nat[p->owner], w->now, &job);
	/* It said that it was one of ours. */
	if (job.verdict == NAT_HAIRPIN && p->job.from == SIDE_OUTSIDE)
		return;
	assert(job.verdict == NAT_FORWARD);
	one_zero(octets, p->p.len);
	if (changes_ident(w, &view)) {
		memcpy(octets + V4_IDENT, expected + V4_IDENT, 2);
		memcpy(octets + V4_CHECKSUM, expected + V4_CHECKSUM, 2);
	}
	assert(!memcmp(octets, expected, p->p.len));
}

/* Where a piece's octets of the payload lie, and behind how much of the header all pieces have. */
struct piece { size_t header, at, offset, len; bool more; uint8_t protocol; };

static struct piece piece_of(const uint8_t *octets, size_t len)
{
	struct anatomy a;
	struct piece x = { 0 };
	uint16_t field;

	if (!anatomy_of(&a, octets, len))
		return x;
	x.header = a.fragment_at ? a.fragment_at : a.header;
	x.at = a.fragment_at ? a.fragment_at + 8 : a.header;
	x.len = a.len - x.at;
	field = a.version == 4 ? load16(octets + 6)
			       : a.fragment_at ? load16(octets + a.fragment_at + 2) : 0;
	x.offset = a.version == 4 ? (field & 0x1fffu) * 8 : field & 0xfff8u;
	x.more = a.version == 4 ? field & 0x2000 : field & 1;
	x.protocol = a.fragment_at ? octets[a.fragment_at] : octets[9];
	return x;
}

/* As if it had come in one piece. */
static void write_lengths(uint8_t *out, const struct piece *x, size_t end)
{
	if (out[0] >> 4 == 4) {
		store16(out + 2, (uint16_t)end);
		store16(out + 6, 0);
		return;
	}
	store16(out + 4, (uint16_t)(end - 40));
	if (x->header == 40)
		out[6] = x->protocol;
}

/* The datagram that pieces make, in out; returns its length, 0 if some of it is missing. */
static size_t join(struct passage *const *pieces, size_t count, bool before, uint8_t *out)
{
	size_t header = 0, end = 0, sum = 0;
	struct piece x = { 0 };

	for (size_t i = 0; i < count; i++) {
		const uint8_t *octets = before ? pieces[i]->was.octets : pieces[i]->p.ip;

		x = piece_of(octets, before ? pieces[i]->was.len : octets_out(pieces[i]));
		header = i ? header : x.header;
		if (x.header != header || !header || header + x.offset + x.len > DATAGRAM_MOST)
			return 0;
		memcpy(out + header + x.offset, octets + x.at, x.len);
		if (!x.offset)
			memcpy(out, octets, header);
		if (!x.more)
			end = header + x.offset + x.len;
		sum += x.len;
	}
	if (!end || header + sum != end || (out[0] >> 4 == 6 && header != 40))
		return 0;
	write_lengths(out, &x, end);
	return end;
}

static bool goes_on(const struct passage *p)
{
	return p->job.reason == REASON_NONE;
}

static void judge_whole(struct passage *const *pieces, size_t count)
{
	uint8_t before[DATAGRAM_MOST], after[DATAGRAM_MOST];
	size_t len = join(pieces, count, true, before), now;
	struct anatomy a, b;

	if (!len || !anatomy_of(&a, before, len) || !a.checksum || is_without_sum(before, &a, pieces[0]))
		return;
	now = join(pieces, count, false, after);
	assert(now && anatomy_of(&b, after, now) && now - b.header == len - a.header);
	assert(transport_is_right(after, &b) == transport_is_right(before, &a));
}

/* One that was a datagram's is one still (RFC 7857 section 10), and joins no other. */
static void judge_idents(const struct passage *a, const struct passage *b)
{
	if (a->p.version == 4 && !changes_family(a) && pkt_is_fragment(&a->p) && pkt_is_fragment(&b->p) &&
	    !memcmp(a->was.octets + V4_IDENT, b->was.octets + V4_IDENT, 2))
		assert(!memcmp(a->octets + V4_IDENT, b->octets + V4_IDENT, 2));
}

static void judge_recipe(struct passage *const *pieces, size_t count)
{
	size_t through = 0;
	const struct passage *first = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!goes_on(pieces[i]))
			continue;
		/* A later piece of what need not be translated, but has a session (of before a reload, or
		 * between inside hosts), goes on as it is; judge_leaving() saw to that. */
		if (pieces[i]->job.session == NAT_NO_SESSION &&
		    !memcmp(pieces[i]->octets, pieces[i]->was.octets, pieces[i]->was.len))
			continue;
		first = first ? first : pieces[i];
		through++;
		assert(pieces[i]->job.verdict == first->job.verdict);
		judge_idents(pieces[i], first);
		assert(pieces[i]->p.version == first->p.version &&
		       !memcmp(pkt_source(&pieces[i]->p), pkt_source(&first->p),
			       first->p.version == 4 ? 8 : 32));
	}
	if (count > 1 && through == count)
		judge_whole(pieces, count);
}

void judge_pieces(struct passage *const *list, size_t count)
{
	struct passage *pieces[PIECES_MOST];

	for (size_t i = 0; i < count; i++) {
		size_t of_one = 0;

		for (size_t j = 0; j < count; j++)
			if (list[j]->recipe == list[i]->recipe && of_one < PIECES_MOST)
				pieces[of_one++] = list[j];
		if (pieces[0] == list[i])
			judge_recipe(pieces, of_one);
	}
}

/* Those whose ports the NAT chooses. Of SCTP, hosts may share them: tags tell them apart. */
static bool has_own_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_ICMP ||
	       protocol == PROTO_DCCP || protocol == PROTO_UDPLITE;
}

static bool same_outside(const struct nat_mapping *a, const struct nat_mapping *b)
{
	return a->protocol == b->protocol && be16_equal(a->outside.port, b->outside.port) &&
	       be32_equal(a->outside.address, b->outside.address) &&
	       ip6_equal(&a->outside.address6, &b->outside.address6);
}

/* RFC 4787 REQ-3: no outside endpoint is shared, not even between workers, but by targets of one forward,
 * or by a forward and who had it before there was that, or when it had several targets.
 * Where there are no ports, inside hosts share an address as long as their remote ones differ. */
static void judge_ports(const struct nats *w)
{
	struct nat_mapping all[NATS_WORKERS * 64];
	size_t count = 0;

	for (uint16_t i = 0; i < w->config.workers; i++)
		for (uint32_t cursor = 0; nat_mapping_next(w->nat[i], &cursor, &all[count]);)
			count++;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert(!has_own_ports(all[i].protocol) || !same_outside(&all[i], &all[j]) ||
			       (w->groups && all[i].from_forward && all[j].from_forward) ||
			       (w->reconfigured && (all[i].from_forward || all[j].from_forward)));
}

void judge_owner(const struct nats *w, uint16_t owner)
{
	uint32_t most = (w->config.sessions + w->config.workers - 1u) / w->config.workers;
	struct nat_gauges g = nat_gauges(w->nat[owner]);

	assert(!nat_check(w->nat[owner]));
	assert(g.sessions <= most && g.mappings <= g.sessions && g.hosts <= g.mappings);
}

void judge_state(const struct nats *w)
{
	for (uint16_t i = 0; i < w->config.workers; i++)
		judge_owner(w, i);
	if (!w->shares_ports)
		judge_ports(w);
}
