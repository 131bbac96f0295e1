/*
 * The control socket's clients.
 *
 * All of it runs in the main thread, which has other things to do: nothing here waits for a
 * client. What the main thread waits on is an epoll instance of our own with the listening socket,
 * a timer and the clients in it. In a turn, each client that is ready makes one step: its request
 * is read as far as it has come, or one piece of its reply is made and sent as far as it goes.
 *
 *	reading		waits for input until a line is complete, then
 *	answering	waits for room: the next piece is made when the last one is sent, so that
 *			a client holds one piece in memory however long the listing is.
 *
 * A client has a while to send a whole request or to take a whole piece; each request and each
 * piece begins another. When all places are taken, new clients wait in the kernel's queue, and who
 * has kept a place for long without a word gives it up much sooner.
 */
#include "router/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl_reply.h"

enum {
	CLIENTS_MOST = 16,
	BACKLOG = 128,
	PATIENCE_MS = 10000, /* for a request, and for each piece of a reply */
	CROWDED_MS = 500,    /* the same, when all places are taken and somebody waits for one */
	PAUSE_MS = 1000,     /* before accepting again when descriptors or memory ran out */
};

/* What an epoll event is about: a client by number, or one of these. */
enum { LISTENER = CLIENTS_MOST, TIMER, SOURCE_COUNT };

struct client {
	int fd; /* -1: the place is free */
	uint32_t waits_for; /* EPOLLIN or EPOLLOUT */
	nat_time moved; /* when it was last heard, or took something */
	char line[CTL_LINE_MOST];
	size_t line_len;
	bool answering; /* reply has pieces to come */
	bool last;	/* close when everything is sent */
	struct ctl_reply reply;
	struct text out;
	size_t sent; /* octets of out */
	int unread;  /* as it was looked at last: octets that are on their way to it */
};

struct ctl {
	struct gateway *g;
	int epoll, listener, timer;
	bool accepting;
	nat_time pause; /* no accepting before */
	struct sockaddr_un address;
	struct stat file; /* the socket's, to remove no other */
	struct client clients[CLIENTS_MOST];
};

static nat_time later(nat_time t, uint64_t ms)
{
	return (nat_time){ t.ms + ms };
}

static void client_close(struct client *k)
{
	close(k->fd);
	text_free(&k->out);
	*k = (struct client){ .fd = -1 };
}

static bool client_has_line(const struct client *k)
{
	return memchr(k->line, '\n', k->line_len) != NULL;
}

static bool client_is_busy(const struct client *k)
{
	return k->answering || k->out.len > 0 || client_has_line(k);
}

/* Read what has come. False: there will be no more. */
static bool client_receive(struct client *k)
{
	ssize_t len = recv(k->fd, k->line + k->line_len, sizeof(k->line) - k->line_len, 0);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	k->line_len += (size_t)len;
	return len > 0;
}

/* Begin to answer a complete line, or one that is too long to ever be complete. */
static void client_begin(struct client *k, nat_time now)
{
	const char *end = memchr(k->line, '\n', k->line_len);
	struct text fault = { 0 };

	if (end == NULL && k->line_len < sizeof(k->line))
		return;
	size_t len = end != NULL ? (size_t)(end - k->line) : k->line_len;
	size_t taken = end != NULL ? len + 1 : len;
	k->reply = (struct ctl_reply){ 0 };
	k->moved = now;
	if (end == NULL) {
		text_format(&fault, "a request has at most %d octets", CTL_LINE_MOST - 1);
		k->last = true;
	} else {
		k->answering = ctl_request_parse(&k->reply.request, k->line, len, &fault);
	}
	if (!k->answering)
		ctl_reply_error(&k->out, fault.octets);
	text_free(&fault);
	k->line_len -= taken;
	memmove(k->line, k->line + taken, k->line_len);
}

static bool client_send(struct client *k)
{
	ssize_t len = send(k->fd, k->out.octets + k->sent, k->out.len - k->sent, MSG_NOSIGNAL);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	k->sent += (size_t)len;
	ioctl(k->fd, SIOCOUTQ, &k->unread);
	if (k->sent == k->out.len) {
		text_clear(&k->out);
		k->sent = 0;
	}
	return true;
}

/* One step of a client. False: it is to be closed. */
static bool client_step(struct client *k, struct gateway *g, nat_time now)
{
	if (!client_is_busy(k) && !client_receive(k))
		return false;
	if (!k->answering && k->out.len == 0)
		client_begin(k, now);
	if (k->answering && k->out.len == 0) {
		k->answering = ctl_reply_next(&k->reply, g, now, &k->out);
		k->moved = now;
	}
	if (k->out.failed || (k->out.len > 0 && !client_send(k)))
		return false;
	return !k->last || client_is_busy(k);
}

static int watch(const struct ctl *c, int operation, int fd, uint32_t source, uint32_t waits_for)
{
	struct epoll_event event = { .events = waits_for, .data.u32 = source };

	return epoll_ctl(c->epoll, operation, fd, &event) < 0 ? -errno : 0;
}

static void client_work(struct ctl *c, uint32_t number, nat_time now)
{
	struct client *k = &c->clients[number];

	if (!client_step(k, c->g, now)) {
		client_close(k);
		return;
	}
	uint32_t waits_for = client_is_busy(k) ? EPOLLOUT : EPOLLIN;
	if (waits_for == k->waits_for)
		return;
	k->waits_for = waits_for;
	if (watch(c, EPOLL_CTL_MOD, k->fd, number, waits_for) < 0)
		client_close(k);
}

/* CLIENTS_MOST if there is no free place. */
static uint32_t free_place(const struct ctl *c)
{
	uint32_t i = 0;

	while (i < CLIENTS_MOST && c->clients[i].fd >= 0)
		i++;
	return i;
}

static void accept_client(struct ctl *c, nat_time now)
{
	uint32_t place = free_place(c);

	if (place == CLIENTS_MOST)
		return;
	int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			c->pause = later(now, PAUSE_MS);
		return;
	}
	if (watch(c, EPOLL_CTL_ADD, fd, place, EPOLLIN) < 0) {
		close(fd);
		c->pause = later(now, PAUSE_MS);
		return;
	}
	c->clients[place] = (struct client){
		.fd = fd, .waits_for = EPOLLIN, .moved = now,
	};
}

static void take_tick(const struct ctl *c)
{
	uint64_t ticks;
	ssize_t len = read(c->timer, &ticks, sizeof(ticks));

	(void)len; /* set again at the end of the turn in any case */
}

/* NULL if there is none. */
static struct client *longest_silent(struct ctl *c)
{
	struct client *found = NULL;

	for (size_t i = 0; i < CLIENTS_MOST; i++)
		if (c->clients[i].fd >= 0 && (!found || c->clients[i].moved.ms < found->moved.ms))
			found = &c->clients[i];
	return found;
}

/* It has taken something of what was sent since that was looked at last: it is slow, and not silent. */
static bool has_taken(struct client *k, nat_time now)
{
	int before = k->unread;

	if (ioctl(k->fd, SIOCOUTQ, &k->unread) < 0 || k->unread >= before)
		return false;
	k->moved = now;
	return true;
}

static bool somebody_waits(const struct ctl *c)
{
	struct pollfd listener = { .fd = c->listener, .events = POLLIN };

	return poll(&listener, 1, 0) > 0;
}

/* Close clients whose time is up, and return when to look again; 0: not before something comes. */
static nat_time cut_off(struct ctl *c, nat_time now)
{
	nat_time next = { c->pause.ms > now.ms ? c->pause.ms : 0 };
	struct client *k;

	while ((k = longest_silent(c)) != NULL) {
		bool crowded = free_place(c) == CLIENTS_MOST;
		nat_time due = later(k->moved, crowded ? CROWDED_MS : PATIENCE_MS);

		/* Its place is nobody else's yet. */
		if (due.ms <= now.ms && crowded && !somebody_waits(c) &&
		    later(k->moved, PATIENCE_MS).ms > now.ms)
			due = later(now, CROWDED_MS);
		if (due.ms > now.ms)
			return next.ms == 0 || due.ms < next.ms ? due : next;
		if (!has_taken(k, now))
			client_close(k);
	}
	return next;
}

static void set_timer(const struct ctl *c, nat_time now, nat_time next)
{
	uint64_t ms = next.ms > now.ms ? next.ms - now.ms : 0;
	struct itimerspec t = { 0 };

	t.it_value.tv_sec = (time_t)(ms / 1000);
	t.it_value.tv_nsec = (long)(ms % 1000) * 1000000;
	timerfd_settime(c->timer, 0, &t, NULL);
}

/* Listen while there is a place, so that waiting clients do not wake us for nothing. */
static void set_listening(struct ctl *c, nat_time now)
{
	bool accepting = c->pause.ms <= now.ms && free_place(c) < CLIENTS_MOST;

	if (accepting == c->accepting)
		return;
	if (watch(c, EPOLL_CTL_MOD, c->listener, LISTENER, accepting ? EPOLLIN : 0) == 0)
		c->accepting = accepting;
}

void ctl_work(struct ctl *c, nat_time now)
{
	struct epoll_event events[SOURCE_COUNT];
	int count = epoll_wait(c->epoll, events, SOURCE_COUNT, 0);

	for (int i = 0; i < count; i++) {
		uint32_t source = events[i].data.u32;

		if (source == TIMER)
			take_tick(c);
		else if (source == LISTENER)
			accept_client(c, now);
		else
			client_work(c, source, now);
	}
	nat_time next = cut_off(c, now);
	set_listening(c, now);
	set_timer(c, now, next);
}

int ctl_descriptor(const struct ctl *c)
{
	return c->epoll;
}

/* Whether somebody accepts connections at the address. */
static bool is_listened_on(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return true;
	/* EAGAIN: somebody does, and the queue is full. */
	bool listened_on = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
			   errno == EAGAIN;
	close(fd);
	return listened_on;
}

/* The file is made with the mode that it keeps: to change that by its path would be to trust whoever
 * may write to the directory. */
static int bind_file(const struct ctl *c)
{
	mode_t mask = umask(0);
	int r = bind(c->listener, (const struct sockaddr *)&c->address, sizeof(c->address));

	umask(mask);
	return r;
}

/* Bind the listener, in the place of a socket left behind by a gateway that is no more. */
static int bind_listener(const struct ctl *c)
{
	struct stat file;

	if (fchmod(c->listener, 0660) < 0)
		return -errno;
	if (bind_file(c) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (lstat(c->address.sun_path, &file) < 0)
		return -errno;
	if (!S_ISSOCK(file.st_mode))
		return -EEXIST;
	if (is_listened_on(&c->address))
		return -EADDRINUSE;
	if (unlink(c->address.sun_path) < 0)
		return -errno;
	return bind_file(c) < 0 ? -errno : 0;
}

static const struct { int error; const char *text; } advice[] = {
	{ ENAMETOOLONG, "the path is too long for a socket; choose a shorter one" },
	{ EADDRINUSE, "another gateway listens there; stop it, or choose another path" },
	{ EEXIST, "there is a file that is no socket; remove it, or choose another path" },
	{ ENOENT, "no such directory; create it, or choose another path" },
	{ EACCES, "permission denied; choose a path where this user may create files" },
};

/* Returns the error, and says in a line what to do about it. */
static int explain(struct io_error *e, const char *path, int error)
{
	const char *text = strerror(-error);

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (advice[i].error == -error)
			text = advice[i].text;
	snprintf(e->text, sizeof(e->text), "control socket %.128s: %s", path, text);
	return error;
}

static int open_listener(struct ctl *c)
{
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->listener < 0)
		return -errno;
	int error = bind_listener(c);
	if (error < 0)
		return error;
	if (lstat(c->address.sun_path, &c->file) < 0 || listen(c->listener, BACKLOG) < 0)
		return -errno;
	return watch(c, EPOLL_CTL_ADD, c->listener, LISTENER, EPOLLIN);
}

static int open_timer(struct ctl *c)
{
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return c->timer < 0 ? -errno : watch(c, EPOLL_CTL_ADD, c->timer, TIMER, EPOLLIN);
}

static int open_all(struct ctl *c)
{
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0)
		return -errno;
	int error = open_timer(c);
	return error < 0 ? error : open_listener(c);
}

int ctl_open(struct ctl **out, const char *path, struct gateway *g, struct io_error *error)
{
	struct ctl *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return explain(error, path, -ENOMEM);
	c->g = g;
	c->epoll = c->listener = c->timer = -1;
	c->accepting = true;
	for (size_t i = 0; i < CLIENTS_MOST; i++)
		c->clients[i].fd = -1;
	c->address.sun_family = AF_UNIX;
	bool fits = strlen(path) < sizeof(c->address.sun_path);
	if (fits)
		strcpy(c->address.sun_path, path);
	int code = fits ? open_all(c) : -ENAMETOOLONG;
	if (code < 0) {
		ctl_close(c);
		return explain(error, path, code);
	}
	*out = c;
	return 0;
}

/* Remove the socket's file, unless it is somebody else's by now. */
static void remove_file(const struct ctl *c)
{
	struct stat file;

	if (lstat(c->address.sun_path, &file) == 0 && file.st_dev == c->file.st_dev &&
	    file.st_ino == c->file.st_ino)
		unlink(c->address.sun_path);
}

static void close_descriptor(int fd)
{
	if (fd >= 0)
		close(fd);
}

void ctl_close(struct ctl *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CLIENTS_MOST; i++)
		if (c->clients[i].fd >= 0)
			client_close(&c->clients[i]);
	if (c->listener >= 0)
		remove_file(c);
	close_descriptor(c->listener);
	close_descriptor(c->timer);
	close_descriptor(c->epoll);
	free(c);
}
