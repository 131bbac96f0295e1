/* What protocols that open connections have in common, by the protocol. */
#include "transport.h"

#include "core.h"

enum nat_timeout transport_timeout(uint8_t protocol)
{
	switch (protocol) {
	case PROTO_TCP: return TIMEOUT_TCP_OPENING;
	case PROTO_UDP: case PROTO_UDPLITE: return TIMEOUT_UDP;
	case PROTO_ICMP: return TIMEOUT_ICMP;
	case PROTO_DCCP: return TIMEOUT_DCCP_TRANSITORY;
	case PROTO_SCTP: return TIMEOUT_SCTP_TRANSITORY;
	case PROTO_GRE: return TIMEOUT_GRE;
	case PROTO_ESP: return TIMEOUT_ESP;
	default: return TIMEOUT_OTHER;
	}
}

enum reason transport_opens(const struct pkt *p, enum nat_side from)
{
	switch (p->protocol) {
	case PROTO_TCP: return tcp_opens(p);
	case PROTO_DCCP: return dccp_opens(p, from);
	case PROTO_SCTP: return sctp_opens(p);
	default: return REASON_NONE;
	}
}

bool transport_is_unsolicited(const struct pkt *p)
{
	switch (p->protocol) {
	case PROTO_DCCP: return dccp_is_unsolicited(p);
	case PROTO_TCP: return tcp_opens(p) == REASON_NONE;
	/* RFC 6092 REC-39. */
	case PROTO_SCTP: return p->version == 6 && sctp_opens(p) == REASON_NONE;
	default: return false;
	}
}

void transport_begin(struct session *s, const struct pkt *p, enum nat_side from)
{
	switch (p->protocol) {
	case PROTO_TCP:
		tcp_begin(s, p, from);
		break;
	case PROTO_DCCP:
		dccp_begin(s, from);
		break;
	case PROTO_SCTP:
		sctp_begin(s, p, from);
		break;
	default:
		break;
	}
}

enum reason transport_step(struct nat *n, uint32_t session, const struct pkt *p,
			   enum nat_side from, bool *refresh)
{
	struct session *s = session_at(n, session);

	/* Later fragments have no flags to judge by, and keep nothing alive that those would not. */
	if (p->flags & PKT_FRAGMENT_LATER) {
		if (p->protocol == PROTO_TCP)
			tcp_continue(s, p, from);
		*refresh &= s->state == TCP_NONE;
		return REASON_NONE;
	}
	switch (p->protocol) {
	case PROTO_TCP:
		return tcp_step(s, p, from, refresh);
	case PROTO_DCCP:
		dccp_step(s, p, from, refresh);
		return REASON_NONE;
	case PROTO_SCTP:
		return sctp_step(n, session, p, from, refresh);
	default:
		return REASON_NONE;
	}
}
