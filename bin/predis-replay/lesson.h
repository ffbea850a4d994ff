#ifndef PREDIS_REPLAY_LESSON_H
#define PREDIS_REPLAY_LESSON_H

/* Training within a replay, by the code of predis-retrain. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job;
struct pd_err;
struct pd_model;
struct play;

/* What to learn from and for. */
struct lesson {
	const struct play *play;
	uint64_t capacity; /* of the whole cache, units */
	size_t begin;	   /* entries of the trace: nothing at or behind end */
	size_t end;	   /* is looked at */
	const struct pd_model *before; /* the one of the lesson before, whose
					* features are taken; may be NULL */
	struct job *job; /* that it is a part of: shows progress; or NULL */
};

struct learnt {
	struct pd_model *model; /* NULL: none; the caller's to free */
	char why[200];		/* when there is none, a sentence */
};

/* 0, also when there is no model, or -1 with a message. */
int learn(const struct lesson *l, struct learnt *out, struct pd_err *err);

/*
 * --retrain: when to train, as entries. The first time after 6,000 requests or
 * four times the objects of the cache, whichever is later; then whenever the
 * requests have doubled, or opt.retrain more have passed, whichever is sooner.
 * Where the past to learn from begins is lesson_begin()'s.
 */
size_t lesson_first(const struct play *p, uint64_t capacity);
size_t lesson_next(const struct play *p, size_t now);
size_t lesson_begin(const struct play *p, size_t now);

#endif /* PREDIS_REPLAY_LESSON_H */
