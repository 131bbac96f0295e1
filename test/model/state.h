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
#include "nat/session.h"

enum { MODEL_SESSIONS = 512, MODEL_HOSTS = 64, MODEL_GIVEN = 64, MODEL_RESTS = 2048 };

struct model_session {
	bool alive;
	uint8_t protocol;
	uint32_t id; /* the NAT's name of it */
	struct place inside, outside, remote;
	size_t mapping;
	struct tcp tcp;
	uint64_t seen_ms;
	uint64_t packets[SIDE_COUNT], octets[SIDE_COUNT];
};

struct model_mapping {
	bool alive, from_forward;
	uint8_t protocol;
	struct place inside, outside;
	struct place remote; /* that it was made for: counts in dependent mapping */
	enum nat_dependence filtering; /* as it was when the mapping was made */
};

/* Which outside address each inside host has: all workers agree on it. */
struct model_pairing {
	size_t count;
	struct { uint32_t inside, outside; } host[MODEL_HOSTS];
};

/* The port given last on an address, for sequential selection. */
struct model_given {
	uint32_t address;
	uint8_t protocol;
	uint16_t port;
};

/* A port that is nobody's and is not given before a time. */
struct model_rest {
	uint64_t until_ms; /* 0: no entry */
	uint8_t protocol;
	struct place outside;
};

struct model {
	struct nat_config config;
	struct model_pairing *pairing;
	struct model_session sessions[MODEL_SESSIONS];
	struct model_mapping mappings[MODEL_SESSIONS];
	struct model_given given[MODEL_GIVEN];
	size_t given_count;
	struct model_rest rests[MODEL_RESTS];
	uint64_t created, ended;
};

void model_init(struct model *m, const struct nat_config *c, struct model_pairing *pairing);

/* End what is over at now. */
void model_expire(struct model *m, uint64_t now);

/* When a session's time is up, and the tick (of 256 ms) after that, when it ends. */
uint64_t model_end(const struct model *m, const struct model_session *s);
uint64_t model_deadline(const struct model *m, const struct model_session *s);

/* All but the ports in use. */
struct nat_gauges model_gauges(const struct model *m);

struct model_session *session_with(struct model *m, enum nat_side side, uint8_t protocol,
				   struct place local, struct place remote);
struct model_session *session_numbered(struct model *m, uint32_t id);

struct model_mapping *mapping_outside(struct model *m, uint8_t protocol, struct place outside);

/* Whether RFC 6888 REQ-8 keeps it from being given. */
bool model_rests(const struct model *m, uint8_t protocol, struct place outside);

/* The dynamic mapping that serves what wanted says: protocol, inside and remote endpoint. */
struct model_mapping *mapping_inside(struct model *m, enum nat_dependence mapping,
				     const struct model_mapping *wanted);

/* What keeps one more session of an inside host from beginning. */
enum reason model_limit(const struct model *m, uint32_t inside);

/* A session of p with a remote endpoint; p becomes one of the mappings if its outside endpoint has
 * none yet. */
struct model_session *session_add(struct model *m, const struct model_mapping *p,
				  struct place remote);

#endif
