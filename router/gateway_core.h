/*
 * What a gateway asks of the host and of a configuration before it starts. Private to router/.
 */
#ifndef ROUTER_GATEWAY_CORE_H
#define ROUTER_GATEWAY_CORE_H

#include "router/gateway.h"

/* Fill in what the file leaves to the devices: addresses of interfaces that share the kernel's, then
 * what follows from them, which are pools, matches and forwards of "interface:NAME". An interface
 * without an address has none until it gets one (gateway_follow()). */
int gateway_learn(struct conf *c, struct io_error *error);
int gateway_settle(struct conf *c, struct io_error *error);

/* The addresses of an interface by now, at most LEARNED_MOST: how many, none also if there is no such
 * device. Make them those of a configuration. */
enum { LEARNED_MOST = 32 };
struct nl;
int gateway_addresses(struct nl *nl, const struct conf_interface *i, struct prefix *found);
int gateway_set_addresses(struct conf_interface *i, const struct prefix *found, size_t count);

/* Learn again, and work by what is different; before the workers end, tell what has not been told. */
void gateway_follow(struct gateway *g);
void gateway_follow_end(struct gateway *g);

/* Make MAC addresses for interfaces of type tap that are given none: always the same ones, and others
 * wherever else there is a gateway. */
void gateway_learn_macs(struct conf *c);

/* Of type xdp: make them packet interfaces where the kernel has no AF_XDP for us; refuse addresses of
 * ours that the kernel has. */
void gateway_replace_xdp(struct conf *c);
int gateway_check_xdp(const struct conf *c, struct io_error *error);

/* -EINVAL if now differs from was in something that only a restart can change. The addresses of its
 * pools get the places that they have in was. */
int gateway_same_shape(const struct conf *was, struct conf *now, struct io_error *error);

/* Open every interface. One that cannot be now is absent; a negative errno if that must not be. */
int gateway_open_interfaces(struct gateway *g, struct io_error *error);

/* Look at every interface again, and open those anew whose device has gone and come; say on standard
 * error what has become of them. */
void gateway_plug(struct gateway *g);

/* What a configuration, which is the caller's, makes workers do; its routes with it. */
struct snapshot *snapshot_make(struct conf *c, uint32_t generation);
void snapshot_free(struct snapshot *s);

/* Listen to the kernel from now on, and take over its routes, all that there are at first; what there
 * is to do when the descriptor is readable, and with every tick; for another snapshot, which has been
 * published. */
int gateway_kernel_open(struct gateway *g, struct io_error *error);
void gateway_kernel_close(struct gateway *g);
int gateway_kernel_descriptor(const struct gateway *g);
void gateway_kernel_work(struct gateway *g);
void gateway_kernel_tick(struct gateway *g);
void gateway_kernel_adopt(struct gateway *g);

/* Say that there is none; -ENOMEM. */
int gateway_no_memory(struct io_error *error);

/* Get ready to wait for what is to be done beside the workers. */
int gateway_watch(struct gateway *g, struct io_error *error);

/* Another address (of version 0: none) for the interface of an entry: in its place or, where sessions stay with the
 * old one, in that which is spare. */
void pool_set(struct conf *c, struct nat_policy *p, const struct address *now);

/* Work by another snapshot; c is learned already, and belongs to the gateway from now on. */
int gateway_replace(struct gateway *g, struct conf *c, struct io_error *error);

/* NULL, or what needs a restart. */
const char *gateway_keep_places(const struct conf *was, struct conf *now);

/* Put the MTUs of both sides' links, as they are now, into a configuration; work by others, if they are, and
 * entries ask for them. */
void gateway_note_mtus(const struct gateway *g, struct conf *c);
void gateway_follow_mtus(struct gateway *g);

/* Give the kernel programs by which it chooses workers for packets, by this configuration. Where it
 * takes none, what it has stays: a negative errno. */
int gateway_steer(const struct gateway *g, const struct conf *c);

#endif
