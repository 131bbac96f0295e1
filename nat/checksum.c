#include "nat/checksum.h"

/* 32-bit words added up in 64 bits: carries collect in the upper half, and folding them in at the
 * end is one's-complement addition (RFC 1071 section 2(C)). Good for 16 GiB. */
static csum_t fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (csum_t){ (uint16_t)sum };
}

static uint64_t word32(const uint8_t *at)
{
	return be32_load(at).raw;
}

csum_t csum_of(const void *octets, size_t len)
{
	const uint8_t *at = octets;
	uint64_t a = 0, b = 0;
	uint8_t rest[4] = { 0 };

	for (; len >= 16; at += 16, len -= 16) {
		a += word32(at) + word32(at + 4);
		b += word32(at + 8) + word32(at + 12);
	}
	for (; len >= 4; at += 4, len -= 4)
		a += word32(at);
	for (size_t i = 0; i < len; i++)
		rest[i] = at[i];
	return fold(a + b + word32(rest));
}

csum_t csum_diff(const void *was, const void *now, size_t len)
{
	return csum_sub(csum_of(now, len), csum_of(was, len));
}

void csum_store(uint8_t field[static 2], csum_t sum)
{
	be16_store(field, (be16){ (uint16_t)~sum.raw });
}

void csum_store_udp(uint8_t field[static 2], csum_t sum)
{
	csum_store(field, sum.raw == 0xffff ? (csum_t){ 0 } : sum);
}

csum_t csum_pseudo(const uint8_t *source, const uint8_t *destination, size_t address_len,
		   uint8_t protocol, uint32_t len)
{
	uint8_t rest[8] = { 0 };
	csum_t sum = csum_add(csum_of(source, address_len), csum_of(destination, address_len));

	store32(rest, len);
	rest[7] = protocol;
	return csum_add(sum, csum_of(rest, sizeof(rest)));
}
