/* router run | check: the gateway as a program. Everything that exits is here. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "router/ctl.h"
#include "router/version.h"

enum { EXIT_USAGE = 2, TICK_MS = 1000 };

static int usage(FILE *to, int status)
{
	fputs("usage: router run   -c FILE   run the gateway in the foreground\n"
	      "       router check -c FILE   list every fault of a configuration\n"
	      "       router --version | --help\n"
	      "\n"
	      "SIGHUP reads the configuration again; SIGTERM and SIGINT end the gateway and remove\n"
	      "what it created. See router(8) and router.conf(5).\n",
	      to);
	return status;
}

static void reload(struct gateway *g, const char *file)
{
	struct conf *c = conf_read(file, stderr);
	struct io_error error = { "" };

	if (!c)
		fprintf(stderr, "router: %s not loaded; the gateway runs on as before\n", file);
	else if (gateway_reload(g, c, &error))
		fprintf(stderr, "router: %s\n", error.text);
	else
		fprintf(stderr, "router: %s loaded\n", file);
}

/* Until a signal ends it. */
static void serve(struct gateway *g, struct ctl *ctl, const char *file, int signals)
{
	struct pollfd wait[3] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = ctl ? ctl_descriptor(ctl) : -1, .events = POLLIN },
		{ .fd = gateway_descriptor(g), .events = POLLIN },
	};
	uint64_t now = gateway_now().ms, tick = now + TICK_MS;
	struct signalfd_siginfo got;

	for (;;) {
		if (poll(wait, 3, now < tick ? (int)(tick - now) : 0) < 0 && errno != EINTR)
			return;
		now = gateway_now().ms;
		if (now >= tick) {
			gateway_tick(g);
			tick = now + TICK_MS;
		}
		if (wait[2].revents)
			gateway_work(g);
		if (wait[1].revents)
			ctl_work(ctl, gateway_now());
		if (!(wait[0].revents & POLLIN) || read(signals, &got, sizeof(got)) != sizeof(got))
			continue;
		if (got.ssi_signo != SIGHUP)
			return;
		reload(g, file);
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

static int refuse(const struct io_error *error)
{
	fprintf(stderr, "router: %s\n", error->text);
	return EXIT_FAILURE;
}

static int run(const char *file)
{
	struct conf *c = conf_read(file, stderr);
	struct io_error error = { "" };
	struct gateway *g;
	struct ctl *ctl = NULL;
	int signals;

	if (!c)
		return EXIT_FAILURE;
	signals = block_signals();
	if (gateway_start(&g, c, &error))
		return refuse(&error);
	if (g->snapshot->conf->control &&
	    ctl_open(&ctl, g->snapshot->conf->control, g, &error)) {
		gateway_stop(g);
		return refuse(&error);
	}
	fprintf(stderr, "router: running, %u worker%s, offload %s\n", g->snapshot->conf->workers,
		g->snapshot->conf->workers == 1 ? "" : "s", g->offload ? "on" : "off");
	serve(g, ctl, file, signals);
	ctl_close(ctl);
	gateway_stop(g);
	close(signals);
	return EXIT_SUCCESS;
}

static int check(const char *file)
{
	struct conf *c = conf_read(file, stderr);

	if (!c)
		return EXIT_FAILURE;
	printf("%s: %zu interfaces, %zu routes, %zu nat entries: no fault\n", file,
	       c->interface_count, c->route_count, c->nat_count);
	conf_free(c);
	return EXIT_SUCCESS;
}

static const struct command {
	const char *name;
	int (*work)(const char *file);
} commands[] = { { "run", run }, { "check", check } };

int main(int argc, char **argv)
{
	const char *file = NULL;
	int option;

	if (argc < 2)
		return usage(stderr, EXIT_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return usage(stdout, EXIT_SUCCESS);
	if (strcmp(argv[1], "--version") == 0) {
		puts("router " ROUTER_VERSION);
		return EXIT_SUCCESS;
	}
	while ((option = getopt(argc - 1, argv + 1, "c:")) == 'c')
		file = optarg;
	if (option != -1 || !file || optind != argc - 1)
		return usage(stderr, EXIT_USAGE);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].work(file);
	return usage(stderr, EXIT_USAGE);
}
