/*
 * Helpers: what a NAT must read beyond the headers so that some protocols go through it. Private to
 * nat/.
 *
 * Sources  RFC 3022 section 4.4; RFC 4787 REQ-10 and RFC 5382 REQ-6 (all off unless asked for);
 *          requirement ALG-SEC.
 * Shape    A session of a policy that asks for it, to the port of a helper's protocol, gets a
 *          record. What it announces becomes an expectation: a session without a remote port, which
 *          no datagram belongs to. It holds the mapping, and lets one session in from the one remote
 *          address; then it is over, or with its timeout.
 * Errors   A helper that cannot go on leaves the session alone; what it changed already stays so.
 *          REASON_HELPER: for this datagram that is too late.
 */
#ifndef NAT_HELPER_H
#define NAT_HELPER_H

#include "core.h"
#include "stream.h"

enum { HELPER_PORT_LEAST = 1024 }; /* ALG-SEC: nothing below is ever expected */

/* A line under way: its first octets, and how long it is by now; LINE_LOST: its beginning was not
 * seen. */
enum { LINE_LOST = UINT16_MAX };

struct line {
	uint16_t len;
	uint8_t octets[EDIT_MOST];
};

/* A control connection of FTP. */
struct ftp {
	struct stream stream; /* what the inside says */
	uint32_t heard;	      /* number of the next octet from outside */
	uint32_t opened;      /* as in the session: of which connection all this is */
	struct line line[SIDE_COUNT];
	uint16_t reply;	 /* code of a reply of several lines that is under way, or 0 */
	bool knows[SIDE_COUNT]; /* where the numbers of a side begin */
	bool serves;	 /* the server is inside */
	bool off;	 /* nothing is read any more */
	bool greeted;	 /* the server spoke first, as FTP's do */
	bool secured;	 /* the client has asked for TLS */
	bool wanted;	 /* the client has asked for a passive endpoint */
	bool passed;	 /* the beginning of the inside's line has left already */
};

enum { PPTP_CALLS = 4 };

struct pptp_call {
	be16 inside, outside; /* the ID that the inside has chosen, and as the server knows it; 0: none */
};

/* Where a message stands. */
struct pptp_place {
	enum nat_side from;
	bool new; /* it comes for the first time */
};

/* A control connection of PPTP. */
struct pptp {
	uint32_t next[SIDE_COUNT]; /* numbers at which messages are due */
	uint32_t opened;	   /* as in the session */
	bool knows[SIDE_COUNT];
	bool off, asked, started;
	struct pptp_call calls[PPTP_CALLS];
};

struct helper {
	uint8_t kind; /* NAT_HELPER_* */
	uint8_t from; /* enum nat_side that opened the session */
	union {
		struct ftp ftp;
		struct pptp pptp;
		uint32_t free; /* of a free record: the next */
	};
};

/* helper.c: a session begins with a datagram, and ends. */
void helper_begin(struct nat *n, const struct nat_job *job, uint32_t session);
void helper_end(struct nat *n, struct session *s);

/* A TCP segment of a helped session, in tcp_step()'s stead: also read, and made what the other side
 * is to get. REASON_HELPER: it must come again. */
enum reason helper_step(struct nat *n, const struct nat_job *job, struct session *s, bool *refresh);

/* A datagram of a helped session that is not TCP. */
void helper_read(struct nat *n, const struct nat_job *job, struct session *s);

/* The numbers in a segment, as before helper_step(). */
void helper_undo(const struct nat *n, const struct session *s, struct pkt *p, enum nat_side from);

/* A TCP segment of the session that an ICMP error from a side quotes: its number as the inside knows
 * it; and that put into the quote, with what the quote's octets gained. */
uint32_t helper_sequence(const struct nat *n, uint32_t session, const struct pkt *quoted,
			 enum nat_side from);
csum_t helper_requote(const struct nat *n, uint32_t session, struct pkt *quoted, enum nat_side from);

/* A session from inside->remote, whatever its port, to the inside endpoint may come, by this mapping
 * (SLAB_NONE: that of its policy). outside: that endpoint as the remote knows it. */
bool helper_expect(struct nat *n, const struct tuple *inside, uint32_t mapping,
		   enum nat_timeout class, struct endpoint *outside);

/* Whether the inside host may have a session more, and its policy still wants help. */
enum reason helper_admits(const struct nat *n, be32 inside);

/* t: as from outside. Whether such a session is expected; it has come. */
bool helper_expects(const struct nat *n, const struct tuple *t);
void helper_arrived(struct nat *n, const struct tuple *t);

enum { EXPECTATION_TAG = 1 };

static inline bool helper_is_expectation(const struct tuple *key)
{
	return key->tag.raw == EXPECTATION_TAG &&
	       (key->protocol == PROTO_TCP || key->protocol == PROTO_UDP);
}

uint32_t helpers_of_worker(const struct nat_config *c);

/* Whose TCP the worker of this inside host's address does, as its connections announce one another;
 * and whether a PPTP connection announces GRE, whose worker is that of the remote address. */
bool helper_gathers(const struct nat *n, const struct tuple *t, be32 *inside);
bool helper_tunnels(const struct nat *n, const struct tuple *t);

/* ftp.c: begin; whether a segment can be dealt with, before anything else is done with it; one from
 * inside, which is also made what the outside is to get; one from outside. */
void ftp_begin(struct ftp *f, const struct session *s, const struct nat_job *job);
bool ftp_admits(const struct ftp *f, const struct session *s, const struct nat_job *job);
void ftp_speak(struct nat *n, struct session *s, struct ftp *f, const struct nat_job *job);
void ftp_hear(struct ftp *f, const struct session *s, const struct pkt *p);

/* pptp.c */
void pptp_begin(struct pptp *t, const struct session *s);
bool pptp_admits(const struct pptp *t, const struct session *s, const struct nat_job *job);
void pptp_read(struct nat *n, const struct session *s, struct pptp *t, const struct nat_job *job);

/* tftp.c */
void tftp_read(struct nat *n, const struct nat_job *job, const struct session *s);

#endif
