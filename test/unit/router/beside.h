/*
 * What others do while a gateway without threads works.
 */
#ifndef TEST_BESIDE_H
#define TEST_BESIDE_H

#include <poll.h>

#include "netns.h"
#include "router/gateway.h"

/* In a namespace, while the gateway works. */
static inline bool does(struct gateway *g, const char *netns, const char *command)
{
	pid_t child = fork_in(netns);
	int status = 0;

	if (child == 0)
		_exit(shell("%s", command) ? 0 : 1);
	while (waitpid(child, &status, WNOHANG) == 0) {
		struct pollfd wait = { .fd = gateway_descriptor(g), .events = POLLIN };

		if (poll(&wait, 1, 10) > 0)
			gateway_work(g);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
