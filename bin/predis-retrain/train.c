/* predis-retrain train: the trainer of lib/learn on a file of events. */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "cache/trace.h"
#include "data/evreader.h"
#include "data/feature.h"
#include "data/pds_meta.h"
#include "io/atomicfile.h"
#include "io/json.h"
#include "learn/train.h"
#include "model/bundle.h"
#include "model/model.h"
#include "model/trees.h"
#include "train.h"

/* With fewer objects of the cache in a sample a model is clearly worse. */
#define ENOUGH_OBJECTS 500

static struct {
	const char *output;
	const char *model; /* refresh: the old one */
	double share;	   /* of the unique objects, or 0 */
	uint64_t units;
	bool bytes;
	const char *name;
	uint64_t seed;
	uint64_t rounds;
	uint64_t trees;
	uint64_t depth;
	uint64_t rows;
	double eta;
	double holdout;
	double to;
	const char *label;
	const char *objective;
	double boundary;
	uint8_t slots[PD_LEARN_FEATURES];
	unsigned nslots;
	const char *format;
	const char *scheme;
	const char *time_unit;
	bool force;
	bool json;
} opt = {
    .seed = 1,
    .rounds = 2,
    .trees = 40,
    .depth = 5,
    .rows = 60000,
    .eta = 0.2,
    .holdout = 0.4,
    .to = 1,
    .label = "discount",
    .objective = "objects",
    .boundary = 1,
    .time_unit = "own",
};

static int
call_capacity(void *dest, const char *value, struct pd_err *err)
{
	(void)dest;
	opt.share = 0;
	opt.units = 0;
	if (strchr(value, '%') != NULL || strchr(value, '/') != NULL) {
		if (pd_parse_share(value, &opt.share, err) == -1)
			return -1;
		if (opt.share <= 0)
			return pd_err_set(err, "'%s' is no capacity", value);
		return 0;
	}
	if (pd_parse_size(value, &opt.units, err) == -1)
		return -1;
	if (opt.units == 0)
		return pd_err_set(err, "'%s' is no capacity", value);
	return 0;
}

static int
add_feature(const char *name, struct pd_err *err)
{
	const int slot = pd_feature_find(name);

	if (slot < 0)
		return pd_err_set(err, "there is no feature '%s'", name);
	if (!pd_feature_info[slot].served)
		return pd_err_set(err,
		    "feature '%s' is of sampled keys only, a server does not "
		    "have it for every key",
		    name);
	if (memchr(opt.slots, slot, opt.nslots) != NULL)
		return pd_err_set(err, "feature '%s' is named twice", name);
	opt.slots[opt.nslots++] = (uint8_t)slot;
	return 0;
}

static int
call_features(void *dest, const char *value, struct pd_err *err)
{
	char name[64];
	size_t n;

	(void)dest;
	opt.nslots = 0;
	if (strcmp(value, "auto") == 0)
		return 0;
	for (;; value += n + 1) {
		n = strcspn(value, ",");
		if (n == 0 || n >= sizeof(name))
			return pd_err_set(err, "'%s' is no feature", value);
		memcpy(name, value, n);
		name[n] = '\0';
		if (add_feature(name, err) == -1)
			return -1;
		if (value[n] == '\0')
			return 0;
	}
}

/* What both verbs take, in the order in which their help has it. */
#define OUTPUT_OPT                                                             \
	{                                                                      \
		'o', "output", "FILE", PD_OPT_STR, &opt.output, NULL,          \
		    "write the model bundle here (.pdm)"                       \
	}
#define MODEL_OPTS                                                             \
	{'b', "bytes", NULL, PD_OPT_FLAG, &opt.bytes, NULL,                    \
	    "the capacity is bytes"},                                          \
	    {'n', "name", "NAME", PD_OPT_STR, &opt.name, NULL,                 \
		"name of the model (default: of the output file)"},            \
	{                                                                      \
		0, "seed", "N", PD_OPT_U64, &opt.seed, NULL,                   \
		    "the same events, options and seed give the same bytes"    \
	}
#define FIT_OPTS                                                               \
	{0, "eta", "X", PD_OPT_DOUBLE, &opt.eta, NULL, "learning rate"},       \
	    {0, "rows", "N", PD_OPT_U64, &opt.rows, NULL,                      \
		"draw about as many rows a round"},                            \
	    {0, "holdout", "SHARE", PD_OPT_SHARE, &opt.holdout, NULL,          \
		"hold this last share of the requests out, for the verdict"},  \
	{                                                                      \
		't', "to", "SHARE", PD_OPT_SHARE, &opt.to, NULL,               \
		    "learn from this leading share of the requests only"       \
	}
#define OBJECTIVE_OPT                                                          \
	{                                                                      \
		0, "objective", "WHAT", PD_OPT_STR, &opt.objective, NULL,      \
		    "what the cache is to spare: objects, bytes or cost of "   \
		    "misses"                                                   \
	}
#define EVENTS_OPTS                                                            \
	{0, "scheme", "S", PD_OPT_STR, &opt.scheme, NULL,                      \
	    "of events sampled by several schemes: key, event or window"},     \
	    {0, "format", "F", PD_OPT_STR, &opt.format, NULL,                  \
		"format of EVENTS, as of predis-sample import (default: "      \
		"look)"},                                                      \
	    {0, "time-unit", "U", PD_OPT_STR, &opt.time_unit, NULL,            \
		"unit of its times: s, ms, us, seq: none (the format's own)"}, \
	{                                                                      \
		'j', "json", NULL, PD_OPT_FLAG, &opt.json, NULL,               \
		    "one JSON object instead of columns"                       \
	}

const struct pd_opt retrain_train_opts[] = {
    OUTPUT_OPT,
    {'c', "capacity", "N|N%", PD_OPT_CALL, NULL, call_capacity,
	"of the cache: objects, or a share of the objects in EVENTS"},
    MODEL_OPTS,
    {0, "rounds", "N", PD_OPT_U64, &opt.rounds, NULL,
	"replays to draw rows from: LRU's, then the last model's"},
    {0, "trees", "N", PD_OPT_U64, &opt.trees, NULL, "trees in the model"},
    {0, "depth", "N", PD_OPT_U64, &opt.depth, NULL,
	"depth of a tree, at most 6"},
    FIT_OPTS,
    {0, "label", "LABEL", PD_OPT_STR, &opt.label, NULL,
	"what to predict: discount, beyond, log_gap"},
    OBJECTIVE_OPT,
    {0, "boundary", "X", PD_OPT_DOUBLE, &opt.boundary, NULL,
	"of the label, in eviction ages"},
    {0, "features", "LIST|auto", PD_OPT_CALL, NULL, call_features,
	"features to use (auto: chosen on the hold-out)"},
    {'f', "force", NULL, PD_OPT_FLAG, &opt.force, NULL,
	"write a model that is no better than LRU too"},
    EVENTS_OPTS,
    PD_OPT_END,
};

const struct pd_opt retrain_refresh_opts[] = {
    {'m', "model", "OLD", PD_OPT_STR, &opt.model, NULL,
	"the bundle whose trees are kept"},
    OUTPUT_OPT,
    {'c', "capacity", "N|N%", PD_OPT_CALL, NULL, call_capacity,
	"of the cache (default: the old model's)"},
    MODEL_OPTS,
    FIT_OPTS,
    OBJECTIVE_OPT,
    {'f', "force", NULL, PD_OPT_FLAG, &opt.force, NULL,
	"write a model that is no better too"},
    EVENTS_OPTS,
    PD_OPT_END,
};

static void
show_reading(void *cookie, uint64_t done, uint64_t total)
{
	pd_cli_progress(cookie, done, total);
}

static void
show_training(void *cookie, const char *what, unsigned done, unsigned total)
{
	(void)cookie;
	pd_cli_progress(what, done, total);
}

/* A model's name from its file's: 'a/web.pdm' gives "web". */
static void
name_of(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');
	size_t n;

	base = base == NULL ? path : base + 1;
	(void)snprintf(name, size, "%s", base);
	n = strlen(name);
	if (n > 4 && strcmp(name + n - 4, ".pdm") == 0)
		name[n - 4] = '\0';
}

/* The model's name, given or its file's. 0, or the exit status. */
static int
set_name(char *name, size_t size)
{
	if (opt.name != NULL)
		(void)snprintf(name, size, "%s", opt.name);
	else
		name_of(opt.output, name, size);
	if (pd_bundle_name_ok(name))
		return 0;
	return pd_cli_usage("'%s' is no name of a model: 1 to 63 of A-Z a-z "
			    "0-9 . _ -, the first no . or -%s",
	    name, opt.name != NULL ? "" : "; give --name");
}

/* Can the bundle be written, when it is there? 0, or the exit status. */
static int
check_output(void)
{
	struct pd_err err = PD_ERR_INIT;

	return pd_atomicfile_check(opt.output, &err) == -1 ? pd_cli_fail(&err)
							   : 0;
}

/* The options that are numbers with bounds. 0, or the exit status. */
static int
check_options(struct pd_learn_params *p)
{
	const int label = pd_label_parse(opt.label);
	const int objective = pd_objective_parse(opt.objective);

	if (opt.output == NULL)
		return pd_cli_usage("missing option: --output FILE");
	if (label < 0)
		return pd_cli_usage("unknown label '%s'", opt.label);
	if (objective < 0)
		return pd_cli_usage("unknown objective '%s'", opt.objective);
	if (opt.rounds < 1 || opt.rounds > 10)
		return pd_cli_usage("--rounds must be 1 to 10");
	if (opt.trees < 1 || opt.trees > 500)
		return pd_cli_usage("--trees must be 1 to 500");
	if (opt.depth < 1 || opt.depth > 6)
		return pd_cli_usage("--depth must be 1 to 6");
	if (opt.rows < 1000 || opt.rows > 10000000)
		return pd_cli_usage("--rows must be 1000 to 10000000");
	if (!(opt.eta > 0 && opt.eta <= 1))
		return pd_cli_usage("--eta must be above 0 and at most 1");
	if (!(opt.holdout >= 0.05 && opt.holdout <= 0.5))
		return pd_cli_usage("--holdout must be 5%% to 50%%");
	if (!(opt.boundary > 0 && opt.boundary <= 100))
		return pd_cli_usage("--boundary must be above 0, at most 100");
	if (opt.to <= 0)
		return pd_cli_usage("--to must be above 0");
	if (pd_timeunit_parse(opt.time_unit) < 0)
		return pd_cli_usage("unknown time unit '%s'", opt.time_unit);
	pd_learn_params_init(p);
	p->by_bytes = opt.bytes;
	p->objective = (enum pd_objective)objective;
	p->seed = opt.seed;
	p->rounds = (unsigned)opt.rounds;
	p->trees = (unsigned)opt.trees;
	p->depth = (unsigned)opt.depth;
	p->eta = opt.eta;
	p->label = (enum pd_label)label;
	p->boundary = opt.boundary;
	p->holdout = opt.holdout;
	p->rows = (uint32_t)opt.rows;
	memcpy(p->slots, opt.slots, sizeof(p->slots));
	p->nslots = opt.nslots;
	p->small = opt.force;
	p->progress = show_training;
	return 0;
}

/* The capacity that was asked for, else the one that the server recorded. */
static int
set_capacity(struct pd_learn_params *p, const struct pd_trace *t,
    const struct pd_pds_meta *m, struct pd_err *err)
{
	if (opt.share > 0)
		p->capacity = (uint64_t)((double)pd_trace_capacity(
					     t, opt.share, opt.bytes) /
					     t->rate +
					 0.5);
	else if (opt.units > 0)
		p->capacity = opt.units;
	else if (opt.model == NULL)
		p->capacity =
		    opt.bytes ? m->capacity_bytes : m->capacity_objects;
	if (p->capacity == 0)
		return pd_err_set(err,
		    "the events do not tell the cache's capacity: give "
		    "--capacity");
	return 0;
}

/* What the stream lost, as a clause; "" nothing. */
struct damage {
	char text[200];
};

/* Append a file of events to ${t}. */
static int
load(struct pd_trace *t, const char *path, struct pd_learn_params *p,
    struct damage *d, struct pd_err *err)
{
	struct pd_evreader *r;
	char what[128];
	int rc;

	r = pd_evreader_open(path, opt.format, NULL,
	    (enum pd_timeunit)pd_timeunit_parse(opt.time_unit), err);
	if (r == NULL)
		return -1;
	if (pd_evreader_scheme(r, opt.scheme, err)) {
		pd_evreader_close(r);
		return -1;
	}
	(void)snprintf(what, sizeof(what), "reading %.100s", path);
	if (t->n > 0)
		pd_trace_continue(t);
	rc = pd_trace_load(t, r, show_reading, what, err);
	pd_cli_progress_end();
	if (pd_evreader_damage_text(r, d->text, sizeof(d->text)))
		pd_cli_note("'%s' %s", path, d->text);
	if (rc == 0)
		rc = set_capacity(p, t, pd_evreader_meta(r), err);
	pd_evreader_close(r);
	return rc;
}

static void
print_calibration(const struct pd_calibration *c)
{
	unsigned i;

	printf("holdout_calibration_error\t%.4f\n", c->error);
	printf("holdout_calibration_slope\t%.4f\n", c->slope);
	printf("holdout_calibration_intercept\t%.4f\n", c->intercept);
	for (i = 0; i < PD_CALIBRATION_BINS; i++)
		if (c->bin[i].rows > 0)
			printf("holdout_calibration\t%u\t%" PRIu32
			       "\t%.4f\t%.4f\n",
			    i + 1, c->bin[i].rows, c->bin[i].predicted,
			    c->bin[i].observed);
}

static void
print_columns(const struct pd_learn_result *r, const struct pd_learn_params *p)
{
	const double n = (double)r->holdout_requests;
	unsigned i;

	for (i = 0; i < r->choices; i++)
		if (!isnan(r->choice[i].error_other))
			printf("feature\t%s\t%s\t%.6f\n",
			    pd_feature_info[r->choice[i].slot].name,
			    r->choice[i].used ? "used" : "left",
			    r->choice[i].error_other);
	printf("rows\t%" PRIu32 "\n", r->nrows);
	printf("eviction_age_ticks\t%" PRIu64 "\n", r->eviction_age);
	printf("holdout_auc\t%.4f\n", r->auc);
	printf("holdout_loss\t%.6f\n", r->loss);
	print_calibration(&r->calibration);
	printf("holdout_miss_ratio\t%.4f\n", (double)r->holdout_misses / n);
	printf("holdout_miss_ratio_lru\t%.4f\n",
	    (double)r->holdout_misses_lru / n);
	if (p->objective == PD_OBJECTIVE_OBJECTS)
		return;
	printf("holdout_objective_ratio\t%.4f\n",
	    (double)r->holdout_lost / (double)r->holdout_asked);
	printf("holdout_objective_ratio_lru\t%.4f\n",
	    (double)r->holdout_lost_lru / (double)r->holdout_asked);
}

static int
print_json(const struct pd_learn_result *r, const struct pd_learn_params *p)
{
	struct pd_buf b = PD_BUF_INIT;
	int rc = -1;

	if (pd_learn_metrics(r, p, &b) == 0 && pd_buf_addc(&b, '\n') == 0)
		rc = pd_cli_out(b.data, b.len);
	pd_buf_release(&b);
	return rc;
}

static int
write_bundle(const struct pd_learn_result *r, const struct pd_learn_params *p,
    const struct pd_trace *t, const char *name, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	int rc = -1;

	if (pd_learn_bundle(r, p, name, t->t_last_us, &b, err) == 0)
		rc = pd_atomicfile_write(opt.output, b.data, b.len, 0644, err);
	pd_buf_release(&b);
	return rc;
}

/* Say where the sample stands for a larger cache than was asked for. */
static void
note_small(const struct pd_learn_result *r, const struct pd_learn_params *p)
{
	const double share = (double)p->capacity * r->rate;

	if (r->outcome == PD_LEARN_FEW || r->rate >= 1 || p->by_bytes)
		return;
	if ((double)r->capacity > share + 1)
		pd_cli_note("the sample holds %.0f objects of the capacity: "
			    "learned for %.0f objects instead; a sample at a "
			    "higher rate would learn more",
		    share, (double)r->capacity / r->rate);
	else if (share < ENOUGH_OBJECTS)
		pd_cli_note("the sample holds %.0f objects of the capacity, "
			    "less than %d: a sample at a higher rate would "
			    "learn more",
		    share, ENOUGH_OBJECTS);
}

/* What came of it, as an exit status. */
static int
conclude(const struct pd_learn_result *r, const struct pd_learn_params *p,
    const struct pd_trace *t, const struct damage *d, const char *name,
    struct pd_err *err)
{
	if (opt.json) {
		if (print_json(r, p) == -1)
			return PD_EXIT_FAIL;
	} else if (r->outcome != PD_LEARN_FEW) {
		print_columns(r, p);
	}
	note_small(r, p);
	if (r->outcome == PD_LEARN_FEW && d->text[0] != '\0')
		pd_cli_note("%s; the stream %s", r->why, d->text);
	else if (r->outcome != PD_LEARN_GOOD)
		pd_cli_note("%s", r->why);
	if (r->outcome == PD_LEARN_FEW)
		return PD_EXIT_UNKNOWN;
	if (r->outcome == PD_LEARN_WORSE && !opt.force)
		return PD_EXIT_NO;
	if (write_bundle(r, p, t, name, err) == -1)
		return pd_cli_fail(err);
	return PD_EXIT_YES;
}

/* Train on all files of events together, with the parameters as they are. */
static int
train_on(int argc, char **argv, struct pd_learn_params *p)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_learn_result r = {.outcome = PD_LEARN_FEW};
	struct pd_trace *t = NULL;
	struct damage d = {""};
	char name[256];
	int i, rc = 0, status;

	if ((status = set_name(name, sizeof(name))) != 0 ||
	    (status = check_output()) != 0)
		return status;
	t = pd_trace_new(false, &err);
	if (t == NULL)
		rc = -1;
	for (i = 0; rc == 0 && i < argc; i++)
		rc = load(t, argv[i], p, &d, &err);
	if (rc == 0) {
		p->begin = 0;
		p->end = pd_trace_position(t, opt.to);
		rc = pd_learn_train(t, p, &r, &err);
		pd_cli_progress_end();
	}
	if (rc == -1) {
		pd_trace_free(t);
		return pd_cli_fail(&err);
	}
	status = conclude(&r, p, t, &d, name, &err);
	pd_learn_result_release(&r);
	pd_trace_free(t);
	return status;
}

int
retrain_train(int argc, char **argv)
{
	struct pd_learn_params p;
	const int status = check_options(&p);

	return status != 0 ? status : train_on(argc, argv, &p);
}

/* What the old model settles. 0, or -1 with a message. */
static int
take_over(
    const struct pd_model *m, struct pd_learn_params *p, struct pd_err *err)
{
	const int label = pd_label_parse(m->label);

	if (label < 0)
		return pd_err_set(err, "'%s': label '%s' is not known here",
		    opt.model, m->label);
	if (m->cols > PD_LEARN_FEATURES)
		return pd_err_set(err, "'%s' has %u columns, more than %d",
		    opt.model, m->cols, PD_LEARN_FEATURES);
	p->label = (enum pd_label)label;
	p->boundary = m->boundary;
	p->trees = pd_trees_count(m->trees);
	p->nslots = m->cols;
	memcpy(p->slots, m->slots, m->cols);
	p->capacity = m->capacity;
	return 0;
}

int
retrain_refresh(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf json = PD_BUF_INIT;
	struct pd_learn_params p;
	struct pd_model *m;
	int status;

	if (opt.model == NULL)
		return pd_cli_usage("missing option: --model OLD");
	if ((status = check_options(&p)) != 0)
		return status;
	m = pd_model_load_source(opt.model, &json, &err);
	if (m == NULL || take_over(m, &p, &err) == -1) {
		status = pd_cli_fail(&err);
	} else {
		p.old = &json;
		status = train_on(argc, argv, &p);
	}
	pd_model_free(m);
	pd_buf_release(&json);
	return status;
}
