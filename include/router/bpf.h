/*
 * eBPF programs, written one instruction after the other and loaded into the kernel.
 *
 * Sources  RFC 9669 (the instruction set), bpf(2), <linux/bpf.h>.
 * Shape    A program is a growing list of instructions; places in it are labels, which may be
 *          jumped to before they are put anywhere. Numbers are 64-bit, immediate ones are 32-bit
 *          with a sign, except in ebpf_set(). Registers are BPF_REG_0 … BPF_REG_10, sizes BPF_B,
 *          BPF_H, BPF_W and BPF_DW, operations and conditions the kernel's (BPF_ADD, BPF_JNE, …).
 * Memory   ebpf_new() to ebpf_free(), which takes NULL. What was loaded lives by its descriptor.
 * Promise  What is never reached is left out when loading, as the kernel would refuse it.
 * Errors   Instructions that find no room, a label that is nowhere and a jump that is too far are
 *          remembered and make ebpf_load() fail. Descriptors may be negative errnos.
 */
#ifndef ROUTER_BPF_H
#define ROUTER_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ebpf;

struct ebpf_label { uint32_t number; };

/* An empty program, or NULL without memory; its end. */
struct ebpf *ebpf_new(void);
void ebpf_free(struct ebpf *e);

/* A place to jump to; it is where the next instruction will be. */
struct ebpf_label ebpf_label(struct ebpf *e);
void ebpf_put(struct ebpf *e, struct ebpf_label label);

/* to = value; to = from. */
void ebpf_set(struct ebpf *e, uint8_t to, uint64_t value);
void ebpf_copy(struct ebpf *e, uint8_t to, uint8_t from);

/* to = to OP value; to = to OP from. OP: BPF_ADD, BPF_SUB, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH,
 * BPF_RSH, BPF_MUL, BPF_DIV, BPF_MOD. */
void ebpf_do(struct ebpf *e, uint8_t op, uint8_t to, int32_t value);
void ebpf_do_by(struct ebpf *e, uint8_t op, uint8_t to, uint8_t from);

/* The lower bits (16, 32 or 64) from network to host order, or back; the rest becomes zero. */
void ebpf_swap(struct ebpf *e, uint8_t to, int bits);

/* to = memory at base + offset; memory = from; memory = value. */
void ebpf_read(struct ebpf *e, uint8_t size, uint8_t to, uint8_t base, int16_t offset);
void ebpf_write(struct ebpf *e, uint8_t size, uint8_t base, int16_t offset, uint8_t from);
void ebpf_write_value(struct ebpf *e, uint8_t size, uint8_t base, int16_t offset, int32_t value);

/* Go on at the label: always; if left CONDITION value; if left CONDITION right. CONDITION: BPF_JEQ,
 * BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSET. */
void ebpf_go(struct ebpf *e, struct ebpf_label label);
void ebpf_go_if(struct ebpf *e, uint8_t condition, uint8_t left, int32_t value,
		struct ebpf_label label);
void ebpf_go_if_by(struct ebpf *e, uint8_t condition, uint8_t left, uint8_t right,
		   struct ebpf_label label);

/* to = the map, as helpers want it; a helper by its number (BPF_FUNC_…); the end, with R0. */
void ebpf_map(struct ebpf *e, uint8_t to, int map);
void ebpf_call(struct ebpf *e, int32_t helper);
void ebpf_exit(struct ebpf *e);

/* How many instructions there are, and what would make ebpf_load() fail: 0, -E2BIG (no room), or
 * -EINVAL (a label is nowhere). */
size_t ebpf_count(const struct ebpf *e);
int ebpf_fault(const struct ebpf *e);

/* Load as a program of a type; its descriptor. name: at most 15 letters, digits and underscores. log
 * (NULL: none) gets the verifier's words, cut to room. */
int ebpf_load(struct ebpf *e, enum bpf_prog_type type, const char *name, char *log, size_t room);

#endif
