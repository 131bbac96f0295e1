/*
 * A place of its own for a test that moves real packets: network and mount namespaces that nobody
 * else sees, in which named namespaces can be made, and which end with the process. Without
 * privilege they are made below a user namespace.
 *
 * Everything here asserts, except netns_enter(), which tells why the test must be skipped.
 */
#ifndef TEST_NETNS_H
#define TEST_NETNS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "router/io.h"
#include "router/nl.h"

static inline bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return len == (ssize_t)strlen(text);
}

/* Become root of a user namespace, if not root already. */
static inline bool netns_become_root(void)
{
	char uid_map[32], gid_map[32];

	if (geteuid() == 0)
		return true;
	snprintf(uid_map, sizeof(uid_map), "0 %u 1", (unsigned)geteuid());
	snprintf(gid_map, sizeof(gid_map), "0 %u 1", (unsigned)getegid());
	return unshare(CLONE_NEWUSER) == 0 && write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/uid_map", uid_map) &&
	       write_text("/proc/self/gid_map", gid_map);
}

/* Run a shell command; returns whether it succeeded. */
static inline bool __attribute__((format(printf, 1, 2))) shell(const char *format, ...)
{
	char command[512];
	va_list arguments;
	int status;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	status = system(command);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Start in a namespace with nothing but lo. A test that hangs is ended after a minute. */
static inline bool netns_enter(void)
{
	if (!netns_become_root() || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
		print_message("SKIP: no network namespace: %s\n", strerror(errno));
		return false;
	}
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0);
	assert_true(shell("ip link set lo up"));
	alarm(60);
	return true;
}

/* The first line of every test: only from within it can it be skipped. */
#define NETNS_TEST(state)           \
	do {                        \
		(void)(state);      \
		if (!netns_enter()) \
			skip();     \
	} while (0)

/* The second one, where a tun device is needed. */
#define TUN_TEST()                                                              \
	do {                                                                    \
		if (access("/dev/net/tun", R_OK | W_OK) < 0) {                  \
			print_message("SKIP: /dev/net/tun: %s\n", strerror(errno)); \
			skip();                                                 \
		}                                                               \
	} while (0)

/* fork(); the child is in the namespace of that name, or in ours if NULL, and ends with us. */
static inline pid_t fork_in(const char *netns)
{
	pid_t child;
	int fd;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (child == 0 && netns) {
		fd = nl_netns(netns);
		if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
			_exit(99);
	}
	return child;
}

static inline int exit_status(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline struct address address_of(const char *text)
{
	struct address a;

	assert_true(address_parse(&a, text));
	return a;
}

static inline struct prefix prefix_of(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(&p, text));
	return p;
}

/* Frames with buffers, for one batch. */
struct batch {
	struct frame store[FRAME_BATCH];
	struct frame *frames[FRAME_BATCH];
};

static inline struct batch *batch_new(void)
{
	struct batch *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	for (size_t i = 0; i < FRAME_BATCH; i++) {
		b->frames[i] = &b->store[i];
		b->store[i].octets = malloc(FRAME_ROOM);
		assert_non_null(b->store[i].octets);
	}
	return b;
}

static inline void batch_free(struct batch *b)
{
	for (size_t i = 0; i < FRAME_BATCH; i++)
		free(b->store[i].octets);
	free(b);
}

/* Give a frame the view that io_send() needs. */
static inline void view(struct frame *f)
{
	f->p = (struct pkt){ .ip = frame_ip(f), .len = f->len, .version = frame_ip(f)[0] >> 4 };
}

static inline void wait_readable(struct io *io, int timeout_ms)
{
	struct pollfd p = { .fd = io_descriptor(io, 0), .events = POLLIN };

	poll(&p, 1, timeout_ms);
}

/* One end of a wire: what is received there leaves at the other end, unchanged. */
struct wire_end {
	struct io *io;
	struct address neighbour; /* to send to at this end */
	size_t frames, supers;	  /* received here, of worker 0 … workers - 1 together */
	uint32_t longest;
};

static inline bool wire_move(struct batch *b, struct wire_end *from, struct wire_end *to,
			     uint16_t worker)
{
	size_t keep = 0, sent;
	int count = io_recv(from->io, worker, b->frames, FRAME_BATCH);

	for (int i = 0; i < count; i++) {
		struct frame *f = b->frames[i];

		view(f);
		if (f->p.version != 4 || f->link_multicast)
			continue;
		from->frames++;
		from->supers += f->offload.gso_type != VIRTIO_NET_HDR_GSO_NONE;
		if (f->len > from->longest)
			from->longest = f->len;
		f->next_hop = to->neighbour;
		b->frames[i] = b->frames[keep];
		b->frames[keep++] = f;
	}
	for (size_t at = 0; at < keep; at += sent + 1) /* a frame refused is a frame lost */
		io_send(to->io, worker, b->frames + at, keep - at, &sent);
	return count > 0;
}

/* Be the wire until the child ends; returns its exit status. */
static inline int wire_run(struct wire_end *a, struct wire_end *b, uint16_t workers, pid_t child)
{
	struct batch *batch = batch_new();
	int status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		bool busy = false;

		for (uint16_t i = 0; i < workers; i++) {
			busy |= wire_move(batch, a, b, i);
			busy |= wire_move(batch, b, a, i);
		}
		if (!busy)
			wait_readable(a->io, 1);
	}
	batch_free(batch);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static inline struct sockaddr_in socket_address(const char *text, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, text, &a.sin_addr);
	return a;
}

static inline uint8_t stream_octet(size_t i)
{
	return (uint8_t)(i * 31 + i / 65521);
}

/* In a child: listen and send that many octets to whom connects first. */
static inline pid_t tcp_server(const char *netns, const char *address, uint16_t port, size_t len)
{
	struct sockaddr_in a = socket_address(address, port);
	const int on = 1;
	int ready[2], listener, peer;
	uint8_t chunk[65536];
	char go;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork_in(netns);
	if (child) {
		close(ready[1]);
		assert_int_equal(read(ready[0], &go, 1), 1);
		close(ready[0]);
		return child;
	}
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 1) < 0)
		_exit(98);
	if (write(ready[1], "", 1) != 1)
		_exit(97);
	peer = accept(listener, NULL, NULL);
	for (size_t at = 0; at < len;) {
		size_t count = len - at < sizeof(chunk) ? len - at : sizeof(chunk);
		ssize_t sent;

		for (size_t i = 0; i < count; i++)
			chunk[i] = stream_octet(at + i);
		sent = send(peer, chunk, count, MSG_NOSIGNAL);
		if (sent <= 0)
			_exit(96);
		at += (size_t)sent;
	}
	_exit(0);
}

/* Connect and read to the end: whether it was exactly what tcp_server() sends. */
static inline bool tcp_fetch(const char *address, uint16_t port, size_t len)
{
	struct sockaddr_in a = socket_address(address, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool good = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
	uint8_t chunk[65536];
	ssize_t count;
	size_t at = 0;

	while (good && (count = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		for (ssize_t i = 0; i < count; i++)
			good &= chunk[i] == stream_octet(at++);
	}
	close(fd);
	return good && at == len;
}

static inline pid_t tcp_client(const char *netns, const char *address, uint16_t port, size_t len)
{
	pid_t child = fork_in(netns);

	if (child)
		return child;
	_exit(tcp_fetch(address, port, len) ? 0 : 1);
}

/* Whether the kernel of a namespace has not seen a single wrong checksum. */
static inline bool no_checksum_errors(const char *netns)
{
	return shell("ip netns exec %s nstat -asz TcpInCsumErrors UdpInCsumErrors IpExtInCsumErrors "
		     "| awk '/InCsumErrors/ { n += $2; seen++ } END { exit n || seen != 3 }'",
		     netns);
}

#endif
