#include <math.h>
#include <string.h>

#include <sodium.h>

#include "base/code.h"
#include "base/endian.h"
#include "data/feature.h"

const struct pd_feature_info pd_feature_info[PD_FEATURES] = {
#define X(slot, name, unit, served, help) [slot] = {#name, unit, help, served},
#include "data/feature_table.h"
#undef X
};

int
pd_feature_find(const char *name)
{
	int i;

	for (i = 0; i < PD_FEATURES; i++)
		if (strcmp(pd_feature_info[i].name, name) == 0)
			return i;
	return -1;
}

uint64_t
pd_feature_schema_id(void)
{
	crypto_generichash_state st;
	uint8_t out[32];
	int i;

	crypto_generichash_init(&st, NULL, 0, sizeof(out));
	for (i = 0; i < PD_FEATURES; i++) {
		const char *name = pd_feature_info[i].name;
		const char *unit = pd_feature_info[i].unit;

		crypto_generichash_update(
		    &st, (const uint8_t *)name, strlen(name) + 1);
		crypto_generichash_update(
		    &st, (const uint8_t *)unit, strlen(unit) + 1);
	}
	crypto_generichash_final(&st, out, sizeof(out));
	return pd_get64(out);
}

/* log2(a / b) of two codes; NaN when one is unknown. */
static float
code_ratio(uint8_t a, uint8_t b)
{
	if (a == PD_CODE_NONE || b == PD_CODE_NONE)
		return NAN;
	return pd_code_log2(a) - pd_code_log2(b);
}

/*
 * log2(1 + n) for codes 0..40, that is n < 1024, from the middle of the
 * integers that have the code (of the range, where no integer has it).
 */
static const float count_log2[41] = {0.0f, 1.0f, 1.1997f, 1.3461f, 1.5028f,
    1.585f, 1.8455f, 2.0f, 2.2228f, 2.3219f, 2.585f, 2.8074f, 3.0f, 3.2479f,
    3.5236f, 3.7549f, 3.9542f, 4.2095f, 4.4594f, 4.6724f, 4.9069f, 5.1699f,
    5.4263f, 5.6582f, 5.8948f, 6.1497f, 6.4009f, 6.6439f, 6.8887f, 7.1396f,
    7.3923f, 7.6402f, 7.8857f, 8.1344f, 8.3859f, 8.6348f, 8.8826f, 9.1319f,
    9.3826f, 9.633f, 9.8819f};

/* From 1024 on the 1 no longer matters. */
float
pd_feature_count(uint8_t c)
{
	if (c == PD_CODE_NONE)
		return NAN;
	return c <= 40 ? count_log2[c] : pd_code_log2(c);
}

static float
share(uint8_t c)
{
	return c == PD_CODE_NONE ? NAN : (float)c / 250.0f;
}

struct gaps {
	float mean; /* octaves of ticks */
	float spread;
	unsigned known;
};

static struct gaps
gap_stats(const struct pd_served *s)
{
	struct gaps g = {NAN, NAN, 0};
	float v, sum = 0, lo = 0, hi = 0;
	int i;

	for (i = 0; i < 4; i++) {
		if (s->gap[i] == PD_CODE_NONE)
			continue;
		v = pd_code_log2(s->gap[i]);
		lo = g.known == 0 || v < lo ? v : lo;
		hi = g.known == 0 || v > hi ? v : hi;
		sum += v;
		g.known++;
	}
	if (g.known > 0) {
		g.mean = sum / (float)g.known;
		g.spread = hi - lo;
	}
	return g;
}

void
pd_feature_served(
    const struct pd_served *s, const uint8_t *slots, unsigned n, float *row)
{
	struct gaps g = {NAN, NAN, 0};
	bool have_gaps = false;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (!have_gaps && slots[i] >= PD_F_gap_mean &&
		    slots[i] <= PD_F_gaps_known) {
			g = gap_stats(s);
			have_gaps = true;
		}
		switch (slots[i]) {
		case PD_F_age:
			row[i] = code_ratio(s->age, s->evict_age);
			break;
		case PD_F_gap1:
		case PD_F_gap2:
		case PD_F_gap3:
		case PD_F_gap4:
			row[i] = code_ratio(
			    s->gap[slots[i] - PD_F_gap1], s->evict_age);
			break;
		case PD_F_frequency:
			row[i] = pd_feature_count(s->frequency);
			break;
		case PD_F_hits_resident:
			row[i] = pd_feature_count(s->hits_resident);
			break;
		case PD_F_residence:
			row[i] = code_ratio(s->residence, s->evict_age);
			break;
		case PD_F_resident_at_last:
			row[i] = code_ratio(s->resident_at_last, s->evict_age);
			break;
		case PD_F_age_over_gap1:
			row[i] = code_ratio(s->age, s->gap[0]);
			break;
		case PD_F_gap_mean:
			row[i] = g.known == 0 || s->evict_age == PD_CODE_NONE
				     ? NAN
				     : g.mean - pd_code_log2(s->evict_age);
			break;
		case PD_F_age_over_gap_mean:
			row[i] = g.known == 0 || s->age == PD_CODE_NONE
				     ? NAN
				     : pd_code_log2(s->age) - g.mean;
			break;
		case PD_F_gap_spread:
			row[i] = g.spread;
			break;
		case PD_F_gaps_known:
			row[i] = (float)g.known;
			break;
		case PD_F_size:
			row[i] = s->size == PD_CODE_NONE
				     ? NAN
				     : pd_code_log2(s->size);
			break;
		case PD_F_ttl_left:
			row[i] = s->ttl_left == PD_CODE_NONE
				     ? NAN
				     : pd_code_log2(s->ttl_left);
			break;
		case PD_F_last_write:
			row[i] = s->flags & PD_SERVED_WRITE ? 1.0f : 0.0f;
			break;
		case PD_F_returning:
			row[i] = s->flags & PD_SERVED_RETURNING ? 1.0f : 0.0f;
			break;
		case PD_F_hit_ratio_lately:
			row[i] = share(s->hit_ratio);
			break;
		case PD_F_new_share_lately:
			row[i] = share(s->new_share);
			break;
		default:
			row[i] = NAN;
			break;
		}
	}
}
