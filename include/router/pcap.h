/*
 * Captures: files of pcap and pcapng, read from memory, and pcap written.
 *
 * Sources  draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng (formats), draft-ietf-opsawg-pcaplinktype
 *          (link types: raw IP, Ethernet, Linux cooked of both versions, BSD loopback).
 * Shape    A reader is a value: a copy of it reads the same once more. Both byte orders; pcap in micro-
 *          and nanoseconds; pcapng with several sections and interfaces, each with its own resolution
 *          and offset. Blocks that are not about packets are passed over.
 * Order    Everything is host order. Times are nanoseconds since 1970, before 2106.
 * Memory   The image stays the caller's, and packets lie in it; pcap_load() to pcap_unload() it is the
 *          reader's.
 * Promise  Whatever the octets are: nothing outside the image is read or named, and every step is
 *          nearer to its end.
 * Errors   One line in fault that names file, packet, offset, and what to do; it is there for good.
 */
#ifndef ROUTER_PCAP_H
#define ROUTER_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum pcap_link {
	PCAP_NULL = 0,
	PCAP_ETHERNET = 1,
	PCAP_RAW_BSD = 12,
	PCAP_RAW = 101,
	PCAP_LOOP = 108,
	PCAP_COOKED = 113,
	PCAP_IPV4 = 228,
	PCAP_IPV6 = 229,
	PCAP_COOKED2 = 276,
};

enum { PCAP_INTERFACES_MOST = 64, PCAP_LEN_MOST = 1 << 18, PCAP_FAULT_LEN = 512 };

/* What pcapng says of where packets were captured. */
struct pcap_interface {
	uint16_t link;
	uint32_t len_most; /* 0: any */
	uint64_t units; /* of its stamps, in a second */
	int64_t offset_s;
};

struct pcap {
	const char *name; /* of the file */
	const uint8_t *octets;
	size_t len, at;
	bool ng, big_endian;
	uint64_t number, time_ns; /* of the packet read last */
	struct pcap_interface interfaces[PCAP_INTERFACES_MOST]; /* of the section; pcap has one */
	size_t interface_count;
	uint8_t *owned;
	char fault[PCAP_FAULT_LEN];
};

enum pcap_step { PCAP_PACKET, PCAP_END, PCAP_FAULT };
enum pcap_direction { PCAP_ANY_WAY, PCAP_INWARDS, PCAP_OUTWARDS };

struct pcap_packet {
	uint64_t number;  /* of the file, counted from 1 */
	uint64_t time_ns; /* pcapng may not say: then that of the one before */
	uint16_t link;	  /* enum pcap_link, or any other */
	enum pcap_direction direction;
	const uint8_t *octets;
	size_t len, wire_len; /* captured, and as it was; the latter is never less */
};

/* Begin to read an image, which a fault calls name. False: it is no capture. */
bool pcap_open(struct pcap *p, const char *name, const uint8_t *octets, size_t len);

/* The same with a whole file, or what comes out of a pipe. */
bool pcap_load(struct pcap *p, const char *file);
void pcap_unload(struct pcap *p);

/* The next packet; once there is none, or a fault, always that. */
enum pcap_step pcap_next(struct pcap *p, struct pcap_packet *out);

/* What a packet holds. Of those that are not PCAP_DATAGRAM a reader of datagrams has no use. */
#define PCAP_CONTENT_LIST(X) \
	X(DATAGRAM, "datagram") \
	X(CUT, "cut") \
	X(NOT_IP, "not_ip") \
	X(OUTGOING, "outgoing") \
	X(ELSEWHERE, "elsewhere") \
	X(LINK, "link_type")

#define PCAP_CONTENT_ENUM(id, name) PCAP_##id,
enum pcap_content { PCAP_CONTENT_LIST(PCAP_CONTENT_ENUM) PCAP_CONTENT_COUNT };
#undef PCAP_CONTENT_ENUM

struct pcap_datagram {
	const uint8_t *octets; /* from the IP header on; there may be padding behind it */
	size_t len;
	bool group; /* came as broadcast or multicast of its link */
};

/* Take the link layer off, VLAN tags too. CUT: there was more than was captured; OUTGOING: it left the
 * host that captured it; ELSEWHERE: it was for another host; LINK: a type that is not read here. */
enum pcap_content pcap_datagram(const struct pcap_packet *p, struct pcap_datagram *out);
const char *pcap_content_name(enum pcap_content c);

/* Write a file: its header, then packets, which are whole. Faults are the stream's. */
void pcap_write_header(FILE *out, enum pcap_link link);
void pcap_write(FILE *out, uint64_t time_ns, const uint8_t *octets, size_t len);

#endif
