/*
 * routerctl: ask a running gateway, and show what it says.
 */
#include "routerctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "router/protocol.h"
#include "router/text.h"
#include "router/version.h"

/* The usual one, and that of the service. */
static const char *const sockets[] = { "/run/router.sock", "/run/router/router.sock" };

/* Status to end with, or that there is no reason yet to end. */
enum status { GO_ON = -1, DONE = 0, REFUSED = 1, USAGE = 2 };

/* The gateway gives up on us after ten seconds, and on a worker after one. */
enum { PATIENCE_S = 15 };

enum { PIECE = 65536 };

struct options {
	const char *socket;
	bool json, all;
	const struct view *view;
	char **words; /* key=value, up to a NULL */
};

__attribute__((format(printf, 2, 3)))
static enum status complain(enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("routerctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

/* After everything was printed. */
static enum status printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return DONE;
	return complain(REFUSED, "cannot print: %s", strerror(errno));
}

#define PROTOCOL_WORD(number, name) " " name

static enum status help(void)
{
	puts("usage: routerctl [--json] [--all] [-s SOCKET] COMMAND [KEY=VALUE ...]\n");
	for (const struct view *v = views; v->command != NULL; v++) {
		printf("  %-10s  %s\n", v->command, v->help);
		if (v->words[0] != '\0')
			printf("  %-10s  %s\n", "", v->words);
	}
	puts("\n"
	     "  -j, --json           print the gateway's answer as it is: one line of JSON\n"
	     "  -a, --all            counters: with those that are zero\n"
	     "  -s, --socket SOCKET  the gateway's control socket (/run/router.sock, or if there is\n"
	     "                       none, /run/router/router.sock)\n"
	     "  -V, --version        print the version of routerctl\n"
	     "  -h, --help           print this\n"
	     "\n"
	     "  proto=                      icmp" PROTOCOL_LIST(PROTOCOL_WORD) ", or a number\n"
	     "  inside=, outside=, remote=  an address, or address:port\n"
	     "  state=                      as the listing shows it\n"
	     "  limit=                      so many rows at the most (10000); 0: all");
	return printed();
}

static const struct view *find_view(const char *command)
{
	for (const struct view *v = views; v->command != NULL; v++)
		if (strcmp(command, v->command) == 0)
			return v;
	return NULL;
}

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "all", no_argument, NULL, 'a' },
	{ "socket", required_argument, NULL, 's' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char *usual_socket(void)
{
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		if (access(sockets[i], F_OK) == 0)
			return sockets[i];
	return sockets[0];
}

static enum status parse_options(struct options *o, int argc, char **argv)
{
	int letter;

	*o = (struct options){ .socket = usual_socket() };
	while ((letter = getopt_long(argc, argv, "jas:Vh", long_options, NULL)) != -1) {
		switch (letter) {
		case 'j': o->json = true; break;
		case 'a': o->all = true; break;
		case 's': o->socket = optarg; break;
		case 'V': puts("routerctl " ROUTER_VERSION); return printed();
		case 'h': return help();
		default: return USAGE;
		}
	}
	if (optind == argc)
		return complain(USAGE, "no command; --help lists them");
	o->view = find_view(argv[optind]);
	if (o->view == NULL)
		return complain(USAGE, "no command \"%s\"; --help lists them", argv[optind]);
	o->words = argv + optind + 1;
	return GO_ON;
}

/* "limit=100" is a number, all else is text; the gateway judges it. */
static json_t *word_value(const char *key, const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (strcmp(key, "limit") == 0 && digits > 0 && digits < 19 && text[digits] == '\0')
		return json_integer(strtoll(text, NULL, 10));
	return json_string(text);
}

static enum status add_word(json_t *request, const char *word)
{
	size_t len = strcspn(word, "=");
	char *key = strndup(word, len);

	if (key == NULL)
		return complain(REFUSED, "out of memory");
	bool known = json_object_get(request, key) != NULL;
	json_t *value = word[len] == '=' && !known ? word_value(key, word + len + 1) : NULL;
	int error = json_object_set_new(request, key, value);
	free(key);
	if (known)
		return complain(USAGE, "\"%s\" is one too many of its kind", word);
	return error == 0 ? GO_ON : complain(USAGE, "\"%s\" is not KEY=VALUE", word);
}

static enum status make_request(struct text *line, const struct options *o)
{
	json_t *request = json_pack("{s:s}", "command", o->view->command);
	enum status status = request != NULL ? GO_ON : complain(REFUSED, "out of memory");

	for (char **word = o->words; status == GO_ON && *word != NULL; word++)
		status = add_word(request, *word);
	char *octets = status == GO_ON ? json_dumps(request, JSON_COMPACT) : NULL;
	if (octets != NULL)
		text_format(line, "%s\n", octets);
	else if (status == GO_ON)
		status = complain(REFUSED, "out of memory");
	free(octets);
	json_decref(request);
	return status;
}

static enum status complain_connect(const char *path, int error)
{
	if (error == ENOENT || error == ECONNREFUSED)
		return complain(REFUSED, "no gateway listens at %s; start one with "
				"\"router run -c FILE\", or name its socket with -s", path);
	if (error == EACCES || error == EPERM)
		return complain(REFUSED, "%s is open to its owner and group only; "
				"try as root", path);
	if (error == EAGAIN)
		return complain(REFUSED, "the gateway at %s does not answer", path);
	return complain(REFUSED, "%s: %s", path, strerror(error));
}

static enum status connect_to(int *fd, const char *path)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return complain(REFUSED, "%s: longer than the path of a socket can be", path);
	strcpy(address.sun_path, path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return complain_connect(path, errno);
	setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(*fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return GO_ON;
	enum status status = complain_connect(path, errno);
	close(*fd);
	return status;
}

/* Send the request's line and read the reply's, to its newline. */
static enum status exchange(int fd, const struct text *request, struct text *reply)
{
	static const char broken[] = "the gateway broke off before its answer was complete";
	char piece[PIECE];

	if (send(fd, request->octets, request->len, MSG_NOSIGNAL) != (ssize_t)request->len)
		return complain(REFUSED, "cannot send to the gateway: %s", strerror(errno));
	while (reply->len == 0 || reply->octets[reply->len - 1] != '\n') {
		ssize_t len = recv(fd, piece, sizeof(piece), 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			return complain(REFUSED, "the gateway does not answer");
		if (len <= 0)
			return complain(REFUSED, "%s", broken);
		text_add(reply, piece, (size_t)len);
		if (reply->failed)
			return complain(REFUSED, "out of memory; ask for less with limit=");
	}
	return GO_ON;
}

static enum status ask(const struct options *o, struct text *reply)
{
	struct text request = { 0 };
	enum status status = make_request(&request, o);
	int fd = -1;

	if (status == GO_ON)
		status = connect_to(&fd, o->socket);
	if (status == GO_ON) {
		status = exchange(fd, &request, reply);
		close(fd);
	}
	text_free(&request);
	return status;
}

/* The last member of every reply says how it went. */
static bool says_ok(const struct text *reply)
{
	static const char end[] = "\"ok\":true}\n";
	const size_t len = sizeof(end) - 1;

	return reply->len >= len && memcmp(reply->octets + reply->len - len, end, len) == 0;
}

static enum status show_table(const struct options *o, const json_t *object)
{
	if (view_show(o->view, object, o->all, stdout) == -ENOMEM)
		return complain(REFUSED, "out of memory; ask for less with limit=");
	if (json_is_true(json_object_get(object, "truncated")))
		fprintf(stderr, "routerctl: there are more; limit=0 shows all\n");
	return printed();
}

static enum status show_parsed(const struct options *o, const struct text *reply)
{
	json_t *object = json_loadb(reply->octets, reply->len, 0, NULL);
	const char *error = json_string_value(json_object_get(object, "error"));
	enum status status;

	if (object == NULL)
		status = complain(REFUSED, "the answer is not JSON; is that a gateway's socket?");
	else if (!says_ok(reply))
		status = complain(REFUSED, "%s", error != NULL ? error : "refused");
	else
		status = show_table(o, object);
	json_decref(object);
	return status;
}

static enum status show(const struct options *o, const struct text *reply)
{
	if (o->json)
		fwrite(reply->octets, 1, reply->len, stdout);
	if (o->json && says_ok(reply))
		return printed();
	return show_parsed(o, reply);
}

int main(int argc, char **argv)
{
	struct text reply = { 0 };
	struct options o;
	enum status status = parse_options(&o, argc, argv);

	if (status == GO_ON)
		status = ask(&o, &reply);
	if (status == GO_ON)
		status = show(&o, &reply);
	text_free(&reply);
	return status;
}
