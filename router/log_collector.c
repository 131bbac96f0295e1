#include "router/log_collector.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t unix_address(struct sockaddr_storage *to, const char *path)
{
	struct sockaddr_un *a = (struct sockaddr_un *)to;

	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, path, strlen(path) + 1);
	return sizeof(*a);
}

static socklen_t udp_address(struct sockaddr_storage *to, const struct address *address,
			     uint16_t port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;

	if (address->version == 4) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, address->octets, sizeof(four->sin_addr));
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	memcpy(&six->sin6_addr, address->octets, sizeof(six->sin6_addr));
	return sizeof(*six);
}

int collector_open(struct collector *k, const struct conf_collector *c)
{
	const struct timeval patience = { .tv_usec = COLLECTOR_PATIENCE_MS * 1000 };

	*k = (struct collector){ .kind = c->kind };
	k->len = *c->path ? unix_address(&k->to, c->path)
			  : udp_address(&k->to, &c->address, c->port);
	k->fd = socket(k->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (k->fd < 0)
		return -errno;
	if (!setsockopt(k->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)))
		return 0;
	int error = errno;
	close(k->fd);
	return -error;
}

void collector_close(struct collector *k)
{
	close(k->fd);
}

bool collector_send(struct collector *k, const void *octets, size_t len)
{
	int flags = MSG_NOSIGNAL | (k->stalled ? MSG_DONTWAIT : 0);
	ssize_t sent = sendto(k->fd, octets, len, flags, (const struct sockaddr *)&k->to, k->len);

	k->stalled = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	return sent == (ssize_t)len;
}
