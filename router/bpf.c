#include "router/bpf.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

/* Conditional jumps reach 32767 instructions: a program that is no longer never asks for more. */
enum { CODE_MOST = INT16_MAX, LABELS_MOST = INT16_MAX };
enum { NOWHERE = UINT16_MAX };

/* What a jump has for a distance until it is known. */
struct jump { uint16_t from, label; };

struct ebpf {
	struct bpf_insn code[CODE_MOST];
	uint16_t labels[LABELS_MOST]; /* the instruction there, or NOWHERE */
	struct jump jumps[CODE_MOST];
	size_t count, label_count, jump_count;
	bool full;
};

struct ebpf *ebpf_new(void)
{
	return calloc(1, sizeof(struct ebpf));
}

void ebpf_free(struct ebpf *e)
{
	free(e);
}

struct ebpf_label ebpf_label(struct ebpf *e)
{
	if (e->label_count == LABELS_MOST) {
		e->full = true;
		return (struct ebpf_label){ 0 };
	}
	e->labels[e->label_count] = NOWHERE;
	return (struct ebpf_label){ (uint32_t)e->label_count++ };
}

void ebpf_put(struct ebpf *e, struct ebpf_label label)
{
	e->labels[label.number] = (uint16_t)e->count;
}

static struct bpf_insn insn(int code, uint8_t to, uint8_t from, int16_t offset, int32_t value)
{
	return (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = to & 15u,
		.src_reg = from & 15u,
		.off = offset,
		.imm = value,
	};
}

static void emit(struct ebpf *e, struct bpf_insn i)
{
	if (e->count == CODE_MOST)
		e->full = true;
	else
		e->code[e->count++] = i;
}

/* The one instruction that takes the room of two. */
static void emit_wide(struct ebpf *e, uint8_t to, uint8_t kind, uint64_t value)
{
	emit(e, insn(BPF_LD | BPF_DW | BPF_IMM, to, kind, 0, (int32_t)value));
	emit(e, insn(0, 0, 0, 0, (int32_t)(value >> 32)));
}

void ebpf_set(struct ebpf *e, uint8_t to, uint64_t value)
{
	if (value <= INT32_MAX)
		emit(e, insn(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, (int32_t)value));
	else if (value <= UINT32_MAX)
		emit(e, insn(BPF_ALU | BPF_MOV | BPF_K, to, 0, 0, (int32_t)value));
	else
		emit_wide(e, to, 0, value);
}

void ebpf_copy(struct ebpf *e, uint8_t to, uint8_t from)
{
	emit(e, insn(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0));
}

void ebpf_do(struct ebpf *e, uint8_t op, uint8_t to, int32_t value)
{
	emit(e, insn(BPF_ALU64 | op | BPF_K, to, 0, 0, value));
}

void ebpf_do_by(struct ebpf *e, uint8_t op, uint8_t to, uint8_t from)
{
	emit(e, insn(BPF_ALU64 | op | BPF_X, to, from, 0, 0));
}

void ebpf_swap(struct ebpf *e, uint8_t to, int bits)
{
	emit(e, insn(BPF_ALU | BPF_END | BPF_TO_BE, to, 0, 0, bits));
}

void ebpf_read(struct ebpf *e, uint8_t size, uint8_t to, uint8_t base, int16_t offset)
{
	emit(e, insn(BPF_LDX | BPF_MEM | size, to, base, offset, 0));
}

void ebpf_write(struct ebpf *e, uint8_t size, uint8_t base, int16_t offset, uint8_t from)
{
	emit(e, insn(BPF_STX | BPF_MEM | size, base, from, offset, 0));
}

void ebpf_write_value(struct ebpf *e, uint8_t size, uint8_t base, int16_t offset, int32_t value)
{
	emit(e, insn(BPF_ST | BPF_MEM | size, base, 0, offset, value));
}

/* Its distance follows, when all labels are put. */
static void emit_jump(struct ebpf *e, struct bpf_insn i, struct ebpf_label label)
{
	if (e->count < CODE_MOST)
		e->jumps[e->jump_count++] = (struct jump){ (uint16_t)e->count,
							   (uint16_t)label.number };
	emit(e, i);
}

void ebpf_go(struct ebpf *e, struct ebpf_label label)
{
	emit_jump(e, insn(BPF_JMP | BPF_JA, 0, 0, 0, 0), label);
}

void ebpf_go_if(struct ebpf *e, uint8_t condition, uint8_t left, int32_t value,
		struct ebpf_label label)
{
	emit_jump(e, insn(BPF_JMP | condition | BPF_K, left, 0, 0, value), label);
}

void ebpf_go_if_by(struct ebpf *e, uint8_t condition, uint8_t left, uint8_t right,
		   struct ebpf_label label)
{
	emit_jump(e, insn(BPF_JMP | condition | BPF_X, left, right, 0, 0), label);
}

void ebpf_map(struct ebpf *e, uint8_t to, int map)
{
	emit_wide(e, to, BPF_PSEUDO_MAP_FD, (uint32_t)map);
}

void ebpf_call(struct ebpf *e, int32_t helper)
{
	emit(e, insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper));
}

void ebpf_exit(struct ebpf *e)
{
	emit(e, insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

size_t ebpf_count(const struct ebpf *e)
{
	return e->count;
}

int ebpf_fault(const struct ebpf *e)
{
	if (e->full)
		return -E2BIG;
	for (size_t i = 0; i < e->jump_count; i++)
		if (e->labels[e->jumps[i].label] >= e->count)
			return -EINVAL;
	return 0;
}

static bool goes_on(const struct bpf_insn *i)
{
	return i->code != (BPF_JMP | BPF_JA) && i->code != (BPF_JMP | BPF_EXIT);
}

/* What is reached from the beginning. Again as long as a jump back has led to something new. */
static void trace(const struct ebpf *e, bool *reached)
{
	uint16_t to[CODE_MOST] = { 0 }; /* no jump leads to the beginning */
	bool again = true;

	for (size_t i = 0; i < e->jump_count; i++)
		to[e->jumps[i].from] = e->labels[e->jumps[i].label];
	reached[0] = true;
	while (again) {
		again = false;
		for (size_t i = 0; i < e->count; i++) {
			if (!reached[i])
				continue;
			reached[i + 1] |= goes_on(&e->code[i]);
			again |= to[i] && to[i] < i && !reached[to[i]];
			reached[to[i]] = true;
		}
	}
}

/* The kernel refuses programs with parts that are never reached: leave them out. */
static void prune(struct ebpf *e)
{
	bool reached[CODE_MOST + 1] = { false };
	uint16_t place[CODE_MOST];
	size_t kept = 0, jumps = 0;

	trace(e, reached);
	for (size_t i = 0; i < e->count; i++) {
		place[i] = (uint16_t)kept;
		if (reached[i])
			e->code[kept++] = e->code[i];
	}
	for (size_t i = 0; i < e->jump_count; i++) {
		struct jump j = e->jumps[i];

		if (reached[j.from])
			e->jumps[jumps++] = (struct jump){ place[j.from], j.label };
	}
	for (size_t i = 0; i < e->label_count; i++)
		if (e->labels[i] < e->count)
			e->labels[i] = place[e->labels[i]];
	e->count = kept;
	e->jump_count = jumps;
}

static void land(struct ebpf *e)
{
	for (size_t i = 0; i < e->jump_count; i++) {
		const struct jump *j = &e->jumps[i];

		/* Counted from the instruction behind the jump. */
		e->code[j->from].off = (int16_t)(e->labels[j->label] - j->from - 1);
	}
}

int ebpf_load(struct ebpf *e, enum bpf_prog_type type, const char *name, char *log, size_t room)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options);
	int fd = ebpf_fault(e);

	if (fd)
		return fd;
	prune(e);
	land(e);
	if (log && room) {
		*log = '\0';
		options.log_buf = log;
		options.log_size = (uint32_t)room;
	}
	fd = bpf_prog_load(type, name, "BSD", e->code, e->count, &options);
	return fd < 0 ? -errno : fd;
}
