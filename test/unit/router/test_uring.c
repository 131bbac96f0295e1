/* Batches of reads and writes, on a pair of datagram sockets. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "forbid.h"
#include "router/uring.h"

enum { ROOM = 64 };

struct pair {
	int fd[2]; /* [0] is the ring's */
	struct uring *u;
	struct uring_part parts[URING_MOST];
	char octets[URING_MOST][ROOM];
};

static bool pair_open(struct pair *p)
{
	int r;

	memset(p, 0, sizeof(*p));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, p->fd), 0);
	r = uring_new(&p->u, p->fd[0]);
	if (r < 0)
		print_message("SKIP: no io_uring: %s\n", strerror(-r));
	for (size_t i = 0; i < URING_MOST; i++)
		p->parts[i] = (struct uring_part){ p->octets[i], ROOM, 0 };
	return r == 0;
}

static void pair_close(struct pair *p)
{
	uring_free(p->u);
	close(p->fd[0]);
	close(p->fd[1]);
}

/* The first line of every test. */
#define PAIR_TEST(p)                                       \
	struct pair *p = calloc(1, sizeof(*p));            \
	(void)state;                                       \
	assert_non_null(p);                                \
	if (!pair_open(p))                                 \
		skip()

static void end(struct pair *p)
{
	pair_close(p);
	free(p);
}

static uint32_t text_of(char text[static ROOM], size_t number)
{
	return (uint32_t)snprintf(text, ROOM, "datagram %zu", number);
}

static void say(int fd, size_t number)
{
	char text[ROOM];
	uint32_t len = text_of(text, number);

	assert_int_equal(write(fd, text, len), len);
}

static bool hears(int fd, size_t number)
{
	char expected[ROOM], text[ROOM] = "";

	text_of(expected, number);
	return read(fd, text, sizeof(text) - 1) > 0 && !strcmp(text, expected);
}

static void prepare(struct pair *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		p->parts[i].len = text_of(p->octets[i], i);
}

static bool holds(const struct pair *p, size_t part, size_t number)
{
	char expected[ROOM];
	uint32_t len = text_of(expected, number);

	return p->parts[part].done == (int32_t)len && !memcmp(p->octets[part], expected, len);
}

static void reads_what_there_is(void **state)
{
	PAIR_TEST(p);
	uring_read(p->u, p->parts, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(p->parts[i].done, -EAGAIN);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < 40; i++)
			say(p->fd[1], i);
		uring_read(p->u, p->parts, 50);
		for (size_t i = 0; i < 40; i++)
			assert_true(holds(p, i, i));
		for (size_t i = 40; i < 50; i++)
			assert_int_equal(p->parts[i].done, -EAGAIN);
	}
	assert_true(uring_works(p->u));
	end(p);
}

static void writes_in_order(void **state)
{
	PAIR_TEST(p);
	for (unsigned round = 0; round < 3; round++) {
		prepare(p, URING_MOST);
		assert_int_equal(uring_write(p->u, p->parts, URING_MOST), URING_MOST);
		for (unsigned i = 0; i < URING_MOST; i++)
			assert_true(hears(p->fd[1], i));
		assert_false(hears(p->fd[1], 0));
	}
	end(p);
}

/* One that cannot be written: those before it are, those behind it are not even tried. */
static void stops_at_a_failure(void **state)
{
	PAIR_TEST(p);
	prepare(p, 20);
	p->parts[7].len = 1 << 30; /* longer than the buffers of sockets */
	assert_int_equal(uring_write(p->u, p->parts, 20), 7);
	assert_true(p->parts[7].done < 0 && p->parts[7].done != -ECANCELED);
	for (unsigned i = 8; i < 20; i++)
		assert_int_equal(p->parts[i].done, -ECANCELED);
	for (unsigned i = 0; i < 7; i++)
		assert_true(hears(p->fd[1], i));
	assert_false(hears(p->fd[1], 8));
	/* The ring goes on. */
	prepare(p, 20);
	assert_int_equal(uring_write(p->u, p->parts, 20), 20);
	for (unsigned i = 0; i < 20; i++)
		assert_true(hears(p->fd[1], i));
	end(p);
}

static void stops_when_there_is_no_room(void **state)
{
	const int least = 1;
	size_t sent, heard = 0;

	PAIR_TEST(p);
	assert_int_equal(setsockopt(p->fd[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	prepare(p, URING_MOST);
	sent = uring_write(p->u, p->parts, URING_MOST);
	assert_in_range(sent, 1, URING_MOST - 1);
	assert_int_equal(p->parts[sent].done, -EAGAIN);
	while (hears(p->fd[1], (unsigned)heard))
		heard++;
	assert_int_equal(heard, sent);
	end(p);
}

static void *use(void *argument)
{
	struct pair *p = argument;

	return (void *)(uintptr_t)uring_write(p->u, p->parts, 3);
}

/* It belongs to the first that uses it; another one's calls do nothing, and the ring is given up. */
static void belongs_to_one_thread(void **state)
{
	pthread_t thread;
	void *written;

	PAIR_TEST(p);
	prepare(p, 3);
	assert_int_equal(uring_write(p->u, p->parts, 3), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(hears(p->fd[1], i));
	assert_int_equal(pthread_create(&thread, NULL, use, p), 0);
	assert_int_equal(pthread_join(thread, &written), 0);
	assert_null(written);
	assert_false(uring_works(p->u));
	assert_int_equal(p->parts[0].done, -ECANCELED);
	assert_false(hears(p->fd[1], 0));
	end(p);
}

/* Where the kernel has no rings, or a container forbids them, at the first call or at a later one. */
static void says_where_it_cannot_be(void **state)
{
	static const uint32_t calls[] = { SYS_io_uring_setup, SYS_io_uring_register,
					  SYS_io_uring_enter };

	PAIR_TEST(p);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status;
		pid_t child = fork();

		if (child == 0) {
			struct uring *u;

			_exit(forbid(calls[i]) && uring_new(&u, p->fd[0]) == -EPERM ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	end(p);
}

/* Reads of inotify cannot be told not to wait. */
static void is_only_where_nothing_waits(void **state)
{
	int waits = inotify_init1(0);
	struct uring *u = NULL;

	PAIR_TEST(p);
	assert_true(waits >= 0);
	assert_int_equal(uring_new(&u, waits), -ECANCELED);
	assert_null(u);
	close(waits);
	end(p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_there_is),
		cmocka_unit_test(writes_in_order),
		cmocka_unit_test(stops_at_a_failure),
		cmocka_unit_test(stops_when_there_is_no_room),
		cmocka_unit_test(belongs_to_one_thread),
		cmocka_unit_test(says_where_it_cannot_be),
		cmocka_unit_test(is_only_where_nothing_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
