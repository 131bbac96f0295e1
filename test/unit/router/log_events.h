/* Events as a NAT would note them. */
#ifndef LOG_EVENTS_H
#define LOG_EVENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "router/log_limit.h"

static inline struct nat_endpoint endpoint(uint32_t address, uint16_t port)
{
	return (struct nat_endpoint){ .address = be32_from(address), .port = be16_from(port) };
}

static inline struct nat_endpoint endpoint6(uint8_t last, uint16_t port)
{
	return (struct nat_endpoint){
		.port = be16_from(port), .is_v6 = true,
		.address6 = { { 0x20, 0x01, 0x0d, 0xb8, [15] = last } },
	};
}

/* [2001:db8::2]:5000 known as [2001:db8::1]:6000, with [2001:db8::9]:53. */
static inline struct nat_event mapping_event66(enum nat_event_kind kind)
{
	return (struct nat_event){
		.at = { 1000 },
		.kind = (uint8_t)kind,
		.protocol = PROTO_UDP,
		.inside = endpoint6(2, 5000),
		.outside = endpoint6(1, 6000),
		.remote = endpoint6(9, 53),
	};
}

/* 10.0.0.2:5000 known as 192.0.2.1:6000, with 198.51.100.9:53. */
static inline struct nat_event mapping_event(enum nat_event_kind kind)
{
	return (struct nat_event){
		.at = { 1000 },
		.kind = (uint8_t)kind,
		.protocol = PROTO_UDP,
		.inside = endpoint(0x0a000002, 5000),
		.outside = endpoint(0xc0000201, 6000),
		.remote = endpoint(0xc6336409, 53),
	};
}

/* [2001:db8::2]:5000 known as 192.0.2.1:6000, with 198.51.100.9:53 as [64:ff9b::c633:6409]:53. */
static inline struct nat_event mapping_event64(enum nat_event_kind kind)
{
	struct nat_event e = mapping_event(kind);

	e.inside = endpoint6(2, 5000);
	e.remote.address6 = (struct ip6){ { 0, 0x64, 0xff, 0x9b, [12] = 0xc6, 0x33, 0x64, 9 } };
	return e;
}

static inline struct nat_event block_event(enum nat_event_kind kind)
{
	return (struct nat_event){
		.kind = (uint8_t)kind,
		.inside = endpoint(0x0a000002, 0),
		.outside = endpoint(0xc0000201, 0),
		.block = { 1024, 1535 },
	};
}

static inline struct nat_event limit_event(enum nat_event_kind kind, enum reason reason)
{
	return (struct nat_event){
		.kind = (uint8_t)kind,
		.protocol = PROTO_TCP,
		.reason = (uint8_t)reason,
		.inside = endpoint(0x0a000002, 5000),
	};
}

/* 2025-03-04 05:06:07.089 UTC. */
enum { RECORD_SECOND = 1741064767, RECORD_MS = 89 };

static inline struct log_record record_of(struct nat_event e)
{
	return (struct log_record){ e, (uint64_t)RECORD_SECOND * 1000 + RECORD_MS, 7, false };
}

#endif
