/* The behaviour that one nat entry asks for. */
#include "conf_read.h"

#include <string.h>

/* Ports come in pairs that belong to one worker each: every worker needs some. */
static bool feeds_workers(const struct conf *c, struct port_range range)
{
	return (range.last >> 1) - (range.first >> 1) + 1 >= c->workers;
}

static bool read_range(struct reader *r, const char *key, struct item item,
		       struct port_range *range)
{
	uint16_t workers = r->conf->workers;

	if (!conf_ports(item.text, range)) {
		reader_fault(r, item.line,
			     "nat.%s \"%s\" is no range of ports; write it like \"1024-65535\"",
			     key, item.text);
		return false;
	}
	if (!feeds_workers(r->conf, *range))
		reader_fault(r, item.line,
			     "nat.%s \"%s\" is too small for %u workers; at least %u "
			     "ports, from an even one", key, item.text, workers, workers * 2);
	return true;
}

static bool is_interface_pool(const struct section *s)
{
	struct item item;

	for (size_t i = 0; section_text_next(s, "pool", &i, &item);)
		if (conf_means_interface(item.text))
			return true;
	return false;
}

/* An interface's address may be the host's too, whose own connections need ports as well. */
static void read_ports(const struct section *s, struct nat_policy *policy)
{
	if (!section_says(s, "ports") && is_interface_pool(s))
		policy->ports = (struct port_range){ 4096, 65535 };
	else
		read_range(s->r, "ports", section_text(s, "ports"), &policy->ports);
}

static bool has_low_ports(const struct section *s, const struct nat_policy *policy)
{
	if (policy->port_selection >= NAT_PORT_BLOCK)
		return false;
	return section_has(s, "low_ports") ||
	       (policy->ports.first >= 1024 &&
		(section_says(s, "low_ports") || !is_interface_pool(s)));
}

static void read_low_ports(const struct section *s, struct nat_policy *policy)
{
	struct item item = section_text(s, "low_ports");

	if (!has_low_ports(s, policy) || !*item.text ||
	    !read_range(s->r, "low_ports", item, &policy->low_ports))
		return;
	if (policy->low_ports.last >= 1024)
		reader_fault(s->r, item.line,
			     "nat.low_ports \"%s\" ends above 1023; ports takes those", item.text);
	else if (policy->low_ports.last >= policy->ports.first && policy->ports.last)
		reader_fault(s->r, item.line,
			     "nat.low_ports \"%s\" overlaps ports; let ports begin above %u",
			     item.text, policy->low_ports.last);
}

/* For each class what its own key says, else what the key for all says. */
static void read_dependence(const struct section *s, const char *key,
			    enum nat_dependence of[static NAT_CLASS_COUNT])
{
	static const char *const names[] = { [NAT_CLASS_UDP] = "udp", [NAT_CLASS_TCP] = "tcp" };
	int all = section_word(s, key);

	for (enum nat_class class = 0; class < NAT_CLASS_COUNT; class++) {
		char own[32];

		snprintf(own, sizeof(own), "%s_%s", key, names[class]);
		int word = section_word(s, own);
		of[class] = (enum nat_dependence)(word == WORD_NONE ? all : word);
	}
}

static void read_behaviour(const struct section *s, struct nat_policy *policy)
{
	enum nat_dependence mapping[NAT_CLASS_COUNT], filtering[NAT_CLASS_COUNT];

	read_dependence(s, "mapping", mapping);
	read_dependence(s, "filtering", filtering);
	for (int i = 0; i < NAT_CLASS_COUNT; i++)
		policy->behaviour[i] = (struct nat_behaviour){ mapping[i], filtering[i] };
	policy->pooling = (enum nat_pooling)section_word(s, "pooling");
	policy->on_address_change = (enum nat_address_change)section_word(s, "on_address_change");
	policy->hairpin = (enum nat_hairpin)section_word(s, "hairpin");
	policy->refresh = (enum nat_refresh)section_word(s, "refresh");
	policy->exhausted = (enum nat_exhausted)section_word(s, "on_exhaustion");
	policy->unsolicited = (enum nat_unsolicited)section_word(s, "unsolicited_syn");
	policy->drop_icmp_errors = section_word(s, "icmp_errors");
	policy->helpers = (uint8_t)section_words(s, "helpers");
}

static void read_selection(const struct section *s, struct nat_policy *policy)
{
	policy->port_selection = (enum nat_port_selection)section_word(s, "port_selection");
	policy->conflict = (enum nat_conflict)section_word(s, "on_conflict");
	policy->parity = section_bool(s, "parity");
	policy->protocol_independent = section_bool(s, "protocol_independent");
	policy->block_size = (uint16_t)section_number(s, "block_size");
	policy->blocks_per_host = (uint16_t)section_number(s, "blocks_per_host");
	policy->dynamic_shares = (uint16_t)section_number(s, "dynamic_shares");
	read_ports(s, policy);
	read_low_ports(s, policy);
}

static void read_host_limits(const struct section *s, struct nat_policy *policy)
{
	int64_t burst = section_number(s, "new_burst");

	policy->ports_per_host = (uint32_t)section_number(s, "ports_per_host");
	policy->new_per_second = (uint32_t)section_number(s, "new_per_second");
	policy->new_burst = burst == WORD_NONE ? policy->new_per_second : (uint32_t)burst;
	policy->sessions_per_mapping = (uint32_t)section_number(s, "sessions_per_mapping");
	if (section_has(s, "new_burst") && !policy->new_per_second)
		reader_fault(s->r, section_line(s, "new_burst"),
			     "nat.new_burst is of no use without new_per_second; leave it out, or "
			     "give both");
}

static void read_short_ports(const struct section *s, struct nat_policy *policy)
{
	size_t count = section_numbers(s, "short_ports"), at = 0;
	int64_t port;

	if (count > NAT_SHORT_PORTS_MOST)
		reader_fault(s->r, section_line(s, "short_ports"),
			     "nat.short_ports has %zu ports; at most %d", count,
			     NAT_SHORT_PORTS_MOST);
	for (size_t i = 0; at < NAT_SHORT_PORTS_MOST &&
			   section_number_next(s, "short_ports", &i, &port); at++)
		policy->short_ports[at] = (uint16_t)port;
}

void conf_read_policy(struct section *s, struct nat_policy *policy)
{
	s->preset = conf_preset(section_word(s, "preset"));
	struct section timeouts = section_below(s, "nat.timeouts");

	policy->type = (enum nat_type)section_word(s, "type");
	read_behaviour(s, policy);
	read_selection(s, policy);
	read_host_limits(s, policy);
	read_short_ports(s, policy);
	conf_read_timeouts(&timeouts, policy->timeout_ms);
}
