/* predis-replay: what a cache would have done with a trace. */

#include <stdio.h>

#include "cli/cli.h"
#include "figure.h"
#include "model/model.h"
#include "replay.h"

static bool list_policies;

static int
show_policies(void)
{
	const struct pd_policy_ops *const *p;

	for (p = pd_policies; *p != NULL; p++)
		printf("%s\t%s\n", (*p)->name, (*p)->help);
	printf("belady\tthe farthest next request: the offline bound\n");
	return PD_EXIT_YES;
}

/* ${n} files as one trace. 0, or -1 having reported. */
static int
run_trace(char **path, int n)
{
	struct play p;
	int rc;

	if (load(&p, path, n) < 0)
		return -1;
	rc = opt.server != NULL ? play_server(&p) : simulate(&p);
	unload(&p);
	return rc;
}

static int
run(int argc, char **argv)
{
	const int step = opt.join ? argc : 1;
	int i, status;

	if (list_policies)
		return show_policies();
	if (argc == 0)
		return pd_cli_usage("missing operand: predis-replay TRACE...");
	if ((status = check_options()) != 0)
		return status;
	for (i = 0; i < argc; i += step)
		if (run_trace(argv + i, step) < 0)
			status = PD_EXIT_FAIL;
	if (figure_finish(status != 0) < 0)
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
    {0, "objective", "WHAT", PD_OPT_STR, &opt.objective_name, NULL,
	"what learned and gdsf spare: objects, bytes or cost of misses"},
    {'m', "model", "FILE", PD_OPT_STR, &opt.model_path, NULL,
	"the bundle that policy learned uses"},
    {0, "train-on", "SHARE", PD_OPT_SHARE, &opt.train_on, NULL,
	"train the model of policy learned on this leading share first"},
    {0, "retrain", "N", PD_OPT_U64, &opt.retrain, NULL,
	"train it within the run, from what was played, every N requests"},
    {0, "retrain-window", "N", PD_OPT_U64, &opt.retrain_window, NULL,
	"retrain: learn from the last N requests only (default: from all)"},
    {0, "skip", "SHARE", PD_OPT_SHARE, &opt.skip, NULL,
	"leave this leading share of the requests out"},
    {'f', "from", "SHARE", PD_OPT_SHARE, &opt.from, NULL,
	"count from here on; what comes before warms the cache"},
    {'t', "to", "SHARE", PD_OPT_SHARE, &opt.to, NULL, "stop here"},
    {0, "join", NULL, PD_OPT_FLAG, &opt.join, NULL,
	"play the traces one behind the other, as one"},
    {0, "seed", "N", PD_OPT_U64, &opt.seed, NULL,
	"seed of the policies that draw at random"},
    {0, "scheme", "S", PD_OPT_STR, &opt.scheme, NULL,
	"of events sampled by several schemes: key, event or window"},
    {0, "format", "F", PD_OPT_STR, &opt.format, NULL,
	"format of the trace, as of predis-sample import (default: look)"},
    {0, "time-unit", "U", PD_OPT_STR, &opt.time_unit, NULL,
	"unit of its times: s, ms, us, or seq for none (the format's own)"},
    {0, "jobs", "N", PD_OPT_U64, &opt.jobs, NULL,
	"simulations at once (default: one a processor)"},
    {0, "window", "N", PD_OPT_U64, &opt.window, NULL,
	"print a row for every N requests, for a series over time"},
    {0, "mrc", NULL, PD_OPT_FLAG, &opt.mrc, NULL,
	"miss-ratio curves: every policy over many capacities"},
    {0, "points", "N", PD_OPT_U64, &opt.points, NULL,
	"mrc: how many capacities, 0.1% to 100% (default 24)"},
    {0, "exact", NULL, PD_OPT_FLAG, &opt.exact, NULL,
	"mrc: never simulate large caches on a sample of the keys"},
    {0, "svg", "FILE", PD_OPT_STR, &opt.svg, NULL,
	"mrc, window: draw the lines into FILE"},
    {0, "plot", NULL, PD_OPT_FLAG, &opt.plot, NULL,
	"mrc, window: draw them on the terminal instead of printing rows"},
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
