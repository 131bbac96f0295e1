/* router run | check | ports | holder: the gateway as a program. Everything that exits is here. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "gateway_core.h"
#include "router/ctl.h"
#include "router/plan.h"
#include "router/version.h"

enum { EXIT_USAGE = 2, TICK_MS = 1000 };

/* What the words behind a command ask for. */
struct request {
	const char *file, *operand;
	bool json;
};

static int usage(FILE *to, int status)
{
	fputs("usage: router run   -c FILE   run the gateway in the foreground\n"
	      "       router check -c FILE   list every fault of a configuration\n"
	      "       router ports  -c FILE [--json] ADDRESS        the outside ports that an inside\n"
	      "                                                     address has by plan (RFC 7422)\n"
	      "       router holder -c FILE [--json] ADDRESS:PORT   who has an outside port by plan\n"
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

static int run(const struct request *q)
{
	const char *file = q->file;
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
	tell_running(g);
	tell_remarks(g);
	serve(g, ctl, file, signals);
	ctl_close(ctl);
	gateway_stop(g);
	close(signals);
	return EXIT_SUCCESS;
}

static int check(const struct request *q)
{
	struct conf *c = conf_read(q->file, stderr);

	if (!c)
		return EXIT_FAILURE;
	printf("%s: %zu interfaces, %zu routes, %zu nat entries: no fault\n", q->file,
	       c->interface_count, c->route_count, c->nat_count);
	conf_free(c);
	return EXIT_SUCCESS;
}

static int answer_from(const struct request *q, int (*answer)(const struct conf *, const char *, bool))
{
	struct conf *c = conf_read(q->file, stderr);
	struct io_error error = { "" };
	int status;

	if (!c)
		return EXIT_FAILURE;
	/* A pool may be the address of a device. */
	status = gateway_learn(c, &error) ? refuse(&error) : answer(c, q->operand, q->json);
	conf_free(c);
	return status;
}

static int ports(const struct request *q)
{
	return answer_from(q, plan_ports);
}

static int holder(const struct request *q)
{
	return answer_from(q, plan_holder);
}

static const struct command {
	const char *name;
	bool operand;
	int (*work)(const struct request *q);
} commands[] = {
	{ "run", false, run }, { "check", false, check },
	{ "ports", true, ports }, { "holder", true, holder },
};

/* What is said behind the command. */
static bool read_request(struct request *q, int argc, char **argv, bool operand)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	int option;

	*q = (struct request){ 0 };
	while ((option = getopt_long(argc, argv, "c:", operand ? options : options + 1, NULL)) != -1)
		if (option == 'c')
			q->file = optarg;
		else if (option == 'j')
			q->json = true;
		else
			return false;
	if (operand && optind < argc)
		q->operand = argv[optind++];
	return q->file && optind == argc && (q->operand || !operand);
}

int main(int argc, char **argv)
{
	struct request q;

	if (argc < 2)
		return usage(stderr, EXIT_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return usage(stdout, EXIT_SUCCESS);
	if (strcmp(argv[1], "--version") == 0) {
		puts("router " ROUTER_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0 &&
		    read_request(&q, argc - 1, argv + 1, commands[i].operand))
			return commands[i].work(&q);
	return usage(stderr, EXIT_USAGE);
}
