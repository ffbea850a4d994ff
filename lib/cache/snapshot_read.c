/*
 * Reading a snapshot. A survey of the headers comes first, so that blocks can
 * be read from the oldest to the newest and those that would not fit be left
 * out. Every length is held against the file's size and the limits before
 * anything is allocated.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/endian.h"
#include "base/err.h"
#include "base/hash.h"
#include "cache/snapshot.h"
#include "cache/store.h"

#define HEAD PD_SNAPSHOT_HEAD
#define PIECE 65536	 /* read at once in the search for a block */
#define PACKED_MOST 1032 /* bytes that zlib makes of one, at most */
#define A_KEY_COSTS 48	 /* about, besides its record's bytes */

/* Where a block is. */
struct place {
	uint64_t at; /* of its payload */
	struct pd_snapshot_head head;
};

struct pd_snapshot_reader {
	int fd;
	uint64_t size;
	struct pd_snapshot_limits limits;
	struct pd_snapshot_info info;
	struct pd_snapshot_read_stats stats;
	struct place *place;
	size_t places;
	size_t cap;
	size_t next; /* to be read */
};

/* ${n} bytes at ${at}; false when they are not there. */
static bool
read_at(const struct pd_snapshot_reader *r, uint64_t at, void *p, size_t n)
{
	uint8_t *to = p;
	ssize_t got;

	while (n > 0) {
		got = pread(r->fd, to, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return true;
}

struct pd_snapshot_reader *
pd_snapshot_open(
    int fd, const struct pd_snapshot_limits *limits, struct pd_err *err)
{
	struct pd_snapshot_reader *r = calloc(1, sizeof(*r));
	uint8_t head[PD_SNAPSHOT_HEADER];
	struct stat st;

	if (r == NULL) {
		close(fd);
		pd_err_nomem(err);
		return NULL;
	}
	r->fd = fd;
	r->limits = *limits;
	if (fstat(fd, &st)) {
		(void)pd_err_sys(err, "cannot look at it");
		goto err0;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)pd_err_set(err, "it is no regular file");
		goto err0;
	}
	r->size = (uint64_t)st.st_size;
	if (!read_at(r, 0, head, sizeof(head))) {
		(void)pd_err_set(err, "it has no whole header");
		goto err0;
	}
	if (pd_snapshot_get_info(head, &r->info, err))
		goto err0;
	return r;
err0:
	pd_snapshot_close(r);
	return NULL;
}

void
pd_snapshot_close(struct pd_snapshot_reader *r)
{
	if (r == NULL)
		return;
	close(r->fd);
	free(r->place);
	free(r);
}

const struct pd_snapshot_info *
pd_snapshot_info(const struct pd_snapshot_reader *r)
{
	return &r->info;
}

const struct pd_snapshot_read_stats *
pd_snapshot_read_stats(const struct pd_snapshot_reader *r)
{
	return &r->stats;
}

static void
note_flaw(struct pd_snapshot_reader *r, uint64_t at)
{
	if (r->stats.nflaws < PD_SNAPSHOT_FLAWS)
		r->stats.flaw[r->stats.nflaws++] = at;
}

/* Could a block with this header be one that was written? */
static bool
sensible(const struct pd_snapshot_reader *r, uint64_t at,
    const struct pd_snapshot_head *h)
{
	const uint64_t left = r->size - at - HEAD;
	uint64_t most =
	    r->limits.max_value + PD_KEY_MAX + PD_SNAPSHOT_RECORD_MOST;

	if (most < PD_SNAPSHOT_BLOCK_MOST)
		most = PD_SNAPSHOT_BLOCK_MOST;
	if (h->stored > left || h->raw > most || h->records > h->raw / 8)
		return false;
	return h->packing == PD_SNAPSHOT_PLAIN
		   ? h->raw == h->stored
		   : h->packing == PD_SNAPSHOT_ZLIB &&
			 h->raw / PACKED_MOST <= h->stored;
}

static int
add_place(
    struct pd_snapshot_reader *r, uint64_t at, const struct pd_snapshot_head *h)
{
	struct place *p;
	size_t cap;

	if (r->places == r->cap) {
		cap = r->cap == 0 ? 64 : r->cap * 2;
		if ((p = realloc(r->place, cap * sizeof(*p))) == NULL)
			return -1;
		r->place = p;
		r->cap = cap;
	}
	r->place[r->places++] = (struct place){at + HEAD, *h};
	r->stats.blocks++;
	r->stats.records += h->records;
	return 0;
}

/* The first block's header from ${at} on, or the file's size. */
static uint64_t
find_block(const struct pd_snapshot_reader *r, uint64_t at)
{
	uint8_t piece[PIECE];
	struct pd_snapshot_head h;
	size_t n, i;

	for (; at + HEAD <= r->size; at += n - HEAD + 1) {
		n = r->size - at < PIECE ? (size_t)(r->size - at) : PIECE;
		if (!read_at(r, at, piece, n))
			break;
		for (i = 0; i + HEAD <= n; i++)
			if (piece[i] == PD_SNAPSHOT_BLOCK_MAGIC[0] &&
			    pd_snapshot_get_head(piece + i, &h, r->info.salt))
				return at + i;
	}
	return r->size;
}

/* What is at ${at} is no block: go on behind it. */
static uint64_t
pass_damage(struct pd_snapshot_reader *r, uint64_t at)
{
	const uint64_t next = find_block(r, at + 1);

	note_flaw(r, at);
	r->stats.damaged++;
	r->stats.damaged_bytes += next - at;
	return next;
}

/* From the oldest to the newest, in the file's order within an age. */
static int
older_first(const void *a, const void *b)
{
	const struct place *p = a, *q = b;

	if (p->head.age != q->head.age)
		return p->head.age > q->head.age ? -1 : 1;
	return p->at < q->at ? -1 : p->at > q->at;
}

/* Begin with the oldest block that still fits. */
static void
leave_out(struct pd_snapshot_reader *r)
{
	const struct pd_snapshot_limits *l = &r->limits;
	const struct pd_snapshot_head *h;
	uint64_t bytes = 0, objects = 0;
	size_t i;

	for (i = r->places; i > 0; i--) {
		h = &r->place[i - 1].head;
		bytes += h->raw + (uint64_t)h->records * A_KEY_COSTS;
		objects += h->records;
		if ((l->bytes > 0 && bytes > l->bytes) ||
		    (l->objects > 0 && objects > l->objects))
			break;
	}
	for (r->next = 0; r->next < i; r->next++)
		r->stats.skipped += r->place[r->next].head.records;
}

/* The last block, whole? */
static bool
is_end(const struct pd_snapshot_reader *r, uint64_t at,
    const struct pd_snapshot_head *h)
{
	uint8_t end[PD_SNAPSHOT_END];

	return h->stored == sizeof(end) &&
	       read_at(r, at + HEAD, end, sizeof(end)) &&
	       pd_hash64(end, sizeof(end), r->info.salt) == h->hash;
}

int
pd_snapshot_survey(struct pd_snapshot_reader *r)
{
	uint64_t at = PD_SNAPSHOT_HEADER;
	uint8_t head[HEAD];
	struct pd_snapshot_head h;
	bool ended = false;

	while (!ended && at < r->size) {
		if (r->size - at < HEAD || !read_at(r, at, head, HEAD) ||
		    !pd_snapshot_get_head(head, &h, r->info.salt)) {
			at = pass_damage(r, at);
			continue;
		}
		if (h.kind == PD_SNAPSHOT_LAST) {
			if (!(ended = is_end(r, at, &h))) {
				at = pass_damage(r, at);
				continue;
			}
		} else if (sensible(r, at, &h)) {
			if (h.kind == PD_SNAPSHOT_KEYS && add_place(r, at, &h))
				return -1;
		} else {
			r->stats.lost += h.records;
			if (h.stored > r->size - at - HEAD) {
				/* Cut off, or what is behind is not known. */
				at = pass_damage(r, at);
				continue;
			}
			note_flaw(r, at);
		}
		at += HEAD + (uint64_t)h.stored;
	}
	r->stats.torn = !ended;
	if (r->places > 0)
		qsort(r->place, r->places, sizeof(*r->place), older_first);
	leave_out(r);
	return 0;
}

/* Unpack in place. 0 or -1. */
static int
unpack(struct pd_buf *b, uint32_t raw)
{
	struct pd_buf out = PD_BUF_INIT;
	uLongf n = raw;

	if (pd_buf_reserve(&out, raw > 0 ? raw : 1))
		return -1;
	if (uncompress(out.data, &n, b->data, (uLong)b->len) != Z_OK ||
	    n != raw) {
		pd_buf_release(&out);
		return -1;
	}
	out.len = raw;
	pd_buf_release(b);
	*b = out;
	return 0;
}

struct aged {
	uint32_t at;
	uint32_t age;
};

static int
older_record(const void *a, const void *b)
{
	const struct aged *p = a, *q = b;

	if (p->age != q->age)
		return p->age > q->age ? -1 : 1;
	return p->at < q->at ? -1 : p->at > q->at;
}

/* Find the records, and put them in order. 0, or -1: they are not as the
 * header says. */
static int
list_records(struct pd_snapshot_block *b)
{
	struct aged *list;
	struct pd_snapshot_record rec;
	size_t at = 0, n;
	uint32_t i;

	list = malloc(((size_t)b->records + 1) * sizeof(*list));
	b->at = malloc(((size_t)b->records + 1) * sizeof(*b->at));
	if (list == NULL || b->at == NULL)
		goto err0;
	for (i = 0; i < b->records; i++) {
		n = pd_snapshot_get_record(
		    b->data.data + at, b->data.len - at, &rec);
		if (n == 0)
			goto err0;
		list[i].at = (uint32_t)at;
		list[i].age = rec.ranked ? rec.rank.age : UINT32_MAX;
		at += n;
	}
	if (at != b->data.len)
		goto err0;
	qsort(list, b->records, sizeof(*list), older_record);
	for (i = 0; i < b->records; i++)
		b->at[i] = list[i].at;
	free(list);
	return 0;
err0:
	free(list);
	return -1;
}

/* A large value gets memory that the store can take over: this thread, and not
 * the one that serves, is to copy it. Without memory it stays where it is. */
static void
move_large(struct pd_snapshot_block *b)
{
	struct pd_snapshot_record r;

	if (b->records != 1 || b->data.len < PD_SNAPSHOT_BLOCK ||
	    pd_snapshot_get_record(b->data.data, b->data.len, &r) == 0 ||
	    (b->large = pd_store_value_new(r.klen, r.vlen)) == NULL)
		return;
	memcpy(b->large, r.value, r.vlen);
	b->large_key = r.klen;
}

static struct pd_snapshot_block *
read_block(const struct pd_snapshot_reader *r, const struct place *p)
{
	const struct pd_snapshot_head *h = &p->head;
	struct pd_snapshot_block *b = calloc(1, sizeof(*b));

	if (b == NULL ||
	    pd_buf_reserve(&b->data, h->stored > 0 ? h->stored : 1))
		goto err0;
	b->records = h->records;
	b->age = h->age;
	if (!read_at(r, p->at, b->data.data, h->stored) ||
	    pd_hash64(b->data.data, h->stored, r->info.salt) != h->hash)
		goto err0;
	b->data.len = h->stored;
	if (h->packing == PD_SNAPSHOT_ZLIB && unpack(&b->data, h->raw))
		goto err0;
	if (list_records(b))
		goto err0;
	move_large(b);
	return b;
err0:
	pd_snapshot_block_free(b);
	return NULL;
}

struct pd_snapshot_block *
pd_snapshot_next(struct pd_snapshot_reader *r)
{
	struct pd_snapshot_block *b;
	const struct place *p;

	while (r->next < r->places) {
		p = &r->place[r->next++];
		if ((b = read_block(r, p)) != NULL)
			return b;
		r->stats.lost += p->head.records;
		note_flaw(r, p->at - HEAD);
	}
	return NULL;
}

void
pd_snapshot_block_free(struct pd_snapshot_block *b)
{
	if (b == NULL)
		return;
	pd_store_value_free(b->large, b->large_key);
	pd_buf_release(&b->data);
	free(b->at);
	free(b);
}
