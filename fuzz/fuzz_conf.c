/*
 * A configuration file.
 *
 * Input    The file.
 * Demands  Either it has faults, each a line with file, line number and text, and there is no
 *          configuration; or there is one, without a word, which the NAT takes and which fills the
 *          table of routes.
 */
#include "router/conf.h"
#include "router/rib.h"

#include "memory_file.h"

/* libconfig loses the text beside which it found a fault. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

static void judge_faults(const char *faults, const char *path)
{
	size_t name = strlen(path);

	assert(*faults);
	for (const char *line = faults, *end; *line; line = end + 1) {
		size_t digits;

		end = strchr(line, '\n');
		assert(end && !strncmp(line, path, name) && line[name] == ':');
		digits = strspn(line + name + 1, "0123456789");
		assert(digits && !strncmp(line + name + 1 + digits, ": ", 2));
	}
}

static void judge_conf(const struct conf *c)
{
	struct rib *rib = rib_new();

	assert(c->workers && c->interface_count && c->nat.workers == c->workers);
	assert(!nat_config_fault(&c->nat));
	assert(rib && !rib_fill(rib, c));
	rib_free(rib);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	char path[MEMORY_PATH], *text = NULL;
	int fd = memory_file(octets, len, path);
	size_t text_len = 0;
	FILE *faults = open_memstream(&text, &text_len);
	struct conf *c;

	assert(faults);
	c = conf_read(path, faults);
	fclose(faults);
	if (c) {
		assert(!text_len);
		judge_conf(c);
	} else {
		judge_faults(text, path);
	}
	conf_free(c);
	free(text);
	close(fd);
	return 0;
}
