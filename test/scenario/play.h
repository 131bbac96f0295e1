/*
 * A story played: each step in turn, until one does not come as it should.
 */
#ifndef SCENARIO_PLAY_H
#define SCENARIO_PLAY_H

#include "story.h"

/* True if all came as told. Otherwise what was expected and what came goes to why. */
bool story_play(const struct story *s, const char *file, uint16_t workers, FILE *why);

#endif
