/*
 * What a datagram was before it was translated, so that it can be quoted. Private to nat/.
 *
 * Shape    Of the header what a translation may overwrite, and the beginning of the transport.
 * Errors   None.
 */
#ifndef NAT_BEFORE_H
#define NAT_BEFORE_H

#include "core.h"

/* All that replacing the header writes to (it ends where the transport begins); or both addresses of
 * an IPv6 header that stays. */
void before_keep_header(struct nat_job *job);
void before_keep_addresses(struct nat_job *job);

/* As it was. False: nothing was kept. */
bool before_restore(struct nat_job *job);

#endif
