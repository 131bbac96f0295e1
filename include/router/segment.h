/*
 * What a device with offloads would do, in software: cut a super-datagram into the datagrams it
 * stands for, and complete partial checksums.
 *
 * Sources  RFC 9293 section 3.1 (sequence number, FIN, PSH), RFC 3168 section 6.1.2 (CWR), RFC 768,
 *          RFC 791 (identification).
 * Shape    One super-datagram at a time: segmenter_take(), then segmenter_next() until false.
 * Memory   segmenter_new() to segmenter_free(); nothing is allocated in between.
 * Promise  What comes out has complete checksums, and its payloads in a row are what went in.
 * Errors   segmenter_new() returns NULL with errno set.
 */
#ifndef ROUTER_SEGMENT_H
#define ROUTER_SEGMENT_H

#include "router/frame.h"

struct segmenter;

struct segmenter *segmenter_new(void);
void segmenter_free(struct segmenter *s);

/* Take a copy of what f holds. false: it is not well-formed, or there is nothing to be done. */
bool segmenter_take(struct segmenter *s, const struct frame *f);

/* The same without a copy: f stays as it is until there are no more. */
bool segmenter_view(struct segmenter *s, const struct frame *f);

/* Put the next datagram into f as if it had been received so; false: there are no more. */
bool segmenter_next(struct segmenter *s, struct frame *f);

#endif
