/*
 * Lowering the TCP maximum segment size.
 *
 * Sources  RFC 9293 section 3.7.1, RFC 5925 section 3.1 (TCP-AO covers options); requirements
 *          MSS-1 and MSS-2, 3022-C8.
 * Errors   None: an option list that cannot be read is left alone.
 */
#ifndef NAT_MSS_H
#define NAT_MSS_H

#include "nat/packet.h"

/* Lower the MSS option of a SYN to most, if it is there and higher; the checksum follows. Never
 * adds the option, never raises it, leaves segments with TCP-AO alone. True if it was changed. */
bool mss_clamp(struct pkt *p, uint16_t most);

#endif
