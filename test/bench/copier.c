/*
 * The yardstick of test/bench/net.sh: read() from one device, write() to the other, and look at
 * nothing in between. What a gateway can add to this is its own cost.
 *
 * Shape    Two TUN devices that are made here, or two Ethernet devices through AF_PACKET, which are
 *          bridged. One thread, both directions in turn, a batch each; asleep in poll() when both
 *          are empty.
 * Errors   Exit 1 with one line when a device cannot be made, 2 on wrong usage. A refused write is
 *          a lost packet, as it is for a gateway.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, ROOM = 65536 + ETH_HLEN + sizeof(struct virtio_net_hdr) };

struct setup {
	char *ends[2]; /* NAME or NAME@NETNS */
	bool packet, offload;
	int mtu;
};

static int fail(const char *what, const char *which)
{
	fprintf(stderr, "copier: %s %s: %s\n", what, which, strerror(errno));
	return -1;
}

static int enter(const char *netns)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return fail("namespace", netns);
	return close(fd);
}

/* Raise what the kernel hands over unsplit and without checksum; UDP only since Linux 6.2. */
static int offload(int tun, const char *name)
{
	unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	unsigned udp = 1 << 5 | 1 << 6; /* TUN_F_USO4, TUN_F_USO6 */

	if (ioctl(tun, TUNSETOFFLOAD, tcp | udp) && ioctl(tun, TUNSETOFFLOAD, tcp))
		return fail("TUNSETOFFLOAD", name);
	return 0;
}

static int bring_up(const char *name, int mtu)
{
	struct ifreq r = { .ifr_mtu = mtu };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

	if (s < 0)
		return fail("socket", name);
	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	error = ioctl(s, SIOCSIFMTU, &r);
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (error || ioctl(s, SIOCSIFFLAGS, &r))
		error = fail("link", name);
	close(s);
	return error;
}

static int open_tun(const char *name, const struct setup *s)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (tun < 0)
		return fail("open", "/dev/net/tun");
	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(tun, TUNSETIFF, &r))
		return fail("TUNSETIFF", name);
	if (s->offload && offload(tun, name))
		return -1;
	return bring_up(name, s->mtu) ? -1 : tun;
}

/* A buffer of some sixty super-packets, or as much as the kernel allows. */
static void deepen(int s, int option, int forced)
{
	int len = 4 << 20;

	if (setsockopt(s, SOL_SOCKET, forced, &len, sizeof(len)))
		setsockopt(s, SOL_SOCKET, option, &len, sizeof(len));
}

static int open_packet(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;

	if (s < 0 || !at.sll_ifindex ||
	    setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)) ||
	    setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) ||
	    bind(s, (const struct sockaddr *)&at, sizeof(at)))
		return fail("AF_PACKET", name);
	deepen(s, SO_RCVBUF, SO_RCVBUFFORCE);
	deepen(s, SO_SNDBUF, SO_SNDBUFFORCE);
	return s;
}

static int open_device(const char *name, const struct setup *s)
{
	return s->packet ? open_packet(name) : open_tun(name, s);
}

/* The device of one end, in its namespace; this thread is back home afterwards. */
static int open_end(char *end, const struct setup *s)
{
	char *netns = strchr(end, '@');
	int home, fd;

	if (!netns)
		return open_device(end, s);
	*netns++ = '\0';
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || enter(netns))
		return -1;
	fd = open_device(end, s);
	if (setns(home, CLONE_NEWNET))
		return fail("setns", "home");
	close(home);
	return fd;
}

/* One batch; true if there may be more. */
static bool copy(int from, int to, char buffer[static ROOM])
{
	for (int i = 0; i < BATCH; i++) {
		ssize_t len = read(from, buffer, ROOM);

		if (len < 0)
			return false;
		if (write(to, buffer, (size_t)len) < 0 && errno == EAGAIN)
			return true;
	}
	return true;
}

static void run(const int fd[static 2])
{
	struct pollfd ready[] = { { fd[0], POLLIN, 0 }, { fd[1], POLLIN, 0 } };
	char buffer[ROOM];

	for (;;) {
		bool there = copy(fd[0], fd[1], buffer), back = copy(fd[1], fd[0], buffer);

		if (!there && !back)
			poll(ready, 2, -1);
	}
}

static bool parse(struct setup *s, char **word)
{
	for (; *word; word++) {
		if (!strcmp(*word, "--offload") || !strcmp(*word, "--no-offload"))
			s->offload = (*word)[2] == 'o';
		else if (!strcmp(*word, "--packet"))
			s->packet = true;
		else if (!word[1])
			return false;
		else if (!strcmp(*word, "--a"))
			s->ends[0] = *++word;
		else if (!strcmp(*word, "--b"))
			s->ends[1] = *++word;
		else if (!strcmp(*word, "--mtu"))
			s->mtu = atoi(*++word);
		else
			return false;
	}
	return s->ends[0] && s->ends[1] && s->mtu >= 68;
}

int main(int argc, char **argv)
{
	struct setup s = { .offload = true, .mtu = 1500 };
	int fd[2];

	if (argc < 2 || !parse(&s, argv + 1)) {
		fprintf(stderr, "usage: copier --a NAME[@NETNS] --b NAME[@NETNS] [--packet] "
				"[--offload | --no-offload] [--mtu OCTETS]\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		fd[i] = open_end(s.ends[i], &s);
		if (fd[i] < 0)
			return 1;
	}
	run(fd);
}
