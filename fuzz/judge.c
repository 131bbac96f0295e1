#include "judge.h"

#include "datagram.h"

enum { V4_CHECKSUM = 10, V4_SOURCE = 12, V4_DESTINATION = 16, ICMP_HEADER = 8 };

/* Write b's octets over a's where a translation may change them, in the quoted datagram too. */
static void take_over(uint8_t *a, const uint8_t *b, size_t len, bool quoted)
{
	struct anatomy x;
	size_t ports;

	if (!anatomy_of(&x, b, len) || x.version != 4)
		return;
	memcpy(a + V4_CHECKSUM, b + V4_CHECKSUM, 2 + 4 + 4);
	if (x.checksum)
		memcpy(a + x.checksum, b + x.checksum, 2);
	if (x.later || x.len < x.header + 8)
		return;
	if (x.error && !quoted) {
		take_over(a + x.header + ICMP_HEADER, b + x.header + ICMP_HEADER,
			  x.len - x.header - ICMP_HEADER, true);
		return;
	}
	ports = x.header + (x.protocol == PROTO_ICMP ? 4 : 0);
	if (x.checksum || x.protocol == PROTO_TCP) /* quotes end before TCP's */
		memcpy(a + ports, b + ports, x.protocol == PROTO_ICMP ? 2 : 4);
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

/* A checksum that was right is right, and one that was wrong is not made right. */
static void judge_sums(const struct passage *p)
{
	struct anatomy before, after;
	bool right, was_right;

	assert(anatomy_of(&before, p->was.octets, p->was.len));
	assert(anatomy_of(&after, p->octets, p->was.len));
	assert(header_is_right(p->octets, &after));
	if (p->p.flags & PKT_PARTIAL)
		assert(lack(p->octets, &after) == lack(p->was.octets, &before));
	if (!before.checksum || before.fragment || (p->p.flags & PKT_PARTIAL))
		return;
	/* Nothing but zeros: wrong by a sum that is as good as the right one. */
	if (!transport_sum(p->was.octets, &before, p->was.octets + before.header,
			   before.len - before.header))
		return;
	was_right = transport_is_right(p->was.octets, &before);
	right = transport_is_right(p->octets, &after);
	assert(right == was_right);
	assert(before.protocol != PROTO_UDP ||
	       !load16(p->was.octets + before.checksum) == !load16(p->octets + after.checksum));
}

/* In all checksums but UDP's, 0000 and ffff say the same. */
static void one_zero(uint8_t *octets, size_t len)
{
	struct anatomy a;

	if (!anatomy_of(&a, octets, len))
		return;
	if (load16(octets + V4_CHECKSUM) == 0xffff)
		store16(octets + V4_CHECKSUM, 0);
	if (a.checksum && a.protocol != PROTO_UDP && load16(octets + a.checksum) == 0xffff)
		store16(octets + a.checksum, 0);
}

static void judge_undo(const struct nats *w, const struct passage *p)
{
	uint8_t octets[DATAGRAM_MOST], was[DATAGRAM_MOST];
	struct nat_job job = p->job;
	struct pkt view = p->p;

	if (p->job.session == NAT_NO_SESSION)
		return;
	job.p = &view;
	view.ip = memcpy(octets, p->octets, p->was.len);
	memcpy(was, p->was.octets, p->was.len);
	/* A later one of the burst may have ended the session. */
	if (!nat_undo(w->nat[p->owner], &job)) {
		assert(w->batches);
		return;
	}
	if (!(p->p.flags & PKT_PARTIAL)) {
		one_zero(octets, p->was.len);
		one_zero(was, p->was.len);
	} else {
		take_over(octets, was, p->was.len, false);
	}
	assert(!memcmp(octets, was, p->was.len));
}

/* RFC 2827: what leaves, and what it quotes, bears no inside address but those that are exempt. What
 * is hairpinned does not leave. */
static void judge_leaving(const struct nats *w, const struct passage *p)
{
	struct anatomy a, quoted;
	const uint8_t *quote;

	if (p->job.from != SIDE_INSIDE || p->job.known_only)
		return;
	if (p->job.verdict == NAT_HAIRPIN && w->hairpins_as_they_are)
		return;
	assert(anatomy_of(&a, p->octets, p->was.len));
	assert(!is_secret(p->octets + V4_SOURCE));
	if (!a.error)
		return;
	quote = p->octets + a.header + ICMP_HEADER;
	if (anatomy_of(&quoted, quote, a.len - a.header - ICMP_HEADER) && quoted.version == 4)
		assert(!is_secret(quote + V4_DESTINATION));
}

void judge_passage(const struct nats *w, const struct passage *p)
{
	bool changed = memcmp(p->octets, p->was.octets, p->was.len) != 0;
	bool goes_on = p->job.verdict == NAT_FORWARD || p->job.verdict == NAT_HAIRPIN;

	assert((p->job.verdict == NAT_DROP || p->job.verdict == NAT_UNMATCHED) ==
	       (p->job.reason != REASON_NONE));
	assert(p->job.verdict != NAT_HAIRPIN || p->job.from == SIDE_INSIDE);
	assert(goes_on || !changed);
	if (!goes_on || p->p.version != 4)
		return;
	assert(!differs_elsewhere(p));
	judge_sums(p);
	judge_leaving(w, p);
	if (p->job.verdict == NAT_FORWARD)
		judge_undo(w, p);
}

/* The datagram that pieces make, in out; returns its length, 0 if some of it is missing. */
static size_t join(struct passage *const *pieces, size_t count, bool before, uint8_t *out)
{
	size_t header = pieces[0]->p.transport, end = 0, sum = 0;

	for (size_t i = 0; i < count; i++) {
		const struct pkt *p = &pieces[i]->p;
		const uint8_t *octets = before ? pieces[i]->was.octets : pieces[i]->octets;
		size_t len = p->len - p->transport;

		if (p->transport != header || header + p->fragment_offset + len > DATAGRAM_MOST)
			return 0;
		memcpy(out + header + p->fragment_offset, octets + header, len);
		if (!p->fragment_offset)
			memcpy(out, octets, header);
		if (!(load16(octets + 6) & 0x2000))
			end = header + p->fragment_offset + len;
		sum += len;
	}
	if (!end || header + sum != end)
		return 0;
	store16(out + 2, (uint16_t)end);
	store16(out + 6, 0);
	return end;
}

static bool goes_on(const struct passage *p)
{
	return p->job.reason == REASON_NONE;
}

static void judge_whole(struct passage *const *pieces, size_t count)
{
	uint8_t before[DATAGRAM_MOST], after[DATAGRAM_MOST];
	size_t len = join(pieces, count, true, before);
	struct anatomy a;

	if (!len || !anatomy_of(&a, before, len) || !a.checksum)
		return;
	assert(join(pieces, count, false, after) == len);
	assert(transport_is_right(after, &a) == transport_is_right(before, &a));
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
		assert(!memcmp(pieces[i]->octets + V4_SOURCE, first->octets + V4_SOURCE, 8));
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
			       !be32_equal(all[i].outside.address, all[j].outside.address));
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
