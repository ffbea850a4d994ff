/* Simulation of every size and policy, and the rows of results. */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "io/json.h"
#include "model/model.h"
#include "replay.h"

/* A sampled trace tells little of a cache that holds fewer objects. */
#define MIN_SAMPLED 2500

static double
ratio(uint64_t part, uint64_t all)
{
	return all == 0 ? 0 : (double)part / (double)all;
}

static void
format_json(struct pd_buf *b, const struct row *r)
{
	struct pd_json j;

	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	pd_json_key(&j, "trace");
	pd_json_str(&j, r->trace);
	pd_json_key(&j, "policy");
	pd_json_str(&j, r->policy);
	pd_json_key(&j, opt.bytes ? "size_bytes" : "size_objects");
	if (r->size_known)
		pd_json_u64(&j, r->size);
	else
		pd_json_null(&j);
	if (r->rate < 1) {
		pd_json_key(&j, "sampling_rate");
		pd_json_double(&j, r->rate);
	}
	pd_json_key(&j, "requests");
	pd_json_u64(&j, r->requests);
	pd_json_key(&j, "misses");
	pd_json_u64(&j, r->misses);
	pd_json_key(&j, "miss_ratio");
	pd_json_fixed(&j, ratio(r->misses, r->requests), 6);
	pd_json_key(&j, "byte_miss_ratio");
	pd_json_fixed(&j, ratio(r->byte_misses, r->bytes), 6);
	pd_json_key(&j, "seconds");
	pd_json_fixed(&j, r->seconds, 6);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static void
format_columns(struct pd_buf *b, const struct row *r)
{
	pd_buf_printf(b, "%s\t%s\t", r->trace, r->policy);
	if (r->size_known)
		pd_buf_printf(b, "%" PRIu64, r->size);
	else
		pd_buf_addc(b, '-');
	pd_buf_printf(b, "\t%" PRIu64 "\t%" PRIu64 "\t%.6f\t%.6f\t%.6f\n",
	    r->requests, r->misses, ratio(r->misses, r->requests),
	    ratio(r->byte_misses, r->bytes), r->seconds);
}

int
put_row(const struct row *r)
{
	static bool titled;
	struct pd_buf b = PD_BUF_INIT;
	int rc = -1;

	if (!opt.json && !titled)
		pd_buf_printf(&b,
		    "trace\tpolicy\t%s\trequests\tmisses\tmiss_ratio\t"
		    "byte_miss_ratio\tseconds\n",
		    opt.bytes ? "size_bytes" : "size_objects");
	titled = true;
	if (opt.json)
		format_json(&b, r);
	else
		format_columns(&b, r);
	pd_cli_progress_end();
	if (b.failed)
		pd_cli_failf("out of memory");
	else
		rc = pd_cli_out(b.data, b.len);
	pd_buf_release(&b);
	return rc;
}

/*
 * The capacity to simulate, and in ${shown} the cache's that it stands for: a
 * trace that holds a share of the keys fills that share of the capacity.
 */
static uint64_t
capacity_of(const struct pd_trace *t, const struct size *s, uint64_t *shown)
{
	uint64_t units;

	if (s->share > 0) {
		units = pd_trace_capacity(t, s->share, opt.bytes);
		*shown = (uint64_t)floor((double)units / t->rate + 0.5);
		return units;
	}
	*shown = s->units;
	units = (uint64_t)floor((double)s->units * t->rate + 0.5);
	return units > 0 ? units : 1;
}

static int
simulate_one(const struct play *p, const struct pd_policy_ops *ops,
    const struct pd_model *model, uint64_t capacity, uint64_t shown)
{
	const struct pd_trace *t = p->trace;
	const struct pd_sim_params params = {
	    .ops = ops,
	    .policy =
		{
		    .capacity = capacity,
		    .by_bytes = opt.bytes,
		    .seed = opt.seed,
		    .minute = pd_trace_minute(t),
		    .model = model,
		},
	    .begin = p->begin,
	    .from = p->from,
	    .end = p->end,
	};
	const uint64_t start = pd_clock_mono_us();
	struct pd_err err = PD_ERR_INIT;
	struct pd_sim_result r;
	struct row row;

	if (pd_sim_run(t, &params, &r, &err) < 0) {
		pd_err_prefix(&err, "policy %s over '%s'",
		    ops == NULL ? "belady" : ops->name, p->name);
		pd_cli_fail(&err);
		return -1;
	}
	row = (struct row){
	    .trace = p->name,
	    .policy = ops == NULL ? "belady" : ops->name,
	    .size = shown,
	    .size_known = true,
	    .rate = t->rate,
	    .requests = r.requests,
	    .misses = r.misses,
	    .bytes = r.bytes,
	    .byte_misses = r.byte_misses,
	    .seconds = (double)(pd_clock_mono_us() - start) / 1e6,
	};
	return put_row(&row);
}

/* All policies at one capacity. */
static int
simulate_size(const struct play *p, uint64_t capacity, uint64_t shown)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_model *trained = NULL;
	int k, rc = 0;

	if (opt.train_on > 0) {
		trained = train_model(p, shown, &err);
		if (trained == NULL && err.msg[0] != '\0') {
			pd_cli_fail(&err);
			return -1;
		}
	}
	for (k = 0; rc == 0 && k < opt.policies; k++) {
		pd_cli_progress(
		    "simulating", (uint64_t)k, (uint64_t)opt.policies);
		rc = simulate_one(p, opt.policy[k],
		    opt.train_on > 0 ? trained : opt.model, capacity, shown);
	}
	pd_model_free(trained);
	return rc;
}

int
simulate(const struct play *p)
{
	uint64_t capacity, shown;
	int i;

	for (i = 0; i < opt.sizes; i++) {
		capacity = capacity_of(p->trace, &opt.size[i], &shown);
		if (p->trace->rate < 1 && !opt.bytes && capacity < MIN_SAMPLED)
			pd_cli_note("'%s' holds %g of the keys: %" PRIu64
				    " objects of it say little of a cache of "
				    "%" PRIu64 " (at least %d would)",
			    p->name, p->trace->rate, capacity, shown,
			    MIN_SAMPLED);
		if (simulate_size(p, capacity, shown) < 0)
			return -1;
	}
	return 0;
}
