/*
 * A NAT as a function: (configuration, seed, [(time, side, octets)…]) → [(verdict, octets)…].
 *
 * Words    side (inside, outside); endpoint (address and port or query identifier); tuple;
 *          mapping (inside endpoint ↔ outside endpoint; RFC 6146: BIB entry); session (mapping
 *          plus remote endpoint); pool; filter; hairpin; quoted (datagram inside an ICMP
 *          error); verdict; reason; rewrite; owner (the worker that a session belongs to).
 * Sources  RFC 4787, RFC 5382, RFC 5508, RFC 7857, RFC 3022; RFC 6146, RFC 7915, RFC 6296, RFC 6092.
 * Memory   One arena, given by the caller; nothing is allocated later and nothing is global.
 *          Not thread-safe: a NAT belongs to one worker.
 * Promise  No clock, no randomness, no I/O. The same configuration, seed and calls give the
 *          same results. A datagram is changed only in its addresses, ports or identifiers and
 *          checksums, and only when the verdict says so; but NAT64 and SIIT give it a header of the
 *          other family, and p->ip moves.
 * Errors   A verdict, with a reason when the datagram must be dropped.
 */
#ifndef NAT_NAT_H
#define NAT_NAT_H

#include "nat/event.h"
#include "nat/session.h"
#include "nat/time.h"

struct nat;

enum nat_verdict {
	NAT_FORWARD,   /* rewritten (or left alone by policy): route it by its destination */
	NAT_HAIRPIN,   /* now looks as if it came from outside: hand it to the owner of its
			* destination as SIDE_OUTSIDE */
	NAT_UNMATCHED, /* from outside, unchanged, and no mapping: local delivery, or drop it */
	NAT_DROP,      /* unchanged: drop it for the reason */
};

enum { NAT_NO_SESSION = UINT32_MAX, NAT_HEADROOM = 28 };

/* Room that the NAT keeps with a session for its caller: how datagrams of it were sent on, by the side
 * they come from. All zero when the session begins; the NAT never looks at it. */
struct nat_way {
	uint32_t stamp;
	uint16_t hop[SIDE_COUNT];
	uint8_t ingress[SIDE_COUNT];
} __attribute__((packed, aligned(2)));

/* What a datagram is looked up by, and what there was; written by nat_seek(). */
struct nat_sought {
	struct tuple tuple;
	uint64_t hash;
	uint32_t value;
	enum reason reason; /* NAT_NAMELESS: IPv6, and an address in it is nobody's so far */
	const struct nat_policy *stateless; /* the entry that translates it without a session, or NULL */
};

enum { NAT_NAMELESS = REASON_COUNT };
enum { NAT_BEFORE_HEADER = 48, NAT_BEFORE_TRANSPORT = 20 };

/* What a datagram was that changed its family, or was translated without a session. */
struct nat_before {
	struct pkt view;
	uint8_t header[NAT_BEFORE_HEADER], transport[NAT_BEFORE_TRANSPORT];
	int32_t header_at; /* offset in the view, or in front of it */
	uint8_t header_len, transport_len;
};

/* What the sender of a dropped datagram is told: what belongs to the reason, ICMP
 * administratively prohibited, nothing, that nobody speaks its protocol (RFC 6146 section 3). */
enum nat_answer { NAT_ANSWER_REASON, NAT_ANSWER_PROHIBITED, NAT_ANSWER_SILENT, NAT_ANSWER_PROTOCOL };

/* One datagram's way through the NAT. */
struct nat_job {
	struct pkt *p;	    /* in; its octets are rewritten in place */
	enum nat_side from; /* in */
	bool known_only;    /* in: open nothing; without a session the verdict is NAT_FORWARD */
	bool hairpinned;    /* in: comes from SIDE_OUTSIDE because the verdict was NAT_HAIRPIN */
	uint32_t room; /* in: octets from p->ip on that may be used to lengthen the datagram. In front
			* of it lie NAT_HEADROOM more, where an entry changes the family */
	enum nat_verdict verdict;
	enum reason reason;
	uint32_t session; /* whose rewrite was applied, or NAT_NO_SESSION; see nat_has_session() */
	enum nat_answer answer; /* of NAT_DROP: what the sender is told */
	bool redirected; /* the destination of a datagram from inside was changed: route it anew */
	bool kept; /* what it was is in before: its family is another, or it is IPv6 */
	uint16_t piece; /* what became IPv6 without PKT_DONT_FRAGMENT leaves in pieces of at most so
			 * many octets */
	struct nat_sought sought;
	struct nat_before before;
	struct nat_way *way; /* of the session that nat_seek() found, or whose rewrite nat_finish()
			      * applied; NULL if none. Until the next call */
};

enum { NAT_REJECTED_MOST = 128 };

/* Octets nat_init() needs for this configuration. */
size_t nat_size(const struct nat_config *c);

/* Make a NAT in mem (nat_size() octets, aligned to 64). c must have no fault, is copied, and its
 * arrays must outlive the NAT. Workers of one gateway get the same seed. */
struct nat *nat_init(void *mem, const struct nat_config *c, const uint8_t seed[static 32]);

/* The same in memory that is all zero: what is not needed, or not yet, is not touched. */
struct nat *nat_init_zeroed(void *mem, const struct nat_config *c, const uint8_t seed[static 32]);

/* Work by other policies, forwards and timeouts from now on. What sized the arena (worker, workers,
 * sessions, half_open, fragments, held_ports, unsolicited, events, pool) must be as before; but another
 * address, or none (0), may take the place of one in the pool, where no address that stays changes
 * place. Sessions stay as they are, and nobody else gets their ports, nor blocks before these have
 * rested; but those of an address that is gone end, or move to the one in its place, as
 * nat_policy.on_address_change says, and what another worker owns from now on ends: when nat_expire()
 * reaches it, or a datagram is its. */
void nat_configure(struct nat *n, const struct nat_config *c);

/* The worker that owns a datagram from a side: (port >> 1) mod workers, where port is the inside
 * port for datagrams from inside and the outside port for those from outside (of the quoted
 * datagram in ICMP errors); the inside endpoint of a forward belongs to the owner of its lowest
 * outside port. Of policies with blocks or deterministic ports, all that a host opens belongs to a
 * keyed hash of its address, and an outside port to who gives it: that hash of the host whose share
 * it is in, or (port / block size) mod workers. Datagrams without ports, and SCTP's, belong to a keyed
 * hash of remote address (as it is outside) and protocol. */
uint16_t nat_owner(const struct nat *n, const struct pkt *p, enum nat_side from);

/* What to do with a fragment, before anything else is done with it. */
enum nat_fragment {
	FRAGMENT_KNOWN, /* its ports are in the view now: process it like any datagram */
	FRAGMENT_HOLD,	/* the first fragment has not come yet: keep it */
	FRAGMENT_DROP,
};

struct nat_fragment_note {
	enum reason reason;   /* of FRAGMENT_DROP */
	uint32_t datagram;    /* FRAGMENT_HOLD: which one it waits for */
	bool release;	      /* FRAGMENT_KNOWN: those held for datagram have these ports as well, and
			       * the first of them goes before all others */
};

/* Learn the ports of a fragment, by its first fragment if it is a later one (RFC 4787 REQ-14). The
 * worker that nat_owner() names for the view without ports must do it. What is held longer than
 * the fragment timeout will never be released. */
enum nat_fragment nat_learn(struct nat *n, nat_time now, struct pkt *p, enum nat_side from,
			    struct nat_fragment_note *note);

/* Translate one datagram that this worker owns. now never decreases between calls. */
void nat_process(struct nat *n, nat_time now, struct nat_job *job);

/* The same as nat_process() for each in turn, with the cache misses of all overlapping. In two halves:
 * the first changes nothing, so that in between the caller may decide what to do with what is known,
 * and leave out what is not to be translated; but nothing else may be finished meanwhile, nor expire. */
void nat_process_batch(struct nat *n, nat_time now, struct nat_job *jobs, size_t count);
void nat_seek(const struct nat *n, struct nat_job *const *jobs, size_t count);
void nat_finish(struct nat *n, nat_time now, struct nat_job *const *jobs, size_t count);

/* Whether there is a session whose rewrite was applied, and still is: a later datagram of the batch may
 * have ended it, and another session may have its number and its way. */
bool nat_has_session(const struct nat *n, const struct nat_job *job);

/* Turn the octets of a NAT_FORWARD back into what came in, so that an ICMP error can quote them. What
 * a helper wrote into the payload stays, and so does the number of a segment with text that it had
 * held back. False: the session has ended since, and nobody knows what came in; or it was an ICMP error
 * of IPv6, or is one now. */
bool nat_undo(const struct nat *n, struct nat_job *job);

/* A SYN from outside that nobody claimed in time (RFC 5382 REQ-4): its sender is to get port
 * unreachable. The view is good until the next call, and may be cut off behind NAT_REJECTED_MOST
 * octets. False if none is due. */
bool nat_rejected_next(struct nat *n, nat_time now, struct pkt *p);

/* End sessions that are over at now, visiting at most budget; returns how many were visited,
 * so that a return below budget says that none is left. Call before processing at now. */
size_t nat_expire(struct nat *n, nat_time now, size_t budget);

/* Listings: start with *cursor = 0, as long as true is returned. What happens in between may be
 * missed or seen; nothing is seen twice. */
bool nat_session_next(const struct nat *n, nat_time now, uint32_t *cursor, struct nat_session *out);
bool nat_mapping_next(const struct nat *n, uint32_t *cursor, struct nat_mapping *out);

/* How much is in use, and how many sessions there have been. */
struct nat_gauges nat_gauges(const struct nat *n);

/* NULL, or the first broken invariant; static text. For tests and fuzzing: visits everything. */
const char *nat_check(const struct nat *n);

#endif
