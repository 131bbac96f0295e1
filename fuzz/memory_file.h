/*
 * Octets as a file that has a path and lies in memory, for readers that want a path.
 *
 * Memory   The path is good until the descriptor is closed.
 * Errors   Ends the process.
 */
#ifndef FUZZ_MEMORY_FILE_H
#define FUZZ_MEMORY_FILE_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

enum { MEMORY_PATH = 32 };

/* Returns the descriptor. */
static inline int memory_file(const void *octets, size_t len, char path[static MEMORY_PATH])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	assert(fd >= 0 && (!len || write(fd, octets, len) == (ssize_t)len));
	snprintf(path, MEMORY_PATH, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
