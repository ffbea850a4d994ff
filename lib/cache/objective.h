#ifndef PD_CACHE_OBJECTIVE_H
#define PD_CACHE_OBJECTIVE_H

/*
 * What a cache is to have few of: missed objects, missed bytes, or the cost
 * of fetching again what was missed. The learned policy weighs its model's
 * score by it, gdsf its frequencies, and miniature caches and ratios their
 * misses. Pure functions; sizes and costs are log codes where a policy keeps
 * them for every resident (base/code.h).
 */

#include <stdbool.h>
#include <stdint.h>

enum pd_objective {
	PD_OBJECTIVE_OBJECTS, /* every miss counts 1; the default, 0 */
	PD_OBJECTIVE_BYTES,   /* the bytes of what was missed */
	PD_OBJECTIVE_COST,    /* microseconds to fetch it again */
};

/* What an object of unknown cost is taken to cost, in microseconds. */
#define PD_OBJECTIVE_COST_UNKNOWN 1000

/* "objects", "bytes", "cost". */
const char *pd_objective_name(enum pd_objective o);
/* The objective of a name, or -1. */
int pd_objective_parse(const char *name);

/*
 * pd_objective_weight(o, bytes, cost):
 * What one miss of an object of ${bytes} and ${cost} counts, at least 1. An
 * unknown size (0) counts as 1 byte, an unknown cost (0) as
 * PD_OBJECTIVE_COST_UNKNOWN.
 */
static inline uint64_t
pd_objective_weight(enum pd_objective o, uint32_t bytes, uint32_t cost)
{
	switch (o) {
	case PD_OBJECTIVE_BYTES:
		return bytes > 0 ? bytes : 1;
	case PD_OBJECTIVE_COST:
		return cost > 0 ? cost : PD_OBJECTIVE_COST_UNKNOWN;
	case PD_OBJECTIVE_OBJECTS:
	default:
		return 1;
	}
}

/* What a model's score says (the label it was trained on, learn/label.h). */
enum pd_score_kind {
	PD_SCORE_DISCOUNT, /* 1 - what keeping brings: d / (d + age) */
	PD_SCORE_BEYOND,   /* log-odds of "not asked within the boundary" */
	PD_SCORE_LOG_GAP,  /* log2 of the distance to the next access */
};

/* Of a label's name; PD_SCORE_DISCOUNT for one that is not known. */
enum pd_score_kind pd_score_kind(const char *label);

/*
 * pd_score_log2_use(k, score):
 * log2 of what ${score} expects of keeping the object: the share of its worth
 * that is still to come. It falls strictly with the score, and is about 0 or
 * less.
 */
double pd_score_log2_use(enum pd_score_kind k, float score);

/*
 * pd_objective_only_score(o, by_bytes):
 * Whether all residents are worth the same for the capacity that they take, so
 * that only the score decides: objects counted in objects.
 */
static inline bool
pd_objective_only_score(enum pd_objective o, bool by_bytes)
{
	return o == PD_OBJECTIVE_OBJECTS && !by_bytes;
}

/*
 * pd_objective_log2_worth(o, by_bytes, overhead, size, cost):
 * log2 of what a hit saves for each unit of capacity that the object takes: 1,
 * its bytes or its cost, divided by its size where the capacity is
 * ${by_bytes}. ${size} (of the value) and ${cost} are codes; ${overhead} bytes
 * come to the size for what a key takes besides.
 */
double pd_objective_log2_worth(enum pd_objective o, bool by_bytes,
    uint32_t overhead, uint8_t size, uint8_t cost);

#endif /* PD_CACHE_OBJECTIVE_H */
