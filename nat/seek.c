/*
 * Which session a datagram belongs to, for a batch, in stages, so that the cache misses of its datagrams
 * overlap: all tuples and hashes, with the index lines fetched; then the session lines that the index
 * points at, where need be by way of a second index line; then the sessions are known.
 */
#include "seen6.h"
#include "stateless.h"
#include "tuple_common.h"

enum { BATCH = 32 };

/* RFC 5508 REQ-7b, RFC 7857 section 12: hosts with an address of their own outside are asked from
 * there, too. */
static enum reason seek_query(const struct nat *n, const struct nat_job *job, struct tuple *t)
{
	enum reason r = tuple_of_query(t, job->p, job->from);
	const struct nat_policy *p;
	be32 inside;

	if (r != REASON_NONE)
		return r;
	p = job->from == SIDE_INSIDE ? policy_of(n, t->local, t->remote)
				     : policy_of_outside(n, t->local, &inside);
	return p && p->type == NAT_ONE_TO_ONE ? REASON_NONE : REASON_NOT_A_QUERY;
}

/* IPv6 has two stages more: its addresses have names, which are looked up first. */
struct six {
	struct nat_job *job;
	struct seen6 seen;
};

static inline void hash_and_fetch(const struct nat *n, struct nat_sought *k)
{
	k->hash = hash_tuple(&n->hash, &k->tuple);
	table_prefetch(&n->sessions_by, k->hash);
}

/* True: it goes through those stages. */
static bool seek_six(const struct nat *n, struct nat_job *job, struct six *six)
{
	struct nat_sought *k = &job->sought;

	k->reason = REASON_NO_TRANSPORT;
	if (!n->sixes)
		return false;
	if (pkt_is_fragment(job->p) && !(job->p->flags & PKT_PORTS_KNOWN))
		k->reason = REASON_FRAGMENT;
	else
		k->reason = seen6_of(n, &six->seen, job->p, job->from);
	if (k->reason != REASON_NONE)
		return false;
	six->job = job;
	seen6_fetch_index(n, &six->seen);
	return true;
}

/* A name that is missing now may be there when the datagram's turn comes. */
static void seek_names(const struct nat *n, struct six *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		seen6_fetch_names(n, &all[i].seen);
	for (size_t i = 0; i < count; i++) {
		struct nat_sought *k = &all[i].job->sought;

		if (seen6_tuple(n, &all[i].seen, &k->tuple))
			hash_and_fetch(n, k);
		else
			k->reason = (enum reason)NAT_NAMELESS;
	}
}

static enum reason seek_tuple(const struct nat *n, struct nat_job *job, struct tuple *t)
{
	enum reason r;

	if (pkt_is_fragment(job->p) && !(job->p->flags & PKT_PORTS_KNOWN))
		return REASON_FRAGMENT;
	r = tuple_of(t, job->p, job->from);
	return r == REASON_NOT_A_QUERY && n->one_to_one ? seek_query(n, job, t) : r;
}

static bool seek_stateless(const struct nat *n, struct nat_job *job)
{
	struct nat_sought *k = &job->sought;

	k->stateless = stateless_policy(n, job->p, job->from, job->hairpinned);
	if (k->stateless)
		k->reason = REASON_NO_TRANSPORT;
	return k->stateless;
}

/* True: only the names of its addresses are sought for. */
static bool seek(const struct nat *n, struct nat_job *job, struct six *six)
{
	struct nat_sought *k = &job->sought;

	k->value = TABLE_NONE;
	k->reason = REASON_NONE;
	k->stateless = NULL;
	if (n->stateless && seek_stateless(n, job))
		return false;
	if (tuple_is_common(job->p) && !pkt_is_fragment(job->p)) {
		tuple_fill_common(&k->tuple, job->p, job->from);
		hash_and_fetch(n, k);
		return false;
	}
	if (job->p->version == 6)
		return seek_six(n, job, six);
	k->reason = seek_tuple(n, job, &k->tuple);
	if (k->reason == REASON_NONE)
		hash_and_fetch(n, k);
	return false;
}

static void fetch(const struct nat *n, uint32_t value)
{
	__builtin_prefetch(session_at(n, value >> 1), 1);
	__builtin_prefetch(&session_at(n, value >> 1)->tally, 1);
}

/* False: not in its first bucket, but perhaps in its second. */
static bool seek_further(const struct nat *n, struct nat_sought *k)
{
	const struct bucket *second;

	if (k->reason != REASON_NONE)
		return true;
	k->value = table_guess(&n->sessions_by, k->hash);
	if (k->value != TABLE_NONE) {
		fetch(n, k->value);
		return true;
	}
	second = table_second(&n->sessions_by, k->hash);
	__builtin_prefetch(second);
	return !second;
}

static void seek_second(const struct nat *n, struct nat_sought *k)
{
	k->value = bucket_guess(table_second(&n->sessions_by, k->hash), table_tag(k->hash));
	if (k->value != TABLE_NONE)
		fetch(n, k->value);
}

/* What the addresses of the other side will be read from. */
static void fetch_names(const struct nat *n, const struct session *s)
{
	if (is_name(s->key[SIDE_INSIDE].local))
		__builtin_prefetch(name_address(n, s->key[SIDE_INSIDE].local));
	if (is_name(s->key[SIDE_INSIDE].remote))
		__builtin_prefetch(name_address(n, s->key[SIDE_INSIDE].remote));
}

static void find(const struct nat *n, struct nat_job *job)
{
	struct nat_sought *k = &job->sought;

	if (k->reason == REASON_NONE && !session_is_of(n, k->value, &k->tuple))
		k->value = table_find(&n->sessions_by, k->hash, &k->tuple);
	job->way = k->value == TABLE_NONE ? NULL : &session_at(n, k->value >> 1)->way;
	if (n->six && k->value != TABLE_NONE)
		fetch_names(n, session_at(n, k->value >> 1));
}

static void seek_part(const struct nat *n, struct nat_job *const *jobs, size_t count)
{
	struct nat_sought *late[BATCH];
	size_t late_count = 0, six_count = 0;
	struct six six[BATCH];

	for (size_t i = 0; i < count; i++)
		six_count += seek(n, jobs[i], &six[six_count]);
	if (six_count)
		seek_names(n, six, six_count);
	for (size_t i = 0; i < count; i++)
		if (!seek_further(n, &jobs[i]->sought))
			late[late_count++] = &jobs[i]->sought;
	for (size_t i = 0; i < late_count; i++)
		seek_second(n, late[i]);
	for (size_t i = 0; i < count; i++)
		find(n, jobs[i]);
}

void nat_seek(const struct nat *n, struct nat_job *const *jobs, size_t count)
{
	for (size_t at = 0; at < count; at += BATCH)
		seek_part(n, jobs + at, count - at < BATCH ? count - at : BATCH);
}
