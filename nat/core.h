/*
 * The records of a NAT and the few functions its files share. Private to nat/.
 *
 * Shape    A mapping is named by its inside and its outside endpoint, a session by its tuple on
 *          either side; peer records count the sessions that a mapping has with one remote
 *          address (RFC 4787 section 5: address-dependent filtering); host records count the
 *          sessions of an inside address.
 * Memory   All in one arena; records refer to one another by number.
 */
#ifndef NAT_CORE_H
#define NAT_CORE_H

#include "nat/nat.h"
#include "nat/deterministic.h"
#include "nat/rewrite.h"
#include "block.h"
#include "known.h"
#include "names.h"
#include "ports.h"
#include "prefixes.h"
#include "readdress.h"
#include "save.h"
#include "slab.h"
#include "table.h"
#include "tally.h"
#include "wheel.h"
#include "wrap.h"

/* Bits of session.flags. */
enum {
	SESSION_REFRESH_INSIDE = 1 << 0,  /* packets from inside refresh it */
	SESSION_REFRESH_OUTSIDE = 1 << 1, /* packets from outside do */
	SESSION_HAIRPIN = 1 << 2,	  /* remote is an outside address of ours */
	SESSION_KNOWN = 1 << 3,		  /* << side: ack[side] and window[side] are set */
	SESSION_SENT = 1 << 5,		  /* << side: end[side] is set */
	SESSION_HELPED = 1 << 7,	  /* a helper reads what passes */
};
/* Bits of session.scales beside two times four bits of shift: both SYNs carried the option. */
enum { SCALE_UNKNOWN = 15 };

/* The first line is what a packet reads and writes; the second is written by one that passes (the
 * counters), and otherwise when the session begins, moves or ends. */
struct session {
	struct tuple key[SIDE_COUNT];
	csum_t addresses, ports; /* differences outwards; inwards their negation */
	uint32_t seen_ms;	 /* last refresh; low bits of the time */
	uint8_t state;		 /* enum tcp_state */
	uint8_t timeout;	 /* enum nat_timeout */
	uint8_t flags;
	uint8_t scales; /* window scale of inside (low four bits) and outside; SCALE_UNKNOWN */
	/* Per side: highest acknowledgement sent and the window with it (RFC 9293: RCV.NXT and
	 * RCV.WND as the other side knows them), end of the highest segment sent. */
	uint32_t ack[SIDE_COUNT], end[SIDE_COUNT]; /* SCTP: the tag a side has offered, has chosen;
						    * GRE: end is the call ID a side has chosen */
	uint16_t window[SIDE_COUNT];

	struct tally tally[SIDE_COUNT];
	struct nat_way way;
	uint16_t policy; /* index, or NO_POLICY; only for a look at what it says */
	struct wheel_link link;
	uint32_t mapping;
	uint32_t peer; /* SLAB_NONE: none, see peer.c */
	uint32_t helper; /* record of the helper, or SLAB_NONE */
	uint32_t opened; /* sequence number of the SYN that did; ESP: when, low bits of the time */
	uint32_t half_open; /* if it is: where in the ring of those that are */
};

_Static_assert(offsetof(struct session, tally) == 64, "a packet reads one cache line");
_Static_assert(sizeof(struct session) == 128, "a session is two cache lines");

struct mapping {
	/* inside: remote as the mapping behaviour says; outside: none, unless it is shared. Of
	 * paired protocols see pair.c */
	struct tuple key[SIDE_COUNT];
	uint32_t sessions;
	uint32_t host;
	uint16_t address;  /* index into the pool; NO_ADDRESS if it holds no port there */
	uint8_t forward;   /* made by a static forward: found by its outside endpoint only */
	uint8_t filtering; /* enum nat_dependence */
	uint8_t refresh;   /* enum nat_refresh */
	bool used;	   /* has had a session, so its outside endpoint was seen */
	bool planned;	   /* its port lies in a range of its host */
	bool one_to_one;   /* as its policy says, or said */
	bool borrowed;	   /* a stranger opened it at its sibling's port: no more of its host's */
	bool pooled;	   /* its address was one of the pool's */
	bool retired;	   /* its address goes or is gone: found by its outside endpoint only */
	uint32_t block;	   /* that range, if planned */
	uint32_t first;	   /* plus one: a session that has no peer record, though the filter asks for
			    * one; 0: none */
} __attribute__((aligned(64)));

enum { NO_ADDRESS = UINT16_MAX, NO_POLICY = UINT16_MAX };

_Static_assert(sizeof(struct mapping) == 64, "a mapping is a cache line");

/* key: outside endpoint of the mapping and remote address. */
struct peer {
	struct tuple key;
	uint32_t sessions;
};

/* key: inside address. Spent: sessions that it opened, in thousandths, as far as time had not paid for
 * them at spent_ms. */
struct host {
	struct tuple key;
	uint32_t sessions;
	uint32_t mappings; /* that hold an outside port or identifier */
	uint32_t helped;   /* sessions it opened that have a helper's record */
	uint64_t spent, spent_ms;
};

/* Of the keys of IPv6 datagrams in fragments. */
enum { PROTO_V6_FRAGMENT = 44 };

enum { FRAGMENT_RANGES = 12, IDENT_COUNTERS = 4096 };

/* A datagram of which fragments were seen. key: source, destination, identification. Ranges are
 * what has come, in units of eight octets, [begin, end), apart from one another. */
struct datagram {
	struct tuple key;
	be16 ports[2];
	be16 ident; /* that it leaves with */
	uint32_t sequence; /* as in struct pkt */
	uint32_t serial;
	uint32_t newer; /* from its side, in order of arrival; SLAB_NONE ends it */
	uint32_t older;
	uint64_t begun_ms;
	uint16_t end; /* of the last fragment, in units; 0: not seen */
	uint8_t ranges;
	bool known; /* the first fragment has come */
	bool portless;
	uint8_t protocol; /* if known */
	bool waits; /* until all has come: what it leaves as has a checksum over it */
	csum_t sum; /* of what has come of UDP, behind its header; where it changes its family */
	uint32_t whole; /* octets of transport; 0: the last has not come */
	uint8_t dead; /* enum reason why nothing more of it passes; REASON_NONE: it may */
	struct { uint16_t begin, end; } range[FRAGMENT_RANGES];
};

/* In order of arrival: those from each side. */
struct arrivals { uint32_t oldest, newest, count; };

struct fragments {
	struct table by;
	struct datagram *datagrams;
	struct slab slab;
	struct arrivals from[SIDE_COUNT];
	uint32_t serial;
};

/* TCP sessions begun outside and not answered: how many, and in order of beginning (a ring of room;
 * SLAB_NONE where one was answered or has ended). */
struct half_open {
	uint32_t *ring;
	uint32_t most, room, first, listed, count;
};

struct held_syn {
	struct tuple key; /* whose names it holds */
	uint64_t due_ms;
	struct pkt view;
	uint8_t octets[NAT_REJECTED_MOST];
};

/* A ring of most; hashes of their outside tuples, 0: forgotten. */
struct unsolicited {
	uint64_t *hashes;
	struct held_syn *syns;
	uint32_t most, first, count;
};

/* How a datagram from outside would open a session: what its transport says about that, and whether it
 * comes from an inside host. */
struct opening {
	enum reason reason;
	bool hairpinned;
};

/* Events not fetched yet: a ring of most. */
struct events {
	struct nat_event *ring;
	uint32_t most, first, count;
	uint64_t lost;
};

/* Numbers in the pool, by address: in slots, plus one. policies: whose an address is, if that policy
 * is planned; NO_POLICY. now: the addresses, as config.pool is not there any more when the next comes;
 * before: where that was another and not all sessions know it; 0: not so. */
struct pool_index {
	uint16_t *slots, *policies;
	be32 *now, *before;
	uint8_t shift;
	bool planned; /* some policy is */
	bool changed; /* something is in before */
	bool left; /* some policy has an address that is left */
};

struct helper;

enum { ENDING = 4 };

struct nat {
	struct nat_config config;
	nat_time now; /* of the call that is under way */
	nat_time started; /* when the first was */
	struct events events;
	struct half_open half_open;
	uint16_t *idents; /* IDENT_COUNTERS of them */
	struct helper *helpers;
	struct slab helper_slab;
	uint32_t helped_outside; /* sessions begun there that have a record */
	uint32_t expectations; /* sessions that are none yet */
	struct unsolicited unsolicited;
	struct hash_key hash;
	struct hashes none; /* nothing is known */
	const struct hashes *hashes; /* of what is being opened or ended */
	struct hashes ending[ENDING]; /* of sessions that are next to end, by number */
	struct names names;
	struct prefixes prefixes;
	struct hash_key draw; /* for random choices */
	uint64_t draws;
	struct table sessions_by, mappings_by, peers_by, hosts_by;
	struct session *sessions;
	struct mapping *mappings;
	struct peer *peers;
	struct host *hosts;
	struct slab session_slab, mapping_slab, peer_slab, host_slab;
	struct wheel wheel;
	uint64_t expired_ms; /* nothing was over at this time any more */
	uint32_t sweep; /* sessions below it are as the configuration demands */
	struct fragments fragments;
	struct ports ports;
	struct blocks blocks;
	struct pool_index pool;
	struct save save;
	uint64_t plans_due_ms; /* when the log is to be told of them */
	uint64_t plans_digest;
	uint16_t *next_port; /* sequential selection: per address and protocol */
	uint32_t host_limit;
	uint32_t timeout_least; /* of all policies and classes */
	uint32_t workers_inverse; /* 2^32 / workers, rounded up */
	bool passes_some; /* some policy is NAT_NONE */
	bool gathers; /* some policy helps FTP: its hosts' TCP belongs to one worker each */
	bool one_to_one;  /* some policy is NAT_ONE_TO_ONE */
	bool stateless;	  /* some is NAT_NPTV6 or NAT_SIIT */
	bool six;	  /* some is about IPv6 */
	bool sixes;	  /* some is, or was: there may be sessions of IPv6 */
	bool translates; /* a policy or forward does, or did: there may be sessions */
	uint64_t created, ended;
	uint64_t lost, moved; /* sessions: ended as their address was gone; moved to another */
	uint32_t kept; /* sessions below sweep with an address that is left */
};

#include "policy.h"

/* pool.c: the number of an address; the planned policy that it belongs to, or that an inside address
 * has, NULL if none. */
size_t pool_slots(const struct nat_config *c);
void pool_configure(struct nat *n);
void pool_forget(struct nat *n); /* what was before */
bool pool_has(const struct nat *n, be32 address, uint16_t *index);
const struct nat_policy *planned_at(const struct nat *n, uint16_t index);
const struct nat_policy *planned_of(const struct nat *n, be32 inside, be32 far);
/* Tell the log of deterministic policies, when that is due. */
void plans_note(struct nat *n);

/* owner.c: whether another worker owns one end of a session; whose a key is. */
bool owner_is_other(const struct nat *n, const struct session *s);
bool owner_is_another(const struct nat *n, const struct tuple *key);

/* arena.c: a number below most, hard to guess without the seed; what the draw of a given place in the
 * order will be. */
uint32_t nat_draw(struct nat *n, uint32_t most);
uint32_t nat_draw_at(const struct nat *n, uint64_t draw, uint32_t most);

/* host.c: the record of an inside address, NULL if it has no sessions; its number, made if there is
 * none. */
const struct host *host_of(const struct nat *n, be32 inside);
uint32_t host_take(struct nat *n, be32 inside);
void host_drop_unused(struct nat *n, uint32_t host);
enum reason host_admits(const struct nat *n, be32 inside, be32 far);

/* The same for t, from outside. Of protocols that show no handshake, which anybody can make up, a quarter
 * of the host's sessions stays for what it opens itself. */
enum reason host_admits_stranger(const struct nat *n, be32 inside, const struct tuple *t);

/* What keeps the inside host of policy p from opening another session, or holding another port. */
enum reason host_admits_opening(const struct nat *n, const struct nat_policy *p, be32 inside);
void host_note_opening(struct nat *n, const struct session *s);
enum reason host_admits_port(const struct nat *n, const struct nat_policy *p, be32 inside);

/* unsolicited.c: note a SYN for which there is no session; forget it, as the inside opens the same
 * connection. */
void unsolicited_hold(struct nat *n, const struct pkt *p, const struct tuple *outside);
void unsolicited_forget(struct nat *n, const struct tuple *outside);

/* half_open.c: admits: there is room for one more of this mapping, made if need be. note: a session
 * begins or ceases to be half open. */
uint32_t half_open_most(const struct nat_config *c);
uint32_t half_open_room(const struct nat_config *c);
bool half_open_admits(struct nat *n, uint32_t mapping);
void half_open_note(struct nat *n, uint32_t session, bool begins);

/* choose.c: the pool address that a policy tries as its i-th. false: the policy has nothing that is free. */
uint16_t choose_address(const struct nat *n, const struct nat_policy *p, const struct tuple *t,
			uint16_t i);
bool choose_endpoint(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		     uint16_t *address, uint16_t *port);
bool choose_shared(struct nat *n, const struct nat_policy *p, const struct tuple *t,
		   struct endpoint *shared);

/* The address and the port that a new mapping will likely get; what the address follows from. No port: it
 * is not known. draw: the next random choice, counted on if it was made. */
uint16_t choose_guess_address(const struct nat *n, const struct nat_policy *p, const struct tuple *t,
			      struct known_words *pooling);
int choose_guess(const struct nat *n, const struct nat_policy *p, const struct tuple *t,
		 uint16_t address, uint64_t *draw);

/* sibling.c: the other protocol of an endpoint, 0 if the policy knows none; its outside endpoint, if it
 * is free for this one too; a mapping m of an outside endpoint that only the other protocol has. */
uint8_t sibling_protocol(const struct nat_policy *p, uint8_t protocol);
bool sibling_endpoint(struct nat *n, const struct nat_policy *p, const struct tuple *inside,
		      uint16_t *address, uint16_t *port);
enum reason sibling_let_in(struct nat *n, struct mapping *m, bool hairpinned);

/* forward.c: what the mapping of a forward is beside its keys. */
void forward_plan(const struct nat *n, struct mapping *m);

/* mapping.c */
struct tuple mapping_inside_key(const struct tuple *t, enum nat_dependence mapping);
uint32_t mapping_find(const struct nat *n, const struct tuple *key);
bool mapping_has(const struct nat *n, uint8_t protocol, struct endpoint outside);
enum reason mapping_for_inside(struct nat *n, const struct tuple *t, uint32_t *mapping);
enum reason mapping_for_outside(struct nat *n, const struct tuple *t, const struct opening *o,
				uint32_t *mapping);
enum reason mapping_make(struct nat *n, const struct mapping *m, uint32_t *out);
/* Somebody outside speaks to an endpoint that nobody has. */
void mapping_unclaimed(struct nat *n, const struct tuple *t);
void mapping_drop_unused(struct nat *n, uint32_t mapping);

/* ident.c: the next one for datagrams like p; give p, which leaves for the outside, its own, and take
 * it back. */
be16 ident_next(struct nat *n, const struct pkt *p);
be16 ident_take(struct nat *n, be32 destination, const struct pkt *p); /* another destination */
void ident_rewrite(struct nat *n, struct pkt *p);
void ident_restore(const struct nat *n, struct pkt *p);

/* event.c: keep it, if anybody wants its kind. at is filled in. */
void event_note(struct nat *n, struct nat_event e);

/* open.c: a session for the first datagram of t, or why there is none; job->answer says what its
 * sender is told. */
enum reason session_open(struct nat *n, struct nat_job *job, const struct tuple *t,
			 uint32_t *session);
bool policy_hairpins(const struct nat *n, const struct nat_policy *p, enum nat_hairpin how,
		     be32 remote);

/* session.c */
uint32_t session_find(const struct nat *n, const struct tuple *t);
enum reason session_make(struct nat *n, const struct tuple *t, uint32_t mapping, uint32_t *session);
enum reason session_make_as(struct nat *n, const struct tuple *t, const struct tuple *other,
			    uint32_t mapping, uint32_t *session);
enum reason session_rename(struct nat *n, uint32_t session, const struct tuple *key);
void session_end(struct nat *n, uint32_t session);
/* What its rewrite adds to checksums, from its keys. */
void session_weigh(const struct nat *n, struct session *s);

/* The remote end of a key whose local one is of IPv6, as it lies in datagrams. */
struct ip6 session_far6(const struct nat *n, const struct tuple *t);
int64_t session_deadline(const struct nat *n, const struct session *s, nat_time now);

/* peer.c: whether the mapping has a session with this remote address; the session, whose mapping m is, is
 * one with it (false: no room to note that), or ends. */
bool peer_is_known(const struct nat *n, const struct mapping *m, be32 remote);
bool peer_join(struct nat *n, struct mapping *m, uint32_t session, be32 remote);
void peer_leave(struct nat *n, struct mapping *m, uint32_t session);

/* tcp_state.c: check a segment and take it into account; *refresh: it keeps the session alive. */
enum reason tcp_opens(const struct pkt *p);
bool tcp_goes_on(const struct pkt *p); /* a segment of a connection that is under way */
void tcp_begin(struct session *s, const struct pkt *p, enum nat_side from);
enum reason tcp_step(struct session *s, const struct pkt *p, enum nat_side from, bool *refresh);
uint32_t tcp_fragment_sequence(const struct pkt *first);
void tcp_continue(struct session *s, const struct pkt *later, enum nat_side from);
/* Would the receiver take this segment? */
bool tcp_is_taken(const struct session *s, const struct pkt *p, enum nat_side from);
bool tcp_quote_fits(const struct session *s, uint32_t sequence, enum nat_side sender);

/* transport.c: what protocols that open connections have in common. unsolicited: a packet from
 * outside that belongs to nothing may be the half of something that the inside is about to open. */
enum nat_timeout transport_timeout(uint8_t protocol);
enum reason transport_opens(const struct pkt *p, enum nat_side from);
bool transport_is_unsolicited(const struct pkt *p);
void transport_begin(struct session *s, const struct pkt *p, enum nat_side from);
enum reason transport_step(struct nat *n, uint32_t session, const struct pkt *p,
			   enum nat_side from, bool *refresh);

/* dccp.c */
enum reason dccp_opens(const struct pkt *p, enum nat_side from);
bool dccp_is_unsolicited(const struct pkt *p);
void dccp_begin(struct session *s, enum nat_side from);
void dccp_step(struct session *s, const struct pkt *p, enum nat_side from, bool *refresh);

/* sctp.c: is_for: a packet whose tag no session has is one of this session after all; alone: no other
 * session has the same ports and addresses outside. */
enum reason sctp_opens(const struct pkt *p);
uint32_t sctp_initiate_tag(const struct pkt *p);
void sctp_begin(struct session *s, const struct pkt *p, enum nat_side from);
enum reason sctp_step(struct nat *n, uint32_t session, const struct pkt *p, enum nat_side from,
		      bool *refresh);
bool sctp_is_for(const struct session *s, const struct pkt *p, bool alone);
bool sctp_quote_fits(const struct session *s, const struct pkt *quoted);

/* pair.c, of protocols of which only addresses are translated. counterpart: of a tuple that opens a
 * session. find: no session has the tuple, but it may belong to one that learns so, or to one of a
 * more general tuple, which *t becomes. begin: of a session that was made. resume: the mapping of one
 * that another process had. */
struct tuple pair_counterpart(const struct nat *n, const struct pkt *p, const struct tuple *t,
			      const struct mapping *m);
enum reason pair_for_address(struct nat *n, const struct tuple *t, be32 address, uint32_t *mapping);
enum reason pair_for_inside(struct nat *n, const struct pkt *p, const struct tuple *t,
			    uint32_t *mapping);
enum reason pair_for_outside(struct nat *n, const struct tuple *t, enum reason opens,
			     uint32_t *mapping);
uint32_t pair_find(struct nat *n, const struct pkt *p, struct tuple *t);
uint32_t pair_find_quoted(const struct nat *n, const struct pkt *inner, const struct tuple *t);
void pair_begin(struct nat *n, uint32_t session);
enum reason pair_resume(struct nat *n, const struct tuple *key, uint32_t *mapping);

/* icmp.c */
void icmp_error_process(struct nat *n, struct nat_job *job);
bool icmp_error_passes(const struct nat *n, const struct nat_job *job); /* IPv4, without a session */

/* Twice NAT: the remote end is known by another address inside. */
static inline bool session_is_redirected(const struct session *s)
{
	return !be32_equal(s->key[SIDE_INSIDE].remote, s->key[SIDE_OUTSIDE].remote);
}

static inline bool session_is_half_open(const struct session *s)
{
	return s->state == TCP_INIT_OUTSIDE;
}

static inline uint64_t hash_session(const struct nat *n, const struct tuple *key)
{
	return hash_known(&n->hash, &n->hashes->session[key->side], key);
}

static inline uint64_t hash_mapping(const struct nat *n, const struct tuple *key)
{
	return hash_known(&n->hash, &n->hashes->mapping[key->side], key);
}

static inline bool event_is_wanted(const struct nat *n, enum nat_event_kind kind)
{
	return n->config.event_mask >> kind & 1;
}

static inline uint64_t hold_until(const struct nat *n)
{
	return n->now.ms + n->config.timeout_ms[TIMEOUT_PORT_HOLD];
}

static inline struct block *block_at(const struct nat *n, uint32_t number)
{
	return &n->blocks.all[number];
}

static inline void clock_to(struct nat *n, nat_time now)
{
	if (!n->now.ms)
		n->started = now;
	n->now = now;
}

static inline const struct ip6 *name_address(const struct nat *n, be32 name)
{
	return names_at(&n->names, name);
}

static inline struct session *session_at(const struct nat *n, uint32_t number)
{
	return &n->sessions[number];
}

/* Whether what a look-up in sessions_by said still names the session of a tuple. */
static inline bool session_is_of(const struct nat *n, uint32_t value, const struct tuple *t)
{
	return value != TABLE_NONE && tuple_equal(&session_at(n, value >> 1)->key[value & 1], t);
}

#endif
