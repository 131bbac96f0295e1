#include "undo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard_hold.h"
#include "io_backend.h"
#include "router/priv.h"
#include "router/worker.h"

struct undo {
	int to; /* what is there to undo; its end is that of the gateway */
	pid_t process;
};

/* What there is to undo, as the gateway tells it. */
struct deed {
	struct host_ports ports;
	uint32_t hold; /* 0: not of what holds */
	struct queue_host host; /* without a device: not of an interface */
	size_t interface;
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t device;
	ino_t inode; /* 0: no socket */
};

struct deeds {
	struct deed first; /* for its socket and ports */
	struct queue_host hosts[WORKER_INTERFACES_MOST];
};

/* Whoever has got the gateway into his hands names no other file. */
static bool is_sound(const struct deed *d)
{
	const char *device = d->host.device;

	return d->interface < WORKER_INTERFACES_MOST && memchr(device, '\0', IFNAMSIZ) &&
	       !strchr(device, '/') && *device != '.';
}

static void note(struct deeds *all, const struct deed *told)
{
	struct deed *first = &all->first;

	if (*told->host.device) {
		if (is_sound(told))
			all->hosts[told->interface] = told->host;
		return;
	}
	if (told->hold) {
		first->hold = told->hold;
		return;
	}
	if (!first->inode && told->inode) {
		memcpy(first->socket, told->socket, sizeof(first->socket) - 1);
		first->device = told->device;
		first->inode = told->inode;
	}
	if (!told->inode)
		first->ports = told->ports;
}

static void undo_all(struct deeds *all)
{
	struct deed *first = &all->first;
	struct stat file;

	if (first->inode && lstat(first->socket, &file) == 0 && S_ISSOCK(file.st_mode) &&
	    file.st_dev == first->device && file.st_ino == first->inode)
		unlink(first->socket);
	if (first->hold)
		guard_hold_end(first->hold);
	host_ports_restore(&first->ports);
	for (size_t i = 0; i < WORKER_INTERFACES_MOST; i++)
		if (*all->hosts[i].device)
			queue_host_restore(&all->hosts[i]);
}

/* Signals that end the gateway are blocked here as they are there, and do not end this. */
__attribute__((noreturn)) static void wait_for_end(int from)
{
	struct io_error error;
	struct deeds all = { 0 };
	struct deed told;
	ssize_t len;

	prctl(PR_SET_NAME, "router-undo", 0, 0, 0);
	if (priv_drop_for_undo(&error) < 0 || priv_filter_for(PRIV_ALWAYS, &error) < 0)
		fprintf(stderr, "router: %s\n", error.text);
	while ((len = recv(from, &told, sizeof(told), 0)) > 0 || (len < 0 && errno == EINTR))
		if (len == sizeof(told))
			note(&all, &told);
	undo_all(&all);
	_exit(EXIT_SUCCESS);
}

int undo_begin(struct undo **out, struct io_error *error)
{
	struct undo *u = calloc(1, sizeof(*u));
	int ends[2], r = u ? 0 : -ENOMEM;

	if (!r && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		r = -errno;
	if (r < 0) {
		free(u);
		return io_refuse(error, r, "no socket pair: %s", strerror(-r));
	}
	u->to = ends[0];
	u->process = fork();
	if (u->process == 0) {
		close(ends[0]);
		wait_for_end(ends[1]);
	}
	close(ends[1]);
	*out = u;
	if (u->process > 0)
		return 0;
	r = -errno;
	undo_end(u);
	*out = NULL;
	return io_refuse(error, r, "cannot start a process: %s", strerror(-r));
}

/* If it is gone, it was ended on purpose. */
static void tell(const struct undo *u, const struct deed *d)
{
	if (send(u->to, d, sizeof(*d), MSG_NOSIGNAL) < 0)
		return;
}

void undo_socket(const struct undo *u, const char *path)
{
	struct deed d = { 0 };
	struct stat file;

	if (strlen(path) >= sizeof(d.socket) || lstat(path, &file) < 0)
		return;
	strcpy(d.socket, path);
	d.device = file.st_dev;
	d.inode = file.st_ino;
	tell(u, &d);
}

void undo_ports(const struct undo *u, const struct host_ports *ports)
{
	tell(u, &(struct deed){ .ports = *ports });
}

void undo_host(const struct undo *u, size_t interface, const struct queue_host *host)
{
	tell(u, &(struct deed){ .host = *host, .interface = interface });
}

void undo_hold(const struct undo *u, uint32_t number)
{
	tell(u, &(struct deed){ .hold = number });
}

void undo_end(struct undo *u)
{
	if (!u)
		return;
	close(u->to);
	while (u->process > 0 && waitpid(u->process, NULL, 0) < 0 && errno == EINTR)
		continue;
	free(u);
}
