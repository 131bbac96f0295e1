/*
 * A story played: each step in turn, until one does not come as it should.
 */
#ifndef SCENARIO_PLAY_H
#define SCENARIO_PLAY_H

#include "story.h"

struct performance {
	uint16_t workers;
	bool restarts; /* clean ones, before every datagram, beside what the story says */
};

/* True if all came as told. Otherwise what was expected and what came goes to why. */
bool story_play(const struct story *s, const char *file, const struct performance *how, FILE *why);

#endif
