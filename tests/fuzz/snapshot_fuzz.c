/*
 * Any bytes as a snapshot: the file as it is, and the bytes as the payload of a
 * block that passes every check, plain and packed. Every record that is found
 * lies within its block and can be written again to the same bytes.
 */
#define _GNU_SOURCE /* memfd_create */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "cache/snapshot.h"

#define SALT 42

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_record(const struct pd_snapshot_block *b, uint32_t at)
{
	struct pd_snapshot_record r, again;
	uint8_t *copy;
	size_t n, head;

	n = pd_snapshot_get_record(b->data.data + at, b->data.len - at, &r);
	assert(n > 0 && n <= b->data.len - at);
	head = pd_snapshot_record_size(&r);
	/* A cost or an expiry of 0 is not written. */
	assert(head + r.vlen <= n);
	if ((copy = malloc(head + r.vlen + 1)) == NULL)
		abort();
	pd_snapshot_put_record(copy, &r);
	memcpy(copy + head, r.value, r.vlen);
	assert(pd_snapshot_get_record(copy, head + r.vlen, &again) ==
	       head + r.vlen);
	assert(again.expiry == r.expiry && again.cost == r.cost &&
	       again.db == r.db && again.klen == r.klen &&
	       memcmp(again.key, r.key, r.klen) == 0 &&
	       memcmp(again.value, r.value, r.vlen) == 0 &&
	       memcmp(again.rank.gap, r.rank.gap, sizeof(r.rank.gap)) == 0 &&
	       again.rank.age == r.rank.age);
	free(copy);
}

static void
read_file(const uint8_t *p, size_t n)
{
	const struct pd_snapshot_limits limits = {
	    .bytes = 1 << 20, .objects = 1000, .max_value = 4096};
	const struct pd_snapshot_read_stats *s;
	struct pd_err err = PD_ERR_INIT;
	struct pd_snapshot_reader *r;
	struct pd_snapshot_block *b;
	const int fd = memfd_create("snapshot", 0);
	uint64_t records = 0;
	uint32_t i;

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	if ((r = pd_snapshot_open(fd, &limits, &err)) == NULL) {
		assert(err.msg[0] != '\0');
		return;
	}
	if (pd_snapshot_survey(r))
		abort();
	while ((b = pd_snapshot_next(r)) != NULL) {
		for (i = 0; i < b->records; i++)
			check_record(b, b->at[i]);
		records += b->records;
		pd_snapshot_block_free(b);
	}
	s = pd_snapshot_read_stats(r);
	assert(records <= 1000 && records <= s->records);
	assert(s->damaged_bytes <= n);
	pd_snapshot_close(r);
}

/* The bytes within a file that is right around them. */
static void
read_payload(const uint8_t *p, size_t n)
{
	const struct pd_snapshot_info info = {.shards = 1, .salt = SALT};
	struct pd_snapshot_head h = {.kind = PD_SNAPSHOT_KEYS};
	struct pd_buf b = PD_BUF_INIT;

	if (n < 8 || pd_buf_reserve(&b, 80 + n))
		return;
	h.packing = p[0] & 1;
	h.age = p[1];
	h.records = p[2];
	h.stored = (uint32_t)(n - 8);
	h.raw = h.packing == 0 ? h.stored
			       : (uint32_t)(p[4] | p[5] << 8 | p[6] << 16);
	h.hash = pd_hash64(p + 8, n - 8, SALT);
	pd_snapshot_put_info(b.data, &info);
	pd_snapshot_put_head(b.data + PD_SNAPSHOT_HEADER, &h, SALT);
	b.len = PD_SNAPSHOT_HEADER + PD_SNAPSHOT_HEAD;
	pd_buf_add(&b, p + 8, n - 8);
	read_file(b.data, b.len);
	pd_buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	read_file(p, n);
	read_payload(p, n);
	return 0;
}
