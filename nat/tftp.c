/* TFTP (RFC 1350 section 4): a server answers from a port of its own choice. */
#include "helper.h"

enum { UDP_HEADER = 8, READ_REQUEST = 1, WRITE_REQUEST = 2 };

/* Opcode, and two strings with their ends: file name and mode (RFC 1350 section 5). */
static bool is_request(const struct pkt *p)
{
	const uint8_t *udp = pkt_transport(p), *at = udp + UDP_HEADER;
	size_t len = load16(udp + 4), ends = 0;

	if (pkt_is_fragment(p) || len < UDP_HEADER + 4)
		return false;
	len -= UDP_HEADER;
	for (size_t i = 2; i < len; i++)
		ends += !at[i];
	return (load16(at) == READ_REQUEST || load16(at) == WRITE_REQUEST) && at[2] && ends >= 2 &&
	       !at[len - 1];
}

void tftp_read(struct nat *n, const struct nat_job *job, const struct session *s)
{
	struct endpoint outside;

	if (job->from == SIDE_INSIDE && is_request(job->p))
		helper_expect(n, &s->key[SIDE_INSIDE], s->mapping, TIMEOUT_EXPECTED_REPLY,
			      &outside);
}
