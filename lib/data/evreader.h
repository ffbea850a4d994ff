#ifndef PD_DATA_EVREADER_H
#define PD_DATA_EVREADER_H

/*
 * Events one by one from any file that holds accesses: a .pds stream, or a
 * trace of another format, which is read as if a server had recorded it at
 * rate 1. An importing reader numbers the requests of the source (tick, from
 * 0) before anybody samples, and turns keys into identities with
 * pd_keys_identity().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_event;
struct pd_evreader;
struct pd_keys;
struct pd_pds_damage;
struct pd_pds_meta;
struct pd_pds_stats;
struct pd_transport_opts;

/* What the time of a trace counts. */
enum pd_timeunit {
	PD_TIME_S, /* seconds, also with decimals */
	PD_TIME_MS,
	PD_TIME_US,
	PD_TIME_SEQ, /* ignored: the time is the request number, in us */
	PD_TIME_OWN, /* what the format counts by itself */
};

/* The unit of "s", "ms", "us", "seq", "own", or -1. */
int pd_timeunit_parse(const char *name);

/* Do the events tell hits from misses? */
enum pd_hits {
	PD_HITS_OWN, /* as the format does */
	PD_HITS_KNOWN,
	PD_HITS_UNKNOWN,
};

struct pd_evreader_opts {
	/* "pds" or the name of a pd_import (data/import.h); "auto": by content,
	 * when sure; NULL: by content, else csv. */
	const char *format;
	const struct pd_keys *keys; /* NULL: pd_keys_public(); copied */
	enum pd_timeunit unit;
	/* For "log" and "jsonl"; for lines that the first does not fit the
	 * next is tried. */
	const char *const *pattern;
	size_t patterns;
	bool strict; /* a line that cannot be understood is an error */
	enum pd_hits hits;
	/* For the URL of a transport; NULL: the defaults. */
	const struct pd_transport_opts *net;
};

#define PD_REJECTS_NAMED 5

/* Lines that could not be understood. */
struct pd_rejects {
	uint64_t count;
	/* The first ones: "file:line: reason". */
	char first[PD_REJECTS_NAMED][192];
};

/*
 * pd_evreader_open_with(path, o, err):
 * ${path} may be the URL of a transport (data/transport.h), too, or a recorded
 * directory (data/segment_read.h).
 * Open ${path} ("-": standard input). NULL with a message.
 */
struct pd_evreader *pd_evreader_open_with(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err);
/*
 * pd_evreader_open(path, format, keys, unit, err):
 * The same, for those who need no more. What ${format} NULL finds by content
 * (gzip or not) or by a name that ends in ".pds" is taken, else it is csv.
 */
struct pd_evreader *pd_evreader_open(const char *path, const char *format,
    const struct pd_keys *keys, enum pd_timeunit unit, struct pd_err *err);
void pd_evreader_close(struct pd_evreader *r);

/*
 * pd_evreader_scheme(r, name, err):
 * Of streams sampled by different schemes in one file, read those by ${name},
 * "key", "event" or "window"; NULL: there must be one. Before the first event.
 * 0, or -1 with a message.
 */
int pd_evreader_scheme(
    struct pd_evreader *r, const char *name, struct pd_err *err);

/* The next event: 1, 0 at the end, -1 with a message that names file and
 * line, record or offset. Damage in a .pds is no error: it is skipped. */
int pd_evreader_next(
    struct pd_evreader *r, struct pd_event *e, struct pd_err *err);

/* The key's bytes of the event last returned, until the next call; NULL for
 * pds, which has none. An oracle's id is given as a decimal number. */
const char *pd_evreader_keytext(const struct pd_evreader *r, size_t *len);
/* The hash that sampling by key decides on: pd_hash64(key, table_seed), or
 * the identity where there are no key bytes. */
uint64_t pd_evreader_keyhash(const struct pd_evreader *r);
/* The shard of the event last returned. */
uint32_t pd_evreader_shard(const struct pd_evreader *r);

bool pd_evreader_is_pds(const struct pd_evreader *r);
/* Sampling scheme and rate, capacity hints ...; never NULL. For pds it is
 * filled after the first call of pd_evreader_next() (a header may follow). */
const struct pd_pds_meta *pd_evreader_meta(const struct pd_evreader *r);
/* Damaged ranges of a .pds so far; 0 for other formats. */
size_t pd_evreader_damage(
    const struct pd_evreader *r, const struct pd_pds_damage **list);
/* A clause on the damage of a .pds so far, for a person: "has 2 damaged parts,
 * ...". False, with ${out} empty, where there is none. */
bool pd_evreader_damage_text(const struct pd_evreader *r, char *out, size_t n);
/* Counts of a .pds; all zero for other formats. */
void pd_evreader_stats(const struct pd_evreader *r, struct pd_pds_stats *s);
/* Records of a source that stand for no access (MONITOR's other commands). */
uint64_t pd_evreader_ignored(const struct pd_evreader *r);
/* Lines of it that could not be understood; NULL: the format has none. */
const struct pd_rejects *pd_evreader_rejects(const struct pd_evreader *r);
/* Bytes of the input handled and their total (0: unknown), for progress. */
uint64_t pd_evreader_offset(const struct pd_evreader *r);
uint64_t pd_evreader_total(const struct pd_evreader *r);

#endif /* PD_DATA_EVREADER_H */
