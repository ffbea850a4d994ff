#ifndef PD_CACHE_SNAPSHOT_LOAD_H
#define PD_CACHE_SNAPSHOT_LOAD_H

/*
 * A snapshot goes into the stores of a server while it serves: a thread reads
 * and checks blocks, the owner takes their keys over in slices. What a client
 * wrote or deleted since the start wins over the snapshot.
 */

#include <stddef.h>
#include <stdint.h>

#include "cache/snapshot.h"
#include "cache/snapshot_save.h"

struct pd_err;
struct pd_load;

struct pd_load_stats {
	uint64_t loaded;  /* keys */
	uint64_t expired; /* keys that were over */
	uint64_t newer;	  /* keys that clients wrote or deleted meanwhile */
	uint64_t refused; /* keys that did not fit */
	struct pd_snapshot_read_stats read;
};

/*
 * pd_load_new(path, limits, stores, err):
 * Open ${path} and begin to read. From now on the stores remember what is
 * written. NULL with a message; errno is ENOENT when there is no file.
 */
struct pd_load *pd_load_new(const char *path,
    const struct pd_snapshot_limits *limits,
    const struct pd_snapshot_stores *stores, struct pd_err *err);
/* Take keys over for at most about ${us} microseconds. */
enum pd_snapshot_state pd_load_step(struct pd_load *l, uint64_t us);
/* Valid after pd_load_step() was PD_SNAPSHOT_DONE, or
 * PD_SNAPSHOT_FAILED: clients wrote too many keys, so the rest was given up;
 * without what is read, any time. */
const struct pd_load_stats *pd_load_stats(const struct pd_load *l);
/* When it was written, us since 1970. */
uint64_t pd_load_created_us(const struct pd_load *l);
/* Bytes of memory. */
size_t pd_load_memory(struct pd_load *l);
/* End it, done or not: waits for the thread. */
void pd_load_free(struct pd_load *l);

#endif /* PD_CACHE_SNAPSHOT_LOAD_H */
