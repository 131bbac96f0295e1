#include "router/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "guard_ports.h"
#include "router/ctl.h"
#include "router/notify.h"
#include "router/priv.h"
#include "undo.h"

enum { TICK_MS = 1000, WORDS_US = 50000 };

struct service {
	struct gateway *gateway;
	struct ctl *ctl; /* NULL: none */
	struct undo *undo;
	struct host_ports ports; /* as it knows them */
	uint32_t hold;
	struct queue_host hosts[WORKER_INTERFACES_MOST]; /* also */
	struct notify *notify;
	int signals;
	char *file;
	uint64_t *turns; /* that each worker had made at the last sign of life */
	uint64_t tick_ms, sign_ms; /* when the next ones are due */
};

static void tell_manager_running(const struct service *s)
{
	const struct conf *c = s->gateway->snapshot->conf;

	notify_say(s->notify, "READY=1\nSTATUS=Running, %u worker%s, %zu interfaces", c->workers,
		   c->workers == 1 ? "" : "s", c->interface_count);
}

/* A device may come, or be another one. */
static void tell_undo_of(struct service *s, size_t interface)
{
	const struct queue_host *host = io_host(s->gateway->ios[interface]);

	if (!host || !*host->device || memcmp(host, &s->hosts[interface], sizeof(*host)) == 0)
		return;
	undo_host(s->undo, interface, host);
	s->hosts[interface] = *host;
}

/* The range of ports may change with the configuration, and with addresses. */
static void tell_undo(struct service *s)
{
	struct host_ports ports = guard_host_ports(s->gateway->guard);
	uint32_t hold = guard_hold_number(s->gateway->guard);

	for (size_t i = 0; i < s->gateway->snapshot->conf->interface_count; i++)
		tell_undo_of(s, i);
	if (hold != s->hold)
		undo_hold(s->undo, hold);
	s->hold = hold;
	if (memcmp(&ports, &s->ports, sizeof(ports)) == 0)
		return;
	undo_ports(s->undo, &ports);
	s->ports = ports;
}

static void reload(struct service *s)
{
	struct io_error error = { "" };
	struct conf *c;

	notify_reloading(s->notify);
	c = conf_read(s->file, stderr);
	if (!c)
		fprintf(stderr, "router: %s not loaded; the gateway runs on as before\n", s->file);
	else if (gateway_reload(s->gateway, c, &error))
		fprintf(stderr, "router: %s\n", error.text);
	else
		fprintf(stderr, "router: %s loaded\n", s->file);
	tell_manager_running(s);
}

/* Tell the manager that all is well, unless a worker has not made a turn since the last time. */
static void give_sign(struct service *s)
{
	const struct gateway *g = s->gateway;
	size_t stuck = 0, which = 0;

	for (size_t i = 0; i < g->threads_running; i++) {
		uint64_t turns = worker_turns(g->workers[i]);

		if (turns == s->turns[i]) {
			stuck++;
			which = i;
		}
		s->turns[i] = turns;
	}
	if (stuck)
		notify_say(s->notify, "STATUS=Worker %zu makes no progress", which);
	else
		notify_say(s->notify, "WATCHDOG=1");
}

/* Milliseconds until the next of what is due; does what is due now. */
static int keep_time(struct service *s)
{
	uint64_t now = gateway_now().ms, patience = notify_patience_ms(s->notify), next;

	if (now >= s->tick_ms) {
		gateway_tick(s->gateway);
		s->tick_ms = now + TICK_MS;
	}
	if (patience && now >= s->sign_ms) {
		give_sign(s);
		s->sign_ms = now + patience / 2;
	}
	next = patience && s->sign_ms < s->tick_ms ? s->sign_ms : s->tick_ms;
	return (int)(next - now);
}

/* Until a signal ends it. */
static void serve(struct service *s)
{
	struct pollfd wait[3] = {
		{ .fd = s->signals, .events = POLLIN },
		{ .fd = s->ctl ? ctl_descriptor(s->ctl) : -1, .events = POLLIN },
		{ .fd = gateway_descriptor(s->gateway), .events = POLLIN },
	};
	struct signalfd_siginfo got;

	for (;;) {
		int patience_ms = keep_time(s);

		tell_undo(s);
		if (poll(wait, 3, patience_ms) < 0 && errno != EINTR)
			return;
		if (wait[2].revents)
			gateway_work(s->gateway);
		if (wait[1].revents)
			ctl_work(s->ctl, gateway_now());
		if (!(wait[0].revents & POLLIN) ||
		    read(s->signals, &got, sizeof(got)) != sizeof(got))
			continue;
		if (got.ssi_signo != SIGHUP)
			return;
		reload(s);
	}
}

static int block_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What may be left to each interface stands in the same line. */
static void tell_running(const struct gateway *g)
{
	const struct conf *c = g->snapshot->conf;

	fprintf(stderr, "router: running, %u worker%s, offload", c->workers,
		c->workers == 1 ? "" : "s");
	for (size_t i = 0; i < c->interface_count; i++)
		fprintf(stderr, "%s %s %s", i ? "," : "", c->interfaces[i].name,
			io_takes_name(io_takes(g->ios[i])));
	fputc('\n', stderr);
}

static void tell_remarks(const struct gateway *g)
{
	for (size_t i = 0; i < g->snapshot->conf->interface_count; i++)
		if (*io_remark(g->ios[i]))
			fprintf(stderr, "router: %s\n", io_remark(g->ios[i]));
}

/* Everything is opened with the rights that there are at first, and works with what is left. */
static int start(struct service *s, struct conf *c, struct io_error *error)
{
	int r = gateway_open(&s->gateway, c, error);

	if (r)
		return r;
	c = s->gateway->snapshot->conf_owned;
	tell_undo(s);
	if (c->control) {
		r = ctl_open(&s->ctl, c->control, s->gateway, error);
		if (!r)
			undo_socket(s->undo, c->control);
	}
	if (!r)
		r = priv_drop(c, error);
	if (!r)
		r = gateway_begin(s->gateway, error);
	if (!r)
		r = priv_filter(c, error);
	return r;
}

static void stop(struct service *s)
{
	ctl_close(s->ctl);
	if (s->gateway)
		gateway_stop(s->gateway);
	undo_end(s->undo);
	notify_close(s->notify);
	close(s->signals);
	free(s->turns);
	free(s->file);
}

/* Whoever reads standard error may stop reading, and nobody here waits for him. A pipe is opened anew,
 * so that it does not change for others who write to it; where that is not allowed, it stays as it is. */
static void wait_for_no_reader(void)
{
	struct timeval patience = { .tv_usec = WORDS_US };
	struct stat file;
	int fd;

	if (fstat(STDERR_FILENO, &file) < 0)
		return;
	if (S_ISSOCK(file.st_mode))
		setsockopt(STDERR_FILENO, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!S_ISFIFO(file.st_mode))
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

int service_run(struct conf *c, struct io_error *error)
{
	struct service s = {
		.file = strdup(c->file),
		.turns = calloc(c->workers, sizeof(*s.turns)),
		.signals = block_signals(),
		.notify = notify_open(),
	};
	int r = s.file && s.turns ? undo_begin(&s.undo, error) : -ENOMEM;

	wait_for_no_reader();
	if (r)
		conf_free(c);
	else
		r = start(&s, c, error);
	if (!r) {
		tell_running(s.gateway);
		tell_remarks(s.gateway);
		tell_manager_running(&s);
		s.sign_ms = gateway_now().ms + notify_patience_ms(s.notify) / 2;
		serve(&s);
		notify_say(s.notify, "STOPPING=1\nSTATUS=Ending");
	}
	stop(&s);
	return r;
}
