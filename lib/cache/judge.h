#ifndef PD_CACHE_JUDGE_H
#define PD_CACHE_JUDGE_H

/*
 * Which of several experts misses least, told from what each would have done
 * with the same accesses. Misses are counted in blocks; for every pair of
 * experts the differences of the blocks are summed with a weight that halves
 * every so many accesses, and their variance gives the standard error of that
 * sum: noise that both share cancels. Number 0 is the default: another rules
 * only while it saves a share of the default's misses, and takes over only
 * when what it saves is more than chance explains. Pure arithmetic: no clock,
 * no allocation.
 */

#include <stdbool.h>
#include <stdint.h>

#define PD_JUDGE_EXPERTS 8

struct pd_judge_pair {
	double lead;	/* misses of one minus misses of the other */
	double squares; /* of the blocks' differences, for the variance */
	double weight;	/* blocks, decayed */
	double weight2; /* the same for squared weights */
};

struct pd_judge {
	unsigned experts;
	uint32_t block;	  /* accesses */
	double half_life; /* accesses */
	double objects;	  /* that the caches hold */
	uint32_t seen;	  /* accesses of this block */
	double accesses;  /* their weights */
	unsigned ruling;  /* the expert that rules */
	double loss;	  /* misses that it lost to the default lately */
	uint32_t judged;  /* bit by expert: counted in this block */
	double missed[PD_JUDGE_EXPERTS]; /* in this block */
	double total[PD_JUDGE_EXPERTS];	 /* decayed weights of accesses */
	double misses[PD_JUDGE_EXPERTS]; /* decayed */
	struct pd_judge_pair pair[PD_JUDGE_EXPERTS][PD_JUDGE_EXPERTS];
};

/* Begin with ${experts} of which none has been seen. */
void pd_judge_init(struct pd_judge *j, unsigned experts);

/*
 * pd_judge_scale(j, objects):
 * The experts' caches hold ${objects}: block and half-life follow from it.
 */
void pd_judge_scale(struct pd_judge *j, uint64_t objects);

/* Forget what is known of ${expert}: it is another from now on. */
void pd_judge_forget(struct pd_judge *j, unsigned expert);

/* There is one more expert, the last: it is what ${expert} was, of which
 * nothing is known from now on. Rules ${expert}, it is the last that rules. */
void pd_judge_fork(struct pd_judge *j, unsigned expert);

/* The last expert is gone. It must not rule. */
void pd_judge_drop(struct pd_judge *j);

/*
 * pd_judge_access(j, missed, judged, weight):
 * One access that counts ${weight}; the bits of ${missed} say who missed,
 * those of ${judged} who took part. True when a block is complete, which is
 * when a choice is worth asking for.
 */
bool pd_judge_access(
    struct pd_judge *j, uint32_t missed, uint32_t judged, double weight);

/* Who should rule from now on, of those with a bit in ${may} (0 always may).
 * Tell by pd_judge_crown() if it does. */
unsigned pd_judge_choose(struct pd_judge *j, uint32_t may);

/* ${expert} rules from now on. */
void pd_judge_crown(struct pd_judge *j, unsigned expert);

enum pd_judge_verdict { PD_JUDGE_OPEN, PD_JUDGE_NO_WORSE, PD_JUDGE_WORSE };

/* Whether ${expert} may take the place of ${other}: when it is surely better,
 * or after about 4 accesses an object not worse by more than half a percent of
 * the misses. It may change with every block. */
enum pd_judge_verdict pd_judge_verdict(
    const struct pd_judge *j, unsigned expert, unsigned other);

/* The recent miss ratio of ${expert}, 0 when nothing is known. */
double pd_judge_ratio(const struct pd_judge *j, unsigned expert);

/* The standard error of the difference between the miss ratios of ${expert}
 * and ${other}. */
double pd_judge_error(
    const struct pd_judge *j, unsigned expert, unsigned other);

#endif /* PD_CACHE_JUDGE_H */
