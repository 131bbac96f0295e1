/*
 * Why a packet was not forwarded: one list that is enum, counter, help text and test coverage.
 *
 * Shape    A packet is forwarded (REASON_NONE), delivered to the router itself, or ended for
 *          exactly one of these. New reason: one line here, and a test that reaches it.
 * Errors   None.
 */
#ifndef NAT_REASON_H
#define NAT_REASON_H

/* id, name of the counter, help */
#define REASON_LIST(X) \
	X(NONE, "none", "not dropped") \
	/* parser */ \
	X(SHORT, "short", "fewer octets than the headers need") \
	X(VERSION, "version", "neither IPv4 nor IPv6") \
	X(HEADER_LEN, "header_length", "IPv4 header length below 20 or beyond the datagram") \
	X(TOTAL_LEN, "total_length", "length field below the header or beyond what arrived") \
	X(HEADER_SUM, "header_checksum", "IPv4 header checksum is wrong") \
	X(OPTION, "bad_option", "IPv4 option runs past the header") \
	X(EXTENSION, "bad_extension", "IPv6 extension header chain is malformed or too long") \
	X(FRAGMENT_BAD, "bad_fragment", "fragment offset or length cannot be right") \
	X(TRANSPORT_SHORT, "transport_short", "transport header is incomplete") \
	X(TRANSPORT_LEN, "transport_length", "TCP data offset or UDP length contradicts the datagram") \
	X(OFFLOAD, "bad_offload", "offload metadata contradicts the datagram") \
	/* policy of the router */ \
	X(MARTIAN_SOURCE, "martian_source", "source address that must not be routed") \
	X(MARTIAN_DESTINATION, "martian_destination", "destination address that must not be routed") \
	X(SOURCE_ROUTE, "source_route", "source route, record route or timestamp option") \
	X(SEGMENTS_LEFT, "segments_left", "for the router itself, with an IPv6 routing header that leads on") \
	X(UNKNOWN_OPTION, "unknown_option", "IPv6 hop-by-hop option that not to know means to drop") \
	X(SPOOFED, "spoofed", "source is not reachable through the interface it came in by") \
	X(MULTICAST, "multicast", "multicast or broadcast is not forwarded") \
	X(VLAN, "vlan", "Ethernet frame with VLAN tags that no interface takes") \
	X(NOT_OURS, "not_ours", "frame or datagram for somebody else") \
	X(TTL, "ttl_exceeded", "time to live or hop limit used up") \
	X(TOO_BIG, "too_big", "larger than the MTU and must not be fragmented") \
	X(NO_ROUTE, "no_route", "no route to the destination") \
	X(BLACKHOLE, "blackhole", "route says drop silently") \
	X(UNREACHABLE, "unreachable", "route says unreachable") \
	X(PROHIBIT, "prohibit", "route says prohibited") \
	X(LOCAL_SERVICE, "local_no_service", "for the router itself, which offers no such service") \
	X(OUTSIDE_TRANSIT, "outside_transit", "from outside to outside, which is not routed") \
	/* translation */ \
	X(NO_POLICY, "no_policy", "no nat entry matches the inside source") \
	X(NO_TRANSPORT, "no_transport", "transport protocol that cannot be translated") \
	X(NOT_A_QUERY, "icmp_not_a_query", "ICMP message that is neither query nor error") \
	X(FRAGMENT, "fragment", "fragment whose first fragment is not known") \
	X(ICMP_FRAGMENT, "icmp_fragment", "ICMP error in fragments") \
	X(FRAGMENT_OVERLAP, "fragment_overlap", "fragment overlaps another of the same datagram") \
	X(FRAGMENT_LIMIT, "fragment_limit", "more fragments at once than configured") \
	X(NO_MAPPING, "no_mapping", "from outside and fits no mapping") \
	X(FILTERED, "filtered", "the mapping's filter does not allow this remote endpoint") \
	X(OUT_OF_PORTS, "out_of_ports", "no free outside port or identifier") \
	X(SESSION_LIMIT, "session_limit", "session table is full") \
	X(HOST_LIMIT, "host_limit", "inside host is at its session limit") \
	X(PORT_LIMIT, "port_limit", "inside host is at its limit of outside ports") \
	X(RATE_LIMIT, "rate_limit", "inside host opens sessions faster than configured") \
	X(MAPPING_LIMIT, "mapping_limit", "outside has opened as many sessions of the mapping as configured") \
	X(HALF_OPEN_LIMIT, "half_open_limit", "too many TCP connections from outside are unanswered") \
	X(ESP_WAITING, "esp_waiting", "new ESP SPI while another host still waits for its peer's") \
	X(NO_SESSION, "no_session", "SCTP or DCCP packet that opens nothing, without a session") \
	X(SESSION_CONFLICT, "session_conflict", "another session already uses these endpoints") \
	X(TCP_FLAGS, "tcp_flags", "TCP flags that no segment can have") \
	X(TCP_NO_SESSION, "tcp_no_session", "TCP segment other than SYN without a session") \
	X(TCP_WINDOW, "tcp_window", "TCP reset outside the window") \
	X(HELPER, "helper", "TCP segment ahead of what its helper has read, or too long for it") \
	X(ICMP_QUOTE, "icmp_quote", "ICMP error that quotes no usable datagram") \
	X(ICMP_SUM, "icmp_checksum", "ICMP error with a wrong checksum") \
	X(ICMP_MTU, "icmp_mtu", "fragmentation needed for an MTU below 68") \
	X(ICMP_NO_SESSION, "icmp_no_session", "ICMP error about no known session") \
	X(ICMP_ERRORS_OFF, "icmp_errors_off", "ICMP errors are switched off") \
	X(HAIRPIN_OFF, "hairpin_off", "hairpinning is switched off") \
	/* IPv6 */ \
	X(EMBEDDED, "embedded_address", "IPv4 address inside an IPv6 one that must not be there") \
	X(UNTRANSLATABLE, "untranslatable", "address that has no counterpart on the other side") \
	X(NPT_WORD, "npt_no_word", "IPv6 address without a word that NPTv6 could adjust") \
	X(ICMP_TYPE, "icmp_type", "ICMP message that is not forwarded, or that the other family does not have") \
	X(NO_CHECKSUM, "udp_no_checksum", "UDP without a checksum, on its way to IPv6") \
	X(EXTENSION_TYPE, "extension_type", "IPv6 extension header that is not let through") \
	X(SCOPE, "scope", "IPv6 address that must not leave its scope or be routed") \
	X(PREFIX_SOURCE, "prefix_source", "IPv6 source inside a NAT64 prefix") \
	/* leaving */ \
	X(HANDOFF_FULL, "handoff_full", "ring to the owning worker is full") \
	X(NEIGHBOUR, "unresolved", "link-layer address of the next hop is unknown") \
	X(INTERFACE_DOWN, "interface_down", "outgoing interface is down") \
	X(SEND_FULL, "send_full", "outgoing queue refused the packet") \
	X(SEND_ERROR, "send_error", "the kernel refused the packet") \
	X(ERROR_LIMIT, "icmp_limited", "ICMP error not sent because of the rate limit")

#define REASON_ENUM(id, name, help) REASON_##id,
enum reason { REASON_LIST(REASON_ENUM) REASON_COUNT };
#undef REASON_ENUM

/* Name of the counter, and a help text of one line; both static. */
const char *reason_name(enum reason r);
const char *reason_help(enum reason r);

#endif
