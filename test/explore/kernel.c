/* What a worker asks of the kernel: eventfds, by number of worker, and the time. The linker puts these in the
 * place of the C library's. Nothing here counts as an access of the program. */
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "around.h"
#include "explore.h"

enum { ASK_POLLS = 2 };

static struct {
	uint64_t events[2];
	uint64_t clock_ms;
} kernel;

void kernel_begin(void)
{
	memset(&kernel, 0, sizeof(kernel));
}

uint64_t *kernel_event(unsigned worker)
{
	return &kernel.events[worker];
}

/* Time goes on while somebody waits for an answer, until he gives up. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_nanosleep(const struct timespec *t, struct timespec *left);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int wait_ms);
ssize_t __wrap_read(int fd, void *octets, size_t len);
ssize_t __wrap_write(int fd, const void *octets, size_t len);

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	*t = (struct timespec){ .tv_sec = (time_t)kernel.clock_ms / 1000, .tv_nsec = (long)kernel.clock_ms % 1000 };
	return 0;
}

int __wrap_nanosleep(const struct timespec *t, struct timespec *left)
{
	(void)t, (void)left;
	give_way();
	kernel.clock_ms += 1000 / ASK_POLLS;
	return 0;
}

/* Nobody but those who write to its eventfd wakes the worker: a wake-up that is lost is a fault, where the
 * real one would sleep on for a while. */
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int wait_ms)
{
	(void)epoll, (void)most;
	if (wait_ms == 0)
		return 0;
	event_wait(&kernel.events[1]);
	events[0] = (struct epoll_event){ .events = EPOLLIN, .data.u32 = WORKER_INTERFACES_MOST };
	return 1;
}

ssize_t __wrap_read(int fd, void *octets, size_t len)
{
	(void)octets;
	event_read(&kernel.events[fd]);
	return (ssize_t)len;
}

ssize_t __wrap_write(int fd, const void *octets, size_t len)
{
	(void)octets;
	event_write(&kernel.events[fd]);
	return (ssize_t)len;
}
