#include "large.h"

#include <stdint.h>
#include <sys/mman.h>

static size_t rounded(size_t len)
{
	return (len + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
}

void *large_new(size_t len)
{
	size_t size = rounded(len), before;
	uint8_t *at = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)at % LARGE_PAGE;
	if (before)
		munmap(at, before);
	munmap(at + before + size, LARGE_PAGE - before);
	madvise(at + before, size, MADV_HUGEPAGE);
	return at + before;
}

void large_free(void *at, size_t len)
{
	if (at)
		munmap(at, rounded(len));
}
