#include "base/keyfile.h"
#include "data/event.h"
#include "sample.h"

static const char *format = "csv";
static const char *unit = "s";

const struct pd_opt sample_import_opts[] = {
    {0, "format", "FORMAT", PD_OPT_STR, &format, NULL,
	"csv (default), oracle or monitor"},
    {0, "time-unit", "UNIT", PD_OPT_STR, &unit, NULL,
	"what the source's time counts: s (default), ms, us or seq"},
    SAMPLE_BY_OPTS,
    SAMPLE_KEY_OPT,
    SAMPLE_OUTPUT_OPTS,
    SAMPLE_TO_OPTS,
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    PD_OPT_END,
};

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
		if (s->scheme != PD_SAMPLE_NONE &&
		    !pd_sample(s,
			s->scheme == PD_SAMPLE_KEY ? pd_evreader_keyhash(in)
						   : 0,
			e.time_us))
			continue;
		if ((rc = pd_pds_add(out->w, &e, &err)) < 0)
			break;
	}
	pd_cli_progress_end();
	if (rc < 0)
		pd_cli_fail(&err);
	else if (pd_evreader_ignored(in) > 0)
		pd_cli_note("%llu other commands left out",
		    (unsigned long long)pd_evreader_ignored(in));
	return rc;
}

int
sample_import(int argc, char **argv)
{
	const int u = pd_timeunit_parse(unit);
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_meta meta;
	struct pd_evreader *in;
	struct pd_sampler s;
	struct sample_out out;
	struct pd_keys keys;
	int rc = -1;

	(void)argc;
	if (u < 0)
		return pd_cli_usage(
		    "--time-unit is s, ms, us or seq, not '%s'", unit);
	if (sample_keys(&keys))
		return PD_EXIT_FAIL;
	in =
	    pd_evreader_open(argv[0], format, &keys, (enum pd_timeunit)u, &err);
	if (in == NULL)
		return pd_cli_fail(&err);
	meta = *pd_evreader_meta(in);
	if (pd_evreader_is_pds(in))
		pd_cli_usage("'%s' is already a stream: use cat", argv[0]);
	else if (sample_rule(&s, &meta, &keys, true) == 0 &&
		 sample_out_open(&out, false, false) == 0) {
		rc = sample_out_header(&out, &meta);
		if (rc == 0)
			rc = copy(in, &out, &s);
		if (rc == 0)
			rc = sample_out_finish(&out);
		else
			sample_out_abort(&out);
	}
	pd_evreader_close(in);
	return rc == 0 ? PD_EXIT_YES : PD_EXIT_FAIL;
}
