#ifndef TEST_CACHE_SNAPSHOT_H
#define TEST_CACHE_SNAPSHOT_H

/*
 * For the tests of snapshots: stores with keys "k<number>", a file in a folder
 * of its own, and that file's bytes. Include after cmocka.h; memfd_create()
 * wants _GNU_SOURCE.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/keyfile.h"
#include "cache/snapshot.h"
#include "cache/snapshot_save.h"
#include "cache/stats.h"
#include "cache/store.h"
#include "data/event.h"
#include "io/fd.h"

#define NOW_US UINT64_C(1700000000000000)
#define NOW_MS ((int64_t)(NOW_US / 1000))

static struct pd_keys keys;
static struct pd_stats stats;
static char dir[64];
static char path[96];

static inline struct pd_store *
new_store(uint64_t maxmemory, const char *policy, enum pd_objective o)
{
	const struct pd_store_config cfg = {
	    .maxmemory = maxmemory,
	    .max_value = 4 << 20,
	    .max_share = 0.25,
	    .evict = true,
	    .policy = pd_policy_find(policy),
	    .objective = o,
	    .keys = &keys,
	};
	struct pd_store *st = pd_store_new(&cfg, &stats, NULL);

	assert_non_null(st);
	pd_store_time(st, NOW_US, 0);
	return st;
}

static inline void
put(struct pd_store *st, unsigned db, const void *k, size_t nk, const void *v,
    size_t nv, int64_t expiry)
{
	const struct pd_key key = pd_store_key(st, db, k, nk);
	const struct pd_put p = {.len = nv, .expiry = expiry, .op = PD_OP_SET};
	uint8_t *value;

	assert_int_equal(pd_store_put(st, &key, &p, &value), PD_STORE_OK);
	if (nv > 0)
		memcpy(value, v, nv);
}

/* Key "k<i>" with a value that says so. */
static inline void
put_number(struct pd_store *st, unsigned i)
{
	char k[16], v[32];

	snprintf(k, sizeof(k), "k%u", i);
	snprintf(v, sizeof(v), "value %u", i);
	put(st, 0, k, strlen(k), v, strlen(v), 0);
}

static inline void
pause_a_little(void)
{
	const struct timespec t = {.tv_nsec = 200000};

	nanosleep(&t, NULL);
}

/* Write a snapshot; ${between} is called between slices. */
static inline enum pd_snapshot_state
save(struct pd_store *st, const struct pd_save_config *cfg,
    struct pd_save_stats *out, void (*between)(struct pd_store *))
{
	const struct pd_snapshot_stores stores = {.store = &st, .n = 1};
	struct pd_err err = PD_ERR_INIT;
	struct pd_save *s = pd_save_new(cfg, &stores, &err);
	enum pd_snapshot_state state;

	assert_non_null(s);
	for (;;) {
		state = pd_save_step(s, between == NULL ? 1000 : 0, &err);
		assert_true(pd_save_memory(s) > 0);
		if (state == PD_SNAPSHOT_WAIT)
			pause_a_little();
		else if (state != PD_SNAPSHOT_MORE)
			break;
		else if (between != NULL)
			between(st);
	}
	assert_int_equal(state == PD_SNAPSHOT_FAILED, err.msg[0] != '\0');
	if (out != NULL)
		*out = *pd_save_stats(s);
	pd_save_free(s);
	return state;
}

static inline void
save_file(struct pd_store *st)
{
	const struct pd_save_config cfg = {.path = path};

	assert_int_equal(save(st, &cfg, NULL, NULL), PD_SNAPSHOT_DONE);
}

/* A file in memory, changed at will. */
static struct pd_buf file = PD_BUF_INIT;

static inline int
file_fd(const uint8_t *p, size_t n)
{
	const int fd = memfd_create("snapshot", 0);

	assert_true(fd >= 0);
	assert_int_equal(pd_write_full(fd, p, n), 0);
	return fd;
}

/* Read what can be read: true values of known keys only. How many, or -1 when
 * the header is not good. */
static inline int
read_bytes(const uint8_t *p, size_t n, struct pd_snapshot_read_stats *out)
{
	const struct pd_snapshot_limits limits = {.max_value = 1 << 20};
	struct pd_err err = PD_ERR_INIT;
	struct pd_snapshot_reader *r =
	    pd_snapshot_open(file_fd(p, n), &limits, &err);
	struct pd_snapshot_record rec;
	struct pd_snapshot_block *b;
	char want[32];
	int found = 0;
	uint32_t i;

	if (r == NULL) {
		assert_true(err.msg[0] != '\0');
		return -1;
	}
	assert_int_equal(pd_snapshot_survey(r), 0);
	while ((b = pd_snapshot_next(r)) != NULL) {
		for (i = 0; i < b->records; i++) {
			assert_true(
			    pd_snapshot_get_record(b->data.data + b->at[i],
				b->data.len - b->at[i], &rec) > 0);
			snprintf(want, sizeof(want), "value %.*s",
			    (int)rec.klen - 1, (const char *)rec.key + 1);
			assert_int_equal(rec.vlen, strlen(want));
			assert_memory_equal(rec.value, want, rec.vlen);
			found++;
		}
		pd_snapshot_block_free(b);
	}
	*out = *pd_snapshot_read_stats(r);
	pd_snapshot_close(r);
	return found;
}

/* 40 keys in about 20 blocks. */
static inline void
make_file(void)
{
	struct pd_store *st = new_store(0, "learned", 0);
	struct pd_err err = PD_ERR_INIT;
	unsigned i;

	for (i = 0; i < 40; i++)
		put_number(st, i);
	save_file(st);
	pd_store_free(st);
	pd_buf_clear(&file);
	assert_int_equal(pd_read_file(path, 1 << 20, &file, &err), 0);
}

static inline int
make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	memset(&keys, 7, sizeof(keys));
	snprintf(dir, sizeof(dir), "%.40s/snapshot.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static inline int
remove_dir(void **state)
{
	(void)state;
	pd_buf_release(&file);
	unlink(path);
	return rmdir(dir); /* nothing else may be left */
}

#endif /* TEST_CACHE_SNAPSHOT_H */
