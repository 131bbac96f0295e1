/*
 * Time as the library sees it: a number that the caller moves.
 *
 * Shape    Milliseconds since a start the caller chose; never decreases between calls.
 * Errors   None.
 */
#ifndef NAT_TIME_H
#define NAT_TIME_H

#include <stdint.h>

typedef struct { uint64_t ms; } nat_time;

#endif
