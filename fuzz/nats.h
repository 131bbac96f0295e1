/*
 * The NATs of all workers of a gateway, without the gateway: configured and fed by an input.
 *
 * Shape    A turn lets time pass, perhaps configures anew, and takes a burst of datagrams through:
 *          parsed, fragments learnt, processed by their owners, judged; then what was hairpinned
 *          once more. Two of a kind get the same input, one datagram by datagram, the other in
 *          batches, in memory that held different octets before: their digests must agree.
 * Input    The first octet's highest bit: entries of IPv6, too, which one octet and one of knobs are about
 *          (nats_six.c). The next: what is rarely wanted, two octets in the beginning and two whenever
 *          there is another configuration (nats_more.c).
 * Memory   nats_open() to nats_close().
 * Errors   Ends the process: whatever is wrong here is a finding.
 */
#ifndef FUZZ_NATS_H
#define FUZZ_NATS_H

#include "nat/nat.h"

#include "traffic.h"

enum { NATS_WORKERS = 3, NATS_POLICIES = 3, NATS_POOL = 4, NATS_FORWARDS = 6 };
enum { NATS_SIX = 8, NATS_POOL_SIX = 2, NATS_FORWARDS_SIX = 3, NATS_FORWARDS_MORE = 8, ROOM_BEHIND = 64 };
enum { BURST_MOST = 96, HELD_MOST = 24 };

/* A datagram's way through. */
struct passage {
	struct datagram was; /* as it came in */
	uint8_t *octets;     /* an exact copy, rewritten in place; p.ip may leave it */
	uint8_t *buffer;     /* the octets, and room as the NAT wants it */
	size_t buffer_len;
	struct pkt p;
	struct nat_job job;  /* REASON_NONE or not: before the NAT too */
	uint16_t owner;
	unsigned recipe;     /* pieces of one datagram have one number */
	uint32_t datagram;   /* while it is held: whose first fragment it waits for */
};

struct nats {
	struct nat_config config;
	struct nat_policy policies[NATS_POLICIES + NATS_SIX];
	be32 pool[NATS_POOL + NATS_POOL_SIX]; /* IPv4 first, as far as it goes */
	struct ip6 pool6[NATS_POOL + NATS_POOL_SIX];
	size_t pool_of_four;
	struct nat_eam eams[2], eams_by6[2];
	bool six; /* there are entries of IPv6 */
	bool more; /* there is what is rarely wanted */
	struct nat_forward forwards[NATS_FORWARDS + NATS_FORWARDS_SIX + NATS_FORWARDS_MORE];
	void *arenas[NATS_WORKERS];
	struct nat *nat[NATS_WORKERS];
	nat_time now;
	size_t budget;
	bool batches;
	/* Once, in any configuration so far: sessions outlive theirs. */
	bool hairpins_as_they_are, shares_ports, excepts, groups, helps;
	bool reconfigured; /* there has been more than one */
	unsigned recipes;
	struct past past;
	struct passage *held[HELD_MOST];
	size_t held_count;
	uint64_t digest; /* of every verdict and octet so far */
};

/* nats_six.c: the entries of IPv6, in the beginning and whenever there is another configuration. */
void nats_open_six(struct nats *w);
void nats_read_six(struct nats *w, struct input *in);

/* nats_more.c: likewise; and what the NATs tell of themselves, which is part of the digest. */
void nats_open_more(struct nats *w, struct input *in);
void nats_read_more(struct nats *w, struct input *in);
void nats_tell(struct nats *w);

static inline void nats_digest(struct nats *w, const void *octets, size_t len)
{
	const uint8_t *at = octets;

	for (size_t i = 0; i < len; i++)
		w->digest = (w->digest ^ at[i]) * 0x100000001b3;
}

/* Address of an inside host that an entry of IPv6 translates. */
bool nats_hides(const struct nats *w, const uint8_t address[static 16]);

void nats_open(struct nats *w, struct input *in, bool batches);
void nats_turn(struct nats *w, struct input *in);

/* Nothing may be left after the longest of all timeouts. */
void nats_close(struct nats *w);

#endif
