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

#include "io_backend.h"
#include "router/priv.h"

struct undo {
	int to; /* what is there to undo; its end is that of the gateway */
	pid_t process;
};

/* What there is to undo, as the gateway tells it. */
struct deed {
	struct host_ports ports;
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t device;
	ino_t inode; /* 0: no socket */
};

static void note(struct deed *all, const struct deed *told)
{
	if (!all->inode && told->inode) {
		memcpy(all->socket, told->socket, sizeof(all->socket) - 1);
		all->device = told->device;
		all->inode = told->inode;
	}
	if (!told->inode)
		all->ports = told->ports;
}

static void undo_all(struct deed *all)
{
	struct stat file;

	if (all->inode && lstat(all->socket, &file) == 0 && S_ISSOCK(file.st_mode) &&
	    file.st_dev == all->device && file.st_ino == all->inode)
		unlink(all->socket);
	host_ports_restore(&all->ports);
}

/* Signals that end the gateway are blocked here as they are there, and do not end this. */
__attribute__((noreturn)) static void wait_for_end(int from)
{
	struct io_error error;
	struct deed all = { 0 }, told;
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

void undo_end(struct undo *u)
{
	if (!u)
		return;
	close(u->to);
	while (u->process > 0 && waitpid(u->process, NULL, 0) < 0 && errno == EINTR)
		continue;
	free(u);
}
