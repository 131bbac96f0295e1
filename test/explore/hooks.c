/* What the compiler calls with -fsanitize=thread, by the names of clang's library, which gcc uses, too. */
#include <stdlib.h>

#include "core.h"

#define PLAIN(len)                                                                                \
	void __tsan_read##len(const void *at);                                                    \
	void __tsan_write##len(const void *at);                                                   \
	void __tsan_unaligned_read##len(const void *at);                                          \
	void __tsan_unaligned_write##len(const void *at);                                         \
	void __tsan_read##len(const void *at) { touch(at, len, false); }                          \
	void __tsan_write##len(const void *at) { touch(at, len, true); }                          \
	void __tsan_unaligned_read##len(const void *at) { touch(at, len, false); }                \
	void __tsan_unaligned_write##len(const void *at) { touch(at, len, true); }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_init(void);
void __tsan_func_entry(void *from);
void __tsan_func_exit(void);
void __tsan_read_range(const void *at, size_t len);
void __tsan_write_range(const void *at, size_t len);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *from)
{
	(void)from;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(const void *at, size_t len)
{
	touch(at, len, false);
}

void __tsan_write_range(const void *at, size_t len)
{
	touch(at, len, true);
}

#define ACCESS(at, order) ((struct access){ (void *)(uintptr_t)(at), sizeof(*(at)), order })

#define CHANGE(bits, name, change)                                                                 \
	uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *at, uint##bits##_t by, \
						    int order);                                    \
	uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *at, uint##bits##_t by, \
						    int order)                                     \
	{                                                                                          \
		return (uint##bits##_t)atomic_do_change(ACCESS(at, order), change, by);             \
	}

#define SWAP(bits, name)                                                                           \
	int __tsan_atomic##bits##_compare_exchange_##name(volatile uint##bits##_t *at,             \
							  uint##bits##_t *expected,                \
							  uint##bits##_t now, int order, int other); \
	int __tsan_atomic##bits##_compare_exchange_##name(volatile uint##bits##_t *at,             \
							  uint##bits##_t *expected,                \
							  uint##bits##_t now, int order, int other) \
	{                                                                                          \
		uint64_t was = *expected;                                                          \
		bool swapped = atomic_do_swap(ACCESS(at, order), other, &was, now);                \
                                                                                                   \
		*expected = (uint##bits##_t)was;                                                   \
		return swapped;                                                                    \
	}

#define ATOMIC(bits)                                                                               \
	uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order);   \
	void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t value, int order); \
	uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(volatile uint##bits##_t *at,     \
								  uint##bits##_t was,              \
								  uint##bits##_t now, int order,   \
								  int other);                      \
	uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order)    \
	{                                                                                          \
		return (uint##bits##_t)atomic_do_load(ACCESS(at, order));                           \
	}                                                                                          \
	void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t value, int order) \
	{                                                                                          \
		atomic_do_store(ACCESS(at, order), value);                                         \
	}                                                                                          \
	uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(volatile uint##bits##_t *at,     \
								  uint##bits##_t was,              \
								  uint##bits##_t now, int order,   \
								  int other)                       \
	{                                                                                          \
		uint64_t seen = was;                                                               \
                                                                                                   \
		atomic_do_swap(ACCESS(at, order), other, &seen, now);                              \
		return (uint##bits##_t)seen;                                                       \
	}                                                                                          \
	SWAP(bits, strong)                                                                         \
	SWAP(bits, weak)                                                                           \
	CHANGE(bits, exchange, EXCHANGE)                                                           \
	CHANGE(bits, fetch_add, ADD)                                                               \
	CHANGE(bits, fetch_sub, SUBTRACT)                                                          \
	CHANGE(bits, fetch_and, AND)                                                               \
	CHANGE(bits, fetch_or, OR)                                                                 \
	CHANGE(bits, fetch_xor, XOR)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order);

void __tsan_atomic_thread_fence(int order)
{
	atomic_do_fence(order);
}

/* The linker puts these in the place of the C library's, of which nothing here needs any. */
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_aligned_alloc(size_t alignment, size_t len);
int __wrap_posix_memalign(void **at, size_t alignment, size_t len);
void __wrap_free(void *at);

void *__wrap_malloc(size_t len)
{
	return explore_alloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
	return explore_alloc(count * len);
}

void *__wrap_aligned_alloc(size_t alignment, size_t len)
{
	(void)alignment;
	return explore_alloc(len);
}

int __wrap_posix_memalign(void **at, size_t alignment, size_t len)
{
	(void)alignment;
	*at = explore_alloc(len);
	return 0;
}

void __wrap_free(void *at)
{
	explore_free(at);
}
