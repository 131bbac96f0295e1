#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "router/io.h"

enum { WORKERS = 2, FRAMES = 4 };

struct bench {
	struct io *io;
	struct frame store[FRAMES];
	struct frame *frames[FRAMES];
};

static const struct conf_interface mem = { .name = "mem0", .type = IO_MEM };

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct io_error error;

	assert_non_null(b);
	for (size_t i = 0; i < FRAMES; i++) {
		b->store[i].octets = malloc(FRAME_ROOM);
		b->frames[i] = &b->store[i];
	}
	*state = b;
	return io_open(&b->io, &mem, WORKERS, true, &error);
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	io_close(b->io);
	for (size_t i = 0; i < FRAMES; i++)
		free(b->store[i].octets);
	free(b);
	return 0;
}

static void push(struct bench *b, uint16_t worker, const char *text)
{
	assert_int_equal(io_mem_push(b->io, worker, (const uint8_t *)text, strlen(text)), 0);
}

static void assert_frame(const struct frame *f, const char *text)
{
	assert_int_equal(f->len, strlen(text));
	assert_memory_equal(frame_ip(f), text, f->len);
}

static size_t give(struct bench *b, uint16_t worker, size_t count)
{
	size_t sent;

	for (size_t i = 0; i < count; i++) {
		b->frames[i]->p.ip = frame_ip(b->frames[i]);
		b->frames[i]->p.len = b->frames[i]->len;
	}
	io_send(b->io, worker, b->frames, count, &sent);
	return sent;
}

static void receives_what_was_pushed_in_order(void **state)
{
	struct bench *b = *state;

	push(b, 0, "first");
	push(b, 0, "the second");
	push(b, 1, "other worker's");
	b->frames[0]->link_multicast = true;
	b->frames[0]->offload.flags = 1;
	assert_int_equal(io_recv(b->io, 0, b->frames, 1), 1);
	assert_frame(b->frames[0], "first");
	assert_false(b->frames[0]->link_multicast);
	assert_int_equal(b->frames[0]->offload.flags, 0);
	push(b, 0, "third");
	assert_int_equal(io_recv(b->io, 0, b->frames, FRAMES), 2);
	assert_frame(b->frames[0], "the second");
	assert_frame(b->frames[1], "third");
	assert_int_equal(io_recv(b->io, 0, b->frames, FRAMES), 0);
	assert_int_equal(io_recv(b->io, 1, b->frames, FRAMES), 1);
	assert_frame(b->frames[0], "other worker's");
}

static void gives_back_what_was_sent(void **state)
{
	struct bench *b = *state;
	uint8_t octets[16];

	push(b, 0, "one");
	push(b, 0, "two");
	assert_int_equal(io_recv(b->io, 0, b->frames, FRAMES), 2);
	assert_int_equal(give(b, 1, 2), 2);
	assert_int_equal(io_mem_sent(b->io, 1), 2);
	assert_int_equal(io_mem_pull(b->io, 0, octets, sizeof(octets)), 0);
	assert_int_equal(io_mem_pull(b->io, 1, octets, sizeof(octets)), 3);
	assert_memory_equal(octets, "one", 3);
	memset(octets, 0, sizeof(octets));
	assert_int_equal(io_mem_pull(b->io, 1, octets, 2), 3); /* told, although it does not fit */
	assert_memory_equal(octets, "tw\0", 3);
	assert_int_equal(io_mem_pull(b->io, 1, octets, sizeof(octets)), 0);
}

static void holds_more_than_it_had_room_for(void **state)
{
	struct bench *b = *state;
	uint8_t octets[1500];

	for (unsigned i = 0; i < 10000; i++) {
		memset(octets, (int)(i % 256), sizeof(octets));
		assert_int_equal(io_mem_push(b->io, 0, octets, sizeof(octets)), 0);
	}
	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(io_recv(b->io, 0, b->frames, 1), 1);
		assert_int_equal(b->frames[0]->len, sizeof(octets));
		assert_int_equal(frame_ip(b->frames[0])[1499], i % 256);
	}
	assert_int_equal(io_recv(b->io, 0, b->frames, 1), 0);
}

static void refuses_to_send_when_full(void **state)
{
	struct bench *b = *state;
	static uint8_t octets[FRAME_LEN_MOST + 1];
	size_t sent, taken = 0;
	enum reason r;

	assert_int_equal(io_mem_push(b->io, 0, octets, FRAME_LEN_MOST + 1), -EMSGSIZE);
	assert_int_equal(io_mem_push(b->io, 0, octets, FRAME_LEN_MOST), 0);
	assert_int_equal(io_recv(b->io, 0, b->frames, 1), 1);
	while (give(b, 0, 1) == 1)
		taken++;
	assert_in_range(taken, 1, 1000);
	r = io_send(b->io, 0, b->frames, 1, &sent);
	assert_int_equal(r, REASON_SEND_FULL);
	assert_int_equal(sent, 0);
	while (io_mem_pull(b->io, 0, octets, sizeof(octets)))
		taken--;
	assert_int_equal(taken, 0);
	assert_int_equal(give(b, 0, 1), 1);
}

static void repeats_in_a_loop_and_counts(void **state)
{
	struct bench *b = *state;
	uint8_t octets[16];

	push(b, 0, "a");
	push(b, 0, "bb");
	push(b, 0, "ccc");
	io_mem_loop(b->io, 0, true);
	for (unsigned i = 0; i < 30; i++) {
		static const char *const texts[] = { "a", "bb", "ccc" };

		assert_int_equal(io_recv(b->io, 0, b->frames, FRAMES), FRAMES);
		for (unsigned k = 0; k < FRAMES; k++)
			assert_frame(b->frames[k], texts[(i * FRAMES + k) % 3]);
		assert_int_equal(give(b, 0, FRAMES), FRAMES);
	}
	assert_int_equal(io_mem_sent(b->io, 0), 30 * FRAMES);
	assert_int_equal(io_mem_sent(b->io, 1), 0);
	assert_int_equal(io_mem_pull(b->io, 0, octets, sizeof(octets)), 0);
}

static void loops_over_nothing(void **state)
{
	struct bench *b = *state;

	io_mem_loop(b->io, 0, true);
	assert_int_equal(io_recv(b->io, 0, b->frames, FRAMES), 0);
}

static void is_an_interface_like_others(void **state)
{
	struct bench *b = *state;
	struct conf_interface small = mem;
	struct io_error error;
	struct io *io;

	assert_int_equal(io_descriptor(b->io, 0), -1);
	assert_int_equal(io_mtu(b->io), 1500);
	assert_true(io_is_up(b->io));
	assert_int_equal(io_takes(b->io), 0);
	small.mtu = 1280;
	assert_int_equal(io_open(&io, &small, 1, false, &error), 0);
	io_refresh(io);
	assert_int_equal(io_mtu(io), 1280);
	assert_int_equal(io_takes(io), 0);
	io_close(io);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(receives_what_was_pushed_in_order),
		TEST(gives_back_what_was_sent),
		TEST(holds_more_than_it_had_room_for),
		TEST(refuses_to_send_when_full),
		TEST(repeats_in_a_loop_and_counts),
		TEST(loops_over_nothing),
		TEST(is_an_interface_like_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
