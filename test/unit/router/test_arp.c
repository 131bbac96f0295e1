/*
 * v0 is ours; v1, the other end of the link, is where frames are made and read. The kernel is told
 * to answer no ARP on v0, so that every answer is ours.
 */
#include "arp_place.h"

#include "router/guard.h"

enum { FRAME_LEN = ETH_HLEN + 28, TAG_LEN = 4 };

static const uint8_t stranger[] = { 2, 0, 0, 0, 0, 3 }, group[] = { 3, 0, 0, 0, 0, 2 },
		     everybody[] = { 255, 255, 255, 255, 255, 255 }, nobody[6];

struct message {
	const uint8_t *to, *from; /* Ethernet */
	uint8_t operation;
	const uint8_t *sender_mac, *target_mac;
	const char *sender, *target;
};

static void put(uint8_t frame[static FRAME_LEN], const struct message *m)
{
	static const uint8_t fixed[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0 };

	memcpy(frame, m->to, 6);
	memcpy(frame + 6, m->from, 6);
	memcpy(frame + 12, fixed, sizeof(fixed));
	frame[21] = m->operation;
	memcpy(frame + 22, m->sender_mac, 6);
	assert_int_equal(inet_pton(AF_INET, m->sender, frame + 28), 1);
	memcpy(frame + 32, m->target_mac, 6);
	assert_int_equal(inet_pton(AF_INET, m->target, frame + 38), 1);
}

/* The next frame at v1 is this one, to the octet. */
static void expect(const struct place *p, const struct message *m)
{
	struct pollfd wait = { .fd = p->wire, .events = POLLIN };
	uint8_t expected[FRAME_LEN], got[FRAME_LEN + 1];

	put(expected, m);
	if (poll(&wait, 1, 2000) != 1)
		fail_msg("%s: nothing came", p->asked);
	if (recv(p->wire, got, sizeof(got), 0) != sizeof(expected) ||
	    memcmp(got, expected, sizeof(expected)) != 0)
		fail_msg("%s: something else came", p->asked);
}

static void expect_answer(const struct place *p, const uint8_t *asker, const char *asker_address,
			  const char *asked)
{
	expect(p, &(struct message){ asker, ours, 2, ours, asker, asked, asker_address });
}

static void ask(struct place *p, const char *asker, const char *asked)
{
	uint8_t frame[FRAME_LEN];

	put(frame, &(struct message){ everybody, theirs, 1, theirs, nobody, asker, asked });
	send_frame(p, frame, sizeof(frame));
	work(p);
}

/* Until this is asked, nothing has been said. The asker ends like what is asked, for those who take
 * octets of a message before for what one lacks. */
static void expect_nothing_until(struct place *p, const char *asked)
{
	ask(p, "10.2.0.1", asked);
	expect_answer(p, theirs, "10.2.0.1", asked);
}

/* What is different from a proper question, and what comes of it. */
struct question {
	const char *what;
	const uint8_t *to, *mac;	/* NULL: everybody, its own */
	const char *sender, *target;	/* NULL: 10.1.0.2, 10.1.0.1 */
	size_t wrong;			/* offset of an octet in the message; 0: none */
	uint8_t octet;			/* its value */
	int longer;			/* octets */
	bool tagged, answered;
};

static const struct question questions[] = {
	{ "to everybody", .answered = true },
	{ "to us", .to = ours, .answered = true },
	{ "to somebody else", .to = stranger },
	{ "for the last of our own", .target = "10.3.0.1", .answered = true },
	{ "for a pool address", .target = "203.0.113.5", .answered = true },
	{ "for the last of the pool", .target = "203.0.113.6", .answered = true },
	{ "for what follows the pool", .target = "203.0.113.7" },
	{ "for another of the network", .target = "10.1.0.3" },
	{ "for no address", .target = "0.0.0.0" },
	{ "from another network", .sender = "192.0.2.1", .answered = true },
	{ "from who has no address yet", .sender = "0.0.0.0", .answered = true },
	{ "from who announces our address", .sender = "10.1.0.1" },
	{ "from ourselves", .mac = ours },
	{ "from a group", .mac = group },
	{ "for somebody behind the sender", .mac = stranger, .answered = true },
	{ "a reply", .wrong = 7, .octet = 2 },
	{ "an operation of two octets", .wrong = 6, .octet = 1 },
	{ "another hardware", .wrong = 1, .octet = 6 },
	{ "another protocol", .wrong = 2, .octet = 0x86 },
	{ "longer hardware addresses", .wrong = 4, .octet = 8 },
	{ "longer protocol addresses", .wrong = 5, .octet = 16 },
	{ "padded", .longer = 18, .answered = true },
	{ "one octet short", .longer = -1 },
	{ "nothing but a header", .longer = -28 },
	{ "tagged", .tagged = true },
};

static void inject(struct place *p, const struct question *q)
{
	static const uint8_t tag[TAG_LEN] = { 0x81, 0, 0, 7 };
	uint8_t frame[FRAME_LEN + TAG_LEN + 64] = { 0 };
	size_t len = (size_t)(FRAME_LEN + q->longer);

	put(frame, &(struct message){ q->to ? q->to : everybody, theirs, 1,
				      q->mac ? q->mac : theirs, nobody,
				      q->sender ? q->sender : "10.1.0.2",
				      q->target ? q->target : "10.1.0.1" });
	if (q->wrong)
		frame[ETH_HLEN + q->wrong] = q->octet;
	if (q->tagged) {
		memmove(frame + 12 + TAG_LEN, frame + 12, len - 12);
		memcpy(frame + 12, tag, TAG_LEN);
		len += TAG_LEN;
	}
	send_frame(p, frame, len);
}

static void answers_questions_for_ours(void **state)
{
	struct place p;

	NETNS_TEST(state);
	place_make(&p, SIDE_OUTSIDE);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		const struct question *q = &questions[i];

		p.asked = q->what;
		inject(&p, q);
		if (q->answered) {
			work(&p);
			expect_answer(&p, q->mac ? q->mac : theirs,
				      q->sender ? q->sender : "10.1.0.2",
				      q->target ? q->target : "10.1.0.1");
		}
		expect_nothing_until(&p, "10.1.0.1");
	}
	place_remove(&p);
}

/* More than one call's share. */
static void answers_a_flood(void **state)
{
	struct place p;
	uint8_t frame[FRAME_LEN];

	NETNS_TEST(state);
	place_make(&p, SIDE_OUTSIDE);
	put(frame, &(struct message){ everybody, theirs, 1, theirs, nobody, "10.1.0.2", "10.1.0.1" });
	for (int i = 0; i < 100; i++)
		send_frame(&p, frame, sizeof(frame));
	work(&p);
	work(&p);
	for (int i = 0; i < 100; i++)
		expect_answer(&p, theirs, "10.1.0.2", "10.1.0.1");
	place_remove(&p);
}

static void leaves_the_kernel_what_it_has(void **state)
{
	struct place p;

	NETNS_TEST(state);
	place_make(&p, SIDE_OUTSIDE);
	assert_true(shell("ip addr add 203.0.113.5/32 dev lo && ip addr add 10.1.0.1/24 dev v0"));
	ask(&p, "10.1.0.2", "203.0.113.5");
	ask(&p, "10.1.0.2", "10.1.0.1");
	expect_nothing_until(&p, "203.0.113.6");
	assert_true(shell("ip addr del 203.0.113.5/32 dev lo && ip addr del 10.1.0.1/24 dev v0"));
	ask(&p, "10.1.0.2", "203.0.113.5");
	expect_answer(&p, theirs, "10.1.0.2", "203.0.113.5");
	ask(&p, "10.1.0.2", "10.1.0.1");
	expect_answer(&p, theirs, "10.1.0.2", "10.1.0.1");
	place_remove(&p);
}

static void has_pool_addresses_outside_only(void **state)
{
	struct place p;

	NETNS_TEST(state);
	place_make(&p, SIDE_INSIDE);
	ask(&p, "10.1.0.2", "203.0.113.5");
	expect_nothing_until(&p, "10.1.0.1");
	place_remove(&p);
}

/* Addresses learned from the kernel stay the kernel's, even if it loses them. */
static void leaves_shared_addresses_alone(void **state)
{
	struct place p;

	NETNS_TEST(state);
	place_make(&p, SIDE_OUTSIDE);
	p.interface.shares_address = true;
	ask(&p, "10.1.0.2", "10.1.0.1");
	expect_nothing_until(&p, "203.0.113.5");
	place_remove(&p);
}

static void ignores_other_devices(void **state)
{
	struct place p;
	int there;

	NETNS_TEST(state);
	place_make(&p, SIDE_OUTSIDE);
	assert_true(shell("ip link add x0 type veth peer name x1 &&"
			  "ip link set x0 up && ip link set x1 up"));
	there = p.wire;
	p.wire = open_wire("x1");
	ask(&p, "10.1.0.2", "10.1.0.1");
	close(p.wire);
	p.wire = there;
	expect_nothing_until(&p, "10.1.0.1");
	place_remove(&p);
}

static void tick(struct place *p, uint64_t ms)
{
	io_refresh(p->io);
	arp_tick(p->arp, &p->conf, (nat_time){ ms });
}

static void expect_announcement(const struct place *p, const char *address)
{
	expect(p, &(struct message){ everybody, ours, 1, ours, nobody, address, address });
}

static void announces_twice(void **state)
{
	struct place p;

	NETNS_TEST(state);
	place_make(&p, SIDE_OUTSIDE);
	assert_true(shell("ip addr add 203.0.113.5/32 dev lo"));
	for (uint64_t ms = 5000; ms <= 6000; ms += 1000) {
		tick(&p, ms);
		expect_announcement(&p, "10.1.0.1");
		expect_announcement(&p, "10.3.0.1");
		expect_announcement(&p, "203.0.113.6");
		tick(&p, ms + 999);
		expect_nothing_until(&p, "10.1.0.1");
	}
	tick(&p, 100000);
	expect_nothing_until(&p, "10.1.0.1");
	place_remove(&p);
}

static void announces_again_when_the_link_comes_up(void **state)
{
	struct place p;

	NETNS_TEST(state);
	place_make(&p, SIDE_INSIDE);
	p.interface.address_count = 1;
	for (uint64_t ms = 5000; ms < 8000; ms += 1000)
		tick(&p, ms);
	expect_announcement(&p, "10.1.0.1");
	expect_announcement(&p, "10.1.0.1");
	assert_true(shell("ip link set v1 down"));
	close(p.wire); /* which has an error to tell */
	tick(&p, 10000);
	assert_true(shell("ip link set v1 up"));
	p.wire = open_wire("v1");
	tick(&p, 10001);
	expect_announcement(&p, "10.1.0.1");
	expect_nothing_until(&p, "10.1.0.1");
	place_remove(&p);
}

/* The kernel asks for our neighbours. As whom, the guard tells it. */
static void asks_in_our_name(void **state)
{
	static const struct { const char *asked, *sender; } rows[] = {
		{ "10.1.0.9", "10.1.0.1" }, { "10.3.4.5", "10.3.0.1" }, { "192.0.2.5", "10.1.0.1" },
	};
	struct io_error error = { "" };
	struct guard *g;
	struct place p;
	struct nl *nl;

	NETNS_TEST(state);
	place_make(&p, SIDE_OUTSIDE);
	assert_true(shell("ip link add x0 type veth peer name x1 && ip link set x0 up &&"
			  "ip addr add 10.9.9.1/24 dev x0"));
	assert_int_equal(nl_open(&nl), 0);
	if (guard_install(&g, &p.conf, &error) < 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address asked = address_of(rows[i].asked);

		p.asked = rows[i].asked;
		assert_int_equal(nl_neighbour_use(nl, if_nametoindex("v0"), &asked), 0);
		expect(&p, &(struct message){ everybody, ours, 1, ours, nobody, rows[i].sender,
					      rows[i].asked });
	}
	guard_remove(g);
	p.interface.shares_address = true; /* then it has a name of its own */
	if (guard_install(&g, &p.conf, &error) < 0)
		fail_msg("%s", error.text);
	assert_false(shell("nft list tables | grep -q arp"));
	guard_remove(g);
	nl_close(nl);
	place_remove(&p);
}

static void needs_nothing_without_ethernet(void **state)
{
	struct conf_interface interface = { .name = "mem0", .type = IO_MEM };
	struct conf c = { .interfaces = &interface, .interface_count = 1 };
	struct io *io = NULL;
	struct io_error error;
	struct arp *a;

	(void)state;
	assert_int_equal(arp_open(&a, &c, &io, &error), 0);
	assert_null(a);
	assert_int_equal(arp_descriptor(a), -1);
	arp_work(a, &c);
	arp_tick(a, &c, (nat_time){ 1 });
	arp_close(a);
}

static void unplug(struct place *p)
{
	close(p->wire);
	io_close(p->io);
	assert_true(shell("ip link del v0"));
	assert_int_equal(io_open_absent(&p->io, 1), 0);
}

static void plug_in(struct place *p)
{
	struct io_error error = { "" };

	io_close(p->io);
	make_link(p);
	if (io_open(&p->io, &p->interface, 1, true, &error) < 0)
		fail_msg("%s", error.text);
}

/* It is another one then; at start there may be none. */
static void follows_a_device_that_goes_and_comes(void **state)
{
	struct io_error error = { "" };
	struct place p;

	NETNS_TEST(state);
	place_make(&p, SIDE_INSIDE);
	p.interface.address_count = 1;
	unplug(&p);
	tick(&p, 5000);
	plug_in(&p);
	tick(&p, 6000);
	expect_announcement(&p, "10.1.0.1");
	expect_nothing_until(&p, "10.1.0.1");
	unplug(&p);
	arp_close(p.arp);
	assert_int_equal(arp_open(&p.arp, &p.conf, &p.io, &error), 0);
	tick(&p, 5000);
	plug_in(&p);
	tick(&p, 6000);
	expect_announcement(&p, "10.1.0.1");
	expect_nothing_until(&p, "10.1.0.1");
	place_remove(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_questions_for_ours),
		cmocka_unit_test(answers_a_flood),
		cmocka_unit_test(leaves_the_kernel_what_it_has),
		cmocka_unit_test(has_pool_addresses_outside_only),
		cmocka_unit_test(leaves_shared_addresses_alone),
		cmocka_unit_test(ignores_other_devices),
		cmocka_unit_test(announces_twice),
		cmocka_unit_test(announces_again_when_the_link_comes_up),
		cmocka_unit_test(asks_in_our_name),
		cmocka_unit_test(needs_nothing_without_ethernet),
		cmocka_unit_test(follows_a_device_that_goes_and_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
