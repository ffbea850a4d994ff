#include <assert.h>
#include <math.h>
#include <string.h>

#include "cache/judge.h"

/*
 * Settings, chosen by random search over the development traces and streams
 * that are made to hurt, in a wide flat region: half-lives of 4 to 12 times the
 * objects, blocks of 1/16 to 1/4 of them, errors of 1 to 1.5 over the default
 * differ by less than a point of the gap to the bound. A change of rule costs
 * up to what two caches hold differently, so a lead must also be worth a share
 * of the objects. What the ruler loses to the default in a short time ends its
 * rule and all that is believed of the others: the workload has changed.
 */
#define BLOCK_SHARE 8	   /* of the objects, a block */
#define BLOCK_MIN 50	   /* accesses */
#define HALF_LIVES 8	   /* times the objects */
#define HALF_LIFE_MIN 3000 /* accesses */
#define BLOCKS_MIN 4	   /* before anything is said */
#define MARGIN 0.005	   /* of the default's misses, to take over from it */
#define HYSTERESIS 0.005   /* of the ruler's misses, to take over from it */
#define OBJECTS_MIN 300	   /* fewer are taken for so many below */
#define COST 0.04	   /* misses an object, what a change may cost */
#define DROP 0.07      /* misses an object lost to the default: out at once */
#define LOSS_LIVES 1.0 /* times the objects, memory of what was lost */
#define ERRORS_DEFAULT 1.25 /* standard errors, over the default */
#define ERRORS_OTHER 1.0    /* over another ruler */
#define CONTEST_BLOCKS 28   /* weight of blocks; 4 accesses an object */

void
pd_judge_init(struct pd_judge *j, unsigned experts)
{
	assert(experts > 0 && experts <= PD_JUDGE_EXPERTS);
	memset(j, 0, sizeof(*j));
	j->experts = experts;
	pd_judge_scale(j, 0);
}

void
pd_judge_scale(struct pd_judge *j, uint64_t objects)
{
	uint64_t block = objects / BLOCK_SHARE;

	j->objects = objects < OBJECTS_MIN ? OBJECTS_MIN : (double)objects;

	if (block < BLOCK_MIN)
		block = BLOCK_MIN;
	j->block = block > UINT32_MAX ? UINT32_MAX : (uint32_t)block;
	j->half_life = (double)objects * HALF_LIVES;
	if (j->half_life < HALF_LIFE_MIN)
		j->half_life = HALF_LIFE_MIN;
}

void
pd_judge_forget(struct pd_judge *j, unsigned expert)
{
	unsigned i;

	for (i = 0; i < j->experts; i++) {
		memset(&j->pair[expert][i], 0, sizeof(j->pair[expert][i]));
		memset(&j->pair[i][expert], 0, sizeof(j->pair[i][expert]));
	}
	j->missed[expert] = 0;
	j->total[expert] = 0;
	j->misses[expert] = 0;
	j->judged &= ~(1U << expert);
}

static void
fold_pair(struct pd_judge_pair *p, double difference, double decay)
{
	p->lead = p->lead * decay + difference;
	p->squares = p->squares * decay * decay + difference * difference;
	p->weight = p->weight * decay + 1;
	p->weight2 = p->weight2 * decay * decay + 1;
}

static void
fold(struct pd_judge *j)
{
	const double decay = exp2(-(double)j->seen / j->half_life);
	unsigned a, b;

	for (a = 0; a < j->experts; a++) {
		if ((j->judged & 1U << a) == 0)
			continue;
		j->total[a] = j->total[a] * decay + j->accesses;
		j->misses[a] = j->misses[a] * decay + j->missed[a];
		for (b = 0; b < j->experts; b++)
			if (j->judged & 1U << b && a != b)
				fold_pair(&j->pair[a][b],
				    j->missed[a] - j->missed[b], decay);
	}
	j->loss *= exp2(-(double)j->seen / (LOSS_LIVES * j->objects + 1));
	if (j->judged & 1U << j->ruling && j->judged & 1U)
		j->loss += j->missed[j->ruling] - j->missed[0];
	if (j->loss < 0)
		j->loss = 0;
	memset(j->missed, 0, sizeof(j->missed));
	j->accesses = 0;
	j->seen = 0;
}

bool
pd_judge_access(
    struct pd_judge *j, uint32_t missed, uint32_t judged, double weight)
{
	unsigned i;

	if (j->seen == 0)
		j->judged = judged;
	j->judged &= judged;
	j->accesses += weight;
	for (i = 0; i < j->experts; i++)
		if (missed & 1U << i)
			j->missed[i] += weight;
	if (++j->seen < j->block)
		return false;
	fold(j);
	return true;
}

/* The standard error of a lead. */
static double
error_of(const struct pd_judge_pair *p)
{
	double mean, variance;

	if (p->weight <= 0)
		return 0;
	mean = p->lead / p->weight;
	variance = p->squares - mean * mean * p->weight2;
	return variance > 0 ? sqrt(variance) : 0;
}

/* Whether ${expert} may rule in place of the default. */
static bool
beats_default(const struct pd_judge *j, unsigned expert, bool rules)
{
	const struct pd_judge_pair *p = &j->pair[0][expert];
	const double margin = MARGIN * j->misses[0];

	if (rules)
		return p->lead > 0;
	return p->weight >= BLOCKS_MIN &&
	       p->lead >
		   margin + COST * j->objects + ERRORS_DEFAULT * error_of(p);
}

static bool
beats_ruler(const struct pd_judge *j, unsigned expert, unsigned ruling)
{
	const struct pd_judge_pair *p = &j->pair[ruling][expert];

	return p->weight >= BLOCKS_MIN &&
	       p->lead >
		   HYSTERESIS * j->misses[ruling] + ERRORS_OTHER * error_of(p);
}

void
pd_judge_fork(struct pd_judge *j, unsigned expert)
{
	const unsigned last = j->experts;
	unsigned i;

	assert(expert < last && last < PD_JUDGE_EXPERTS);
	for (i = 0; i < last; i++) {
		j->pair[last][i] = j->pair[expert][i];
		j->pair[i][last] = j->pair[i][expert];
	}
	j->missed[last] = j->missed[expert];
	j->total[last] = j->total[expert];
	j->misses[last] = j->misses[expert];
	j->judged &= ~(1U << last);
	if (j->judged & 1U << expert)
		j->judged |= 1U << last;
	if (j->ruling == expert)
		j->ruling = last;
	j->experts++;
	pd_judge_forget(j, expert);
}

void
pd_judge_drop(struct pd_judge *j)
{
	assert(j->experts > 1 && j->ruling != j->experts - 1);
	pd_judge_forget(j, j->experts - 1);
	j->experts--;
}

enum pd_judge_verdict
pd_judge_verdict(const struct pd_judge *j, unsigned expert, unsigned other)
{
	const struct pd_judge_pair *p = &j->pair[other][expert];

	if (beats_ruler(j, expert, other))
		return PD_JUDGE_NO_WORSE;
	if (p->weight < CONTEST_BLOCKS)
		return PD_JUDGE_OPEN;
	return p->lead >= -HYSTERESIS * j->misses[other] ? PD_JUDGE_NO_WORSE
							 : PD_JUDGE_WORSE;
}

unsigned
pd_judge_choose(struct pd_judge *j, uint32_t may)
{
	const unsigned ruling = j->ruling;
	unsigned i, best = 0;
	double lead = 0;

	if (j->loss > DROP * j->objects) {
		/* What was learned so far is of another workload. */
		for (i = 0; i < j->experts; i++)
			pd_judge_forget(j, i);
		return 0;
	}
	if (may & 1U << ruling && ruling != 0 &&
	    j->pair[0][ruling].weight < BLOCKS_MIN)
		return ruling;
	for (i = 1; i < j->experts; i++)
		if (may & 1U << i && j->pair[0][i].lead > lead &&
		    beats_default(j, i, i == ruling)) {
			best = i;
			lead = j->pair[0][i].lead;
		}
	if (best == ruling || best == 0 || ruling == 0)
		return best;
	/* One that is good enough is left for one that is surely better. */
	if (may & 1U << ruling && beats_default(j, ruling, true) &&
	    !beats_ruler(j, best, ruling))
		return ruling;
	return best;
}

void
pd_judge_crown(struct pd_judge *j, unsigned expert)
{
	j->ruling = expert;
	j->loss = 0;
}

double
pd_judge_ratio(const struct pd_judge *j, unsigned expert)
{
	return j->total[expert] > 0 ? j->misses[expert] / j->total[expert] : 0;
}

double
pd_judge_error(const struct pd_judge *j, unsigned expert, unsigned other)
{
	return j->total[expert] > 0
		   ? error_of(&j->pair[expert][other]) / j->total[expert]
		   : 0;
}
