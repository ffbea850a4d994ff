#ifndef PREDIS_SAMPLE_SAMPLE_H
#define PREDIS_SAMPLE_SAMPLE_H

/*
 * Between the verbs of predis-sample: the options that several of them take,
 * and their output, a PDS stream on standard output or in a file.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "data/evreader.h"
#include "data/pds.h"
#include "data/sample.h"
#include "io/atomicfile.h"

struct pd_buf;
struct pd_json;
struct pd_keys;

/* What the shared options set. */
struct sample_options {
	const char *output;
	bool bare;
	bool json;
	const char *by;
	double rate;
	uint64_t window_us;
	uint64_t seed;
	const char *key_file;
};
extern struct sample_options sample_opt;

/* Entries of a verb's option table. */
#define SAMPLE_OUTPUT_OPTS                                                     \
	{'o', "output", "FILE", PD_OPT_STR, &sample_opt.output, NULL,          \
	    "write the stream to FILE, not to standard output"},               \
	{                                                                      \
		'0', "uncompressed", NULL, PD_OPT_FLAG, &sample_opt.bare,      \
		    NULL, "write bare frames, for pipes"                       \
	}
#define SAMPLE_BY_OPTS                                                         \
	{0, "by", "SCHEME", PD_OPT_STR, &sample_opt.by, NULL,                  \
	    "sample by key (default), event or window"},                       \
	    {0, "rate", "R", PD_OPT_SHARE, &sample_opt.rate, NULL,             \
		"share to keep: 0.001, 0.1% or 1/1024 (default 1)"},           \
	    {0, "window", "TIME", PD_OPT_DURATION, &sample_opt.window_us,      \
		NULL, "length of a window with --by window (250ms)"},          \
	{                                                                      \
		0, "seed", "N", PD_OPT_U64, &sample_opt.seed, NULL,            \
		    "start of the random skips with --by event (1)"            \
	}
#define SAMPLE_KEY_OPT                                                         \
	{                                                                      \
		0, "key-file", "FILE", PD_OPT_STR, &sample_opt.key_file, NULL, \
		    "key file of the deployment, for keys and selection"       \
	}
#define SAMPLE_JSON_OPT                                                        \
	{                                                                      \
		0, "json", NULL, PD_OPT_FLAG, &sample_opt.json, NULL,          \
		    "one JSON object a line"                                   \
	}

/*
 * The output stream. With -o a finite result appears by rename; an endless
 * one (in_place) grows in its file block by block.
 */
struct sample_out {
	struct pd_atomicfile file;
	int fd;
	bool in_place;
	struct pd_pds_writer *w; /* add records here */
};

/* 0, or -1 having reported; a terminal is refused. */
int sample_out_open(struct sample_out *o, bool in_place, bool append);
/* Write a header block with this program's name in it. 0, or -1 reported. */
int sample_out_header(struct sample_out *o, const struct pd_pds_meta *m);
/* Write Z and put the file in its place. 0, or -1 having reported. */
int sample_out_finish(struct sample_out *o);
/* Give up: what -o names stays as it was, unless it was written in place. */
void sample_out_abort(struct sample_out *o);

/* The keys of --key-file, or the public ones. 0, or -1 having reported. */
int sample_keys(struct pd_keys *k);
/*
 * Prepare the sampler that --by and --rate ask for over a source with header
 * ${m}, and change ${m} to say what comes out. ${has_keytext}: key bytes are
 * known, so selection agrees with a server's. 0, or -1 having reported.
 */
int sample_rule(struct pd_sampler *s, struct pd_pds_meta *m,
    const struct pd_keys *k, bool has_keytext);

/* Say on standard error what was damaged in ${name}; true when anything was.
 * ${n} ranges of ${list} of ${total}. */
bool sample_note_damage(const char *name, const struct pd_pds_stats *s,
    const struct pd_pds_damage *list, size_t n);
/* "standard input" for "-". */
const char *sample_name(const char *path);
/* Open a .pds file ("-": standard input) for reading; the descriptor or -1
 * having reported. */
int sample_open(const char *path);

/* The verbs: operands in, exit status out. */
int sample_import(int argc, char **argv);
int sample_tap(int argc, char **argv);
int sample_features(int argc, char **argv);
int sample_print(int argc, char **argv);
int sample_verify(int argc, char **argv);
int sample_info(int argc, char **argv);
int sample_cat(int argc, char **argv);
int sample_merge(int argc, char **argv);
int sample_send(int argc, char **argv);
int sample_receive(int argc, char **argv);
extern const struct pd_opt sample_import_opts[];
extern const struct pd_opt sample_tap_opts[];
extern const struct pd_opt sample_features_opts[];
extern const struct pd_opt sample_print_opts[];
extern const struct pd_opt sample_verify_opts[];
extern const struct pd_opt sample_info_opts[];
extern const struct pd_opt sample_cat_opts[];
extern const struct pd_opt sample_merge_opts[];
extern const struct pd_opt sample_send_opts[];
extern const struct pd_opt sample_receive_opts[];

#endif /* PREDIS_SAMPLE_SAMPLE_H */
