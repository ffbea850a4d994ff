#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/keyfile.h"
#include "cache/tap.h"

static const struct pd_gate shut = PD_GATE_SHUT;

struct pd_tap *
pd_tap_new(const struct pd_keys *keys, uint64_t events,
    const struct pd_rates *rates, uint32_t shard, struct pd_err *err)
{
	struct pd_tap *t = aligned_alloc(_Alignof(struct pd_tap), sizeof(*t));
	uint32_t n = PD_TAP_RING_LEAST;

	if (t == NULL)
		goto err0;
	memset(t, 0, sizeof(*t));
	while (n <= events / 2 && n < PD_TAP_RING_MAX)
		n *= 2;
	t->ring = calloc(n, sizeof(*t->ring));
	t->scheme = calloc(n, 1);
	if (t->ring == NULL || t->scheme == NULL)
		goto err0;
	t->size = n;
	t->keys = keys;
	t->seed = keys->select_salt + ((uint64_t)shard << 32);
	pd_keycap_init(&t->cap, 1);
	pd_tap_set_rates(t, rates);
	return t;
err0:
	pd_tap_free(t);
	pd_err_nomem(err);
	return NULL;
}

void
pd_tap_free(struct pd_tap *t)
{
	if (t == NULL)
		return;
	free(t->scheme);
	free(t->ring);
	free(t);
}

size_t
pd_tap_memory(const struct pd_tap *t)
{
	return t == NULL ? 0 : sizeof(*t) + t->size * (sizeof(*t->ring) + 1);
}

/* What the path of an access compares with, outside windows. */
static void
set_gate(struct pd_tap *t)
{
	struct pd_gate *g = t->gate;

	if (g == NULL)
		return;
	*g = shut;
	if (!t->on)
		return;
	if (t->rates.of[PD_SAMPLE_KEY] > 0) {
		g->mul = t->sampler[PD_SAMPLE_KEY].mul;
		g->limit = t->sampler[PD_SAMPLE_KEY].limit;
	}
	if (t->rates.of[PD_SAMPLE_EVENT] > 0)
		g->skip = t->sampler[PD_SAMPLE_EVENT].skip;
	/* Due at once. */
	if (t->rates.of[PD_SAMPLE_WINDOW] > 0)
		g->for_us = 0;
}

void
pd_tap_attach(struct pd_tap *t, struct pd_gate *g)
{
	t->gate = g;
	set_gate(t);
}

void
pd_tap_listen(struct pd_tap *t, bool on)
{
	if (t->on == on)
		return;
	t->on = on;
	set_gate(t);
}

void
pd_tap_set_rates(struct pd_tap *t, const struct pd_rates *rates)
{
	unsigned i;

	t->rates = *rates;
	for (i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++)
		if (rates->of[i] > 0)
			pd_sampler_init(&t->sampler[i], (enum pd_scheme)i,
			    rates->of[i], t->keys->select_salt, t->seed++);
	if (rates->of[PD_SAMPLE_KEY] > 0)
		pd_keycap_set_rate(&t->cap, rates->of[PD_SAMPLE_KEY]);
	set_gate(t);
}

void
pd_tap_turn(struct pd_tap *t, uint64_t now_us)
{
	struct pd_sampler *w = &t->sampler[PD_SAMPLE_WINDOW];
	struct pd_gate *g = t->gate;

	if (!t->on || t->rates.of[PD_SAMPLE_WINDOW] <= 0)
		return;
	if (pd_sampler_window(w, now_us))
		g->limit = UINT64_MAX;
	else if (t->rates.of[PD_SAMPLE_KEY] > 0)
		g->limit = t->sampler[PD_SAMPLE_KEY].limit;
	else
		g->limit = 0;
	g->from_us = w->window_from;
	g->for_us = w->window_us;
}

unsigned
pd_tap_which(struct pd_tap *t, uint64_t hash)
{
	unsigned which = 0;

	if (t->gate->skip == 0) {
		t->gate->skip = pd_sampler_draw(&t->sampler[PD_SAMPLE_EVENT]);
		which |= 1u << PD_SAMPLE_EVENT;
	}
	if (!t->on)
		return 0;
	if (t->rates.of[PD_SAMPLE_KEY] > 0 &&
	    pd_sample_key(&t->sampler[PD_SAMPLE_KEY], hash))
		which |= 1u << PD_SAMPLE_KEY;
	if (t->rates.of[PD_SAMPLE_WINDOW] > 0 &&
	    t->sampler[PD_SAMPLE_WINDOW].window_on)
		which |= 1u << PD_SAMPLE_WINDOW;
	return which;
}

/* Add to a counter that nobody else writes. */
static void
count(_Atomic uint64_t *n)
{
	atomic_store_explicit(n,
	    atomic_load_explicit(n, memory_order_relaxed) + 1,
	    memory_order_relaxed);
}

enum pd_tap_pushed
pd_tap_push(struct pd_tap *t, enum pd_scheme scheme, struct pd_event *e)
{
	const uint32_t head =
	    atomic_load_explicit(&t->head, memory_order_relaxed);

	/* A rate of 1 is asked for by who wants all of it. */
	e->weight = 1;
	if (scheme == PD_SAMPLE_KEY && t->rates.of[scheme] < 1) {
		e->weight = pd_keycap_take(&t->cap, e);
		if (e->weight == 0)
			return PD_TAP_LEFT_OUT;
	}
	count(&t->count[scheme].sampled);
	if (head - t->tail_known == t->size)
		t->tail_known =
		    atomic_load_explicit(&t->tail, memory_order_acquire);
	if (head - t->tail_known == t->size) {
		count(&t->count[scheme].dropped);
		return PD_TAP_DROPPED;
	}
	t->ring[head & (t->size - 1)] = *e;
	t->scheme[head & (t->size - 1)] = (uint8_t)scheme;
	atomic_store_explicit(&t->head, head + 1, memory_order_release);
	return PD_TAP_PUSHED;
}

uint32_t
pd_tap_head(const struct pd_tap *t)
{
	return atomic_load_explicit(&t->head, memory_order_acquire);
}

uint32_t
pd_tap_waiting(const struct pd_tap *t)
{
	return atomic_load_explicit(&t->head, memory_order_relaxed) -
	       atomic_load_explicit(&t->tail, memory_order_relaxed);
}

const struct pd_event *
pd_tap_peek(const struct pd_tap *t, uint32_t head, enum pd_scheme *scheme)
{
	const uint32_t tail =
	    atomic_load_explicit(&t->tail, memory_order_relaxed);

	if (tail == head)
		return NULL;
	*scheme = (enum pd_scheme)t->scheme[tail & (t->size - 1)];
	return &t->ring[tail & (t->size - 1)];
}

void
pd_tap_pop(struct pd_tap *t)
{
	const uint32_t tail =
	    atomic_load_explicit(&t->tail, memory_order_relaxed);

	atomic_store_explicit(&t->tail, tail + 1, memory_order_release);
}

uint64_t
pd_tap_take_lost(struct pd_tap *t, enum pd_scheme scheme)
{
	const uint64_t n = atomic_load_explicit(
	    &t->count[scheme].dropped, memory_order_relaxed);
	const uint64_t more = n - t->told[scheme];

	t->told[scheme] = n;
	return more;
}
