#ifndef PD_CACHE_SNAPSHOT_H
#define PD_CACHE_SNAPSHOT_H

/*
 * A snapshot of a cache in a file, predis-snapshot(5): the bytes, and reading
 * them. Keys are gathered into blocks by the age of their last access, so that
 * a reader can take the blocks, and the keys in each, from the oldest to the
 * newest without sorting them all. No block depends on another: what is
 * damaged or torn off is counted and the rest is read. Nothing here is shared
 * between threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cache/policy.h"

struct pd_err;

#define PD_SNAPSHOT_MAGIC 'P', 'D', 'S', 'N', 'A', 'P', '1', '\n'
#define PD_SNAPSHOT_BLOCK_MAGIC "PDsb"
#define PD_SNAPSHOT_VERSION 1
#define PD_SNAPSHOT_HEADER 40	 /* bytes of the file's header */
#define PD_SNAPSHOT_HEAD 40	 /* bytes of a block's header */
#define PD_SNAPSHOT_END 24	 /* bytes of the last block's payload */
#define PD_SNAPSHOT_BLOCK 131072 /* a block is closed from this size */
#define PD_SNAPSHOT_BLOCK_MOST                                                 \
	(UINT32_C(1) << 20) /* unless one key is larger                        \
			     */
#define PD_SNAPSHOT_RECORD_MOST                                                \
	40 /* bytes of a record besides key and value                          \
	    */
#define PD_SNAPSHOT_NO_AGE 255

enum pd_snapshot_kind { PD_SNAPSHOT_KEYS = 'K', PD_SNAPSHOT_LAST = 'E' };
enum pd_snapshot_packing { PD_SNAPSHOT_PLAIN, PD_SNAPSHOT_ZLIB };

/* The file's header. */
struct pd_snapshot_info {
	uint32_t shards;     /* whose ticks the ages count */
	uint64_t created_us; /* since 1970 */
	uint64_t salt;	     /* of all hashes in it: random */
};

/* A block's header. */
struct pd_snapshot_head {
	uint8_t kind;	 /* enum pd_snapshot_kind */
	uint8_t packing; /* enum pd_snapshot_packing */
	uint8_t age;	 /* code (base/code.h) or PD_SNAPSHOT_NO_AGE */
	uint32_t records;
	uint32_t raw;	 /* bytes of the payload */
	uint32_t stored; /* the same as it lies in the file */
	uint64_t hash;	 /* of these */
};

/* A key. Pointers are borrowed. */
struct pd_snapshot_record {
	const uint8_t *key;
	const uint8_t *value;
	uint32_t vlen;
	uint16_t klen;
	uint8_t db;	/* below 16 */
	bool ranked;	/* there is a rank */
	bool hinted;	/* the cost is what a client said */
	int64_t expiry; /* ms since 1970, 0 never */
	uint32_t cost;	/* microseconds to fetch it again, 0 unknown */
	struct pd_rank rank;
};

/* Write the file's header, PD_SNAPSHOT_HEADER bytes. */
void pd_snapshot_put_info(uint8_t *p, const struct pd_snapshot_info *i);
/* Read it. 0, or -1 with a message. */
int pd_snapshot_get_info(
    const uint8_t *p, struct pd_snapshot_info *i, struct pd_err *err);
/* Write a block's header, PD_SNAPSHOT_HEAD bytes. */
void pd_snapshot_put_head(
    uint8_t *p, const struct pd_snapshot_head *h, uint64_t salt);
/* Read it; false when these bytes are none. */
bool pd_snapshot_get_head(
    const uint8_t *p, struct pd_snapshot_head *h, uint64_t salt);

/* Bytes of a record before its value. */
size_t pd_snapshot_record_size(const struct pd_snapshot_record *r);
/* Write that much: all but the value, which is to follow. */
void pd_snapshot_put_record(uint8_t *p, const struct pd_snapshot_record *r);
/* Read a record at the front of ${n} bytes, its pointers into them. How long
 * it is, with its value; 0 when it is not whole. */
size_t pd_snapshot_get_record(
    const uint8_t *p, size_t n, struct pd_snapshot_record *r);

/* Reading a file. */

#define PD_SNAPSHOT_FLAWS 8

struct pd_snapshot_read_stats {
	uint64_t blocks;  /* found, whatever is in them */
	uint64_t records; /* in these */
	uint64_t skipped; /* records of blocks older than the limit allows */
	uint64_t lost;	  /* records of blocks that could not be read */
	uint64_t damaged; /* places in the file that are no block */
	uint64_t damaged_bytes;
	bool torn;	 /* the last block is missing */
	unsigned nflaws; /* of these, at most PD_SNAPSHOT_FLAWS */
	uint64_t flaw[PD_SNAPSHOT_FLAWS]; /* offsets of what is wrong */
};

struct pd_snapshot_limits {
	uint64_t bytes;	  /* of memory, 0 none: the oldest are left out */
	uint64_t objects; /* 0 none */
	uint64_t max_value;
};

/* A block in memory: its records from the oldest to the newest. */
struct pd_snapshot_block {
	uint32_t records;
	uint32_t *at; /* where they begin in data */
	struct pd_buf data;
	uint8_t age;
	uint8_t *large; /* where it is a single large value: its own memory, of
			 * pd_store_value_new(); taken over or freed with it */
	uint32_t large_key;		/* the length of its key */
	struct pd_snapshot_block *next; /* the owner's */
};

struct pd_snapshot_reader;

/*
 * pd_snapshot_open(fd, limits, err):
 * Begin to read ${fd}, which is the reader's from now on, also on failure:
 * only its header. NULL with a message.
 */
struct pd_snapshot_reader *pd_snapshot_open(
    int fd, const struct pd_snapshot_limits *limits, struct pd_err *err);
void pd_snapshot_close(struct pd_snapshot_reader *r);
const struct pd_snapshot_info *pd_snapshot_info(
    const struct pd_snapshot_reader *r);
/* Look at the headers of all blocks: once, before the first block is read. 0,
 * or -1 out of memory. */
int pd_snapshot_survey(struct pd_snapshot_reader *r);
/* Read the next block. NULL at the end; what cannot be read is passed over.
 * The caller frees it. */
struct pd_snapshot_block *pd_snapshot_next(struct pd_snapshot_reader *r);
void pd_snapshot_block_free(struct pd_snapshot_block *b);
/* Valid as long as the reader. */
const struct pd_snapshot_read_stats *pd_snapshot_read_stats(
    const struct pd_snapshot_reader *r);

#endif /* PD_CACHE_SNAPSHOT_H */
