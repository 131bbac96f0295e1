/*
 * The control socket of a running gateway, asked by one client.
 *
 * Input    How many octets the client sends at a time; what it sends.
 * Demands  Each line is answered by one line of JSON that says whether it is ok, in the order asked;
 *          a line that is too long ends the conversation.
 *
 * Nothing that can be asked changes the gateway, so that one serves all inputs. It lives in
 * memory, with its socket under no name: a descriptor opened by path leads there.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "router/ctl.h"

#include "datagram.h"
#include "memory_file.h"

enum { LINE_MOST = 4096, TURNS_MOST = 100000, SENT_MOST = 16384 };

struct desk {
	struct gateway *gateway;
	struct ctl *ctl;
	int socket; /* of the file */
};

static const char conf[] =
	"workers = 1; control = \"\"; seed = 7;\n"
	"limits = { sessions = 64; sessions_per_host = 64; };\n"
	"interfaces = ( { name = \"lan0\"; type = \"mem\"; side = \"inside\";\n"
	"                 address = [ \"10.0.0.1/24\" ]; },\n"
	"               { name = \"wan0\"; type = \"mem\"; side = \"outside\";\n"
	"                 address = [ \"198.51.100.1/24\" ]; } );\n"
	"routes = ( { prefix = \"0.0.0.0/0\"; interface = \"wan0\"; via = \"198.51.100.254\"; } );\n"
	"nat = ( { name = \"home\"; match = \"10.0.0.0/24\"; type = \"napt44\";\n"
	"          pool = [ \"192.0.2.1\" ]; } );\n";

static void open_socket(struct desk *d)
{
	char folder[] = P_tmpdir "/fuzz.XXXXXX", path[sizeof(folder) + 8];
	struct io_error error;

	assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ctl", folder);
	assert(ctl_open(&d->ctl, path, d->gateway, &error) == 0);
	d->socket = open(path, O_PATH | O_CLOEXEC);
	assert(d->socket >= 0 && !unlink(path) && !rmdir(folder));
}

static void begin_session(struct gateway *g)
{
	/* 10.0.0.2:5000 > 203.0.113.9:53, so that there is a session to be listed. */
	uint8_t udp[] = {
		0x45, 0, 0, 0, 0, 1, 0, 0, 64, PROTO_UDP, 0, 0, 10, 0, 0, 2, 203, 0, 113, 9,
		0x13, 0x88, 0, 53, 0, 0, 0, 0,
	};

	datagram_repair(udp, sizeof(udp));
	assert(io_mem_push(g->ios[0], 0, udp, sizeof(udp)) == 0);
}

static struct desk desk_open(void)
{
	char path[MEMORY_PATH];
	int fd = memory_file(conf, sizeof(conf) - 1, path);
	struct conf *c = conf_read(path, stderr);
	struct io_error error;
	struct desk d;

	close(fd);
	assert(c && gateway_open(&d.gateway, c, &error) == 0);
	begin_session(d.gateway); /* what is there before its thread is */
	assert(gateway_begin(d.gateway, &error) == 0);
	open_socket(&d);
	return d;
}

static int connect_to(const struct desk *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", d->socket);
	assert(fd >= 0 && !connect(fd, (const struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static bool is_answer(const char *line, size_t len)
{
	json_t *answer = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *ok = json_object_get(answer, "ok"), *error = json_object_get(answer, "error");
	bool good = json_is_boolean(ok) && json_is_true(ok) == !error;

	json_decref(answer);
	return good;
}

/* Judge whole lines, keep what is left; returns how many there were. */
static size_t take_answers(char *text, size_t *len)
{
	size_t count = 0, at = 0;

	for (char *end; (end = memchr(text + at, '\n', *len - at)); count++) {
		assert(is_answer(text + at, (size_t)(end - text) - at));
		at = (size_t)(end - text) + 1;
	}
	*len -= at;
	memmove(text, text + at, *len);
	return count;
}

/* Send all, hear all, until the gateway hangs up; returns how many answers came. */
static size_t talk(struct desk *d, const uint8_t *octets, size_t len, size_t step)
{
	static const size_t room = 1 << 16;
	char *text = malloc(room);
	int fd = connect_to(d);
	size_t sent = 0, have = 0, answers = 0;
	ssize_t got = -1;

	for (unsigned turn = 0; got; turn++) {
		size_t part = len - sent < step ? len - sent : step;
		ssize_t taken = part ? send(fd, octets + sent, part, MSG_NOSIGNAL) : 0;

		assert(turn < TURNS_MOST && text && have < room);
		sent += taken > 0 ? (size_t)taken : 0;
		if (sent == len)
			shutdown(fd, SHUT_WR);
		ctl_work(d->ctl, gateway_now());
		got = recv(fd, text + have, room - have, 0);
		if (got < 0 && errno == ECONNRESET)
			break;
		have += got > 0 ? (size_t)got : 0;
		answers += take_answers(text, &have);
	}
	assert(!have);
	free(text);
	close(fd);
	return answers;
}

/* Lines, and whether one of them is too long. */
static size_t count_lines(const uint8_t *octets, size_t len, bool *long_one)
{
	size_t lines = 0, begin = 0;

	*long_one = false;
	for (size_t i = 0; i < len; i++) {
		*long_one |= i - begin + 1 >= LINE_MOST;
		if (octets[i] != '\n')
			continue;
		lines++;
		begin = i + 1;
	}
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct desk desk;
	struct input in = input_of(octets, len < SENT_MOST ? len : SENT_MOST);
	size_t step = 1 + (size_t)input_u8(&in) * 16, answers;
	bool long_one;
	size_t lines = count_lines(in.at, input_left(&in), &long_one);

	if (!desk.gateway)
		desk = desk_open();
	answers = talk(&desk, in.at, input_left(&in), step);
	assert(long_one ? answers <= lines + 1 : answers == lines);
	return 0;
}
