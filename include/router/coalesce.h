/*
 * What a device with large receive would do, in software: join runs of datagrams into the
 * super-datagrams they could have been cut from, before they are written to a device that takes such.
 *
 * Sources  RFC 9293 section 3.1 (sequence number, FIN, PSH), RFC 3168 section 6.1.2 (CWR), RFC 768,
 *          RFC 6864 section 4.1 (identification means nothing where DF is set).
 * Shape    One batch at a time, which remembers nothing of the one before.
 * Promise  Cut again, as router/segment.h or a device does it, the result is octet by octet what
 *          was joined, but for identifications where DF is set; what has the same addresses,
 *          protocol and ports stays in its order. A datagram with a wrong checksum stays by itself:
 *          nothing that was wrong becomes right.
 * Errors   None.
 */
#ifndef ROUTER_COALESCE_H
#define ROUTER_COALESCE_H

#include "router/frame.h"

/* Join among frames[0 … count-1] (at most FRAME_BATCH, all parsed) what a device that takes those
 * kinds (bits of io_takes()) may be given as one. Returns how many remain, in front. Behind them
 * are the others: into[k] tells which frame carries the payload of frames[k] now, whose p.len is
 * what remains of it, its headers. */
size_t coalesce(struct frame **frames, size_t count, unsigned takes, uint8_t into[FRAME_BATCH]);

#endif
