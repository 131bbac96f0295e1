/*
 * One direction of a TCP connection, some octets of which are replaced on the way.
 *
 * Sources  RFC 9293 (sequence numbers), RFC 2018, RFC 2883 (SACK, D-SACK), RFC 1122 section 4.2.3.6
 *          (keep-alives), RFC 3022 section 4.4; requirement 5382-S9a.
 * Shape    An edit is a range of the sender's sequence numbers and the text that the receiver gets
 *          instead. Whatever segments the sender makes of its octets, and however often, a segment
 *          that touches an edit carries all of its text. Where nothing is edited octets pass as
 *          they are; numbers differ by what the edits before made the stream longer.
 * Held     The last octets that were sent may be held back. They are acknowledged to the sender as
 *          soon as the receiver has everything in front of them; to make it say so, a segment of
 *          which nothing is left becomes a keep-alive. So even a sender that waits for an
 *          acknowledgement before it sends the rest of a line goes on (RFC 896).
 * Errors   None: what the caller must see to is said.
 */
#ifndef NAT_STREAM_H
#define NAT_STREAM_H

#include "nat/packet.h"

enum { STREAM_EDITS = 6, EDIT_MOST = 128 };

struct edit {
	uint32_t begin, end; /* the sender's numbers, [begin, end) */
	bool owed;	     /* was held back: the sender will not send it again */
	uint8_t len;
	uint8_t text[EDIT_MOST];
};

struct stream {
	uint32_t next;	/* the sender's number of the first octet that was not looked at yet */
	uint32_t held;	/* octets in front of next that are held back, at most EDIT_MOST */
	uint32_t acknowledged; /* the sender's number up to which the receiver has everything */
	uint32_t shift; /* the receiver's number less the sender's in front of the first edit */
	uint32_t edits;
	struct edit edit[STREAM_EDITS]; /* in order, not overlapping */
};

/* A segment as its header says. */
struct stream_segment {
	uint32_t begin, end; /* of the payload */
	uint8_t flags;
	uint8_t *payload;
};

enum { SEGMENT_FIN = 1, SEGMENT_SYN = 2, SEGMENT_RST = 4, SEGMENT_ACK = 16, SEGMENT_URG = 32 };

struct stream_segment stream_segment_of(const struct pkt *p);

/* A number of the sender as the receiver knows it, and back. Inside an edit: its beginning. */
uint32_t stream_outward(const struct stream *s, uint32_t sequence);
uint32_t stream_inward(const struct stream *s, uint32_t sequence);

/* Look at the stream from this number on; nothing is edited. */
void stream_begin(struct stream *s, uint32_t sequence);

/* Edits that may be added, once those that the receiver has acknowledged are forgotten. */
uint32_t stream_room(struct stream *s);

/* The text instead of the octets from begin up to next, behind all other edits; there must be room,
 * and len must be at most EDIT_MOST. */
void stream_edit(struct stream *s, uint32_t begin, const uint8_t *text, size_t len);

/* What was held back from begin on may go as it was: with what comes behind it. Takes room too. */
void stream_let_go(struct stream *s, uint32_t begin, const uint8_t *text, size_t len);

/* Nothing is done to what begins at this number; there are edits. */
bool stream_ends_before(const struct stream *s, uint32_t sequence);

/* Make p, a segment of the sender, what the receiver is to get. It may become longer by all the text
 * there is. A fragment must touch no edit. */
void stream_carry(const struct stream *s, struct pkt *p);

/* What the receiver acknowledges with p, in the sender's numbers; believed: it counts. */
void stream_acknowledge(struct stream *s, struct pkt *p, bool believed);

/* What stream_carry() and stream_acknowledge() did to the numbers in a header, undone. */
void stream_undo(const struct stream *s, struct pkt *p, bool outward);

#endif
