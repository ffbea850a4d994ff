/* predis-replay: what a cache would have done with a trace. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "data/evreader.h"
#include "model/model.h"
#include "replay.h"

static bool list_policies;
static bool all_policies;

struct options opt = {
    .time_unit = "s",
    .seed = 1,
    .to = 1,
    .pipeline = 1,
    .prefix = "",
    .timeout_us = 10000000,
};

/* Call ${one} for each word between commas. */
static int
each_word(const char *text, struct pd_err *err,
    int (*one)(const char *word, struct pd_err *err))
{
	char word[64];
	size_t n;

	for (;; text += n + 1) {
		n = strcspn(text, ",");
		if (n == 0 || n >= sizeof(word))
			return pd_err_set(err, "'%s' is no name", text);
		memcpy(word, text, n);
		word[n] = '\0';
		if (one(word, err) < 0)
			return -1;
		if (text[n] == '\0')
			return 0;
	}
}

static int
push_policy(const struct pd_policy_ops *ops, struct pd_err *err)
{
	int i;

	for (i = 0; i < opt.policies; i++)
		if (opt.policy[i] == ops)
			return 0;
	if (opt.policies == MAX_POLICIES)
		return pd_err_set(err, "more than %d policies", MAX_POLICIES);
	opt.policy[opt.policies++] = ops;
	return 0;
}

static int
add_policy(const char *name, struct pd_err *err)
{
	const struct pd_policy_ops *ops = pd_policy_find(name);

	if (strcmp(name, "all") == 0) {
		all_policies = true;
		return 0;
	}
	if (ops == NULL && strcmp(name, "belady") != 0)
		return pd_err_set(
		    err, "unknown policy '%s' (see --list-policies)", name);
	return push_policy(ops, err);
}

static int
call_policy(void *dest, const char *value, struct pd_err *err)
{
	(void)dest;
	return each_word(value, err, add_policy);
}

static int
add_size(const char *text, struct pd_err *err)
{
	struct size *s = &opt.size[opt.sizes];

	if (opt.sizes == MAX_SIZES)
		return pd_err_set(err, "more than %d sizes", MAX_SIZES);
	*s = (struct size){0, 0};
	if (strchr(text, '%') != NULL || strchr(text, '/') != NULL) {
		if (pd_parse_share(text, &s->share, err) < 0)
			return -1;
		if (s->share <= 0)
			return pd_err_set(err, "'%s' is no size", text);
	} else if (pd_parse_size(text, &s->units, err) < 0) {
		return -1;
	} else if (s->units == 0) {
		return pd_err_set(err, "'%s' is no size", text);
	}
	opt.sizes++;
	return 0;
}

static int
call_size(void *dest, const char *value, struct pd_err *err)
{
	(void)dest;
	return each_word(value, err, add_size);
}

static int
show_policies(void)
{
	const struct pd_policy_ops *const *p;

	for (p = pd_policies; *p != NULL; p++)
		printf("%s\t%s\n", (*p)->name, (*p)->help);
	printf("belady\tthe farthest next request: the offline bound\n");
	return PD_EXIT_YES;
}

/* The file's name without its folder and endings, into ${name}. */
static void
trace_name(const char *path, char *name, size_t size)
{
	static const char *const ending[] = {
	    ".gz", ".csv", ".pds", ".bin", ".txt", ".log", NULL};
	const char *base = strrchr(path, '/');
	size_t n, e;
	int i;

	base = base == NULL ? path : base + 1;
	if (strcmp(base, "-") == 0)
		base = "stdin";
	snprintf(name, size, "%s", base);
	for (i = 0; ending[i] != NULL; i++) {
		n = strlen(name);
		e = strlen(ending[i]);
		if (n > e && strcmp(name + n - e, ending[i]) == 0)
			name[n - e] = '\0';
	}
}

static void
show_reading(void *cookie, uint64_t done, uint64_t total)
{
	pd_cli_progress(cookie, done, total);
}

static void
note_damage(const struct pd_evreader *r, const char *path)
{
	char what[200];

	if (pd_evreader_damage_text(r, what, sizeof(what)))
		pd_cli_note("'%s' %s", path, what);
}

static struct pd_trace *
load(const char *path, struct pd_err *err)
{
	char what[128];
	struct pd_evreader *r;
	struct pd_trace *t;

	r = pd_evreader_open(path, opt.format, NULL,
	    (enum pd_timeunit)pd_timeunit_parse(opt.time_unit), err);
	if (r == NULL)
		return NULL;
	snprintf(what, sizeof(what), "reading %.100s", path);
	t = pd_trace_new(opt.server != NULL, err);
	if (t != NULL && pd_trace_load(t, r, show_reading, what, err) < 0) {
		pd_trace_free(t);
		t = NULL;
	}
	pd_cli_progress_end();
	if (t != NULL) {
		note_damage(r, path);
		if (t->requests == 0) {
			pd_err_set(err, "'%s' holds no request", path);
			pd_trace_free(t);
			t = NULL;
		}
	}
	pd_evreader_close(r);
	return t;
}

static int
run_trace(const char *path)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_trace *t = load(path, &err);
	struct play p;
	char name[256];
	int r;

	if (t == NULL) {
		pd_cli_fail(&err);
		return -1;
	}
	trace_name(path, name, sizeof(name));
	p.trace = t;
	p.name = name;
	p.begin = pd_trace_position(t, opt.skip);
	p.end = pd_trace_position(t, opt.to);
	p.from = pd_trace_position(t, opt.from);
	p.trained = pd_trace_position(t, opt.train_on);
	if (p.from < p.begin)
		p.from = p.begin;
	r = opt.server != NULL ? play_server(&p) : simulate(&p);
	pd_trace_free(t);
	return r;
}

/* The policies to simulate; one that takes a model only where there is one,
 * unless it was named. */
static int
choose_policies(struct pd_err *err)
{
	const bool model = opt.model != NULL || opt.train_on > 0;
	const struct pd_policy_ops *const *p;

	if (all_policies) {
		for (p = pd_policies; *p != NULL; p++)
			if (((*p)->set_model == NULL || model) &&
			    push_policy(*p, err) < 0)
				return -1;
		return push_policy(NULL, err);
	}
	if (opt.policies > 0)
		return 0;
	add_policy("lru", err);
	add_policy("s3fifo", err);
	if (model)
		add_policy("learned", err);
	return add_policy("belady", err);
}

/* --train-on, which decides where counting begins. 0, or -1 reported. */
static int
check_training(void)
{
	if (opt.train_on == 0)
		return 0;
	if (!PD_MLOPS) {
		pd_cli_usage("--train-on: this build cannot train "
			     "(MLOPS_ENABLED=0)");
		return -1;
	}
	if (opt.model_path != NULL || opt.server != NULL) {
		pd_cli_usage("--train-on cannot be used with --%s",
		    opt.server != NULL ? "server" : "model");
		return -1;
	}
	if (opt.from == 0)
		opt.from = opt.train_on;
	if (opt.from < opt.train_on || opt.skip >= opt.train_on) {
		pd_cli_usage(
		    "%s", opt.skip >= opt.train_on
			      ? "--skip must be smaller than --train-on"
			      : "--from must not be smaller than --train-on: "
				"what was "
				"trained on proves nothing");
		return -1;
	}
	return 0;
}

/* What the options mean together. 0, or an exit status having reported. */
static int
check_options(void)
{
	struct pd_err err = PD_ERR_INIT;

	if (pd_timeunit_parse(opt.time_unit) < 0)
		return pd_cli_usage(
		    "option --time-unit: '%s' is not s, ms, us or seq",
		    opt.time_unit);
	if (check_training() < 0)
		return PD_EXIT_FAIL;
	if (opt.skip >= opt.to || opt.from >= opt.to)
		return pd_cli_usage(
		    "--skip and --from must be smaller than --to");
	if (opt.pipeline == 0 || opt.pipeline > 100000)
		return pd_cli_usage("--pipeline must be in 1..100000");
	if (opt.server != NULL && (opt.policies > 0 || all_policies ||
				      opt.sizes > 0 || opt.model_path != NULL))
		return pd_cli_usage("--policy, --size and --model are for "
				    "simulation: --server has its own");
	if (opt.server != NULL)
		return 0;
	if (opt.model_path != NULL) {
		opt.model = pd_model_load(opt.model_path, &err);
		if (opt.model == NULL)
			return pd_cli_fail(&err);
	}
	if (choose_policies(&err) < 0)
		return pd_cli_fail(&err);
	if (opt.sizes == 0)
		add_size("10%", &err);
	return 0;
}

static int
run(int argc, char **argv)
{
	int i, status;

	if (list_policies)
		return show_policies();
	if (argc == 0)
		return pd_cli_usage("missing operand: predis-replay TRACE...");
	if ((status = check_options()) != 0)
		return status;
	for (i = 0; i < argc; i++)
		if (run_trace(argv[i]) < 0)
			status = PD_EXIT_FAIL;
	pd_model_free(opt.model);
	return status;
}

static const struct pd_opt opts[] = {
    {'p', "policy", "P,...", PD_OPT_CALL, NULL, call_policy,
	"simulate these policies, or all; may be repeated"},
    {'s', "size", "N|N%,...", PD_OPT_CALL, NULL, call_size,
	"capacities: objects, or a share of the trace's; may be repeated"},
    {'b', "bytes", NULL, PD_OPT_FLAG, &opt.bytes, NULL,
	"capacities are bytes: 64M, or a share of the trace's unique bytes"},
    {'m', "model", "FILE", PD_OPT_STR, &opt.model_path, NULL,
	"the bundle that policy learned uses"},
    {0, "train-on", "SHARE", PD_OPT_SHARE, &opt.train_on, NULL,
	"train the model of policy learned on this leading share first"},
    {0, "skip", "SHARE", PD_OPT_SHARE, &opt.skip, NULL,
	"leave this leading share of the requests out"},
    {'f', "from", "SHARE", PD_OPT_SHARE, &opt.from, NULL,
	"count from here on; what comes before warms the cache"},
    {'t', "to", "SHARE", PD_OPT_SHARE, &opt.to, NULL, "stop here"},
    {0, "seed", "N", PD_OPT_U64, &opt.seed, NULL,
	"seed of the policies that draw at random"},
    {0, "format", "F", PD_OPT_STR, &opt.format, NULL,
	"format of the trace: pds, csv, oracle, monitor (default: look)"},
    {0, "time-unit", "U", PD_OPT_STR, &opt.time_unit, NULL,
	"unit of a csv's time column: s, ms, us, or seq for none"},
    {'j', "json", NULL, PD_OPT_FLAG, &opt.json, NULL,
	"one JSON object a line instead of columns"},
    {0, "list-policies", NULL, PD_OPT_FLAG, &list_policies, NULL,
	"print the policies, one a line, and end"},
    {0, "server", "ADDRESS", PD_OPT_STR, &opt.server, NULL,
	"play against a RESP server: GET, and SET on a miss"},
    {'P', "pipeline", "N", PD_OPT_U64, &opt.pipeline, NULL,
	"server: GETs sent together, before the SETs of their misses"},
    {0, "value-size", "BYTES", PD_OPT_SIZE, &opt.value_size, NULL,
	"server: size of every value (default: the trace's sizes)"},
    {0, "prefix", "TEXT", PD_OPT_STR, &opt.prefix, NULL,
	"server: text in front of every key"},
    {0, "password-file", "FILE", PD_OPT_STR, &opt.password_file, NULL,
	"server: password for AUTH, the first line of FILE"},
    {0, "timeout", "DURATION", PD_OPT_DURATION, &opt.timeout_us, NULL,
	"server: longest wait for a connection or an answer"},
    PD_OPT_END,
};

static const struct pd_verb verbs[] = {
    {"", "TRACE...", "", opts, 0, -1, run},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

int
main(int argc, char **argv)
{
	static const struct pd_program program = {
	    .name = "predis-replay",
	    .purpose = "Tell what a cache would have done with a trace, or "
		       "play it against a server",
	    .verbs = verbs,
	    .examples =
		"  predis-replay --policy all --size 1%,10% trace.csv.gz\n"
		"  predis-replay --train-on 50% --size 1% trace.csv.gz\n"
		"  predis-replay --model new.pdm --from 50% --json day.pds\n"
		"  predis-replay --server 127.0.0.1:6379 trace.csv.gz\n",
	};

	return pd_cli_main(&program, argc, argv);
}
