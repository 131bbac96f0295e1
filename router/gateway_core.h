/*
 * What a gateway asks of the host and of a configuration before it starts. Private to router/.
 */
#ifndef ROUTER_GATEWAY_CORE_H
#define ROUTER_GATEWAY_CORE_H

#include "router/gateway.h"

/* Fill in what the file leaves to the devices: addresses of `packet` interfaces that share the
 * kernel's, and pools that are an interface's address. */
int gateway_learn(struct conf *c, struct io_error *error);

/* Of type xdp: make them packet interfaces where the kernel has no AF_XDP for us; refuse addresses of
 * ours that the kernel has. */
void gateway_replace_xdp(struct conf *c);
int gateway_check_xdp(const struct conf *c, struct io_error *error);

/* -EINVAL if now differs from was in something that only a restart can change. The addresses of its
 * pools get the places that they have in was. */
int gateway_same_shape(const struct conf *was, struct conf *now, struct io_error *error);

/* What a configuration, which is the caller's, makes workers do; its routes with it. */
struct snapshot *snapshot_make(struct conf *c, uint32_t generation);
void snapshot_free(struct snapshot *s);

/* Say that there is none; -ENOMEM. */
int gateway_no_memory(struct io_error *error);

/* Get ready to wait for what is to be done beside the workers. */
int gateway_watch(struct gateway *g, struct io_error *error);

/* NULL, or what needs a restart. */
const char *gateway_keep_places(const struct conf *was, struct conf *now);

/* Give the kernel programs by which it chooses workers for packets, by this configuration. Where it
 * takes none, what it has stays: a negative errno. */
int gateway_steer(const struct gateway *g, const struct conf *c);

#endif
