/* LATENCY: what commands and events take (latency.c). */

#include <stdlib.h>
#include <string.h>

#include "cache/command_table.h"
#include "cache/command_util.h"

#define GRAPH_COLS 40

/* An event by name, or -1. */
static int
event_of(const struct pd_arg *a)
{
	const char *name;
	int i;

	for (i = 0; i < PD_LATENCY_EVENTS; i++) {
		name = pd_latency_event_name((enum pd_latency_event)i);
		if (strlen(name) == a->n && memcmp(name, a->p, a->n) == 0)
			return i;
	}
	return -1;
}

static const struct pd_latency_series *
series_of(const struct pd_client *c, const struct pd_arg *a)
{
	const int i = event_of(a);

	return i < 0 ? NULL : c->server->latency.series[i];
}

/* The i-th oldest sample. */
static const struct pd_latency_sample *
sample(const struct pd_latency_series *l, uint32_t i)
{
	return &l->sample[(l->next + i) % PD_LATENCY_SAMPLES];
}

static void
latency_latest(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_latency *l = &c->server->latency;
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_latency_sample *s;
	size_t found = 0;
	int i;

	(void)a;
	(void)n;
	for (i = 0; i < PD_LATENCY_EVENTS; i++) {
		if (l->series[i] == NULL)
			continue;
		s = sample(l->series[i], PD_LATENCY_SAMPLES - 1);
		pd_reply_array(&c->reply, 4);
		pd_reply_str(
		    &c->reply, pd_latency_event_name((enum pd_latency_event)i));
		pd_reply_int(&c->reply, s->at_s);
		pd_reply_int(&c->reply, s->ms);
		pd_reply_int(&c->reply, l->series[i]->max_ms);
		found++;
	}
	pd_reply_now_array(&c->reply, place, found);
}

static void
latency_history(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_latency_series *l = series_of(c, &a[2]);
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_latency_sample *s;
	size_t found = 0;
	uint32_t i;

	(void)n;
	for (i = 0; l != NULL && i < PD_LATENCY_SAMPLES; i++) {
		if ((s = sample(l, i))->at_s == 0)
			continue;
		pd_reply_array(&c->reply, 2);
		pd_reply_int(&c->reply, s->at_s);
		pd_reply_int(&c->reply, s->ms);
		found++;
	}
	pd_reply_now_array(&c->reply, place, found);
}

static void
latency_reset(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_latency *l = &c->server->latency;
	int64_t gone = 0;
	uint32_t k;
	int i;

	for (i = 0; n == 2 && i < PD_LATENCY_EVENTS; i++)
		gone += pd_latency_reset(l, (enum pd_latency_event)i);
	for (k = 2; k < n; k++)
		if ((i = event_of(&a[k])) >= 0)
			gone += pd_latency_reset(l, (enum pd_latency_event)i);
	pd_reply_int(&c->reply, gone);
}

/* One bar a sample, the newest last. */
static void
latency_graph(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_latency_series *l = series_of(c, &a[2]);
	struct pd_buf b = PD_BUF_INIT;
	const struct pd_latency_sample *s;
	uint32_t i, k;

	(void)n;
	if (l == NULL) {
		pd_reply_errorf(&c->reply,
		    "ERR No samples available for event '%.*s'",
		    a[2].n < 128 ? (int)a[2].n : 128, a[2].p);
		return;
	}
	pd_buf_printf(
	    &b, "%.*s - all time high %u ms\n", (int)a[2].n, a[2].p, l->max_ms);
	for (i = 0; i < PD_LATENCY_SAMPLES; i++) {
		if ((s = sample(l, i))->at_s == 0)
			continue;
		pd_buf_printf(&b, "%lld %6u ms ", (long long)s->at_s, s->ms);
		for (k = 0; k < (uint64_t)s->ms * GRAPH_COLS / (l->max_ms + 1);
		     k++)
			pd_buf_addc(&b, '#');
		pd_buf_addc(&b, '\n');
	}
	pd_reply_text(&c->reply, (const char *)b.data, b.len);
	pd_buf_release(&b);
}

static void
doctor_event(
    struct pd_buf *b, const char *name, const struct pd_latency_series *l)
{
	uint64_t sum = 0;
	uint32_t i, n = 0;

	for (i = 0; i < PD_LATENCY_SAMPLES; i++)
		if (l->sample[i].at_s != 0) {
			sum += l->sample[i].ms;
			n++;
		}
	pd_buf_printf(b, "%s: %u spikes, mean %llu ms, worst %u ms.\n", name, n,
	    (unsigned long long)(sum / n), l->max_ms);
}

static void
latency_doctor(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_server *s = c->server;
	struct pd_buf b = PD_BUF_INIT;
	int i;

	(void)a;
	(void)n;
	for (i = 0; i < PD_LATENCY_EVENTS; i++)
		if (s->latency.series[i] != NULL)
			doctor_event(&b,
			    pd_latency_event_name((enum pd_latency_event)i),
			    s->latency.series[i]);
	if (s->workers->timing.event_ms == 0)
		pd_buf_addstr(&b, "Latency monitoring is off: CONFIG SET "
				  "latency-monitor-threshold MILLISECONDS.\n");
	else if (b.len == 0)
		pd_buf_addstr(&b, "No latency spike was observed.\n");
	else
		pd_buf_addstr(&b,
		    "SLOWLOG GET names single commands; KEYS, FLUSHALL and "
		    "values of megabytes hold the others up.\n");
	pd_reply_text(&c->reply, (const char *)b.data, b.len);
	pd_buf_release(&b);
}

/* The calls of a command up to powers of two of 1,024 ns, as microseconds. */
static void
reply_histogram(
    struct pd_reply *r, const struct pd_cmd *cmd, const struct pd_cmd_count *n)
{
	const size_t start = 10; /* the bucket below 1,024 ns */
	uint64_t below = 0, before = 0;
	size_t place, pairs = 0, b;

	pd_reply_str(r, cmd->full);
	pd_reply_map(r, 2);
	pd_reply_str(r, "calls");
	for (b = 0; b < PD_LATENCY_BUCKETS; b++)
		below += n->took[b];
	pd_reply_int(r, (int64_t)below);
	pd_reply_str(r, "histogram_usec");
	place = pd_reply_later(r);
	below = 0;
	for (b = 0; b < PD_LATENCY_BUCKETS; b++) {
		below += n->took[b];
		if (b < start || below == before)
			continue;
		pd_reply_int(r, (int64_t)((UINT64_C(1) << b) / 1000));
		pd_reply_int(r, (int64_t)below);
		before = below;
		pairs++;
	}
	pd_reply_now_map(r, place, pairs);
}

static size_t
histogram_of(struct pd_client *c, const struct pd_cmd *cmd)
{
	struct pd_cmd_count n;
	size_t found = 0;
	uint32_t i;

	pd_command_counted(c->server, cmd, &n);
	for (i = 0; i < PD_LATENCY_BUCKETS; i++)
		if (n.took[i] > 0)
			break;
	if (i < PD_LATENCY_BUCKETS) {
		reply_histogram(&c->reply, cmd, &n);
		found = 1;
	}
	for (i = 0; i < cmd->nsubs; i++)
		found += histogram_of(c, &cmd->subs[i]);
	return found;
}

static void
latency_histogram(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_cmd *cmd;
	size_t found = 0, k;
	uint32_t i;

	for (k = 0; n == 2 && (cmd = pd_commands_at(c->server->commands, k));
	     k++)
		found += histogram_of(c, cmd);
	for (i = 2; i < n; i++)
		if ((cmd = pd_commands_full(
			 c->server->commands, a[i].p, a[i].n)) != NULL)
			found += histogram_of(c, cmd);
	pd_reply_now_map(&c->reply, place, found);
}

static void
latency_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"DOCTOR",
	    "    What was seen of latency, in words.", "GRAPH <event>",
	    "    A bar for each sample of an event.",
	    "HISTOGRAM [<command> ...]",
	    "    How many calls took up to how long.", "HISTORY <event>",
	    "    The samples of an event: time and milliseconds.", "LATEST",
	    "    The latest sample of each event, and the worst.",
	    "RESET [<event> ...]", "    Forget samples.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "LATENCY", lines);
}

#define BASE (PD_CMD_ADMIN | PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_), .group = "server"
#define TIPS                                                                   \
	.tips = "nondeterministic_output request_policy:all_nodes "            \
		"response_policy:special"

static const struct pd_command subs[] = {
    {DEF("doctor", 2, BASE), .run = latency_doctor, .since = "2.8.13",
	.complexity = "O(1)", TIPS, .summary = "Latency in words."},
    {DEF("graph", 3, BASE), .run = latency_graph, .since = "2.8.13",
	.complexity = "O(1)", TIPS,
	.summary = "The samples of an event, drawn."},
    {DEF("help", 2, PD_CMD_LOADING | PD_CMD_STALE), .run = latency_help,
	.since = "2.8.13", .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("histogram", -2, BASE), .run = latency_histogram, .since = "7.0.0",
	.complexity = "O(N)", TIPS, .summary = "What calls of commands took."},
    {DEF("history", 3, BASE), .run = latency_history, .since = "2.8.13",
	.complexity = "O(1)", TIPS, .summary = "The samples of an event."},
    {DEF("latest", 2, BASE), .run = latency_latest, .since = "2.8.13",
	.complexity = "O(1)", TIPS, .summary = "The latest samples."},
    {DEF("reset", -2, BASE), .run = latency_reset, .since = "2.8.13",
	.complexity = "O(1)",
	.tips = "request_policy:all_nodes response_policy:all_succeeded",
	.summary = "Forget samples."},
    {.name = NULL},
};

const struct pd_command pd_commands_latency[] = {
    {DEF("latency", -2, 0), .subs = subs, .since = "2.8.13",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on latency."},
    {.name = NULL},
};
