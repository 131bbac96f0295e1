/* Requirement ABU-8: an attacker who sees nothing of a connection, but may lie about who he is, learns
 * from what he is told himself no more than a coin would tell him. The script is that of SAD DNS
 * (CVE-2020-25705): ask as others at many ports, then as himself, and count what is left for him. */
#include "rig.h"

enum { TRIALS = 200, LESSONS = 200, OWN_MOST = 600, PATIENCE_MS = 7000, TURNS = 20, FORGOTTEN_MS = 8000000 };

/* Ports asked at as others, and how often as himself; each address is told ten times a second at most. */
struct script { struct setting setting; unsigned others, ports, addresses, own; };

#define ANYBODY .workers = 1, .nat = RIG_NAT("\"198.51.100.2\"", "filtering = \"endpoint-independent\";")

static const struct script places[] = {
	{ { ANYBODY }, 1, 255, 1, 10 }, { { ANYBODY }, 1, 256, 1, 10 }, { { ANYBODY }, 1, 129, 100, 600 },
	{ { ANYBODY }, 20, 200, 100, 600 }, { { ANYBODY }, 64, 400, 1, 10 },
};
static const struct script tokens[] = {
	{ { ANYBODY, .limits = RIG_LIMITS "unsolicited = 4096;" }, 100, 490, 1, 10 },
	{ { ANYBODY, .limits = RIG_LIMITS "unsolicited = 4096;" }, 100, 500, 1, 10 },
	{ { ANYBODY, .limits = RIG_LIMITS "unsolicited = 4096;" }, 100, 990, 1, 10 },
};

static void ask(struct rig *r, const char *way)
{
	struct packet syn = tcp(way, SYN, 77, 0, 0);

	rig_push(r, WAN0, &syn);
	if (r->pushed % RIG_BURST == 0)
		rig_settle(r);
}

/* The port of a connection that begins now. */
static unsigned open_one(struct rig *r, unsigned number)
{
	struct packet syn = tcp(WAY("10.0.0.10:%u > 203.0.113.9:443", 20000 + number), SYN, 1, 0, 0);
	struct packet out;

	rig_push(r, LAN0, &syn);
	rig_settle(r);
	out = rig_take(r, WAN0);
	return packet_transport(&out)[0] * 256u + packet_transport(&out)[1];
}

/* All that wait are told in a few turns. */
static unsigned told(struct rig *r)
{
	struct packet p;
	unsigned count = 0;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		rig_settle(r);
		while (rig_pull(r, WAN0, &p))
			count += p.octets[16] == 192;
	}
	return count;
}

/* How often he is told himself, when one of the ports he asks at as others is open, or when none is. */
static unsigned try(struct rig *r, const struct script *s, unsigned number, bool open)
{
	unsigned port = open_one(r, number), first = open ? port - s->ports / 2 : port + 1, count;

	rig_settle(r);
	for (unsigned i = 0; i < s->ports; i++)
		ask(r, WAY("203.0.113.%u:443 > 198.51.100.2:%u", 9 + i % s->others, first + i));
	for (unsigned i = 0; i < s->own; i++)
		ask(r, WAY("192.0.2.%u:%u > 198.51.100.2:%u", 66 + i % s->addresses, 1000 + i, 64000 + i));
	rig_settle(r);
	rig_drain(r, LAN0);
	rig_drain(r, WAN0);
	r->now.ms += PATIENCE_MS;
	count = told(r);
	rig_later(r, FORGOTTEN_MS);
	return count;
}

/* What he makes of being told so often: what it meant more often when he was taught. */
struct lesson { unsigned open[OWN_MOST + 1], closed[OWN_MOST + 1]; };

static bool guess(const struct lesson *l, unsigned count)
{
	return l->open[count] > l->closed[count];
}

static void a_coin_does_as_well(void **state)
{
	const struct script *s = *state;
	struct rig *r = rig_new(&s->setting);
	struct lesson lesson = { 0 };
	unsigned right = 0, chance = 12345;

	for (unsigned i = 0; i < LESSONS + TRIALS; i++) {
		bool open;
		unsigned count;

		chance = chance * 1103515245 + 12345;
		open = chance >> 16 & 1;
		count = try(r, s, i, open);
		assert_in_range(count, 0, s->own);
		if (i >= LESSONS)
			right += guess(&lesson, count) == open;
		else if (open)
			lesson.open[count]++;
		else
			lesson.closed[count]++;
	}
	/* Four times what a coin's luck varies by. */
	if (right > TRIALS / 2 + 28)
		fail_msg("%u of %d were right", right, TRIALS);
	rig_free(r);
}

#define ROW(script, name) { "a_coin_does_as_well (" name ")", a_coin_does_as_well, NULL, NULL, \
			    (void *)(uintptr_t)(script) }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(&places[0], "one place left for it"), ROW(&places[1], "just as many places"),
		ROW(&places[2], "just more than half of the places"), ROW(&places[3], "most places"),
		ROW(&places[4], "far too few places"),
		ROW(&tokens[0], "few tokens left"), ROW(&tokens[1], "about as many tokens"),
		ROW(&tokens[2], "far too few tokens"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
