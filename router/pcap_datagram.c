/* From packets of a capture to datagrams, by link type. */
#include "nat/bytes.h"
#include "router/l2.h"
#include "router/pcap.h"

enum { NULL_LEN = 4, COOKED_LEN = 16, COOKED2_LEN = 20 };
/* Linux's, and those of the BSDs and of macOS. */
enum { FAMILY_IPV4 = 2, FAMILY_IPV6_LINUX = 10, FAMILY_IPV6_NETBSD = 24, FAMILY_IPV6_FREEBSD = 28,
       FAMILY_IPV6_DARWIN = 30 };
/* Of cooked packets: how they came. */
enum { CAME_TO_US, CAME_BROADCAST, CAME_MULTICAST, CAME_FOR_ANOTHER, CAME_OUTGOING };

static bool is_ip(uint16_t type)
{
	return type == ETH_P_IP || type == ETH_P_IPV6;
}

static enum pcap_content behind(const struct pcap_packet *p, size_t link_len, struct pcap_datagram *out)
{
	out->octets = p->octets + link_len;
	out->len = p->len - link_len;
	return p->len < p->wire_len ? PCAP_CUT : PCAP_DATAGRAM;
}

static enum pcap_content of_ethernet(const struct pcap_packet *p, struct pcap_datagram *out)
{
	struct l2 h;

	if (!l2_parse(&h, p->octets, p->len) || !is_ip(h.type))
		return PCAP_NOT_IP;
	out->group = l2_is_group(h.to);
	return behind(p, h.len, out);
}

/* BSD loopback: an address family, in the byte order of whoever captured or, type 108, of the network. */
static enum pcap_content of_family(const struct pcap_packet *p, struct pcap_datagram *out)
{
	uint32_t family;

	if (p->len < NULL_LEN)
		return PCAP_NOT_IP;
	family = load32(p->octets);
	if (family > UINT16_MAX)
		family = __builtin_bswap32(family);
	switch (family) {
	case FAMILY_IPV4:
	case FAMILY_IPV6_LINUX:
	case FAMILY_IPV6_NETBSD:
	case FAMILY_IPV6_FREEBSD:
	case FAMILY_IPV6_DARWIN:
		return behind(p, NULL_LEN, out);
	default:
		return PCAP_NOT_IP;
	}
}

static enum pcap_content of_cooked(const struct pcap_packet *p, struct pcap_datagram *out)
{
	bool old = p->link == PCAP_COOKED;
	size_t link_len = old ? COOKED_LEN : COOKED2_LEN;
	unsigned came;

	if (p->len < link_len)
		return PCAP_NOT_IP;
	came = old ? load16(p->octets) : p->octets[10];
	if (came == CAME_OUTGOING)
		return PCAP_OUTGOING;
	if (came == CAME_FOR_ANOTHER)
		return PCAP_ELSEWHERE;
	if (!is_ip(load16(p->octets + (old ? 14 : 0))))
		return PCAP_NOT_IP;
	out->group = came == CAME_BROADCAST || came == CAME_MULTICAST;
	return behind(p, link_len, out);
}

enum pcap_content pcap_datagram(const struct pcap_packet *p, struct pcap_datagram *out)
{
	*out = (struct pcap_datagram){ 0 };
	if (p->direction == PCAP_OUTWARDS)
		return PCAP_OUTGOING;
	switch (p->link) {
	case PCAP_ETHERNET:
		return of_ethernet(p, out);
	case PCAP_NULL:
	case PCAP_LOOP:
		return of_family(p, out);
	case PCAP_COOKED:
	case PCAP_COOKED2:
		return of_cooked(p, out);
	case PCAP_RAW_BSD:
	case PCAP_RAW:
	case PCAP_IPV4:
	case PCAP_IPV6:
		return behind(p, 0, out);
	default:
		return PCAP_LINK;
	}
}

const char *pcap_content_name(enum pcap_content c)
{
#define PCAP_CONTENT_NAME(id, name) [PCAP_##id] = name,
	static const char *const names[] = { PCAP_CONTENT_LIST(PCAP_CONTENT_NAME) };

	return names[c];
}
