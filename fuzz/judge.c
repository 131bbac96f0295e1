#include "judge.h"

#include "datagram.h"

enum { V4_CHECKSUM = 10, V4_SOURCE = 12, V4_DESTINATION = 16, ICMP_HEADER = 8, V6_SOURCE = 8,
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

static bool differs_elsewhere(const struct passage *p)
{
	uint8_t octets[DATAGRAM_MOST];

	memcpy(octets, p->octets, p->was.len);
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
	/* To IPv4 it is not a header that extends another. */
	if (changes_family(p) && after.protocol == PROTO_AH)
		return;
	/* None was sent, which IPv4 may do (RFC 6936 lets tunnels in IPv6). */
	if (before.version == 6 && before.protocol == PROTO_UDP && changes_family(p) &&
	    !load16(p->was.octets + before.checksum))
		return;
	was_right = transport_is_right(p->was.octets, &before);
	right = transport_is_right(p->p.ip, &after);
	assert(right == was_right);
	assert(before.protocol != PROTO_UDP || changes_family(p) ||
	       !load16(p->was.octets + before.checksum) == !load16(p->p.ip + after.checksum));
}

/* In all checksums but UDP's, 0000 and ffff say the same. */
static void one_zero(uint8_t *octets, size_t len)
{
	struct anatomy a;

	if (!anatomy_of(&a, octets, len))
		return;
	if (a.version == 4 && load16(octets + V4_CHECKSUM) == 0xffff)
		store16(octets + V4_CHECKSUM, 0);
	if (a.checksum && a.protocol != PROTO_UDP && load16(octets + a.checksum) == 0xffff)
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

static bool is_hidden(const struct nats *w, const uint8_t *octets, size_t at)
{
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
	assert(a.header == p->p.transport || a.later || a.protocol == PROTO_AH);
	assert(load16(p->p.ip + (a.version == 4 ? 2 : 4)) + (a.version == 4 ? 0u : 40u) == p->p.len);
	assert(p->p.protocol == a.protocol || a.later);
}

void judge_passage(const struct nats *w, const struct passage *p)
{
	bool changed = memcmp(p->octets, p->was.octets, p->was.len) != 0;
	bool goes_on = p->job.verdict == NAT_FORWARD || p->job.verdict == NAT_HAIRPIN;

	assert((p->job.verdict == NAT_DROP || p->job.verdict == NAT_UNMATCHED) ==
	       (p->job.reason != REASON_NONE));
	assert(p->job.verdict != NAT_HAIRPIN || p->job.from == SIDE_INSIDE);
	assert(goes_on || (!changed && p->p.ip == p->octets));
	if (!goes_on || (p->p.version != 4 && !w->six))
		return;
	if (changes_family(p))
		judge_family(p);
	else
		assert(!differs_elsewhere(p));
	judge_sums(p);
	judge_leaving(w, p);
	if (p->job.verdict == NAT_FORWARD)
		judge_undo(w, p);
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

	if (!len || !anatomy_of(&a, before, len) || !a.checksum)
		return;
	now = join(pieces, count, false, after);
	assert(now && anatomy_of(&b, after, now) && now - b.header == len - a.header);
	assert(transport_is_right(after, &b) == transport_is_right(before, &a));
}

static void judge_recipe(struct passage *const *pieces, size_t count)
{
	size_t through = 0;
	const struct passage *first = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!goes_on(pieces[i]))
			continue;
		first = first ? first : pieces[i];
		through++;
		assert(pieces[i]->job.verdict == first->job.verdict);
		/* Only the first piece of an SCTP packet says what it is: others may find nothing. */
		if (pieces[i]->job.known_only && pieces[i]->p.protocol == PROTO_SCTP)
			continue;
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

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_ICMP ||
	       protocol == PROTO_DCCP || protocol == PROTO_SCTP || protocol == PROTO_UDPLITE;
}

/* RFC 4787 REQ-3: no outside endpoint is shared, not even between workers. Where there are no ports,
 * inside hosts share an address as long as their remote ones differ. */
static void judge_ports(const struct nats *w)
{
	struct nat_mapping all[NATS_WORKERS * 64];
	size_t count = 0;

	for (uint16_t i = 0; i < w->config.workers; i++)
		for (uint32_t cursor = 0; nat_mapping_next(w->nat[i], &cursor, &all[count]);)
			count++;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert(all[i].protocol != all[j].protocol ||
			       !has_ports(all[i].protocol) ||
			       !be16_equal(all[i].outside.port, all[j].outside.port) ||
			       !be32_equal(all[i].outside.address, all[j].outside.address) ||
			       !ip6_equal(&all[i].outside.address6, &all[j].outside.address6));
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
