#include <stdlib.h>

#include "base/err.h"
#include "base/keyfile.h"
#include "cache/tap.h"

struct pd_tap *
pd_tap_new(const struct pd_keys *keys, uint64_t events, enum pd_scheme scheme,
    double rate, uint32_t shard, struct pd_err *err)
{
	struct pd_tap *t = calloc(1, sizeof(*t));
	uint32_t n = PD_TAP_RING_MIN;

	while (n < events && n < PD_TAP_RING_MAX)
		n *= 2;
	if (t == NULL || (t->ring = calloc(n, sizeof(*t->ring))) == NULL) {
		free(t);
		pd_err_nomem(err);
		return NULL;
	}
	t->size = n;
	t->keys = keys;
	t->seed = keys->select_salt + ((uint64_t)shard << 32);
	pd_keycap_init(&t->cap, rate);
	pd_tap_set_rate(t, scheme, rate);
	return t;
}

void
pd_tap_free(struct pd_tap *t)
{
	if (t == NULL)
		return;
	free(t->ring);
	free(t);
}

void
pd_tap_set_rate(struct pd_tap *t, enum pd_scheme scheme, double rate)
{
	pd_sampler_init(
	    &t->sampler, scheme, rate, t->keys->select_salt, t->seed++);
	pd_keycap_set_rate(&t->cap, rate);
}

size_t
pd_tap_memory(const struct pd_tap *t)
{
	return t == NULL ? 0 : sizeof(*t) + t->size * sizeof(*t->ring);
}

bool
pd_tap_push(struct pd_tap *t, struct pd_event *e)
{
	uint32_t head;

	/* A rate of 1 is asked for by who wants all of it. */
	if (t->sampler.scheme == PD_SAMPLE_KEY && t->sampler.rate < 1) {
		e->weight = pd_keycap_take(&t->cap, e);
		if (e->weight == 0)
			return false;
	}
	head = atomic_load_explicit(&t->head, memory_order_relaxed);
	if (head - atomic_load_explicit(&t->tail, memory_order_acquire) ==
	    t->size) {
		atomic_fetch_add_explicit(&t->lost, 1, memory_order_relaxed);
		return false;
	}
	t->ring[head & (t->size - 1)] = *e;
	atomic_store_explicit(&t->head, head + 1, memory_order_release);
	return true;
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
pd_tap_peek(const struct pd_tap *t, uint32_t head)
{
	const uint32_t tail =
	    atomic_load_explicit(&t->tail, memory_order_relaxed);

	return tail == head ? NULL : &t->ring[tail & (t->size - 1)];
}

void
pd_tap_pop(struct pd_tap *t)
{
	const uint32_t tail =
	    atomic_load_explicit(&t->tail, memory_order_relaxed);

	atomic_store_explicit(&t->tail, tail + 1, memory_order_release);
}

uint64_t
pd_tap_take_lost(struct pd_tap *t)
{
	if (atomic_load_explicit(&t->lost, memory_order_relaxed) == 0)
		return 0;
	return atomic_exchange_explicit(&t->lost, 0, memory_order_relaxed);
}
