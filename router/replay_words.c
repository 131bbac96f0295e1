/* What is said behind "router replay". */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "io_backend.h"
#include "router/replay.h"

enum { WORD_IN = 1, WORD_OUT, WORD_ADDRESS, WORD_SEED, WORD_DECISIONS, WORD_JSON };

static bool read_word(struct replay_words *words, const char *name, const char *text, struct io_error *error)
{
	const char *equals = strchr(text, '=');
	struct replay_word *w = &words->word[words->count];

	if (!equals || equals == text || (size_t)(equals - text) >= sizeof(w->interface) || !equals[1])
		return !io_refuse(error, -EINVAL, "--%s %.100s: write it like --%s wan0=%s", name, text,
				  name, strcmp(name, "address") ? "FILE" : "203.0.113.5/24") && false;
	if (words->count == REPLAY_WORDS_MOST) {
		io_refuse(error, -EINVAL, "--%s is there more than %d times", name, REPLAY_WORDS_MOST);
		return false;
	}
	*w = (struct replay_word){ .value = equals + 1 };
	memcpy(w->interface, text, (size_t)(equals - text));
	words->count++;
	return true;
}

static bool read_seed(struct replay *r, const char *text, struct io_error *error)
{
	char *end;

	errno = 0;
	r->seed = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && r->seed)
		return true;
	io_refuse(error, -EINVAL, "--seed %.100s: a number, from 1 on", text);
	return false;
}

static bool read_option(struct replay *r, int option, char *value, struct io_error *error)
{
	switch (option) {
	case 'c':
		r->conf = value;
		return true;
	case WORD_IN:
		return read_word(&r->in, "in", value, error);
	case WORD_OUT:
		return read_word(&r->out, "out", value, error);
	case WORD_ADDRESS:
		return read_word(&r->address, "address", value, error);
	case WORD_SEED:
		return read_seed(r, value, error);
	case WORD_DECISIONS:
		r->decisions = value;
		return true;
	case WORD_JSON:
		r->json = true;
		return true;
	default:
		io_refuse(error, -EINVAL, "unknown option, or one without its value; see router --help");
		return false;
	}
}

bool replay_read(struct replay *r, int argc, char **argv, struct io_error *error)
{
	static const struct option options[] = {
		{ "in", required_argument, NULL, WORD_IN }, { "out", required_argument, NULL, WORD_OUT },
		{ "address", required_argument, NULL, WORD_ADDRESS },
		{ "seed", required_argument, NULL, WORD_SEED },
		{ "decisions", required_argument, NULL, WORD_DECISIONS },
		{ "json", no_argument, NULL, WORD_JSON }, { 0 }
	};
	int option;

	*r = (struct replay){ 0 };
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1)
		if (!read_option(r, option, optarg, error))
			return false;
	if (optind < argc)
		io_refuse(error, -EINVAL, "%.100s: every capture with its interface, like --in lan0=%.100s",
			  argv[optind], argv[optind]);
	else if (!r->conf)
		io_refuse(error, -EINVAL, "replay needs a configuration: -c FILE");
	else if (!r->in.count)
		io_refuse(error, -EINVAL, "replay needs a capture: --in INTERFACE=FILE");
	return optind == argc && r->conf && r->in.count;
}
