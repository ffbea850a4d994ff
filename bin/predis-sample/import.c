#include <string.h>

#include "base/keyfile.h"
#include "data/event.h"
#include "sample.h"

#define PATTERNS 8

static const char *format = "auto";
static const char *unit = "own";
static const char *hits;
static const char *pattern[PATTERNS];
static size_t patterns;
static bool strict;

static int
add_pattern(void *dest, const char *value, struct pd_err *err)
{
	(void)dest;
	if (patterns == PATTERNS)
		return pd_err_set(
		    err, "--pattern may be given %d times", PATTERNS);
	pattern[patterns++] = value;
	return 0;
}

const struct pd_opt sample_import_opts[] = {
    {0, "format", "FORMAT", PD_OPT_STR, &format, NULL,
	"auto (default), csv, jsonl, log, nginx, oracle ...: see the manual"},
    {0, "pattern", "TEXT", PD_OPT_CALL, NULL, add_pattern,
	"what a line of a log is like: %{time} %{key} ..."},
    {0, "strict", NULL, PD_OPT_FLAG, &strict, NULL,
	"end at the first line of a log that cannot be understood"},
    {0, "hits", "WHAT", PD_OPT_STR, &hits, NULL,
	"known or unknown, where the format says otherwise"},
    {0, "time-unit", "UNIT", PD_OPT_STR, &unit, NULL,
	"what the source's time counts: s, ms, us or seq (the format's own)"},
    SAMPLE_BY_OPTS,
    SAMPLE_KEY_OPT,
    SAMPLE_OUTPUT_OPTS,
    SAMPLE_TO_OPTS,
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    PD_OPT_END,
};

/* Lines that were left out, and the first of them. */
static void
tell_rejects(const struct pd_evreader *in)
{
	const struct pd_rejects *r = pd_evreader_rejects(in);

	if (r == NULL || r->count == 0)
		return;
	for (size_t i = 0; i < r->count && i < PD_REJECTS_NAMED; i++)
		pd_cli_note("%s", r->first[i]);
	pd_cli_note("%llu line%s could not be understood and left out",
	    (unsigned long long)r->count, r->count == 1 ? "" : "s");
}

/* Write the event, if it is sampled. 0, or -1 with a message. */
static int
take(const struct pd_evreader *in, struct sample_out *out, struct pd_sampler *s,
    const struct pd_event *e, struct pd_err *err)
{
	const bool by_key = s->scheme == PD_SAMPLE_KEY;

	if (s->scheme != PD_SAMPLE_NONE &&
	    !pd_sample(s, by_key ? pd_evreader_keyhash(in) : 0, e->time_us))
		return 0;
	return pd_pds_add(out->w, e, err);
}

static int
copy(struct pd_evreader *in, struct sample_out *out, struct pd_sampler *s)
{
	const uint64_t total = pd_evreader_total(in);
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;
	uint64_t n = 0;
	int rc;

	while ((rc = pd_evreader_next(in, &e, &err)) == 1) {
		if (++n % 65536 == 0)
			pd_cli_progress(
			    "import", pd_evreader_offset(in), total);
		if ((rc = take(in, out, s, &e, &err)) < 0)
			break;
	}
	pd_cli_progress_end();
	if (rc < 0)
		pd_cli_fail(&err);
	else
		tell_rejects(in);
	if (rc == 0 && pd_evreader_ignored(in) > 0)
		pd_cli_note("%llu records that are no access left out",
		    (unsigned long long)pd_evreader_ignored(in));
	return rc;
}

/* The options as the reader takes them. 0, or -1 having reported. */
static int
reader_opts(struct pd_evreader_opts *o, const struct pd_keys *keys)
{
	const int u = pd_timeunit_parse(unit);

	*o = (struct pd_evreader_opts){.format = format,
	    .keys = keys,
	    .pattern = pattern,
	    .patterns = patterns,
	    .strict = strict};
	if (u < 0)
		return pd_cli_usage(
			   "--time-unit is own, s, ms, us or seq, not '%s'",
			   unit),
		       -1;
	o->unit = (enum pd_timeunit)u;
	if (hits == NULL)
		return 0;
	if (strcmp(hits, "known") == 0)
		o->hits = PD_HITS_KNOWN;
	else if (strcmp(hits, "unknown") == 0)
		o->hits = PD_HITS_UNKNOWN;
	else
		return pd_cli_usage(
			   "--hits is known or unknown, not '%s'", hits),
		       -1;
	return 0;
}

/* Everything from the first event on: the header needs it, as only a record
 * shows whether hits are known. */
static int
convert(
    struct pd_evreader *in, struct sample_out *out, const struct pd_keys *keys)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_meta meta;
	struct pd_sampler s;
	struct pd_event e;
	int got, rc;

	if ((got = pd_evreader_next(in, &e, &err)) < 0)
		return pd_cli_fail(&err), -1;
	meta = *pd_evreader_meta(in);
	if (sample_rule(&s, &meta, keys, true) || sample_out_header(out, &meta))
		return -1;
	rc = got == 1 ? take(in, out, &s, &e, &err) : 0;
	if (rc < 0)
		return pd_cli_fail(&err), -1;
	return copy(in, out, &s);
}

int
sample_import(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader_opts o;
	struct pd_evreader *in;
	struct sample_out out;
	struct pd_keys keys;
	int rc = -1;

	(void)argc;
	if (reader_opts(&o, &keys) || sample_keys(&keys))
		return PD_EXIT_FAIL;
	in = pd_evreader_open_with(argv[0], &o, &err);
	if (in == NULL)
		return pd_cli_fail(&err);
	if (pd_evreader_is_pds(in))
		pd_cli_usage("'%s' is already a stream: use cat", argv[0]);
	else if (sample_out_open(&out, false, false) == 0) {
		rc = convert(in, &out, &keys);
		if (rc == 0)
			rc = sample_out_finish(&out);
		else
			sample_out_abort(&out);
	}
	pd_evreader_close(in);
	return rc == 0 ? PD_EXIT_YES : PD_EXIT_FAIL;
}
