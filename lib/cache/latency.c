#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ticks.h"
#include "cache/latency.h"
#include "cache/lock.h"
#include "cache/server.h"
#include "cache/store.h"

#define FIRST_US 500	   /* of the first calibration */
#define WINDOW_US 10000000 /* of the next ones */

static const char *const names[] = {"command", "fast-command", "expire-cycle"};

void
pd_latency_calibrate(struct pd_timing *t, bool first)
{
	uint64_t us = pd_clock_machine_us(), ticks = pd_ticks();

	if (first) {
		t->from = ticks;
		t->from_us = us;
		while (us - t->from_us < FIRST_US)
			us = pd_clock_machine_us();
		ticks = pd_ticks();
	} else if (us - t->from_us < WINDOW_US) {
		return;
	}
	/* A counter that stood still or jumped says nothing. */
	if (ticks > t->from && ticks - t->from < UINT64_C(1) << 40) {
		t->mult = (uint64_t)((double)(us - t->from_us) * 1000 *
				     4294967296.0 / (double)(ticks - t->from));
		pd_latency_arm(t);
	}
	if (!first) {
		t->from = ticks;
		t->from_us = us;
	}
}

void
pd_latency_arm(struct pd_timing *t)
{
	double us = -1;

	if (t->slower_us >= 0)
		us = (double)t->slower_us;
	if (t->event_ms > 0 && (us < 0 || (double)t->event_ms * 1000 < us))
		us = (double)t->event_ms * 1000;
	us = us * 1000 * 4294967296.0 / (double)(t->mult > 0 ? t->mult : 1);
	t->slow = us < 0 || us > 1e18 ? UINT64_MAX : (uint64_t)us;
}

const char *
pd_latency_event_name(enum pd_latency_event e)
{
	return names[e];
}

static void
note(struct pd_worker *w, enum pd_latency_event e, uint64_t ms)
{
	struct pd_latency *all = &w->server->latency;
	struct pd_latency_series *l = all->series[e];
	const int64_t now = w->now_ms / 1000;
	struct pd_latency_sample *last;

	if (l == NULL && (l = all->series[e] = calloc(1, sizeof(*l))) == NULL)
		return;
	if (ms > UINT32_MAX)
		ms = UINT32_MAX;
	if (ms > l->max_ms)
		l->max_ms = (uint32_t)ms;
	last =
	    &l->sample[(l->next + PD_LATENCY_SAMPLES - 1) % PD_LATENCY_SAMPLES];
	if (last->at_s == now) { /* one a second: the worst */
		if (ms > last->ms)
			last->ms = (uint32_t)ms;
		return;
	}
	l->sample[l->next] = (struct pd_latency_sample){now, (uint32_t)ms};
	l->next = (l->next + 1) % PD_LATENCY_SAMPLES;
}

void
pd_latency_event(struct pd_worker *w, enum pd_latency_event e, uint64_t ms)
{
	if (w->timing.event_ms == 0 || ms < w->timing.event_ms)
		return;
	pd_notes_lock(w->server);
	note(w, e, ms);
	pd_notes_unlock(w->server);
}

bool
pd_latency_reset(struct pd_latency *l, enum pd_latency_event e)
{
	const bool there = l->series[e] != NULL;

	free(l->series[e]);
	l->series[e] = NULL;
	return there;
}

size_t
pd_latency_memory(const struct pd_latency *l)
{
	size_t n = 0;
	int i;

	for (i = 0; i < PD_LATENCY_EVENTS; i++)
		n += l->series[i] != NULL ? sizeof(*l->series[i]) : 0;
	return n;
}

void
pd_latency_release(struct pd_latency *l)
{
	int i;

	for (i = 0; i < PD_LATENCY_EVENTS; i++)
		pd_latency_reset(l, (enum pd_latency_event)i);
}

double
pd_latency_quantile(const uint64_t counts[PD_LATENCY_BUCKETS], double q)
{
	uint64_t total = 0, below = 0, want;
	unsigned b;

	for (b = 0; b < PD_LATENCY_BUCKETS; b++)
		total += counts[b];
	want = (uint64_t)((double)total * q);
	want = want == 0 ? 1 : want;
	for (b = 0; b < PD_LATENCY_BUCKETS; b++)
		if ((below += counts[b]) >= want)
			break;
	return (double)(UINT64_C(1) << b) / 1000;
}
