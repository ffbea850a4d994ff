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
struct pd_transport;
struct pd_transport_opts;
struct pd_source;

/* What the shared options set. */
struct sample_options {
	const char *output;
	bool bare;
	bool json;
	const char *by;
	const char *scheme;
	double rate;
	uint64_t window_us;
	uint64_t seed;
	const char *key_file;
	const char *to;	  /* the address of a transport, instead of output */
	const char *from; /* and of one instead of a file */
};
extern struct sample_options sample_opt;

/* How to reach a peer over a network, and how patient to be: peer.c. */
struct sample_peer {
	const char *user;
	const char *password_file;
	const char *tls_ca;
	const char *tls_cert;
	const char *tls_key;
	const char *kafka_config;
	uint64_t timeout_us;
	uint64_t buffer;
	uint64_t partitions;
	uint64_t maxlen;
	const char *replicas; /* "auto" or a number */
};
extern struct sample_peer sample_peer;
/* What the options of live sources set. */
struct sample_source_options {
	double max_load;
	const char *password_file;
	uint64_t retry_us;
};
extern struct sample_source_options sample_source;

/* Entries of a verb's option table. */
#define SAMPLE_OUTPUT_OPTS                                                     \
	{'o', "output", "FILE", PD_OPT_STR, &sample_opt.output, NULL,          \
	    "write the stream to FILE, not to standard output"},               \
	{                                                                      \
		'0', "uncompressed", NULL, PD_OPT_FLAG, &sample_opt.bare,      \
		    NULL, "write bare frames, for pipes"                       \
	}
/* Whoever connects: credentials and TLS. */
#define SAMPLE_PEER_OPTS                                                       \
	{0, "user", "NAME", PD_OPT_STR, &sample_peer.user, NULL,               \
	    "ACL user at the peer (default: none)"},                           \
	    {0, "password-file", "FILE", PD_OPT_STR,                           \
		&sample_peer.password_file, NULL,                              \
		"file whose first line is the password"},                      \
	    {0, "tls-ca", "FILE", PD_OPT_STR, &sample_peer.tls_ca, NULL,       \
		"authorities to trust over TLS (default: the system's)"},      \
	    {0, "tls-cert", "FILE", PD_OPT_STR, &sample_peer.tls_cert, NULL,   \
		"client certificate over TLS"},                                \
	{                                                                      \
		0, "tls-key", "FILE", PD_OPT_STR, &sample_peer.tls_key, NULL,  \
		    "key of the client certificate"                            \
	}
/* A transport of either direction. */
#define SAMPLE_NET_OPTS                                                        \
	{0, "timeout", "TIME", PD_OPT_DURATION, &sample_peer.timeout_us, NULL, \
	    "how long an unreachable peer is tried again (30s)"},              \
	    {0, "buffer", "BYTES", PD_OPT_SIZE, &sample_peer.buffer, NULL,     \
		"blocks held at most (64M)"},                                  \
	{                                                                      \
		0, "kafka-config", "FILE", PD_OPT_STR,                         \
		    &sample_peer.kafka_config, NULL,                           \
		    "settings of librdkafka, a line NAME=VALUE each"           \
	}
/* Reading a whole stream. */
#define SAMPLE_FROM_OPT                                                        \
	{                                                                      \
		0, "from", "ADDRESS", PD_OPT_STR, &sample_opt.from, NULL,      \
		    "read redis-stream://HOST:PORT/NAME or kafka://HOST/TOPIC" \
	}
/* Sending. */
#define SAMPLE_TO_OPTS                                                         \
	{0, "to", "ADDRESS", PD_OPT_STR, &sample_opt.to, NULL,                 \
	    "send to redis-stream://HOST:PORT/NAME or kafka://HOST/TOPIC"},    \
	    {0, "partitions", "N", PD_OPT_U64, &sample_peer.partitions, NULL,  \
		"keys of a new redis-stream (16)"},                            \
	    {0, "maxlen", "N", PD_OPT_U64, &sample_peer.maxlen, NULL,          \
		"blocks that a partition keeps, about (default: all)"},        \
	{                                                                      \
		0, "replicas", "N", PD_OPT_STR, &sample_peer.replicas, NULL,   \
		    "replicas that have to have a block (auto)"                \
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
/* A live source that is no predis-serve. */
#define SAMPLE_SOURCE_OPTS                                                     \
	{0, "max-load", "CORES", PD_OPT_DOUBLE, &sample_source.max_load, NULL, \
	    "leave a Redis that takes more than this (0.8; 0: never)"},        \
	    {0, "retry", "TIME", PD_OPT_DURATION, &sample_source.retry_us,     \
		NULL, "connect again for so long when it is lost (0)"},        \
	{                                                                      \
		0, "source-password-file", "FILE", PD_OPT_STR,                 \
		    &sample_source.password_file, NULL,                        \
		    "first line: the password of a redis:// source"            \
	}
#define SAMPLE_SCHEME_OPT                                                      \
	{                                                                      \
		0, "scheme", "SCHEME", PD_OPT_STR, &sample_opt.scheme, NULL,   \
		    "of events sampled by several schemes: key, event, window" \
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
	struct pd_pds_writer *w;  /* add records here */
	struct pd_pds_wopts made; /* how it was made */
	bool ended;		  /* its end marker is written */
	struct pd_transport *net; /* --to: instead of a file */
	uint64_t dropped;	  /* blocks, as told so far */
	bool net_failed;	  /* and told: no use to try the end */
};

/* 0, or -1 having reported; a terminal is refused. */
int sample_out_open(struct sample_out *o, bool in_place, bool append);
/* Another writer of the same output, for a stream of its own; the caller's.
 * NULL having reported. */
struct pd_pds_writer *sample_out_another(const struct sample_out *o);
/* Write a header block with this program's name in it. 0, or -1 reported. */
int sample_out_header(struct sample_out *o, const struct pd_pds_meta *m);
/* An endless output that goes over a network: try again what is held. To be
 * called every second or so. 0, or -1 having reported. */
int sample_out_tick(struct sample_out *o);
/* Does nobody read the pipe any more that the output is? For who may have
 * nothing to write for long. Reports it. */
bool sample_out_gone(const struct sample_out *o);
/* Write Z and put the file in its place. 0, or -1 having reported. */
int sample_out_finish(struct sample_out *o);
/* Give up: what -o names stays as it was, unless it was written in place. */
void sample_out_abort(struct sample_out *o);

/* What the options of a transport say. 0, or -1 having reported. */
int sample_net_opts(struct pd_transport_opts *o);
/* Say on standard error what a transport lost, dropped or could not use; true
 * when records are missing that nobody else has. */
bool sample_net_report(const struct pd_transport *t, const char *address);

/* The keys of --key-file, which is made when it is absent, or the public ones.
 * 0, or -1 having reported. */
int sample_keys(struct pd_keys *k);
/* The same for the keys of a live source, which nobody should be able to guess:
 * without --key-file they are random. */
int sample_keys_live(struct pd_keys *k);
/*
 * Prepare the sampler that --by and --rate ask for over a source with header
 * ${m}, and change ${m} to say what comes out. ${has_keytext}: key bytes are
 * known, so selection agrees with a server's. 0, or -1 having reported.
 */
int sample_rule(struct pd_sampler *s, struct pd_pds_meta *m,
    const struct pd_keys *k, bool has_keytext);

/*
 * Open a live source (data/source.h) with the options of SAMPLE_SOURCE_OPTS
 * and the sampling that --by and --rate ask for. NULL having reported.
 */
struct pd_source *sample_source_open(
    const char *url, const char *host, const struct pd_keys *keys);
/* Say what the source has to say. */
void sample_source_notes(struct pd_source *s);

/* How long the verb tap is to record, and what it writes into headers. */
struct sample_live {
	uint64_t count;	      /* events, 0 no end */
	uint64_t duration_us; /* 0 no end */
	bool append;
	const char *host; /* or NULL */
};
/* The verb tap with the URL of a live source. An exit status. */
int sample_live(const char *url, const struct sample_live *o);

/* Say on standard error what was damaged in ${name}; true when anything was.
 * ${n} ranges of ${list} of ${total}. */
bool sample_note_damage(const char *name, const struct pd_pds_stats *s,
    const struct pd_pds_damage *list, size_t n);
/* Is all that is wrong with ${name} that it is a segment that still grows? */
bool sample_only_grows(const char *name, const struct pd_pds_stats *s,
    const struct pd_pds_damage *list, size_t n);
/* "standard input" for "-". */
const char *sample_name(const char *path);
/* Open a .pds file ("-": standard input) for reading; the descriptor or -1
 * having reported. */
int sample_open(const char *path);

/*
 * sample_operands(argc, argv, from_us, to_us):
 * The operands, "-" where there are none, with each directory replaced by its
 * segments that may have records of this time; ${*argc} of them, for
 * sample_operands_free(). NULL having reported.
 */
char **sample_operands(
    int *argc, char **argv, uint64_t from_us, uint64_t to_us);
void sample_operands_free(int argc, char **operands);
/* Is it the name of a segment that grows, and so has no end yet? */
bool sample_growing(const char *path);

/* The verbs: operands in, exit status out. */
int sample_import(int argc, char **argv);
int sample_tap(int argc, char **argv);
int sample_record(int argc, char **argv);
int sample_index(int argc, char **argv);
int sample_features(int argc, char **argv);
int sample_export(int argc, char **argv);
int sample_print(int argc, char **argv);
int sample_verify(int argc, char **argv);
int sample_info(int argc, char **argv);
int sample_stat(int argc, char **argv);
int sample_top(int argc, char **argv);
int sample_cat(int argc, char **argv);
int sample_key(int argc, char **argv);
int sample_merge(int argc, char **argv);
int sample_send(int argc, char **argv);
int sample_receive(int argc, char **argv);
int sample_mrc(int argc, char **argv);
extern const struct pd_opt sample_import_opts[];
extern const struct pd_opt sample_tap_opts[];
extern const struct pd_opt sample_record_opts[];
extern const struct pd_opt sample_index_opts[];
extern const struct pd_opt sample_features_opts[];
extern const struct pd_opt sample_export_opts[];
extern const struct pd_opt sample_print_opts[];
extern const struct pd_opt sample_verify_opts[];
extern const struct pd_opt sample_info_opts[];
extern const struct pd_opt sample_stat_opts[];
extern const struct pd_opt sample_top_opts[];
extern const struct pd_opt sample_cat_opts[];
extern const struct pd_opt sample_key_opts[];
extern const struct pd_opt sample_merge_opts[];
extern const struct pd_opt sample_send_opts[];
extern const struct pd_opt sample_receive_opts[];
extern const struct pd_opt sample_mrc_opts[];

#endif /* PREDIS_SAMPLE_SAMPLE_H */
