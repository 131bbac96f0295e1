/*
 * Datagrams out of an input: recipes, which also know what has arrived so far.
 *
 * Shape    A recipe is two octets and what its kind takes. KIND_FRESH makes a datagram between two
 *          ends of a small world: hosts inside (10.0.0.0/16 translated, 10.0.9.0/24 in it exempt,
 *          172.16.0.0/12 without a policy), hosts outside, and the pool 192.0.2.0/30.
 *          RECIPE_SIX: the same of IPv6, with hosts inside (six.h) and IPv4 ones embedded.
 *          KIND_ANSWER turns one that has arrived around; KIND_ERROR is an ICMP error about it;
 *          KIND_RAW are octets as they stand in the input. Flags then spoil it, or cut it into
 *          fragments.
 * Memory   Everything lies in the caller's structs.
 * Errors   A recipe that cannot be followed makes nothing.
 */
#ifndef FUZZ_TRAFFIC_H
#define FUZZ_TRAFFIC_H

#include "nat/tuple.h"

#include "fuzz.h"

enum { DATAGRAM_MOST = 2176, RAW_MOST = 2048, PIECES_MOST = 4, PAST_MOST = 8 };

enum recipe_kind { KIND_FRESH, KIND_ANSWER, KIND_ERROR, KIND_RAW, KIND_COUNT };

/* First octet: the kind, and these. */
enum { RECIPE_OUTSIDE = 1 << 2, RECIPE_REPAIR = 1 << 3, RECIPE_KNOWN_ONLY = 1 << 4, RECIPE_SIX = 1 << 5 };
/* Second octet. PIECES: two bits, how many cuts; OVERLAP: later pieces begin too early. */
enum { RECIPE_WRONG_SUM = 1 << 0, RECIPE_NO_SUM = 1 << 1, RECIPE_PARTIAL = 1 << 2,
       RECIPE_OPTIONS = 1 << 3, RECIPE_BACKWARDS = 1 << 4, RECIPE_OVERLAP = 1 << 5,
       RECIPE_PIECES = 6 };

struct datagram {
	enum nat_side from;
	bool known_only;
	struct pkt_offload offload;
	size_t len;
	uint8_t octets[DATAGRAM_MOST];
};

/* The last few datagrams that arrived somewhere; from is the side they arrived at. */
struct past {
	size_t count; /* ever */
	struct datagram arrived[PAST_MOST];
};

void past_add(struct past *p, enum nat_side at, const uint8_t *octets, size_t len);

/* What the next recipe makes: a datagram, or the pieces of one; returns how many. */
size_t traffic_next(const struct past *p, struct input *in, struct datagram out[PIECES_MOST]);

/* What traffic.c and traffic_six.c ask of one another: numbers as they stand in an input, and what stands
 * for the transport. */
uint16_t read_port(struct input *in);
void read_host(struct input *in, uint8_t address[static 4]);
uint8_t read_protocol(struct input *in);
void put_transport(struct input *in, uint8_t protocol, uint8_t *t);
size_t transport_len(uint8_t protocol);
void make_six(struct input *in, uint8_t flags, struct datagram *d);
bool make_error_six(struct input *in, const struct datagram *about, struct datagram *d);

/* One of the pieces of an IPv6 datagram. */
void cut_six(struct datagram *out, const struct datagram *whole, size_t begin_at, size_t end);

/* Address of an inside host that nobody outside may see. */
static inline bool is_secret(const uint8_t *a)
{
	return (a[0] == 10 && !(a[1] == 0 && a[2] == 9)) || (a[0] == 172 && (a[1] & 0xf0) == 16);
}

#endif
