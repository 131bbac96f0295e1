/* conf_read() and conf_free(): the file as a whole, and its keys outside the lists. */
#include "router/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_read.h"

static uint16_t workers_online(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (online < 1)
		return 1;
	return (uint16_t)(online < NAT_WORKERS_MOST ? online : NAT_WORKERS_MOST);
}

/* Whether it can be made is seen at the start, by whoever starts it. */
static void read_state_file(struct reader *r, const struct section *s)
{
	const char *path = section_text(s, "state_file").text;
	struct stat file;

	if (!*path)
		return;
	r->conf->state_file = reader_copy(r, path);
	r->conf->state_line = section_line(s, "state_file");
	if (*path != '/')
		reader_fault(r, r->conf->state_line, "state_file \"%s\" is not an absolute path; begin "
			     "it with /", path);
	else if (path[strlen(path) - 1] == '/' || (stat(path, &file) == 0 && S_ISDIR(file.st_mode)))
		reader_fault(r, r->conf->state_line, "state_file \"%s\" is a directory; name a file in it",
			     path);
}

static void read_globals(struct reader *r)
{
	struct section s = section_of(r, "");
	const char *control = section_text(&s, "control").text;
	const char *user = section_text(&s, "user").text, *group = section_text(&s, "group").text;
	struct conf *c = r->conf;

	c->workers = (uint16_t)section_number(&s, "workers");
	if (c->workers == 0)
		c->workers = workers_online();
	c->steering = section_bool(&s, "steering");
	c->poll_us = (uint32_t)section_number(&s, "poll_us");
	c->seed = (uint64_t)section_number(&s, "seed");
	section_word(&s, "clock");
	c->nat.forgetful = true;
	c->nat.unique_idents = section_bool(&s, "unique_idents");
	if (*control)
		c->control = reader_copy(r, control);
	if (*user)
		c->user = reader_copy(r, user);
	if (*group)
		c->group = reader_copy(r, group);
	if (*group && !*user)
		reader_fault(r, section_line(&s, "group"),
			     "group without user; say which user of that group to become");
	c->seccomp = section_bool(&s, "seccomp");
	read_state_file(r, &s);
	c->nat.workers = c->workers;
}

static void read_limits(struct reader *r)
{
	struct section s = section_of(r, "limits");
	struct nat_config *n = &r->conf->nat;

	n->sessions = (uint32_t)section_number(&s, "sessions");
	n->sessions_per_host = (uint32_t)section_number(&s, "sessions_per_host");
	n->fragments = (uint32_t)section_number(&s, "fragments");
	n->half_open = (uint32_t)section_number(&s, "half_open");
	n->held_ports = (uint32_t)section_number(&s, "held_ports");
	n->unsolicited = (uint32_t)section_number(&s, "unsolicited");
	r->conf->error_rate = (uint32_t)section_number(&s, "icmp_errors");
	if (n->half_open > n->sessions)
		reader_fault(r, section_line(&s, "half_open"),
			     "limits.half_open %u is above limits.sessions; at most %u",
			     n->half_open, n->sessions);
	if (n->sessions_per_host > n->sessions && section_has(&s, "sessions_per_host"))
		reader_fault(r, section_line(&s, "sessions_per_host"),
			     "limits.sessions_per_host %u is above limits.sessions; at most %u",
			     n->sessions_per_host, n->sessions);
	if (n->sessions_per_host > n->sessions)
		n->sessions_per_host = n->sessions;
}

static void read_timeouts(struct reader *r)
{
	struct section s = section_of(r, "timeouts");

	r->allow_short = section_bool(&s, "allow_short");
	conf_read_timeouts(&s, r->conf->nat.timeout_ms);
}

/* The file as text, or NULL after a fault. */
static char *read_text(struct reader *r, const char *file)
{
	FILE *in = fopen(file, "re");
	char *text = NULL;
	size_t room = 0;

	if (!in) {
		reader_fault(r, 0, "cannot be opened: %s; name a file that can be read",
			     strerror(errno));
		return NULL;
	}
	/* Up to a zero octet, which no configuration has: libconfig would stop there. */
	ssize_t len = getdelim(&text, &room, '\0', in);
	int error = errno;
	bool failed = ferror(in), whole = feof(in);
	fclose(in);
	if (failed)
		reader_fault(r, 0, "cannot be read: %s; name a file that can be read",
			     strerror(error));
	else if (!whole)
		reader_fault(r, 0, "holds a zero octet; a configuration is text");
	else if (len >= 0)
		return text;
	free(text);
	return failed || !whole ? NULL : reader_copy(r, "");
}

/* What libconfig says, and what would be right. */
static const struct { const char *error, *right; } syntax[] = {
	{ "duplicate setting name", "give every key once in its group" },
	{ "mismatched element type in array", "an array holds values of one type" },
	{ "memory exhausted", "nest groups and lists less deeply" },
};

static void fault_syntax(struct reader *r, const config_t *file)
{
	const char *error = config_error_text(file);
	const char *right = "write NAME = VALUE; with a text in \"quotes\"";

	for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++)
		if (!strcmp(error, syntax[i].error))
			right = syntax[i].right;
	reader_fault(r, config_error_line(file), "%s; %s", error, right);
}

static void read_sections(struct reader *r)
{
	conf_check_keys(r);
	read_globals(r);
	read_limits(r);
	read_timeouts(r);
	conf_read_interfaces(r);
	conf_read_import(r);
	conf_read_ipv6(r);
	conf_read_routes(r);
	conf_read_nats(r);
	conf_read_pools(r);
	conf_read_prefixes(r);
	conf_read_forwards(r);
	conf_read_rules(r);
	conf_read_log(r);
}

/* What every part allows and the NAT as a whole does not. */
static void check_whole(struct reader *r)
{
	struct conf *c = r->conf;

	c->nat.policies = c->policies;
	c->nat.policy_count = c->nat_count;
	c->nat.pool = c->pool;
	c->nat.pool6 = c->pool6;
	c->nat.forwards = c->forwards;
	if (r->fault_count || r->no_memory)
		return;
	const char *fault = nat_config_fault(&c->nat);
	if (fault)
		reader_fault(r, 0, "contradicts itself: %s; see router.conf(5)", fault);
}

static void read_file(struct reader *r)
{
	char *text = read_text(r, r->conf->file);
	config_t file;

	if (!text || !conf_scan(r, text)) {
		free(text);
		return;
	}
	config_init(&file);
	if (config_read_string(&file, text)) {
		r->root = config_root_setting(&file);
		read_sections(r);
		check_whole(r);
	} else {
		fault_syntax(r, &file);
	}
	config_destroy(&file);
	free(text);
}

struct conf *conf_read(const char *file, FILE *faults)
{
	struct conf *c = calloc(1, sizeof(*c));
	struct reader r = { .conf = c };

	if (c)
		c->file = strdup(file);
	if (!c || !c->file) {
		fprintf(faults, "%s:0: no memory to read it; free some\n", file);
		conf_free(c);
		return NULL;
	}
	c->nat = nat_config_default();
	read_file(&r);
	reader_report(&r, faults);
	if (r.fault_count || r.no_memory) {
		conf_free(c);
		c = NULL;
	}
	for (size_t i = 0; i < r.fault_count; i++)
		free(r.faults[i].text);
	free(r.faults);
	return c;
}

static void free_interface(struct conf_interface *i)
{
	free(i->addresses);
	free(i->netns);
	free(i->host_addresses);
	free(i->host_routes);
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; c->interfaces && i < c->interface_count; i++)
		free_interface(&c->interfaces[i]);
	for (size_t i = 0; c->nats && i < c->nat_count; i++)
		free(c->nats[i].name);
	free(c->file);
	free(c->control);
	free(c->state_file);
	free(c->user);
	free(c->group);
	free(c->interfaces);
	free(c->routes);
	free(c->import_tables);
	free(c->nats);
	free(c->policies);
	free(c->pool);
	free(c->pool6);
	free(c->places);
	free(c->eams);
	free(c->eams_by6);
	free(c->forwards);
	free(c->forward_interfaces);
	free(c->rules);
	free(c->log.collectors);
	free(c);
}
