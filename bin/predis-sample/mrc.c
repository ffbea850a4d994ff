/* What LRU would miss at every size, from a stream sampled by key. */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "cache/mrc.h"
#include "cli/plot.h"
#include "data/event.h"
#include "io/chart.h"
#include "io/json.h"
#include "sample.h"

#define POINTS 32	     /* where no size is named */
#define SMALLEST_SHARE 0.001 /* of the keys, or bytes, and ... */
#define SMALLEST_KEYS 4	     /* ... of the sample */
#define AT_MOST 64

struct size {
	double share; /* of the keys or bytes, or 0: */
	uint64_t units;
};

static struct {
	struct size at[AT_MOST];
	int n;
	const char *format;
	const char *unit;
	uint64_t max_keys;
	double max_error;
	bool by_bytes;
	bool plot;
} opt = {.unit = "own", .max_error = 0.05};

static int call_at(void *dest, const char *value, struct pd_err *err);

const struct pd_opt sample_mrc_opts[] = {
    {0, "at", "SIZES", PD_OPT_CALL, NULL, call_at,
	"sizes, with commas: 1%,10%,50k (32 from 0.1% to 100%)"},
    {'b', "bytes", NULL, PD_OPT_FLAG, &opt.by_bytes, NULL,
	"sizes are bytes of values, not objects"},
    {0, "max-keys", "N", PD_OPT_SIZE, &opt.max_keys, NULL,
	"track at most N keys: memory is constant then"},
    {0, "max-error", "E", PD_OPT_SHARE, &opt.max_error, NULL,
	"exit 3 where the error to be expected is above E (5%)"},
    SAMPLE_SCHEME_OPT,
    {0, "format", "FORMAT", PD_OPT_STR, &opt.format, NULL,
	"of files that are no stream, as in import"},
    {0, "time-unit", "UNIT", PD_OPT_STR, &opt.unit, NULL,
	"of their time column: s (default), ms, us or seq"},
    {0, "plot", NULL, PD_OPT_FLAG, &opt.plot, NULL,
	"draw the curve on the terminal"},
    SAMPLE_JSON_OPT,
    PD_OPT_END,
};

static int
add_size(const char *word, struct pd_err *err)
{
	struct size *s = &opt.at[opt.n];

	if (opt.n == AT_MOST)
		return pd_err_set(err, "more than %d sizes", AT_MOST);
	*s = (struct size){0, 0};
	if (strpbrk(word, "%/") != NULL) {
		if (pd_parse_share(word, &s->share, err) < 0)
			return -1;
	} else if (pd_parse_size(word, &s->units, err) < 0) {
		return -1;
	}
	if (s->share <= 0 && s->units == 0)
		return pd_err_set(err, "'%s' is no size", word);
	opt.n++;
	return 0;
}

static int
call_at(void *dest, const char *value, struct pd_err *err)
{
	char word[32];
	size_t n;

	(void)dest;
	for (;; value += n + 1) {
		n = strcspn(value, ",");
		if (n == 0 || n >= sizeof(word))
			return pd_err_set(err, "'%s' is no size", value);
		memcpy(word, value, n);
		word[n] = '\0';
		if (add_size(word, err) < 0)
			return -1;
		if (value[n] == '\0')
			return 0;
	}
}

/* Add all events of a file: 0, 1 where it is damaged, -1 having reported. */
static int
add_file(struct pd_mrc *m, const char *path, enum pd_timeunit unit)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;
	char damage[160];
	struct pd_event e;
	uint64_t n = 0;
	int rc = -1;

	if (strcmp(path, "-") == 0 && isatty(STDIN_FILENO)) {
		pd_cli_usage("standard input is a terminal: name a file");
		return -1;
	}
	r = pd_evreader_open(path, opt.format, NULL, unit, &err);
	if (r != NULL && pd_evreader_scheme(r, sample_opt.scheme, &err)) {
		pd_evreader_close(r);
		r = NULL;
	}
	while (r != NULL && !pd_cli_stopping() &&
	       (rc = pd_evreader_next(r, &e, &err)) > 0) {
		if (++n % 65536 == 0)
			pd_cli_progress("reading", pd_evreader_offset(r),
			    pd_evreader_total(r));
		rc = pd_mrc_add(
		    m, &e, pd_evreader_shard(r), pd_evreader_meta(r), &err);
		if (rc < 0) {
			pd_err_prefix(&err, "'%s'", sample_name(path));
			break;
		}
	}
	pd_cli_progress_end();
	if (rc < 0) {
		pd_cli_fail(&err);
	} else if ((rc = pd_evreader_damage_text(r, damage, sizeof(damage)))) {
		pd_cli_note("'%s' %s", sample_name(path), damage);
	}
	pd_evreader_close(r);
	return rc;
}

struct point {
	double capacity;
	double miss_ratio;
	double byte_miss_ratio;
};

static double
whole(const struct pd_mrc_summary *s)
{
	return opt.by_bytes ? s->source_bytes : s->source_keys;
}

static int
by_capacity(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return x->capacity < y->capacity ? -1 : x->capacity > y->capacity;
}

/* The sizes asked for, or evenly spread over the logarithm. */
static int
make_points(struct pd_mrc *m, const struct pd_mrc_summary *s, struct point *p)
{
	const int n = opt.n > 0 ? opt.n : POINTS;
	double least = SMALLEST_SHARE, share;
	int i, k;

	if ((double)s->keys * least < SMALLEST_KEYS)
		least = (double)SMALLEST_KEYS / (double)s->keys;
	if (least > 1)
		least = 1;
	for (i = 0; i < n; i++) {
		share = opt.n > 0 ? opt.at[i].share
				  : pow(least, 1 - (double)i / (POINTS - 1));
		p[i].capacity = share > 0 ? floor(share * whole(s) + 0.5)
					  : (double)opt.at[i].units;
		if (p[i].capacity < 1)
			p[i].capacity = 1;
	}
	qsort(p, (size_t)n, sizeof(*p), by_capacity);
	for (i = k = 0; i < n; i++) {
		if (k > 0 && p[k - 1].capacity >= p[i].capacity)
			continue;
		p[k] = p[i];
		p[k].miss_ratio =
		    pd_mrc_at(m, p[k].capacity, &p[k].byte_miss_ratio);
		k++;
	}
	return k;
}

static void
key_u64(struct pd_json *j, const char *key, double v)
{
	pd_json_key(j, key);
	pd_json_u64(j, (uint64_t)(v + 0.5));
}

static void
key_real(struct pd_json *j, const char *key, double v)
{
	pd_json_key(j, key);
	pd_json_fixed(j, v, 6);
}

static void
json_point(
    struct pd_buf *b, const struct point *p, const struct pd_mrc_summary *s)
{
	struct pd_json j;

	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	key_u64(&j, opt.by_bytes ? "size_bytes" : "size_objects", p->capacity);
	key_real(&j, "share", p->capacity / whole(s));
	key_real(&j, "miss_ratio", p->miss_ratio);
	key_real(&j, "byte_miss_ratio", p->byte_miss_ratio);
	key_real(&j, "miss_ratio_error", s->error);
	pd_json_key(&j, "sampling_rate");
	pd_json_double(&j, s->rate);
	key_u64(&j, "tracked_keys", (double)s->keys);
	key_u64(&j, "tracked_accesses", (double)s->events);
	key_u64(&j, "keys", s->source_keys);
	key_u64(&j, "accesses", s->accesses);
	key_u64(&j, "parts", s->parts);
	key_u64(&j, "memory_bytes", (double)s->memory);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

/* A number and what follows it, or '-' for one that is not known. */
static void
column(struct pd_buf *b, double v, char end)
{
	if (isfinite(v))
		pd_buf_printf(b, "%.6f%c", v, end);
	else
		pd_buf_printf(b, "-%c", end);
}

static void
rows(struct pd_buf *b, const struct point *p, int n,
    const struct pd_mrc_summary *s)
{
	int i;

	if (!sample_opt.json)
		pd_buf_printf(b,
		    "%s\tshare\tmiss_ratio\tbyte_miss_ratio\t"
		    "miss_ratio_error\n",
		    opt.by_bytes ? "size_bytes" : "size_objects");
	for (i = 0; i < n; i++) {
		if (sample_opt.json) {
			json_point(b, &p[i], s);
			continue;
		}
		pd_buf_printf(b, "%.0f\t", p[i].capacity);
		column(b, p[i].capacity / whole(s), '\t');
		column(b, p[i].miss_ratio, '\t');
		column(b, p[i].byte_miss_ratio, '\t');
		column(b, s->error, '\n');
	}
}

/* 0, or -1 out of memory. */
static int
draw(struct pd_buf *b, const struct point *p, int n,
    const struct pd_mrc_summary *s)
{
	double x[POINTS > AT_MOST ? POINTS : AT_MOST];
	double y[POINTS > AT_MOST ? POINTS : AT_MOST];
	const struct pd_chart_line line = {"lru", x, y, (size_t)n};
	char subtitle[120];
	struct pd_chart chart = {.title = "Misses of LRU by size of the cache",
	    .subtitle = subtitle,
	    .x_label =
		opt.by_bytes ? "capacity in bytes" : "capacity in objects",
	    .y_label = "miss ratio",
	    .x_unit = opt.by_bytes ? PD_CHART_BYTES : PD_CHART_COUNT,
	    .y_unit = PD_CHART_RATIO,
	    .log_x = true,
	    .line = &line,
	    .lines = 1};
	struct pd_plot to;
	int i;

	for (i = 0; i < n; i++) {
		x[i] = p[i].capacity;
		y[i] = p[i].miss_ratio;
	}
	snprintf(subtitle, sizeof(subtitle),
	    "%" PRIu64 " keys of about %.0f; expected error %.3f", s->keys,
	    s->source_keys, s->error);
	pd_plot_terminal(&to);
	return pd_plot_chart(&to, &chart, b);
}

static int
print(struct pd_mrc *m, const struct pd_mrc_summary *s)
{
	struct point p[POINTS > AT_MOST ? POINTS : AT_MOST];
	const int n = make_points(m, s, p);
	struct pd_buf b = PD_BUF_INIT;
	int rc = 0;

	if (opt.plot)
		rc = draw(&b, p, n, s);
	else
		rows(&b, p, n, s);
	if (rc < 0 || b.failed)
		rc = (pd_cli_failf("out of memory"), -1);
	else
		rc = pd_cli_out(b.data, b.len);
	pd_buf_release(&b);
	return rc;
}

/* Whether so few keys say anything. */
static bool
enough(const struct pd_mrc_summary *s)
{
	if (s->events == 0) {
		pd_cli_note("there is no access in the input");
		return false;
	}
	if (s->error <= opt.max_error)
		return true;
	pd_cli_note("%" PRIu64 " keys are too few: an error of %.3f is to be "
		    "expected (--max-error %g): sample longer, or more",
	    s->keys, s->error, opt.max_error);
	return false;
}

static int
curve(struct pd_mrc *m, int argc, char **argv, enum pd_timeunit unit)
{
	struct pd_mrc_summary s;
	bool damaged = false;
	int i, rc;

	pd_cli_catch_signals();
	for (i = 0; i < (argc > 0 ? argc : 1); i++) {
		rc = add_file(m, argc > 0 ? argv[i] : "-", unit);
		if (rc < 0)
			return PD_EXIT_FAIL;
		damaged |= rc > 0;
	}
	pd_mrc_summary(m, &s);
	if (!enough(&s))
		return PD_EXIT_UNKNOWN;
	if (print(m, &s) < 0)
		return PD_EXIT_FAIL;
	return damaged ? PD_EXIT_NO : PD_EXIT_YES;
}

int
sample_mrc(int argc, char **argv)
{
	const int unit = pd_timeunit_parse(opt.unit);
	struct pd_mrc_params p = {.by_bytes = opt.by_bytes};
	struct pd_err err = PD_ERR_INIT;
	struct pd_mrc *m;
	int status;

	if (unit < 0)
		return pd_cli_usage(
		    "--time-unit is s, ms, us or seq, not '%s'", opt.unit);
	if (opt.plot && sample_opt.json)
		return pd_cli_usage("--plot draws instead of --json's lines");
	if (opt.max_keys > 0 &&
	    (opt.max_keys < PD_MRC_KEYS_LEAST || opt.max_keys > 1u << 30))
		return pd_cli_usage(
		    "--max-keys is %d to 1073741824", PD_MRC_KEYS_LEAST);
	p.max_keys = (uint32_t)opt.max_keys;
	if ((m = pd_mrc_new(&p, &err)) == NULL)
		return pd_cli_fail(&err);
	status = curve(m, argc, argv, (enum pd_timeunit)unit);
	pd_mrc_free(m);
	return status;
}
