/*
 * Plays stories, one file each, with several numbers of workers, and reports in TAP.
 */
#include <stdlib.h>
#include <string.h>

#include "play.h"

/* TAP's description of a test: the file's name without path and ending. */
static void print_name(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash ? slash + 1 : file;
	const char *end = strrchr(name, '.');

	printf("%.*s", (int)(end ? end - name : (long)strlen(name)), name);
}

static void print_comment(const char *text)
{
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		printf("# %.*s\n", (int)len, text);
	}
}

static bool play(const struct story *s, const char *file, const struct performance *how,
		 unsigned number)
{
	char *text = NULL;
	size_t len;
	FILE *why = open_memstream(&text, &len);
	bool good;

	if (!why)
		abort();
	good = story_play(s, file, how, why);
	fclose(why);
	printf("%s %u - ", good ? "ok" : "not ok", number);
	print_name(file);
	printf(", %u worker%s%s: %s\n", how->workers, how->workers > 1 ? "s" : "",
	       how->restarts ? ", restarts" : "", s->title);
	print_comment(text);
	free(text);
	return good;
}

/* Returns how many tests failed. */
static unsigned play_file(const char *file, unsigned *number)
{
	struct words *w = calloc(1, sizeof(*w));
	struct story *s = NULL;
	unsigned failed = 0;

	if (!w)
		abort();
	w->file = fopen(file, "r");
	if (w->file) {
		s = story_read(w);
		fclose(w->file);
	} else {
		words_fault(w, "cannot be opened");
	}
	for (size_t i = 0; s && i < s->worker_count_count; i++)
		for (int restarts = 0; restarts <= (s->restarts && i == s->worker_count_count / 2); restarts++) {
			struct performance how = { s->worker_counts[i], restarts };

			failed += !play(s, file, &how, ++*number);
		}
	if (s) {
		story_free(s);
	} else {
		failed = 1;
		printf("not ok %u - ", ++*number);
		print_name(file);
		printf("\n# %s:%d: %s\n", file, w->line, w->fault);
	}
	free(w);
	return failed;
}

int main(int argc, char **argv)
{
	unsigned number = 0, failed = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s STORY.nat ...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		failed += play_file(argv[i], &number);
	printf("1..%u\n", number);
	return failed ? 1 : 0;
}
