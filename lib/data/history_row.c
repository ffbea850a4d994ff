/*
 * A row of 64 features from one tracked key, as it was before an access, and
 * the event of that access. Slots are described in predis-features(7).
 */

#include <math.h>
#include <string.h>

#include "base/code.h"
#include "base/hash.h"
#include "base/log2.h"
#include "data/feature.h"
#include "data/history_priv.h"

#define SERVED 20
#define LOG2_1000 9.9657842846620871
#define LOG2_LN2 (-0.52876637294489804)

static const uint8_t served_slots[SERVED] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

static float
fixed10(unsigned q)
{
	return q == Q_NONE ? NAN : (float)q / 1024.0f;
}

static float
share12(unsigned v)
{
	return v == SHARE_NONE ? NAN : (float)v / (float)SHARE_ONE;
}

static float
share250(uint8_t c)
{
	return c == PD_CODE_NONE ? NAN : (float)c / 250.0f;
}

static float
log1p2(uint64_t n)
{
	return (float)pd_log2((double)n + 1.0);
}

/* Slots 0..19 from the events alone. */
static void
write_served(const struct row_in *in, float *row)
{
	const struct pd_event *e = in->e;
	const struct entry *en = in->en;
	struct pd_served s;

	memset(&s, PD_CODE_NONE, sizeof(s));
	if (in->since->known)
		s.age = pd_code(in->since->ticks);
	memcpy(s.gap, en->gap, sizeof(s.gap));
	s.frequency = pd_code(en->count);
	s.evict_age = e->ctx[PD_CTX_EVICT_AGE];
	s.hit_ratio = e->ctx[PD_CTX_HIT_RATIO];
	s.new_share = e->ctx[PD_CTX_NEW_SHARE];
	if (e->size != 0)
		s.size = pd_code(e->size);
	else if (en->size != Q_NONE)
		s.size = (uint8_t)(1 + en->size / 256);
	if (e->flags & PD_EV_TTL)
		s.ttl_left = pd_code(e->ttl_ms / 1000);
	s.flags = en->flags & E_WROTE ? PD_SERVED_WRITE : 0;
	pd_feature_served(&s, served_slots, SERVED, row);
	if (!in->since->known)
		row[PD_F_last_write] = NAN;
	row[PD_F_returning] = NAN;
}

/* Of the accesses before, those within an hour. */
static float
gaps_in_hour(const struct row_in *in)
{
	const struct entry *en = in->en;
	unsigned known = en->count < GAPS ? (unsigned)en->count : GAPS;
	unsigned i, sum = in->since->units;

	for (i = 0; i < known && sum <= UNITS_HOUR; i++)
		if (i < GAPS - 1)
			sum += en->unit[i];
	return (float)i;
}

static void
write_gaps(const struct row_in *in, float *row)
{
	const struct entry *en = in->en;
	unsigned i;

	row[PD_F_time_age] = in->since->known ? (float)in->since->log_gap : NAN;
	row[PD_F_gap_ewma] = fixed10(en->gap_mean);
	row[PD_F_gap_var] =
	    en->gap_mean == Q_NONE ? NAN : (float)en->gap_var / 128.0f;
	row[PD_F_gap_min] = fixed10(en->gap_min);
	for (i = 4; i < GAPS; i++)
		row[PD_F_gap5 + i - 4] =
		    en->gap[i] == PD_CODE_NONE ? NAN : pd_code_log2(en->gap[i]);
	row[PD_F_gaps_in_hour] = gaps_in_hour(in);
}

/*
 * Rates count what was seen over what could have been seen since the key's
 * first access: x / (h / ln 2) over 1 - 2^(-life / h), so that a young key's
 * rate is not too low.
 */
static void
write_rates(const struct row_in *in, float *row)
{
	static const struct {
		uint8_t slot, decay, log_h;
	} rates[4] = {{PD_F_rate_1m, D_1M, 6}, {PD_F_rate_5m, D_5M, 8},
	    {PD_F_rate_15m, D_15M, 10}, {PD_F_rate_1h, D_1H, 12}};
	const struct entry *en = in->en;
	double x[DECAYS], keep[DECAYS], v;
	uint64_t life;
	bool back = false;
	unsigned i;

	for (i = 0; i < DECAYS; i++)
		x[i] = in->since->known
			   ? decayed_get(en, i) * in->since->keep[i]
			   : 0.0;
	row[PD_F_edc_1s] = (float)(x[D_1S] < 0x1p-40 ? 0.0 : x[D_1S]);
	row[PD_F_edc_1m] = (float)(x[D_1M] < 0x1p-40 ? 0.0 : x[D_1M]);
	row[PD_F_edc_1h] = (float)(x[D_1H] < 0x1p-40 ? 0.0 : x[D_1H]);
	row[PD_F_edc_3d] = (float)(x[D_3D] < 0x1p-40 ? 0.0 : x[D_3D]);
	if (!in->since->known) {
		for (i = 0; i < 4; i++)
			row[rates[i].slot] = NAN;
		return;
	}
	life = ring_sub(in->now_ms, en->first_ms, MS_MASK, &back);
	pd_history_keep(life == 0 ? 1 : life, keep);
	for (i = 0; i < 4; i++) {
		v = x[rates[i].decay];
		v = (v < 0x1p-40 ? 0x1p-40 : v) / (1.0 - keep[rates[i].decay]);
		row[rates[i].slot] =
		    (float)(pd_log2(v) + LOG2_LN2 - rates[i].log_h);
	}
}

static void
write_object(const struct row_in *in, float *row)
{
	const struct pd_event *e = in->e;
	const struct entry *en = in->en;
	uint64_t ms = e->ttl_ms == 0 ? 1 : e->ttl_ms;
	double left, total;

	row[PD_F_size_change] =
	    en->size == Q_NONE || e->size == 0
		? NAN
		: (float)((int)pd_history_size(e->size) - (int)en->size) /
		      1024.0f;
	row[PD_F_ttl_total] = row[PD_F_ttl_share] = NAN;
	if (e->flags & PD_EV_TTL && (en->ttl != Q_NONE || e->op == PD_OP_SET)) {
		left = pd_log2((double)ms);
		total = e->op == PD_OP_SET ? left : (double)en->ttl / 1024.0;
		total = total < left ? left : total;
		row[PD_F_ttl_total] = (float)(total - LOG2_1000);
		row[PD_F_ttl_share] = (float)pd_exp2_neg(total - left);
	}
	row[PD_F_refetch_cost] = fixed10(en->refetch);
	row[PD_F_latency] = fixed10(en->latency);
}

static void
write_counts(const struct row_in *in, float *row)
{
	const struct entry *en = in->en;
	bool back = false;

	row[PD_F_count] = log1p2(en->count);
	row[PD_F_life] =
	    en->count == 0
		? 0.0f
		: log1p2(ring_sub(in->now_ms, en->first_ms, MS_MASK, &back));
	row[PD_F_read_share] = share12(en->reads);
	row[PD_F_hit_share] = in->hits_unknown ? NAN : share12(en->hits);
	row[PD_F_last_hit] = in->hits_unknown		? NAN
			     : in->e->flags & PD_EV_HIT ? 1.0f
							: 0.0f;
}

static void
write_space(const struct row_in *in, float *row)
{
	const struct space *ns = in->ns;
	unsigned i;

	for (i = PD_F_ns_share_1m; i <= PD_F_ns_size; i++)
		row[i] = NAN;
	row[PD_F_ns_bucket] =
	    in->e->ns == 0 ? NAN : (float)(pd_mix64(in->e->ns) >> 58);
	if (ns == NULL)
		return;
	row[PD_F_ns_share_1m] = (float)in->ns_share[0];
	row[PD_F_ns_share_1h] = (float)in->ns_share[1];
	if (ns->accesses > 0)
		row[PD_F_ns_reuse] = (float)ns->reuse;
	if (ns->gaps > 0)
		row[PD_F_ns_gap] = (float)ns->gap;
	if (ns->sizes > 0)
		row[PD_F_ns_size] = (float)ns->size;
}

/* log2(x / eviction age) of two context codes. */
static float
octaves(const struct pd_event *e, enum pd_ctx c)
{
	uint8_t a = e->ctx[c], b = e->ctx[PD_CTX_EVICT_AGE];

	return a == PD_CODE_NONE || b == PD_CODE_NONE
		   ? NAN
		   : pd_code_log2(a) - pd_code_log2(b);
}

static void
write_context(const struct pd_event *e, float *row)
{
	row[PD_F_pred_gap] = octaves(e, PD_CTX_PRED_GAP);
	row[PD_F_pred_age] = octaves(e, PD_CTX_PRED_AGE);
	row[PD_F_group_gap] = octaves(e, PD_CTX_GROUP_GAP);
	row[PD_F_group_age] = octaves(e, PD_CTX_GROUP_AGE);
	row[PD_F_stride] = pd_feature_count(e->ctx[PD_CTX_STRIDE]);
	row[PD_F_batch_position] = share250(e->ctx[PD_CTX_BATCH]);
	row[PD_F_successor] = share250(e->ctx[PD_CTX_SUCCESSOR]);
}

void
pd_history_write_row(const struct row_in *in, float *row)
{
	if (in->slots & SLOTS_SERVED)
		write_served(in, row);
	if (in->slots & SLOTS_GAPS)
		write_gaps(in, row);
	if (in->slots & SLOTS_RATES)
		write_rates(in, row);
	if (in->slots & SLOTS_OBJECT)
		write_object(in, row);
	if (in->slots & SLOTS_COUNTS)
		write_counts(in, row);
	if (in->slots & SLOTS_SPACE)
		write_space(in, row);
	if (in->slots & SLOTS_CONTEXT)
		write_context(in->e, row);
}
