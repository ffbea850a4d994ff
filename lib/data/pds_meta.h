#ifndef PD_DATA_PDS_META_H
#define PD_DATA_PDS_META_H

/*
 * The JSON object of an H block, predis-stream(5). Members that are absent
 * have the values of pd_pds_meta_init(); unknown ones are ignored.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/namespace.h"
#include "data/sample.h"

struct pd_buf;
struct pd_err;

struct pd_pds_meta {
	char schema[32]; /* "events", "features", "drift", "index" */
	enum pd_scheme scheme;
	double rate;	      /* share that was sampled, (0, 1] */
	uint64_t window_us;   /* PD_SAMPLE_WINDOW: length of a window */
	uint32_t salt_id;     /* names the selection salt, 0 public */
	uint32_t key_hash_id; /* pd_keys.id: identities with the same id join */
	uint32_t shard;
	uint32_t shards;   /* of the source, >= 1 */
	char time[16];	   /* "wall", "relative" (from 0), "sequence" */
	char host[256];	   /* "" unless the operator asked for it */
	char tool[64];	   /* "predis-sample 0.1.0" */
	char source[256];  /* format or program that the events came from */
	bool hits_unknown; /* the events' PD_EV_HIT means nothing */
	uint64_t start_us; /* when the stream was begun, 0 unknown */
	uint64_t run_id;   /* of the source's process: another one, other
			    * ticks; 0 unknown */
	uint64_t capacity_objects; /* of the cache, 0 unknown */
	uint64_t capacity_bytes;   /* 0 unknown */
	uint64_t eviction_age;	   /* ticks, at the start, 0 unknown */
	uint64_t feature_schema;   /* pd_feature_schema_id(), features only */
	struct pd_namespaces namespaces; /* those that have a name */
};

/* schema "events", scheme none, rate 1, shards 1, time "wall". */
void pd_pds_meta_init(struct pd_pds_meta *m);
/* Append the JSON text to ${out}. 0, or -1 out of memory. */
int pd_pds_meta_encode(const struct pd_pds_meta *m, struct pd_buf *out);
/* 0, or -1 with a message: no JSON object, a wrong type, or a min_reader above
 * PD_PDS_VERSION. */
int pd_pds_meta_parse(
    struct pd_pds_meta *m, const char *json, size_t n, struct pd_err *err);

#endif /* PD_DATA_PDS_META_H */
