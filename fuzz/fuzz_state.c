/*
 * A state file: NATs keep records, which are spoilt, and others go on with them.
 *
 * Input    How (enum how); turns of the first gateway; how much time passes in seconds, two octets; how
 *          many edits follow, each of a place (two octets), an octet in it, and what it is changed by;
 *          then NATs and turns as of target nat, and, unless they are the same, the second ones. With
 *          HOW_RAW what follows the edits is the file.
 * Demands  What is not spoilt is whole. Whatever is in the file, nat_check() is silent, the second
 *          gateway passes all that target nat demands, and has nothing left in the end; its own records
 *          are whole.
 */
#include "router/state_image.h"

#include "memory_file.h"
#include "nats.h"

enum how { HOW_RAW = 1, HOW_SAME = 2, HOW_SEALED = 4, HOW_REBOOTED = 8, HOW_HEADER = 16, HOW_CLEAN = 32,
	   HOW_TWICE = 64 };
enum { AT_ONCE = 3 };
enum { EDITS_MOST = 32, TURNS_MOST = 16, SECOND_MS = 1000 };

struct edit { uint16_t place; uint8_t at, by; };

struct plan {
	uint8_t how, turns, edits;
	uint64_t down_ms;
	struct edit edit[EDITS_MOST];
};

/* A file as a gateway has it in memory. */
struct file {
	size_t len, places;
	uint8_t *octets;
};

static struct plan read_plan(struct input *in)
{
	struct plan p = { .how = input_u8(in), .turns = input_below(in, TURNS_MOST) };

	p.down_ms = (uint64_t)input_u16(in) * SECOND_MS;
	p.edits = input_below(in, EDITS_MOST + 1);
	for (uint8_t i = 0; i < p.edits; i++) {
		p.edit[i].place = input_u16(in);
		p.edit[i].at = input_u8(in);
		p.edit[i].by = input_u8(in);
	}
	return p;
}

static struct state_header *header_of(const struct file *f)
{
	return (struct state_header *)(void *)f->octets;
}

static struct nat_saved *record_of(const struct file *f, size_t i)
{
	return (struct nat_saved *)(void *)(f->octets + STATE_PAGE) + i;
}

/* The NATs keep their records in it. */
static struct file file_of(struct nats *w)
{
	struct file f = { 0 };
	size_t most = 0;

	for (uint16_t i = 0; i < w->config.workers; i++) {
		struct nat_config c = w->config;

		c.worker = i;
		most = nat_saved_count(&c) > most ? nat_saved_count(&c) : most;
	}
	most = (most + STATE_LINE - 1) / STATE_LINE * STATE_LINE;
	f.places = most * w->config.workers;
	f.len = STATE_PAGE + f.places * sizeof(struct nat_saved);
	f.octets = calloc(f.len, 1);
	assert(f.octets);
	*header_of(&f) = (struct state_header){
		.magic = STATE_MAGIC, .order = STATE_ORDER, .version = STATE_VERSION,
		.record_version = NAT_SAVED_VERSION, .record_size = sizeof(struct nat_saved),
		.workers = w->config.workers, .places = (uint32_t)most, .boot = "this one",
	};
	for (uint16_t i = 0; i < w->config.workers; i++)
		nat_save_to(w->nat[i], record_of(&f, i * most));
	return f;
}

static void finish(const struct file *f, const struct nats *w, const struct plan *p)
{
	struct state_header *h = header_of(f);

	for (uint16_t i = 0; i < w->config.workers; i++)
		nat_save_some(w->nat[i], w->now, SIZE_MAX);
	h->now_ms = h->real_ms = w->now.ms;
	h->clean = p->how & HOW_CLEAN;
	h->sum = state_sum(h);
}

static void judge_records(const struct file *f)
{
	for (size_t i = 0; i < f->places; i++) {
		const struct nat_saved *s = record_of(f, i);

		assert(s->kind == NAT_SAVED_NOTHING || s->sum == nat_saved_sum(s));
	}
}

static void spoil(const struct file *f, const struct plan *p)
{
	for (uint8_t i = 0; i < p->edits; i++) {
		struct nat_saved *s = record_of(f, p->edit[i].place % f->places);

		((uint8_t *)s)[p->edit[i].at % sizeof(*s)] ^= p->edit[i].by;
		if (p->how & HOW_SEALED)
			s->sum = nat_saved_sum(s);
	}
	if (!(p->how & HOW_HEADER) || !p->edits)
		return;
	f->octets[p->edit[0].at % sizeof(struct state_header)] ^= p->edit[0].by;
	if (p->how & HOW_SEALED)
		header_of(f)->sum = state_sum(header_of(f));
}

static struct state_image *read_image(const uint8_t *octets, size_t len, const struct state_moment *now)
{
	char path[MEMORY_PATH];
	int fd = memory_file(octets, len, path);
	struct state_image *image = NULL;
	const char *why;

	assert((state_image_read(&image, fd, now, &why) == 0) == (why == NULL));
	close(fd);
	return image;
}

static void check(const struct nats *w)
{
	for (uint16_t i = 0; i < w->config.workers; i++)
		assert(!nat_check(w->nat[i]));
}

static void restore(struct nats *w, struct state_image *image, const struct plan *p)
{
	for (int times = p->how & HOW_TWICE ? 2 : 1; times > 0; times--) {
		for (uint16_t i = 0; i < w->config.workers; i++) {
			size_t at = 0;

			while (state_image_restore(image, w->nat[i], w->now, &at, AT_ONCE))
				;
		}
		check(w);
		state_image_shrink(image);
	}
}

static void go_on(struct nats *w, const struct nats *was, const struct file *f, const struct plan *p)
{
	struct state_moment now = { .now = { was->now.ms + p->down_ms }, .real_ms = was->now.ms + p->down_ms };
	struct state_image *image;

	if (p->how & HOW_REBOOTED)
		now.now = w->now;
	else
		memcpy(now.boot, "this one", sizeof("this one"));
	w->now = now.now;
	image = read_image(f->octets, f->len, &now);
	assert(image || p->how & HOW_HEADER);
	if (!image)
		return;
	assert(p->edits || !state_image_totals(image).damaged);
	restore(w, image, p);
	state_image_free(image);
}

static void turns(struct nats *w, struct input *in, unsigned most)
{
	while (most-- && input_left(in))
		nats_turn(w, in);
}

static void play(struct input *in, const struct plan *p)
{
	struct input same = *in;
	struct nats *w = malloc(2 * sizeof(*w));
	struct file files[2];

	assert(w);
	nats_open(&w[0], in, false);
	files[0] = file_of(&w[0]);
	turns(&w[0], in, p->turns);
	finish(&files[0], &w[0], p);
	judge_records(&files[0]);
	spoil(&files[0], p);
	nats_open(&w[1], p->how & HOW_SAME ? &same : in, true);
	files[1] = file_of(&w[1]);
	go_on(&w[1], &w[0], &files[0], p);
	turns(&w[1], in, TURNS_MOST);
	finish(&files[1], &w[1], p);
	judge_records(&files[1]);
	nats_close(&w[0]);
	nats_close(&w[1]);
	free(files[0].octets);
	free(files[1].octets);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = input_of(octets, len);
	struct plan p = read_plan(&in);
	struct state_moment now = { .real_ms = 1 };

	if (p.how & HOW_RAW)
		state_image_free(read_image(in.at, input_left(&in), &now));
	else
		play(&in, &p);
	return 0;
}
