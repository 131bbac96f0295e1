/* The group log of the configuration: collectors, and which events the NAT shall keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nat/event.h"
#include "router/conf.h"

/* A configuration with these members of the group; the first fault if there is one. */
static struct conf *conf_with(const char *members, char fault[static 256])
{
	char path[64], text[1024], *faults;
	int fd = memfd_create("conf", 0);
	size_t len;
	FILE *out = open_memstream(&faults, &len);

	snprintf(text, sizeof(text), "log = { %s };\ninterfaces = ( { name = \"a\"; type = \"mem\";"
		 " side = \"inside\"; } );\n", members);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct conf *c = conf_read(path, out);
	fclose(out);
	close(fd);
	snprintf(fault, 256, "%.255s", faults);
	free(faults);
	return c;
}

#define BIT(kind) (1u << EVENT_##kind)
#define MAPPINGS (BIT(MAPPING_CREATED) | BIT(MAPPING_DELETED))
#define SESSIONS (BIT(SESSION_CREATED) | BIT(SESSION_DELETED))
#define BLOCKS (BIT(BLOCK_ASSIGNED) | BIT(BLOCK_RELEASED) | BIT(PLAN))
#define LIMITS (BIT(PORTS_EXHAUSTED) | BIT(QUOTA_EXCEEDED))
#define SOMEBODY "syslog = [ \"/dev/log\" ]; "

/* RFC 6888 REQ-12: destinations need to be asked for. Without collectors nothing is kept. */
static void events_are_kept_for_somebody(void **state)
{
	static const struct { const char *members; uint32_t mask; } cases[] = {
		{ "", 0 },
		{ "sessions = true; destinations = true;", 0 },
		{ "syslog = [ ]; ipfix = [ ];", 0 },
		{ SOMEBODY, MAPPINGS | BLOCKS | LIMITS },
		{ "ipfix = [ \"192.0.2.9:4739\" ];", MAPPINGS | BLOCKS | LIMITS },
		{ SOMEBODY "mappings = false;", BLOCKS | LIMITS },
		{ SOMEBODY "blocks = false; limits = false;", MAPPINGS },
		{ SOMEBODY "mappings = false; sessions = true;", SESSIONS | BLOCKS | LIMITS },
		{ SOMEBODY "sessions = true; destinations = true;",
		  SESSIONS | MAPPINGS | BLOCKS | LIMITS },
	};
	char fault[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *c = conf_with(cases[i].members, fault);

		assert_string_equal(fault, "");
		assert_int_equal(c->nat.event_mask, cases[i].mask);
		assert_true(c->nat.events > 0);
		conf_free(c);
	}
}

static void collectors_are_addresses(void **state)
{
	char fault[256], text[ADDRESS_TEXT];
	struct conf *c = conf_with("syslog = [ \"/dev/log\", \"udp:192.0.2.9:514\" ];"
				   "ipfix = [ \"[2001:db8::9]:4739\" ]; per_second = 77;", fault);
	const struct conf_collector *k;

	(void)state;
	assert_string_equal(fault, "");
	assert_int_equal(c->log.collector_count, 3);
	assert_int_equal(c->log.per_second, 77);
	k = c->log.collectors;
	assert_int_equal(k[0].kind, COLLECTOR_SYSLOG);
	assert_string_equal(k[0].path, "/dev/log");
	assert_int_equal(k[1].kind, COLLECTOR_SYSLOG);
	assert_string_equal(k[1].path, "");
	assert_string_equal(address_format(&k[1].address, text), "192.0.2.9");
	assert_int_equal(k[1].port, 514);
	assert_int_equal(k[2].kind, COLLECTOR_IPFIX);
	assert_string_equal(address_format(&k[2].address, text), "2001:db8::9");
	assert_int_equal(k[2].port, 4739);
	conf_free(c);
}

/* A path that no socket can have, to the octet. */
static void paths_have_an_end(void **state)
{
	char members[256], fault[256], path[109];

	(void)state;
	for (size_t len = 106; len <= 108; len++) {
		memset(path, 'x', len);
		path[0] = '/';
		path[len] = '\0';
		snprintf(members, sizeof(members), "syslog = [ \"%s\" ];", path);
		struct conf *c = conf_with(members, fault);
		assert_int_equal(c != NULL, len < 108);
		conf_free(c);
	}
}

/* RFC 8158: sessions without destinations repeat their mappings. */
static void contradictions(void **state)
{
	char fault[256];

	(void)state;
	assert_null(conf_with("sessions = true;", fault));
	assert_non_null(strstr(fault, ":1: log.sessions without destinations repeats"));
	assert_null(conf_with("destinations = true;", fault));
	assert_non_null(strstr(fault, ":1: log.destinations asks for what only sessions have"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_kept_for_somebody),
		cmocka_unit_test(collectors_are_addresses), cmocka_unit_test(paths_have_an_end),
		cmocka_unit_test(contradictions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
