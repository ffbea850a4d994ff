/* What the options of predis-replay mean, alone and together. */

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "cache/learned.h"
#include "cli/cli.h"
#include "curve.h"
#include "data/evreader.h"
#include "io/atomicfile.h"
#include "model/model.h"
#include "replay.h"

#define MAX_JOBS 256

struct options opt = {
    .time_unit = "own",
    .objective_name = "objects",
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
		opt.all_policies = true;
		return 0;
	}
	if (ops == NULL && strcmp(name, "belady") != 0)
		return pd_err_set(
		    err, "unknown policy '%s' (see --list-policies)", name);
	return push_policy(ops, err);
}

int
call_policy(void *dest, const char *value, struct pd_err *err)
{
	(void)dest;
	return each_word(value, err, add_policy);
}

static int
add_size(const char *text, struct pd_err *err)
{
	struct size *s = &opt.size[opt.sizes];
	int i;

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
	for (i = 0; i < opt.sizes; i++)
		if (opt.size[i].share == s->share &&
		    opt.size[i].units == s->units)
			return 0;
	opt.sizes++;
	return 0;
}

int
call_size(void *dest, const char *value, struct pd_err *err)
{
	(void)dest;
	return each_word(value, err, add_size);
}

/* The policies to simulate; learned only where there is a model, unless it was
 * named. */
static int
choose_policies(struct pd_err *err)
{
	const bool model =
	    opt.model != NULL || opt.train_on > 0 || opt.retrain > 0;
	const struct pd_policy_ops *const *p;

	if (opt.all_policies) {
		for (p = pd_policies; *p != NULL; p++)
			if ((*p != &pd_policy_learned || model) &&
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
check_train_on(void)
{
	if (opt.train_on == 0)
		return 0;
	if (opt.model_path != NULL || opt.server != NULL) {
		pd_cli_usage("--train-on cannot be used with --%s",
		    opt.server != NULL ? "server" : "model");
		return -1;
	}
	if (opt.from == 0)
		opt.from = opt.train_on;
	if (opt.skip >= opt.train_on) {
		pd_cli_usage("--skip must be smaller than --train-on");
		return -1;
	}
	if (opt.from < opt.train_on) {
		pd_cli_usage("--from must not be smaller than --train-on: "
			     "what was trained on proves nothing");
		return -1;
	}
	return 0;
}

static int
check_training(void)
{
	if (!PD_MLOPS && (opt.train_on > 0 || opt.retrain > 0)) {
		pd_cli_usage("--%s: this build cannot train (MLOPS_ENABLED=0)",
		    opt.retrain > 0 ? "retrain" : "train-on");
		return -1;
	}
	if (opt.retrain_window > 0 && opt.retrain == 0) {
		pd_cli_usage("--retrain-window needs --retrain");
		return -1;
	}
	return check_train_on();
}

/* What is drawn. 0, or -1 reported. */
static int
check_drawing(void)
{
	struct pd_err err = PD_ERR_INIT;

	if ((opt.svg != NULL || opt.plot) && !opt.mrc && opt.window == 0) {
		pd_cli_usage("--%s needs --mrc or --window: one size has no "
			     "line",
		    opt.plot ? "plot" : "svg");
		return -1;
	}
	if (opt.plot && opt.json) {
		pd_cli_usage("--plot draws instead of --json's rows");
		return -1;
	}
	/* Not after an hour of simulation. */
	if (opt.svg != NULL && pd_atomicfile_check(opt.svg, &err) == -1) {
		pd_cli_fail(&err);
		return -1;
	}
	return 0;
}

/* --mrc and what goes with it. 0, or -1 reported. */
static int
check_curve(void)
{
	if (opt.mrc && opt.window > 0) {
		pd_cli_usage("--mrc cannot be used with --window");
		return -1;
	}
	if (opt.exact && !opt.mrc) {
		pd_cli_usage("--exact needs --mrc");
		return -1;
	}
	if (opt.points > 0 && !opt.mrc) {
		pd_cli_usage("--points needs --mrc");
		return -1;
	}
	if (opt.points > 0 && opt.sizes > 0) {
		pd_cli_usage("--points cannot be used with --size, which "
			     "names the capacities");
		return -1;
	}
	if (opt.points == 0)
		opt.points = CURVE_POINTS;
	if (opt.points < 2 || opt.points > CURVE_LARGEST) {
		pd_cli_usage("--points must be in 2..%d", CURVE_LARGEST);
		return -1;
	}
	return check_drawing();
}

/* What a server does not take. 0, or -1 reported. */
static int
check_server(void)
{
	if (opt.server == NULL)
		return 0;
	if (opt.policies > 0 || opt.all_policies || opt.sizes > 0 ||
	    opt.model_path != NULL) {
		pd_cli_usage("--policy, --size and --model are for "
			     "simulation: --server has its own");
		return -1;
	}
	if (opt.retrain > 0 || opt.window > 0 || opt.join || opt.mrc) {
		pd_cli_usage("--retrain, --window, --mrc and --join are for "
			     "simulation, not for --server");
		return -1;
	}
	return 0;
}

/* How many simulations at once. */
static int
check_jobs(void)
{
	long n;

	if (opt.jobs > MAX_JOBS) {
		pd_cli_usage("--jobs must be at most %d", MAX_JOBS);
		return -1;
	}
	if (opt.jobs == 0) {
		n = sysconf(_SC_NPROCESSORS_ONLN);
		opt.jobs = n < 1 ? 1 : n > MAX_JOBS ? MAX_JOBS : (uint64_t)n;
	}
	return 0;
}

static int
check_simulation(void)
{
	struct pd_err err = PD_ERR_INIT;

	if (opt.model_path != NULL) {
		opt.model = pd_model_load(opt.model_path, &err);
		if (opt.model == NULL)
			return pd_cli_fail(&err);
	}
	if (choose_policies(&err) < 0)
		return pd_cli_fail(&err);
	if (opt.sizes == 0 && !opt.mrc)
		add_size("10%", &err);
	return 0;
}

int
check_options(void)
{
	if (pd_timeunit_parse(opt.time_unit) < 0)
		return pd_cli_usage(
		    "option --time-unit: '%s' is not s, ms, us or seq",
		    opt.time_unit);
	if (pd_objective_parse(opt.objective_name) < 0)
		return pd_cli_usage(
		    "option --objective: '%s' is not objects, bytes or cost",
		    opt.objective_name);
	opt.objective =
	    (enum pd_objective)pd_objective_parse(opt.objective_name);
	if (check_training() < 0)
		return PD_EXIT_FAIL;
	if (opt.skip >= opt.to || opt.from >= opt.to)
		return pd_cli_usage(
		    "--skip and --from must be smaller than --to");
	if (opt.pipeline == 0 || opt.pipeline > 100000)
		return pd_cli_usage("--pipeline must be in 1..100000");
	if (check_server() < 0 || check_curve() < 0 || check_jobs() < 0)
		return PD_EXIT_FAIL;
	return opt.server != NULL ? 0 : check_simulation();
}
