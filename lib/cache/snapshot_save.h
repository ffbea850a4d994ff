#ifndef PD_CACHE_SNAPSHOT_SAVE_H
#define PD_CACHE_SNAPSHOT_SAVE_H

/*
 * Writing a snapshot of stores that go on serving. The owner walks them in
 * slices, in hash order, which copies keys into blocks; a thread writes these.
 * A key that is there from start to end is in the snapshot once, as it was at
 * some time in between. Values from PD_REPLY_HOLD on are not copied but held
 * until they are written.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_save;
struct pd_snapshot_record;
struct pd_store;

/* Stores, and what keeps others off one of them. Between lock() and unlock()
 * there is no system call. */
struct pd_snapshot_stores {
	struct pd_store *const *store;
	unsigned n;
	void (*lock)(void *cookie, unsigned i); /* NULL: nobody else is there */
	void (*unlock)(void *cookie, unsigned i);
	/* Whose a key is (NULL: the first store's). */
	unsigned (*of)(void *cookie, const struct pd_snapshot_record *r);
	void *cookie;
};

enum pd_snapshot_state {
	PD_SNAPSHOT_MORE, /* call again at once, or when there is time */
	PD_SNAPSHOT_WAIT, /* the thread is behind: call again in a while */
	PD_SNAPSHOT_DONE,
	PD_SNAPSHOT_FAILED,
};

struct pd_save_config {
	const char *path;
	uint64_t max_bytes; /* of the file, 0 no limit */
	bool compress;
};

struct pd_save_stats {
	uint64_t records;
	uint64_t expired;  /* keys that were over */
	uint64_t left_out; /* keys for which there was no room in max_bytes */
	uint64_t blocks;
	uint64_t bytes; /* of the file */
};

/*
 * pd_save_new(cfg, stores, err):
 * Begin. The file appears at the end, in place of the one before. NULL with a
 * message.
 */
struct pd_save *pd_save_new(const struct pd_save_config *cfg,
    const struct pd_snapshot_stores *stores, struct pd_err *err);
/* Walk for at most about ${us} microseconds. PD_SNAPSHOT_FAILED: with a
 * message, and the file is as it was: also where max_bytes leaves out all
 * keys. */
enum pd_snapshot_state pd_save_step(
    struct pd_save *s, uint64_t us, struct pd_err *err);
/* Complete after PD_SNAPSHOT_DONE. */
const struct pd_save_stats *pd_save_stats(const struct pd_save *s);
/* Bytes of memory that it takes now. */
size_t pd_save_memory(struct pd_save *s);
/* End it, done or not; waits for the thread. */
void pd_save_free(struct pd_save *s);

#endif /* PD_CACHE_SNAPSHOT_SAVE_H */
