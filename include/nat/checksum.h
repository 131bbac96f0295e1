/*
 * Internet checksum as a value, changed by differences.
 *
 * Sources  RFC 1071 (definition), RFC 1624 eqn. 3 (update), RFC 768 and
 *          RFC 8200 section 8.1 (UDP's zero).
 * Shape    csum_t is a one's-complement sum of 16-bit words. It is not the field on the
 *          wire: the field holds the complement of the sum.
 * Order    Words are taken as they lie in memory. One's-complement addition commutes with
 *          byte swapping (RFC 1071 section 2(B)), so nothing here swaps octets and nothing
 *          takes a number in host order.
 * Zero     0x0000 and 0xffff are the same sum. On the wire they differ only in UDP, where
 *          0x0000 says "no checksum was sent".
 * Errors   None: every input has a sum.
 */
#ifndef NAT_CHECKSUM_H
#define NAT_CHECKSUM_H

#include <stddef.h>

#include "nat/bytes.h"

typedef struct { uint16_t raw; } csum_t;

/* Sum of len octets at any alignment; an odd last octet is padded with zero. */
csum_t csum_of(const void *octets, size_t len);

/* a + b, and a - b: what remains of a when b no longer counts. */
static inline csum_t csum_add(csum_t a, csum_t b)
{
	uint32_t sum = (uint32_t)a.raw + b.raw;

	return (csum_t){ (uint16_t)(sum + (sum >> 16)) };
}

static inline csum_t csum_negate(csum_t a)
{
	return (csum_t){ (uint16_t)~a.raw };
}

static inline csum_t csum_sub(csum_t a, csum_t b)
{
	return csum_add(a, csum_negate(b));
}

/* 0x0000 and 0xffff are both zero. */
static inline bool csum_is_zero(csum_t a)
{
	return a.raw == 0 || a.raw == 0xffff;
}

/* What the sum gains when len octets change; len even, offset in the packet even. */
csum_t csum_diff(const void *was, const void *now, size_t len);

/* RFC 1624 eqn. 3: HC' = ~(~HC + ~m + m'). */
static inline uint16_t csum_patched(uint16_t field, csum_t diff)
{
	return (uint16_t)~csum_add((csum_t){ (uint16_t)~field }, diff).raw;
}

/* Bring a checksum field (2 octets, any alignment) up to date with a difference.
 * A field that was valid stays valid, and one that was wrong stays wrong by as much. */
static inline void csum_patch(uint8_t field[static 2], csum_t diff)
{
	/* A difference of nothing must not turn 0000 into ffff. */
	if (!csum_is_zero(diff))
		be16_store(field, (be16){ csum_patched(be16_load(field).raw, diff) });
}

/* The same for UDP: 0x0000 stays (none was sent), and 0x0000 is never produced. */
static inline void csum_patch_udp(uint8_t field[static 2], csum_t diff)
{
	uint16_t was = be16_load(field).raw, now;

	if (was == 0 || csum_is_zero(diff))
		return;
	now = csum_patched(was, diff);
	be16_store(field, (be16){ now ? now : 0xffff });
}

/* The same for a field that holds the uncomplemented pseudo-header sum, as the kernel
 * leaves it for a device that completes checksums (VIRTIO_NET_HDR_F_NEEDS_CSUM). */
static inline void csum_patch_partial(uint8_t field[static 2], csum_t diff)
{
	be16_store(field, (be16){ csum_add((csum_t){ be16_load(field).raw }, diff).raw });
}

/* Write the field that makes octets with this sum (the field itself counted as zero) valid. */
void csum_store(uint8_t field[static 2], csum_t sum);

/* The same for UDP: 0x0000, which would say that none was sent, is written as 0xffff. */
void csum_store_udp(uint8_t field[static 2], csum_t sum);

/* Pseudo-header of IPv4 or IPv6 (RFC 9293 section 3.1, RFC 8200 section 8.1): both addresses,
 * each address_len (4 or 16) octets, the protocol, and the length in octets of what follows. */
csum_t csum_pseudo(const uint8_t *source, const uint8_t *destination, size_t address_len,
		   uint8_t protocol, uint32_t len);

#endif
