#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "data/history.h"
#include "features.h"
#include "io/json.h"
#include "sample.h"

static struct {
	uint64_t capacity;
	uint64_t keys;
	const char *mask;
	const char *label_unit;
	const char *horizon;
	bool by_bytes;
	bool labels;
	bool quantize;
	bool table;
} opt = {.keys = PD_HISTORY_KEYS};

const struct pd_opt sample_features_opts[] = {
    SAMPLE_OUTPUT_OPTS,
    SAMPLE_FROM_OPT,
    SAMPLE_SCHEME_OPT,
    SAMPLE_TO_OPTS,
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    {'c', "capacity", "N", PD_OPT_SIZE, &opt.capacity, NULL,
	"run a miniature of a cache of N objects for its state"},
    {0, "bytes", NULL, PD_OPT_FLAG, &opt.by_bytes, NULL,
	"--capacity counts bytes, not objects"},
    {'m', "mask", "LIST", PD_OPT_STR, &opt.mask, NULL,
	"only these slots: names, numbers, 0-19, served, sampled, "
	"groups"},
    {0, "quantize", NULL, PD_OPT_FLAG, &opt.quantize, NULL,
	"one byte a value, eight steps an octave"},
    {'l', "labels", NULL, PD_OPT_FLAG, &opt.labels, NULL,
	"add labels: log2(1 + gap to the key's next access)"},
    {0, "label-unit", "UNIT", PD_OPT_STR, &opt.label_unit, NULL,
	"gaps of labels are in ticks (default) or ms"},
    {0, "horizon", "N", PD_OPT_STR, &opt.horizon, NULL,
	"labels above N ticks, or a time such as 1h, are censored"},
    {0, "keys", "N", PD_OPT_U64, &opt.keys, NULL,
	"keys tracked at once, 92 bytes each (1048576)"},
    {'t', "table", NULL, PD_OPT_FLAG, &opt.table, NULL,
	"print the table of slots and end"},
    SAMPLE_JSON_OPT,
    PD_OPT_END,
};

static void
table_line(struct pd_buf *b, int i)
{
	const struct pd_feature_info *f = &pd_feature_info[i];
	struct pd_json j;

	if (!sample_opt.json) {
		pd_buf_printf(b, "%d\t%s\t%s\t%s\t%s\n", i, f->name, f->unit,
		    f->served ? "yes" : "no", f->help);
		return;
	}
	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	pd_json_key(&j, "slot");
	pd_json_u64(&j, (uint64_t)i);
	pd_json_key(&j, "name");
	pd_json_str(&j, f->name);
	pd_json_key(&j, "unit");
	pd_json_str(&j, f->unit);
	pd_json_key(&j, "served");
	pd_json_bool(&j, f->served);
	pd_json_key(&j, "help");
	pd_json_str(&j, f->help);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static int
print_table(uint64_t slots)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	int i, rc;

	for (i = 0; i < PD_FEATURES; i++)
		if (slots >> i & 1)
			table_line(&b, i);
	if (b.failed) {
		(void)pd_err_nomem(&err);
		rc = pd_cli_fail(&err);
	} else {
		rc = pd_cli_out(b.data, b.len) < 0 ? PD_EXIT_FAIL : PD_EXIT_YES;
	}
	pd_buf_release(&b);
	return rc;
}

/* The slot of a number or a name of ${n} bytes, or -1. */
static int
slot_of(const char *s, size_t n)
{
	char word[32];
	uint64_t v;

	if (n == 0 || n >= sizeof(word))
		return -1;
	memcpy(word, s, n);
	word[n] = '\0';
	if (!isdigit((unsigned char)word[0]))
		return pd_feature_find(word);
	if (pd_parse_u64(word, &v, NULL) < 0 || v >= PD_FEATURES)
		return -1;
	return (int)v;
}

/* Names of several slots at once. */
static const struct {
	const char *name;
	uint64_t slots;
} groups[] = {
    {"all", UINT64_MAX},
    {"served", (1ULL << 20) - 1},
    {"sampled", ~((1ULL << 20) - 1)},
    {"gaps", 0x1e | 0x1fffULL << 20},
    {"rates", 0xffULL << 33},
    {"object", 0xfULL << 41 | 1ULL << 14 | 1ULL << 15 | 1ULL << 50},
    {"namespace", 0x3fULL << 51},
    {"context", 0x7fULL << 57},
};

static uint64_t
group_of(const char *s, size_t n)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (strlen(groups[i].name) == n &&
		    memcmp(groups[i].name, s, n) == 0)
			return groups[i].slots;
	return 0;
}

/* The slots of one item of a mask: a slot, a range of two, or a group; 0 for
 * none of these. */
static uint64_t
slots_of(const char *s, size_t n)
{
	const char *dash = memchr(s, '-', n);
	const uint64_t group = group_of(s, n);
	int from, to;

	if (group != 0)
		return group;
	from = slot_of(s, dash == NULL ? n : (size_t)(dash - s));
	to =
	    dash == NULL ? from : slot_of(dash + 1, n - (size_t)(dash - s) - 1);
	if (from < 0 || to < from)
		return 0;
	return (UINT64_MAX >> (63 - (to - from))) << from;
}

static int
parse_mask(const char *list, uint64_t *slots)
{
	const char *s = list;
	uint64_t some;
	size_t n;

	*slots = list == NULL ? UINT64_MAX : 0;
	while (s != NULL) {
		n = strcspn(s, ",");
		if ((some = slots_of(s, n)) == 0)
			return pd_cli_usage("--mask: '%.*s' is no slot, range "
					    "or group; see --table",
			    (int)n, s);
		*slots |= some;
		s = s[n] == ',' ? s + n + 1 : NULL;
	}
	return 0;
}

/* The options of labels. 0, or an exit status having reported. */
static int
parse_labels(struct features_opts *o)
{
	uint64_t us;

	o->labels = opt.labels;
	if (!opt.labels)
		return opt.label_unit == NULL && opt.horizon == NULL
			   ? 0
			   : pd_cli_usage("--label-unit and --horizon need "
					  "--labels");
	if (opt.label_unit != NULL && strcmp(opt.label_unit, "ms") == 0)
		o->label_ms = true;
	else if (opt.label_unit != NULL && strcmp(opt.label_unit, "ticks") != 0)
		return pd_cli_usage(
		    "--label-unit is ticks or ms, not '%s'", opt.label_unit);
	if (opt.horizon == NULL)
		return 0;
	if (o->label_ms) {
		if (pd_parse_duration(opt.horizon, &us, NULL) == 0)
			o->horizon = us / 1000;
	} else if (pd_parse_u64(opt.horizon, &o->horizon, NULL) < 0) {
		o->horizon = 0;
	}
	if (o->horizon == 0)
		return pd_cli_usage("--horizon: '%s' is no %s above 0",
		    opt.horizon, o->label_ms ? "time of 1 ms" : "number");
	return 0;
}

static void
tell(const struct features_counts *n)
{
	if (n->keys_dropped > 0)
		pd_cli_note(
		    "%llu keys left the history before the end, those not "
		    "asked lately (--keys %llu)",
		    (unsigned long long)n->keys_dropped,
		    (unsigned long long)opt.keys);
	if (n->anew > 0)
		pd_cli_note(
		    "the sampling changes on the way (%llu): histories "
		    "begin anew there, each time in a stream of its own",
		    (unsigned long long)n->anew);
	if (pd_cli_verbose)
		pd_cli_note("%llu events, %llu rows, %llu labels",
		    (unsigned long long)n->events, (unsigned long long)n->rows,
		    (unsigned long long)n->labels);
}

static int
make_rows(const char *path, const struct features_opts *o)
{
	struct features_counts n = {0};
	struct pd_err err = PD_ERR_INIT;
	struct sample_out out;
	int rc;

	if (strcmp(path, "-") == 0 && isatty(STDIN_FILENO))
		return pd_cli_usage(
		    "standard input is a terminal: name a file of events");
	if (sample_out_open(&out, false, false) < 0)
		return PD_EXIT_FAIL;
	pd_cli_catch_signals();
	rc = features_rows(path, o, out.w, &n, &err);
	if (rc != 0) {
		sample_out_abort(&out);
		return rc < 0 ? pd_cli_fail(&err) : PD_EXIT_FAIL;
	}
	if (sample_out_finish(&out) < 0)
		return PD_EXIT_FAIL;
	tell(&n);
	return n.damaged ? PD_EXIT_NO : PD_EXIT_YES;
}

int
sample_features(int argc, char **argv)
{
	struct features_opts o = {.capacity = opt.capacity,
	    .by_bytes = opt.by_bytes,
	    .quantize = opt.quantize,
	    .keys = opt.keys};

	if (parse_mask(opt.mask, &o.slots) != 0 || parse_labels(&o) != 0)
		return PD_EXIT_FAIL;
	if (opt.table)
		return argc == 0 ? print_table(o.slots)
				 : pd_cli_usage("--table reads no file");
	if (sample_opt.json)
		return pd_cli_usage("--json goes with --table; for rows as "
				    "text pipe them into predis-sample print");
	if (opt.by_bytes && opt.capacity == 0)
		return pd_cli_usage("--bytes needs --capacity");
	if (opt.keys == 0 || opt.keys > PD_HISTORY_KEYS_MAX)
		return pd_cli_usage("--keys is 1 to 536870911");
	if (sample_opt.from != NULL && argc > 0)
		return pd_cli_usage("--from is read in place of a file");
	return make_rows(sample_opt.from != NULL ? sample_opt.from
			 : argc == 0		 ? "-"
						 : argv[0],
	    &o);
}
