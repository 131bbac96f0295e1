/*
 * Timer wheel over session numbers.
 *
 * Shape    A ring of slots, one per tick; a slot heads a list of the sessions to be looked at in
 *          its tick. A packet that refreshes a session does not move it: when its slot comes up,
 *          it is put where its deadline is by then. Deadlines further away than the ring are
 *          looked at once a turn.
 * Memory   Links lie in the records, reached by base and stride; slots are the caller's.
 * Errors   None.
 */
#ifndef NAT_WHEEL_H
#define NAT_WHEEL_H

#include <stddef.h>
#include <stdint.h>

enum { WHEEL_TICK_MS = 256, WHEEL_SLOTS = 8192, WHEEL_NONE = UINT32_MAX };

struct wheel_link { uint32_t next, previous; };

struct wheel {
	uint32_t *slots;
	uint8_t *links; /* of record 0 */
	size_t stride;
	uint64_t tick; /* the next to be looked at */
};

/* slots: WHEEL_SLOTS numbers. */
void wheel_init(struct wheel *w, uint32_t *slots, void *links, size_t stride);

/* Put a record where a deadline in milliseconds will find it; take it out. */
void wheel_put(struct wheel *w, uint32_t record, int64_t deadline_ms);
void wheel_take(struct wheel *w, uint32_t record);

/* The one behind it in its slot, WHEEL_NONE if there is none; also of one that was just taken out. */
uint32_t wheel_after(const struct wheel *w, uint32_t record);

/* First record due at now_ms, taken out, or WHEEL_NONE when none is left. */
uint32_t wheel_due(struct wheel *w, uint64_t now_ms);

#endif
