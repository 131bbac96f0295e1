/*
 * Valid datagrams of every kind, with what a view of them says: cases for more than one test.
 */
#ifndef UNIT_DATAGRAMS_H
#define UNIT_DATAGRAMS_H

#include "octets.h"

#include "nat/packet.h"

/* Headers to build cases from; addresses 10.0.0.11 and 203.0.113.10, and documentation's. */
#define V4_END "0a00000b cb00710a "
#define V4(len, proto) "4500 " len " f5ba 4000 40 " proto " 0000 " V4_END
#define V4_FRAGMENT(len, field, proto) "4500 " len " f5ba " field " 40 " proto " 0000 " V4_END
#define V6_END "20010db8000100000000000000000011 20010db8000f00000000000000000001 "
#define V6(len, next) "60000000 " len " " next " 40 " V6_END
#define UDP(len) "1388 0035 " len " 0000 "
#define TCP "1388 0050 00000001 00000002 5010 ffff 0000 0000 "
#define TCP_SYN_OPTIONS "1388 0050 00000001 00000000 7002 ffff 0000 0000 020405b4 01030307 "
#define ECHO "0800 0000 0001 0002 "
#define ECHO6 "8000 0000 0001 0002 "

/* Valid datagrams of each kind, with what the view says. Checksums are made right. */
static const struct good {
	const char *what, *octets;
	uint8_t version, protocol;
	uint16_t transport, checksum, flags, offset;
} good[] = {
	{ "UDP", V4("0020", "11") UDP("000c") "01020304", 4, 17, 20, 26, PKT_DONT_FRAGMENT, 0 },
	{ "UDP without a payload", V4("001c", "11") UDP("0008"), 4, 17, 20, 26, PKT_DONT_FRAGMENT, 0 },
	{ "UDP that may be fragmented", V4_FRAGMENT("001c", "0000", "11") UDP("0008"), 4, 17, 20, 26, 0, 0 },
	{ "TCP", V4("002a", "06") TCP "0102", 4, 6, 20, 36, PKT_DONT_FRAGMENT, 0 },
	{ "TCP SYN with options", V4("0030", "06") TCP_SYN_OPTIONS, 4, 6, 20, 36, PKT_DONT_FRAGMENT, 0 },
	{ "echo", V4("001e", "01") ECHO "0102", 4, 1, 20, 22, PKT_DONT_FRAGMENT | PKT_ICMP_QUERY, 0 },
	{ "timestamp", V4("0028", "01") "0d00 0000 0001 0002 000000010000000000000000", 4, 1, 20, 22,
	  PKT_DONT_FRAGMENT | PKT_ICMP_QUERY, 0 },
	{ "redirect", V4("0038", "01") "0501 0000 0a000001 " V4("001c", "11") UDP("0008"), 4, 1, 20, 22,
	  PKT_DONT_FRAGMENT, 0 },
	{ "unreachable", V4("0038", "01") "0303 0000 00000000 " V4("001c", "11") UDP("0008"), 4, 1, 20,
	  22, PKT_DONT_FRAGMENT | PKT_ICMP_ERROR, 0 },
	{ "time exceeded", V4("0038", "01") "0b00 0000 00000000 " V4("001c", "11") UDP("0008"), 4, 1,
	  20, 22, PKT_DONT_FRAGMENT | PKT_ICMP_ERROR, 0 },
	{ "parameter problem", V4("001c", "01") "0c00 0000 00000000 ", 4, 1, 20, 22,
	  PKT_DONT_FRAGMENT | PKT_ICMP_ERROR, 0 },
	{ "GRE", V4("0018", "2f") "00000800", 4, 47, 20, 0, PKT_DONT_FRAGMENT, 0 },
	{ "no payload at all", V4("0014", "fd"), 4, 253, 20, 0, PKT_DONT_FRAGMENT, 0 },
	{ "UDP behind options", "4800 0028 f5ba 4000 40 11 0000 " V4_END "94040000 01010101 00ffffff"
	  UDP("0008"), 4, 17, 32, 38, PKT_DONT_FRAGMENT, 0 },
	{ "UDP behind a source route", "4700 0024 f5ba 4000 40 11 0000 " V4_END "83070c cb007101 00"
	  UDP("0008"), 4, 17, 28, 34, PKT_DONT_FRAGMENT | PKT_ROUTE_OPTION, 0 },
	{ "UDP behind a strict source route", "4700 0024 f5ba 4000 40 11 0000 " V4_END "01890704 cb007101"
	  UDP("0008"), 4, 17, 28, 34, PKT_DONT_FRAGMENT | PKT_ROUTE_OPTION, 0 },
	{ "UDP behind record route", "4700 0024 f5ba 4000 40 11 0000 " V4_END "0707040000000000"
	  UDP("0008"), 4, 17, 28, 34, PKT_DONT_FRAGMENT | PKT_ROUTE_OPTION, 0 },
	{ "UDP behind a timestamp option", "4700 0024 f5ba 4000 40 11 0000 " V4_END "4408050000000000"
	  UDP("0008"), 4, 17, 28, 34, PKT_DONT_FRAGMENT | PKT_ROUTE_OPTION, 0 },
	{ "first fragment of UDP", V4_FRAGMENT("001c", "2000", "11") UDP("0fa0"), 4, 17, 20, 26,
	  PKT_FRAGMENT_FIRST, 0 },
	{ "later fragment of UDP", V4_FRAGMENT("0015", "00b9", "11") "01", 4, 17, 20, 0,
	  PKT_FRAGMENT_LATER, 1480 },
	{ "later fragment of TCP", V4_FRAGMENT("001c", "2002", "06") "0102030405060708", 4, 6, 20, 0,
	  PKT_FRAGMENT_LATER, 16 },
	{ "UDP over IPv6", V6("000a", "11") UDP("000a") "0102", 6, 17, 40, 46, PKT_DONT_FRAGMENT, 0 },
	{ "TCP over IPv6", V6("0014", "06") TCP, 6, 6, 40, 56, PKT_DONT_FRAGMENT, 0 },
	{ "echo over IPv6", V6("0008", "3a") ECHO6, 6, 58, 40, 42, PKT_DONT_FRAGMENT | PKT_ICMP_QUERY, 0 },
	{ "packet too big", V6("0038", "3a") "0200 0000 00000500 " V6("0008", "11") UDP("0008"), 6, 58, 40,
	  42, PKT_DONT_FRAGMENT | PKT_ICMP_ERROR, 0 },
	{ "neighbour solicitation", V6("0018", "3a") "8700 0000 00000000 20010db8000f00000000000000000001",
	  6, 58, 40, 42, PKT_DONT_FRAGMENT, 0 },
	{ "UDP behind hop-by-hop and destination options",
	  V6("0018", "00") "3c00010400000000" "1100010400000000" UDP("0008"), 6, 17, 56, 62,
	  PKT_DONT_FRAGMENT, 0 },
	{ "UDP behind an authentication header", V6("0014", "33") "1101000000000001 00000002" UDP("0008"),
	  6, 17, 52, 58, PKT_DONT_FRAGMENT | PKT_IPSEC, 0 },
	{ "ESP over IPv6", V6("0008", "32") "0000000100000001", 6, 50, 40, 0, PKT_DONT_FRAGMENT | PKT_IPSEC, 0 },
	{ "HIP", V6("0008", "8b") "3b00010400000000", 6, 59, 48, 0, PKT_DONT_FRAGMENT | PKT_IPSEC, 0 },
	{ "UDP behind routing type 0", V6("0010", "2b") "1100000100000000" UDP("0008"), 6, 17, 48, 54,
	  PKT_DONT_FRAGMENT | PKT_ROUTE_OPTION, 0 },
	{ "UDP behind routing type 0 that is used up", V6("0010", "2b") "1100000000000000" UDP("0008"), 6,
	  17, 48, 54, PKT_DONT_FRAGMENT | PKT_ROUTE_OPTION, 0 },
	{ "UDP behind routing type 1 that is used up", V6("0010", "2b") "1100010000000000" UDP("0008"), 6,
	  17, 48, 54, PKT_DONT_FRAGMENT | PKT_ROUTE_OPTION, 0 },
	{ "UDP behind two routing headers with segments left, and one without",
	  V6("0028", "3c") "2b00010400000000" "2b00040000000000" "2b00040100000000" "1100040200000000"
	  UDP("0008"), 6, 17, 72, 78, PKT_DONT_FRAGMENT, 0 },
	{ "atomic fragment", V6("0010", "2c") "1100000012345678" UDP("0008"), 6, 17, 48, 54,
	  PKT_DONT_FRAGMENT, 0 },
	{ "atomic fragment with options around",
	  V6("0020", "3c") "2c00010400000000" "3c00000012345678" "1100010400000000" UDP("0008"), 6, 17,
	  64, 70, PKT_DONT_FRAGMENT, 0 },
	{ "first fragment over IPv6", V6("0010", "2c") "1100000112345678" UDP("0fa0"), 6, 17, 48, 54,
	  PKT_DONT_FRAGMENT | PKT_FRAGMENT_FIRST, 0 },
	{ "later fragment over IPv6", V6("000b", "2c") "1100059812345678" "010203", 6, 17, 48, 0,
	  PKT_DONT_FRAGMENT | PKT_FRAGMENT_LATER, 0x598 },
	{ "later fragment of an authentication header", V6("0009", "2c") "3300059812345678" "01", 6, 51,
	  48, 0, PKT_DONT_FRAGMENT | PKT_FRAGMENT_LATER | PKT_IPSEC, 0x598 },
	{ "last fragment that just fits, but for what is in front of it",
	  V6("000f", "2c") "1100fff812345678" "00010203040506", 6, 17, 48, 0,
	  PKT_DONT_FRAGMENT | PKT_FRAGMENT_LATER, 0xfff8 },
	{ "no next header", V6("0000", "3b"), 6, 59, 40, 0, PKT_DONT_FRAGMENT, 0 },
};

enum { GOOD_COUNT = sizeof(good) / sizeof(good[0]) };

/* Octets of a valid case; returns their number. */
static inline size_t make(uint8_t at[static OCTETS_ROOM], const struct good *g)
{
	size_t len = octets_read(at, g->octets);
	bool plain = g->version == 4 || g->transport == 40;

	if (g->version == 4)
		octets_seal(at);
	if (g->checksum && plain) {
		octets_complete(at, len);
	} else if (g->checksum) {
		/* Behind extension headers: any sum will do, but not "none was sent". */
		store16(at + g->checksum, 0x1234);
	}
	return len;
}

#endif
