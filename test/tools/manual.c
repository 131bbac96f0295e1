/* manual conf: router.conf(5). manual fill: a page from standard input, with what stands between
 *
 *	.\" from the code: PART
 *	.\" end
 *
 * written again from the tables of the code. */
#include <stdlib.h>
#include <string.h>

#include "router/conf.h"
#include "router/manual.h"
#include "routerctl.h"

static const char begin[] = ".\\\" from the code: ", end[] = ".\\\" end\n";

/* False: there is no such part. */
static bool fill(char *line)
{
	char *part = line + strlen(begin);

	fputs(line, stdout);
	part[strcspn(part, "\n")] = '\0';
	return router_manual(part, stdout) || view_manual(part, stdout);
}

static int fill_page(void)
{
	char line[4096];
	bool inside = false;

	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, end) == 0)
			inside = false;
		if (inside)
			continue;
		if (strncmp(line, begin, strlen(begin)) != 0) {
			fputs(line, stdout);
			continue;
		}
		inside = true;
		if (!fill(line)) {
			fprintf(stderr, "manual: no part \"%s\"\n", line + strlen(begin));
			return EXIT_FAILURE;
		}
	}
	return inside ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "fill") == 0)
		return fill_page();
	if (argc != 2 || strcmp(argv[1], "conf") != 0)
		return EXIT_FAILURE;
	conf_manual(stdout);
	return EXIT_SUCCESS;
}
