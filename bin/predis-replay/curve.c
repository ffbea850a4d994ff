/* Which capacities a miss-ratio curve has, and how each is found. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/stackdist.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "curve.h"

#define LEVELS 32	     /* of samples: each has half of the keys */
#define SMALLEST_SHARE 0.001 /* of the trace's objects or bytes */

struct curve {
	struct job job;
	const struct play *play;
	struct play level[LEVELS][2]; /* [0][0]: the whole trace */
	struct point point[CURVE_LARGEST];
	int points;
	bool pass; /* the job is needed */
	struct pd_stackdist depths;
};

static int
on_step(void *cookie, size_t entry)
{
	struct curve *c = cookie;

	return job_step(&c->job, entry - c->play->begin);
}

static int
run_pass(struct job *j)
{
	struct curve *c = (struct curve *)j;
	const struct play *p = c->play;
	const struct pd_stackdist_params params = {
	    p->begin, p->from, p->end, on_step, c};

	return pd_stackdist_run(p->trace, &params, &c->depths, &j->err);
}

static int
finish_pass(struct job *j)
{
	(void)j;
	return 0;
}

/* How often the keys can be halved for a cache of ${units}. */
static int
level_for(const struct play *p, uint64_t units)
{
	int level = 0;

	if (opt.exact || opt.bytes || p->trace->requests < CURVE_EXACT)
		return 0;
	for (; level < LEVELS - 1 && units / 2 >= CURVE_OBJECTS; units /= 2)
		level++;
	return level;
}

/* One of the two samples with half of the keys as often as ${level} says. */
static int
make_sample(struct curve *c, int level, int twin, struct pd_err *err)
{
	const struct play *p = c->play;
	const double share = ldexp(1, -level);
	struct play *q = &c->level[level][twin];
	size_t *cut[] = {&q->begin, &q->from, &q->trained, &q->end};

	*q = *p;
	q->trace =
	    pd_trace_sample(p->trace, twin ? share : 0, share, cut, 4, err);
	if (q->trace == NULL)
		return -1;
	q->requests = play_requests(q);
	if (q->requests == 0)
		return pd_err_set(err, "a sample of '%s' is empty", p->name);
	return 0;
}

static int
make_level(struct curve *c, int level, struct pd_err *err)
{
	if (c->level[level][0].trace != NULL)
		return 0;
	if (level > 0)
		return make_sample(c, level, 0, err) < 0
			   ? -1
			   : make_sample(c, level, 1, err);
	c->level[0][0] = *c->play;
	return 0;
}

static int
add_point(struct curve *c, uint64_t shown, struct pd_err *err)
{
	const double rate = c->play->trace->rate;
	uint64_t units = (uint64_t)floor((double)shown * rate + 0.5);
	struct point *at = &c->point[c->points];
	const int level = level_for(c->play, units);

	if (c->points > 0 && at[-1].shown >= shown)
		return 0;
	if (make_level(c, level, err) < 0)
		return -1;
	units = (uint64_t)floor(ldexp((double)shown * rate, -level) + 0.5);
	*at = (struct point){c->level[level], units > 0 ? units : 1, shown};
	c->points++;
	return 0;
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Those of --size, or evenly spread over the logarithm. */
static int
choose_points(struct curve *c, struct pd_err *err)
{
	const struct pd_trace *t = c->play->trace;
	const int n = opt.sizes > 0 ? opt.sizes : (int)opt.points;
	uint64_t shown[CURVE_LARGEST];
	double share;
	int i;

	for (i = 0; i < n; i++) {
		share = n == 1 ? 1
			       : pow(SMALLEST_SHARE,
				     1 - (double)i / (double)(n - 1));
		if (opt.sizes > 0)
			share = opt.size[i].share;
		shown[i] = share == 0
			       ? opt.size[i].units
			       : (uint64_t)floor((double)pd_trace_capacity(
						     t, share, opt.bytes) /
						     t->rate +
						 0.5);
	}
	qsort(shown, (size_t)n, sizeof(*shown), by_value);
	for (i = 0; i < n; i++)
		if (add_point(c, shown[i], err) < 0)
			return -1;
	return 0;
}

/* Whether stack distances are wanted: for LRU's curve, or as what samples are
 * related to. */
static bool
needs_pass(const struct curve *c)
{
	int i;

	if (opt.bytes)
		return false;
	for (i = 0; i < opt.policies; i++)
		if (opt.policy[i] == pd_policy_find("lru"))
			return true;
	for (i = 1; i < LEVELS; i++)
		if (c->level[i][0].trace != NULL)
			return true;
	return false;
}

struct curve *
curve_new(const struct play *p)
{
	struct pd_err err = PD_ERR_INIT;
	struct curve *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		pd_cli_failf("out of memory");
		return NULL;
	}
	c->play = p;
	if (choose_points(c, &err) < 0) {
		pd_cli_fail(&err);
		curve_free(c);
		return NULL;
	}
	c->pass = needs_pass(c);
	c->job.run = run_pass;
	c->job.finish = finish_pass;
	c->job.weight = p->end - p->begin;
	return c;
}

void
curve_free(struct curve *c)
{
	int i, twin;

	if (c == NULL)
		return;
	for (i = 1; i < LEVELS; i++)
		for (twin = 0; twin < 2; twin++)
			pd_trace_free(c->level[i][twin].trace);
	pd_stackdist_release(&c->depths);
	free(c);
}

const struct point *
curve_points(const struct curve *c, int *n)
{
	*n = c->points;
	return c->point;
}

struct job *
curve_job(struct curve *c)
{
	return c->pass ? &c->job : NULL;
}

bool
curve_reads(const struct curve *c, const struct pd_policy_ops *ops)
{
	return c->pass && ops != NULL && ops == pd_policy_find("lru");
}

struct point
curve_twin(const struct curve *c, const struct point *at)
{
	struct point twin = *at;

	twin.play = at->play == c->level[0] ? NULL : at->play + 1;
	return twin;
}

void
curve_read(const struct curve *c, const struct point *at, struct row *r)
{
	const double rate = c->play->trace->rate;
	const struct pd_stackdist *s = &c->depths;
	const uint64_t units = (uint64_t)floor((double)at->shown * rate + 0.5);

	memset(r, 0, sizeof(*r));
	r->trace = c->play->name;
	r->policy = "lru";
	r->size = at->shown;
	r->size_known = true;
	r->rate = rate;
	r->n.requests = s->requests;
	r->n.bytes = s->bytes;
	r->n.misses =
	    pd_stackdist_misses(s, units > 0 ? units : 1, &r->n.byte_misses);
	r->method = "stack";
	r->miss_ratio = ratio(r->n.misses, r->n.requests);
	r->byte_miss_ratio = ratio(r->n.byte_misses, r->n.bytes);
}

static double
at_most_1(double v)
{
	return v > 1 ? 1 : v;
}

void
curve_merge(const struct curve *c, struct row *r, const struct row *twin)
{
	const double share = r->rate / c->play->trace->rate;
	const double all = share * (double)c->depths.requests;
	const double bytes = share * (double)c->depths.bytes;
	const double a = (double)r->n.misses, b = (double)twin->n.misses;

	if (all <= 0 || bytes <= 0)
		return;
	r->method = "sampled";
	r->error = fabs(a - b) / all / 2;
	r->miss_ratio = at_most_1((a + b) / all / 2);
	r->byte_miss_ratio = at_most_1(
	    (double)(r->n.byte_misses + twin->n.byte_misses) / bytes / 2);
	r->n.requests += twin->n.requests;
	r->n.misses += twin->n.misses;
}
