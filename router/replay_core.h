/*
 * What the files of router replay share. Private to router/.
 */
#ifndef ROUTER_REPLAY_CORE_H
#define ROUTER_REPLAY_CORE_H

#include "nat/session.h"
#include "router/gateway.h"
#include "router/pcap.h"
#include "router/replay.h"

struct replay_input {
	struct pcap pcap;
	struct pcap_packet next; /* if there are more */
	bool more;
	uint16_t interface;
	uint64_t cut, cut_first; /* packets of which not all was captured, and the first one's number */
};

/* The next packet of all: by time, of those with one time that of the first file. */
struct replay_packet {
	const struct replay_input *input;
	struct pcap_packet packet;
	struct pcap_datagram datagram;
	enum pcap_content content;
};

/* replay_input.c: read the files to their ends, and then from the beginning, all as one. */
int replay_inputs_open(struct replay_input *inputs, const struct replay *r, const struct conf *c,
		       struct io_error *error);
void replay_inputs_close(struct replay_input *inputs, size_t count);
bool replay_inputs_next(struct replay_input *inputs, size_t count, struct replay_packet *p);

/* The interface of that name; -EINVAL: there is none, and error says which there are. */
int replay_interface(const struct conf *c, const char *name, struct io_error *error);

/* replay_conf.c: make a configuration one of interfaces in memory. */
int replay_adapt(struct conf *c, const struct replay *r, struct io_error *error);

#define VERDICT_LIST(X) \
	X(SENT, "sent") \
	X(LOCAL, "local") \
	X(DROPPED, "dropped") \
	X(HELD, "held")

#define VERDICT_ENUM(id, name) VERDICT_##id,
enum replay_verdict { VERDICT_LIST(VERDICT_ENUM) VERDICT_COUNT };
#undef VERDICT_ENUM

/* What has become of a packet or, where packet is NULL, of what had been held until then. */
struct replay_decision {
	const struct replay_packet *packet;
	uint64_t time_ns;
	enum replay_verdict verdict;
	enum reason reason;
	bool has_session;
	struct nat_session session;
	struct counters made; /* what it has added */
};

/* Totals, of what the counters do not have. */
struct replay_sum {
	uint64_t packets, left_out[PCAP_CONTENT_COUNT], late, verdicts[VERDICT_COUNT];
	uint64_t from_ns, to_ns; /* of the packets */
	struct counters counters;
	struct nat_gauges gauges;
};

/* replay_report.c: a line of JSON for the decision; the sum, for people or as JSON. A negative errno. */
int replay_write_decision(const struct conf *c, const struct replay_decision *d, FILE *out);
int replay_write_left_out(const struct conf *c, const struct replay_packet *p, FILE *out);
int replay_write_sum(const struct conf *c, const struct replay_sum *s, FILE *out);
int replay_write_sum_json(const struct conf *c, const struct replay_sum *s, FILE *out);

#endif
