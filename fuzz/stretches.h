/*
 * Which octets of datagrams in fragments have come: a list of flags for each.
 *
 * Sources  RFC 4787 REQ-14, RFC 5722 section 4, RFC 1858 section 4.
 * Shape    Stretches count units of eight octets, [begin, end). A record per identification; at the limit
 *          the oldest of the other side gives way if that has more, or of this side if it is a second old;
 *          and after thirty seconds each does.
 * Errors   The reason why a stretch is not taken.
 */
#ifndef FUZZ_STRETCHES_H
#define FUZZ_STRETCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nat/config.h"
#include "nat/reason.h"

enum { STRETCHES_RECORDS = 16, STRETCHES_UNITS = 8192, STRETCHES_NONE = -1 };

struct stretch {
	uint16_t ident;
	enum nat_side side;
	size_t begin, end;
	bool last;
};

struct stretches {
	size_t most; /* at once; below STRETCHES_RECORDS */
	uint64_t made; /* records so far */
	struct {
		bool used, dead;
		uint16_t ident;
		enum nat_side side;
		uint64_t begun_ms, order;
		unsigned count; /* of stretches, apart from one another */
		size_t end;	/* 0: the last has not come */
		bool came[STRETCHES_UNITS + 1];
	} record[STRETCHES_RECORDS];
};

/* Take one in; *record: whose it is, STRETCHES_NONE if there is no room for one. */
enum reason stretches_take(struct stretches *s, uint64_t now_ms, const struct stretch *x, int *record);

/* Whether there is such a record; its first stretch has come; all has. */
bool stretches_has(const struct stretches *s, int record);
bool stretches_begun(const struct stretches *s, int record);
bool stretches_complete(const struct stretches *s, int record);

/* Forget a record if all has come. */
void stretches_end(struct stretches *s, int record);

#endif
