#include "nat/mss.h"

#include "nat/checksum.h"

enum { TCP_OPTIONS = 20, TCP_SYN = 2 };
enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2, OPTION_AO = 29 };

/* Offset of the MSS value in the segment; 0 if there is none, the list is broken, or TCP-AO
 * protects it (RFC 5925 section 5.1). */
static size_t find_mss(const uint8_t *tcp, size_t header)
{
	size_t found = 0;
	size_t len;

	for (size_t at = TCP_OPTIONS; at < header && tcp[at] != OPTION_END; at += len) {
		len = 1;
		if (tcp[at] == OPTION_NOP)
			continue;
		if (at + 1 >= header || tcp[at + 1] < 2 || at + tcp[at + 1] > header)
			return 0;
		len = tcp[at + 1];
		if (tcp[at] == OPTION_AO)
			return 0;
		if (tcp[at] == OPTION_MSS && len == 4)
			found = at + 2;
	}
	return found;
}

/* The two octets may straddle two words of the sum: take the difference over both. */
static csum_t write_value(uint8_t *tcp, size_t at, uint16_t value)
{
	uint8_t was[4];
	uint8_t *words = tcp + (at & ~(size_t)1);
	size_t len = at % 2 ? 4 : 2;

	memcpy(was, words, len);
	store16(tcp + at, value);
	return csum_diff(was, words, len);
}

bool mss_clamp(struct pkt *p, uint16_t most)
{
	uint8_t *tcp = pkt_transport(p);
	size_t at;
	csum_t diff;

	if (p->protocol != PROTO_TCP || (p->flags & PKT_FRAGMENT_LATER) || !(tcp[13] & TCP_SYN))
		return false;
	at = find_mss(tcp, (size_t)(tcp[12] >> 4) * 4);
	if (!at || load16(tcp + at) <= most)
		return false;
	diff = write_value(tcp, at, most);
	if (!(p->flags & PKT_PARTIAL))
		csum_patch(p->ip + p->checksum, diff);
	return true;
}
