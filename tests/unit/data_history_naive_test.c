/*
 * The tracker against a slow one that keeps every access of a key and
 * computes each slot from its definition, in double precision with libm.
 *
 * What may differ is quantisation, no more: means in 6.10 fixed point are
 * within 3/1024 (each step rounds by half a step, a weight of 1/4 lets four
 * of them add up); variances carry that error twice, times the deviation;
 * shares of 1/4000 with weight 1/8 are within 5/4000; decayed counts have 19
 * bits of fraction (11 with a half-life of 1 s) and round at each access, up
 * or down by chance: within 5e-5 (2e-3); the logarithm of a size is cut after
 * 1/1024; codes, counts and what the event carries are exact.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/code.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/history.h"

#define KEYS 60
#define STEPS 40000
#define SPACES 3

struct seen {
	double s; /* seconds, whole ms */
	uint64_t tick;
	bool read, hit;
	uint32_t latency_us;
};

static struct {
	struct seen *at; /* accesses, oldest first */
	int n;
	uint32_t size;
	double ttl_s;	/* total, 0 none */
	double refetch; /* mean of log2(1+ms), -1 none */
	bool missed;
	uint32_t ns;
} keys[KEYS];

static struct {
	int accesses, gaps, sizes;
	double reuse, gap, size;
} spaces[SPACES];

/* All accesses: time and namespace, for shares. */
static struct {
	double s;
	uint32_t ns;
} all[STEPS];
static int all_n;

static void
check(int slot, float got, double want, double tolerance)
{
	if (isnan(want) ? isnan(got) : fabs(got - want) <= tolerance)
		return;
	fail_msg("%s is %.9g, not %.9g +- %g", pd_feature_info[slot].name, got,
	    want, tolerance);
}

static double
decayed(int k, double now, double half_life)
{
	double x = 0;
	int i;

	for (i = 0; i < keys[k].n; i++)
		x += exp2(-(now - keys[k].at[i].s) / half_life);
	return x;
}

static double
log_ms(double seconds)
{
	return log2(1.0 + rint(seconds * 1000.0));
}

static void
check_gaps(int k, const struct pd_event *e, double now, const float *row)
{
	const struct seen *at = keys[k].at;
	int n = keys[k].n, i, in_hour = 0;
	double mean = NAN, var = NAN, least = NAN, d, lg, ea, age;
	uint8_t code;

	ea = pd_code_log2(e->ctx[PD_CTX_EVICT_AGE]);
	age = n == 0 ? (double)NAN
		     : pd_code_log2(pd_code(e->tick - at[n - 1].tick));
	check(PD_F_age, row[PD_F_age], age - ea, 0);
	check(PD_F_time_age, row[PD_F_time_age],
	    n == 0 ? (double)NAN : log_ms(now - at[n - 1].s), 1e-5);
	for (i = 1; i < n; i++) {
		lg = log_ms(at[i].s - at[i - 1].s);
		d = lg - mean;
		var = i == 1 ? 0 : 0.75 * (var + d * d / 4);
		mean = i == 1 ? lg : mean + d / 4;
		least = i == 1 || lg < least ? lg : least;
	}
	check(PD_F_gap_ewma, row[PD_F_gap_ewma], mean, 3.0 / 1024);
	check(PD_F_gap_var, row[PD_F_gap_var], var, 0.1);
	check(PD_F_gap_min, row[PD_F_gap_min], least, 0.5 / 1024 + 1e-6);
	for (i = 1; i <= 12; i++) {
		lg = NAN;
		if (n > i) {
			code = pd_code(at[n - i].tick - at[n - i - 1].tick);
			lg = pd_code_log2(code);
		}
		if (i <= 4)
			check(PD_F_gap1 + i - 1, row[PD_F_gap1 + i - 1],
			    lg - ea, 0);
		else
			check(PD_F_gap5 + i - 5, row[PD_F_gap5 + i - 5], lg, 0);
	}
	/* in steps of 2^14 ms */
	for (i = 1; i <= 12 && i <= n; i++)
		in_hour += floor(now * 1000 / 16384) -
			       floor(at[n - i].s * 1000 / 16384) <=
			   219;
	check(PD_F_gaps_in_hour, row[PD_F_gaps_in_hour], in_hour, 0);
}

static void
check_rates(int k, double now, const float *row)
{
	static const struct {
		int slot;
		double half_life;
	} edc[] = {{PD_F_edc_1s, 1}, {PD_F_edc_1m, 64}, {PD_F_edc_1h, 4096},
	    {PD_F_edc_3d, 262144}},
	  rate[] = {{PD_F_rate_1m, 64}, {PD_F_rate_5m, 256},
	      {PD_F_rate_15m, 1024}, {PD_F_rate_1h, 4096}};
	double x, life;
	int i;

	for (i = 0; i < 4; i++) {
		x = decayed(k, now, edc[i].half_life);
		check(edc[i].slot, row[edc[i].slot], x,
		    1e-11 + x * (i == 0 ? 2e-3 : 5e-5));
		if (keys[k].n == 0) {
			check(rate[i].slot, row[rate[i].slot], NAN, 0);
			continue;
		}
		life = fmax(now - keys[k].at[0].s, 0.001);
		x = fmax(decayed(k, now, rate[i].half_life), 0x1p-40);
		x = x * log(2) / rate[i].half_life /
		    -expm1(-life / rate[i].half_life * log(2));
		check(rate[i].slot, row[rate[i].slot], log2(x), 1e-4);
	}
}

static void
check_counts(int k, const struct pd_event *e, double now, const float *row)
{
	const struct seen *at = keys[k].at;
	int n = keys[k].n, i;
	double reads = NAN, hits = NAN, latency = NAN, v;

	for (i = 0; i < n; i++) {
		v = at[i].read;
		reads = i == 0 ? v : reads + (v - reads) / 8;
		v = at[i].hit;
		hits = i == 0 ? v : hits + (v - hits) / 8;
		v = log2(1.0 + at[i].latency_us);
		if (at[i].latency_us != 0)
			latency =
			    isnan(latency) ? v : latency + (v - latency) / 4;
	}
	check(PD_F_read_share, row[PD_F_read_share], reads, 5.0 / 4000);
	check(PD_F_hit_share, row[PD_F_hit_share], hits, 5.0 / 4000);
	check(PD_F_latency, row[PD_F_latency], latency, 3.0 / 1024);
	check(PD_F_last_hit, row[PD_F_last_hit], e->flags & PD_EV_HIT, 0);
	check(PD_F_count, row[PD_F_count], log2(1 + n), 1e-5);
	check(PD_F_life, row[PD_F_life], n == 0 ? 0 : log_ms(now - at[0].s),
	    1e-5);
	check(PD_F_refetch_cost, row[PD_F_refetch_cost],
	    keys[k].refetch < 0 ? (double)NAN : keys[k].refetch, 3.0 / 1024);
	check(PD_F_last_write, row[PD_F_last_write],
	    n == 0 ? (double)NAN : !at[n - 1].read, 0);
}

static void
check_object(int k, const struct pd_event *e, const float *row)
{
	double total = keys[k].ttl_s, left = (double)e->ttl_ms / 1000;
	uint32_t size = e->size != 0 ? e->size : keys[k].size;

	check(PD_F_size, row[PD_F_size],
	    size == 0 ? (double)NAN : pd_code_log2(pd_code(size)), 0);
	check(PD_F_size_change, row[PD_F_size_change],
	    keys[k].size == 0 || e->size == 0
		? (double)NAN
		: log2((double)e->size / keys[k].size),
	    1.001 / 1024);
	if ((e->flags & PD_EV_TTL) == 0) {
		check(PD_F_ttl_total, row[PD_F_ttl_total], NAN, 0);
		check(PD_F_ttl_share, row[PD_F_ttl_share], NAN, 0);
		return;
	}
	if (e->op == PD_OP_SET)
		total = left;
	total = total > 0 ? fmax(total, left) : (double)NAN;
	check(PD_F_ttl_total, row[PD_F_ttl_total], log2(total), 1.0 / 1024);
	check(PD_F_ttl_share, row[PD_F_ttl_share], left / total, 1e-3);
}

static void
check_spaces(const struct pd_event *e, double now, const float *row)
{
	static const double half_life[2] = {64, 4096};
	double own, sum, w;
	int i, j;

	for (i = 0; i < 2; i++) {
		own = sum = 0;
		for (j = 0; j < all_n; j++) {
			w = exp2(-(now - all[j].s) / half_life[i]);
			sum += w;
			own += all[j].ns == e->ns ? w : 0;
		}
		check(PD_F_ns_share_1m + i, row[PD_F_ns_share_1m + i],
		    own > 0 && e->ns != 0 ? fmax(log2(own / sum), -40)
					  : (double)NAN,
		    1e-5);
	}
	w = e->ns == 0 ? (double)NAN : 0;
	check(PD_F_ns_reuse, row[PD_F_ns_reuse],
	    w + (spaces[e->ns].accesses ? spaces[e->ns].reuse : (double)NAN),
	    1e-5);
	check(PD_F_ns_gap, row[PD_F_ns_gap],
	    w + (spaces[e->ns].gaps ? spaces[e->ns].gap : (double)NAN), 1e-5);
	check(PD_F_ns_size, row[PD_F_ns_size],
	    w + (spaces[e->ns].sizes ? spaces[e->ns].size : (double)NAN), 1e-5);
}

static void
mean64(double *mean, int *n, double v)
{
	*n = *n < 64 ? *n + 1 : 64;
	*mean += (v - *mean) / *n;
}

static void
count(int k, const struct pd_event *e, double now)
{
	struct seen *s;
	int n = keys[k].n;

	mean64(&spaces[e->ns].reuse, &spaces[e->ns].accesses, n > 0);
	if (n > 0)
		mean64(&spaces[e->ns].gap, &spaces[e->ns].gaps,
		    log_ms(now - keys[k].at[n - 1].s));
	if (e->size != 0)
		mean64(
		    &spaces[e->ns].size, &spaces[e->ns].sizes, log2(e->size));
	keys[k].at = realloc(keys[k].at, sizeof(*s) * (size_t)(n + 1));
	assert_non_null(keys[k].at);
	s = &keys[k].at[keys[k].n++];
	s->s = now;
	s->tick = e->tick;
	s->read = e->op != PD_OP_SET && e->op != PD_OP_UPDATE;
	s->hit = e->flags & PD_EV_HIT;
	s->latency_us = e->latency_us;
	keys[k].missed = e->op == PD_OP_GET && !s->hit;
	all[all_n].s = now;
	all[all_n++].ns = e->ns;
}

static void
count_object(int k, const struct pd_event *e, double now)
{
	double left = (double)e->ttl_ms / 1000, lg;

	if (e->op == PD_OP_DEL) {
		keys[k].ttl_s = 0;
		return;
	}
	if (e->size != 0)
		keys[k].size = e->size;
	if (e->op == PD_OP_SET || e->op == PD_OP_EXPIRE)
		keys[k].ttl_s = e->flags & PD_EV_TTL ? left : 0;
	else if (keys[k].ttl_s > 0 && e->flags & PD_EV_TTL)
		keys[k].ttl_s = fmax(keys[k].ttl_s, left);
	if (e->flags & PD_EV_FILL && keys[k].missed) {
		lg = log_ms(now - keys[k].at[keys[k].n - 1].s);
		keys[k].refetch =
		    keys[k].refetch < 0
			? lg
			: keys[k].refetch + (lg - keys[k].refetch) / 4;
		keys[k].missed = false;
	}
}

/* A made-up event: bursts and pauses, fills after some misses. */
static int
make_event(struct pd_event *e, struct pd_rng *r, double *now, uint64_t tick)
{
	static int fill = -1;
	int k = fill;

	pd_event_init(e);
	*now += (double)(pd_rng_below(r, 4) == 0
			     ? pd_rng_u64(r) >> (40 + pd_rng_below(r, 24))
			     : pd_rng_below(r, 50)) /
		1000;
	e->time_us = (uint64_t)rint(*now * 1e6);
	e->tick = tick;
	e->size = pd_rng_below(r, 3) == 0 ? 0 : 1 + pd_rng_below(r, 100000);
	e->ctx[PD_CTX_EVICT_AGE] = 60;
	if (fill >= 0) {
		fill = -1;
		e->op = PD_OP_SET;
		e->flags = PD_EV_FILL;
	} else {
		k = (int)pd_rng_below(r, KEYS);
		k &= (int)pd_rng_below(r, KEYS);
		e->op =
		    (uint8_t)(pd_rng_below(r, 2) ? PD_OP_GET
						 : pd_rng_below(r, PD_OP_MAX));
		e->flags = pd_rng_below(r, 3) ? PD_EV_HIT : 0;
		if (e->op == PD_OP_GET && !e->flags && pd_rng_below(r, 2))
			fill = k;
		e->latency_us = pd_rng_below(r, 2) * pd_rng_below(r, 5000);
	}
	if (pd_rng_below(r, 3) == 0) {
		e->flags |= PD_EV_TTL;
		e->ttl_ms = 1 + pd_rng_below(r, 1000000);
	}
	e->key = 1000 + (uint64_t)k;
	e->ns = (uint32_t)k % SPACES;
	return k;
}

static void
same_as_naive(void **state)
{
	struct pd_history *h =
	    pd_history_new(&(struct pd_history_opts){.keys = KEYS}, NULL);
	float row[PD_FEATURES];
	struct pd_event e;
	struct pd_rng rng;
	double now = 1000;
	int i, k;

	(void)state;
	assert_non_null(h);
	for (k = 0; k < KEYS; k++)
		keys[k].refetch = -1;
	pd_rng_init(&rng, 21);
	for (i = 0; i < STEPS; i++) {
		k = make_event(&e, &rng, &now, (uint64_t)i);
		pd_history_add(h, &e, row, NULL);
		if (pd_event_is_access(&e)) {
			/* the slow side is quadratic: check a share */
			if (i < 3000 || i % 64 == 0) {
				check_gaps(k, &e, now, row);
				check_rates(k, now, row);
				check_counts(k, &e, now, row);
				check_object(k, &e, row);
				check_spaces(&e, now, row);
			}
			count(k, &e, now);
			count_object(k, &e, now);
		} else if (keys[k].n > 0) {
			count_object(k, &e, now);
		}
	}
	for (k = 0; k < KEYS; k++)
		free(keys[k].at);
	pd_history_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_as_naive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
