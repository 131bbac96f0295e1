/* router run | check | …: the gateway as a program. Everything that exits is here. */
#include <getopt.h>
#include <stdlib.h>

#include "gateway_core.h"
#include "router/lockdown.h"
#include "router/manual.h"
#include "router/plan.h"
#include "router/replay.h"
#include "router/service.h"
#include "router/version.h"

enum { EXIT_USAGE = 2 };

/* What the words behind a command ask for. */
struct request {
	const char *file, *operand;
	bool json;
};

static int usage(FILE *to, int status)
{
	router_usage(to);
	return status;
}

static int refuse(const struct io_error *error)
{
	fprintf(stderr, "router: %s\n", error->text);
	return EXIT_FAILURE;
}

static int run(const struct request *q)
{
	struct conf *c = conf_read(q->file, stderr);
	struct io_error error = { "" };

	if (!c)
		return EXIT_FAILURE;
	return service_run(c, &error) ? refuse(&error) : EXIT_SUCCESS;
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

static int lockdown(const struct request *q)
{
	struct conf *c = conf_read(q->file, stderr);

	if (!c)
		return EXIT_FAILURE;
	lockdown_print(c, stdout);
	conf_free(c);
	return EXIT_SUCCESS;
}

static const struct { int (*work)(const struct request *q); } commands[ROUTER_COMMAND_COUNT] = {
	[ROUTER_RUN] = { run }, [ROUTER_CHECK] = { check }, [ROUTER_PORTS] = { ports },
	[ROUTER_HOLDER] = { holder }, [ROUTER_LOCKDOWN] = { lockdown },
};

/* It has words of its own. */
static int replay(int argc, char **argv)
{
	struct io_error error = { "" };
	struct conf *c;
	struct replay r;

	if (!replay_read(&r, argc, argv, &error)) {
		refuse(&error);
		return EXIT_USAGE;
	}
	c = conf_read(r.conf, stderr);
	if (!c)
		return EXIT_FAILURE;
	return replay_run(c, &r, stdout, &error) ? refuse(&error) : EXIT_SUCCESS;
}

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
	if (strcmp(argv[1], router_commands[ROUTER_REPLAY].name) == 0)
		return replay(argc - 1, argv + 1);
	for (size_t i = 0; i < ROUTER_COMMAND_COUNT; i++)
		if (commands[i].work && strcmp(argv[1], router_commands[i].name) == 0 &&
		    read_request(&q, argc - 1, argv + 1, router_commands[i].operand))
			return commands[i].work(&q);
	return usage(stderr, EXIT_USAGE);
}
