/*
 * Inside of the configuration reader: the table of keys, the list of faults, and values by key.
 *
 * Shape    A section is one group of the file; its values are taken by name. What the table of
 *          keys says about type, range and default is applied there, so that readers of sections
 *          only meet values that are possible in themselves.
 * Memory   Texts belong to the libconfig tree, which lives as long as the struct reader.
 * Errors   A fault is added to the list and a default is returned: reading goes on, so that one
 *          run finds every fault.
 */
#ifndef ROUTER_CONF_READ_H
#define ROUTER_CONF_READ_H

#include <libconfig.h>

#include "router/conf.h"
#include "router/text.h"

enum key_kind {
	KEY_NUMBER, /* from least to most, or one of the words */
	KEY_BOOL,
	KEY_WORD,  /* one of the words */
	KEY_TEXT,
	KEY_TEXTS, /* array of texts; with words: of these */
	KEY_TEXT_OR_TEXTS,
	KEY_NUMBERS, /* array of numbers from least to most, or one of the words */
	KEY_GROUP,
	KEY_LIST,  /* of groups */
};

/* Values of words: absent (of numbers too), and of the design but not in this version. */
enum { WORD_NONE = -1, WORD_LATER = -2 };

enum { CONF_TCP_AND_UDP = 256 }; /* as if it were a protocol */
enum { CONF_ENDPOINT = 60 }; /* "[ADDRESS]:FIRST-LAST" */

struct conf_word {
	const char *text; /* NULL ends the list */
	int value;
};

struct conf_key {
	const char *section; /* path of the group it stands in, as "nat.timeouts"; "" is the file */
	const char *name;
	enum key_kind kind;
	int64_t least, most;
	const char *normal; /* default as text; NULL: the key must be there */
	const struct conf_word *words;
	const char *help; /* for the manual, in roff */
};

/* All keys: sections in the order of the manual, the key of a section in front of its own. */
const struct conf_key *conf_key(size_t i); /* NULL behind the last */
const struct conf_key *conf_key_find(const char *section, const char *name);

/* The table of nat and forwards, a part of it. */
extern const struct conf_key conf_nat_keys[];
extern const size_t conf_nat_key_count;

/* Section and name: "nat.pool". */
enum { CONF_PATH = 64 };
void conf_key_path(const struct conf_key *k, char path[static CONF_PATH]);

/* What a key wants, for people: "a number from 0 to 64". */
void conf_key_expect(const struct conf_key *k, struct text *out);

/* Named behaviours: their words, one by its word (NULL for WORD_NONE), what it says about a key (NULL:
 * nothing), and all of them for the manual. */
struct conf_preset;
extern const struct conf_word conf_preset_words[];
const struct conf_preset *conf_preset(int word);
const char *conf_preset_value(const struct conf_preset *p, const struct conf_key *k);
void conf_presets_manual(FILE *out);

struct conf_fault {
	int line;
	char *text;
};

struct reader {
	struct conf *conf;
	config_setting_t *root;
	struct conf_fault *faults;
	size_t fault_count;
	bool allow_short; /* timeouts below their least values */
	bool no_memory; /* the list of faults, or the configuration, is not whole */
};

/* Add "what; what would be right". Line 0: the file as a whole. */
void reader_fault(struct reader *r, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Write the list in order of lines. */
void reader_report(const struct reader *r, FILE *out);

/* Zeroed array that the configuration will own, or NULL with no_memory set. */
void *reader_array(struct reader *r, size_t count, size_t size);
char *reader_copy(struct reader *r, const char *text);

/* Text before libconfig sees it: what its lexer would get wrong. False: do not parse it. */
bool conf_scan(struct reader *r, char *text);

/* Every key that the table does not know, or that is not in this version. */
void conf_check_keys(struct reader *r);

struct section {
	struct reader *r;
	const char *path;
	config_setting_t *group; /* NULL: not in the file, all defaults */
	int line;
	const struct conf_preset *preset; /* its values are the defaults, where it has any */
};

/* The group of a path, and the groups of a list one after the other, starting with *i = 0. */
struct section section_of(struct reader *r, const char *path);
size_t section_count(const struct reader *r, const char *path);
bool section_next(struct reader *r, const char *path, size_t *i, struct section *s);

/* The group in a group, by its path; the groups of a list in a group, as section_next(). */
struct section section_below(const struct section *s, const char *path);
bool section_below_next(const struct section *s, const char *path, size_t *i, struct section *below);

/* Whether the file has a key; whether the file or the preset has. */
bool section_has(const struct section *s, const char *name);
bool section_says(const struct section *s, const char *name);

/* Whether there is such a key. */
static inline bool section_knows(const struct section *s, const char *name)
{
	return conf_key_find(s->path, name) != NULL;
}
int section_line(const struct section *s, const char *name);

/* Without a default, an absent number or word is WORD_NONE and an absent text is "". */
int64_t section_number(const struct section *s, const char *name);
bool section_bool(const struct section *s, const char *name);
int section_word(const struct section *s, const char *name);

/* A text and where it stands. */
struct item {
	const char *text;
	int line;
};
struct item section_text(const struct section *s, const char *name);

/* Texts or numbers of an array: how many, and one after the other, starting with *i = 0. */
size_t section_texts(const struct section *s, const char *name);
bool section_text_next(const struct section *s, const char *name, size_t *i, struct item *item);
size_t section_numbers(const struct section *s, const char *name);
/* The word that stands where an array of numbers may; WORD_NONE: there is none. */
int section_instead(const struct section *s, const char *name);
bool section_number_next(const struct section *s, const char *name, size_t *i, int64_t *found);

/* Texts of an array that are words: the bits of all of them. */
int section_words(const struct section *s, const char *name);

/* Addresses as they stand in the file. All but the last two report what is wrong with the text. */
bool conf_host(struct reader *r, struct item item, struct prefix *p);
const char *conf_host_fault(const struct prefix *p); /* NULL, or why it is no host's address */
bool conf_network(struct reader *r, struct item item, struct prefix *p);
/* Not all of it within what is never routed. */
bool conf_routed(struct reader *r, const char *what, struct item item, const struct prefix *p);
bool conf_host4(struct reader *r, struct item item, uint32_t *host);
bool conf_network4(struct reader *r, const char *what, struct item item, be32 *network, uint8_t *len);
bool conf_network6(struct reader *r, const char *what, struct item item, struct ip6_prefix *p);
bool conf_host6(struct reader *r, struct item item, struct address *a);
bool conf_ports(const char *text, struct port_range *range); /* "8080" or "50000-65535" */

/* IPv4 addresses first to last, in host order. */
struct span {
	uint32_t first, last;
};

static inline struct span span_of(uint32_t host, uint8_t len)
{
	uint32_t wild = len < 32 ? UINT32_MAX >> len : 0;

	return (struct span){ host & ~wild, host | wild };
}

static inline bool span_has(struct span s, uint32_t host)
{
	return host >= s.first && host <= s.last;
}

static inline bool span_overlaps(struct span a, struct span b)
{
	return a.first <= b.last && b.first <= a.last;
}

/* IPv6 addresses first to last. */
struct span6 {
	struct ip6 first, last;
};

static inline struct span6 span6_of(const struct prefix *p)
{
	struct ip6 ones, first = ip6_load(p->address.octets);

	memset(&ones, 0xff, sizeof(ones));
	return (struct span6){ first, ip6_joined(&first, p->len, &ones) };
}

static inline bool span6_overlaps(struct span6 a, struct span6 b)
{
	return memcmp(&a.first, &b.last, sizeof(a.first)) <= 0 &&
	       memcmp(&b.first, &a.last, sizeof(b.first)) <= 0;
}

enum { MATCH_UNREADABLE = 255 }; /* prefix_len of a policy after a fault in match */

static inline struct span policy_span(const struct nat_policy *p)
{
	return span_of(be32_host(p->prefix), p->prefix_len);
}

/* One end of a forward: "ADDRESS" or "ADDRESS:PORTS", "[ADDRESS]:PORTS" of IPv6; "interface:NAME" instead
 * of the address, whose version depends on what hosts it leads to. False after a fault. */
struct conf_end {
	struct address address;
	struct port_range ports; /* none if there are none */
	size_t interface; /* whose address it is, or SIZE_MAX */
};
bool conf_read_end(struct reader *r, const char *key, struct item item, struct conf_end *e);
bool conf_read_interface_end(const struct section *s, struct item item, struct conf_end *e);

/* The entry whose pool it is in, or the number of entries. */
size_t conf_pool_holder(const struct conf *c, const struct conf_end *e);

/* Index of an interface by its name; SIZE_MAX after a fault that lists those there are. */
size_t conf_interface_named(struct reader *r, struct item name);

/* Of types nfqueue and raw; and, when all interfaces are read, which queues are whose. */
void conf_read_queue(const struct section *s, struct conf_interface *n);
void conf_number_queues(struct reader *r);

/* Of an interface, what type tap has alone. Whether it shares the device of an earlier one: notes so. */
void conf_read_tap(const struct section *s, struct conf_interface *n);
bool conf_share_device(const struct section *s, struct conf_interface *n,
		       const struct conf_interface *earlier);

/* The interface of "interface:NAME", which must be on that side; SIZE_MAX: the text is another, or after
 * a fault. */
bool conf_means_interface(const char *text);
size_t conf_interface_meant(struct reader *r, const char *what, struct item item, enum nat_side side,
			    uint8_t version);

/* The parts of the file, in the order in which they refer to each other. */
void conf_read_interfaces(struct reader *r);
void conf_read_routes(struct reader *r);
void conf_read_import(struct reader *r);
void conf_read_ipv6(struct reader *r);
void conf_read_nats(struct reader *r);
void conf_read_pools(struct reader *r);
void conf_read_prefixes(struct reader *r);
void conf_read_forwards(struct reader *r);
void conf_read_rules(struct reader *r);
void conf_read_log(struct reader *r);

/* Parts of a nat entry. Reading a policy begins with the preset, which the section keeps. */
void conf_read_policy(struct section *s, struct nat_policy *policy);
void conf_read_timeouts(const struct section *s, uint32_t ms[static TIMEOUT_COUNT]);
void conf_check_scope(const struct section *s, const struct nat_policy *p);
void conf_check_plan(const struct section *s, const struct nat_policy *p);

/* "WHAT ADDRESSES" must not be addresses of the inside. */
void conf_check_matches(struct reader *r, const char *what, struct item item, struct span span);
void conf_check_interfaces(struct reader *r, const char *what, struct item item, struct span span);
void conf_check_matches6(struct reader *r, const char *what, struct item item, struct span6 span);
void conf_check_interfaces6(struct reader *r, const char *what, struct item item,
			    struct span6 span);

static inline bool prefixes_overlap(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_contains(a, &b->address) : prefix_contains(b, &a->address);
}

/* A place for each address from first to last; a fault if another entry has one of them. */
void conf_pool_add(struct reader *r, struct item item, const struct address *first,
		   const struct address *last, struct nat_policy *policy);

/* Of one text in pool that is IPv6; first and last are the same if it is no range. */
void conf_read_pool6(struct reader *r, struct item item, struct nat_policy *policy);

/* What an entry says about IPv6 beside the rest. The prefixes that it puts IPv4 addresses in, and where
 * those do not count. */
void conf_read_policy6(const struct section *s, struct nat_policy *policy);
void conf_read_pref64s(const struct section *s, struct nat_policy *policy, size_t at);
void conf_read_eams(const struct section *s, struct nat_policy *policy, int *lines, size_t at);
void conf_check_translatable(const struct section *s, const struct nat_policy *policy, size_t at);
void conf_sort_eams(struct conf *c);
void conf_read_prefix6(const struct section *s, struct nat_policy *policy, size_t at);
void conf_check_taken(const struct section *s, const char *what, struct item item,
		      const struct prefix *p, size_t at);

/* Nor addresses that an earlier entry has IPv4 ones in. */
void conf_check_pref64s(struct reader *r, const char *what, struct item item, const struct prefix *p,
			size_t at);

#endif
