#include "xdp_program.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "router/bpf.h"
#include "nat/bytes.h"

enum {
	ADDRESSES_MOST = 1024, /* of the kernel's */
	V4_DESTINATION = ETH_HLEN + 16,
	V4_END = ETH_HLEN + 20,
	V6_NEXT = ETH_HLEN + 6,
	V6_DESTINATION = ETH_HLEN + 24,
	V6_END = ETH_HLEN + 40,
};

/* An address as the map of the kernel's ones has it. */
struct key {
	uint32_t version;
	uint8_t octets[16];
};

enum { KEY = -(int)sizeof(struct key), KEY_OCTETS = KEY + (int)offsetof(struct key, octets) };

struct xdp_program {
	int sockets, addresses; /* maps */
	int program, link;
	struct prefix known[ADDRESSES_MOST]; /* that are in the map */
	size_t known_count;
};

/* What the registers are for. Of them, only CONTEXT outlives the call of a helper. */
enum { PACKET = BPF_REG_2, PACKET_END = BPF_REG_3, VALUE = BPF_REG_4, OTHER = BPF_REG_5,
       CONTEXT = BPF_REG_6 };

struct ways { struct ebpf_label kernel, ours, look_up, v4, v6; };

/* To the kernel, unless the packet has so many octets. */
static void emit_need(struct ebpf *e, const struct ways *w, int32_t octets)
{
	ebpf_copy(e, VALUE, PACKET);
	ebpf_do(e, BPF_ADD, VALUE, octets);
	ebpf_go_if_by(e, BPF_JGT, VALUE, PACKET_END, w->kernel);
}

static void emit_ethernet(struct ebpf *e, const struct ways *w, const uint8_t mac[static 6])
{
	uint32_t first;
	uint16_t last;

	memcpy(&first, mac, sizeof(first));
	memcpy(&last, mac + sizeof(first), sizeof(last));
	ebpf_copy(e, CONTEXT, BPF_REG_1);
	ebpf_read(e, BPF_W, PACKET, CONTEXT, offsetof(struct xdp_md, data));
	ebpf_read(e, BPF_W, PACKET_END, CONTEXT, offsetof(struct xdp_md, data_end));
	emit_need(e, w, V4_END);
	ebpf_read(e, BPF_W, VALUE, PACKET, 0);
	ebpf_set(e, OTHER, first);
	ebpf_go_if_by(e, BPF_JNE, VALUE, OTHER, w->kernel);
	ebpf_read(e, BPF_H, VALUE, PACKET, sizeof(first));
	ebpf_go_if(e, BPF_JNE, VALUE, last, w->kernel);
	ebpf_read(e, BPF_H, VALUE, PACKET, offsetof(struct ethhdr, h_proto));
	ebpf_go_if(e, BPF_JEQ, VALUE, be16_from(ETH_P_IP).raw, w->v4);
	ebpf_go_if(e, BPF_JEQ, VALUE, be16_from(ETH_P_IPV6).raw, w->v6);
}

/* The key of the address at offset, in words. */
static void emit_key(struct ebpf *e, int32_t version, int16_t offset, int16_t len)
{
	ebpf_write_value(e, BPF_W, BPF_REG_10, KEY, version);
	for (int16_t i = 0; i < 16; i = (int16_t)(i + 4)) {
		if (i >= len) {
			ebpf_write_value(e, BPF_W, BPF_REG_10, (int16_t)(KEY_OCTETS + i), 0);
			continue;
		}
		ebpf_read(e, BPF_W, VALUE, PACKET, (int16_t)(offset + i));
		ebpf_write(e, BPF_W, BPF_REG_10, (int16_t)(KEY_OCTETS + i), VALUE);
	}
}

/* Link-local addresses, and the messages that neighbours find each other by, are the kernel's. */
static void emit_v6(struct ebpf *e, const struct ways *w)
{
	struct ebpf_label not_icmp = ebpf_label(e);

	emit_need(e, w, V6_END);
	ebpf_read(e, BPF_H, VALUE, PACKET, V6_DESTINATION);
	ebpf_swap(e, VALUE, 16);
	ebpf_do(e, BPF_AND, VALUE, 0xffc0);
	ebpf_go_if(e, BPF_JEQ, VALUE, 0xfe80, w->kernel);
	ebpf_read(e, BPF_B, VALUE, PACKET, V6_NEXT);
	ebpf_go_if(e, BPF_JNE, VALUE, IPPROTO_ICMPV6, not_icmp);
	emit_need(e, w, V6_END + 1);
	ebpf_read(e, BPF_B, VALUE, PACKET, V6_END);
	ebpf_do(e, BPF_SUB, VALUE, ND_ROUTER_SOLICIT);
	ebpf_go_if(e, BPF_JLE, VALUE, ND_REDIRECT - ND_ROUTER_SOLICIT, w->kernel);
	ebpf_put(e, not_icmp);
	emit_key(e, 6, V6_DESTINATION, 16);
}

static void emit_ends(struct ebpf *e, const struct ways *w, const struct xdp_program *p)
{
	ebpf_put(e, w->look_up);
	ebpf_map(e, BPF_REG_1, p->addresses);
	ebpf_copy(e, BPF_REG_2, BPF_REG_10);
	ebpf_do(e, BPF_ADD, BPF_REG_2, KEY);
	ebpf_call(e, BPF_FUNC_map_lookup_elem);
	ebpf_go_if(e, BPF_JEQ, BPF_REG_0, 0, w->ours);
	ebpf_put(e, w->kernel);
	ebpf_set(e, BPF_REG_0, XDP_PASS);
	ebpf_exit(e);
	ebpf_put(e, w->ours);
	ebpf_map(e, BPF_REG_1, p->sockets);
	ebpf_read(e, BPF_W, BPF_REG_2, CONTEXT, offsetof(struct xdp_md, rx_queue_index));
	ebpf_set(e, BPF_REG_3, XDP_DROP); /* if there is no socket */
	ebpf_call(e, BPF_FUNC_redirect_map);
	ebpf_exit(e);
}

static int load_program(struct xdp_program *p, const uint8_t mac[static 6])
{
	struct ebpf *e = ebpf_new();
	struct ways w;

	if (!e)
		return -ENOMEM;
	w = (struct ways){ ebpf_label(e), ebpf_label(e), ebpf_label(e), ebpf_label(e),
			   ebpf_label(e) };
	emit_ethernet(e, &w, mac);
	ebpf_go(e, w.kernel);
	ebpf_put(e, w.v6);
	emit_v6(e, &w);
	ebpf_go(e, w.look_up);
	ebpf_put(e, w.v4);
	emit_key(e, 4, V4_DESTINATION, 4);
	emit_ends(e, &w, p);
	p->program = ebpf_load(e, BPF_PROG_TYPE_XDP, "router_xdp", NULL, 0);
	ebpf_free(e);
	return p->program < 0 ? p->program : 0;
}

int xdp_program_probe(void)
{
	int socket_fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	int map = socket_fd < 0 ? -errno
				: bpf_map_create(BPF_MAP_TYPE_XSKMAP, "router_probe", 4, 4, 1, NULL);

	if (socket_fd >= 0)
		close(socket_fd);
	if (map < 0)
		return map;
	close(map);
	return 0;
}

int xdp_program_new(struct xdp_program **out, const uint8_t mac[static 6], uint32_t queues)
{
	struct xdp_program *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct xdp_program){ .addresses = -1, .program = -1, .link = -1 };
	p->sockets = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "router_sockets", 4, 4, queues, NULL);
	r = p->sockets < 0 ? p->sockets : 0;
	if (r == 0)
		p->addresses = r = bpf_map_create(BPF_MAP_TYPE_HASH, "router_kernel",
						  sizeof(struct key), 1, ADDRESSES_MOST, NULL);
	if (r >= 0)
		r = load_program(p, mac);
	if (r < 0)
		xdp_program_free(p);
	else
		*out = p;
	return r;
}

void xdp_program_free(struct xdp_program *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < 4; i++) {
		int fd = (const int[]){ p->link, p->program, p->addresses, p->sockets }[i];

		if (fd >= 0)
			close(fd);
	}
	free(p);
}

int xdp_program_serve(struct xdp_program *p, uint32_t queue, int socket_fd)
{
	return bpf_map_update_elem(p->sockets, &queue, &socket_fd, BPF_ANY);
}

static struct key key_of(const struct address *a)
{
	struct key k = { .version = a->version };

	memcpy(k.octets, a->octets, sizeof(k.octets));
	return k;
}

static bool has(const struct prefix *list, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (address_equal(&list[i].address, a))
			return true;
	return false;
}

int xdp_program_learn(struct xdp_program *p, struct nl *nl)
{
	struct prefix now[ADDRESSES_MOST];
	int count = nl_addresses(nl, 0, now, ADDRESSES_MOST);
	const uint8_t present = 1;
	struct key k;
	int r = 0;

	if (count < 0)
		return count;
	for (size_t i = 0; i < p->known_count; i++) {
		k = key_of(&p->known[i].address);
		if (!has(now, (size_t)count, &p->known[i].address))
			bpf_map_delete_elem(p->addresses, &k);
	}
	for (size_t i = 0; r == 0 && i < (size_t)count; i++) {
		k = key_of(&now[i].address);
		if (!has(p->known, p->known_count, &now[i].address))
			r = bpf_map_update_elem(p->addresses, &k, &present, BPF_ANY);
	}
	memcpy(p->known, now, (size_t)count * sizeof(*now));
	p->known_count = (size_t)count;
	return r;
}

int xdp_program_attach(struct xdp_program *p, uint32_t device, bool generic)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int fd = bpf_link_create(p->program, (int)device, BPF_XDP, &options);

	if (fd < 0)
		return fd;
	p->link = fd;
	return 0;
}
