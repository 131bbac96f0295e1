/*
 * A gateway with two interfaces in memory, its control socket, and clients of it.
 *
 * Shape    The thread of the test is the gateway's main thread: it serves the socket turn by turn,
 *          at times of its own choice. Workers are stepped by hand until desk_run() gives them
 *          threads; before that, nobody answers for them.
 */
#ifndef CTL_DESK_H
#define CTL_DESK_H

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "packets.h"
#include "router/ctl.h"

enum { DESK_WORKERS = 2, DESK_ROUTES = 300 };

static const char desk_conf[] =
	"workers = 2;\n"
	"control = \"\";\n"
	"seed = 7;\n"
	"limits = { sessions = 65536; sessions_per_host = 65536; };\n"
	"interfaces = (\n"
	"  { name = \"lan0\"; type = \"mem\"; side = \"inside\";\n"
	"    address = [ \"192.168.7.1/24\" ]; },\n"
	"  { name = \"wan0\"; type = \"mem\"; side = \"outside\"; mtu = 1400;\n"
	"    address = [ \"203.0.113.1/24\" ]; }\n"
	");\n"
	"nat = ( { name = \"home\"; match = \"192.168.7.0/24\"; type = \"napt44\";\n"
	"          pool = [ \"203.0.113.5\" ]; } );\n"
	"forwards = ( { proto = \"tcp\"; external = \"203.0.113.5:8080\";\n"
	"               internal = \"192.168.7.20:80\"; } );\n"
	"routes = ( { prefix = \"0.0.0.0/0\"; interface = \"wan0\"; via = \"203.0.113.254\"; },\n"
	"           { prefix = \"10.0.0.0/8\"; type = \"prohibit\"; from = \"192.168.7.64/26\"; },\n"
	"           { prefix = \"10.0.0.0/8\"; type = \"blackhole\"; }";

struct desk {
	char dir[32], file[64], path[64];
	struct gateway *gateway;
	struct ctl *ctl;
	nat_time now;
};

static inline struct conf *desk_write_conf(const struct desk *d)
{
	FILE *f = fopen(d->file, "w");

	assert_non_null(f);
	fputs(desk_conf, f);
	for (int i = 0; i < DESK_ROUTES; i++)
		fprintf(f, ",\n{ prefix = \"10.%d.%d.0/24\"; type = \"prohibit\"; }", i / 256,
			i % 256);
	fputs(" );\n", f);
	fclose(f);
	struct conf *c = conf_read(d->file, stderr);
	assert_non_null(c);
	return c;
}

static inline struct desk *desk_new(void)
{
	struct desk *d = calloc(1, sizeof(*d));
	struct io_error error;

	assert_non_null(d);
	strcpy(d->dir, P_tmpdir "/ctl.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->file, sizeof(d->file), "%s/router.conf", d->dir);
	snprintf(d->path, sizeof(d->path), "%s/sock", d->dir);
	assert_int_equal(gateway_open(&d->gateway, desk_write_conf(d), &error), 0);
	assert_int_equal(ctl_open(&d->ctl, d->path, d->gateway, &error), 0);
	d->now = gateway_now();
	return d;
}

static inline void desk_free(struct desk *d)
{
	ctl_close(d->ctl);
	gateway_stop(d->gateway);
	unlink(d->file);
	assert_int_equal(rmdir(d->dir), 0);
	free(d);
}

struct desk_thread { struct worker *worker; const bool *stop; };

static inline void *desk_run_worker(void *arg)
{
	struct desk_thread t = *(struct desk_thread *)arg;

	free(arg);
	worker_run(t.worker, t.stop);
	return NULL;
}

/* The workers get threads, which gateway_stop() ends. */
static inline void desk_run(struct desk *d)
{
	struct gateway *g = d->gateway;

	for (size_t i = 0; i < DESK_WORKERS; i++) {
		struct desk_thread *t = malloc(sizeof(*t));

		assert_non_null(t);
		*t = (struct desk_thread){ g->workers[i], &g->stop };
		assert_int_equal(pthread_create(&g->threads[i], NULL, desk_run_worker, t), 0);
	}
	g->threads_running = DESK_WORKERS;
}

/* Something comes in from inside. */
static inline void desk_push(struct desk *d, const struct packet *p)
{
	assert_int_equal(io_mem_push(d->gateway->ios[0], 0, p->octets, p->len), 0);
}

/* Turns of the workers until nothing is left of it. */
static inline void desk_settle(struct desk *d)
{
	size_t worked = 1;

	while (worked > 0) {
		worked = 0;
		for (size_t i = 0; i < DESK_WORKERS; i++)
			worked += worker_step(d->gateway->workers[i], d->now);
	}
}

/* Serve the socket as long as there is something to do. */
static inline void desk_serve(struct desk *d)
{
	struct pollfd p = { .fd = ctl_descriptor(d->ctl), .events = POLLIN };

	while (poll(&p, 1, 0) > 0)
		ctl_work(d->ctl, d->now);
}

static inline int desk_connect(const struct desk *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, d->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void desk_say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The next line, without its newline; NULL if the gateway closes instead. The caller frees it. */
static inline char *desk_hear(struct desk *d, int fd)
{
	char *line = NULL;
	size_t len = 0;

	for (size_t turn = 0; turn < 1000000; turn++) {
		char piece[65536], *end;
		ssize_t got = recv(fd, piece, sizeof(piece), MSG_PEEK);

		if (got < 0 && errno == EAGAIN) {
			ctl_work(d->ctl, d->now);
			continue;
		}
		if (got <= 0) {
			free(line);
			return NULL;
		}
		end = memchr(piece, '\n', (size_t)got);
		got = recv(fd, piece, end != NULL ? (size_t)(end - piece) + 1 : (size_t)got, 0);
		line = realloc(line, len + (size_t)got + 1);
		assert_non_null(line);
		memcpy(line + len, piece, (size_t)got);
		len += (size_t)got;
		line[len] = '\0';
		if (end != NULL) {
			line[len - 1] = '\0';
			return line;
		}
	}
	fail_msg("neither an answer nor an end");
	return NULL;
}

/* Ask on a connection of its own; the reply as text. */
static inline char *desk_ask_text(struct desk *d, const char *request)
{
	int fd = desk_connect(d);

	desk_say(fd, request);
	desk_say(fd, "\n");
	char *line = desk_hear(d, fd);
	close(fd);
	assert_non_null(line);
	return line;
}

/* The same as JSON, for json_decref(). */
static inline json_t *desk_ask(struct desk *d, const char *request)
{
	char *line = desk_ask_text(d, request);
	json_t *reply = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	assert_true(json_is_object(reply));
	free(line);
	return reply;
}

static inline bool desk_is_ok(const json_t *reply)
{
	return json_is_true(json_object_get(reply, "ok"));
}

#endif
