/* Programs made of instructions, loaded and run by the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "router/bpf.h"

enum { R0 = BPF_REG_0, R1 = BPF_REG_1, R10 = BPF_REG_10 };

static struct ebpf *begin(void)
{
	struct ebpf *e = ebpf_new();

	assert_non_null(e);
	return e;
}

/* What it returns; the program is gone afterwards. */
static uint32_t result_of(struct ebpf *e)
{
	static uint8_t frame[64];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = sizeof(frame));
	char log[4096] = "";
	int program;

	ebpf_exit(e);
	program = ebpf_load(e, BPF_PROG_TYPE_SOCKET_FILTER, "test", log, sizeof(log));
	ebpf_free(e);
	if (program == -EPERM) {
		print_message("SKIP: the kernel takes no program from us\n");
		skip();
	}
	if (program < 0)
		fail_msg("%s: %s", strerror(-program), log);
	assert_int_equal(bpf_prog_test_run_opts(program, &o), 0);
	close(program);
	return o.retval;
}

static void numbers_of_every_width(void **state)
{
	static const uint64_t numbers[] = { 0, 1, INT32_MAX, 0x80000000, UINT32_MAX, 0x100000000,
					    0x8123456789abcdef, UINT64_MAX };
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct ebpf *low = begin(), *high = begin();

		ebpf_set(low, R0, numbers[i]);
		assert_int_equal(result_of(low), (uint32_t)numbers[i]);
		ebpf_set(high, R0, numbers[i]);
		ebpf_do(high, BPF_RSH, R0, 32);
		assert_int_equal(result_of(high), numbers[i] >> 32);
	}
}

static void operations(void **state)
{
	struct ebpf *e = begin();

	(void)state;
	ebpf_set(e, R1, 1000);
	ebpf_copy(e, R0, R1);
	ebpf_do(e, BPF_MUL, R0, -3);
	ebpf_do_by(e, BPF_ADD, R0, R1);
	ebpf_do(e, BPF_SUB, R0, -2005);
	ebpf_do(e, BPF_MOD, R0, 4);
	assert_int_equal(result_of(e), 1);
}

static void memory_and_byte_order(void **state)
{
	struct ebpf *e = begin();

	(void)state;
	ebpf_write_value(e, BPF_DW, R10, -8, 0);
	ebpf_write_value(e, BPF_B, R10, -8, 0x12);
	ebpf_set(e, R1, 0x34);
	ebpf_write(e, BPF_B, R10, -7, R1);
	ebpf_read(e, BPF_H, R0, R10, -8);
	ebpf_swap(e, R0, 16);
	assert_int_equal(result_of(e), 0x1234);
}

/* The label lies ahead, and behind what is jumped over. */
static void jumps(void **state)
{
	struct ebpf *e = begin();
	struct ebpf_label first = ebpf_label(e), second = ebpf_label(e), wrong = ebpf_label(e);

	(void)state;
	ebpf_set(e, R0, 5);
	ebpf_set(e, R1, 0x100000005);
	ebpf_go(e, first);
	ebpf_put(e, second);
	ebpf_do(e, BPF_ADD, R0, 20);
	ebpf_exit(e);
	ebpf_put(e, first);
	ebpf_go_if_by(e, BPF_JEQ, R0, R1, wrong);
	ebpf_go_if(e, BPF_JGE, R0, 6, wrong);
	ebpf_go_if(e, BPF_JLE, R0, 5, second);
	ebpf_put(e, wrong);
	ebpf_set(e, R0, 1);
	assert_int_equal(result_of(e), 25);
}

/* The kernel would refuse it for this. */
static void what_is_not_reached_is_left_out(void **state)
{
	struct ebpf *e = begin();
	struct ebpf_label over = ebpf_label(e), never = ebpf_label(e);

	(void)state;
	ebpf_set(e, R0, 3);
	ebpf_go(e, over);
	ebpf_set(e, R0, 0x123456789a);
	ebpf_put(e, never);
	ebpf_go_if(e, BPF_JEQ, R0, 1, never);
	ebpf_put(e, over);
	assert_int_equal(result_of(e), 3);
}

static void a_label_that_is_nowhere(void **state)
{
	struct ebpf *e = begin();

	(void)state;
	ebpf_set(e, R0, 0);
	ebpf_go(e, ebpf_label(e));
	assert_int_equal(ebpf_fault(e), -EINVAL);
	assert_int_equal(ebpf_load(e, BPF_PROG_TYPE_SOCKET_FILTER, "test", NULL, 0), -EINVAL);
	ebpf_free(e);
}

static void a_program_that_is_too_long(void **state)
{
	struct ebpf *e = begin();

	(void)state;
	for (int i = 0; i < INT16_MAX; i++)
		ebpf_set(e, R0, 0);
	assert_int_equal(ebpf_fault(e), 0);
	ebpf_exit(e);
	assert_int_equal(ebpf_fault(e), -E2BIG);
	assert_int_equal(ebpf_count(e), INT16_MAX);
	assert_int_equal(ebpf_load(e, BPF_PROG_TYPE_SOCKET_FILTER, "test", NULL, 0), -E2BIG);
	ebpf_free(e);
}

/* A fault of the program itself; the log says which. */
static void the_verifier_speaks(void **state)
{
	struct ebpf *e = begin();
	char log[4096] = "";
	int r;

	(void)state;
	ebpf_copy(e, R0, BPF_REG_7);
	ebpf_exit(e);
	r = ebpf_load(e, BPF_PROG_TYPE_SOCKET_FILTER, "test", log, sizeof(log));
	ebpf_free(e);
	if (r == -EPERM)
		skip();
	assert_int_equal(r, -EACCES);
	assert_non_null(strstr(log, "R7 !read_ok"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_every_width),
		cmocka_unit_test(operations),
		cmocka_unit_test(memory_and_byte_order),
		cmocka_unit_test(jumps),
		cmocka_unit_test(what_is_not_reached_is_left_out),
		cmocka_unit_test(a_label_that_is_nowhere),
		cmocka_unit_test(a_program_that_is_too_long),
		cmocka_unit_test(the_verifier_speaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
