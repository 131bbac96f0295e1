#include "ftp_text.h"

enum { WORD_MOST = 4, CODE = 3, PORT_PARTS = 6, REPLY_PASSIVE = 227, REPLY_EXTENDED = 229 };

/* Whatever a client may say in the clear. Other protocols' first words are not among them, which
 * is what keeps text inside those from being taken for FTP (ALG-SEC). */
static const struct { char word[WORD_MOST + 1]; uint8_t command; } commands[] = {
	{ "PORT", FTP_PORT }, { "EPRT", FTP_EPRT }, { "PASV", FTP_PASV }, { "EPSV", FTP_EPSV },
	{ "AUTH", FTP_AUTH },
	{ "ABOR", FTP_OTHER }, { "ACCT", FTP_OTHER }, { "ADAT", FTP_OTHER }, { "ALLO", FTP_OTHER },
	{ "APPE", FTP_OTHER }, { "CCC", FTP_OTHER }, { "CDUP", FTP_OTHER }, { "CLNT", FTP_OTHER },
	{ "CONF", FTP_OTHER }, { "CWD", FTP_OTHER }, { "DELE", FTP_OTHER }, { "ENC", FTP_OTHER },
	{ "FEAT", FTP_OTHER }, { "HASH", FTP_OTHER }, { "HELP", FTP_OTHER }, { "HOST", FTP_OTHER },
	{ "LANG", FTP_OTHER }, { "LIST", FTP_OTHER }, { "LPRT", FTP_OTHER }, { "LPSV", FTP_OTHER },
	{ "MDTM", FTP_OTHER }, { "MFMT", FTP_OTHER }, { "MIC", FTP_OTHER }, { "MKD", FTP_OTHER },
	{ "MLSD", FTP_OTHER }, { "MLST", FTP_OTHER }, { "MODE", FTP_OTHER }, { "NLST", FTP_OTHER },
	{ "NOOP", FTP_OTHER }, { "OPTS", FTP_OTHER }, { "PASS", FTP_OTHER }, { "PBSZ", FTP_OTHER },
	{ "PROT", FTP_OTHER }, { "PWD", FTP_OTHER }, { "QUIT", FTP_OTHER }, { "REIN", FTP_OTHER },
	{ "REST", FTP_OTHER }, { "RETR", FTP_OTHER }, { "RMD", FTP_OTHER }, { "RNFR", FTP_OTHER },
	{ "RNTO", FTP_OTHER }, { "SITE", FTP_OTHER }, { "SIZE", FTP_OTHER }, { "SMNT", FTP_OTHER },
	{ "STAT", FTP_OTHER }, { "STOR", FTP_OTHER }, { "STOU", FTP_OTHER }, { "STRU", FTP_OTHER },
	{ "SYST", FTP_OTHER }, { "TYPE", FTP_OTHER }, { "USER", FTP_OTHER }, { "XCUP", FTP_OTHER },
	{ "XCWD", FTP_OTHER }, { "XMKD", FTP_OTHER }, { "XPWD", FTP_OTHER }, { "XRMD", FTP_OTHER },
};

static uint8_t upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Octets that are left to be read of a line. */
struct cursor {
	const uint8_t *line;
	size_t at, len;
};

static bool take(struct cursor *c, uint8_t octet)
{
	if (c->at >= c->len || c->line[c->at] != octet)
		return false;
	c->at++;
	return true;
}

/* A decimal number, not above most; zeros in front are allowed within its digits. */
static bool take_number(struct cursor *c, uint32_t digits, uint32_t most, uint32_t *number)
{
	size_t begin = c->at;

	*number = 0;
	while (c->at < c->len && c->at - begin < digits && is_digit(c->line[c->at]))
		*number = *number * 10 + (uint32_t)(c->line[c->at++] - '0');
	return c->at > begin && *number <= most && (c->at == c->len || !is_digit(c->line[c->at]));
}

static bool take_end(struct cursor *c)
{
	while (take(c, ' '))
		;
	return take(c, '\r') && take(c, '\n') && c->at == c->len;
}

static bool has_word(const uint8_t *line, size_t len, const char *word)
{
	size_t i = 0;

	for (; word[i]; i++)
		if (i >= len || upper(line[i]) != (uint8_t)word[i])
			return false;
	return i < len && (line[i] == ' ' || line[i] == '\r' || line[i] == '\n');
}

enum ftp_command ftp_command_of(const uint8_t *line, size_t len)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (has_word(line, len, commands[i].word))
			return commands[i].command;
	return FTP_UNKNOWN;
}

uint16_t ftp_reply_of(const uint8_t *line, size_t len, bool *more)
{
	if (len <= CODE || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2]))
		return 0;
	*more = line[CODE] == '-';
	if (line[CODE] != ' ' && !*more)
		return 0;
	return (uint16_t)((line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0');
}

bool ftp_may_announce(const uint8_t *line, size_t len, bool reply)
{
	static const char begins[2][2][WORD_MOST + 2] = { { "PORT ", "EPRT " }, { "227 ", "229 " } };

	for (int i = 0; i < 2; i++) {
		const char *begin = begins[reply][i];
		size_t at = 0;

		while (at < len && begin[at] && upper(line[at]) == (uint8_t)begin[at])
			at++;
		if (at == len || !begin[at])
			return true;
	}
	return false;
}

/* RFC 959 section 4.1.2: h1,h2,h3,h4,p1,p2 */
static bool take_numbers(struct cursor *c, struct ftp_endpoint *e)
{
	uint32_t n[PORT_PARTS];

	e->form = FTP_NUMBERS;
	e->begin = (uint16_t)c->at;
	for (int i = 0; i < PORT_PARTS; i++)
		if ((i && !take(c, ',')) || !take_number(c, 3, 255, &n[i]))
			return false;
	e->end = (uint16_t)c->at;
	e->address = be32_from(n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3]);
	e->port = (uint16_t)(n[4] << 8 | n[5]);
	return true;
}

/* RFC 2428 section 2: any printable delimiter, here not one that could be part of a number. */
static bool take_delimiter(struct cursor *c, struct ftp_endpoint *e)
{
	e->begin = (uint16_t)c->at;
	if (c->at >= c->len)
		return false;
	e->delimiter = c->line[c->at++];
	return e->delimiter > 32 && e->delimiter < 127 && e->delimiter != '.' &&
	       !is_digit(e->delimiter);
}

static bool take_port(struct cursor *c, struct ftp_endpoint *e)
{
	uint32_t port;

	if (!take_number(c, 5, 65535, &port) || !take(c, e->delimiter))
		return false;
	e->port = (uint16_t)port;
	e->end = (uint16_t)c->at;
	return true;
}

/* |1|address|port| */
static bool take_extended(struct cursor *c, struct ftp_endpoint *e)
{
	uint32_t n, address = 0;

	e->form = FTP_EXTENDED;
	if (!take_delimiter(c, e) || !take(c, '1') || !take(c, e->delimiter))
		return false;
	for (int i = 0; i < 4; i++) {
		if ((i && !take(c, '.')) || !take_number(c, 3, 255, &n))
			return false;
		address = address << 8 | n;
	}
	e->address = be32_from(address);
	return take(c, e->delimiter) && take_port(c, e);
}

/* |||port| */
static bool take_port_only(struct cursor *c, struct ftp_endpoint *e)
{
	e->form = FTP_PORT_ONLY;
	return take_delimiter(c, e) && take(c, e->delimiter) && take(c, e->delimiter) &&
	       take_port(c, e);
}

/* RFC 1123 section 4.1.2.6: the first digits behind the code, whatever stands in between. */
static bool find_numbers(struct cursor *c, struct ftp_endpoint *e)
{
	while (c->at < c->len && !is_digit(c->line[c->at]))
		c->at++;
	return take_numbers(c, e);
}

static bool find_port_only(struct cursor *c, struct ftp_endpoint *e)
{
	while (c->at < c->len && c->line[c->at] != '(')
		c->at++;
	return take(c, '(') && take_port_only(c, e) && take(c, ')');
}

static bool ends_as_line(const uint8_t *line, size_t len)
{
	return len >= 2 && line[len - 2] == '\r' && line[len - 1] == '\n';
}

bool ftp_read_endpoint(const uint8_t *line, size_t len, struct ftp_endpoint *e)
{
	struct cursor c = { line, WORD_MOST + 1, len };
	bool more = false;
	uint16_t reply = ftp_reply_of(line, len, &more);

	if (!ends_as_line(line, len) || more)
		return false;
	if (reply) {
		c.at = CODE + 1;
		return reply == REPLY_PASSIVE	 ? find_numbers(&c, e)
		       : reply == REPLY_EXTENDED ? find_port_only(&c, e)
						 : false;
	}
	switch (ftp_command_of(line, len)) {
	case FTP_PORT: return take_numbers(&c, e) && take_end(&c);
	case FTP_EPRT: return take_extended(&c, e) && take_end(&c);
	default: return false;
	}
}

static size_t put_number(uint8_t *out, uint32_t number)
{
	uint8_t digits[5];
	size_t len = 0;

	do
		digits[len++] = (uint8_t)('0' + number % 10);
	while (number /= 10);
	for (size_t i = 0; i < len; i++)
		out[i] = digits[len - 1 - i];
	return len;
}

static size_t put_address(uint8_t *out, be32 address, uint8_t between)
{
	uint32_t host = be32_host(address);
	size_t len = 0;

	for (int shift = 24; shift >= 0; shift -= 8) {
		if (shift < 24)
			out[len++] = between;
		len += put_number(out + len, host >> shift & 255);
	}
	return len;
}

size_t ftp_write_endpoint(const struct ftp_endpoint *e, uint8_t out[static FTP_ENDPOINT_MOST])
{
	size_t len = 0;

	if (e->form == FTP_NUMBERS) {
		len = put_address(out, e->address, ',');
		out[len++] = ',';
		len += put_number(out + len, e->port >> 8);
		out[len++] = ',';
		return len + put_number(out + len, e->port & 255);
	}
	out[len++] = e->delimiter;
	if (e->form == FTP_EXTENDED)
		out[len++] = '1';
	out[len++] = e->delimiter;
	if (e->form == FTP_EXTENDED)
		len += put_address(out + len, e->address, '.');
	out[len++] = e->delimiter;
	len += put_number(out + len, e->port);
	out[len++] = e->delimiter;
	return len;
}
