/*
 * What the owner of an endpoint goes by: forwards, planned policies and helped hosts, and else its
 * port. Rows become ranges of keys, in order, and a search tree of comparisons over them.
 */
#include <stdlib.h>

#include "nat/deterministic.h"
#include "nat/owner.h"
#include "steer_core.h"

static void emit_compare(struct ebpf *e, uint8_t condition, uint8_t key, uint64_t value,
			 struct ebpf_label to)
{
	ebpf_set(e, BPF_REG_1, value);
	ebpf_go_if_by(e, condition, key, BPF_REG_1, to);
}

static void emit_one(struct ebpf *e, uint8_t key, const struct steer_range *r,
		     struct ebpf_label otherwise)
{
	if (r->first == r->last) {
		emit_compare(e, BPF_JNE, key, r->first, otherwise);
	} else {
		emit_compare(e, BPF_JLT, key, r->first, otherwise);
		emit_compare(e, BPF_JGT, key, r->last, otherwise);
	}
	ebpf_go(e, r->to);
}

void steer_search(struct ebpf *e, uint8_t key, const struct steer_range *ranges, size_t count,
		  struct ebpf_label otherwise)
{
	size_t half = count / 2;
	struct ebpf_label upper;

	if (count == 0) {
		ebpf_go(e, otherwise);
	} else if (count == 1) {
		emit_one(e, key, ranges, otherwise);
	} else {
		upper = ebpf_label(e);
		emit_compare(e, BPF_JGE, key, ranges[half].first, upper);
		steer_search(e, key, ranges, half, otherwise);
		ebpf_put(e, upper);
		steer_search(e, key, ranges + half, count - half, otherwise);
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* In order, each once. */
static size_t tidy(uint64_t *points, size_t count)
{
	size_t kept = 0;

	qsort(points, count, sizeof(*points), compare);
	for (size_t i = 0; i < count; i++)
		if (!kept || points[kept - 1] != points[i])
			points[kept++] = points[i];
	return kept;
}

/* Protocol, address and port as one number. */
static uint64_t key_of(uint8_t protocol, be32 address, uint32_t port)
{
	return ((uint64_t)protocol << 48 | (uint64_t)be32_host(address) << 16) + port;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_UDPLITE ||
	       protocol == PROTO_DCCP;
}

static uint32_t internal_end(const struct nat_forward *f)
{
	return f->internal_first + (uint32_t)(f->last - f->first) + 1;
}

/* Where, in the range of f, another forward of the same inside endpoints begins or ends. */
static size_t note_inside(const struct nat_forward *f, const struct nat_forward *g, uint64_t *points)
{
	const uint32_t ends[] = { g->internal_first, internal_end(g) };
	size_t count = 0;

	if (f == g || f->protocol != g->protocol || !be32_equal(f->internal, g->internal))
		return 0;
	for (int i = 0; i < 2; i++)
		if (ends[i] > f->internal_first && ends[i] < internal_end(f))
			points[count++] = key_of(f->protocol, f->external,
						 f->first + (ends[i] - f->internal_first));
	return count;
}

/* Between two neighbours of these, the outside port is as far from the local one everywhere. */
static size_t forward_points(const struct steer *s, uint64_t *points, size_t room)
{
	const struct nat_config *c = s->config;
	size_t count = 0;

	for (size_t i = 0; i < c->forward_count; i++) {
		const struct nat_forward *f = &c->forwards[i];

		if (!has_ports(f->protocol) || count + 2 > room)
			continue;
		if (s->side == SIDE_INSIDE) {
			points[count++] = key_of(f->protocol, f->internal, f->internal_first);
			points[count++] = key_of(f->protocol, f->internal, internal_end(f));
			continue;
		}
		points[count++] = key_of(f->protocol, f->external, f->first);
		points[count++] = key_of(f->protocol, f->external, f->last + 1u);
		for (size_t k = 0; k < c->forward_count && count + 2 <= room; k++)
			count += note_inside(f, &c->forwards[k], points + count);
	}
	return tidy(points, count);
}

static const struct nat_policy *policy_of(const struct nat_config *c, be32 inside)
{
	struct nat_share share;

	nat_share_of(c, inside, &share);
	return share.policy;
}

static bool is_helped(const struct nat_config *c, be32 inside)
{
	const struct nat_policy *p = nat_is_v6_beside(inside) ? NULL : policy_of(c, inside);

	return p && (p->helpers & NAT_HELPER_FTP);
}

/* What one range of forwarded endpoints, which begins at e, has for its owner. */
static void emit_forward(const struct steer *s, uint8_t protocol, struct endpoint e,
			 const struct nat_forward *f, struct endpoint external)
{
	if (protocol == PROTO_TCP && !f->grouped && is_helped(s->config, f->internal)) {
		ebpf_set(s->e, ADDRESS, be32_host(f->internal));
		ebpf_go(s->e, s->by_host);
		return;
	}
	ebpf_do(s->e, BPF_ADD, PORT, be16_host(external.port) - be16_host(e.port));
	ebpf_set(s->e, ADDRESS, be32_host(external.address));
	ebpf_go(s->e, s->by_outside);
}

/* The range from a point on, and what it leads to; false: no forward is there. */
static bool emit_piece(const struct steer *s, uint64_t from, uint64_t end, struct steer_range *r)
{
	struct endpoint e = { be32_from((uint32_t)(from >> 16)), be16_from((uint16_t)from) }, external;
	uint8_t protocol = (uint8_t)(from >> 48);
	const struct nat_forward *f =
		nat_owner_forward(s->config, s->side, protocol, e, &external);

	if (!f)
		return false;
	*r = (struct steer_range){ from, end - 1, ebpf_label(s->e) };
	ebpf_put(s->e, r->to);
	emit_forward(s, protocol, e, f, external);
	return true;
}

/* Behind all of this, in order of the program: endpoints that no forward has. */
static bool emit_forwards(const struct steer *s)
{
	size_t room = s->config->forward_count * 4 + 64, count, used = 0;
	uint64_t *points = calloc(room, sizeof(*points));
	struct steer_range *ranges = calloc(room, sizeof(*ranges));
	struct ebpf_label search = ebpf_label(s->e), none = ebpf_label(s->e);

	if (points && ranges) {
		count = forward_points(s, points, room);
		ebpf_go(s->e, search);
		for (size_t i = 0; i + 1 < count; i++)
			used += emit_piece(s, points[i], points[i + 1], &ranges[used]);
		ebpf_put(s->e, search);
		ebpf_copy(s->e, BPF_REG_2, PROTOCOL);
		ebpf_do(s->e, BPF_LSH, BPF_REG_2, 32);
		ebpf_do_by(s->e, BPF_OR, BPF_REG_2, ADDRESS);
		ebpf_do(s->e, BPF_LSH, BPF_REG_2, 16);
		ebpf_do_by(s->e, BPF_OR, BPF_REG_2, PORT);
		steer_search(s->e, BPF_REG_2, ranges, used, none);
		ebpf_put(s->e, none);
	}
	free(points);
	free(ranges);
	return points && ranges;
}

static uint32_t mask_of(uint8_t len)
{
	return (uint32_t)(0xffffffff00000000 >> len);
}

/* Hosts of planned policies, and of helped ones what is TCP, belong to one worker each. */
static bool emit_hosts(const struct steer *s)
{
	const struct nat_config *c = s->config;
	size_t count = 0, used = 0;
	uint64_t *points = calloc(2 * c->policy_count + 1, sizeof(*points));
	struct steer_range *ranges = calloc(2 * c->policy_count + 1, sizeof(*ranges));
	struct ebpf_label helped = ebpf_label(s->e), search = ebpf_label(s->e);

	for (size_t i = 0; points && ranges && i < c->policy_count; i++) {
		uint32_t mask = mask_of(c->policies[i].prefix_len);

		points[count++] = be32_host(c->policies[i].prefix) & mask;
		points[count++] = (uint64_t)(be32_host(c->policies[i].prefix) | ~mask) + 1;
	}
	count = count ? tidy(points, count) : 0;
	for (size_t i = 0; i + 1 < count; i++) {
		const struct nat_policy *p = policy_of(c, be32_from((uint32_t)points[i]));

		if (p && (nat_policy_is_planned(p) || (p->helpers & NAT_HELPER_FTP)))
			ranges[used++] = (struct steer_range){
				points[i], points[i + 1] - 1,
				nat_policy_is_planned(p) ? s->by_host : helped,
			};
	}
	ebpf_go(s->e, search);
	ebpf_put(s->e, helped);
	ebpf_go_if(s->e, BPF_JEQ, PROTOCOL, PROTO_TCP, s->by_host);
	ebpf_go(s->e, s->by_port);
	ebpf_put(s->e, search);
	steer_search(s->e, ADDRESS, ranges, used, s->by_port);
	free(points);
	free(ranges);
	return points && ranges;
}

/* With addresses of their own, helped hosts are known by those. */
static void emit_helped(const struct steer *s)
{
	struct ebpf_label none = ebpf_label(s->e);

	ebpf_go_if(s->e, BPF_JNE, PROTOCOL, PROTO_TCP, none);
	for (size_t i = 0; i < s->config->policy_count; i++) {
		const struct nat_policy *p = &s->config->policies[i];
		uint32_t mask = mask_of(p->prefix_len);
		struct ebpf_label next = ebpf_label(s->e);

		if (p->type != NAT_ONE_TO_ONE || !(p->helpers & NAT_HELPER_FTP))
			continue;
		ebpf_set(s->e, BPF_REG_1, mask);
		ebpf_set(s->e, BPF_REG_2, ~mask);
		ebpf_do_by(s->e, BPF_AND, BPF_REG_1, ADDRESS);
		ebpf_do_by(s->e, BPF_AND, BPF_REG_2, ADDRESS);
		ebpf_set(s->e, BPF_REG_3, be32_host(p->translated) & mask);
		ebpf_go_if_by(s->e, BPF_JNE, BPF_REG_1, BPF_REG_3, next);
		ebpf_set(s->e, ADDRESS, be32_host(p->prefix) & mask);
		ebpf_do_by(s->e, BPF_OR, ADDRESS, BPF_REG_2);
		ebpf_go(s->e, s->by_host);
		ebpf_put(s->e, next);
	}
	ebpf_put(s->e, none);
}

/* A port of an address of a planned policy; the number of the address's first host is in R2. */
static void emit_plan(const struct steer *s, const struct nat_policy *p)
{
	uint32_t hosts = nat_policy_hosts(p), most = (hosts + p->pool_count - 1) / p->pool_count;
	struct port_range blocks = nat_block_ports(p);
	struct ebpf_label nobody = ebpf_label(s->e);

	if (p->port_selection == NAT_PORT_DETERMINISTIC) {
		be32 first = p->prefix;

		nat_policy_share_at(p, p->pool_first, p->ports.first, &first);
		ebpf_go_if(s->e, BPF_JLT, PORT, p->ports.first, nobody);
		ebpf_go_if(s->e, BPF_JGT, PORT, p->ports.last, nobody);
		ebpf_copy(s->e, BPF_REG_3, PORT);
		ebpf_do(s->e, BPF_SUB, BPF_REG_3, p->ports.first);
		ebpf_do(s->e, BPF_DIV, BPF_REG_3, (int32_t)nat_policy_share(p));
		emit_compare(s->e, BPF_JGE, BPF_REG_3, most, nobody);
		ebpf_do_by(s->e, BPF_ADD, BPF_REG_2, BPF_REG_3);
		emit_compare(s->e, BPF_JGE, BPF_REG_2, hosts, nobody);
		ebpf_set(s->e, ADDRESS, be32_host(first));
		ebpf_do_by(s->e, BPF_ADD, ADDRESS, BPF_REG_2);
		ebpf_go(s->e, s->by_host);
	}
	ebpf_put(s->e, nobody);
	if (blocks.last) {
		ebpf_go_if(s->e, BPF_JLT, PORT, blocks.first, s->by_port);
		ebpf_go_if(s->e, BPF_JGT, PORT, blocks.last, s->by_port);
		ebpf_copy(s->e, RESULT, PORT);
		ebpf_do(s->e, BPF_DIV, RESULT, p->block_size);
		ebpf_do(s->e, BPF_MOD, RESULT, s->config->workers);
		ebpf_exit(s->e);
	} else {
		ebpf_go(s->e, s->by_port);
	}
}

static int compare_ranges(const void *a, const void *b)
{
	const struct steer_range *x = a, *y = b;

	return compare(&x->first, &y->first);
}

/* The addresses of one policy: each begins with its own hosts. */
static size_t emit_addresses(const struct steer *s, const struct nat_policy *p,
			     struct steer_range *ranges)
{
	uint32_t most = (nat_policy_hosts(p) + p->pool_count - 1) / p->pool_count;
	struct ebpf_label plan = ebpf_label(s->e);
	uint32_t places = p->pool_count + (p->left ? 1u : 0u);
	size_t count = 0;

	/* One that is left is the first once more. */
	for (uint32_t k = 0; k < places; k++) {
		size_t place = k < p->pool_count ? p->pool_first + k : p->left - 1u;
		uint64_t address = be32_host(s->config->pool[place]);

		if (!address)
			continue;
		ranges[count] = (struct steer_range){ address, address, ebpf_label(s->e) };
		ebpf_put(s->e, ranges[count++].to);
		ebpf_set(s->e, BPF_REG_2, k < p->pool_count ? (uint64_t)k * most : 0);
		ebpf_go(s->e, plan);
	}
	ebpf_put(s->e, plan);
	emit_plan(s, p);
	return count;
}

/* Whose an outside endpoint is. */
static bool emit_pool(const struct steer *s)
{
	const struct nat_config *c = s->config;
	struct steer_range *ranges = calloc(c->pool_count + 1, sizeof(*ranges));
	struct ebpf_label search = ebpf_label(s->e);
	size_t used = 0;

	ebpf_go(s->e, search);
	for (size_t i = 0; ranges && i < c->policy_count; i++)
		if (nat_policy_is_planned(&c->policies[i]))
			used += emit_addresses(s, &c->policies[i], ranges + used);
	ebpf_put(s->e, search);
	if (used)
		qsort(ranges, used, sizeof(*ranges), compare_ranges);
	steer_search(s->e, ADDRESS, ranges, used, s->by_port);
	free(ranges);
	return ranges;
}

bool steer_emit_rule(struct steer *s, bool plain)
{
	bool good = true;

	ebpf_put(s->e, s->by_rule);
	if (!plain) {
		if (s->config->forward_count)
			good = emit_forwards(s);
		if (s->side == SIDE_INSIDE)
			good = good && emit_hosts(s);
		else
			emit_helped(s);
		ebpf_put(s->e, s->by_outside);
		good = good && emit_pool(s);
	}
	ebpf_put(s->e, s->by_port);
	ebpf_copy(s->e, RESULT, PORT);
	ebpf_do(s->e, BPF_RSH, RESULT, 1);
	ebpf_do(s->e, BPF_MOD, RESULT, s->config->workers);
	ebpf_exit(s->e);
	return good;
}
