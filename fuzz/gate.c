#include "gate.h"

#include "datagram.h"
#include "memory_file.h"

enum { LAN0, WAN0, INTERFACES };
enum { TURNS_MOST = 100000, MTU_WIDE = 4000, MTU_NARROW = 1280, DATAGRAM_PULLED_MOST = 4096 };

static const char *const dependences[] = {
	"endpoint-independent", "address-dependent", "address-and-port-dependent",
};
static const char *const selections[] = { "preserve", "random", "sequential" };
static const char *const forwards =
	"{ proto = \"tcp\"; external = \"192.0.2.1:443\"; internal = \"10.0.0.2:80\"; },"
	"{ proto = \"tcp\"; external = \"192.0.2.2:80\"; internal = \"10.0.0.2:80\"; },"
	"{ proto = \"udp\"; external = \"192.0.2.2:5000-5001\"; internal = \"10.0.0.3:40000\"; }";
static const char *const rules =
	"{ match = \"out wan0 tcp syn\"; mss = \"clamp\"; },"
	"{ match = \"in wan0\"; dscp = 10; }, { match = \"out lan0\"; ttl = 60; }";

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ONE_OF(in, array) (array)[input_below((in), COUNT(array))]

static void write_conf(FILE *f, struct gate *g, struct input *in)
{
	/* More would have more memory than can be made afresh for each input. */
	static const uint8_t workers[] = { 1, 1, 1, 2 };
	unsigned mtu;

	g->workers = ONE_OF(in, workers);
	g->cuts = input_below(in, 2);
	mtu = g->cuts ? MTU_NARROW : MTU_WIDE;
	fprintf(f, "workers = %u; control = \"\"; seed = 7;\n", g->workers);
	fprintf(f, "limits = { sessions = 64; sessions_per_host = %u; ", 1u + input_below(in, 64));
	fprintf(f, "fragments = %u; };\n", 1u + input_below(in, 8));
	fprintf(f, "interfaces = ( { name = \"lan0\"; type = \"mem\"; side = \"inside\"; mtu = %u; "
		   "address = [ \"10.0.0.1/16\", \"fd00:7::1/64\" ]; },\n"
		   "{ name = \"wan0\"; type = \"mem\"; side = \"outside\"; mtu = %u;\n"
		   "address = [ \"198.51.100.1/24\", \"2001:db8:f::1/64\" ]; } );\n", MTU_WIDE, mtu);
	/* No default route: to put one into the table takes longer than most inputs. */
	fprintf(f, "routes = ( { prefix = \"203.0.0.0/16\"; interface = \"wan0\"; via = \"198.51.100.254\"; },\n"
		   "{ prefix = \"2001:db8::/32\"; interface = \"wan0\"; via = \"2001:db8:f::fe\"; },\n"
		   "{ prefix = \"172.16.0.0/12\"; interface = \"lan0\"; via = \"10.0.0.254\"; },\n"
		   "{ prefix = \"203.0.113.10/32\"; type = \"prohibit\"; } );\n");
	fprintf(f, "nat = ( { name = \"open\"; match = \"10.0.9.0/24\"; type = \"none\"; },\n"
		   "{ name = \"home\"; match = \"10.0.0.0/16\"; type = \"napt44\"; "
		   "pool = [ \"192.0.2.0-192.0.2.3\" ];\n");
	fprintf(f, "mapping = \"%s\"; ", ONE_OF(in, dependences));
	fprintf(f, "filtering = \"%s\"; ", ONE_OF(in, dependences));
	fprintf(f, "port_selection = \"%s\"; } );\n", ONE_OF(in, selections));
	fprintf(f, "forwards = ( %s );\n", input_below(in, 2) ? forwards : "");
	fprintf(f, "rewrite = ( %s );\n", input_below(in, 2) ? rules : "");
}

static struct conf *make_conf(struct gate *g, struct input *in)
{
	char path[MEMORY_PATH], *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct conf *c;
	int fd;

	assert(f);
	write_conf(f, g, in);
	fclose(f);
	fd = memory_file(text, len, path);
	c = conf_read(path, stderr);
	assert(c);
	close(fd);
	free(text);
	return c;
}

void gate_open(struct gate *g, struct input *in)
{
	struct io_error error;

	*g = (struct gate){ .now = { 1000000 }, .all_right = true };
	assert(gateway_open(&g->gateway, make_conf(g, in), &error) == 0);
}

/* No checksum that can be judged, and is wrong. */
static bool is_right(const uint8_t *octets, size_t len)
{
	struct anatomy a;

	if (!anatomy_of(&a, octets, len) || a.fragment || !a.checksum)
		return true;
	return transport_is_right(octets, &a);
}

void gate_push(struct gate *g, const struct datagram *d)
{
	struct io *io = g->gateway->ios[d->from == SIDE_INSIDE ? LAN0 : WAN0];

	assert(io_mem_push(io, (uint16_t)(g->pushed % g->workers), d->octets, d->len) == 0);
	g->all_right &= is_right(d->octets, d->len);
	g->pushed++;
}

/* RFC 2827: neither as a source nor in what an error quotes. */
static void judge_leaving(const uint8_t *octets, const struct anatomy *a)
{
	const uint8_t *quote = octets + a->header + 8;
	struct anatomy quoted;

	assert(!is_secret(octets + 12));
	if (a->error && anatomy_of(&quoted, quote, a->len - a->header - 8) && quoted.version == 4)
		assert(!is_secret(quote + 16));
}

static void judge(const struct gate *g, size_t interface, const uint8_t *octets, size_t len)
{
	struct anatomy a;

	assert(anatomy_of(&a, octets, len) && a.len == len);
	assert(header_is_right(octets, &a) && octets[a.version == 4 ? 8 : 7]);
	assert(!g->all_right || is_right(octets, len));
	assert(len <= (interface == WAN0 && g->cuts ? MTU_NARROW : MTU_WIDE));
	if (interface == WAN0 && a.version == 4)
		judge_leaving(octets, &a);
}

static void pull_all(struct gate *g, size_t interface, uint16_t worker)
{
	uint8_t octets[DATAGRAM_PULLED_MOST];
	size_t len;

	while ((len = io_mem_pull(g->gateway->ios[interface], worker, octets, sizeof(octets)))) {
		g->pulled++;
		judge(g, interface, octets, len);
		if (len <= DATAGRAM_MOST)
			past_add(&g->past, interface == LAN0 ? SIDE_INSIDE : SIDE_OUTSIDE, octets, len);
	}
}

void gate_settle(struct gate *g)
{
	size_t worked = 1;

	for (unsigned turn = 0; worked; turn++) {
		assert(turn < TURNS_MOST);
		worked = 0;
		for (uint16_t i = 0; i < g->workers; i++)
			worked += worker_step(g->gateway->workers[i], g->now);
	}
	for (size_t i = 0; i < INTERFACES; i++)
		for (uint16_t j = 0; j < g->workers; j++)
			pull_all(g, i, j);
}

void gate_close(struct gate *g)
{
	uint64_t in = 0, out = 0, ends = 0, begun = g->pushed;

	for (uint16_t i = 0; i < g->workers; i++) {
		struct counters c = worker_counters(g->gateway->workers[i]);

		for (size_t k = 0; k < INTERFACES; k++) {
			in += c.links[k].packets_in;
			out += c.links[k].packets_out;
		}
		for (int r = 0; r < REASON_COUNT; r++)
			ends += c.reasons[r];
		begun += c.errors_sent + c.reasons[REASON_ERROR_LIMIT];
	}
	assert(in == g->pushed && out == g->pulled);
	/* One that is cut ends as its pieces. */
	assert(g->cuts ? ends >= begun : ends == begun);
	gateway_stop(g->gateway);
}
