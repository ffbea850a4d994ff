#include "sample.h"

static const struct pd_verb verbs[] = {
    {"import", "FILE", "make a stream from a trace of another format",
	sample_import_opts, 1, 1, sample_import},
    {"tap", "ADDRESS", "record the events of a running predis-serve",
	sample_tap_opts, 1, 1, sample_tap},
    {"record", "", "record for ever, in files by time, counting what is lost",
	sample_record_opts, 0, 0, sample_record},
    {"top", "[ADDRESS]", "show what a running server is asked, live",
	sample_top_opts, 0, 1, sample_top},
    {"features", "[FILE]", "derive the 64 features of each access",
	sample_features_opts, 0, 1, sample_features},
    {"export", "[FILE]", "write feature rows for NumPy, or as CSV",
	sample_export_opts, 0, 1, sample_export},
    {"print", "[FILE...]", "show events, feature rows and headers as text",
	sample_print_opts, 0, -1, sample_print},
    {"info", "[FILE...]", "count what streams hold", sample_info_opts, 0, -1,
	sample_info},
    {"stat", "[FILE...]", "what the traffic of streams is like",
	sample_stat_opts, 0, -1, sample_stat},
    {"verify", "[FILE...]", "check every block; exit 1 when one is damaged",
	sample_verify_opts, 0, -1, sample_verify},
    {"cat", "[FILE...]", "join streams and drop damage", sample_cat_opts, 0, -1,
	sample_cat},
    {"index", "DIR", "make the index of a recorded directory anew",
	sample_index_opts, 1, 1, sample_index},
    {"merge", "FILE...", "join streams in order of time", sample_merge_opts, 1,
	-1, sample_merge},
    {"mrc", "[FILE...]", "what LRU would miss at every size", sample_mrc_opts,
	0, -1, sample_mrc},
    {"send", "[FILE...]", "put the blocks of streams into a network",
	sample_send_opts, 0, -1, sample_send},
    {"receive", "", "write the blocks that lie in a network",
	sample_receive_opts, 0, 0, sample_receive},
    {"key", "new|rotate|id FILE", "make or change a deployment's key file",
	sample_key_opts, 2, 2, sample_key},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct pd_program program = {
    "predis-sample",
    "record, convert and inspect streams of cache events",
    verbs,
    "  predis-sample tap /run/predis/tap.sock -o events.pds\n"
    "  predis-sample import --format csv trace.csv.gz -o events.pds\n"
    "  predis-sample features --capacity 10000 events.pds -o rows.pds\n"
    "  predis-sample print --json events.pds | jq -c 'select(.hit)'\n",
};

int
main(int argc, char **argv)
{
	return pd_cli_main(&program, argc, argv);
}
