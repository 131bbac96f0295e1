/*
 * What one worker of the model remembers: arrays, searched from the front.
 *
 * Sources  RFC 4787 section 4 (mappings), RFC 7857 section 2 (timeouts).
 * Memory   The caller's; struct model is plain and needs no end.
 * Errors   NULL: there is none.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "datagram.h"
#include "model_tcp.h"
#include "nat/event.h"
#include "nat/session.h"

enum {
	MODEL_SESSIONS = 512, MODEL_HOSTS = 256, MODEL_GIVEN = 64, MODEL_RESTS = 2048,
	MODEL_VISITORS = 512, MODEL_IDENTS = 512, MODEL_SYNS = 64, MODEL_SYN_OCTETS = 128,
};

struct model_session {
	bool alive;
	bool short_lived; /* by its remote port, when it began */
	bool hairpin; /* its remote address was ours then */
	uint8_t protocol;
	uint32_t id; /* the NAT's name of it */
	struct place inside, outside;
	struct place remote[SIDE_COUNT]; /* as it is known on either side */
	size_t mapping;
	struct tcp tcp;
	uint64_t seen_ms;
	uint64_t half_open_since; /* in order of beginning, if it is half open */
	uint64_t packets[SIDE_COUNT], octets[SIDE_COUNT];
};

struct model_mapping {
	bool alive, from_forward;
	bool alone; /* others may have its outside endpoint: only its session knows it */
	bool holds; /* an outside port that the NAT has given */
	bool basic; /* of basic NAT */
	bool apart; /* outside, at no address of the pool of then */
	uint8_t protocol;
	struct place inside, outside;
	bool six; /* outside, so that it is not that of another family */
	struct place remote; /* as much of it as the mapping depends on; the rest is zero */
	enum nat_dependence filtering; /* this and refresh: as they were when it was made */
	enum nat_refresh refresh;
};

/* What all workers agree on without talking: which outside address of a slice each inside host has,
 * and which target of a forward each visitor. */
struct model_pairing {
	size_t count;
	struct { ip_number inside, outside; uint16_t first, slice; } host[MODEL_HOSTS];
	size_t visitor_count;
	struct model_visitor { uint8_t protocol; struct place outside, remote, inside; }
		visitor[MODEL_VISITORS];
	/* Identifications that left last, per destination and protocol. */
	size_t ident_count;
	struct { ip_number destination; uint8_t protocol; uint16_t ident; } ident[MODEL_IDENTS];
};

/* The port given last on an address, for sequential selection. */
struct model_given {
	ip_number address;
	uint8_t protocol;
	bool unknown; /* one was taken back, by a conflict that shows no port */
	uint16_t port;
};

/* A port that is nobody's and is not given before a time. */
struct model_rest {
	uint64_t until_ms; /* 0: no entry */
	uint8_t protocol;
	struct place outside;
};

/* How much an inside host has opened and time has not paid for, in thousandths. */
struct model_spender {
	ip_number inside; /* 0: no entry */
	uint64_t spent, at_ms;
};

/* A SYN that waits for the inside to open the same connection. */
struct model_syn {
	uint64_t due_ms;
	bool forgotten, maybe; /* maybe: whether it waits was left to chance */
	struct place outside, remote;
	size_t len;
	uint8_t octets[MODEL_SYN_OCTETS];
};

struct model {
	struct nat_config config;
	struct model_pairing *pairing;
	struct model_session sessions[MODEL_SESSIONS];
	struct model_mapping mappings[MODEL_SESSIONS];
	struct model_given given[MODEL_GIVEN];
	size_t given_count;
	struct model_rest rests[MODEL_RESTS];
	struct model_spender spenders[MODEL_HOSTS];
	struct model_syn syns[MODEL_SYNS];
	size_t syn_count;
	uint64_t syns_missed_until; /* one that was missed may wait until then */
	uint64_t begun; /* half-open sessions so far */
	uint64_t created, ended, lost, moved;
	uint64_t told; /* sum of what the log was told */
};

void model_init(struct model *m, const struct nat_config *c, struct model_pairing *pairing);

/* End what is over at now; end one session. */
void model_expire(struct model *m, uint64_t now);
void model_end_session(struct model *m, struct model_session *s, uint64_t now);

/* Another address takes the place of one in the pool: what has the old one follows, if it is to move and
 * nobody has what it would become, or ends. Once for all workers: what they agree on. */
void model_readdress(struct model *m, ip_number was, ip_number now, bool moves, uint64_t time);
void pairing_readdress(struct model_pairing *p, ip_number was, ip_number now);

/* When a session's time is up, and the tick (of 256 ms) after that, when it ends. */
uint64_t model_end(const struct model *m, const struct model_session *s);
uint64_t model_deadline(const struct model *m, const struct model_session *s);

/* All but the ports in use. */
struct nat_gauges model_gauges(const struct model *m);

struct model_session *session_with(struct model *m, enum nat_side side, uint8_t protocol,
				   struct place local, struct place remote);
struct model_session *session_numbered(struct model *m, uint32_t id);

/* What strangers may reach, and what holds the port; not what is one session's alone. */
struct model_mapping *mapping_outside(struct model *m, uint8_t protocol, struct place outside);

/* Whether RFC 6888 REQ-8 keeps it from being given. */
bool model_rests(const struct model *m, uint8_t protocol, struct place outside);

/* As much of a remote endpoint as a mapping depends on. */
struct place place_depended_on(enum nat_dependence mapping, struct place remote);

/* The mapping, not of a forward, that has this protocol, inside endpoint and depends on this remote
 * one. */
struct model_mapping *mapping_inside(struct model *m, const struct model_mapping *wanted);

size_t mapping_sessions(const struct model *m, const struct model_mapping *p);

/* A new mapping, and a session of one; its endpoints are the mapping's. */
struct model_mapping *mapping_add(struct model *m, const struct model_mapping *p);
struct model_session *session_add(struct model *m, struct model_mapping *p,
				  const struct place remote[SIDE_COUNT]);

/* What the log is told, as a number; what a NAT takes back is subtracted. Mappings that end count
 * against those that begin, so that one that never was in use is nothing. */
struct nat_endpoint endpoint_of(struct place p);
uint64_t event_weight(const struct nat_event *e);
void model_tell(struct model *m, const struct nat_event *e);

#endif
