/*
 * Nothing is allocated and no lock is taken on the packet path: the functions that do are this
 * program's own, which count and pass on.
 *
 * They are called by name from everywhere in the program, libc included, so that what they count
 * must be file-scope variables. Where a sanitizer has put its own allocator in, that one reports.
 */
#include "rig.h"

#include <dlfcn.h>

/* Volatile: compilers know that malloc() touches no variable of the program. */
static volatile struct watch {
	bool on;
	uint64_t allocations, locks;
} watch;

static void note_allocation(void)
{
	watch.allocations += watch.on;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED

int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void *, size_t),
					      void (*given)(const volatile void *));

static void taken(const volatile void *at, size_t len)
{
	(void)at;
	(void)len;
	note_allocation();
}

static void given(const volatile void *at)
{
	(void)at;
	note_allocation();
}

static void install(void)
{
	assert_true(__sanitizer_install_malloc_and_free_hooks(taken, given) > 0);
}

#else

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *at, size_t len);
void *__libc_memalign(size_t alignment, size_t len);
void __libc_free(void *at);

void *malloc(size_t len)
{
	note_allocation();
	return __libc_malloc(len);
}

void *calloc(size_t count, size_t len)
{
	note_allocation();
	return __libc_calloc(count, len);
}

void *realloc(void *at, size_t len)
{
	note_allocation();
	return __libc_realloc(at, len);
}

void *aligned_alloc(size_t alignment, size_t len)
{
	note_allocation();
	return __libc_memalign(alignment, len);
}

void free(void *at)
{
	note_allocation();
	__libc_free(at);
}

static void install(void)
{
}

#endif

/* A function that waits for a lock, and the one of libc behind it. */
#define LOCK(name, type) \
	int name(type *lock) \
	{ \
		static int (*behind)(type *); \
		if (!behind) \
			*(void **)&behind = dlsym(RTLD_NEXT, #name); \
		watch.locks += watch.on; \
		return behind(lock); \
	}

LOCK(pthread_mutex_lock, pthread_mutex_t)
LOCK(pthread_mutex_trylock, pthread_mutex_t)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
LOCK(pthread_spin_lock, pthread_spinlock_t)

static const struct setting busy[] = RIG_WIDTHS(
	.mtu = { 1500, 1500, 1400 },
	.timeouts = "udp = 1; tcp_transitory = 1; tcp_established = 1; icmp = 1; fragment = 1;"
		    "allow_short = true;",
	.forwards = "{ proto = \"tcp\"; external = \"198.51.100.2:8080\";"
		    "  internal = \"10.0.0.20:83\"; }",
	.rewrite = "{ match = \"out wan0 tcp syn\"; mss = \"clamp\"; },"
		   "{ match = \"in lan0\"; dscp = 9; }",
	.log = "syslog = [ \"udp:127.0.0.1:514\" ]; sessions = true; destinations = true;");

static void push_everywhere(struct rig *r, size_t interface, struct packet p)
{
	for (uint16_t i = 0; i < r->workers; i++)
		rig_push_at(r, interface, i, &p);
}

/* What one port brings: a new session and its answer, an error, an answer of our own, a hairpin,
 * pieces, and what is dropped. */
static void push_port(struct rig *r, unsigned port)
{
	const char *out = WAY("10.0.0.10:%u > 203.0.113.9:53", port);
	const char *in = WAY("203.0.113.9:53 > 198.51.100.2:%u", port);
	const char *hairpin = WAY("10.0.0.11:%u > 198.51.100.2:%u", port + 2, port);
	struct packet cause = udp(in, 20);
	cause = reply(&cause);
	push_everywhere(r, LAN0, udp(out, 20));
	push_everywhere(r, LAN0, tcp(out, SYN, 1, 0, 0));
	push_everywhere(r, LAN0, udp(hairpin, 20));
	push_everywhere(r, LAN0, with_ttl(udp(out, 20), 1));
	push_everywhere(r, LAN0, udp(out, 1500));
	push_everywhere(r, LAN0, with_fragment(udp(out, 1480), 0x4000));
	push_everywhere(r, LAN0, with_fragment(udp(out, 1480), 0x2000));
	push_everywhere(r, LAN0, with_fragment(udp(hairpin, 16), 0x0002));
	push_everywhere(r, LAN1, echo("10.0.1.9 > 203.0.113.9", (uint16_t)port, 20));
	push_everywhere(r, LAN1, echo("10.0.1.9 > 198.51.100.1", (uint16_t)port, 20));
	push_everywhere(r, LAN0, udp("172.16.0.1:5 > 203.0.113.9:5", 20));
	push_everywhere(r, LAN1, udp("10.0.1.9:5 > 10.0.1.1:5", 20));
	push_everywhere(r, LAN1, udp("[2001:db8:2::9]:5 > [2001:db8:9::9]:5", 20));
	push_everywhere(r, WAN0, udp(in, 20));
	push_everywhere(r, WAN0, icmp_about("203.0.113.1 > 198.51.100.2", 3, 1, &cause, 48));
	push_everywhere(r, WAN0, tcp("203.0.113.9:4000 > 198.51.100.2:8080", SYN, 1, 0, 0));
	push_everywhere(r, WAN0, with_ttl(udp(in, 20), 1));
	push_everywhere(r, WAN0, udp("127.0.0.1:1 > 198.51.100.2:1", 20));
}

/* All of it again and again; now and then so much later that every session is over. */
static void run_watched(struct rig *r)
{
	for (uint16_t i = 0; i < r->workers; i++)
		for (size_t k = 0; k < INTERFACES; k++)
			io_mem_loop(r->gateway->ios[k], i, true);
	watch = (struct watch){ .on = true };
	for (unsigned turn = 0; turn < 1000; turn++) {
		r->now.ms += turn % 20 ? 40 : 2000;
		for (uint16_t i = 0; i < r->workers; i++)
			worker_step(r->gateway->workers[i], r->now);
	}
	watch.on = false;
	for (uint16_t i = 0; i < r->workers; i++)
		for (size_t k = 0; k < INTERFACES; k++)
			io_mem_loop(r->gateway->ios[k], i, false);
}

static void assert_all_was_tried(const struct rig *r)
{
	static const enum reason tried[] = {
		REASON_NONE, REASON_TTL, REASON_TOO_BIG, REASON_NO_POLICY, REASON_LOCAL_SERVICE,
		REASON_MARTIAN_SOURCE, REASON_FRAGMENT, REASON_ERROR_LIMIT,
	};
	struct counters c = rig_counters(r);

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
		if (!c.reasons[tried[i]])
			fail_msg("%s was not tried", reason_name(tried[i]));
	assert_true(c.errors_sent > 0 && c.local > 0 && c.hairpinned > 0);
	assert_true(r->workers == 1 || c.handed_off > 0);
	/* Nobody takes events out here: the queues have long been full. */
	assert_true(log_counters(r->gateway->log).lost > 0);
}

static void assert_sessions_came_and_went(struct rig *r)
{
	struct worker_answer *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	rig_start_threads(r);
	for (uint16_t i = 0; i < r->workers; i++) {
		assert_int_equal(worker_ask(r->gateway->workers[i], ASK_GAUGES, 0, a), 0);
		assert_true(a->gauges.sessions_created > 500);
		assert_true(a->gauges.sessions_ended > 500);
	}
	rig_stop_threads(r);
	free(a);
}

static void the_packet_path_asks_for_nothing(void **state)
{
	struct rig *r = rig_new(*state);

	for (unsigned port = 5000; port < 5064; port++)
		push_port(r, port);
	run_watched(r);
	assert_int_equal(watch.allocations, 0);
	assert_int_equal(watch.locks, 0);
	assert_all_was_tried(r);
	assert_sessions_came_and_went(r);
	gateway_stop(r->gateway);
	free(r);
}

/* The proof that the watch sees: the same functions, called from here. */
static void the_watch_sees(void **state)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	void *volatile at;

	(void)state;
	watch = (struct watch){ .on = true };
	at = malloc(10);
	at = realloc(at, 10000);
	free(at);
	assert_true(watch.allocations >= 3);
	watch.allocations = 0;
	at = calloc(10, 10);
	assert_int_equal(watch.allocations, 1);
	free(at);
	at = aligned_alloc(64, 640);
	free(at);
	assert_int_equal(watch.allocations, 4);
	assert_int_equal(watch.locks, 0);
	pthread_mutex_lock(&mutex);
	watch.on = false;
	pthread_mutex_unlock(&mutex);
	assert_int_equal(watch.locks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_watch_sees),
		RIG_BARE_ROWS(the_packet_path_asks_for_nothing, busy),
	};

	install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
