/*
 * The lines of FTP that say where a data connection goes, and which lines are FTP at all.
 *
 * Sources  RFC 959 sections 4.1.2 and 4.2, RFC 1123 section 4.1.2.6 (227 without a fixed form),
 *          RFC 2428 (EPRT, EPSV, 229); further commands: RFC 775, 1639, 2228, 2389, 2640, 3659,
 *          7151.
 * Shape    Lines are octets with their end of line, CRLF. Ports are host order.
 * Errors   False, or FTP_UNKNOWN: the line is not of that form, to the octet.
 */
#ifndef NAT_FTP_TEXT_H
#define NAT_FTP_TEXT_H

#include "nat/bytes.h"

enum { FTP_ENDPOINT_MOST = 32 }; /* octets ftp_write_endpoint() needs */

enum ftp_command { FTP_UNKNOWN, FTP_OTHER, FTP_PORT, FTP_EPRT, FTP_PASV, FTP_EPSV, FTP_AUTH };

/* How an endpoint is written: h1,h2,h3,h4,p1,p2; |1|address|port|; |||port|. */
enum ftp_form { FTP_NUMBERS, FTP_EXTENDED, FTP_PORT_ONLY };

struct ftp_endpoint {
	enum ftp_form form;
	uint8_t delimiter; /* of the last two forms */
	be32 address;	   /* not of FTP_PORT_ONLY */
	uint16_t port;
	uint16_t begin, end; /* where it stands in the line, [begin, end) */
};

/* Which command a line is; its first octets suffice. Letters may be of either case. */
enum ftp_command ftp_command_of(const uint8_t *line, size_t len);

/* The code of a reply's last or only line, "227 "; of the first of several, "227-", with *more
 * set; 0: neither. */
uint16_t ftp_reply_of(const uint8_t *line, size_t len, bool *more);

/* The line so far may become one with an endpoint: PORT and EPRT, or 227 and 229. */
bool ftp_may_announce(const uint8_t *line, size_t len, bool reply);

/* The endpoint in a whole line: of PORT and EPRT, 227 and 229. */
bool ftp_read_endpoint(const uint8_t *line, size_t len, struct ftp_endpoint *e);

/* Write e in its form; returns octets written. */
size_t ftp_write_endpoint(const struct ftp_endpoint *e, uint8_t out[static FTP_ENDPOINT_MOST]);

#endif
