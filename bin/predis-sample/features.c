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
	bool by_bytes;
	bool labels;
	bool table;
} opt = {.keys = PD_HISTORY_KEYS};

const struct pd_opt sample_features_opts[] = {
    SAMPLE_OUTPUT_OPTS,
    SAMPLE_TO_OPTS,
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    {'c', "capacity", "N", PD_OPT_SIZE, &opt.capacity, NULL,
	"run a miniature of a cache of N objects for its state"},
    {0, "bytes", NULL, PD_OPT_FLAG, &opt.by_bytes, NULL,
	"--capacity counts bytes, not objects"},
    {'m', "mask", "LIST", PD_OPT_STR, &opt.mask, NULL,
	"only these slots: names, numbers, 0-19, served, sampled"},
    {'l', "labels", NULL, PD_OPT_FLAG, &opt.labels, NULL,
	"add labels: log2(1 + ticks to the key's next access)"},
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
print_table(const bool *use)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	int i, rc;

	for (i = 0; i < PD_FEATURES; i++)
		if (use[i])
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

/* One item of a mask: a slot, a range of two, or a group. 0 or -1. */
static int
add_item(bool *use, const char *s, size_t n)
{
	const char *dash = memchr(s, '-', n);
	int i, from, to;

	if ((n == 6 && memcmp(s, "served", 6) == 0) ||
	    (n == 7 && memcmp(s, "sampled", 7) == 0)) {
		for (i = 0; i < PD_FEATURES; i++)
			use[i] |= pd_feature_info[i].served == (n == 6);
		return 0;
	}
	from = slot_of(s, dash == NULL ? n : (size_t)(dash - s));
	to =
	    dash == NULL ? from : slot_of(dash + 1, n - (size_t)(dash - s) - 1);
	if (from < 0 || to < from)
		return -1;
	for (i = from; i <= to; i++)
		use[i] = true;
	return 0;
}

static int
parse_mask(const char *list, bool *use)
{
	const char *s = list;
	size_t n;
	int i;

	for (i = 0; i < PD_FEATURES; i++)
		use[i] = list == NULL;
	while (s != NULL) {
		n = strcspn(s, ",");
		if (add_item(use, s, n) < 0)
			return pd_cli_usage("--mask: '%.*s' is no slot, range "
					    "or group; see --table",
			    (int)n, s);
		s = s[n] == ',' ? s + n + 1 : NULL;
	}
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
	    .labels = opt.labels,
	    .keys = opt.keys};

	if (parse_mask(opt.mask, o.use) != 0)
		return PD_EXIT_FAIL;
	if (opt.table)
		return argc == 0 ? print_table(o.use)
				 : pd_cli_usage("--table reads no file");
	if (sample_opt.json)
		return pd_cli_usage("--json goes with --table; for rows as "
				    "text pipe them into predis-sample print");
	if (opt.by_bytes && opt.capacity == 0)
		return pd_cli_usage("--bytes needs --capacity");
	if (opt.keys == 0 || opt.keys > PD_HISTORY_KEYS_MAX)
		return pd_cli_usage("--keys is 1 to 536870911");
	return make_rows(argc == 0 ? "-" : argv[0], &o);
}
