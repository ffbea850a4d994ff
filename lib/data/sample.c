#include <math.h>
#include <stddef.h>
#include <string.h>

#include "data/sample.h"

static const char *const scheme_names[] = {"none", "key", "event", "window"};

const char *
pd_scheme_name(enum pd_scheme s)
{
	return scheme_names[s];
}

int
pd_scheme_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(scheme_names) / sizeof(*scheme_names);
	     i++)
		if (strcmp(name, scheme_names[i]) == 0)
			return (int)i;
	return -1;
}

void
pd_sampler_init(struct pd_sampler *s, enum pd_scheme scheme, double rate,
    uint64_t salt, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	if (!(rate > 0x1p-60))
		rate = 0x1p-60;
	if (rate > 1)
		rate = 1;
	s->scheme = scheme;
	s->rate = rate;
	s->mul = pd_mix64(salt) | 1;
	s->limit = rate < 1 ? (uint64_t)(rate * 0x1p64) - 1 : UINT64_MAX;
	s->inv_log = rate < 1 ? 1 / log1p(-rate) : 0;
	s->window_us = PD_SAMPLE_WINDOW_US;
	pd_rng_init(&s->rng, seed);
	s->skip = pd_sampler_draw(s);
}

uint64_t
pd_sampler_draw(struct pd_sampler *s)
{
	const double u = pd_rng_double(&s->rng);
	const double k = log1p(-u) * s->inv_log; /* 1 - u is in (0, 1] */

	return 1 + (k < 0x1p62 ? (uint64_t)k : (uint64_t)1 << 62);
}

bool
pd_sampler_window(struct pd_sampler *s, uint64_t time_us)
{
	const uint64_t n = time_us / s->window_us;

	s->window_from = n * s->window_us;
	s->window_to = s->window_from + s->window_us;
	s->window_on = pd_mix64(pd_mix64(n) ^ s->mul) <= s->limit;
	return s->window_on;
}

bool
pd_sample(struct pd_sampler *s, uint64_t hash, uint64_t time_us)
{
	switch (s->scheme) {
	case PD_SAMPLE_KEY:
		return pd_sample_key(s, hash);
	case PD_SAMPLE_EVENT:
		return pd_sample_event(s);
	case PD_SAMPLE_WINDOW:
		return pd_sample_window(s, time_us);
	case PD_SAMPLE_NONE:
		break;
	}
	return true;
}

void
pd_keycap_init(struct pd_keycap *c)
{
	memset(c, 0, sizeof(*c));
}

uint32_t
pd_keycap_take(struct pd_keycap *c, uint64_t key, uint64_t time_us)
{
	const uint32_t second = (uint32_t)(time_us / 1000000);
	const size_t i = pd_mix64(key) % PD_KEYCAP_SLOTS;
	uint32_t n, level;

	if (c->slot[i].key != key || c->slot[i].second != second) {
		c->slot[i].key = key;
		c->slot[i].second = second;
		c->slot[i].seen = 0;
	}
	/* Level j holds FREE * 2^j events and starts at FREE * (2^j - 1). */
	n = c->slot[i].seen++;
	level = 31 - (uint32_t)__builtin_clz(n / PD_KEYCAP_FREE + 1);
	n -= PD_KEYCAP_FREE * ((1u << level) - 1);
	return (n & ((1u << level) - 1)) == 0 ? 1u << level : 0;
}
