#include "router/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct notify {
	int fd;
	uint64_t patience_ms;
};

/* WATCHDOG_USEC, if it is meant for this process. */
static uint64_t read_patience(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *process = getenv("WATCHDOG_PID");

	if (!us || (process && strtol(process, NULL, 10) != getpid()))
		return 0;
	return strtoull(us, NULL, 10) / 1000;
}

/* The socket stays connected: its path may be out of reach later. */
static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd;

	if (len < 2 || len >= sizeof(a.sun_path) || (*path != '/' && *path != '@'))
		return -1;
	memcpy(a.sun_path, path, len);
	if (*path == '@')
		a.sun_path[0] = '\0'; /* abstract */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

struct notify *notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct notify *n = path ? calloc(1, sizeof(*n)) : NULL;

	if (n) {
		n->patience_ms = read_patience();
		n->fd = connect_to(path);
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (n && n->fd >= 0)
		return n;
	free(n);
	return NULL;
}

void notify_close(struct notify *n)
{
	if (n)
		close(n->fd);
	free(n);
}

void notify_say(const struct notify *n, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	if (!n)
		return;
	va_start(arguments, format);
	int len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (len < 0 || (size_t)len >= sizeof(text) ||
	    send(n->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

void notify_reloading(const struct notify *n)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	notify_say(n, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reading the configuration again",
		   (unsigned long long)t.tv_sec * 1000000 + (unsigned long long)t.tv_nsec / 1000);
}

uint64_t notify_patience_ms(const struct notify *n)
{
	return n ? n->patience_ms : 0;
}
