/*
 * What a gateway asks of the host and of a configuration before it starts. Private to router/.
 */
#ifndef ROUTER_GATEWAY_CORE_H
#define ROUTER_GATEWAY_CORE_H

#include "router/gateway.h"

/* Fill in what the file leaves to the devices: addresses of `packet` interfaces that share the
 * kernel's, and pools that are an interface's address. */
int gateway_learn(struct conf *c, struct io_error *error);

/* -EINVAL if now differs from was in something that only a restart can change. The addresses of its
 * pools get the places that they have in was. */
int gateway_same_shape(const struct conf *was, struct conf *now, struct io_error *error);

/* NULL, or what needs a restart. */
const char *gateway_keep_places(const struct conf *was, struct conf *now);

#endif
