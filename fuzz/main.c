/*
 * The driver for compilers without libFuzzer: runs its target once on every file named, and on
 * every file in the folders named. Writes TAP, a line per file.
 *
 * Each file has a process of its own, so that one that ends badly does not end the others; what it
 * says on its way stands on stderr.
 */
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

enum { SECONDS_MOST = 60 };

struct totals { unsigned count, failed; };

/* The whole file, NULL if it cannot be read. */
static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *octets = NULL;
	size_t room = 0, got;

	*len = 0;
	if (!f)
		return NULL;
	do {
		room = 2 * room + 4096;
		octets = realloc(octets, room);
		assert(octets);
		got = fread(octets + *len, 1, room - *len, f);
		*len += got;
	} while (got);
	if (ferror(f)) {
		free(octets);
		octets = NULL;
	}
	fclose(f);
	return octets;
}

/* In the child: as libFuzzer does it, with an input of exactly its length. */
static int run_target(const char *path)
{
	size_t len;
	uint8_t *octets = read_file(path, &len);

	if (!octets) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	octets = realloc(octets, len ? len : 1);
	alarm(SECONDS_MOST);
	LLVMFuzzerTestOneInput(octets, len);
	free(octets);
	return 0;
}

/* The child lets go of the tree before it begins, so that all it leaves behind is the target's. */
static int run_alone(FTS *tree, const FTSENT *entry)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", entry->fts_path);
	fts_close(tree);
	return run_target(path);
}

static void run(struct totals *t, FTS *tree, const FTSENT *entry)
{
	const char *path = entry->fts_path;
	int status = 0;
	bool good;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (!child)
		exit(run_alone(tree, entry));
	good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
	t->count++;
	t->failed += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", t->count, path);
	if (!good && WIFSIGNALED(status))
		printf("# %s\n", strsignal(WTERMSIG(status)));
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

int main(int argc, char **argv)
{
	FTS *tree = argc > 1 ? fts_open(argv + 1, FTS_LOGICAL | FTS_NOCHDIR, by_name) : NULL;
	struct totals t = { 0 };
	FTSENT *entry;

	if (!tree) {
		fprintf(stderr, "usage: %s FILE|FOLDER…\n", argv[0]);
		return 2;
	}
	while ((entry = fts_read(tree)))
		if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP)
			run(&t, tree, entry);
	fts_close(tree);
	printf("1..%u\n", t.count);
	return t.failed || !t.count;
}
