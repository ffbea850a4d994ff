#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "data/pds_meta.h"
#include "data/traffic.h"

void
pd_traffic_init(struct pd_traffic *t)
{
	memset(t, 0, sizeof(*t));
	t->factor = 1;
}

void
pd_traffic_header(struct pd_traffic *t, const struct pd_pds_meta *m)
{
	const double p =
	    m->scheme == PD_SAMPLE_NONE || !(m->rate > 0) || m->rate > 1
		? 1
		: m->rate;
	unsigned i;

	t->scheme = m->scheme;
	t->window_us = m->window_us > 0 ? m->window_us : PD_SAMPLE_WINDOW_US;
	t->factor = 1 / p;
	t->deviation = sqrt(1 - p) / p;
	t->hits_unknown |= m->hits_unknown;
	for (i = 0; i < m->namespaces.n; i++)
		if (pd_namespaces_name(&t->names, m->namespaces.of[i].id) ==
		    NULL)
			(void)pd_namespaces_add(&t->names,
			    m->namespaces.of[i].id, m->namespaces.of[i].name,
			    strlen(m->namespaces.of[i].name));
}

/* The group of what was drawn when this event was sampled. */
static unsigned
group_of(const struct pd_traffic *t, const struct pd_event *e)
{
	uint64_t unit = t->events;

	if (t->scheme == PD_SAMPLE_KEY)
		unit = e->key;
	else if (t->scheme == PD_SAMPLE_WINDOW)
		unit = e->time_us / t->window_us;
	return (unsigned)(pd_mix64(unit) % PD_TRAFFIC_GROUPS);
}

/* How much the event adds to each number. */
static void
measure(const struct pd_event *e, double *x)
{
	const bool hit = (e->flags & PD_EV_HIT) != 0;
	const double w = e->weight;

	memset(x, 0, PD_TRAFFIC_WHATS * sizeof(*x));
	x[PD_TRAFFIC_REQUESTS] = w;
	if (pd_event_is_access(e)) {
		x[PD_TRAFFIC_ACCESSES] = w;
		if (e->op == PD_OP_GET) {
			x[PD_TRAFFIC_GETS] = w;
			x[PD_TRAFFIC_HITS] = hit ? w : 0;
			x[PD_TRAFFIC_BYTES_OUT] = hit ? w * e->size : 0;
		}
	}
	if (pd_op_writes(e->op))
		x[PD_TRAFFIC_BYTES_IN] = w * e->size;
}

static void
add_sums(struct pd_traffic_sums *s, const struct pd_traffic *t, const double *x,
    unsigned group)
{
	unsigned i;

	for (i = 0; i < PD_TRAFFIC_WHATS; i++) {
		s->sum[i] += x[i] * t->factor;
		s->part[group][i] += x[i] * t->deviation;
	}
}

/* The sums of a namespace, or NULL when it is one too many. */
static struct pd_traffic_sums *
sums_of(struct pd_traffic *t, uint32_t ns)
{
	uint32_t i;

	for (i = 0; i < t->spaces; i++)
		if (t->space[i].ns == ns)
			return &t->space[i].sums;
	if (t->spaces == PD_TRAFFIC_SPACES)
		return NULL;
	t->space[t->spaces].ns = ns;
	return &t->space[t->spaces++].sums;
}

double
pd_traffic_add(struct pd_traffic *t, const struct pd_event *e)
{
	const unsigned group = group_of(t, e);
	const unsigned op = e->op < PD_OP_MAX ? e->op : PD_OP_MAX;
	struct pd_traffic_sums *space = sums_of(t, e->ns);
	double x[PD_TRAFFIC_WHATS];

	measure(e, x);
	add_sums(&t->all, t, x, group);
	if (space != NULL)
		add_sums(space, t, x, group);
	else
		t->others++;
	t->op[op].sum += e->weight * t->factor;
	t->op[op].part[group] += e->weight * t->deviation;
	if (t->events == 0 || e->time_us < t->first_us)
		t->first_us = e->time_us;
	if (t->events == 0 || e->time_us > t->last_us)
		t->last_us = e->time_us;
	t->events++;
	return e->weight * t->factor;
}

/* The standard error that the deviations of the groups amount to. */
static double
error_of(const double *part)
{
	const double g = PD_TRAFFIC_GROUPS;
	double mean = 0, squares = 0;
	unsigned i;

	for (i = 0; i < PD_TRAFFIC_GROUPS; i++)
		mean += part[i] / g;
	for (i = 0; i < PD_TRAFFIC_GROUPS; i++)
		squares += (part[i] - mean) * (part[i] - mean);
	return sqrt(squares * g / (g - 1));
}

struct pd_estimate
pd_traffic_total(const struct pd_traffic_sums *s, enum pd_traffic_what what)
{
	double part[PD_TRAFFIC_GROUPS];
	unsigned i;

	for (i = 0; i < PD_TRAFFIC_GROUPS; i++)
		part[i] = s->part[i][what];
	return (struct pd_estimate){s->sum[what], error_of(part)};
}

struct pd_estimate
pd_traffic_ratio(const struct pd_traffic_sums *s, enum pd_traffic_what a,
    enum pd_traffic_what b)
{
	double part[PD_TRAFFIC_GROUPS], r;
	unsigned i;

	if (!(s->sum[b] > 0))
		return (struct pd_estimate){NAN, NAN};
	r = s->sum[a] / s->sum[b];
	for (i = 0; i < PD_TRAFFIC_GROUPS; i++)
		part[i] = s->part[i][a] - r * s->part[i][b];
	return (struct pd_estimate){r, error_of(part) / s->sum[b]};
}

struct pd_estimate
pd_traffic_op_total(const struct pd_traffic *t, unsigned op)
{
	return (struct pd_estimate){t->op[op].sum, error_of(t->op[op].part)};
}

struct pd_estimate
pd_traffic_op_share(const struct pd_traffic *t, unsigned op)
{
	const double all = t->all.sum[PD_TRAFFIC_REQUESTS];
	double part[PD_TRAFFIC_GROUPS], r;
	unsigned i;

	if (!(all > 0))
		return (struct pd_estimate){NAN, NAN};
	r = t->op[op].sum / all;
	for (i = 0; i < PD_TRAFFIC_GROUPS; i++)
		part[i] =
		    t->op[op].part[i] - r * t->all.part[i][PD_TRAFFIC_REQUESTS];
	return (struct pd_estimate){r, error_of(part) / all};
}
