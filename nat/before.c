#include "before.h"

enum { V6_SOURCE = 8, V6_ADDRESSES = 32 };

static void keep(struct nat_job *job, uint16_t header_at, uint8_t header_len)
{
	struct nat_before *b = &job->before;
	const struct pkt *p = job->p;
	uint32_t rest = p->len - p->transport;

	b->view = *p;
	b->header_at = header_at;
	b->header_len = header_len;
	b->transport_len = (uint8_t)(rest < NAT_BEFORE_TRANSPORT ? rest : NAT_BEFORE_TRANSPORT);
	memcpy(b->header, p->ip + header_at, header_len);
	memcpy(b->transport, pkt_transport(p), b->transport_len);
	job->kept = true;
}

void before_keep_header(struct nat_job *job)
{
	uint16_t len = job->p->transport;
	uint8_t kept = (uint8_t)(len < NAT_BEFORE_HEADER ? len : NAT_BEFORE_HEADER);

	keep(job, (uint16_t)(len - kept), kept);
}

void before_keep_addresses(struct nat_job *job)
{
	keep(job, V6_SOURCE, V6_ADDRESSES);
}

bool before_restore(struct nat_job *job)
{
	struct nat_before *b = &job->before;

	if (!job->kept)
		return false;
	*job->p = b->view;
	memcpy(job->p->ip + b->header_at, b->header, b->header_len);
	memcpy(pkt_transport(job->p), b->transport, b->transport_len);
	job->kept = false;
	return true;
}
