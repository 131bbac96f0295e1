#include "before.h"

enum { V6_SOURCE = 8, V6_ADDRESSES = 32 };

/* Copies whose length is known beforehand cost next to nothing. */
static void keep_transport(struct nat_job *job)
{
	struct nat_before *b = &job->before;
	const struct pkt *p = job->p;
	uint32_t rest = p->len - p->transport;

	b->view = *p;
	job->kept = true;
	if (rest >= NAT_BEFORE_TRANSPORT) {
		b->transport_len = NAT_BEFORE_TRANSPORT;
		memcpy(b->transport, pkt_transport(p), NAT_BEFORE_TRANSPORT);
	} else {
		b->transport_len = (uint8_t)rest;
		memcpy(b->transport, pkt_transport(p), rest);
	}
}

/* Of a short header, with what lies in front: nobody minds if that is as it was. */
void before_keep_header(struct nat_job *job)
{
	struct nat_before *b = &job->before;

	keep_transport(job);
	b->header_at = (int32_t)job->p->transport - NAT_BEFORE_HEADER;
	b->header_len = NAT_BEFORE_HEADER;
	memcpy(b->header, job->p->ip + b->header_at, NAT_BEFORE_HEADER);
}

void before_keep_addresses(struct nat_job *job)
{
	keep_transport(job);
	job->before.header_at = V6_SOURCE;
	job->before.header_len = V6_ADDRESSES;
	memcpy(job->before.header, job->p->ip + V6_SOURCE, V6_ADDRESSES);
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
