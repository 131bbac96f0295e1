/*
 * Checksum-neutral translation of IPv6 prefixes.
 *
 * Sources  RFC 6296 sections 3.1 to 3.7, with erratum 3033.
 * Shape    Both prefixes count with the length of the longer one, the shorter being extended by zeros.
 *          One word behind them makes up for the difference: the one of bits 48 to 63, or if the
 *          prefixes are longer than 48 bits, the first behind bit 63 (and behind them) that is not
 *          ffff.
 * Promise  The sum of the address's words stays the same, and moving it back gives the same address.
 *          No state: every translator of these prefixes does the same.
 * Errors   False: no word can be adjusted.
 */
#ifndef NAT_NPT66_H
#define NAT_NPT66_H

#include "nat/ip6.h"

enum { NPT66_LEN_MOST = 112 }; /* so that a word is left */

/* Whether what is adjusted is part of the interface identifier. */
bool npt66_adjusts_id(const struct ip6_prefix *a, const struct ip6_prefix *b);

/* Whether an address can be in prefix from; move it to prefix to. */
bool npt66_has(const struct ip6_prefix *from, const struct ip6_prefix *to, const struct ip6 *a);
bool npt66_move(const struct ip6_prefix *from, const struct ip6_prefix *to, struct ip6 *a);

#endif
