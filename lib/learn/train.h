#ifndef PD_LEARN_TRAIN_H
#define PD_LEARN_TRAIN_H

/*
 * Training an eviction model from a trace: the trace is replayed through the
 * cache that the model is for (the code of lib/cache), residents are drawn
 * when it evicts, and what became of them is the label. The second round
 * draws from the cache that the first round's model rules, because a policy
 * changes what is resident. The last part of the trace is held out: features
 * are chosen on the first half of it, and the verdict, the misses of model and
 * LRU, comes from all of it (the other half alone is too little: it refuses
 * models that are good). The model that is handed over is then fitted to all
 * rows. The same trace, parameters and seed give the same bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cache/objective.h"
#include "learn/calibrate.h"
#include "learn/label.h"

struct pd_err;
struct pd_trace;

#define PD_LEARN_FEATURES 20 /* served slots are 0..19 */
/* In the replay of a sample by key: where the capacity's share is smaller, a
 * cache of so many is replayed, which stands for a larger one. Features are
 * relative to the eviction age, so its model serves the smaller cache too. */
#define PD_LEARN_MIN_OBJECTS 250
#define PD_LEARN_MIN_ROWS 500
#define PD_LEARN_GOLDEN 100

struct pd_learn_params {
	/* Of the cache that the model is for; the replay scales it by the
	 * trace's sampling rate. */
	uint64_t capacity;
	bool by_bytes;
	enum pd_objective objective; /* what the verdict counts */
	size_t begin;		     /* entries of the trace to learn from */
	size_t end;
	uint64_t seed;
	unsigned rounds; /* 1 or more */
	unsigned trees;
	unsigned depth;
	double eta;
	enum pd_label label;
	double boundary; /* of the label, in eviction ages */
	double holdout;	 /* share of the requests at the end */
	uint32_t rows;	 /* drawn a round, about */
	/* Feature slots to use; 0: chosen on the hold-out. */
	uint8_t slots[PD_LEARN_FEATURES];
	unsigned nslots;
	/* XGBoost's JSON of a model of these slots and this label, or NULL: its
	 * trees are kept and only the values of their leaves fitted, to rows
	 * drawn under it and under LRU. It must then be no worse than the old
	 * one too. */
	const struct pd_buf *old;
	bool small; /* replay the capacity's share however small it is */
	/* Told what goes on (may be NULL). */
	void (*progress)(
	    void *cookie, const char *what, unsigned done, unsigned total);
	void *cookie;
};

enum pd_learn_outcome {
	PD_LEARN_GOOD,	/* there is a model, better than LRU on the hold-out */
	PD_LEARN_WORSE, /* there is a model, no better than LRU there, or worse
			 * than the one that was refreshed */
	PD_LEARN_FEW,	/* too little to learn from: no model */
};

/* One feature's part in the choice. */
struct pd_learn_choice {
	uint8_t slot;
	bool used;
	double error_other; /* hold-out error when last tried the other way,
			     * added or dropped; NAN: it never varies */
};

struct pd_learn_result {
	enum pd_learn_outcome outcome;
	char why[200];	     /* a sentence, unless PD_LEARN_GOOD */
	struct pd_buf model; /* XGBoost's JSON */
	uint8_t slots[PD_LEARN_FEATURES];
	unsigned nslots;
	float golden[PD_LEARN_GOLDEN * PD_LEARN_FEATURES]; /* rows of nslots */
	unsigned golden_rows;
	float *rows; /* the training rows, of nslots; owned */
	uint32_t nrows;
	struct pd_learn_choice choice[PD_LEARN_FEATURES];
	unsigned choices;
	double rate;	     /* of the trace: share of keys */
	uint64_t t_first_us; /* of the trace */
	/* metrics */
	uint64_t capacity;     /* of the cache that was replayed */
	uint64_t eviction_age; /* ticks */
	uint64_t horizon;      /* ticks a label looks ahead */
	uint32_t rows_fit;     /* before the hold-out */
	uint32_t rows_holdout;
	uint32_t rows_censored; /* end of trace too near: dropped */
	double loss;		/* on the hold-out */
	double loss_mean;	/* of always saying the mean */
	double auc;		/* "beyond one eviction age" by the score */
	struct pd_calibration calibration;
	uint64_t holdout_requests;
	uint64_t holdout_misses;
	uint64_t holdout_misses_lru;
	uint64_t holdout_misses_old; /* with params.old */
	uint64_t holdout_asked;	     /* in the objective's unit, as ... */
	uint64_t holdout_lost; /* ... what of it was missed, which decides */
	uint64_t holdout_lost_lru;
};

/* The defaults; capacity, begin and end are the caller's to set. */
void pd_learn_params_init(struct pd_learn_params *p);

/*
 * pd_learn_train(t, p, r, err):
 * 0 with ${r} filled, whatever the outcome; release it. -1 with a message on
 * failure. An outcome of PD_LEARN_GOOD means: fewer misses than LRU on the
 * hold-out, be it one.
 */
int pd_learn_train(const struct pd_trace *t, const struct pd_learn_params *p,
    struct pd_learn_result *r, struct pd_err *err);
void pd_learn_result_release(struct pd_learn_result *r);

/*
 * pd_learn_metrics(r, p, out):
 * Append the result as one JSON object (metrics.json). 0, or -1 out of memory.
 */
int pd_learn_metrics(const struct pd_learn_result *r,
    const struct pd_learn_params *p, struct pd_buf *out);

/*
 * pd_learn_bundle(r, p, name, trained_at_us, out, err):
 * Append the bundle (.pdm) of a result that has a model to ${out}; parse it
 * with pd_model_parse(). 0 or -1.
 */
int pd_learn_bundle(const struct pd_learn_result *r,
    const struct pd_learn_params *p, const char *name, uint64_t trained_at_us,
    struct pd_buf *out, struct pd_err *err);

#endif /* PD_LEARN_TRAIN_H */
